// Selfheal
// SPDX-License-Identifier: Apache-2.0

import HTTPService
import TestSupport
import Testing

/// What a stranger may cost, and that nothing half, late or ambiguous reaches a handler.
@Suite(.serialized) struct HTTPLimitsTests {
    private static let get = "GET /x HTTP/1.1\r\nHost: x\r\n\r\n"

    private static func limits(_ change: (inout HTTPLimits) -> Void) -> HTTPLimits {
        var limits = HTTPLimits()
        change(&limits)
        return limits
    }

    @Test(arguments: [
        ("GET / HTTP/2\r\n\r\n", "400"), ("get / HTTP/1.1\r\nHost: a\r\n\r\n", "400"),
        ("BREW / HTTP/1.1\r\nHost: a\r\n\r\n", "400"), ("GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n", "400"),
        ("CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n", "400"), ("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", "400"),
        ("GET / HTTP/1.1\r\n\r\n", "400"), ("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "400"),
        ("GET / HTTP/1.1\r\nHost: a\n\r\n\r\n", "400"), ("GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n", "400"),
        ("GET / HTTP/1.1\r\nHost : a\r\n\r\n", "400"), ("GET /\u{0} HTTP/1.1\r\nHost: a\r\n\r\n", "400"),
        ("GET / HTTP/1.1\r\nHost: a\r\nX: \u{1}\r\n\r\n", "400"),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n", "400"),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", "400"),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, gzip\r\n\r\n", "400"),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", "400"),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", "400"),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\n", "400"),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n", "400"),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1048577\r\n\r\n", "413"),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 900000000\r\n\r\nabc", "413"),
    ])
    func `what is wrong, or could be understood in two ways, is refused`(text: String, status: String) async throws {
        let served = try await Served()
        #expect(try await served.status(text) == status)
        #expect(served.paths == [])
        await served.server.stop()
    }

    @Test func `a head is given up at its limits`() async throws {
        let served = try await Served()
        let long = String(repeating: "a", count: 17 << 10)
        // Without an end.
        #expect(try await served.status("GET / HTTP/1.1\r\nHost: \(long)") == "431")
        #expect(try await served.status("GET /\(long)") == "431")
        // In pieces, each of which is small.
        let some = (1...40).map { "a\($0): \(long.prefix(500))\r\n" }.joined()
        #expect(try await served.status("GET / HTTP/1.1\r\nHost: a\r\n\(some)\r\n") == "431")
        let many = String(repeating: "a: b\r\n", count: 100)
        #expect(try await served.status("GET / HTTP/1.1\r\nHost: a\r\n\(many)\r\n") == "431")
        #expect(try await served.status("GET /\(long.prefix(3_000)) HTTP/1.1\r\nHost: a\r\n\r\n") == "414")
        // After the body, too.
        let chunked = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n"
        #expect(try await served.status("\(chunked)\(some)\r\n") == "431")
        #expect(served.paths == [])
        await served.server.stop()
    }

    @Test func `a body in chunks has the same limit as any other`() async throws {
        let served = try await Served(Self.limits { $0.bodyBytes = 10 })
        let head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
        #expect(try await served.status("\(head)5\r\nabcde\r\n5\r\nabcde\r\n0\r\n\r\n") == "200")
        #expect(try await served.status("\(head)5\r\nabcde\r\n6\r\nabcdef\r\n0\r\n\r\n") == "413")
        #expect(served.paths == ["/"])
        await served.server.stop()
    }

    @Test func `a body that ends in the middle reaches nobody`() async throws {
        let served = try await Served()
        for head in ["Content-Length: 10\r\n\r\n[{}", "Transfer-Encoding: chunked\r\n\r\n3\r\n[{}\r\n"] {
            let client = try RawClient(port: served.port)
            client.send("POST / HTTP/1.1\r\nHost: x\r\n\(head)")
            client.finish()
            #expect(await client.read().hasPrefix("HTTP/1.1 400 "))
        }
        #expect(served.paths == [])
        await served.server.stop()
    }

    @Test func `rubbish behind a request is refused after its answer`() async throws {
        let served = try await Served()
        let text = try await served.exchange("\(Self.get)\u{1}\u{2} rubbish\r\n\r\n\(Self.get)")
        #expect(text.hasPrefix("HTTP/1.1 200 "))
        #expect(text.components("HTTP/1.1 400 ") == 1)
        #expect(served.paths == ["/x"])
        await served.server.stop()
    }

    @Test func `random bytes are refused or waited for, and never taken for more than they are`() async throws {
        let served = try await Served()
        for _ in 0..<50 {
            let client = try RawClient(port: served.port)
            let scalars = (0..<Int.random(in: 1...600)).map { _ in Character(UnicodeScalar(UInt8.random(in: 0...255))) }
            client.send(String(scalars))
            client.finish()
            let text = await client.read()
            #expect(text.isEmpty || text.hasPrefix("HTTP/1.1 400 "))
        }
        #expect(served.paths == [])
        await served.server.stop()
    }

    @Test(arguments: [
        ("", "\r\n"), ("GET /", "a"), ("GET / HTTP/1.1\r\nHost: x\r\nX-A: ", "a"),
        ("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 50000\r\n\r\n", "a"),
        ("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", "1\r\na\r\n"),
    ])
    func `who sends a request byte by byte is given up in time`(begin: String, drop: String) async throws {
        let served = try await Served(Self.limits { $0.requestTime = .milliseconds(500) })
        let client = try RawClient(port: served.port)
        client.send(begin)
        // Each drop comes well before the time is over, and so it never would be if each began it anew.
        let drip = Task {
            while !Task.isCancelled {
                client.send(drop)
                try? await Task.sleep(for: .milliseconds(100))
            }
        }
        #expect(await client.read(until: "HTTP/1.1 408 "))
        drip.cancel()
        #expect(served.paths == [])
        await served.server.stop()
    }

    @Test func `who begins a request and says no more is told that it took too long`() async throws {
        let served = try await Served(Self.limits { $0.requestTime = .milliseconds(300) })
        for begin in ["GET / HTT", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nabc"] {
            #expect(try await served.status(begin) == "408")
        }
        await served.server.stop()
    }

    @Test(arguments: ["", get])
    func `who says nothing is hung up on`(first: String) async throws {
        let served = try await Served(Self.limits { $0.idleTime = .milliseconds(300) })
        let begin = ContinuousClock.now
        #expect(try await served.exchange(first).components("HTTP/1.1 ") == (first.isEmpty ? 0 : 1))
        #expect(ContinuousClock.now - begin < .seconds(50))
        await served.server.stop()
    }

    /// With one place, the second client is served when the first has lost it.
    @Test func `who does not read an answer is hung up on`() async throws {
        let limits = Self.limits {
            $0.connections = 1
            $0.answerTime = .milliseconds(300)
        }
        let length = 64 << 20
        let server = try await HTTPServer.start(address: "127.0.0.1", port: 0, limits: limits) { request in
            HTTPAnswer(200, String(repeating: "a", count: request.path == "/long" ? length : 1))
        }
        let slow = try RawClient(port: server.port)
        slow.send("GET /long HTTP/1.1\r\nHost: x\r\n\r\nGET /long HTTP/1.1\r\nHost: x\r\n\r\n")
        #expect(try await RawClient.get(port: server.port, "/short").text == "a")
        withExtendedLifetime(slow) {}
        await server.stop()
    }

    @Test func `who keeps the connection after the last answer is hung up on`() async throws {
        let limits = Self.limits {
            $0.connections = 1
            $0.leaveTime = .milliseconds(100)
        }
        let served = try await Served(limits)
        let lasting = try RawClient(port: served.port)
        lasting.send("GET /last HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        #expect(await lasting.read(until: "GET /last "))
        let wrong = try RawClient(port: served.port)
        wrong.send("rubbish\r\n\r\n")
        #expect(await wrong.read(until: "HTTP/1.1 400 "))
        #expect(try await served.status("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n") == "200")
        withExtendedLifetime((lasting, wrong)) {}
        await served.server.stop()
    }

    @Test func `who comes when all places are taken waits for one, and the others are served on`() async throws {
        let served = try await Served(Self.limits { $0.connections = 2 })
        var first: RawClient? = try RawClient(port: served.port)
        let second = try RawClient(port: served.port)
        // An answer to each shows that both are in.
        for client in [first, second] {
            client?.send(Self.get)
            #expect(await client?.read(until: "GET /x ") == true)
        }
        let third = try RawClient(port: served.port)
        third.send("GET /third HTTP/1.1\r\nHost: x\r\n\r\n")
        for number in 1...20 {
            second.send("GET /y\(number) HTTP/1.1\r\nHost: x\r\n\r\n")
            #expect(await second.read(until: "GET /y\(number) "))
        }
        #expect(!served.paths.contains("/third"))
        first = nil
        #expect(await third.read(until: "GET /third "))
        await served.server.stop()
    }
}
