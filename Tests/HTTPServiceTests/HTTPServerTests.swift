// Selfheal
// SPDX-License-Identifier: Apache-2.0

import HTTPService
import TestSupport
import Testing

@Suite struct HTTPServerTests {
    private static func echo(_ request: HTTPRequest) async -> HTTPAnswer {
        HTTPAnswer(200, "\(request.method) \(request.path) \(String(decoding: request.body, as: UTF8.self))")
    }

    private static func server(_ limits: HTTPLimits = HTTPLimits()) throws -> HTTPServer {
        try HTTPServer.start(address: "127.0.0.1", port: 0, limits: limits) { await Self.echo($0) }
    }

    @Test func `requests on one connection are answered one after the other`() async throws {
        let server = try Self.server()
        let text = try await RawClient.exchange(
            port: server.port,
            "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhiGET /b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        )
        #expect(text.components("HTTP/1.1 200 OK") == 2)
        #expect(text.contains("POST /a hi"))
        #expect(text.hasSuffix("GET /b "))
        await server.stop()
    }

    @Test func `a body that is too long is refused before it is read`() async throws {
        let server = try Self.server()
        let text = try await RawClient.exchange(
            port: server.port,
            "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 900000000\r\n\r\nabc"
        )
        #expect(text.hasPrefix("HTTP/1.1 413 "))
        await server.stop()
    }

    @Test func `who sends a request byte by byte is given up in time`() async throws {
        var limits = HTTPLimits()
        limits.requestTime = .milliseconds(300)
        let server = try Self.server(limits)
        // Nothing more comes; without a limit this would wait for ever.
        let text = try await RawClient.exchange(port: server.port, "GET / HTT")
        #expect(text.hasPrefix("HTTP/1.1 408 "))
        await server.stop()
    }

    @Test func `who comes when all places are taken is told so, and the others are served on`() async throws {
        var limits = HTTPLimits()
        limits.connections = 2
        let server = try Self.server(limits)
        let first = try RawClient(port: server.port)
        let second = try RawClient(port: server.port)
        // An answer to each shows that both are in.
        for client in [first, second] {
            client.send("GET /x HTTP/1.1\r\nHost: x\r\n\r\n")
            #expect(await client.read(until: "GET /x "))
        }
        let text = try await RawClient.exchange(port: server.port, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        #expect(text.hasPrefix("HTTP/1.1 503 ") || text.isEmpty)
        first.send("GET /y HTTP/1.1\r\nHost: x\r\n\r\n")
        #expect(await first.read(until: "GET /y "))
        await server.stop()
    }

    @Test func `a port that is taken, and an address that is none, are said`() async throws {
        let server = try Self.server()
        #expect(throws: HTTPServerError.self) {
            try HTTPServer.start(address: "127.0.0.1", port: server.port) { await Self.echo($0) }
        }
        let error = #expect(throws: HTTPServerError.self) {
            try HTTPServer.start(address: "localhost", port: 0) { await Self.echo($0) }
        }
        #expect(error?.description.contains("no address") == true)
        await server.stop()
    }
}
