// Selfheal
// SPDX-License-Identifier: Apache-2.0

import CurlTransfer
import Foundation
import Synchronization
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(10))) struct HTTPTransferTests {
    @Test func `a request arrives as written and its answer comes back whole`() async throws {
        let server = try ScriptedServer { connection, _ in
            while let request = connection.request() {
                connection.answer(
                    "201 Created",
                    headers: ["X-Seen: \(request.header("x-run") ?? "")", "X-Seen: again"],
                    body: "\(request.head[0])|\(request.text)|\(request.header("content-type") ?? "none")"
                )
            }
        }
        defer { server.stop() }
        let response = try await withTransfer { transfer in
            try await transfer.perform(
                HTTPRequest(
                    method: "POST",
                    url: "http://127.0.0.1:\(server.port)/restart?now=1",
                    headers: [HTTPHeader("X-Run", "r1")],
                    body: Array("grüße".utf8)
                )
            )
        }
        #expect(response.status == 201)
        #expect(String(decoding: response.body, as: UTF8.self) == "POST /restart?now=1 HTTP/1.1|grüße|none")
        #expect(response.header("x-seen") == "r1")
        #expect(response.headers.filter { $0.name == "X-Seen" }.map(\.value) == ["r1", "again"])
        #expect(response.duration > .zero)
    }

    @Test(arguments: ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH"])
    func `every method works without a body`(method: String) async throws {
        let server = try ScriptedServer { connection, _ in
            while let request = connection.request() {
                connection.answer("200 OK", headers: ["X-Line: \(request.head[0])"])
            }
        }
        defer { server.stop() }
        let response = try await withTransfer { transfer in
            try await transfer.perform(HTTPRequest(method: method, url: "http://127.0.0.1:\(server.port)/"))
        }
        #expect(response.status == 200)
        #expect(response.header("X-Line") == "\(method) / HTTP/1.1")
    }

    @Test(arguments: [301, 404, 500])
    func `any status is an answer, and redirects are not followed`(status: Int) async throws {
        let requests = Mutex(0)
        let server = try ScriptedServer { connection, _ in
            while connection.request() != nil {
                requests.withLock { $0 += 1 }
                connection.answer("\(status) Whatever", headers: ["Location: /elsewhere"])
            }
        }
        defer { server.stop() }
        let response = try await withTransfer { transfer in
            try await transfer.perform(HTTPRequest(url: "http://127.0.0.1:\(server.port)/"))
        }
        #expect(response.status == status)
        #expect(requests.withLock { $0 } == 1)
    }

    @Test func `safe requests share a connection and others have one of their own`() async throws {
        let connections = Mutex<[Int]>([])
        let server = try ScriptedServer { connection, number in
            while connection.request() != nil {
                connections.withLock { $0.append(number) }
                connection.answer("200 OK")
            }
        }
        defer { server.stop() }
        try await withTransfer { transfer in
            for method in ["GET", "GET", "POST", "POST"] {
                _ = try await transfer.perform(HTTPRequest(method: method, url: "http://127.0.0.1:\(server.port)/"))
            }
        }
        #expect(connections.withLock { $0 } == [0, 0, 1, 2])
    }

    // Goal: libcurl's own repetition never sends an act twice.
    // Method: a connection is kept, then the server takes the next request and hangs up without a word.
    @Test func `an act that is met with silence is not sent again`() async throws {
        let requests = Mutex<[String]>([])
        let server = try ScriptedServer { connection, _ in
            while let request = connection.request() {
                requests.withLock { $0.append(request.head[0]) }
                if request.head[0].hasPrefix("POST") { return }
                connection.answer("200 OK")
            }
        }
        defer { server.stop() }
        try await withTransfer { transfer in
            _ = try await transfer.perform(HTTPRequest(url: "http://127.0.0.1:\(server.port)/"))
            let error = await #expect(throws: TransferError.self) {
                try await transfer.perform(HTTPRequest(method: "POST", url: "http://127.0.0.1:\(server.port)/"))
            }
            #expect(error?.code == .connectionLost)
            #expect(error?.requestMayHaveArrived == true)
        }
        #expect(requests.withLock { $0 } == ["GET / HTTP/1.1", "POST / HTTP/1.1"])
    }

    @Test func `nobody listening is a refusal that names the place`() async throws {
        let server = try ScriptedServer { _, _ in }
        server.stop()
        let error = try await failure(of: HTTPRequest(url: "http://127.0.0.1:\(server.port)/secret-path"))
        #expect(error.code == .refused)
        #expect(error.host == "http://127.0.0.1:\(server.port)")
        #expect(error.message.hasPrefix("http://127.0.0.1:\(server.port) refused the connection"))
        #expect(error.isRetriable)
        #expect(!error.requestMayHaveArrived)
    }

    @Test func `a server that never answers runs into the timeout, and may have acted`() async throws {
        let server = try ScriptedServer { connection, _ in connection.waitUntilClosed() }
        defer { server.stop() }
        let started = ContinuousClock.now
        let error = try await failure(
            of: HTTPRequest(url: "http://127.0.0.1:\(server.port)/", timeout: .seconds(5))
        )
        #expect(error.code == .timedOut)
        #expect(error.isRetriable)
        #expect(error.requestMayHaveArrived, "\(error)")
        #expect(ContinuousClock.now - started >= .milliseconds(4_990))
    }

    @Test func `an answer beyond its limit is refused`() async throws {
        let server = try ScriptedServer { connection, _ in
            _ = connection.request()
            connection.answer("200 OK", body: String(repeating: "x", count: 1001))
            connection.waitUntilClosed()
        }
        defer { server.stop() }
        let request = HTTPRequest(url: "http://127.0.0.1:\(server.port)/", responseLimit: 1000)
        let error = try await failure(of: request)
        #expect(error.code == .tooLarge)
        #expect(error.message.contains("more than 1000 bytes"))

        var larger = request
        larger.responseLimit = 1001
        let response = try await withTransfer { [larger] in try await $0.perform(larger) }
        #expect(response.body.count == 1001)
    }

    @Test func `endless headers are refused`() async throws {
        let server = try ScriptedServer { connection, _ in
            _ = connection.request()
            connection.send("HTTP/1.1 200 OK\r\n")
            for _ in 0..<100 { connection.send("X-Filler: \(String(repeating: "y", count: 1000))\r\n") }
            connection.waitUntilClosed()
        }
        defer { server.stop() }
        let error = try await failure(of: HTTPRequest(url: "http://127.0.0.1:\(server.port)/"))
        #expect(error.code == .tooLarge)
    }

    @Test func `an answer that is not HTTP is malformed`() async throws {
        let server = try ScriptedServer { connection, _ in
            connection.send("220 mail.example.org ESMTP\r\n")
            connection.waitUntilClosed()
        }
        defer { server.stop() }
        let error = try await failure(of: HTTPRequest(url: "http://127.0.0.1:\(server.port)/"))
        #expect(error.code == .malformedReply)
        #expect(!error.isRetriable)
    }

    @Test func `a name that does not exist is told apart from a refusal`() async throws {
        let error = try await failure(of: HTTPRequest(url: "http://no-such-host.invalid/", timeout: .seconds(20)))
        #expect(error.code == .nameNotFound)
        #expect(error.message.contains("http://no-such-host.invalid"))
    }

    @Test(arguments: [
        "file:///etc/passwd", "smtp://127.0.0.1/", "gopher://127.0.0.1/", "127.0.0.1:80", "http://", "",
        "http://127.0.0.1/a b", "http://127.0.0.1/\r\nX-Injected: 1", "http://127.0.0.1/\0", "http://[::1",
    ])
    func `a URL that is not plain HTTP is refused before anything is sent`(url: String) async throws {
        let error = try await failure(of: HTTPRequest(url: url))
        #expect(error.code == .badURL)
        #expect(!error.isRetriable)
    }

    @Test(arguments: [
        HTTPHeader("X-Run", "r1\r\nX-Injected: 1"), HTTPHeader("X-Run", "r1\nX"), HTTPHeader("X Run", "r1"),
        HTTPHeader("", "r1"), HTTPHeader("X-Run\r\nX-Injected", "1"), HTTPHeader("X-Run", "a\0b"),
        HTTPHeader("Content-Length", "3"),
    ])
    func `a header that would become two is refused`(header: HTTPHeader) async throws {
        let error = try await failure(of: HTTPRequest(url: "http://127.0.0.1:1/", headers: [header]))
        #expect(error.code == .badRequest)
    }

    @Test func `a method that is no word is refused`() async throws {
        let error = try await failure(of: HTTPRequest(method: "GET / HTTP/1.1\r\nX", url: "http://127.0.0.1:1/"))
        #expect(error.code == .badRequest)
    }

    @Test func `neither password nor path of a URL is in an error`() async throws {
        let server = try ScriptedServer { _, _ in }
        server.stop()
        let url = "http://ada:hunter2@127.0.0.1:\(server.port)/services/T0KEN"
        let error = try await failure(
            of: HTTPRequest(url: url, headers: [HTTPHeader("Authorization", "Bearer s3cret")])
        )
        for secret in ["ada", "hunter2", "T0KEN", "s3cret"] {
            #expect(!"\(error) \(error.host) \(String(reflecting: error))".contains(secret))
        }
    }

    @Test func `a socket in the file system is reached and named`() async throws {
        let error = try await failure(
            of: HTTPRequest(url: "http://engine/status", unixSocket: "/nonexistent/engine.sock")
        )
        #expect(error.code == .refused)
        #expect(error.message.contains("/nonexistent/engine.sock"))
    }
}

@Suite(.timeLimit(.minutes(10))) struct TransferLifeTests {
    @Test func `cancelling returns at once and closes the connection`() async throws {
        let (events, says) = AsyncStream.makeStream(of: String.self)
        let server = try ScriptedServer { connection, _ in
            _ = connection.request()
            says.yield("request")
            connection.waitUntilClosed()
            says.yield("closed")
        }
        defer { server.stop() }
        let url = "http://127.0.0.1:\(server.port)/"
        await withTransfer { transfer in
            let task = Task { try await transfer.perform(HTTPRequest(method: "POST", url: url, timeout: .seconds(50))) }
            var seen = events.makeAsyncIterator()
            #expect(await seen.next() == "request")
            task.cancel()
            let error = await #expect(throws: TransferError.self) { try await task.value }
            #expect(error?.code == .cancelled)
            #expect(error?.requestMayHaveArrived == true)
            #expect(await seen.next() == "closed")
        }
    }

    @Test func `a task that is cancelled already sends nothing`() async throws {
        let requests = Mutex(0)
        let server = try ScriptedServer { _, _ in requests.withLock { $0 += 1 } }
        defer { server.stop() }
        let url = "http://127.0.0.1:\(server.port)/"
        await withTransfer { transfer in
            let task = Task {
                withUnsafeCurrentTask { $0?.cancel() }
                return try await transfer.perform(HTTPRequest(url: url))
            }
            let error = await #expect(throws: TransferError.self) { try await task.value }
            #expect(error?.code == .cancelled)
            #expect(error?.requestMayHaveArrived == false)
        }
        #expect(requests.withLock { $0 } == 0)
    }

    @Test func `shutting down ends what is under way and refuses what comes after`() async throws {
        let (events, says) = AsyncStream.makeStream(of: String.self)
        let server = try ScriptedServer { connection, _ in
            _ = connection.request()
            says.yield("request")
            connection.waitUntilClosed()
        }
        defer { server.stop() }
        let url = "http://127.0.0.1:\(server.port)/"
        let transfer = CurlTransfer()
        let task = Task { try await transfer.perform(HTTPRequest(url: url, timeout: .seconds(50))) }
        var seen = events.makeAsyncIterator()
        #expect(await seen.next() == "request")
        await transfer.shutdown()
        let error = await #expect(throws: TransferError.self) { try await task.value }
        #expect(error?.code == .cancelled)
        #expect(error?.message.contains("shutting down") == true)
        #expect(error?.requestMayHaveArrived == true)

        let late = await #expect(throws: TransferError.self) { try await transfer.perform(HTTPRequest(url: url)) }
        #expect(late?.code == .cancelled)
        #expect(late?.requestMayHaveArrived == false)
        await transfer.shutdown()
    }

    @Test func `many transfers at once all find their own answer`() async throws {
        let server = try ScriptedServer { connection, _ in
            while let request = connection.request() { connection.answer("200 OK", body: request.head[0]) }
        }
        defer { server.stop() }
        let port = server.port
        try await withTransfer(limits: .init(concurrency: 8)) { transfer in
            try await withThrowingTaskGroup(of: Bool.self) { group in
                for number in 0..<300 {
                    group.addTask {
                        let url = "http://127.0.0.1:\(port)/\(number)"
                        let response = try await transfer.perform(HTTPRequest(url: url, timeout: .seconds(50)))
                        return String(decoding: response.body, as: UTF8.self) == "GET /\(number) HTTP/1.1"
                    }
                }
                for try await isOwn in group { #expect(isOwn) }
            }
        }
    }

    @Test func `a transfer that finds no place in its time was never sent`() async throws {
        let (events, says) = AsyncStream.makeStream(of: String.self)
        let server = try ScriptedServer { connection, _ in
            _ = connection.request()
            says.yield("request")
            connection.waitUntilClosed()
        }
        defer { server.stop() }
        let url = "http://127.0.0.1:\(server.port)/"
        await withTransfer(limits: .init(concurrency: 1, waiting: 1)) { transfer in
            let first = Task { try await transfer.perform(HTTPRequest(url: url, timeout: .seconds(50))) }
            var seen = events.makeAsyncIterator()
            #expect(await seen.next() == "request")
            let second = await #expect(throws: TransferError.self) {
                try await transfer.perform(HTTPRequest(method: "POST", url: url, timeout: .milliseconds(50)))
            }
            #expect(second?.code == .timedOut)
            #expect(second?.requestMayHaveArrived == false)
            first.cancel()
            _ = await first.result
        }
    }

    @Test func `more waiting transfers than allowed are refused`() async throws {
        let server = try ScriptedServer { connection, _ in connection.waitUntilClosed() }
        defer { server.stop() }
        let url = "http://127.0.0.1:\(server.port)/"
        let codes = await withTransfer(limits: .init(concurrency: 1, waiting: 2)) { transfer in
            await withTaskGroup(of: TransferError.Code?.self) { group in
                for _ in 0..<10 {
                    group.addTask {
                        do throws(TransferError) {
                            _ = try await transfer.perform(HTTPRequest(url: url, timeout: .seconds(5)))
                            return nil
                        } catch {
                            return error.code
                        }
                    }
                }
                return await group.reduce(into: []) { $0.append($1) }
            }
        }
        #expect(codes.count == 10)
        #expect(codes.contains(.overloaded))
        #expect(codes.contains(.timedOut))
        #expect(codes.allSatisfy { $0 == .overloaded || $0 == .timedOut })
    }
}

/// Lends a driver and shuts it down afterwards.
func withTransfer<Value>(
    limits: CurlTransfer.Limits = .init(),
    _ body: (CurlTransfer) async throws -> Value
) async rethrows -> Value {
    let transfer = CurlTransfer(limits: limits)
    do {
        let value = try await body(transfer)
        await transfer.shutdown()
        return value
    } catch {
        await transfer.shutdown()
        throw error
    }
}

func failure(of request: HTTPRequest) async throws -> TransferError {
    try #require(
        await withTransfer { transfer in
            await #expect(throws: TransferError.self) { try await transfer.perform(request) }
        }
    )
}
