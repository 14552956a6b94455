// Selfheal
// SPDX-License-Identifier: Apache-2.0

internal import Dispatch
internal import Glibc

/// One client.
///
/// ```
///     reading ──request──▶ answering ──answer sent──▶ reading …
///        │ wrong, late                     │ the last one
///        └──────────▶ leaving ──sent──▶ closed ◀┘
/// ```
///
/// Nothing is read while an answer is worked out, so that nobody can pile up requests. Everything is touched on `queue` alone.
final class HTTPConnection: @unchecked Sendable {
    private enum Phase {
        case reading
        case answering(Task<Void, Never>)
        /// What is in the outbox is sent, and then the connection is closed.
        case leaving
        case closed
    }

    private let descriptor: Int32
    private let queue: DispatchQueue
    private let limits: HTTPLimits
    private let handler: HTTPServer.Handler
    private let readSource: any DispatchSourceRead
    private let writeSource: any DispatchSourceWrite
    private var onClose: () -> Void = {}
    private var phase = Phase.reading
    private var reader: HTTPRequestReader
    private var outbox: [UInt8] = []
    private var sent = 0
    /// A dispatch source starts suspended, and may only be let go when it is not.
    private var isReadSuspended = true
    private var isWriteSuspended = true
    private var deadline: ContinuousClock.Instant?
    private static let pieceBytes = 16 << 10

    init(_ descriptor: Int32, queue: DispatchQueue, limits: HTTPLimits, handler: @escaping HTTPServer.Handler) {
        self.descriptor = descriptor
        self.queue = queue
        self.limits = limits
        self.handler = handler
        self.reader = HTTPRequestReader(limits: limits)
        self.readSource = DispatchSource.makeReadSource(fileDescriptor: descriptor, queue: queue)
        self.writeSource = DispatchSource.makeWriteSource(fileDescriptor: descriptor, queue: queue)
    }

    func start(onClose: @escaping () -> Void) {
        self.onClose = onClose
        self.readSource.setEventHandler { [weak self] in self?.receive() }
        self.writeSource.setEventHandler { [weak self] in self?.transmit() }
        self.deadline = .now + self.limits.requestTime
        self.listen(true)
    }

    func closeIfLate(_ now: ContinuousClock.Instant) {
        guard let deadline = self.deadline, now >= deadline else {
            return
        }
        if case .reading = self.phase, self.reader.isInside {
            self.refuse(408, "the request took longer than \(self.limits.requestTime.components.seconds) seconds")
        } else {
            self.close()
        }
    }

    /// Whether a client waits for an answer.
    var owesAnswer: Bool {
        switch self.phase {
        case .answering, .leaving: true
        case .reading: self.sent < self.outbox.count
        case .closed: false
        }
    }

    func close() {
        if case .closed = self.phase {
            return
        }
        if case .answering(let task) = self.phase {
            task.cancel()
        }
        self.phase = .closed
        self.deadline = nil
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

    // MARK: Requests

    private func listen(_ listens: Bool) {
        guard listens == self.isReadSuspended else {
            return
        }
        self.isReadSuspended = !listens
        if listens {
            self.readSource.resume()
        } else {
            self.readSource.suspend()
        }
    }

    private func receive() {
        guard case .reading = self.phase else {
            return
        }
        var piece = [UInt8](repeating: 0, count: Self.pieceBytes)
        let count = piece.withUnsafeMutableBytes { recv(self.descriptor, $0.baseAddress, $0.count, 0) }
        if count < 0, errno == EAGAIN || errno == EINTR {
            return
        }
        guard count > 0 else {
            self.close()
            return
        }
        if !self.reader.isInside {
            self.deadline = .now + self.limits.requestTime
        }
        self.reader.append(piece[..<count])
        self.advance()
    }

    private func advance() {
        switch self.reader.next() {
        case .needsMore: break
        case .wantsGoAhead: self.put(Array("HTTP/1.1 100 Continue\r\n\r\n".utf8))
        case .wrong(let status, let message): self.refuse(status, message)
        case .request(let request): self.begin(request)
        }
    }

    private func begin(_ request: HTTPRequest) {
        self.deadline = nil
        self.listen(false)
        let handler = self.handler
        self.phase = .answering(
            Task {
                let answer = await handler(request)
                self.queue.async { self.finish(request, answer) }
            }
        )
    }

    private func finish(_ request: HTTPRequest, _ answer: HTTPAnswer) {
        guard case .answering = self.phase else {
            return
        }
        self.phase = request.keepsConnection ? .reading : .leaving
        self.put(answer.bytes(to: request.method, closing: !request.keepsConnection))
    }

    private func refuse(_ status: Int, _ message: String) {
        self.listen(false)
        self.phase = .leaving
        self.put(HTTPAnswer(status, message + "\n").bytes(to: "GET", closing: true))
    }

    // MARK: Answers

    private func put(_ bytes: [UInt8]) {
        self.deadline = .now + self.limits.answerTime
        self.outbox += bytes
        self.transmit()
    }

    private func transmit() {
        while self.sent < self.outbox.count {
            let count = self.outbox[self.sent...].withUnsafeBytes {
                send(self.descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            if count > 0 {
                self.sent += count
            } else if errno == EAGAIN {
                if self.isWriteSuspended {
                    self.isWriteSuspended = false
                    self.writeSource.resume()
                }
                return
            } else if errno != EINTR {
                self.close()
                return
            }
        }
        self.drained()
    }

    private func drained() {
        self.outbox = []
        self.sent = 0
        if !self.isWriteSuspended {
            self.isWriteSuspended = true
            self.writeSource.suspend()
        }
        switch self.phase {
        case .leaving: self.leave()
        case .reading:
            self.deadline = .now + (self.reader.isInside ? self.limits.requestTime : self.limits.idleTime)
            self.listen(true)
            if self.reader.isInside {
                self.advance()
            }
        case .answering, .closed: break
        }
    }

    /// Says that nothing more comes, and gives the client a moment to read: to hang up on bytes that it still sends could take the answer away.
    private func leave() {
        shutdown(self.descriptor, Int32(SHUT_WR))
        var rest = [UInt8](repeating: 0, count: Self.pieceBytes)
        for _ in 0..<Self.piecesDrained {
            let count = rest.withUnsafeMutableBytes { recv(self.descriptor, $0.baseAddress, $0.count, 0) }
            guard count > 0 else {
                break
            }
        }
        self.close()
    }

    private static let piecesDrained = 128
}
