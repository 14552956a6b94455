// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Glibc
import Synchronization

/// A real TCP server on loopback whose behaviour a test writes down.
///
/// Connections are handled one after another on one thread, or on a thread each.
final class LoopbackServer: Sendable {
    enum Handling: Sendable {
        case oneByOne
        case threadEach
    }

    struct SetupFailure: Error {
        var call: String
        var code: Int32
    }

    let port: UInt16
    private let listener: Int32
    private let counts = Mutex((open: 0, waiters: [CheckedContinuation<Void, Never>]()))

    /// Starts listening; without a behaviour nothing is ever accepted.
    init(
        backlog: Int32 = 4_096,
        address: String = "127.0.0.1",
        handling: Handling = .oneByOne,
        _ behaviour: (@Sendable (Int32) -> Void)? = nil
    ) throws {
        (self.listener, self.port) = try Self.listen(on: address, backlog: backlog)
        guard let behaviour else { return }
        let listener = self.listener
        startThread { [self] in
            while true {
                let connection = accept(listener, nil, nil)
                guard connection >= 0 else { return }
                self.counts.withLock { $0.open += 1 }
                let serve: @Sendable () -> Void = {
                    behaviour(connection)
                    close(connection)
                    self.connectionClosed()
                }
                switch handling {
                case .oneByOne: serve()
                case .threadEach: startThread(serve)
                }
            }
        }
    }

    func stop() {
        shutdown(self.listener, Int32(SHUT_RDWR))
        close(self.listener)
    }

    /// Waits until every connection so far has been handled and closed.
    func waitUntilIdle() async {
        await withCheckedContinuation { continuation in
            let isIdle = self.counts.withLock { counts in
                if counts.open > 0 { counts.waiters.append(continuation) }
                return counts.open == 0
            }
            if isIdle { continuation.resume() }
        }
    }

    private func connectionClosed() {
        let waiters = self.counts.withLock { counts in
            counts.open -= 1
            guard counts.open == 0 else { return [CheckedContinuation<Void, Never>]() }
            let waiters = counts.waiters
            counts.waiters = []
            return waiters
        }
        for waiter in waiters { waiter.resume() }
    }

    /// A port on which, at this moment, nothing listens.
    static func closedPort() throws -> UInt16 {
        let (listener, port) = try self.listen(on: "127.0.0.1", backlog: 1)
        close(listener)
        return port
    }

    private static func listen(on text: String, backlog: Int32) throws -> (descriptor: Int32, port: UInt16) {
        let isSix = text.contains(":")
        let descriptor = socket(isSix ? AF_INET6 : AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw SetupFailure(call: "socket", code: errno) }
        var storage = sockaddr_storage()
        var length = socklen_t(isSix ? MemoryLayout<sockaddr_in6>.size : MemoryLayout<sockaddr_in>.size)
        withUnsafeMutablePointer(to: &storage) { storage in
            if isSix {
                storage.withMemoryRebound(to: sockaddr_in6.self, capacity: 1) { address in
                    address.pointee.sin6_family = sa_family_t(AF_INET6)
                    inet_pton(AF_INET6, text, &address.pointee.sin6_addr)
                }
            } else {
                storage.withMemoryRebound(to: sockaddr_in.self, capacity: 1) { address in
                    address.pointee.sin_family = sa_family_t(AF_INET)
                    inet_pton(AF_INET, text, &address.pointee.sin_addr)
                }
            }
        }
        try withUnsafeMutablePointer(to: &storage) { storage in
            try storage.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                guard bind(descriptor, address, length) == 0 else { throw SetupFailure(call: "bind", code: errno) }
                guard Glibc.listen(descriptor, backlog) == 0 else { throw SetupFailure(call: "listen", code: errno) }
                guard getsockname(descriptor, address, &length) == 0 else {
                    throw SetupFailure(call: "getsockname", code: errno)
                }
            }
        }
        let port = withUnsafeBytes(of: storage) { UInt16($0[2]) << 8 | UInt16($0[3]) }
        return (descriptor, port)
    }
}

// MARK: What a behaviour is made of

func startThread(_ body: @escaping @Sendable () -> Void) {
    final class Body: Sendable {
        let run: @Sendable () -> Void
        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }
    var thread = pthread_t()
    let status = pthread_create(
        &thread,
        nil,
        { context in
            guard let context else { return nil }
            Unmanaged<Body>.fromOpaque(context).takeRetainedValue().run()
            return nil
        },
        Unmanaged.passRetained(Body(body)).toOpaque()
    )
    precondition(status == 0)
    pthread_detach(thread)
}

/// Reads until so many bytes came or the peer closed.
@discardableResult
func readBytes(_ count: Int, from descriptor: Int32) -> [UInt8] {
    var all: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 65_536)
    while all.count < count {
        let got = recv(descriptor, &buffer, min(buffer.count, count - all.count), 0)
        guard got > 0 else { break }
        all.append(contentsOf: buffer[0..<got])
    }
    return all
}

/// Returns once the peer has closed or broken the connection.
func readToEnd(of descriptor: Int32) {
    readBytes(.max, from: descriptor)
}

func writeBytes(_ bytes: [UInt8], to descriptor: Int32) {
    var sent = 0
    while sent < bytes.count {
        let count = bytes[sent...].withUnsafeBytes { send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
        guard count > 0 else { return }
        sent += count
    }
}

/// Makes the coming close a reset.
func resetOnClose(_ descriptor: Int32) {
    var value = linger(l_onoff: 1, l_linger: 0)
    setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &value, socklen_t(MemoryLayout<linger>.size))
}

/// Lets this process open as many files as it may.
func raiseOpenFileLimit() {
    var limit = rlimit()
    getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    limit.rlim_cur = limit.rlim_max
    setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
}

extension String {
    var bytes: [UInt8] { Array(self.utf8) }
}
