// Selfheal
// SPDX-License-Identifier: Apache-2.0

import CLinux
import Synchronization

/// Says to the driver, before or after it has seen the job, that nobody waits any more.
final class CancellationFlag: Sendable {
    private let flag = Atomic(false)

    var isSet: Bool { self.flag.load(ordering: .acquiring) }

    func set() {
        self.flag.store(true, ordering: .releasing)
    }
}

/// A number for each call into the driver, never used twice.
struct JobID: Hashable, Sendable {
    let rawValue: UInt64
}

/// Names an open socket of the driver.
///
/// The generation changes each time a place is used again, so that an event or a command meant for a closed socket can
/// never reach the one that took its file descriptor.
struct SocketToken: Hashable, Sendable {
    let index: UInt32
    let generation: UInt32
}

/// What other threads ask of the driver.
enum DriverCommand: Sendable {
    case begin(JobRequest)
    case cancel(JobID)
    case close(SocketToken)
    case lookedUp(JobID, NameLookup)
}

/// One piece of work, handed over whole.
struct JobRequest: Sendable {
    enum Place: Sendable {
        case address(SocketAddress)
        case name(String, port: UInt16)
        case open(SocketToken)
    }

    let id: JobID
    let place: Place
    let send: [UInt8]
    let readLimit: Int
    let until: SocketExchange.End
    let submitted: MonotonicTime
    let deadline: MonotonicTime
    /// Whether the socket outlives a completed job.
    let keepsSocket: Bool
    let cancellation: CancellationFlag
    let continuation: CheckedContinuation<JobResult, Never>
}

struct JobResult: Sendable {
    var reply: SocketReply
    /// The open socket, if the job asked to keep it and completed.
    var token: SocketToken?
}

/// The one way from other threads to the driver.
///
/// New jobs are limited; cancellations and the rest are not counted, since each belongs to a job that was.
final class DriverInbox: Sendable {
    enum Refusal: Sendable {
        case full
        case shutDown
    }

    struct Batch {
        var commands: [DriverCommand]
        var isClosing: Bool
    }

    private struct State {
        var commands: [DriverCommand] = []
        /// Set from the first command until the driver takes them, so that a burst costs one wake.
        var isWoken = false
        var outstanding = 0
        var isClosing = false
        var hasEnded = false
        var waitingForEnd: [CheckedContinuation<Void, Never>] = []
    }

    private let state = Mutex(State())
    private let outstandingLimit: Int
    /// Readable when there is something to take.
    ///
    /// Closed together with the inbox, so that late callers never write to a reused number.
    let wakeDescriptor: Int32

    init(outstandingLimit: Int) throws(ProbeError) {
        self.outstandingLimit = outstandingLimit
        self.wakeDescriptor = eventfd(0, Int32(EFD_NONBLOCK | EFD_CLOEXEC))
        guard self.wakeDescriptor >= 0 else {
            throw ProbeError(
                .resourceExhausted,
                "cannot create an eventfd for probing: \(systemErrorText(clinux_errno()))"
            )
        }
    }

    deinit {
        if self.wakeDescriptor >= 0 { CLinux.close(self.wakeDescriptor) }
    }

    /// Hands over a job, or says at once why it cannot be taken.
    func submit(_ request: JobRequest) -> Refusal? {
        self.state.withLock { state in
            guard !state.isClosing else { return .shutDown }
            guard state.outstanding < self.outstandingLimit else { return .full }
            state.outstanding += 1
            self.add(.begin(request), to: &state)
            return nil
        }
    }

    func post(_ command: DriverCommand) {
        self.state.withLock { state in
            guard !state.isClosing else { return }
            self.add(command, to: &state)
        }
    }

    /// Asks the driver to end everything; more calls change nothing.
    func close() {
        self.state.withLock { state in
            guard !state.isClosing else { return }
            state.isClosing = true
            self.wake(&state)
        }
    }

    /// Waits until the driver has closed its sockets and answered every job.
    func waitForEnd() async {
        await withCheckedContinuation { continuation in
            let hasEnded = self.state.withLock { state in
                if !state.hasEnded { state.waitingForEnd.append(continuation) }
                return state.hasEnded
            }
            if hasEnded { continuation.resume() }
        }
    }

    // MARK: For the driver's thread

    /// Takes what has come, and gives back the places of jobs that are finished.
    func take(finished: Int) -> Batch {
        self.state.withLock { state in
            state.outstanding -= finished
            state.isWoken = false
            let commands = state.commands
            state.commands = []
            return Batch(commands: commands, isClosing: state.isClosing)
        }
    }

    func markEnded() {
        let waiting = self.state.withLock { state in
            state.hasEnded = true
            let waiting = state.waitingForEnd
            state.waitingForEnd = []
            return waiting
        }
        for continuation in waiting { continuation.resume() }
    }

    private func add(_ command: DriverCommand, to state: inout State) {
        state.commands.append(command)
        self.wake(&state)
    }

    private func wake(_ state: inout State) {
        guard !state.isWoken else { return }
        state.isWoken = true
        // Fails only when the counter is full, and then the driver is awake anyway.
        _ = eventfd_write(self.wakeDescriptor, 1)
    }
}
