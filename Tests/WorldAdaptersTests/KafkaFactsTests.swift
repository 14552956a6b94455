// Selfheal
// SPDX-License-Identifier: Apache-2.0

import CELExpressions
import PracticeBrokers
import Probes
import RunCore
import RunPlan
import RunPorts
import RunVocabulary
import SSHClient
import TestSupport
import Testing

@testable import WorldAdapters

/// A runbook's `kafka` probe against brokers that answer by a script.
@Suite(.timeLimit(.minutes(10))) struct KafkaFactsTests {
    private static var scene: KafkaScene {
        var scene = KafkaScene(alive: [1, 2, 3], controller: 2)
        scene.topics["orders"] = [
            .init(leader: 1, replicas: [1, 2, 3]), .init(leader: 2, replicas: [2, 3, 1], inSync: [2, 3]),
        ]
        scene.leastInSync["orders"] = 2
        return scene
    }

    private static func inventory(_ stage: KafkaStage, clusterID: String = "c1") -> Inventory {
        let nodes = (1...3 as ClosedRange<Int32>).map { id in
            var node = Node(name: NodeName("kafka\(id)"), host: "127.0.0.1", roles: ["kafka_broker"])
            node.id = Int(id)
            node.ports = ["broker": Int(stage.port(id))]
            node.monitor = .kafka(ask: [.metadata])
            return node
        }
        return Inventory(clusterName: "test", clusterID: clusterID, nodes: nodes, services: [])
    }

    private func probe(_ inventory: Inventory, _ ask: [KafkaQuestion]) async throws -> [ProbeReport] {
        let prober = try SocketProber()
        let client = try SSHClient()
        let order = ProbeOrder(
            question: .kafka(ask),
            targets: inventory.nodes.map(\.name),
            timeout: .seconds(120)
        )
        let reports = await LiveProbeRunner(prober: prober, client: client).probe(order, in: inventory)
        await client.shutDown()
        await prober.shutdown()
        return reports
    }

    @Test func `every field of the language comes with its type`() async throws {
        let stage = try KafkaStage(Self.scene, brokers: [1, 2, 3])
        defer { stage.stop() }
        let reports = try await self.probe(Self.inventory(stage), [.metadata, .replication, .lag])
        #expect(reports.map(\.target) == ["kafka1", "kafka2", "kafka3"])
        for (index, report) in reports.enumerated() {
            var facts = report.facts
            #expect(facts.removeValue(forKey: "latency") != nil)
            #expect(
                facts == [
                    "answered": .bool(true), "serving": .bool(true), "controller": .bool(index == 1),
                    "broker_id": .int(Int64(index) + 1), "cluster_id": .string("c1"), "alive_brokers": .int(3),
                    "under_replicated": .int(1), "offline": .int(0), "at_min_isr": .int(1), "under_min_isr": .int(0),
                    "reassigning": .int(0), "lag_seconds": .int(0), "lag_messages": .int(0), "lag_group": .string(""),
                    "problem": .string(""),
                ]
            )
            // Whatever is reported is a field that expressions know.
            let known = Set(ResultTypes.kafka.fields.map(\.name))
            #expect(known.isSuperset(of: report.facts.keys))
        }
    }

    @Test func `other brokers are reached where the configuration says`() async throws {
        let stage = try KafkaStage(Self.scene, brokers: [1, 2, 3])
        let shadow = try KafkaStage(Self.scene, brokers: [1, 2, 3])
        defer {
            stage.stop()
            shadow.stop()
        }
        // The first stage's brokers advertise their own ports, on which they are not to be found any more.
        var inventory = Self.inventory(stage)
        let others = Self.inventory(shadow)
        inventory.nodes[1] = others.nodes[1]
        stage.kill(2)
        let reports = try await self.probe(inventory, [.metadata])
        #expect(reports[0].facts["serving"] == .bool(true))
        #expect(shadow.asked(of: 2).contains("3v12"))
    }

    @Test func `a broker of another cluster tells nothing that could be acted upon`() async throws {
        let stage = try KafkaStage(Self.scene, brokers: [1, 2, 3])
        defer { stage.stop() }
        let reports = try await self.probe(Self.inventory(stage, clusterID: "c9"), [.metadata, .replication])
        for report in reports {
            #expect(report.facts["serving"] == nil && report.facts["under_replicated"] == nil)
            guard case .string(let problem)? = report.facts["problem"] else {
                Issue.record("no problem is named")
                continue
            }
            #expect(problem.contains("the configuration says 'c9'"))
        }
    }

    @Test func `a monitor may be a broker's own word`() async throws {
        let stage = try KafkaStage(Self.scene, brokers: [1, 2, 3])
        defer { stage.stop() }
        let inventory = Self.inventory(stage)
        let prober = try SocketProber()
        let client = try SSHClient()
        let reports = await LiveProbeRunner(prober: prober, client: client).observe(["kafka1"], in: inventory)
        await client.shutDown()
        await prober.shutdown()
        // Three seconds are all that a monitor has, which a busy machine may need.
        if reports[0].facts["serving"] != nil {
            #expect(reports[0].facts["health"] == .string("up"))
        } else {
            #expect(reports[0].facts["health"] == nil && reports[0].facts["problem"] != .string(""))
        }
    }
}
