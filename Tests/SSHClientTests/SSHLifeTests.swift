// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Foundation
import SSHClient
import Testing

/// Peers that die without a word.
@Suite struct SSHLifeTests {
    private func client(deadPeerAfter limit: Duration) throws -> SSHClient {
        var configuration = SSHClient.Configuration()
        configuration.deadPeerAfter = limit
        return try SSHClient(configuration)
    }

    @Test func `a frozen sshd is given up though its machine still acknowledges`() async throws {
        let server = try TestServer()
        let client = try self.client(deadPeerAfter: .seconds(3))
        let host = try server.host()
        let watch = OutputWatch()
        async let error = sshError { () throws(SSHError) in
            try await client.run("echo here; exec sleep 60", on: host, timeout: .seconds(60), onOutput: watch.handler)
        }
        _ = await watch.first()
        server.signalAll(SIGSTOP)
        defer { server.signalAll(SIGCONT) }
        let start = ContinuousClock.now
        let doubt = try #require(await error)
        #expect(doubt.code == .connectionLost)
        #expect(doubt.commandMayHaveStarted)
        #expect(doubt.message.contains("silent"))
        #expect(ContinuousClock.now - start < .seconds(30))
    }

    @Test func `a command that prints nothing for long is no dead peer`() async throws {
        let server = try TestServer()
        let client = try self.client(deadPeerAfter: .milliseconds(600))
        let result = try await client.run("sleep 2; echo done", on: server.host(), timeout: .seconds(30))
        #expect(result.standardOutput == Array("done\n".utf8))
        #expect(client.counters.sessionsOpened == 1)
    }

    // Method: no bound of time, which a busy machine would miss; the others are done while the frozen one is still waited for.
    @Test func `a frozen host delays no other`() async throws {
        let frozen = try TestServer()
        let other = try TestServer()
        let client = try self.client(deadPeerAfter: .seconds(600))
        let host = try frozen.host()
        #expect(try await client.run("true", on: host, timeout: .seconds(60)).succeeded)
        frozen.signalAll(SIGSTOP)
        defer { frozen.signalAll(SIGCONT) }
        let waiting = Task {
            await sshError { () throws(SSHError) in
                try await client.run("true", on: host, timeout: .seconds(600))
            }
        }
        for _ in 0..<20 {
            #expect(try await client.run("true", on: other.host(), timeout: .seconds(120)).succeeded)
        }
        waiting.cancel()
        #expect(await waiting.value?.code == .cancelled)
    }
}
