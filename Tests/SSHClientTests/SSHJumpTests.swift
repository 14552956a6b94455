// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Foundation
import SSHClient
import Testing

/// Hosts that are reached through others.
@Suite struct SSHJumpTests {
    let client: SSHClient

    init() throws {
        self.client = try SSHClient()
    }

    private func refusal(by host: SSHHost) async throws -> SSHError {
        let error = await sshError { () throws(SSHError) in
            try await self.client.run("true", on: host, timeout: .seconds(30))
        }
        let refusal = try #require(error)
        #expect(!refusal.commandMayHaveStarted)
        return refusal
    }

    private func host(_ server: TestServer, behind jumps: [SSHHost]) throws -> SSHHost {
        var host = try server.host()
        host.name = "inner"
        host.jumps = jumps
        return host
    }

    @Test func `a host behind another is reached through it`() async throws {
        let outer = try TestServer()
        let inner = try TestServer()
        let host = try self.host(inner, behind: [outer.host()])
        let result = try await self.client.run("echo $SELFHEAL_TEST_SERVER", on: host, timeout: .seconds(30))
        #expect(String(decoding: result.standardOutput, as: UTF8.self) == "\(inner.folder.lastPathComponent)\n")
        #expect(self.client.counters.sessionsOpened == 2)
        #expect(try inner.log().contains("Accepted publickey"))
    }

    @Test func `three hosts on the way carry a megabyte there and back`() async throws {
        let servers = try (0..<3).map { _ in try TestServer() }
        let inner = try TestServer()
        let host = try self.host(inner, behind: servers.map { try $0.host() })
        let input = (0..<1_048_576).map { UInt8(truncatingIfNeeded: $0 &* 2_654_435_761 >> 7) }
        let result = try await self.client.run(
            "cat",
            on: host,
            standardInput: input,
            timeout: .seconds(60),
            outputLimit: 2 << 20
        )
        #expect(result.standardOutput == input)
        #expect(self.client.counters.sessionsOpened == 4)
    }

    @Test func `many hosts share the connection to their jump host, which commands use as well`() async throws {
        let outer = try TestServer()
        let inner = try TestServer()
        let jump = try outer.host()
        let hosts = try (0..<12).map { number in
            var host = try self.host(inner, behind: [jump])
            host.name = "inner\(number)"
            return host
        }
        await withTaskGroup(of: Bool.self) { group in
            for host in hosts + [jump] {
                group.addTask {
                    (try? await self.client.run("true", on: host, timeout: .seconds(60)))?.succeeded ?? false
                }
            }
            for await succeeded in group {
                #expect(succeeded)
            }
        }
        #expect(self.client.counters.sessionsOpened <= 12 + 2)
    }

    @Test func `a changed key of the jump host stops everything, and the message says where`() async throws {
        let outer = try TestServer()
        let inner = try TestServer()
        var jump = try outer.host()
        jump.name = "bastion"
        jump.hostKeys = [try inner.hostKey()]
        let error = try await self.refusal(by: self.host(inner, behind: [jump]))
        #expect(error.code == .changedHostKey)
        #expect(error.message.contains("inner"))
        #expect(error.message.contains("bastion"))
        #expect(try !outer.log().contains("publickey"))
        #expect(try !inner.log().contains("publickey"))
    }

    @Test func `the key of the host behind is pinned all the same`() async throws {
        let outer = try TestServer()
        let inner = try TestServer()
        var host = try self.host(inner, behind: [outer.host()])
        host.hostKeys = [try outer.hostKey()]
        let error = try await self.refusal(by: host)
        #expect(error.code == .changedHostKey)
        #expect(try !inner.log().contains("publickey"))
        #expect(self.client.counters.commandsSent == 0)
    }

    @Test func `a jump host that forwards nothing says so`() async throws {
        let outer = try TestServer(options: ["AllowTcpForwarding no"])
        let inner = try TestServer()
        let error = try await self.refusal(by: self.host(inner, behind: [outer.host()]))
        #expect(error.code == .unreachable)
        #expect(error.message.contains("AllowTcpForwarding"))
    }

    @Test func `a host that is down behind its jump host is unreachable`() async throws {
        let outer = try TestServer()
        let inner = try TestServer()
        inner.stop()
        let error = try await self.refusal(by: self.host(inner, behind: [outer.host()]))
        #expect(error.code == .unreachable)
    }

    @Test func `a jump host that dies under a command leaves it in doubt`() async throws {
        let outer = try TestServer()
        let inner = try TestServer()
        let host = try self.host(inner, behind: [outer.host()])
        let watch = OutputWatch()
        async let error = sshError { () throws(SSHError) in
            try await self.client.run(
                "echo here; exec sleep 60",
                on: host,
                timeout: .seconds(60),
                onOutput: watch.handler
            )
        }
        _ = await watch.first()
        outer.killConnections()
        let doubt = try #require(await error)
        #expect(doubt.code == .connectionLost)
        #expect(doubt.commandMayHaveStarted)
        let result = try await self.client.run("true", on: host, timeout: .seconds(30))
        #expect(result.succeeded)
    }

    @Test func `no more than three hosts may be on the way, and a way has no ways of its own`() async throws {
        let server = try TestServer()
        let jump = try server.host()
        let far = try self.host(server, behind: [jump, jump, jump, jump])
        #expect(try await self.refusal(by: far).code == .invalidHost)
        let nested = try self.host(server, behind: [self.host(server, behind: [jump])])
        #expect(try await self.refusal(by: nested).code == .invalidHost)
    }
}
