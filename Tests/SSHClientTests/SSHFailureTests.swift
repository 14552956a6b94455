// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Foundation
import SSHClient
import Testing

/// Time-outs, cancellation, and connections that die; above all whether the command may have started.
@Suite struct SSHFailureTests {
    let client: SSHClient

    init() throws {
        self.client = try SSHClient()
    }

    @Test func `a command that takes too long is given up, and the connection stays of use`() async throws {
        let server = try TestServer()
        let host = try server.host()
        var configuration = SSHClient.Configuration()
        configuration.closeGrace = .seconds(600)
        let client = try SSHClient(configuration)
        let error = await sshError { () throws(SSHError) in
            try await client.run("exec sleep 600", on: host, timeout: .seconds(5))
        }
        #expect(error?.code == .timedOut(.command))
        #expect(error?.commandMayHaveStarted == true)
        let result = try await client.run("echo again", on: host, timeout: .seconds(30))
        #expect(result.standardOutput == Array("again\n".utf8))
        #expect(client.counters.sessionsOpened == 1)
    }

    // Goal: a server that keeps the place of each given-up command does not fill up.
    // Method: give up more commands than one connection or the server's MaxSessions allows.
    @Test func `given-up commands do not use up a host`() async throws {
        let server = try TestServer()
        let host = try server.host()
        for _ in 0..<3 {
            await withTaskGroup(of: Void.self) { group in
                for _ in 0..<8 {
                    group.addTask {
                        let error = await sshError { () throws(SSHError) in
                            try await self.client.run("exec sleep 60", on: host, timeout: .seconds(1))
                        }
                        guard case .timedOut = error?.code else {
                            Issue.record("expected to run out of time, not \(String(describing: error))")
                            return
                        }
                    }
                }
            }
        }
        let result = try await self.client.run("true", on: host, timeout: .seconds(30))
        #expect(result.succeeded)
    }

    @Test func `a cancelled command returns at once and may have started`() async throws {
        let server = try TestServer()
        let host = try server.host()
        let watch = OutputWatch()
        let running = Task {
            await sshError { () throws(SSHError) in
                try await self.client.run("echo; sleep 600", on: host, timeout: .seconds(600), onOutput: watch.handler)
            }
        }
        _ = await watch.first()
        let start = ContinuousClock.now
        running.cancel()
        let error = await running.value
        #expect(error?.code == .cancelled)
        #expect(error?.commandMayHaveStarted == true)
        #expect(ContinuousClock.now - start < .seconds(60))
        #expect(try await self.client.run("true", on: host, timeout: .seconds(30)).succeeded)
    }

    @Test func `a command cancelled before it is sent has not started`() async throws {
        let listener = try Listener(backlog: 8)
        let server = try TestServer()
        var host = try server.host()
        host.port = listener.port
        let silent = host
        let waiting = Task {
            await sshError { () throws(SSHError) in
                try await self.client.run("true", on: silent, timeout: .seconds(600))
            }
        }
        waiting.cancel()
        let error = await waiting.value
        #expect(error?.code == .cancelled)
        #expect(error?.commandMayHaveStarted == false)
    }

    @Test func `a port that nobody listens on refuses`() async throws {
        let server = try TestServer()
        var host = try server.host()
        host.port = try TestServer.freePort()
        let error = await Self.error(of: self.client, on: host)
        #expect(error?.code == .connectionRefused)
        #expect(error?.commandMayHaveStarted == false)
        #expect(error?.message.contains("alpha (127.0.0.1:\(host.port))") == true)
    }

    @Test func `a port that swallows connections runs out of time while connecting`() async throws {
        let listener = try Listener(backlog: 0)
        let clients = listener.fill()
        defer {
            for client in clients {
                close(client)
            }
        }
        let server = try TestServer()
        var host = try server.host()
        host.port = listener.port
        host.connectTimeout = .milliseconds(300)
        let error = await Self.error(of: self.client, on: host)
        #expect(error?.code == .timedOut(.connect))
        #expect(error?.commandMayHaveStarted == false)
        #expect(error?.message.contains("0.3 s") == true)
    }

    @Test func `a listener that never greets runs out of time in the handshake`() async throws {
        let listener = try Listener(backlog: 8)
        let server = try TestServer()
        var host = try server.host()
        host.port = listener.port
        host.connectTimeout = .seconds(2)
        let error = await Self.error(of: self.client, on: host)
        #expect(error?.code == .timedOut(.handshake))
        #expect(error?.commandMayHaveStarted == false)
    }

    @Test func `the command's own time limit ends waiting for a connection`() async throws {
        let listener = try Listener(backlog: 8)
        let server = try TestServer()
        var host = try server.host()
        host.port = listener.port
        let error = await sshError { () throws(SSHError) in
            try await self.client.run("true", on: host, timeout: .seconds(2))
        }
        #expect(error?.code == .timedOut(.handshake))
        #expect(error?.commandMayHaveStarted == false)
    }

    @Test func `a name that does not exist is not found`() async throws {
        let server = try TestServer()
        var host = try server.host()
        host.address = "no-such-host.invalid"
        let error = await Self.error(of: self.client, on: host)
        #expect(error?.code == .nameNotFound)
        #expect(error?.commandMayHaveStarted == false)
    }

    @Test func `a name is resolved`() async throws {
        let server = try TestServer()
        var host = try server.host()
        host.address = "localhost"
        #expect(try await self.client.run("true", on: host, timeout: .seconds(30)).succeeded)
    }

    @Test func `a connection killed under a command leaves it in doubt`() async throws {
        let server = try TestServer()
        let host = try server.host()
        let watch = OutputWatch()
        async let running = sshError { () throws(SSHError) in
            try await self.client.run("echo; exec sleep 600", on: host, timeout: .seconds(60), onOutput: watch.handler)
        }
        _ = await watch.first()
        server.killConnections()
        let error = await running
        #expect(error?.code == .connectionLost)
        #expect(error?.commandMayHaveStarted == true)
    }

    @Test func `a restarted server serves the next command`() async throws {
        let server = try TestServer()
        let host = try server.host()
        #expect(try await self.client.run("true", on: host, timeout: .seconds(30)).succeeded)
        server.stop()
        try server.start()
        #expect(try await self.client.run("true", on: host, timeout: .seconds(30)).succeeded)
        #expect(self.client.counters.sessionsOpened == 2)
    }

    // Goal: a kept connection that has died is never the reason that a command fails.
    // Method: kill it and send the next command in the same moment, many times over.
    @Test func `a command meets a connection that has just died and moves to another`() async throws {
        let server = try TestServer()
        let host = try server.host()
        for _ in 0..<20 {
            #expect(try await self.client.run("true", on: host, timeout: .seconds(30)).succeeded)
            server.killConnections()
            let error = await Self.error(of: self.client, on: host)
            // Sent in the last moment is in doubt, and nothing else is allowed to fail.
            #expect(error == nil || error?.commandMayHaveStarted == true)
        }
    }

    @Test func `a server with one place at a time serves eight commands at once`() async throws {
        let server = try TestServer(options: ["MaxSessions 1"])
        let host = try server.host()
        try await withThrowingTaskGroup(of: Bool.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    try await self.client.run("true", on: host, timeout: .seconds(60)).succeeded
                }
            }
            for try await succeeded in group {
                #expect(succeeded)
            }
        }
    }

    @Test func `a server that drops connections at random is asked again`() async throws {
        let server = try TestServer(options: ["MaxStartups 1:60:100"])
        let host = try server.host()
        try await withThrowingTaskGroup(of: Bool.self) { group in
            for _ in 0..<40 {
                group.addTask {
                    try await self.client.run("true", on: host, timeout: .seconds(60)).succeeded
                }
            }
            for try await succeeded in group {
                #expect(succeeded)
            }
        }
    }

    @Test func `a host that says nothing delays no other`() async throws {
        let listener = try Listener(backlog: 64)
        let server = try TestServer()
        let host = try server.host()
        var silent = host
        silent.port = listener.port
        let quiet = silent
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<20 {
                group.addTask {
                    _ = await sshError { () throws(SSHError) in
                        try await self.client.run("true", on: quiet, timeout: .seconds(600))
                    }
                }
            }
            for _ in 0..<20 {
                #expect(try await self.client.run("true", on: host, timeout: .seconds(30)).succeeded)
            }
            group.cancelAll()
            try await group.waitForAll()
        }
    }

    @Test func `a reader that has stopped delays no other`() async throws {
        let server = try TestServer()
        let other = try TestServer()
        let host = try server.host()
        let input = [UInt8](repeating: 0, count: 16 << 20)
        let watch = OutputWatch()
        let stuck = Task {
            await sshError { () throws(SSHError) in
                try await self.client.run(
                    "echo; exec sleep 600",
                    on: host,
                    standardInput: input,
                    timeout: .seconds(600),
                    onOutput: watch.handler
                )
            }
        }
        _ = await watch.first()
        #expect(try await self.client.run("true", on: try other.host(), timeout: .seconds(30)).succeeded)
        #expect(try await self.client.run("true", on: host, timeout: .seconds(30)).succeeded)
        stuck.cancel()
        #expect(await stuck.value?.code == .cancelled)
    }

    @Test func `too many commands are refused rather than queued`() async throws {
        let listener = try Listener(backlog: 8)
        let server = try TestServer()
        var host = try server.host()
        host.port = listener.port
        let silent = host
        var configuration = SSHClient.Configuration()
        configuration.commandLimit = 2
        let client = try SSHClient(configuration)
        // Each is cancelled after the last has been refused.
        let errors = await withTaskGroup(of: SSHError?.self) { group in
            for _ in 0..<3 {
                group.addTask {
                    await sshError { () throws(SSHError) in
                        try await client.run("true", on: silent, timeout: .seconds(600))
                    }
                }
            }
            let first = await group.next() ?? nil
            group.cancelAll()
            return await group.reduce(into: [first]) { $0.append($1) }
        }
        #expect(errors.map { $0?.code } == [.overloaded, .cancelled, .cancelled])
    }

    @Test func `with no time to idle each command gets its own connection`() async throws {
        let server = try TestServer()
        let host = try server.host()
        var configuration = SSHClient.Configuration()
        configuration.idleTimeout = .zero
        let client = try SSHClient(configuration)
        for _ in 0..<3 {
            #expect(try await client.run("true", on: host, timeout: .seconds(30)).succeeded)
        }
        await client.shutDown()
        #expect(client.counters.sessionsOpened == 3)
        #expect(client.counters.sessionsClosed == 3)
    }

    private static func error(of client: SSHClient, on host: SSHHost) async -> SSHError? {
        await sshError { () throws(SSHError) in
            try await client.run("true", on: host, timeout: .seconds(30))
        }
    }
}
