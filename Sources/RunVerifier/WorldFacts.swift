// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunCore
import RunPlan
import RunVocabulary

/// What a probe would see, by the field names of `ResultTypes`; what it could not see is left out.
extension WorldRules {
    static let silence: [String: Fact] = ["problem": .string("timed out")]

    func facts(
        of index: Int,
        asking question: ProbeOrder.Question,
        _ node: NodeState,
        _ world: AbstractWorld
    ) -> [String: Fact] {
        guard !node.isCut else {
            return Self.silence
        }
        switch (question, self.kinds[index]) {
        case (.tcp, _): return Self.portFacts(node)
        case (.zookeeper(let ask), .member): return self.zookeeperFacts(node, ask)
        case (.kafka(let ask), .broker): return self.kafkaFacts(index, node, ask, world)
        case (.kafka(let ask), .host) where self.controllers.contains(index):
            return self.controllerFacts(index, node, ask, world)
        case (.zookeeper, _), (.kafka, _): return ["problem": .string("it speaks another protocol")]
        // Programs of a site have no physics: the explorer tries every answer.
        case (.http, _), (.ssh, _), (.tls, _), (.prometheus, _), (.dns, _), (.jmx, _): return Self.silence
        }
    }

    /// As the monitor of the node would find them out.
    func observedFacts(of index: Int, _ node: NodeState) -> [String: Fact] {
        guard !node.isCut else {
            return Self.silence
        }
        switch self.kinds[index] {
        case .member:
            var facts = self.zookeeperFacts(node, [.srvr])
            facts = facts.filter { ResultTypes.observedFieldNames.contains($0.key) }
            facts["health"] = .string(facts["serving"] == .bool(true) ? "up" : "down")
            return facts
        case .broker, .host:
            guard self.inventory.nodes[index].monitor != nil else {
                return ["problem": .string("it has no monitor in the inventory")]
            }
            let isUp = node.phase == .up
            return [
                "answered": .bool(isUp), "serving": .bool(isUp), "problem": .string(""),
                "health": .string(isUp ? "up" : "down"),
            ]
        }
    }

    private static func portFacts(_ node: NodeState) -> [String: Fact] {
        let isOpen = node.phase == .up
        return ["open": .bool(isOpen), "answered": .bool(isOpen), "problem": .string("")]
    }

    // MARK: ZooKeeper

    private static let znodes: Int64 = 137
    private static let emptyTree: Int64 = 5

    private func zookeeperFacts(_ node: NodeState, _ asked: [ZooKeeperQuestion]) -> [String: Fact] {
        let ask = asked.isEmpty ? [.srvr] : asked
        var facts: [String: Fact] = ["problem": .string("")]
        if ask.contains(.diskEpoch) {
            facts["data"] = .string(node.holdsData ? "intact" : "lost")
            if node.holdsData {
                facts["epoch"] = .int(Int64(node.epoch))
                facts["zxid"] = .int(node.zxid)
            }
        }
        guard ask.contains(where: { $0 != .diskEpoch }) else {
            return facts
        }
        let isServing = node.phase == .up && node.role != .looking
        facts["answered"] = .bool(node.phase == .up)
        facts["serving"] = .bool(isServing)
        facts["mode"] = .string(isServing ? (node.role == .leading ? "leader" : "follower") : "")
        guard isServing else {
            return facts
        }
        facts["zxid"] = .int(node.zxid)
        facts["epoch"] = .int(Int64(node.epoch))
        facts["node_count"] = .int(node.isForked ? Self.emptyTree : Self.znodes)
        if ask.contains(.clusterID) {
            facts["cluster_id"] = .string(node.isForked ? "" : self.inventory.clusterID)
        }
        return facts
    }

    // MARK: Kafka

    private func kafkaFacts(
        _ index: Int,
        _ node: NodeState,
        _ asked: [KafkaQuestion],
        _ world: AbstractWorld
    ) -> [String: Fact] {
        guard node.phase == .up else {
            return ["answered": .bool(false), "serving": .bool(false), "problem": .string("")]
        }
        var facts: [String: Fact] = [
            "answered": .bool(true), "serving": .bool(true), "problem": .string(""),
            "controller": .bool(self.brokers.first { world[$0].isLively } == index),
            "cluster_id": .string(self.inventory.clusterID),
        ]
        if asked.contains(.replication) {
            let (lacking, offline, least, under) = self.replication(world, of: index)
            facts["under_replicated"] = .int(Int64(lacking))
            facts["offline"] = .int(Int64(offline))
            facts["at_min_isr"] = .int(Int64(least))
            facts["under_min_isr"] = .int(Int64(under))
            facts["reassigning"] = .int(0)
        }
        if asked.contains(.quorum) {
            facts.merge(self.quorumFacts(world)) { $1 }
        }
        return facts
    }

    private func controllerFacts(
        _ index: Int,
        _ node: NodeState,
        _ asked: [KafkaQuestion],
        _ world: AbstractWorld
    ) -> [String: Fact] {
        guard node.phase == .up else {
            return ["answered": .bool(false), "serving": .bool(false), "problem": .string("")]
        }
        guard let leader = self.leadingController(world) else {
            return ["answered": .bool(true), "problem": .string("the controllers have no leader")]
        }
        var facts: [String: Fact] = [
            "answered": .bool(true), "serving": .bool(true), "problem": .string(""),
            "controller": .bool(leader == index),
        ]
        if asked.contains(.quorum) {
            facts.merge(self.quorumFacts(world)) { $1 }
        }
        return facts
    }

    /// One leads as long as a majority of them runs and is reached.
    func leadingController(_ world: AbstractWorld) -> Int? {
        let lively = self.controllers.filter { world[$0].isLively }
        return lively.count >= Inventory.quorum(voters: self.controllers.count) ? lively.first : nil
    }

    private func quorumFacts(_ world: AbstractWorld) -> [String: Fact] {
        guard let leader = self.leadingController(world) else {
            return [:]
        }
        return [
            "quorum_leader": .int(Int64(self.inventory.nodes[leader].id ?? leader)),
            "quorum_size": .int(Int64(self.controllers.count)),
            "synced_voters": .int(Int64(self.controllers.count { world[$0].isLively })),
        ]
    }

    /// One partition begins at each broker of the cluster, with its replicas on the next ones of the same datacenter.
    func replication(
        _ world: AbstractWorld,
        of broker: Int
    ) -> (lacking: Int, offline: Int, least: Int, under: Int) {
        let place = self.inventory.nodes[broker].datacenter
        let brokers = self.brokers.filter { self.inventory.nodes[$0].datacenter == place }
        let replicas = min(3, brokers.count)
        var result = (lacking: 0, offline: 0, least: 0, under: 0)
        for first in brokers.indices {
            let hosts = (0..<replicas).map { world[brokers[(first + $0) % brokers.count]] }
            let alive = hosts.count { $0.isLively }
            let inSync = max(hosts.count { $0.isLively && $0.holdsData }, min(alive, 1))
            result.lacking += inSync < replicas ? 1 : 0
            result.offline += alive == 0 ? 1 : 0
            result.least += inSync == 2 && replicas > 2 ? 1 : 0
            result.under += inSync < 2 && replicas >= 2 ? 1 : 0
        }
        return result
    }

    // MARK: Lies

    /// How else the node could look to a probe that is wrong: as another state, a late one included, or not at all.
    func guises(of index: Int, in world: AbstractWorld) -> [(state: NodeState, text: String)] {
        let truth = world[index]
        var all: [(NodeState, String)] = []
        var up = truth
        up.phase = .up
        up.isCut = false
        var down = up
        down.phase = .down
        down.role = .looking
        var silent = truth
        silent.isCut = true
        switch self.kinds[index] {
        case .member:
            up.role = truth.role == .leading ? .leading : .following
            up.holdsData = true
            up.epoch = max(up.epoch, 1)
            up.content = up.isForked ? 0 : max(up.content, 2)
            var intact = down
            intact.holdsData = true
            intact.epoch = max(intact.epoch, 1)
            intact.content = intact.isForked ? 0 : 2
            var lost = down
            lost.empty()
            var mute = up
            mute.role = .looking
            all = [
                (up, "serves"), (intact, "is down with its data intact"), (lost, "is down with an empty disk"),
                (mute, "runs and does not serve"), (silent, "says nothing"),
            ]
        case .broker, .host: all = [(up, "is up"), (down, "is down"), (silent, "says nothing")]
        }
        return all.filter { $0.0.visible != truth.visible }
    }
}

extension NodeState {
    fileprivate var zxid: Int64 {
        Int64(self.epoch) << 32 | Int64(self.content)
    }
}
