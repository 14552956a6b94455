// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Probes

@Suite struct HTTPResponseTests {
    @Test func `status, headers and body are told apart`() throws {
        let response = try HTTPResponse(
            parsing: "HTTP/1.1 200 OK\r\nContent-Type:  application/json \r\nX-Empty:\r\n\r\n{\"a\":1}\r\n".bytes
        )
        #expect(response.status == 200)
        #expect(response.reason == "OK")
        #expect(response.header("content-type") == "application/json")
        #expect(response.header("X-Empty") == "")
        #expect(response.header("X-Absent") == nil)
        #expect(response.body == "{\"a\":1}\r\n".bytes)
    }

    @Test func `a status without a reason and lines without a carriage return are borne`() throws {
        let response = try HTTPResponse(parsing: "HTTP/1.0 503\nA: b\n\nno".bytes)
        #expect(response.status == 503)
        #expect(response.reason == "")
        #expect(response.body == "no".bytes)
    }

    @Test func `an announced length ends the body`() throws {
        let response = try HTTPResponse(parsing: "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcdef".bytes)
        #expect(response.body == "abc".bytes)
    }

    @Test func `chunks are joined`() throws {
        let response = try HTTPResponse(
            parsing: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\n\r\n"
                .bytes
        )
        #expect(response.body == "abc0123456789".bytes)
    }

    @Test(arguments: [
        ("", HTTPResponse.Malformed.notHTTP),
        ("This ZooKeeper instance is not currently serving requests\n", .notHTTP),
        ("HTTP/1.1 abc OK\r\n\r\n", .notHTTP),
        ("HTTP/1.1\r\n\r\n", .notHTTP),
        ("HTTP/1.1 200 OK\r\nA: b\r\n", .headersUnfinished),
        ("HTTP/1.1 200 OK\r\nnonsense\r\n\r\n", .badHeader),
        ("HTTP/1.1 200 OK\r\n" + String(repeating: "a: b\r\n", count: 300) + "\r\n", .tooManyHeaders),
        ("HTTP/1.1 200 OK\r\na: " + String(repeating: "b", count: 70_000) + "\r\n\r\n", .tooManyHeaders),
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc", .bodyCutShort),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc", .bodyCutShort),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n", .badChunk),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n0\r\n\r\n", .badChunk),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-2\r\nabc\r\n0\r\n\r\n", .badChunk),
    ])
    func `what is not a whole response is refused`(text: String, reason: HTTPResponse.Malformed) {
        #expect(throws: reason) { try HTTPResponse(parsing: text.bytes) }
    }
}

@Suite(.timeLimit(.minutes(10))) struct HTTPProbeTests {
    let prober: SocketProber

    init() throws {
        self.prober = try SocketProber()
    }

    private static func readRequest(from connection: Int32) -> String {
        var request: [UInt8] = []
        while !request.suffix(4).elementsEqual("\r\n\r\n".bytes) {
            let next = readBytes(1, from: connection)
            if next.isEmpty { break }
            request += next
        }
        return String(decoding: request, as: UTF8.self)
    }

    @Test func `a GET asks for the path and reads the answer`() async throws {
        let server = try LoopbackServer { connection in
            let request = Self.readRequest(from: connection)
            writeBytes("HTTP/1.0 404 Not Found\r\n\r\n\(request)".bytes, to: connection)
        }
        defer { server.stop() }
        let probe = HTTPProbe(address: "127.0.0.1", port: server.port, path: "/x?y=1", timeout: .seconds(20))
        guard case .answered(let response) = await probe.get(using: self.prober) else {
            Issue.record("no answer")
            return
        }
        #expect(response.status == 404)
        #expect(
            String(decoding: response.body, as: UTF8.self)
                == "GET /x?y=1 HTTP/1.0\r\nHost: 127.0.0.1:\(server.port)\r\nUser-Agent: selfheal\r\nAccept: */*\r\n"
                + "Connection: close\r\n\r\n"
        )
    }

    @Test func `an answer of known length counts even if the server does not close`() async throws {
        let server = try LoopbackServer(handling: .threadEach) { connection in
            _ = Self.readRequest(from: connection)
            writeBytes("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok".bytes, to: connection)
            readToEnd(of: connection)
        }
        defer { server.stop() }
        let probe = HTTPProbe(address: "127.0.0.1", port: server.port, timeout: .milliseconds(200))
        guard case .answered(let response) = await probe.get(using: self.prober) else {
            Issue.record("no answer")
            return
        }
        #expect(response.body == "ok".bytes)
    }

    @Test(arguments: ["x", "/a b", "/a\r\nHost: evil", "/ä"])
    func `a path that would change the request is not sent`(path: String) async {
        let probe = HTTPProbe(address: "127.0.0.1", port: 1, path: path, timeout: .seconds(20))
        guard case .failed(.notTried) = await probe.get(using: self.prober) else {
            Issue.record("the request was sent")
            return
        }
    }

    @Test func `a refused port stays a refusal`() async throws {
        let probe = HTTPProbe(address: "127.0.0.1", port: try LoopbackServer.closedPort(), timeout: .seconds(20))
        #expect(await probe.get(using: self.prober) == .failed(.refused))
    }

    @Test func `a server that is not HTTP is said to be malformed, and so is one that says nothing`() async throws {
        let zero = Duration.zero
        #expect(
            HTTPProbe.answer(from: SocketReply(outcome: .completed, bytes: "imok".bytes, totalDuration: zero))
                == .malformed("the answer does not start with an HTTP status line")
        )
        #expect(
            HTTPProbe.answer(from: SocketReply(outcome: .completed, totalDuration: zero))
                == .malformed("the server closed without an answer")
        )
        #expect(
            HTTPProbe.answer(
                from: SocketReply(
                    outcome: .timedOut(phase: .reply),
                    bytes: "HTTP/1.1 200 OK\r\n\r\nhal".bytes,
                    totalDuration: zero
                )
            ) == .failed(.timedOut(phase: .reply))
        )
    }
}
