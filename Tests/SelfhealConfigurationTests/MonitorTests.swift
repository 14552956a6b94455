// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunPlan
import RunVocabulary
import RunbookSource
import SelfhealConfiguration
import TestSupport
import Testing

/// `monitors:` of nodes and of all.
@Suite struct MonitorTests {
    private static let cluster = """
        cluster:
          kafka_brokers:
            - { name: kafka1, host: kafka1.example.com, ports: { tls: 9093 } }
            - { name: kafka2, host: kafka2.example.com, monitors: [{ http: { port: 8080 } }] }
          zookeeper_nodes: [{ name: zk1, host: zk1.example.com }]
          nodes: [{ name: jump, host: jump.example.com }]

        """

    private static func monitors(_ text: String) throws -> [String: [NodeMonitor]] {
        let loaded = Loaded(Self.cluster + text)
        #expect(loaded.diagnostics == [])
        let inventory = try #require(loaded.configuration).inventory
        return Dictionary(uniqueKeysWithValues: inventory.nodes.map { ($0.name.text, $0.allMonitors) })
    }

    @Test func `a node's own monitors come first, then those for all, then the usual one`() throws {
        let general = try Self.monitors(
            """
            monitoring:
              interval: 10s
              timeout: 3s
              monitors:
                - socket
                - tls: { port: tls }
                  roles: [zookeeper]
                  optional: true
                  interval: 1m
                - { name: mail, dns: { name: "$${{ target.host }}" }, interval: 2s, roles: [kafka_broker] }
            """
            .replacing("port: tls", with: "port: client")
        )
        #expect(general["kafka1"]?.map(\.name) == ["socket", "mail"])
        #expect(general["kafka1"]?.first?.probe == .tcp(port: "broker"))
        #expect(general["kafka1"]?.last?.every == .seconds(2))
        // The timeout for all does not fit into two seconds.
        #expect(general["kafka1"]?.last?.timeout == Milliseconds(1_600))
        #expect(general["kafka2"]?.map(\.name) == ["http"])
        #expect(general["zk1"]?.map(\.name) == ["socket", "tls"])
        #expect(general["zk1"]?.first?.probe == .zookeeper(ask: [.srvr]))
        #expect(general["zk1"]?.last?.isOptional == true)
        #expect(general["zk1"]?.last?.timeout == .seconds(3))
        // Nobody can tell how to look at a node without a port.
        #expect(general["jump"]?.isEmpty == true)
        let usual = try Self.monitors("")
        #expect(usual["kafka1"] == [NodeMonitor(probe: .tcp(port: "broker"))])
        #expect(usual["kafka2"]?.map(\.name) == ["http"])
    }

    @Test func `monitors for one role leave the other nodes as they are, and none at all is none`() throws {
        let some = try Self.monitors("monitoring: { monitors: [{ ssh: { command: [df] }, roles: [zookeeper] }] }")
        #expect(some["zk1"]?.map(\.name) == ["ssh"])
        #expect(some["kafka1"] == [NodeMonitor(probe: .tcp(port: "broker"))])
        let loaded = Loaded("cluster: { zookeeper_nodes: [{ host: zk1, monitors: [] }] }")
        #expect(loaded.diagnostics == [])
        #expect(loaded.configuration?.inventory.nodes.first?.allMonitors.isEmpty == true)
        #expect(loaded.configuration?.inventory.nodes.first?.monitor == nil)
    }

    @Test func `the words are those of the documents one began with`() throws {
        let words = try Self.monitors("monitoring: { methods: [socket, tls, kafka, zookeeper] }")
        #expect(words["kafka1"]?.map(\.name) == ["socket", "tls", "kafka"])
        #expect(words["zk1"]?.map(\.name) == ["socket", "zookeeper"])
    }

    @Test(arguments: [
        ("[❶ping❶]", UInt16(104)), ("[{ tcp: { port: ❶x❶ } }]", 571),
        ("[{ ❶jmx❶: { port: 1, mbean: \"a:b=c\", attribute: d } }]", 572),
        ("[socket, ❶socket❶]", 573), ("[{ tcp: { port: 1 }, roles: [❶none❶] }]", 574),
        ("[{ tcp: { port: 1 }, interval: 5s, timeout: ❶5s❶ }]", 534), ("[{ tcp: { port: 1 }, timeout: ❶15s❶ }]", 534),
        ("[{ http: { port: 1 }, healthy: ❶result.statos❶ == 200 }]", 304),
        ("[{ http: { port: 1 }, healthy: ❶result.status❶ }]", 307),
        ("[{ ❶http❶: {} }]", 232), ("[❶{ healthy: 'true' }❶]", 117),
        ("[{ tcp: { port: 1 }, ❶kafka❶: {} }]", 121), ("[{ tcp: { port: 1 }, interval: ❶10❶ }]", 533),
    ])
    func `what is wrong is said as it is in a runbook`(text: String, code: UInt16) throws {
        let loaded = Loaded("cluster: { kafka_brokers: [{ host: a }] }\nmonitoring: { monitors: \(text) }\n")
        let diagnostic = try #require(loaded.diagnostics.first)
        #expect(loaded.diagnostics.count == 1, "\(loaded.found)")
        #expect(diagnostic.code.number == code, "\(diagnostic.message)")
        if ![304, 571].contains(code) {
            #expect(diagnostic.span == loaded.source["❶"], "\(diagnostic.message)")
        }
        #expect(loaded.configuration == nil)
    }
}
