// Selfheal
// SPDX-License-Identifier: Apache-2.0

import ProbeKafka
import Probes
import RunPlan
import RunVocabulary

extension LiveProbeRunner {
    func askKafka(
        _ questions: [RunPlan.KafkaQuestion],
        of node: Node,
        in inventory: Inventory,
        _ timeout: Milliseconds
    ) async -> [String: Fact] {
        guard let endpoint = Self.endpoint(of: node) else {
            return ["problem": .string("\(node.name) has no port 'broker'")]
        }
        let probe = KafkaProbe(
            endpoint: endpoint,
            brokerID: node.id.flatMap { Int32(exactly: $0) },
            clusterID: Self.clusterID(in: inventory, beside: node),
            timeout: timeout.duration,
            now: SystemWallClock().now.milliseconds,
            locate: { Self.locate($0, in: inventory, beside: node) }
        )
        let asked = Set(questions.compactMap { ProbeKafka.KafkaQuestion(rawValue: $0.rawValue) })
        let start = ContinuousClock.now
        var facts = await probe.ask(asked, using: self.prober).facts
        facts["latency"] = .span(Milliseconds(ContinuousClock.now - start))
        return facts
    }

    /// The address of another broker: as the configuration says if it knows the id, else as the broker advertises itself.
    private static func locate(_ broker: KafkaBroker, in inventory: Inventory, beside node: Node) -> KafkaEndpoint? {
        let known = inventory.nodes.first { other in
            other.id == Int(broker.id) && !Set(other.roles).isDisjoint(with: node.roles)
        }
        if let known, let endpoint = Self.endpoint(of: known) { return endpoint }
        return UInt16(exactly: broker.port).map { KafkaEndpoint(address: broker.host, port: $0) }
    }

    /// The one cluster of the configuration; brokers in several datacenters may be several clusters.
    private static func clusterID(in inventory: Inventory, beside node: Node) -> String? {
        let alike = inventory.nodes.filter { !Set($0.roles).isDisjoint(with: node.roles) }
        let isOne = Set(alike.map(\.datacenter)).count == 1
        return isOne && !inventory.clusterID.isEmpty ? inventory.clusterID : nil
    }

    private static func endpoint(of node: Node) -> KafkaEndpoint? {
        node.port(named: "broker").flatMap { UInt16(exactly: $0) }.map { KafkaEndpoint(address: node.host, port: $0) }
    }
}

extension KafkaReport {
    /// The report in the field names of the language; what is not known is left out.
    var facts: [String: Fact] {
        var facts: [String: Fact] = ["problem": .string(self.problem ?? "")]
        facts["answered"] = self.answered.map { .bool($0) }
        facts["serving"] = self.serving.map { .bool($0) }
        facts["controller"] = self.controller.map { .bool($0) }
        facts["broker_id"] = self.id.map { .int(Int64($0)) }
        facts["cluster_id"] = self.clusterID.map { .string($0) }
        facts["alive_brokers"] = self.brokers.map { .int(Int64($0)) }
        facts["under_replicated"] = self.underReplicated.map { .int(Int64($0)) }
        facts["offline"] = self.offline.map { .int(Int64($0)) }
        facts["at_min_isr"] = self.atMinISR.map { .int(Int64($0)) }
        facts["under_min_isr"] = self.underMinISR.map { .int(Int64($0)) }
        facts["reassigning"] = self.reassigning.map { .int(Int64($0)) }
        facts["lag_seconds"] = self.lagSeconds.map { .int($0) }
        facts["lag_messages"] = self.lagMessages.map { .int($0) }
        facts["lag_group"] = self.lagGroup.map { .string($0) }
        facts["quorum_leader"] = self.quorumLeader.map { .int(Int64($0)) }
        facts["quorum_size"] = self.quorumSize.map { .int(Int64($0)) }
        facts["synced_voters"] = self.syncedVoters.map { .int(Int64($0)) }
        return facts
    }
}
