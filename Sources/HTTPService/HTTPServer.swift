// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Glibc
import HummingbirdCore
import Logging
import NIOCore
import NIOPosix
import Synchronization

package struct HTTPServerError: Error, Hashable, Sendable, CustomStringConvertible {
    package let description: String
}

/// A plain HTTP server for a few clients that are machines: Prometheus, Alertmanager, whatever posts webhooks.
///
/// Hummingbird serves, with `ConnectionGuard` in front of it. One thread is enough for all sockets; it never blocks, and handlers run in
/// tasks of their own.
package final class HTTPServer: Sendable {
    package typealias Handler = @Sendable (HTTPRequest) async -> HTTPAnswer

    private let server: Server<GuardedChannel>
    private let connections: OpenConnections
    private let task: Task<Void, Never>
    private let closed: EventLoopFuture<Void>
    private let hasClosed: HasClosed
    /// The port it listens on, which the system chose if none was given.
    package let port: Int

    private final class HasClosed: Sendable {
        let value = Atomic(false)
    }

    private init(
        _ server: Server<GuardedChannel>,
        connections: OpenConnections,
        task: Task<Void, Never>,
        closed: EventLoopFuture<Void>,
        port: Int
    ) {
        self.server = server
        self.connections = connections
        self.task = task
        self.closed = closed
        let hasClosed = HasClosed()
        self.hasClosed = hasClosed
        closed.whenComplete { _ in hasClosed.value.store(true, ordering: .releasing) }
        self.port = port
    }

    /// Of all servers of this process, for as long as it lives.
    private static let loops = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    /// How many clients the system lets wait until there is a place for them.
    private static let backlog = 512
    /// How long accepting rests when the system has no descriptor or memory left.
    private static let rest = TimeAmount.milliseconds(500)

    /// Listens on an address of this machine, such as `127.0.0.1` or `::`.
    package static func start(
        address: String,
        port: Int,
        limits: HTTPLimits = HTTPLimits(),
        handler: @escaping Handler
    ) async throws(HTTPServerError) -> HTTPServer {
        guard (try? SocketAddress(ipAddress: address, port: port)) != nil else {
            throw HTTPServerError(description: "'\(address)' is no address of this machine, such as 127.0.0.1 or ::")
        }
        // What a client did wrong is told to the client.
        let silence = Logger(label: "selfheal.http") { _ in SwiftLogNoOpLogHandler() }
        let connections = OpenConnections()
        let started = Self.loops.next().makePromise(of: (port: Int, closed: EventLoopFuture<Void>).self)
        let server = Server(
            childChannelSetup: GuardedChannel(limits: limits, connections: connections, handler: handler),
            configuration: ServerConfiguration(
                address: .hostname(address, port: port),
                backlog: Self.backlog,
                availableConnectionsDelegate: MaximumAvailableConnections(limits.connections, logger: silence)
            ),
            onServerRunning: { channel in
                await Self.keepAccepting(channel)
                started.succeed((channel.localAddress?.port ?? port, channel.closeFuture))
            },
            eventLoopGroup: Self.loops,
            logger: silence
        )
        let task = Task {
            do {
                try await server.run()
            } catch {
                started.fail(error)
            }
        }
        do {
            let (port, closed) = try await started.futureResult.get()
            return HTTPServer(server, connections: connections, task: task, closed: closed, port: port)
        } catch {
            let reason = (error as? IOError).map { String(cString: strerror($0.errnoCode)) } ?? "\(error)"
            throw HTTPServerError(description: "cannot listen on \(address), port \(port): \(reason)")
        }
    }

    /// Without this, a moment without a free descriptor would be the end of the server: the error would end Hummingbird's loop.
    private static func keepAccepting(_ channel: any Channel) async {
        _ = try? await channel.eventLoop.submit {
            try channel.pipeline.syncOperations.addHandler(
                AcceptBackoffHandler(shouldForwardIOErrorCaught: false) { _ in Self.rest },
                position: .first
            )
        }.get()
    }

    /// Returns when nobody new can connect any more, whoever ended that, and when the task is cancelled.
    package func untilClosed() async {
        let (ends, end) = AsyncStream<Void>.makeStream()
        self.closed.whenComplete { _ in end.finish() }
        for await _ in ends {}
    }

    /// Accepts nobody further, and hangs up on everybody when those who wait have their answer, or `grace` is over.
    package func stop(grace: Duration = .seconds(2)) async {
        // What has ended by itself cannot be asked to end.
        guard !self.hasClosed.value.load(ordering: .acquiring) else {
            self.task.cancel()
            self.connections.close()
            return
        }
        let end = Task { [task = self.task, connections = self.connections] in
            try await Task.sleep(for: grace, clock: .continuous)
            task.cancel()
            connections.close()
        }
        try? await self.server.shutdownGracefully()
        end.cancel()
    }
}
