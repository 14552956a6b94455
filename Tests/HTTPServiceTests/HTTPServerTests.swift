// Selfheal
// SPDX-License-Identifier: Apache-2.0

import HTTPService
import TestSupport
import Testing

@Suite(.serialized) struct HTTPServerTests {
    private static let get = "GET /x HTTP/1.1\r\nHost: x\r\n\r\n"

    @Test func `requests on one connection are answered one after the other`() async throws {
        let served = try await Served()
        let text = try await served.exchange(
            "POST /a?b=c HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhiGET /b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        )
        #expect(text.components("HTTP/1.1 200 OK") == 2)
        #expect(text.contains("POST /a hi"))
        #expect(text.hasSuffix("GET /b "))
        await served.server.stop()
    }

    @Test func `headers and body come through as they were sent`() async throws {
        let server = try await HTTPServer.start(address: "127.0.0.1", port: 0) { request in
            let words = ["x-a", "x-twice", "x-none"].map { request.header($0) ?? "-" }
            return HTTPAnswer(202, words.joined(separator: "|"), headers: [HTTPHeader("Allow", "GET")])
        }
        let text = try await RawClient.exchange(
            port: server.port,
            "GET / HTTP/1.1\r\nHost: x\r\nX-A:  b \t\r\nX-Twice: 1\r\nx-twice: 2\r\nConnection: close\r\n\r\n"
        )
        #expect(text.hasPrefix("HTTP/1.1 202 Accepted\r\n"))
        #expect(text.contains("\r\nAllow: GET\r\n"))
        #expect(text.hasSuffix("\r\n\r\nb|-|-"))
        await server.stop()
    }

    @Test func `HEAD is answered by the head alone`() async throws {
        let served = try await Served()
        let text = try await served.exchange("HEAD /x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        #expect(text.hasPrefix("HTTP/1.1 200 OK\r\n"))
        #expect(text.contains("Content-Length: 8\r\n") || text.contains("content-length: 8\r\n"))
        #expect(text.hasSuffix("\r\n\r\n"))
        await served.server.stop()
    }

    @Test func `a body in chunks is taken`() async throws {
        let served = try await Served()
        let text = try await served.exchange(
            "POST /c HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n3\r\nabc\r\n2;a=b\r\nde\r\n0\r\n\r\n"
        )
        #expect(text.hasSuffix("POST /c abcde"))
        await served.server.stop()
    }

    @Test func `who asks before sending is told to go on`() async throws {
        let served = try await Served()
        let client = try RawClient(port: served.port)
        client.send(
            "PUT /p HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n"
        )
        #expect(await client.read(until: "HTTP/1.1 100 Continue\r\n\r\n"))
        client.send("ok")
        #expect(await client.read().hasSuffix("PUT /p ok"))
        await served.server.stop()
    }

    @Test func `a thousand requests at once are answered in their order`() async throws {
        let served = try await Served()
        let requests = (1...1_000).map { "GET /\($0) HTTP/1.1\r\nHost: x\r\n\r\n" }.joined()
        let text = try await served.exchange("\(requests)GET /last HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        #expect(text.components("HTTP/1.1 200 OK") == 1_001)
        #expect(text.hasSuffix("GET /last "))
        #expect(served.paths == (1...1_000).map { "/\($0)" } + ["/last"])
        await served.server.stop()
    }

    @Test func `who says that nothing more comes is answered`() async throws {
        let served = try await Served()
        let client = try RawClient(port: served.port)
        client.send(Self.get)
        client.finish()
        #expect(await client.read().hasSuffix("GET /x "))
        await served.server.stop()
    }

    @Test func `an old client is answered and hung up on`() async throws {
        let served = try await Served()
        let text = try await served.exchange("GET /old HTTP/1.0\r\n\r\n")
        #expect(text.hasSuffix("GET /old "))
        await served.server.stop()
    }

    @Test func `who waits for an answer gets it when the server stops`() async throws {
        let gate = Gate()
        let began = Gate()
        let server = try await HTTPServer.start(address: "127.0.0.1", port: 0) { _ in
            began.open()
            await gate.pass()
            return HTTPAnswer(200, "at last")
        }
        let client = try RawClient(port: server.port)
        client.send(Self.get)
        await began.pass()
        let idle = try RawClient(port: server.port)
        async let stopped: Void = server.stop(grace: .seconds(120))
        // Nobody further is let in, and who waits for nothing is hung up on.
        #expect(try await eventually { (try? RawClient(port: server.port)) == nil })
        #expect(await idle.read().isEmpty)
        gate.open()
        #expect(await client.read().hasSuffix("at last"))
        await stopped
    }

    @Test func `when the grace is over, the server stops all the same`() async throws {
        let (began, never) = (Gate(), Gate())
        let server = try await HTTPServer.start(address: "127.0.0.1", port: 0) { _ in
            began.open()
            await never.pass()
            return HTTPAnswer(200, "too late")
        }
        let client = try RawClient(port: server.port)
        client.send(Self.get)
        await began.pass()
        await server.stop(grace: .milliseconds(100))
        #expect(await client.read().isEmpty)
    }

    @Test func `the end of a server that nobody asked to end is noticed`() async throws {
        let served = try await Served()
        let client = try RawClient(port: served.port)
        // Only who was let in before is served on.
        client.send(Self.get)
        #expect(await client.read(until: "GET /x "))
        async let closed: Void = served.server.untilClosed()
        #expect(ListeningSocket.fail(port: served.port))
        await closed
        #expect((try? RawClient(port: served.port)) == nil)
        // Whoever was connected is served on, until the server is told to let go.
        client.send(Self.get)
        #expect(await client.read(until: "GET /x "))
        await served.server.stop()
        #expect(await client.read().isEmpty)
        let next = try await HTTPServer.start(address: "127.0.0.1", port: served.port) { _ in HTTPAnswer(200, "next") }
        await next.stop()
    }

    // Goal: a client that nobody serves any more costs that client its connection, and not everybody the process.
    @Test func `who comes while the port closes is hung up on`() async throws {
        for _ in 0..<20 {
            let served = try await Served()
            let clients = try (0..<8).map { _ in try RawClient(port: served.port) }
            async let closed: Void = served.server.untilClosed()
            #expect(ListeningSocket.fail(port: served.port))
            await closed
            await served.server.stop(grace: .zero)
            for client in clients {
                #expect(await client.read().isEmpty)
            }
        }
    }

    @Test func `who waits for the end of a server need not wait for ever`() async throws {
        let served = try await Served()
        let waiting = Task { await served.server.untilClosed() }
        waiting.cancel()
        await waiting.value
        #expect(try await served.status("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n") == "200")
        await served.server.stop()
    }

    @Test func `a port is free again when its server has stopped`() async throws {
        let first = try await Served()
        _ = try await first.exchange("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        await first.server.stop()
        let second = try await HTTPServer.start(address: "127.0.0.1", port: first.port) { _ in HTTPAnswer(200, "here") }
        #expect(second.port == first.port)
        await second.stop()
    }

    @Test func `a port that is taken, and an address that is none, are said`() async throws {
        let served = try await Served()
        let taken = await #expect(throws: HTTPServerError.self) {
            try await HTTPServer.start(address: "127.0.0.1", port: served.port) { _ in HTTPAnswer(200, "") }
        }
        #expect(taken?.description == "cannot listen on 127.0.0.1, port \(served.port): Address already in use")
        let error = await #expect(throws: HTTPServerError.self) {
            try await HTTPServer.start(address: "localhost", port: 0) { _ in HTTPAnswer(200, "") }
        }
        #expect(error?.description.contains("no address") == true)
        await served.server.stop()
    }
}
