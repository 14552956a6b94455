// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunPlan
import RunVocabulary
import RunbookSource
import RunbookYAML
import SelfhealConfiguration
import TestSupport
import Testing

@Suite struct AccessTests {
    static func node(_ ssh: String, rest: String = "", environment: [String: String] = [:]) -> Loaded {
        Loaded(
            "cluster: { zookeeper_nodes: [{ host: zk1, ssh: \(ssh) }] }\n" + rest,
            environment: environment
        )
    }

    @Test func `a node's own access wins over the one for all`() throws {
        let loaded = Self.node(
            "{ address: 10.0.0.1, user: root, host_keys: ['\(hostKey)'], identity_file: keys/zk }",
            rest: "ssh: { user: selfheal, port: 2222, identity_file: ~/.ssh/id_ed25519 }\n",
            environment: ["HOME": "/home/ada"]
        )
        #expect(loaded.diagnostics == [])
        #expect(
            loaded.configuration?.inventory["zk1"]?.ssh
                == SSHAccess(
                    address: "10.0.0.1",
                    port: 2_222,
                    user: "root",
                    hostKeys: [hostKey],
                    identityFile: "/etc/selfheal/keys/zk"
                )
        )
    }

    @Test func `the home folder is where the environment says`() {
        let rest = "ssh: { user: selfheal, identity_file: ~/.ssh/id_ed25519 }\n"
        let loaded = Self.node("{ host_key: '\(hostKey)' }", rest: rest, environment: ["HOME": "/home/ada"])
        #expect(loaded.configuration?.inventory["zk1"]?.ssh?.identityFile == "/home/ada/.ssh/id_ed25519")
        #expect(loaded.configuration?.inventory["zk1"]?.ssh?.port == 22)
    }

    @Test func `who logs in, and with what, has to be said`() {
        let loaded = Self.node("❶{ host_key: '\(hostKey)' }❶")
        #expect(loaded.diagnostics.map(\.code.number) == [103, 103])
        #expect(loaded.diagnostics.map(\.span) == [loaded.source["❶"], loaded.source["❶"]])
    }

    @Test func `a node without a key can be looked at and not touched`() {
        let rest = "ssh: { user: u, identity_file: /k }\n"
        let bare = Loaded("cluster: { zookeeper_nodes: [{ host: ❶zk1❶ }] }\n" + rest)
        #expect(bare.diagnostics == [.noHostKey("zk1", at: bare.source["❶"])])
        #expect(bare.configuration != nil)
        let keyless = Self.node("❶{ port: 23 }❶", rest: rest)
        #expect(keyless.diagnostics == [.noHostKey("zk1", at: keyless.source["❶"])])
        #expect(keyless.configuration?.inventory["zk1"]?.ssh?.hostKeys == [])
    }

    @Test(arguments: [
        ("SHA256:cKcb1Zd6gXvQ0PjnU6xPOeBvUEB0nYj3TxbcYn8Qm5o", "is a fingerprint, which cannot be pinned"),
        ("zk1 \(hostKey)", "begins with the host's name"),
        ("ssh-dss AAAA", "is of no type that is accepted"),
        ("ssh-ed25519", "is cut off or damaged"),
        (String(hostKey.dropLast()), "is cut off or damaged"),
        (String(hostKey.dropLast(4)), "is cut off or damaged"),
        (hostKey.replacing("AAAAC3", with: "AAAA?3"), "is cut off or damaged"),
        (hostKey.replacing("ssh-ed25519", with: "ssh-rsa"), "says ssh-rsa, and its bytes are of another type"),
        ("", "is empty"),
    ])
    func `a host key that is none is refused, and why`(text: String, problem: String) {
        let loaded = Self.node("{ user: u, identity_file: /k, host_key: ❶'\(text)'❶ }")
        #expect(loaded.diagnostics == [.badHostKey(problem, at: loaded.source["❶"])])
        #expect(loaded.configuration == nil)
    }

    @Test func `a comment behind a host key does no harm`() {
        #expect(Self.node("{ user: u, identity_file: /k, host_key: '\(hostKey) root@zk1' }").diagnostics == [])
    }
}

@Suite struct ServiceTests {
    @Test func `a service is commands, or a word for them`() throws {
        let loaded = Loaded.withCluster(
            """
            services:
              zookeeper: systemctl
              kafka: { systemctl: kafka@prod.service, stop: [/opt/kafka/stop, --drain, "a b"] }
              agent: { start: [/opt/agent, 1] }
            """
        )
        #expect(loaded.diagnostics == [])
        let inventory = try #require(loaded.configuration).inventory
        let node = try #require(inventory["zk1"])
        #expect(inventory.command(of: "zookeeper", .status, on: node) == ["systemctl", "status", "zookeeper"])
        #expect(inventory.command(of: "kafka", .start, on: node) == ["systemctl", "start", "kafka@prod.service"])
        #expect(inventory.command(of: "kafka", .stop, on: node) == ["/opt/kafka/stop", "--drain", "a b"])
        #expect(inventory.command(of: "agent", .start, on: node) == ["/opt/agent", "1"])
        #expect(inventory.command(of: "agent", .stop, on: node) == nil)
    }

    @Test func `a node's own service wins`() throws {
        let loaded = Loaded.withNodes(
            "{ host: a, services: { zookeeper: { start: [/own] } } }",
            rest: "services: { zookeeper: systemctl }\n"
        )
        let inventory = try #require(loaded.configuration).inventory
        #expect(inventory.command(of: "zookeeper", .start, on: try #require(inventory["a"])) == ["/own"])
    }

    @Test func `commands that cannot be are refused where they stand`() {
        let loaded = Loaded.withCluster(
            """
            services:
              a: ❶systemd❶
              b: { start: ❷systemctl start b❷ }
              c: { start: ❸[]❸, ❹reload❹: [x] }
            """
        )
        let source = loaded.source
        #expect(loaded.diagnostics.map(\.code.number) == [104, 101, 513, 102])
        #expect(loaded.diagnostics.map(\.span) == [source["❶"], source["❷"], source["❸"], source["❹"]])
    }
}
