// Selfheal
// SPDX-License-Identifier: Apache-2.0

import CurlTransfer
import RunCore
import RunVocabulary
import Synchronization
import TestSupport
import Testing
import WorldAdapters

/// Requests against a server on loopback that does what each test says.
@Suite struct RequestRunnerTests {
    private static func act(
        _ port: UInt16,
        method: String = "POST",
        effect: EffectClass = .changes,
        repeating: RepeatPolicy = .never,
        timeout: Milliseconds = .seconds(5)
    ) -> Act {
        Act(
            effect: "r1.ask.1",
            step: "ask",
            target: nil,
            attempt: 1,
            command: .request(
                Act.Request(
                    method: method,
                    url: "http://127.0.0.1:\(port)/x",
                    headers: [Act.Variable(name: "X-Run", value: "r1")],
                    body: method == "GET" ? nil : Act.Variable(name: "body", value: "a=1"),
                    expected: [200...299]
                )
            ),
            summary: "ask",
            effectClass: effect,
            repeating: repeating,
            timeout: timeout,
            askedAt: SystemWallClock().now
        )
    }

    private static func with<Value>(
        _ script: @escaping @Sendable (ScriptedConnection, Int) -> Void,
        _ body: (CurlRequestRunner, UInt16) async throws -> Value
    ) async throws -> Value {
        let server = try ScriptedServer(script)
        let transfer = CurlTransfer()
        let value = try await body(CurlRequestRunner(transfer: transfer), server.port)
        await transfer.shutdown()
        server.stop()
        return value
    }

    private static func answer(_ connection: ScriptedConnection, _ body: String, status: String = "200 OK") {
        connection.answer(status, headers: ["Connection: close"], body: body)
    }

    @Test func `a request arrives as it was written, and its answer comes back`() async throws {
        let heard: Mutex<ScriptedConnection.Request?> = Mutex(nil)
        let report = try await Self.with { connection, _ in
            let request = connection.request()
            heard.withLock { $0 = request }
            Self.answer(connection, "{\"id\": 7}", status: "202 Accepted")
        } _: { runner, port in
            await runner.send(Self.act(port, repeating: .guarded))
        }
        #expect(report == CommandReport(.exited(status: 202), standardOutput: "{\"id\": 7}"))
        let request = try #require(heard.withLock { $0 })
        #expect(request.head.first == "POST /x HTTP/1.1")
        #expect(request.header("x-run") == "r1")
        #expect(request.header("idempotency-key") == "r1.ask.1")
        #expect(request.text == "a=1")
    }

    // Goal: whatever may have been acted upon is never called unsent.
    @Test func `a connection that is cut after sending leaves it in doubt, one that is refused does not`() async throws
    {
        let cut = try await Self.with { connection, _ in
            _ = connection.request()
        } _: { runner, port in
            await runner.send(Self.act(port))
        }
        guard case .inDoubt = cut.ending else {
            Issue.record("\(cut)")
            return
        }
        let closed = try ScriptedServer { _, _ in }
        let port = closed.port
        closed.stop()
        let transfer = CurlTransfer()
        let runner = CurlRequestRunner(transfer: transfer)
        // The port is free once the listener has gone.
        var refused = await runner.send(Self.act(port))
        for _ in 0..<100 {
            if case .notSent = refused.ending { break }
            try await Task.sleep(for: .milliseconds(20))
            refused = await runner.send(Self.act(port))
        }
        guard case .notSent = refused.ending else {
            Issue.record("\(refused)")
            return
        }
        // The same refusal means something else to an engine that has sent it before.
        guard case .inDoubt = await runner.inquire(Self.act(port, repeating: .guarded)).ending else {
            Issue.record("what was sent in an earlier life cannot be unsent")
            return
        }
        await transfer.shutdown()
    }

    @Test func `a request that only reads has failed when it is not answered, and is in no doubt`() async throws {
        let reports = try await Self.with { connection, number in
            _ = connection.request()
            if number == 1 { connection.waitUntilClosed() }
        } _: { runner, port in
            let cut = await runner.send(Self.act(port, method: "GET", effect: .reads, repeating: .safe))
            let late = await runner.send(
                Self.act(port, method: "GET", effect: .reads, repeating: .safe, timeout: Milliseconds(300))
            )
            return (cut, late)
        }
        #expect(reports.0.ending == .exited(status: 0))
        #expect(reports.1.ending == .timedOut)
    }

    @Test func `a request that may be sent twice has failed when it is not answered`() async throws {
        let report = try await Self.with { connection, _ in
            _ = connection.request()
        } _: { runner, port in
            await runner.send(Self.act(port, repeating: .safe))
        }
        #expect(report.ending == .exited(status: 0))
        #expect(!report.standardError.isEmpty)
    }

    @Test func `a time-out after sending is in doubt`() async throws {
        let report = try await Self.with { connection, _ in
            _ = connection.request()
            connection.waitUntilClosed()
        } _: { runner, port in
            await runner.send(Self.act(port, timeout: Milliseconds(300)))
        }
        guard case .inDoubt = report.ending else {
            Issue.record("\(report)")
            return
        }
    }

    @Test func `stopping ends it, and says that nobody knows`() async throws {
        let report = try await Self.with { connection, _ in
            _ = connection.request()
            connection.waitUntilClosed()
        } _: { runner, port in
            async let report = runner.send(Self.act(port))
            while await !runner.stop("r1.ask.1") {
                try await Task.sleep(for: .milliseconds(10))
            }
            return await report
        }
        switch report.ending {
        case .inDoubt, .stopped: break
        default: Issue.record("\(report)")
        }
    }

    @Test func `after a crash only what has a key or is safe is sent again`() async throws {
        let count = Mutex(0)
        try await Self.with { connection, _ in
            _ = connection.request()
            count.withLock { $0 += 1 }
            Self.answer(connection, "")
        } _: { runner, port in
            guard case .inDoubt = await runner.inquire(Self.act(port)).ending else {
                Issue.record("it was sent again")
                return
            }
            #expect(count.withLock { $0 } == 0)
            #expect(await runner.inquire(Self.act(port, repeating: .guarded)).ending == .exited(status: 200))
        }
        #expect(count.withLock { $0 } == 1)
    }

    @Test func `a long answer is cut, and says so`() async throws {
        let report = try await Self.with { connection, _ in
            _ = connection.request()
            Self.answer(connection, String(repeating: "x", count: 100_000))
        } _: { runner, port in
            await runner.send(Self.act(port, method: "GET", effect: .reads, repeating: .safe))
        }
        #expect(report.isOutputCut)
        #expect(report.standardOutput.utf8.count == CommandReport.outputLimit)
    }
}
