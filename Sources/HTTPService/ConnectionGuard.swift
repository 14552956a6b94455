// Selfheal
// SPDX-License-Identifier: Apache-2.0

import NIOCore
import NIOHTTP1

/// What a stranger may cost where the library sets no bound: bytes of a body, the time of a request, of an answer and between the two.
///
/// ```
///     idle ──first byte──▶ reading ──whole──▶ answering ──sent──▶ idle …
///                             │ wrong, late, too long   │ the last one
///                             └────────▶ leaving ◀──────┘
/// ```
///
/// A request goes on when it is whole: behind this, the end of a connection in the middle of a body would look like the end of the body.
/// It is strict: what two readers could understand in two ways is refused, and the connection with it. Requests come one at a time, by NIO's
/// handler for pipelining in front of this.
final class ConnectionGuard: ChannelDuplexHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart
    typealias OutboundIn = HTTPServerResponsePart
    typealias OutboundOut = HTTPServerResponsePart

    private enum Phase {
        case idle
        /// A head of which there are bytes and no end.
        case readingHead
        /// It was not whole in time; whoever keeps the order of requests in front of us hears of it first.
        case lateHead
        case reading(HTTPRequestHead, body: ByteBuffer)
        case answering
        /// Says that nothing more comes, and gives the client a moment to read: to hang up on bytes that it still sends could take the answer away.
        case leaving
    }

    private let limits: HTTPLimits
    private var phase = Phase.idle
    /// Whether the answer that is worked out is the last one of this connection.
    private var isLast = false
    /// Answers that the client has not taken in.
    private var unsent = 0
    /// Whether the client says that it sends nothing more; it may wait for an answer still.
    private var hasEnded = false
    private var deadline: Scheduled<Void>?

    init(_ limits: HTTPLimits) {
        self.limits = limits
    }

    // MARK: The connection

    func handlerAdded(context: ChannelHandlerContext) {
        self.wait(self.limits.idleTime, context)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.deadline?.cancel()
        self.deadline = nil
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case ChannelEvent.inputClosed? = event as? ChannelEvent {
            self.hasEnded = true
            if case .answering = self.phase {
                self.isLast = true
            } else if self.unsent > 0 {
                self.phase = .leaving
            } else {
                context.close(promise: nil)
            }
        }
        context.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        switch (self.phase, error) {
        case (.leaving, _): break
        case (.lateHead, _): self.refuseAsLate(context)
        case (_, HTTPParserError.headerOverflow):
            self.refuse(
                431,
                "a request has at most \(self.limits.headBytes) bytes of headers, and at most \(self.limits.headers) of them",
                context
            )
        // More of what the parser gave up on, of which we hear, or have heard, when its turn comes.
        case (_, is ByteToMessageDecoderError): break
        case (_, is HTTPParserError): self.refuse(400, "this is no request of HTTP/1.1", context)
        default: context.close(promise: nil)
        }
    }

    // MARK: Requests

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch (self.phase, Self.unwrapInboundIn(data)) {
        case (.idle, .head(let head)), (.readingHead, .head(let head)): self.begin(head, context)
        case (.reading(let head, var body), .body(var piece)):
            guard body.readableBytes + piece.readableBytes <= self.limits.bodyBytes else {
                self.refuse(413, "a body has at most \(self.limits.bodyBytes) bytes", context)
                return
            }
            // So that the bytes have one owner, and are not copied with each piece.
            self.phase = .leaving
            body.writeBuffer(&piece)
            self.phase = .reading(head, body: body)
        case (.reading(let head, let body), .end):
            self.phase = .answering
            // Work may take its time, but not because the client does not read.
            if self.unsent == 0 {
                self.deadline?.cancel()
            } else {
                self.wait(self.limits.answerTime, context)
            }
            context.fireChannelRead(Self.wrapInboundOut(.head(head)))
            if body.readableBytes > 0 {
                context.fireChannelRead(Self.wrapInboundOut(.body(body)))
            }
            context.fireChannelRead(Self.wrapInboundOut(.end(nil)))
        // The rest of what was refused.
        case (.leaving, _): break
        case (.idle, _), (.readingHead, _), (.lateHead, _), (.reading, _), (.answering, _): context.close(promise: nil)
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        if case .idle = self.phase {
            // Something came, and it was no whole head.
            self.phase = .readingHead
            self.wait(self.limits.requestTime, context)
        }
        context.fireChannelReadComplete()
    }

    private func begin(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        if case .idle = self.phase {
            self.wait(self.limits.requestTime, context)
        }
        self.phase = .reading(head, body: ByteBuffer())
        self.isLast = !head.isKeepAlive || head.version != .http1_1 || head.headers.contains(name: "upgrade")
        let length = head.headers["content-length"].first.flatMap { Int($0) } ?? 0
        if let (status, message) = self.complaint(head) {
            self.refuse(status, message, context)
        } else if length > self.limits.bodyBytes {
            self.refuse(413, "a body has at most \(self.limits.bodyBytes) bytes, and this one \(length)", context)
        } else if head.headers["expect"].contains(where: { $0.lowercased() == "100-continue" }) {
            let goAhead = HTTPResponseHead(version: .http1_1, status: .continue)
            context.writeAndFlush(Self.wrapOutboundOut(.head(goAhead)), promise: nil)
        }
    }

    /// What is wrong with a head that the parser takes.
    private func complaint(_ head: HTTPRequestHead) -> (status: Int, message: String)? {
        if ![HTTPVersion.http1_0, .http1_1].contains(head.version) {
            return (400, "a request begins with METHOD /path HTTP/1.1")
        }
        if head.uri.utf8.count > self.limits.pathBytes {
            return (414, "a path has at most \(self.limits.pathBytes) bytes")
        }
        if !head.uri.hasPrefix("/") || !head.uri.utf8.allSatisfy({ $0 > 0x20 && $0 != 0x7F }) {
            return (400, "a path begins with '/' and has neither blanks nor control characters")
        }
        let hosts = head.headers["host"].count
        if hosts > 1 || hosts == 0 && head.version == .http1_1 {
            return (400, "a request has one 'Host'")
        }
        if head.headers["content-length"].count > 1 {
            return (400, "a request has one 'Content-Length'")
        }
        if head.headers.contains(where: { !$0.value.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F || $0 == 9 } }) {
            return (400, "the head of a request is text")
        }
        return nil
    }

    // MARK: Answers

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        guard case .answering = self.phase else {
            promise?.fail(ChannelError.ioOnClosedChannel)
            return
        }
        switch Self.unwrapOutboundIn(data) {
        case .head(var head):
            self.wait(self.limits.answerTime, context)
            if self.isLast {
                head.headers.replaceOrAdd(name: "Connection", value: "close")
            }
            context.write(Self.wrapOutboundOut(.head(head)), promise: promise)
        case .body: context.write(data, promise: promise)
        case .end:
            // The next request may come from within the write.
            self.phase = self.isLast ? .leaving : .idle
            self.finish(promise, context)
        }
    }

    private func finish(_ promise: EventLoopPromise<Void>?, _ context: ChannelHandlerContext) {
        self.unsent += 1
        let sent = promise ?? context.eventLoop.makePromise()
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        sent.futureResult.whenSuccess { bound.value.0.sent(bound.value.1) }
        context.writeAndFlush(Self.wrapOutboundOut(.end(nil)), promise: sent)
    }

    private func sent(_ context: ChannelHandlerContext) {
        self.unsent -= 1
        guard self.unsent == 0 else {
            return
        }
        switch self.phase {
        case .leaving: self.leave(context)
        case .idle: self.wait(self.limits.idleTime, context)
        case .answering: self.deadline?.cancel()
        // It has a deadline of its own.
        case .readingHead, .lateHead, .reading: break
        }
    }

    private func refuse(_ status: Int, _ message: String, _ context: ChannelHandlerContext) {
        self.phase = .leaving
        self.wait(self.limits.answerTime, context)
        let body = ByteBuffer(string: message + "\n")
        let headers: HTTPHeaders = [
            "Content-Type": "text/plain; charset=utf-8",
            "Content-Length": "\(body.readableBytes)",
            "Connection": "close",
        ]
        let head = HTTPResponseHead(version: .http1_1, status: .init(statusCode: status), headers: headers)
        context.write(Self.wrapOutboundOut(.head(head)), promise: nil)
        context.write(Self.wrapOutboundOut(.body(.byteBuffer(body))), promise: nil)
        self.finish(nil, context)
    }

    private func leave(_ context: ChannelHandlerContext) {
        self.wait(self.limits.leaveTime, context)
        context.close(mode: self.hasEnded ? .all : .output, promise: nil)
    }

    // MARK: Time

    private func wait(_ time: Duration, _ context: ChannelHandlerContext) {
        self.deadline?.cancel()
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        self.deadline = context.eventLoop.scheduleTask(in: TimeAmount(time)) { bound.value.0.late(bound.value.1) }
    }

    private func late(_ context: ChannelHandlerContext) {
        switch self.phase {
        case .readingHead:
            self.phase = .lateHead
            context.pipeline.fireErrorCaught(HTTPParserError.unknown)
        case .reading: self.refuseAsLate(context)
        case .idle, .lateHead, .answering, .leaving: context.close(promise: nil)
        }
    }

    private func refuseAsLate(_ context: ChannelHandlerContext) {
        self.refuse(408, "the request took longer than \(self.limits.requestTime.components.seconds) seconds", context)
    }
}
