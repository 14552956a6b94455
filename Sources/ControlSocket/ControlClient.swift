// Selfheal
// SPDX-License-Identifier: Apache-2.0

internal import Dispatch
internal import Glibc
internal import Synchronization

/// A command's side of the control socket.
///
/// One request at a time; a second one waits for the first. Waiting happens on a queue of the client's own.
/// After a time-out, a cancellation or a stream that was left early, what still comes would be taken for the next
/// answer, so the connection is closed and the client of no further use.
package final class ControlClient: Sendable {
    private enum State {
        case ready
        /// A reply is being read, frame by frame.
        case following
        case closed
    }

    package let path: String
    private let descriptor: Int32
    private let limits: ControlLimits
    private let queue = DispatchQueue(label: "selfheal.control.client")
    private let state = Mutex(State.ready)
    private let incoming: Mutex<FrameBuffer>

    private init(path: String, descriptor: Int32, limits: ControlLimits) {
        self.path = path
        self.descriptor = descriptor
        self.limits = limits
        self.incoming = Mutex(FrameBuffer(limit: limits.frameBytes))
    }

    deinit {
        Glibc.close(self.descriptor)
    }

    /// Connects to the engine that listens at a path, or says why there is none.
    package static func connect(
        path: String,
        limits: ControlLimits = ControlLimits()
    ) throws(ControlError) -> ControlClient {
        let descriptor = try UnixSocket.make()
        let client = ControlClient(path: path, descriptor: descriptor, limits: limits)
        switch try UnixSocket.connect(descriptor, to: path) {
        case 0:
            return client
        case ENOENT, ENOTDIR:
            throw ControlError(.noEngine, "no engine is running: there is no control socket \(path)")
        case ECONNREFUSED:
            throw ControlError(.staleSocket, "no engine is running: nobody listens at \(path), its engine has ended")
        case EACCES, EPERM:
            throw ControlError(
                .forbidden,
                "\(path) is not open to you; run this as the user of the engine, or as a member of the group that 'store.group' names"
            )
        case EAGAIN:
            throw ControlError(.refused, "the engine at \(path) has too many clients waiting; try again")
        case let number:
            throw .system("cannot connect to \(path)", number)
        }
    }

    /// Sends a request and waits for its one answer.
    package func request(_ body: [UInt8], timeout: Duration) async throws(ControlError) -> [UInt8] {
        let deadline = ContinuousClock.now + timeout
        return try await self.perform { () throws(ControlError) in
            try self.begin(body, until: deadline)
            guard let reply = try self.nextFrame(until: deadline), try self.nextFrame(until: deadline) == nil else {
                throw ControlError(.malformed, "the engine at \(self.path) did not send exactly one answer")
            }
            return reply
        }
    }

    /// Sends a request whose answer may have any number of parts and take any time.
    package func stream(_ body: [UInt8], timeout: Duration) async throws(ControlError) -> ControlReplies {
        let deadline = ContinuousClock.now + timeout
        try await self.perform { () throws(ControlError) in try self.begin(body, until: deadline) }
        return ControlReplies(client: self)
    }

    /// Hangs up; whoever waits for an answer gets an error.
    package func close() {
        self.state.withLock { $0 = .closed }
        // Not `close`: the descriptor's number must stay ours for as long as a call may be using it.
        shutdown(self.descriptor, Int32(SHUT_RDWR))
    }

    func next() async throws(ControlError) -> [UInt8]? {
        try await self.perform { () throws(ControlError) in try self.nextFrame(until: nil) }
    }

    /// Runs a blocking exchange on the client's queue, and closes the connection if it fails.
    private func perform<Value: Sendable>(
        _ body: @escaping @Sendable () throws(ControlError) -> Value
    ) async throws(ControlError) -> Value {
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation { (continuation: CheckedContinuation<Result<Value, ControlError>, Never>) in
                self.queue.async { continuation.resume(returning: Result(catching: body)) }
            }
        } onCancel: {
            self.close()
        }
        if case .failure = result {
            self.close()
            if Task.isCancelled {
                throw ControlError(.cancelled, "the request to \(self.path) was cancelled before it was answered")
            }
        }
        return try result.get()
    }
}

// MARK: - On the client's queue

extension ControlClient {
    private func begin(_ body: [UInt8], until deadline: ContinuousClock.Instant) throws(ControlError) {
        guard (1...self.limits.requestBytes).contains(body.count) else {
            throw ControlError(
                .refused,
                "a request of \(body.count) bytes; 1 to \(self.limits.requestBytes) can be sent"
            )
        }
        let isReady = self.state.withLock { state in
            guard case .ready = state else {
                return false
            }
            state = .following
            return true
        }
        guard isReady else {
            throw ControlError(.engineGone, "the connection to \(self.path) was given up earlier; connect anew")
        }
        try self.transmit(ControlFrame.body(body).bytes, until: deadline)
    }

    private func transmit(_ bytes: [UInt8], until deadline: ContinuousClock.Instant) throws(ControlError) {
        var rest = bytes[...]
        while !rest.isEmpty {
            switch UnixSocket.send(rest, to: self.descriptor) {
            case .moved(let count):
                rest = rest.dropFirst(count)
            case .wouldBlock:
                guard UnixSocket.wait(for: self.descriptor, toWrite: true, until: deadline) else {
                    throw self.timedOut()
                }
            case .ended:
                // The engine may have hung up because it would not take the request: then it has said why.
                return
            }
        }
    }

    /// The next part of the reply; `nil` at its end.
    private func nextFrame(until deadline: ContinuousClock.Instant?) throws(ControlError) -> [UInt8]? {
        var piece = [UInt8](repeating: 0, count: UnixSocket.pieceBytes)
        while true {
            if let frame = try self.incoming.withLock({ (buffer) throws(ControlError) in try buffer.next() }) {
                return try self.accept(frame)
            }
            switch UnixSocket.receive(into: &piece, from: self.descriptor) {
            case .moved(let count):
                self.incoming.withLock { $0.append(piece[..<count]) }
            case .wouldBlock:
                guard UnixSocket.wait(for: self.descriptor, toWrite: false, until: deadline) else {
                    throw self.timedOut()
                }
            case .ended:
                throw ControlError(
                    .engineGone,
                    "the engine at \(self.path) ended before it had answered; what was asked may or may not have happened"
                )
            }
        }
    }

    private func accept(_ frame: ControlFrame) throws(ControlError) -> [UInt8]? {
        switch frame {
        case .body(let body):
            return body
        case .end:
            self.state.withLock { state in
                if case .following = state {
                    state = .ready
                }
            }
            return nil
        case .refusal(let message):
            throw ControlError(.refused, message)
        }
    }

    private func timedOut() -> ControlError {
        ControlError(
            .timedOut,
            "the engine at \(self.path) did not answer in time; what was asked may or may not have happened"
        )
    }
}

/// The parts of one reply, as they come.
///
/// Ends when the engine says so; if the engine is gone before, that is an error. Cancelling the task that iterates
/// closes the connection.
package struct ControlReplies: AsyncSequence, Sendable {
    package typealias Element = [UInt8]
    package typealias Failure = ControlError

    package struct AsyncIterator: AsyncIteratorProtocol {
        fileprivate let client: ControlClient
        fileprivate var isAtEnd = false

        package mutating func next() async throws(ControlError) -> [UInt8]? {
            try await self.next(isolation: #isolation)
        }

        package mutating func next(isolation actor: isolated (any Actor)?) async throws(ControlError) -> [UInt8]? {
            guard !self.isAtEnd else {
                return nil
            }
            let part = try await self.client.next()
            self.isAtEnd = part == nil
            return part
        }
    }

    fileprivate let client: ControlClient

    package func makeAsyncIterator() -> AsyncIterator {
        AsyncIterator(client: self.client)
    }
}
