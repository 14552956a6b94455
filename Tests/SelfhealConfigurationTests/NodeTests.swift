// Selfheal
// SPDX-License-Identifier: Apache-2.0

import ClusterWatch
import RunPlan
import RunVocabulary
import RunbookSource
import SelfhealConfiguration
import TestSupport
import Testing

@Suite struct NodeTests {
    @Test func `a node is what its list says, and what it adds`() throws {
        let loaded = Loaded(
            """
            cluster:
              zookeeper_nodes: [{ host: zk1, roles: [config_store], labels: { tier: gold }, rack: r1, datacenter: east }]
              kafka_brokers: [{ node_id: kafka-0, host: k, port: 9093, jmx_port: 9999 }]
              nodes:
                - { host: mirror, roles: [mirror], port: 8083 }
                - { host: jump, roles: [bastion] }
                - { host: old, roles: [zookeeper], ports: { client: 2182 }, voter: false }
            """
        )
        #expect(loaded.diagnostics == [])
        let inventory = try #require(loaded.configuration).inventory
        let server = try #require(inventory["zk1"])
        #expect(server.roles == ["zookeeper", "config_store"])
        #expect(server.ports == ["client": 2_181])
        #expect(server.labels == ["tier": "gold"])
        #expect(server.rack == "r1")
        #expect(server.datacenter == "east")
        #expect(server.ssh == nil)
        let broker = try #require(inventory["kafka-0"])
        #expect(broker.ports == ["broker": 9_093, "jmx": 9_999])
        let mirror = try #require(inventory["mirror"])
        #expect(mirror.ports == ["main": 8_083])
        #expect(mirror.monitor == .tcp(port: "main"))
        #expect(inventory["jump"]?.monitor == nil)
        #expect(inventory["old"]?.monitor == .zookeeper(ask: [.srvr]))
    }

    @Test func `the cluster has a name even if nobody gave it one`() {
        #expect(Loaded.withCluster("").configuration?.inventory.clusterName == "kafka")
        #expect(Loaded.withCluster("").configuration?.inventory.clusterID == "")
    }

    @Test func `a named port moves the main one, and may not contradict it`() throws {
        let moved = Loaded.withNodes("{ host: a, ports: { client: 2182 } }")
        #expect(moved.diagnostics == [])
        #expect(moved.configuration?.inventory["a"]?.ports == ["client": 2_182])
        let contradiction = Loaded.withNodes("{ host: a, port: ❶2181❶, ports: { ❷client❷: 2182 } }")
        let source = contradiction.source
        #expect(
            contradiction.diagnostics == [.sameMeaning("client", "port", at: source["❷"], first: source["❶"])]
        )
    }

    @Test func `a port that moved leaves its place to another`() {
        let loaded = Loaded.withNodes(
            "{ name: a, host: h, ports: { client: 1 } }",
            "{ name: b, host: h }",
            "{ host: c }"
        )
        #expect(loaded.diagnostics == [])
    }

    // Goal: what people already have loads, as far as it means something here.
    // Method: a configuration of an earlier tool, whole.
    @Test func `a configuration of an earlier tool loads with warnings alone`() throws {
        let loaded = Loaded(
            """
            cluster:
              kafka_brokers:
                - node_id: "kafka-1"
                  host: "kafka1.example.com"
                  port: 9092
                  jmx_port: 9999
              zookeeper_nodes:
                - node_id: "zk-1"
                  host: "zk1.example.com"
                  port: 2181
            monitoring:
              interval_seconds: 30
              timeout_seconds: 15
              methods: ["socket", ❶"jmx"❶]
            ❷recovery❷:
              max_attempts: ${NOBODY_NEEDS_THIS}
              actions: ["restart_service"]
            notifications:
              smtp:
                host: "smtp.example.com"
                port: 587
                username: "${SMTP_USERNAME}"
                password: "${SMTP_PASSWORD}"
                from_email: "kafka-alerts@example.com"
                to_emails:
                  - "ops@example.com"
              ❸escalation❸:
                enabled: true
            security:
              ❹ssl❹: { enabled: true }
            ❺logging❺:
              level: INFO
            """,
            environment: ["SMTP_USERNAME": "alerts", "SMTP_PASSWORD": "p"]
        )
        let source = loaded.source
        #expect(loaded.diagnostics.first?.code.number == 570 && loaded.diagnostics.first?.span == source["❶"])
        #expect(
            Array(loaded.diagnostics.dropFirst()) == [
                .notActedUpon("recovery", at: source["❷"]), .notActedUpon("escalation", at: source["❸"]),
                .notActedUpon("ssl", at: source["❹"]), .notActedUpon("logging", at: source["❺"]),
            ]
        )
        let configuration = try #require(loaded.configuration)
        #expect(configuration.inventory.nodes.map(\.name) == ["kafka-1", "zk-1"])
        #expect(configuration.storeFolder == "/etc/selfheal/.selfheal")
        #expect(configuration.watch.every == .seconds(30))
        guard case .smtp(let mail) = try #require(configuration.channels.first).kind else {
            Issue.record("the mail server is no channel")
            return
        }
        #expect(mail.server == "smtp://smtp.example.com:587")
        #expect(mail.encryption == .required)
        #expect(mail.credentials?.user == "alerts")
        #expect(mail.to == ["ops@example.com"])
    }
}
