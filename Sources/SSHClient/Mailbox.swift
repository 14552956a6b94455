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
    case shutDown
}

/// The driver's letter box: any thread posts, the driver alone empties it.
///
/// Commands in it are limited by ``SSHClient/Configuration/commandLimit``; of the other letters there can be no
/// more than one for each command or host.
final class Mailbox: Sendable {
    private struct State {
        var letters: [Letter] = []
        var isClosed = false
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
        let refusal: Refusal? = self.state.withLock { state in
            guard !state.isClosed else { return .closed }
            guard state.unfinishedCommands < limit else { return .full }
            state.unfinishedCommands += 1
            state.letters.append(.run(request))
            return nil
        }
        if refusal == nil {
            self.ring()
        }
        return refusal
    }

    func post(_ letter: Letter) {
        let isOpen = self.state.withLock { state in
            guard !state.isClosed else { return false }
            state.letters.append(letter)
            return true
        }
        if isOpen {
            self.ring()
        }
    }

    /// Asks the driver to end; nothing is accepted any more.
    func close() {
        let isFirst = self.state.withLock { state in
            guard !state.isClosed else { return false }
            state.isClosed = true
            state.letters.append(.shutDown)
            return true
        }
        if isFirst {
            self.ring()
        }
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

    func takeAll() -> [Letter] {
        var rings: UInt64 = 0
        unsafe read(self.event.number, &rings, MemoryLayout<UInt64>.size)
        return self.state.withLock { state in
            let letters = state.letters
            state.letters.removeAll(keepingCapacity: true)
            return letters
        }
    }

    func commandFinished() {
        self.state.withLock { $0.unfinishedCommands -= 1 }
    }

    func count(_ change: (inout SSHCounters) -> Void) {
        self.state.withLock { change(&$0.counters) }
    }

    func ended() {
        let waiting = self.state.withLock { state in
            state.hasEnded = true
            defer { state.awaitingEnd = [] }
            return state.awaitingEnd
        }
        for continuation in waiting {
            continuation.resume()
        }
    }

    private func ring() {
        var one: UInt64 = 1
        unsafe write(self.event.number, &one, MemoryLayout<UInt64>.size)
    }
}
