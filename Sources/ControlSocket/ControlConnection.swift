// Selfheal
// SPDX-License-Identifier: Apache-2.0

internal import Dispatch
internal import Glibc

/// One client, at the engine's side.
///
/// ```
///     naming ──▶ reading ──request──▶ answering ──end sent──▶ reading …
///        │          │                     │
///        └──────────┴─────────────────────┴──▶ closed   (hang-up, deadline, malformed, server stopped)
/// ```
///
/// One request at a time: bytes that arrive while an answer is due are a client that does not keep to the protocol.
/// `@unchecked Sendable`: everything mutable is touched on `queue` alone, which is serial.
final class ControlConnection: @unchecked Sendable {
    private enum Phase {
        /// The peer's name is being looked up, which may block and so happens elsewhere.
        case naming
        case reading
        case answering(Task<Void, Never>)
        /// What is in the outbox is sent, and then the connection is closed.
        case leaving
        case closed
    }

    private let descriptor: Int32
    private let queue: DispatchQueue
    private let limits: ControlLimits
    private let handler: ControlServer.Handler
    private let readSource: any DispatchSourceRead
    private let writeSource: any DispatchSourceWrite
    private var onClose: () -> Void = {}
    private var phase = Phase.naming
    private var incoming: FrameBuffer
    private var outbox: [UInt8] = []
    private var sent = 0
    /// A dispatch source starts suspended, and may only be let go when it is not.
    private var isReadSuspended = true
    private var isWriteSuspended = true
    private var deadline: ContinuousClock.Instant?
    /// Whoever produces frames and waits for the outbox to drain; told whether to go on.
    private var producer: CheckedContinuation<Bool, Never>?
    private var isStreaming = false
    private var piece = [UInt8](repeating: 0, count: UnixSocket.pieceBytes)
    private var peer: ControlPeer?

    init(_ descriptor: Int32, queue: DispatchQueue, limits: ControlLimits, handler: @escaping ControlServer.Handler) {
        self.descriptor = descriptor
        self.queue = queue
        self.limits = limits
        self.handler = handler
        self.incoming = FrameBuffer(limit: limits.requestBytes)
        self.readSource = DispatchSource.makeReadSource(fileDescriptor: descriptor, queue: queue)
        self.writeSource = DispatchSource.makeWriteSource(fileDescriptor: descriptor, queue: queue)
    }

    func start(onClose: @escaping () -> Void) {
        self.onClose = onClose
        self.readSource.setEventHandler { [weak self] in self?.receive() }
        self.writeSource.setEventHandler { [weak self] in self?.transmit() }
        self.deadline = .now + self.limits.requestTime
        DispatchQueue.global().async {
            let peer = try? ControlPeer(of: self.descriptor)
            self.queue.async { self.named(peer) }
        }
    }

    private func named(_ peer: ControlPeer?) {
        guard case .naming = self.phase else {
            return
        }
        guard let peer else {
            self.close()
            return
        }
        self.peer = peer
        self.phase = .reading
        self.isReadSuspended = false
        self.readSource.resume()
    }

    func closeIfLate(_ now: ContinuousClock.Instant) {
        if let deadline = self.deadline, now >= deadline {
            self.close()
        }
    }

    /// Whether the client waits for an answer of which not all is sent; a stream that never ends owes none.
    var owesAnswer: Bool {
        switch self.phase {
        case .answering: !self.isStreaming
        case .leaving: true
        case .reading: !self.outbox.isEmpty
        case .naming, .closed: false
        }
    }

    private func cancelHandler() {
        if case .answering(let task) = self.phase {
            task.cancel()
        }
    }

    func close() {
        if case .closed = self.phase {
            return
        }
        self.cancelHandler()
        self.phase = .closed
        self.deadline = nil
        self.producer?.resume(returning: false)
        self.producer = nil
        // The number may be reused as soon as it is closed, so both sources must be done with it first.
        let (descriptor, group) = (self.descriptor, DispatchGroup())
        for source in [self.readSource, self.writeSource] as [any DispatchSourceProtocol] {
            group.enter()
            source.setCancelHandler { group.leave() }
            source.cancel()
        }
        if self.isReadSuspended {
            self.readSource.resume()
        }
        if self.isWriteSuspended {
            self.writeSource.resume()
        }
        group.notify(queue: self.queue) { Glibc.close(descriptor) }
        self.onClose()
    }
}

// MARK: - Requests

extension ControlConnection {
    private func receive() {
        switch UnixSocket.receive(into: &self.piece, from: self.descriptor) {
        case .wouldBlock: break
        case .ended: self.close()
        case .moved(let count): self.take(self.piece[..<count])
        }
    }

    private func take(_ bytes: ArraySlice<UInt8>) {
        switch self.phase {
        case .naming, .closed, .leaving: break
        case .answering: self.close()
        case .reading:
            self.incoming.append(bytes)
            do {
                if let frame = try self.incoming.next() {
                    self.begin(frame)
                }
            } catch {
                self.refuse(error.message)
            }
        }
    }

    private func begin(_ frame: ControlFrame) {
        guard case .body(let body) = frame, self.incoming.isEmpty, let peer = self.peer else {
            self.refuse("a request must be one message that is not empty, and the next follows its answer")
            return
        }
        self.deadline = nil
        self.isStreaming = false
        let handler = self.handler
        self.phase = .answering(
            Task {
                switch await handler(ControlRequest(body: body), peer) {
                case .single(let reply):
                    _ = await self.send(reply)
                case .stream(let replies):
                    self.queue.async { self.isStreaming = true }
                    // Not left early: whoever ends the connection cancels this task, and asking a stream for its
                    // next element in a cancelled task is what tells its producer.
                    for await reply in replies {
                        _ = await self.send(reply)
                    }
                }
                self.queue.async { self.finish() }
            }
        )
    }

    /// Tells the client why, and hangs up on it.
    private func refuse(_ message: String) {
        self.cancelHandler()
        self.phase = .leaving
        self.put(.refusal(message))
    }
}

// MARK: - Replies

extension ControlConnection {
    /// Queues a frame, and waits while the client is far behind; `false` means that nobody listens any more.
    private func send(_ body: [UInt8]) async -> Bool {
        await withCheckedContinuation { continuation in
            self.queue.async { self.enqueue(body, continuation) }
        }
    }

    private func enqueue(_ body: [UInt8], _ continuation: CheckedContinuation<Bool, Never>) {
        guard case .answering = self.phase else {
            continuation.resume(returning: false)
            return
        }
        guard !body.isEmpty, body.count <= self.limits.frameBytes else {
            self.refuse("the engine's answer has \(body.count) bytes; 1 to \(self.limits.frameBytes) can be sent")
            continuation.resume(returning: false)
            return
        }
        self.producer = continuation
        self.put(.body(body))
    }

    private func finish() {
        guard case .answering = self.phase else {
            return
        }
        self.phase = .reading
        self.put(.end)
    }

    private func put(_ frame: ControlFrame) {
        if self.outbox.isEmpty {
            self.deadline = .now + self.limits.replyTime
        }
        self.outbox += frame.bytes
        self.transmit()
    }

    private func transmit() {
        while self.sent < self.outbox.count {
            switch UnixSocket.send(self.outbox[self.sent...], to: self.descriptor) {
            case .moved(let count):
                self.sent += count
                self.deadline = .now + self.limits.replyTime
            case .wouldBlock:
                self.waitForRoom()
                return
            case .ended:
                self.close()
                return
            }
        }
        self.drained()
    }

    /// The client's buffer is full: goes on when it has room, and lets a producer go on if little is queued.
    private func waitForRoom() {
        if self.isWriteSuspended {
            self.isWriteSuspended = false
            self.writeSource.resume()
        }
        if self.outbox.count - self.sent < self.limits.outboxBytes {
            self.releaseProducer()
        }
    }

    private func drained() {
        self.outbox.removeAll(keepingCapacity: self.outbox.count <= self.limits.outboxBytes)
        self.sent = 0
        if !self.isWriteSuspended {
            self.isWriteSuspended = true
            self.writeSource.suspend()
        }
        switch self.phase {
        case .leaving: self.close()
        case .reading: self.deadline = .now + self.limits.requestTime
        case .naming, .answering, .closed: self.deadline = nil
        }
        self.releaseProducer()
    }

    private func releaseProducer() {
        self.producer?.resume(returning: true)
        self.producer = nil
    }
}
