// Selfheal
// SPDX-License-Identifier: Apache-2.0

internal import Synchronization

/// Lets a waiting caller and its command find each other when the caller is cancelled.
final class CommandTicket: Sendable {
    private let cancelled = Atomic(false)

    var isCancelled: Bool { self.cancelled.load(ordering: .acquiring) }

    func cancel() {
        self.cancelled.store(true, ordering: .releasing)
    }
}

/// What a caller asks for.
struct CommandRequest: Sendable {
    let ticket: CommandTicket
    let host: SSHHost
    let text: [UInt8]
    let standardInput: [UInt8]
    let submittedAt: BootTime
    let deadline: BootTime
    /// For each stream.
    let outputLimit: Int
    let onOutput: (@Sendable (SSHOutputChunk) -> Void)?
    let continuation: CheckedContinuation<Result<SSHCommandResult, SSHError>, Never>
}

/// A command from the moment the driver has it until its caller has the result.
///
/// Lives on the driver's thread. Whatever happens, exactly one of ``finish(with:)``'s calls wins.
final class Command: Sleeper {
    /// How long output may be silent after the command has ended before we stop waiting for the rest.
    ///
    /// A program that the command left running may hold its output open for ever.
    static let silenceAfterEnd = Duration.milliseconds(500)

    let id: DeadlineQueue.SleeperID
    let request: CommandRequest
    unowned let pool: HostPool
    private unowned let driver: Driver

    /// The promise that ``SSHError/commandMayHaveStarted`` makes.
    var mayHaveStarted = false
    /// How often a server had no channel for it.
    var timesRefused = 0
    /// Whether it was already moved once from a connection that died.
    var wasMoved = false
    weak var session: Session?

    private(set) var isFinished = false
    private(set) var standardOutput: [UInt8] = []
    private(set) var standardError: [UInt8] = []
    private(set) var outputTruncated = false
    private var inputSent = 0
    private var unshown: [SSHOutputChunk] = []
    private var giveUpOutputAt: BootTime?
    private var hasNewOutput = false

    init(_ request: CommandRequest, id: DeadlineQueue.SleeperID, pool: HostPool, driver: Driver) {
        self.request = request
        self.id = id
        self.pool = pool
        self.driver = driver
    }

    // MARK: Output and input

    /// Called by libssh for each packet.
    func receive(_ bytes: UnsafeRawBufferPointer, on stream: SSHOutputChunk.Stream) {
        self.hasNewOutput = true
        let kept: [UInt8]
        switch stream {
        case .standardOutput:
            kept = unsafe self.keep(bytes, in: &self.standardOutput)
        case .standardError:
            kept = unsafe self.keep(bytes, in: &self.standardError)
        }
        guard self.request.onOutput != nil, !kept.isEmpty else { return }
        if let last = self.unshown.indices.last, self.unshown[last].stream == stream {
            self.unshown[last].bytes += kept
        } else {
            self.unshown.append(SSHOutputChunk(stream: stream, bytes: kept))
        }
    }

    private func keep(_ bytes: UnsafeRawBufferPointer, in buffer: inout [UInt8]) -> [UInt8] {
        let room = max(self.request.outputLimit - buffer.count, 0)
        let kept = unsafe bytes.prefix(room)
        if unsafe kept.count < bytes.count {
            self.outputTruncated = true
        }
        unsafe buffer.append(contentsOf: kept)
        return self.request.onOutput == nil ? [] : unsafe Array(kept)
    }

    /// Shows what has arrived, outside of libssh's callbacks.
    func showOutput() {
        guard let onOutput = self.request.onOutput, !self.unshown.isEmpty else { return }
        let chunks = self.unshown
        self.unshown = []
        for chunk in chunks {
            onOutput(chunk)
        }
    }

    var hasInputLeft: Bool { self.inputSent < self.request.standardInput.count }

    /// Sends input until the server's window is full; returns `true` when there is no more to send.
    func sendInput(over channel: Channel) {
        while self.hasInputLeft {
            let rest = self.request.standardInput[self.inputSent...].prefix(Self.inputPieceLimit)
            guard let count = channel.write(rest) else {
                // The command does not read it; how it ends is what counts.
                self.inputSent = self.request.standardInput.count
                break
            }
            guard count > 0 else { return }
            self.inputSent += count
        }
        channel.sendEnd()
    }

    /// One packet's worth, so that libssh does not cut it up again.
    private static let inputPieceLimit = 32_768

    // MARK: Time

    var wakeAt: BootTime? {
        guard !self.isFinished else { return nil }
        return min(self.request.deadline, self.giveUpOutputAt ?? self.request.deadline)
    }

    func wake(now: BootTime) {
        if let session = self.session {
            session.timeIsUp(for: self, now: now)
        } else {
            self.pool.timeIsUp(for: self)
        }
    }

    /// Notes that the command has ended while its output is still open.
    func awaitRestOfOutput(now: BootTime) {
        guard self.giveUpOutputAt == nil || self.hasNewOutput else { return }
        self.hasNewOutput = false
        self.giveUpOutputAt = now + Self.silenceAfterEnd
        self.driver.schedule(self.id)
    }

    // MARK: The end

    func finish(with result: Result<SSHCommandResult, SSHError>) {
        guard !self.isFinished else { return }
        self.isFinished = true
        self.session = nil
        self.showOutput()
        self.driver.forget(self)
        self.request.continuation.resume(returning: result)
    }

    /// Whatever an error's author thought, the truth about the request comes from here.
    func fail(_ error: SSHError) {
        var error = error
        error.commandMayHaveStarted = self.mayHaveStarted
        self.finish(with: .failure(error))
    }

    func succeed(with channel: Channel, outputIsComplete: Bool) {
        self.finish(
            with: .success(
                SSHCommandResult(
                    exitStatus: channel.signal == nil ? channel.exitStatus : nil,
                    signal: channel.signal,
                    standardOutput: self.standardOutput,
                    standardError: self.standardError,
                    outputTruncated: self.outputTruncated || !outputIsComplete,
                    duration: BootTime.now() - self.request.submittedAt
                )
            )
        )
    }

    func failByTime(in phase: SSHError.Phase) {
        let label = self.request.host.label
        let limit = (self.request.deadline - self.request.submittedAt).inSeconds
        let what =
            switch phase {
            case .queue: "waited \(limit) for a free connection to \(label); other commands hold them all"
            case .resolve: "the name of \(label) did not resolve within \(limit); check DNS"
            case .connect: "\(label) did not answer within \(limit); check that it is up and the port reachable"
            case .handshake: "\(label) accepted the connection but did not finish its greeting within \(limit)"
            case .authenticate: "\(label) did not say within \(limit) whether our key is good"
            case .open: "\(label) is connected but gave the command no channel within \(limit); its sshd hangs"
            case .command: "the command on \(label) did not end within \(limit); it may still be running there"
            }
        self.fail(SSHError(.timedOut(phase), what))
    }
}
