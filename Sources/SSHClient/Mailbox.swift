// Selfheal
// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Glibc
internal import Synchronization

/// What other threads tell the driver.
enum Letter: Sendable {
    case run(CommandRequest)
    case cancel(CommandTicket)
    case prepared(SSHHost, Result<PreparedHost, SSHError>)
    /// What an agent answered to the connection of that number.
    case signed(UInt64, Result<[UInt8], SSHAgent.Failure>)
    /// A piece of a task that prefers the driver's thread.
    case work(UnownedJob)
    case shutDown
}

/// The driver's letter box: any thread posts, the driver alone empties it.
///
/// Commands in it are limited by ``SSHClient/Configuration/commandLimit``; of the other letters there can be no
/// more than one for each command or host.
final class Mailbox: Sendable {
    fileprivate struct State {
        var letters: [Letter] = []
        var isClosed = false
        /// Whether the driver will look into the box before it sleeps again; then nobody has to ring.
        var isAwake = false
        var isRung = false
        var unfinishedCommands = 0
        /// Resumed once the driver has let go of everything.
        var awaitingEnd: [CheckedContinuation<Void, Never>] = []
        var hasEnded = false
        var counters = SSHCounters()
    }

    enum Refusal {
        case full
        case closed
    }

    private enum Entry {
        case taken(mustRing: Bool)
        case refused(Refusal)
    }

    private let state = Mutex(State())
    private let event: OwnedDescriptor

    init?() {
        let event = OwnedDescriptor(number: eventfd(0, CInt(bitPattern: UInt32(EFD_CLOEXEC | EFD_NONBLOCK))))
        guard event.number >= 0 else { return nil }
        self.event = event
    }

    /// Readable while there is a letter.
    var descriptor: CInt { self.event.number }

    func submit(_ request: CommandRequest, limit: Int) -> Refusal? {
        let entry: Entry = self.state.withLock { state in
            guard !state.isClosed else { return .refused(.closed) }
            guard state.unfinishedCommands < limit else { return .refused(.full) }
            state.unfinishedCommands += 1
            return .taken(mustRing: state.put(.run(request)))
        }
        switch entry {
        case .refused(let refusal): return refusal
        case .taken(let mustRing):
            self.ring(mustRing)
            return nil
        }
    }

    func post(_ letter: Letter) {
        self.ring(self.state.withLock { $0.isClosed ? false : $0.put(letter) })
    }

    /// Has the driver's thread carry out a piece of a task.
    ///
    /// - Returns: whether it will; it does so until it ends, even when nothing else is accepted any more.
    func post(_ job: UnownedJob) -> Bool {
        let mustRing: Bool? = self.state.withLock { $0.hasEnded ? nil : $0.put(.work(job)) }
        self.ring(mustRing ?? false)
        return mustRing != nil
    }

    /// Asks the driver to end; nothing is accepted any more.
    func close() {
        let mustRing = self.state.withLock { state in
            guard !state.isClosed else { return false }
            state.isClosed = true
            return state.put(.shutDown)
        }
        self.ring(mustRing)
    }

    func waitForEnd() async {
        await withCheckedContinuation { continuation in
            let hasEnded = self.state.withLock { state in
                if !state.hasEnded {
                    state.awaitingEnd.append(continuation)
                }
                return state.hasEnded
            }
            if hasEnded {
                continuation.resume()
            }
        }
    }

    var counters: SSHCounters { self.state.withLock { $0.counters } }

    // What follows is for the driver.

    /// What has come since; from now on nobody rings, until ``mayRest()`` is asked.
    func takeAll() -> [Letter] {
        self.state.withLock { state in
            state.isAwake = true
            state.isRung = false
            defer { state.letters = [] }
            return state.letters
        }
    }

    /// Has the bell fall silent; the letters of whoever rang are in the box.
    func hearBell() {
        var rings: UInt64 = 0
        unsafe read(self.event.number, &rings, MemoryLayout<UInt64>.size)
    }

    /// Whether the box is empty: whoever puts something in from now on will ring.
    func mayRest() -> Bool {
        self.state.withLock { state in
            state.isAwake = !state.letters.isEmpty
            return !state.isAwake
        }
    }

    func commandFinished() {
        self.state.withLock { $0.unfinishedCommands -= 1 }
    }

    func count(_ change: (inout SSHCounters) -> Void) {
        self.state.withLock { change(&$0.counters) }
    }

    /// - Returns: what came too late to be read.
    func ended() -> [Letter] {
        let (waiting, unread) = self.state.withLock { state in
            state.hasEnded = true
            defer {
                state.awaitingEnd = []
                state.letters = []
            }
            return (state.awaitingEnd, state.letters)
        }
        for continuation in waiting {
            continuation.resume()
        }
        return unread
    }

    private func ring(_ isNeeded: Bool) {
        guard isNeeded else { return }
        var one: UInt64 = 1
        unsafe write(self.event.number, &one, MemoryLayout<UInt64>.size)
    }
}

extension Mailbox.State {
    /// - Returns: whether the driver sleeps, and nobody has rung yet.
    fileprivate mutating func put(_ letter: Letter) -> Bool {
        self.letters.append(letter)
        guard !self.isAwake, !self.isRung else { return false }
        self.isRung = true
        return true
    }
}
