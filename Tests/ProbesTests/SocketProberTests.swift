// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Glibc
import Synchronization
import Testing

@testable import Probes

@Suite(.timeLimit(.minutes(10))) struct SocketProberTests {
    let prober: SocketProber

    init() throws {
        self.prober = try SocketProber()
    }

    private func ask(
        _ port: UInt16,
        send: String = "ruok",
        readLimit: Int = SocketExchange.defaultReadLimit,
        until: SocketExchange.End = .end,
        timeout: Duration = .seconds(20),
        address: String = "127.0.0.1"
    ) async -> SocketReply {
        await self.prober.exchange(
            SocketExchange(
                address: address,
                port: port,
                send: send.bytes,
                readLimit: readLimit,
                until: until,
                timeout: timeout
            )
        )
    }

    @Test func `an answer is read to its end, with the time it took`() async throws {
        let server = try LoopbackServer { connection in
            writeBytes("got \(String(decoding: readBytes(4, from: connection), as: UTF8.self))".bytes, to: connection)
        }
        defer { server.stop() }
        let reply = await self.ask(server.port)
        #expect(reply.outcome == .completed)
        #expect(reply.bytes == "got ruok".bytes)
        let connectDuration = try #require(reply.connectDuration)
        #expect(connectDuration > .zero && connectDuration <= reply.totalDuration)
    }

    @Test func `an empty answer is completed with nothing, which is not a refusal`() async throws {
        let server = try LoopbackServer { readBytes(4, from: $0) }
        defer { server.stop() }
        let reply = await self.ask(server.port)
        #expect(reply.outcome == .completed)
        #expect(reply.bytes == [])
    }

    @Test(arguments: ["127.0.0.1", "localhost"])
    func `a closed port is refused, by address and by name`(address: String) async throws {
        let reply = await self.ask(try LoopbackServer.closedPort(), address: address)
        #expect(reply.outcome == .refused)
        #expect(reply.connectDuration == nil)
    }

    @Test func `a host that drops packets times out while connecting`() async throws {
        // Nothing accepts, and the queue of the kernel holds one connection: further packets are dropped.
        let server = try LoopbackServer(backlog: 0)
        defer { server.stop() }
        let reply = try await withThrowingTaskGroup(of: SocketReply.self) { group in
            for _ in 0..<8 {
                group.addTask { await self.ask(server.port, timeout: .milliseconds(300)) }
            }
            return try #require(
                await group.reduce(into: [SocketReply]()) { $0.append($1) }
                    .first { $0.outcome == .timedOut(phase: .connect) }
            )
        }
        #expect(reply.connectDuration == nil)
        #expect(reply.totalDuration >= .milliseconds(300))
    }

    @Test func `one byte and then silence times out while reading, and keeps the byte`() async throws {
        let server = try LoopbackServer(handling: .threadEach) { connection in
            readBytes(4, from: connection)
            writeBytes("i".bytes, to: connection)
            readToEnd(of: connection)
        }
        defer { server.stop() }
        // Long enough for a busy machine to send the byte.
        let reply = await self.ask(server.port, timeout: .seconds(5))
        #expect(reply.outcome == .timedOut(phase: .reply))
        #expect(reply.bytes == "i".bytes)
        #expect(reply.connectDuration != nil)
        await server.waitUntilIdle()
    }

    @Test func `an answer over the limit is cut at the limit and said to be too long`() async throws {
        let server = try LoopbackServer(handling: .threadEach) { connection in
            readBytes(4, from: connection)
            writeBytes([UInt8](repeating: 7, count: 3_000_000), to: connection)
        }
        defer { server.stop() }
        let reply = await self.ask(server.port, readLimit: 100_000)
        #expect(reply.outcome == .tooLong)
        #expect(reply.bytes.count == 100_000)
        let fits = await self.ask(server.port, readLimit: 3_000_000)
        #expect(fits.outcome == .completed)
        #expect(fits.bytes.count == 3_000_000)
    }

    @Test func `a broken connection is a reset, not an end`() async throws {
        let server = try LoopbackServer { connection in
            readBytes(4, from: connection)
            resetOnClose(connection)
        }
        defer { server.stop() }
        #expect(await self.ask(server.port).outcome == .reset)
    }

    @Test func `a large question is sent whole through a small window`() async throws {
        let size = 4_000_000
        let server = try LoopbackServer { connection in
            let got = readBytes(size, from: connection)
            writeBytes("\(got.count)".bytes, to: connection)
        }
        defer { server.stop() }
        let reply = await self.ask(server.port, send: String(repeating: "x", count: size))
        #expect(reply.outcome == .completed)
        #expect(reply.bytes == "\(size)".bytes)
    }

    @Test func `reading a given number of bytes does not wait for the end`() async throws {
        let server = try LoopbackServer(handling: .threadEach) { connection in
            writeBytes("12345678".bytes, to: connection)
            readToEnd(of: connection)
        }
        defer { server.stop() }
        let reply = await self.ask(server.port, until: .bytes(6))
        #expect(reply.outcome == .completed)
        #expect(reply.bytes == "123456".bytes)
        #expect(await self.ask(server.port, readLimit: 5, until: .bytes(6)).outcome == .tooLong)
    }

    @Test func `an end before the given number of bytes is told apart`() async throws {
        let server = try LoopbackServer { connection in
            writeBytes("123".bytes, to: connection)
            readBytes(4, from: connection)
        }
        defer { server.stop() }
        let reply = await self.ask(server.port, until: .bytes(6))
        #expect(reply.outcome == .endedEarly)
        #expect(reply.bytes == "123".bytes)
    }

    @Test func `a plain connect needs no answer`() async throws {
        let server = try LoopbackServer { readToEnd(of: $0) }
        defer { server.stop() }
        let reply = await self.ask(server.port, send: "", until: .connected)
        #expect(reply.outcome == .completed)
        await server.waitUntilIdle()
    }

    @Test func `IPv6 works like IPv4`() async throws {
        guard let server = try? LoopbackServer(address: "::1", { writeBytes("six".bytes, to: $0) }) else {
            return  // This host has no IPv6.
        }
        defer { server.stop() }
        let reply = await self.ask(server.port, send: "", address: "::1")
        #expect(reply.outcome == .completed)
        #expect(reply.bytes == "six".bytes)
    }

    @Test func `a name with two addresses is answered by the one that listens`() async throws {
        let server = try LoopbackServer { writeBytes("four".bytes, to: $0) }
        defer { server.stop() }
        let reply = await self.ask(server.port, send: "", address: "localhost")
        #expect(reply.outcome == .completed)
        #expect(reply.bytes == "four".bytes)
    }

    @Test func `a name that does not exist is never called down`() async {
        // Where no name service answers at all, "not found" cannot be said either.
        switch await self.ask(80, timeout: .seconds(30), address: "no-such-host.invalid").outcome {
        case .nameNotFound, .unreachable, .timedOut(.lookup): break
        case let outcome: Issue.record("unexpected: \(outcome)")
        }
    }

    @Test func `a question that cannot be meant is not tried`() async {
        for (address, port) in [("", 1), ("local\u{0}host", 1), ("127.0.0.1", 0)] as [(String, UInt16)] {
            guard case .notTried = await self.ask(port, address: address).outcome else {
                Issue.record("\(address.debugDescription) port \(port) was tried")
                return
            }
        }
    }

    @Test func `a thousand targets are asked at the same time`() async throws {
        // Goal: concurrency is real and nothing is lost or mixed up.
        // Method: the server answers nobody until all thousand are connected, then each with its own number.
        raiseOpenFileLimit()
        let count = 1_000
        let held = Mutex<[Int32]>([])
        let server = try LoopbackServer { connection in
            let all = held.withLock { held in
                held.append(dup(connection))
                return held.count == count ? held : []
            }
            for connection in all {
                writeBytes(readBytes(4, from: connection), to: connection)
                // Both descriptors are closed by now, except the last, whose other one closes on return.
                close(connection)
            }
        }
        defer { server.stop() }
        let prober = try SocketProber(limits: .init(sockets: count))
        let correct = await withTaskGroup(of: Bool.self) { group in
            for number in 0..<count {
                group.addTask {
                    let word = "\(1_000 + number)".bytes
                    let request = SocketExchange(
                        address: "127.0.0.1",
                        port: server.port,
                        send: word,
                        timeout: .seconds(60)
                    )
                    let reply = await prober.exchange(request)
                    return reply.outcome == .completed && reply.bytes == word
                }
            }
            return await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
        }
        #expect(correct == count)
        await prober.shutdown()
    }

    @Test func `more calls than sockets wait their turn, and no socket is lost`() async throws {
        let peak = Mutex((now: 0, highest: 0))
        let server = try LoopbackServer(handling: .threadEach) { connection in
            peak.withLock {
                $0.now += 1
                $0.highest = max($0.highest, $0.now)
            }
            let word = readBytes(4, from: connection)
            // Counted before the answer, since the client may go on as soon as it has that.
            peak.withLock { $0.now -= 1 }
            writeBytes(word, to: connection)
        }
        defer { server.stop() }
        let prober = try SocketProber(limits: .init(sockets: 3))
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<300 {
                group.addTask {
                    let request = SocketExchange(
                        address: "127.0.0.1",
                        port: server.port,
                        send: "ruok".bytes,
                        timeout: .seconds(60)
                    )
                    #expect(await prober.exchange(request).outcome == .completed)
                }
            }
        }
        #expect(peak.withLock { $0.highest } <= 3)
        await prober.shutdown()
        await server.waitUntilIdle()
    }

    @Test func `time spent in line is not blamed on the target`() async throws {
        let server = try LoopbackServer(handling: .threadEach) { readToEnd(of: $0) }
        defer { server.stop() }
        let prober = try SocketProber(limits: .init(sockets: 1))
        let held = try await prober.connect(to: "127.0.0.1", port: server.port, timeout: .seconds(20))
        let request = SocketExchange(address: "127.0.0.1", port: server.port, timeout: .milliseconds(100))
        guard case .notTried(let reason) = await prober.exchange(request).outcome else {
            Issue.record("the exchange was tried although no socket was free")
            return
        }
        #expect(reason.contains("socket limit of 1"))
        held.close()
        await prober.shutdown()
    }

    @Test func `calls beyond the limit are turned away at once`() async throws {
        let (arrivals, arrived) = AsyncStream.makeStream(of: Void.self)
        let server = try LoopbackServer(handling: .threadEach) { connection in
            arrived.yield()
            readToEnd(of: connection)
        }
        defer { server.stop() }
        let prober = try SocketProber(limits: .init(sockets: 4, outstanding: 1))
        let request = SocketExchange(address: "127.0.0.1", port: server.port, timeout: .seconds(60))
        let first = Task { await prober.exchange(request) }
        for await _ in arrivals { break }
        guard case .notTried(let reason) = await prober.exchange(request).outcome else {
            Issue.record("the second call was taken")
            return
        }
        #expect(reason.contains("already under way"))
        first.cancel()
        #expect(await first.value.outcome == .cancelled)
        await prober.shutdown()
    }

    @Test func `cancellation ends an exchange long before its time-out and closes its socket`() async throws {
        let (arrivals, arrived) = AsyncStream.makeStream(of: Void.self)
        let server = try LoopbackServer(handling: .threadEach) { connection in
            arrived.yield()
            readToEnd(of: connection)
        }
        defer { server.stop() }
        let task = Task { await self.ask(server.port, timeout: .seconds(3_600)) }
        for await _ in arrivals { break }
        task.cancel()
        #expect(await task.value.outcome == .cancelled)
        await server.waitUntilIdle()
    }

    @Test func `a task cancelled beforehand asks nothing`() async throws {
        let server = try LoopbackServer(backlog: 0)
        defer { server.stop() }
        let task = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            return await self.ask(server.port, timeout: .seconds(3_600))
        }
        #expect(await task.value.outcome == .cancelled)
    }

    @Test func `shutting down answers everybody and takes nothing more`() async throws {
        let (arrivals, arrived) = AsyncStream.makeStream(of: Void.self)
        let server = try LoopbackServer(handling: .threadEach) { connection in
            arrived.yield()
            readToEnd(of: connection)
        }
        defer { server.stop() }
        let task = Task { await self.ask(server.port, timeout: .seconds(3_600)) }
        for await _ in arrivals { break }
        await self.prober.shutdown()
        #expect(await task.value.outcome == .notTried("the prober is shut down"))
        #expect(await self.ask(server.port).outcome == .notTried("the prober is shut down"))
        await self.prober.shutdown()
        await server.waitUntilIdle()
    }

    @Test func `a socket that met itself is not taken for a server`() throws {
        let port = try LoopbackServer.closedPort()
        let address = try #require(SocketAddress(numeric: "127.0.0.1", port: port))
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        #expect(!address.isLocalEnd(of: descriptor))
        address.withAddress { pointer, length in
            #expect(bind(descriptor, pointer, length) == 0)
            #expect(connect(descriptor, pointer, length) == 0)
        }
        #expect(address.isLocalEnd(of: descriptor))
    }
}

@Suite(.timeLimit(.minutes(10))) struct SocketConnectionTests {
    let prober: SocketProber

    init() throws {
        self.prober = try SocketProber()
    }

    @Test func `requests and replies take turns on one connection`() async throws {
        let server = try LoopbackServer(handling: .threadEach) { connection in
            while true {
                let request = readBytes(3, from: connection)
                guard request.count == 3 else { return }
                writeBytes(request + request, to: connection)
            }
        }
        defer { server.stop() }
        var connection = try await self.prober.connect(to: "127.0.0.1", port: server.port, timeout: .seconds(20))
        for word in ["one", "two", "six"] {
            #expect(
                try await connection.exchange(word.bytes, receiving: 4, timeout: .seconds(20))
                    == (word + word).bytes.dropLast(2)
            )
            #expect(try await connection.receive(2, timeout: .seconds(20)) == word.bytes.suffix(2))
        }
        connection.close()
        await server.waitUntilIdle()
    }

    @Test func `a refused connection throws with the peer's name`() async throws {
        let port = try LoopbackServer.closedPort()
        await #expect(throws: SocketFailure(outcome: .refused, peer: "127.0.0.1:\(port)")) {
            _ = try await self.prober.connect(to: "127.0.0.1", port: port, timeout: .seconds(20))
        }
    }

    @Test func `after a time-out the connection is closed for good`() async throws {
        let server = try LoopbackServer(handling: .threadEach) { readToEnd(of: $0) }
        defer { server.stop() }
        var connection = try await self.prober.connect(to: "127.0.0.1", port: server.port, timeout: .seconds(20))
        do {
            _ = try await connection.receive(1, timeout: .milliseconds(50))
            Issue.record("nothing was sent, yet a byte was received")
        } catch {
            #expect(error.outcome == .timedOut(phase: .reply))
        }
        await server.waitUntilIdle()
        do {
            try await connection.send([1], timeout: .seconds(20))
            Issue.record("the connection was used after its failure")
        } catch {
            guard case .notTried = error.outcome else {
                Issue.record("unexpected: \(error)")
                return
            }
        }
    }

    @Test func `letting go of a connection closes it`() async throws {
        let server = try LoopbackServer(handling: .threadEach) { readToEnd(of: $0) }
        defer { server.stop() }
        for _ in 0..<20 {
            _ = try await self.prober.connect(to: "127.0.0.1", port: server.port, timeout: .seconds(20))
        }
        await server.waitUntilIdle()
    }
}
