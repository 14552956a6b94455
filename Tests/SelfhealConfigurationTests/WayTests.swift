// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunPlan
import RunVocabulary
import RunbookSource
import SelfhealConfiguration
import TestSupport
import Testing

/// Ways to hosts, and what a login proves itself with.
@Suite struct WayTests {
    private static func loaded(_ nodes: String, ssh: String = "", environment: [String: String] = [:]) -> Loaded {
        Loaded(
            """
            cluster: { nodes: [\(nodes)] }
            ssh: { user: u, identity_file: /k, \(ssh) }
            """,
            environment: environment
        )
    }

    private static func node(_ name: String, _ ssh: String = "") -> String {
        "{ host: \(name), ssh: { host_key: '\(hostKey)', \(ssh) } }"
    }

    private static let bastions = """
        jump_hosts: { b1: { address: 10.0.0.1, host_key: '\(hostKey)' }, \
        b2: { address: 10.0.0.2, host_key: '\(hostKey)', user: jump, jump: b1 } }
        """

    private func way(_ loaded: Loaded, to name: NodeName) -> [String] {
        (loaded.configuration?.inventory[name]?.ssh?.jumps ?? []).map { "\($0.access.user)@\($0.access.address)" }
    }

    @Test func `a way leads over a jump host, and over those that it needs itself`() {
        let loaded = Self.loaded(Self.node("a", "jump: b2"), ssh: Self.bastions)
        #expect(loaded.diagnostics == [])
        #expect(self.way(loaded, to: "a") == ["u@10.0.0.1", "jump@10.0.0.2"])
    }

    @Test func `a way leads over a node, and a default is overridden by none`() {
        let nodes = [Self.node("a"), Self.node("edge", "jump: none")].joined(separator: ", ")
        let loaded = Self.loaded(nodes, ssh: "jump: edge")
        #expect(loaded.diagnostics == [])
        #expect(self.way(loaded, to: "a") == ["u@edge"])
        #expect(self.way(loaded, to: "edge") == [])
    }

    @Test func `a list is the way as it is written`() {
        let loaded = Self.loaded(
            [Self.node("a", "jump: [b1, c]"), Self.node("c")].joined(separator: ", "),
            ssh: Self.bastions
        )
        #expect(self.way(loaded, to: "a") == ["u@10.0.0.1", "u@c"])
    }

    @Test(arguments: [
        ("jump: nowhere", 526), ("jump: a", 527), ("jump: [b1, b1]", 527), ("jump: [b2, c, d]", 528),
    ])
    func `a way that cannot be gone is refused`(jump: String, code: UInt16) {
        let nodes = [Self.node("a", jump), Self.node("c"), Self.node("d")].joined(separator: ", ")
        let loaded = Self.loaded(nodes, ssh: Self.bastions)
        #expect(loaded.diagnostics.map(\.code.number) == [code])
    }

    @Test func `two nodes that lead to each other lead nowhere`() {
        let loaded = Self.loaded([Self.node("a", "jump: c"), Self.node("c", "jump: a")].joined(separator: ", "))
        #expect(loaded.diagnostics.map(\.code.number) == [527, 527])
    }

    @Test func `a passphrase is where it is to be had, and its value is never read here`() {
        let ssh = "passphrase: \"${SECRET}\""
        let loaded = Self.loaded(Self.node("a"), ssh: ssh, environment: ["SECRET": "hunter2"])
        #expect(loaded.diagnostics == [])
        #expect(loaded.configuration?.inventory["a"]?.ssh?.passphrase == .variable("SECRET"))
        #expect(!String(reflecting: loaded.configuration).contains("hunter2"))
        let file = Self.loaded(Self.node("a", "passphrase: \"${file:secret}\""))
        #expect(file.configuration?.inventory["a"]?.ssh?.passphrase == .file("/etc/selfheal/secret"))
    }

    @Test func `an agent's key is named`() {
        let loaded = Self.loaded(Self.node("a", "agent: /run/agent, public_key: '\(hostKey)'"))
        #expect(loaded.diagnostics == [])
        let access = loaded.configuration?.inventory["a"]?.ssh
        #expect(access?.agent == AgentAccess(socket: "/run/agent", publicKey: hostKey))
        #expect(access?.identityFile == "")
        let standard = Self.loaded(Self.node("a"), ssh: "agent: true, public_key: '\(hostKey)'")
        #expect(standard.configuration?.inventory["a"]?.ssh?.agent == AgentAccess(socket: nil, publicKey: hostKey))
    }

    @Test func `a known-hosts file pins a node that says nothing`() {
        let loaded = Self.loaded("{ host: a }", ssh: "known_hosts: known")
        #expect(loaded.diagnostics == [])
        #expect(loaded.configuration?.inventory["a"]?.ssh?.knownHosts == "/etc/selfheal/known")
    }

    @Test func `who is become is said by the node, else its role, else for all`() {
        let nodes = """
            { host: a, ssh: { host_key: '\(hostKey)', become: own } }, \
            { host: b, roles: [db], ssh: { host_key: '\(hostKey)' } }, \(Self.node("c"))
            """
        let ssh = "become: { user: all, method: sudo, receipts: /r }, roles: { db: { become: dba } }"
        let inventory = Self.loaded(nodes, ssh: ssh).configuration?.inventory
        #expect(inventory?["a"]?.ssh?.become == Become(user: "own"))
        #expect(inventory?["b"]?.ssh?.become == Become(user: "dba"))
        #expect(inventory?["c"]?.ssh?.become == Become(user: "all", receipts: "/r"))
    }
}
