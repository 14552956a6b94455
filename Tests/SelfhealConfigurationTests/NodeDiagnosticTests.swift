// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunPlan
import RunVocabulary
import RunbookSource
import RunbookYAML
import SelfhealConfiguration
import TestSupport
import Testing

@Suite struct NodeDiagnosticTests {
    @Test func `a duplicate name points at both nodes`() {
        let loaded = Loaded.withNodes("{ name: ❶zk1❶, host: a }", "{ name: ❷zk1❷, host: b }", "{ host: c }")
        let source = loaded.source
        #expect(loaded.diagnostics == [.duplicateNode("zk1", at: source["❷"], first: source["❶"])])
        #expect(loaded.configuration == nil)
        #expect(
            source.render(loaded.diagnostics[0]) == """
                selfheal.yaml:4:15: error[RB0504]: two nodes are named 'zk1'
                4 |     - { name: zk1, host: b }
                  |               ^^^
                selfheal.yaml:3:15: note: the first is here
                3 |     - { name: zk1, host: a }
                  |               ^^^
                help: give each its own 'name'; a host that runs two services is two nodes
                """
        )
    }

    @Test func `a name taken from the host collides as well`() {
        let loaded = Loaded(
            """
            cluster:
              zookeeper_nodes: [{ host: ❶node1❶ }]
              kafka_brokers: [{ host: ❷node1❷ }]
            """
        )
        let source = loaded.source
        #expect(loaded.diagnostics == [.duplicateNode("node1", at: source["❷"], first: source["❶"])])
    }

    @Test func `ports of one host must differ, whatever they are called`() {
        let loaded = Loaded.withNodes(
            "{ name: a, host: h, port: ❶1❶ }",
            "{ name: b, host: h, jmx_port: ❷1❷ }",
            "{ name: c, host: h, port: 2, ports: { admin: ❸1❸ } }",
            list: "kafka_brokers"
        )
        let source = loaded.source
        #expect(
            loaded.diagnostics == [
                .duplicateAddress("h:1", at: source["❷"], first: source["❶"]),
                .duplicateAddress("h:1", at: source["❸"], first: source["❷"]),
            ]
        )
    }

    @Test func `default ports count, too`() {
        let loaded = Loaded.withNodes("{ name: ❶a❶, host: h }", "{ name: ❷b❷, host: h }", list: "kafka_brokers")
        let source = loaded.source
        #expect(loaded.diagnostics == [.duplicateAddress("h:9092", at: source["❷"], first: source["❶"])])
    }

    @Test func `an id is one node's within a role, and may return in another`() {
        let loaded = Loaded(
            """
            cluster:
              zookeeper_nodes: [{ host: zk1, id: 1 }]
              kafka_brokers: [{ host: kafka1, id: ❶1❶ }, { host: kafka2, id: ❷1❷ }]
            """
        )
        let source = loaded.source
        #expect(
            loaded.diagnostics == [.duplicateID(1, role: "kafka_broker", at: source["❷"], first: source["❶"])]
        )
    }

    @Test(arguments: [0, 65_536, -1]) func `a port is 1 to 65535`(port: Int) {
        let loaded = Loaded.withNodes("{ host: a, port: ❶\(port)❶ }")
        #expect(loaded.diagnostics == [.outOfRange("port", port, 1...65_535, at: loaded.source["❶"])])
    }

    @Test(arguments: [1, 65_535]) func `the outermost ports are ports`(port: Int) {
        #expect(Loaded.withNodes("{ host: a, port: \(port) }").diagnostics == [])
    }

    @Test(arguments: [(1, false), (2, true), (3, false), (4, true), (5, false)])
    func `an even number of voters is warned about`(count: Int, isWarned: Bool) {
        let nodes = (1...count).map { "{ host: zk\($0) }" }.joined(separator: ", ")
        let loaded = Loaded("cluster:\n  ❶zookeeper_nodes❶: [\(nodes), { host: o, voter: false }]\n")
        #expect(loaded.diagnostics == (isWarned ? [.evenVoters(count, at: loaded.source["❶"])] : []))
        #expect(loaded.configuration?.inventory["o"]?.isVoter == false)
    }

    @Test func `a broker is no voter of an ensemble`() {
        #expect(Loaded.withNodes("{ host: a }", "{ host: b }", list: "kafka_brokers").diagnostics == [])
    }

    @Test func `names, hosts and folders that cannot be are refused where they stand`() {
        let loaded = Loaded.withNodes(
            "{ name: ❶a b❶, host: a, data_dir: ❷data❷ }",
            "{ host: ❸-oProxyCommand=x❸ }",
            "{ host: ❹a:2181❹x/y }"
        )
        let source = loaded.source
        #expect(loaded.diagnostics.map(\.code.number) == [508, 510, 509, 509])
        #expect(loaded.diagnostics[0] == .badConfiguredName("a b", what: "node", at: source["❶"]))
        #expect(loaded.diagnostics[1] == .relativeFolder("data_dir", "data", at: source["❷"]))
        #expect(loaded.diagnostics[2] == .badHost("-oProxyCommand=x", at: source["❸"]))
    }

    @Test(arguments: ["::1", "fe80::1%eth0", "10.0.4.7", "kafka-0.kafka-headless.kafka.svc.cluster.local"])
    func `names and addresses of both kinds are hosts`(host: String) {
        #expect(Loaded.withNodes("{ name: a, host: \"\(host)\" }").diagnostics == [])
    }

    @Test func `a misspelt key is an error that knows the right one`() {
        let loaded = Loaded.withNodes("{ host: a, ❶datacentre❶: x }", "{ ❷hots❷: b }", "{ host: c }")
        #expect(loaded.diagnostics.map(\.help) == ["did you mean 'datacenter'?", "did you mean 'host'?"])
        #expect(loaded.diagnostics.map(\.span) == [loaded.source["❶"], loaded.source["❷"]])
    }

    @Test func `two words for one thing are one too many`() {
        let loaded = Loaded.withNodes("{ ❶name❶: a, ❷node_id❷: b, host: c }")
        let source = loaded.source
        #expect(loaded.diagnostics == [.sameMeaning("node_id", "name", at: source["❷"], first: source["❶"])])
    }

    @Test func `a cluster without nodes is refused`() {
        let loaded = Loaded("cluster: ❶{ name: a }❶")
        #expect(loaded.diagnostics.map(\.code.number) == [503])
        #expect(loaded.diagnostics.map(\.span) == [loaded.source["❶"]])
    }

    @Test func `a configuration without a cluster is refused`() {
        #expect(Loaded("people: []").diagnostics.map(\.message) == ["the configuration needs 'cluster'"])
        #expect(Loaded("[]").diagnostics.map(\.code.number) == [101])
        #expect(Loaded("").diagnostics.map(\.code.number) == [1])
        #expect(Loaded("cluster: {").configuration == nil)
    }

    @Test func `what YAML itself has to say is not lost`() {
        let loaded = Loaded.withCluster("store: { folder: a }\nstore: { folder: b }\n")
        #expect(loaded.diagnostics.hasErrors)
        #expect(loaded.configuration == nil)
    }

    @Test func `an anchored mapping that is wrong is wrong once`() {
        let loaded = Loaded(
            """
            cluster:
              kafka_brokers:
                - { <<: &broker { datacenter: east, port: ❶0❶ }, host: a }
                - { <<: *broker, host: b }
            """
        )
        #expect(loaded.diagnostics == [.outOfRange("port", 0, 1...65_535, at: loaded.source["❶"])])
    }
}
