// Selfheal
// SPDX-License-Identifier: Apache-2.0

internal import Dispatch
internal import Glibc

package struct HTTPServerError: Error, Hashable, Sendable, CustomStringConvertible {
    package let description: String
}

/// A plain HTTP server for a few clients that are machines: Prometheus, Alertmanager, whatever posts webhooks.
///
/// All sockets belong to one serial queue, which never blocks: a client that is slow, silent or half gone costs a connection, of which there
/// are so many and no more. Handlers run in tasks of their own.
package final class HTTPServer: Sendable {
    package typealias Handler = @Sendable (HTTPRequest) async -> HTTPAnswer

    private let listener: HTTPListener
    /// The port it listens on, which the system chose if none was given.
    package let port: Int

    private init(_ listener: HTTPListener, port: Int) {
        self.listener = listener
        self.port = port
    }

    /// Listens on an address of this machine, such as `127.0.0.1` or `::`.
    package static func start(
        address: String,
        port: Int,
        limits: HTTPLimits = HTTPLimits(),
        handler: @escaping Handler
    ) throws(HTTPServerError) -> HTTPServer {
        let (descriptor, port) = try InternetSocket.listen(address: address, port: port)
        let listener = HTTPListener(descriptor, limits: limits, handler: handler)
        listener.start()
        return HTTPServer(listener, port: port)
    }

    /// Accepts nobody further, and hangs up on everybody when those who wait have their answer, or `grace` is over.
    package func stop(grace: Duration = .seconds(2)) async {
        await withCheckedContinuation { continuation in
            self.listener.stop(grace: grace) { continuation.resume() }
        }
    }
}

/// Accepts connections and watches their deadlines.
///
/// `@unchecked Sendable`: everything mutable is touched on `queue` alone, which is serial.
final class HTTPListener: @unchecked Sendable {
    private static let tick = DispatchTimeInterval.milliseconds(250)
    private static let answerTick = DispatchTimeInterval.milliseconds(10)
    /// How long accepting rests after the system had no descriptor left.
    private static let rest = DispatchTimeInterval.milliseconds(500)

    private let queue = DispatchQueue(label: "selfheal.http")
    private let descriptor: Int32
    private let limits: HTTPLimits
    private let handler: HTTPServer.Handler
    private let source: any DispatchSourceRead
    private let timer: any DispatchSourceTimer
    private var connections: [ObjectIdentifier: HTTPConnection] = [:]
    private var isStopped = false
    private let listening = DispatchGroup()

    init(_ descriptor: Int32, limits: HTTPLimits, handler: @escaping HTTPServer.Handler) {
        self.descriptor = descriptor
        self.limits = limits
        self.handler = handler
        self.source = DispatchSource.makeReadSource(fileDescriptor: descriptor, queue: self.queue)
        self.timer = DispatchSource.makeTimerSource(queue: self.queue)
    }

    /// The sources keep this object until `stop`.
    func start() {
        let (descriptor, listening) = (self.descriptor, self.listening)
        self.source.setEventHandler { self.acceptAll() }
        listening.enter()
        self.source.setCancelHandler {
            close(descriptor)
            listening.leave()
        }
        self.timer.setEventHandler { self.closeLate() }
        self.timer.schedule(deadline: .now() + Self.tick, repeating: Self.tick)
        self.source.resume()
        self.timer.resume()
    }

    func stop(grace: Duration, _ completion: @escaping @Sendable () -> Void) {
        self.queue.async {
            if !self.isStopped {
                self.isStopped = true
                self.source.cancel()
                for connection in self.connections.values where !connection.owesAnswer {
                    connection.close()
                }
            }
            self.closeWhenAnswered(by: .now + grace, completion)
        }
    }

    private func closeWhenAnswered(by end: ContinuousClock.Instant, _ completion: @escaping @Sendable () -> Void) {
        guard self.connections.values.contains(where: \.owesAnswer), ContinuousClock.now < end else {
            self.timer.cancel()
            for connection in self.connections.values {
                connection.close()
            }
            self.listening.notify(queue: self.queue, execute: completion)
            return
        }
        self.queue.asyncAfter(deadline: .now() + Self.answerTick) { self.closeWhenAnswered(by: end, completion) }
    }

    private func acceptAll() {
        while !self.isStopped {
            let accepted = accept(self.descriptor, nil, nil)
            if accepted >= 0 {
                InternetSocket.prepare(accepted)
                self.admit(accepted)
            } else if errno == EAGAIN {
                return
            } else if errno != EINTR, errno != ECONNABORTED {
                // Out of descriptors or memory: without a rest the waiting client would wake us again at once.
                self.source.suspend()
                self.queue.asyncAfter(deadline: .now() + Self.rest) { self.source.resume() }
                return
            }
        }
    }

    private func admit(_ accepted: Int32) {
        guard self.connections.count < self.limits.connections else {
            let answer = HTTPAnswer(503, "\(self.limits.connections) clients are served already; try again\n")
            let bytes = answer.bytes(to: "GET", closing: true)
            _ = bytes.withUnsafeBytes { send(accepted, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            close(accepted)
            return
        }
        let connection = HTTPConnection(accepted, queue: self.queue, limits: self.limits, handler: self.handler)
        let key = ObjectIdentifier(connection)
        self.connections[key] = connection
        connection.start { self.connections[key] = nil }
    }

    private func closeLate() {
        let now = ContinuousClock.now
        for connection in self.connections.values {
            connection.closeIfLate(now)
        }
    }
}

/// Stream sockets of the internet: the calls of the operating system, and nothing decided.
enum InternetSocket {
    private static let backlog: Int32 = 512

    static func listen(address: String, port: Int) throws(HTTPServerError) -> (descriptor: Int32, port: Int) {
        let isSix = address.contains(":")
        let kind = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
        let descriptor = socket(isSix ? AF_INET6 : AF_INET, kind, 0)
        guard descriptor >= 0 else {
            throw self.error("cannot create a socket")
        }
        var yes: Int32 = 1
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
        do throws(HTTPServerError) {
            try isSix
                ? self.bindSix(descriptor, address, UInt16(port)) : self.bindFour(descriptor, address, UInt16(port))
            guard Glibc.listen(descriptor, self.backlog) == 0 else {
                throw self.error("cannot listen on \(address), port \(port)")
            }
            return (descriptor, self.port(of: descriptor))
        } catch {
            close(descriptor)
            throw error
        }
    }

    /// Not inherited by the programs we start, and no waiting for more to send.
    static func prepare(_ accepted: Int32) {
        _ = fcntl(accepted, F_SETFD, FD_CLOEXEC)
        _ = fcntl(accepted, F_SETFL, O_NONBLOCK)
        var yes: Int32 = 1
        setsockopt(accepted, Int32(IPPROTO_TCP), TCP_NODELAY, &yes, socklen_t(MemoryLayout<Int32>.size))
    }

    private static func bindFour(_ descriptor: Int32, _ address: String, _ port: UInt16) throws(HTTPServerError) {
        var name = sockaddr_in()
        name.sin_family = sa_family_t(AF_INET)
        name.sin_port = port.bigEndian
        guard inet_pton(AF_INET, address, &name.sin_addr) == 1 else {
            throw HTTPServerError(description: "'\(address)' is no address of this machine, such as 127.0.0.1 or ::")
        }
        let result = withUnsafePointer(to: &name) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard result == 0 else {
            throw self.error("cannot listen on \(address), port \(port)")
        }
    }

    private static func bindSix(_ descriptor: Int32, _ address: String, _ port: UInt16) throws(HTTPServerError) {
        var name = sockaddr_in6()
        name.sin6_family = sa_family_t(AF_INET6)
        name.sin6_port = port.bigEndian
        guard inet_pton(AF_INET6, address, &name.sin6_addr) == 1 else {
            throw HTTPServerError(description: "'\(address)' is no address of this machine, such as 127.0.0.1 or ::")
        }
        let result = withUnsafePointer(to: &name) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in6>.size))
            }
        }
        guard result == 0 else {
            throw self.error("cannot listen on \(address), port \(port)")
        }
    }

    private static func port(of descriptor: Int32) -> Int {
        var name = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let result = withUnsafeMutablePointer(to: &name) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &length) }
        }
        guard result == 0 else {
            return 0
        }
        // The port stands at the same place in both kinds of name.
        return withUnsafePointer(to: &name) { pointer in
            pointer.withMemoryRebound(to: sockaddr_in.self, capacity: 1) { Int(UInt16(bigEndian: $0.pointee.sin_port)) }
        }
    }

    private static func error(_ what: String) -> HTTPServerError {
        HTTPServerError(description: "\(what): \(String(cString: strerror(errno)))")
    }
}
