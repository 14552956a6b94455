// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Foundation
import SSHClient
import TestSupport
import Testing

/// A real ssh-agent, which ends with its owner.
private final class TestAgent: @unchecked Sendable {
    let socket: String
    private let process: pid_t

    init(in folder: URL) throws {
        self.socket = folder.appending(path: "agent").path
        self.process = try startProgram("/usr/bin/ssh-agent", ["-D", "-a", self.socket])
        // The socket's file is there a moment before anybody listens; once somebody does, 'ssh-add -l' exits with 1: no keys.
        for _ in 0..<1_000 {
            let question = ["SSH_AUTH_SOCK=\(self.socket)", "ssh-add", "-l"]
            if try runProgram("/usr/bin/env", question) == 1 { return }
            usleep(5_000)
        }
        throw TestServer.Failure(description: "the ssh-agent does not answer")
    }

    deinit {
        self.stop()
    }

    func add(_ path: String) throws {
        try TestServer.run("/usr/bin/env", ["SSH_AUTH_SOCK=\(self.socket)", "ssh-add", "-q", path])
    }

    func signal(_ signal: Int32) {
        kill(self.process, signal)
    }

    func stop() {
        kill(self.process, SIGCONT)
        kill(self.process, SIGKILL)
        waitForEnd(of: self.process)
    }
}

@Suite struct SSHAgentTests {
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

    @Test(arguments: ["ed25519", "ecdsa", "rsa"])
    func `an agent's key lets us in, and of its keys only the named one is used`(type: String) async throws {
        let server = try TestServer()
        let agent = try TestAgent(in: server.folder)
        try server.makeKey("stranger", type: "ed25519")
        try server.makeKey("mine", type: type)
        try server.authorize("mine")
        try agent.add(server.file("stranger").path)
        try agent.add(server.file("mine").path)
        var host = try server.host()
        host.identity = .agent(socket: agent.socket, publicKey: try server.publicKey("mine"))
        for _ in 0..<3 {
            #expect(try await self.client.run("true", on: host, timeout: .seconds(30)).succeeded)
        }
        #expect(self.client.counters.sessionsOpened == 1)
        #expect(try !server.log().contains(try server.publicKey("stranger").fingerprint))
        #expect(try server.log().contains(try server.publicKey("mine").fingerprint))
    }

    @Test func `a key that the agent does not have is named`() async throws {
        let server = try TestServer()
        let agent = try TestAgent(in: server.folder)
        var host = try server.host()
        host.identity = .agent(socket: agent.socket, publicKey: try server.publicKey("user"))
        let error = try await self.refusal(by: host)
        #expect(error.code == .agentUnavailable)
        #expect(error.message.contains(try server.publicKey("user").fingerprint), "\(error.message)")
        try agent.add(server.file("user").path)
        #expect(try await self.client.run("true", on: host, timeout: .seconds(30)).succeeded)
    }

    @Test func `an agent that is gone is said to be`() async throws {
        let server = try TestServer()
        var host = try server.host()
        host.identity = .agent(socket: "/nonexistent/agent", publicKey: try server.publicKey("user"))
        let error = try await self.refusal(by: host)
        #expect(error.code == .agentUnavailable)
        #expect(error.message.contains("/nonexistent/agent"), "\(error.message)")
    }

    @Test func `a key that the host does not know is refused with the agent, too`() async throws {
        let server = try TestServer()
        let agent = try TestAgent(in: server.folder)
        try server.makeKey("stranger", type: "ed25519")
        try agent.add(server.file("stranger").path)
        var host = try server.host()
        host.identity = .agent(socket: agent.socket, publicKey: try server.publicKey("stranger"))
        let error = try await self.refusal(by: host)
        #expect(error.code == .authenticationRefused)
    }

    @Test func `an agent that hangs delays no other host`() async throws {
        let server = try TestServer()
        let agent = try TestAgent(in: server.folder)
        try agent.add(server.file("user").path)
        var slow = try server.host()
        slow.name = "slow"
        slow.identity = .agent(socket: agent.socket, publicKey: try server.publicKey("user"))
        slow.connectTimeout = .seconds(60)
        let quick = try server.host()
        agent.signal(SIGSTOP)
        let host = slow
        async let waiting = self.client.run("true", on: host, timeout: .seconds(60))
        #expect(try await self.client.run("true", on: quick, timeout: .seconds(10)).succeeded)
        agent.signal(SIGCONT)
        #expect(try await waiting.succeeded)
    }
}
