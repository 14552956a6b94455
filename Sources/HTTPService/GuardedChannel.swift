// Selfheal
// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import HummingbirdCore
import Logging
import NIOCore
import NIOHTTP1
import NIOHTTPTypes
import NIOHTTPTypesHTTP1
import Synchronization

/// One client, as Hummingbird serves it.
///
/// ```
///     bytes ─▶ parser ─▶ one request at a time ─▶ ConnectionGuard ─▶ Hummingbird ─▶ handler
/// ```
struct GuardedChannel: HTTPChannelHandler {
    let responder: HTTPChannelHandler.Responder
    private let limits: HTTPLimits
    private let connections: OpenConnections

    init(limits: HTTPLimits, connections: OpenConnections, handler: @escaping HTTPServer.Handler) {
        self.limits = limits
        self.connections = connections
        self.responder = { request, writer, _ in
            let answer = await handler(try await Self.read(request, limits))
            // An answer to HEAD has the head alone.
            let body = request.method == .head ? [] : answer.body
            try await writer.write(response: answer.head, body: ResponseBody(byteBuffer: ByteBuffer(bytes: body)))
        }
    }

    func setup(
        channel: any Channel,
        logger: Logger
    ) -> EventLoopFuture<Arrival> {
        self.connections.add(channel)
        return channel.eventLoop.makeCompletedFuture {
            var parser = NIOHTTPDecoderLimitConfiguration()
            parser.maxHeaderFieldSize = self.limits.headBytes
            parser.maxHeaderListSize = self.limits.headBytes
            parser.maxHeaderFieldCount = self.limits.headers
            let pipeline = channel.pipeline.syncOperations
            try pipeline.configureHTTPServerPipeline(
                withPipeliningAssistance: true,
                withErrorHandling: false,
                withOutboundHeaderValidation: true,
                withEncoderConfiguration: .init(),
                withDecoderLimitConfiguration: parser
            )
            try pipeline.addHandler(ConnectionGuard(self.limits))
            try pipeline.addHandler(HTTP1ToHTTPServerCodec(secure: false))
            return Arrival(
                try NIOAsyncChannel(
                    wrappingChannelSynchronously: channel,
                    configuration: .init(isOutboundHalfClosureEnabled: true)
                )
            )
        }
    }

    func handle(value: Arrival, logger: Logger) async {
        await self.handleHTTP(asyncChannel: value.take(), logger: logger)
    }

    private static func read(_ request: Request, _ limits: HTTPLimits) async throws -> HTTPRequest {
        // The guard has it whole already.
        let body = try await request.body.collect(upTo: limits.bodyBytes)
        let path = request.head.path ?? "/"
        return HTTPRequest(
            method: request.method.rawValue,
            path: String(path.prefix { $0 != "?" }),
            headers: request.headers.map { HTTPHeader($0.name.canonicalName, $0.value) },
            body: Array(body.readableBytesView)
        )
    }
}

extension HTTPAnswer {
    fileprivate var head: HTTPResponse {
        var head = HTTPResponse(status: HTTPResponse.Status(code: self.status))
        head.headerFields[.contentType] = self.contentType
        head.headerFields[.contentLength] = String(self.body.count)
        for header in self.headers {
            if let name = HTTPField.Name(header.name) {
                head.headerFields.append(HTTPField(name: name, value: header.value))
            }
        }
        return head
    }
}

/// A client that has connected, until somebody serves it.
///
/// When the server ends first, nobody will, and NIO ends the whole process for a channel that is let go unclosed: so it is closed here.
final class Arrival: ServerChildChannelValue {
    typealias Client = NIOAsyncChannel<HTTPRequestPart, HTTPResponsePart>

    var channel: any Channel { self.client.channel }

    private let client: Client
    private let isTaken = Atomic(false)

    init(_ client: Client) {
        self.client = client
    }

    /// Whoever takes it closes it.
    func take() -> Client {
        self.isTaken.store(true, ordering: .releasing)
        return self.client
    }

    deinit {
        guard !self.isTaken.load(ordering: .acquiring) else {
            return
        }
        Task { [client = self.client] in
            try? await client.executeThenClose { _, _ in }
        }
    }
}

/// The clients that are connected, so that they can be hung up on.
final class OpenConnections: Sendable {
    private struct Contents {
        var channels: [ObjectIdentifier: any Channel] = [:]
        var isClosed = false
    }

    private let contents = Mutex(Contents())

    func add(_ channel: any Channel) {
        let isClosed = self.contents.withLock { contents in
            contents.channels[ObjectIdentifier(channel)] = channel
            return contents.isClosed
        }
        channel.closeFuture.whenComplete { _ in
            self.contents.withLock { $0.channels[ObjectIdentifier(channel)] = nil }
        }
        if isClosed {
            channel.close(promise: nil)
        }
    }

    /// Hangs up on everybody, and on who comes still.
    func close() {
        let channels = self.contents.withLock { contents in
            contents.isClosed = true
            return Array(contents.channels.values)
        }
        for channel in channels {
            channel.close(promise: nil)
        }
    }
}
