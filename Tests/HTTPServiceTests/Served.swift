// Selfheal
// SPDX-License-Identifier: Apache-2.0

import HTTPService
import Synchronization
import TestSupport

/// A server that says what it was asked, and remembers it.
final class Served: Sendable {
    let server: HTTPServer
    private let log: Log

    private final class Log: Sendable {
        let paths = Mutex<[String]>([])
    }

    init(_ limits: HTTPLimits = HTTPLimits()) async throws {
        let log = Log()
        self.log = log
        self.server = try await HTTPServer.start(address: "127.0.0.1", port: 0, limits: limits) { request in
            log.paths.withLock { $0.append(request.path) }
            return HTTPAnswer(200, "\(request.method) \(request.path) \(String(decoding: request.body, as: UTF8.self))")
        }
    }

    var port: Int {
        self.server.port
    }

    /// Of all requests that a handler has seen.
    var paths: [String] {
        self.log.paths.withLock { $0 }
    }

    func exchange(_ text: String) async throws -> String {
        try await RawClient.exchange(port: self.port, text)
    }

    /// The status of the first answer to it.
    func status(_ text: String) async throws -> String {
        String(try await self.exchange(text).dropFirst("HTTP/1.1 ".count).prefix(3))
    }
}

/// Lets through whoever waits once it is open.
final class Gate: Sendable {
    private let stream = AsyncStream<Void>.makeStream()

    func open() {
        self.stream.continuation.finish()
    }

    func pass() async {
        for await _ in self.stream.stream {}
    }
}

/// Looks again until it is so; fails after far longer than it should take.
func eventually(_ body: () -> Bool) async throws -> Bool {
    let end = ContinuousClock.now + .seconds(60)
    while !body() {
        guard ContinuousClock.now < end else {
            return false
        }
        try await Task.sleep(for: .milliseconds(10))
    }
    return true
}
