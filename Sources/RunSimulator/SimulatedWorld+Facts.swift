// Selfheal
// SPDX-License-Identifier: Apache-2.0

package import RunCore
package import RunPlan
package import RunVocabulary

/// What a probe would see, by the field names of ``ResultTypes``; what it could not see is left out.
///
/// A refused connection is a definite answer. Silence is none: only `problem` says what kept the probe from knowing.
extension SimulatedWorld {
    /// Nothing is heard from the node, so that the probe ends by its timeout.
    package func isSilent(_ node: NodeName, to question: ProbeOrder.Question) -> Bool {
        guard let place = self.place(of: node) else {
            return false
        }
        let process = self.process(at: place)
        let isStill =
            switch question {
            case .tcp, .ssh: process.isCut
            case .zookeeper, .kafka, .http, .tls, .prometheus, .dns, .jmx: process.isCut || process.isFrozen
            }
        return isStill || self.answer(of: node, to: question)?.isSilent ?? false
    }

    package func facts(of node: NodeName, asking question: ProbeOrder.Question) -> [String: Fact] {
        guard let place = self.place(of: node) else {
            return ["problem": .string("the scenario has no node '\(node)'")]
        }
        let process = self.process(at: place)
        switch (question, place) {
        case (.tcp, _): return process.portFacts
        case (.zookeeper(let ask), .member(let index)): return self.zookeeperFacts(index, ask)
        case (.kafka(let ask), .broker(let index)): return self.kafkaFacts(index, ask)
        case (.kafka(let ask), .host(let index)) where self.controllers.isMember(index):
            return self.controllerFacts(index, ask)
        case (.zookeeper, .broker), (.kafka, .member), (.zookeeper, .host), (.kafka, .host):
            return process.isCut ? PretendProcess.silence : ["problem": .string("it speaks another protocol")]
        case (.http, _), (.ssh, _), (.tls, _), (.prometheus, _), (.dns, _), (.jmx, _):
            return self.isSilent(node, to: question)
                ? PretendProcess.silence : self.scriptedFacts(of: node, asking: question)
        }
    }

    /// The facts of a node as its monitor would find them out.
    package func observedFacts(of node: NodeName) -> [String: Fact] {
        guard let place = self.place(of: node) else {
            return ["problem": .string("the scenario has no node '\(node)'")]
        }
        switch place {
        case .member(let index):
            return self.zookeeperFacts(index, [.srvr]).filter { ResultTypes.observedFieldNames.contains($0.key) }
        case .broker: return self.openFacts(at: place)
        case .host(let index) where self.controllers.isMember(index): return self.openFacts(at: place)
        case .host: return ["problem": .string("\(node) has no monitor in the inventory")]
        }
    }

    /// Whether its port takes connections, for a monitor that asks no more.
    private func openFacts(at place: Place) -> [String: Fact] {
        var facts = self.process(at: place).portFacts
        facts["serving"] = facts.removeValue(forKey: "open")
        facts["latency"] = nil
        return facts
    }

    /// The question that the monitor of a node asks.
    package func monitorQuestion(of node: NodeName) -> ProbeOrder.Question {
        switch self.place(of: node) {
        case .member: .zookeeper([.srvr])
        case .host: .tcp(port: "main")
        case .broker, nil: .tcp(port: "broker")
        }
    }

    // MARK: ZooKeeper

    private func zookeeperFacts(_ index: Int, _ asked: [ZooKeeperQuestion]) -> [String: Fact] {
        let ask = asked.isEmpty ? [.srvr] : asked
        let member = self.ensemble.members[index]
        guard !member.process.isCut else {
            return PretendProcess.silence
        }
        var facts: [String: Fact] = ["problem": .string("")]
        if ask.contains(.diskEpoch) {
            self.addDisk(of: member, to: &facts)
        }
        guard ask.contains(where: { $0 != .diskEpoch }) else {
            return facts
        }
        guard !member.process.isFrozen else {
            facts["problem"] = .string("the client port took the connection and said nothing")
            return facts
        }
        guard member.process.phase == .up else {
            facts["answered"] = .bool(false)
            facts["serving"] = .bool(false)
            facts["mode"] = .string("")
            return facts
        }
        let isServing = self.ensemble.isServing(index)
        facts["answered"] = .bool(true)
        facts["serving"] = .bool(isServing)
        facts["mode"] = .string(isServing ? member.mode : "")
        facts["latency"] = .span(Milliseconds(1))
        guard isServing, let tree = member.tree else {
            return facts
        }
        facts["version"] = .string("3.8.4")
        facts["zxid"] = .int(tree.zxid)
        facts["epoch"] = .int(tree.epoch)
        facts["node_count"] = .int(Int64(self.ensemble.znodeCount(of: tree)))
        if ask.contains(.clusterID) {
            facts["cluster_id"] = .string(tree.history == Ensemble.Tree.original ? self.cluster.id : "")
        }
        if ask.contains(.mntr), member.role == .leading {
            let voters = self.ensemble.members.filter(\.isVoter)
            facts["synced_followers"] = .int(Int64(voters.count { $0.role == .following }))
            facts["quorum_size"] = .int(Int64(voters.count))
        }
        return facts
    }

    private func addDisk(of member: Ensemble.Member, to facts: inout [String: Fact]) {
        facts["data"] = .string(member.tree == nil ? "lost" : "intact")
        if let tree = member.tree {
            facts["epoch"] = .int(tree.epoch)
            facts["zxid"] = .int(tree.zxid)
        }
    }

    // MARK: Kafka

    private func kafkaFacts(_ index: Int, _ asked: [KafkaQuestion]) -> [String: Fact] {
        let process = self.group.brokers[index].process
        let script = self.answer(of: self.group.brokers[index].name, to: .kafka(asked))
        guard !process.isCut, !process.isFrozen, script?.isSilent != true else {
            return PretendProcess.silence
        }
        guard process.phase == .up else {
            return ["answered": .bool(false), "serving": .bool(false), "problem": .string("")]
        }
        var facts: [String: Fact] = [
            "answered": .bool(true), "serving": .bool(true), "problem": .string(""),
            "controller": .bool(self.group.controller == index), "latency": .span(Milliseconds(3)),
            "cluster_id": .string(self.cluster.id),
            "alive_brokers": .int(Int64(self.group.brokers.count { $0.process.isLively })),
        ]
        if asked.contains(.replication) {
            let health = self.group.health
            facts["under_replicated"] = .int(Int64(health.underReplicated))
            facts["offline"] = .int(Int64(health.offline))
            facts["at_min_isr"] = .int(Int64(health.atLeastInSync))
            facts["under_min_isr"] = .int(Int64(health.underLeastInSync))
            facts["reassigning"] = .int(0)
        }
        if asked.contains(.quorum) {
            facts.merge(self.controllers.facts(self.hosts)) { $1 }
        }
        for (name, fact) in script?.facts ?? [:] where asked.contains(name.hasPrefix("lag_") ? .lag : .replication) {
            facts[name] = fact
        }
        return facts
    }
}

// MARK: KRaft

extension SimulatedWorld {
    var controllers: ControllerQuorum {
        ControllerQuorum(self.cluster)
    }

    /// A controller without a majority answers, and cannot tell whether others have one.
    private func controllerFacts(_ index: Int, _ asked: [KafkaQuestion]) -> [String: Fact] {
        let process = self.hosts[index]
        guard !process.isCut, !process.isFrozen else {
            return PretendProcess.silence
        }
        guard process.phase == .up else {
            return ["answered": .bool(false), "serving": .bool(false), "problem": .string("")]
        }
        guard let leader = self.controllers.leader(self.hosts) else {
            return [
                "answered": .bool(true), "problem": .string("the controllers have no leader"),
                "latency": .span(Milliseconds(3)),
            ]
        }
        var facts: [String: Fact] = [
            "answered": .bool(true), "serving": .bool(true), "problem": .string(""),
            "controller": .bool(leader == index), "latency": .span(Milliseconds(3)),
        ]
        if asked.contains(.quorum) {
            facts.merge(self.controllers.facts(self.hosts)) { $1 }
        }
        return facts
    }
}

extension PretendProcess {
    static let silence: [String: Fact] = ["problem": .string("timed out")]

    /// What connecting to its port shows; a frozen process's connections are taken by its host.
    fileprivate var portFacts: [String: Fact] {
        guard !self.isCut else {
            return Self.silence
        }
        let isOpen = self.phase == .up
        var facts: [String: Fact] = ["open": .bool(isOpen), "answered": .bool(isOpen), "problem": .string("")]
        if isOpen {
            facts["latency"] = .span(Milliseconds(1))
        }
        return facts
    }
}

extension Ensemble.Member {
    fileprivate var mode: String {
        switch (self.role, self.isVoter) {
        case (.leading, _): "leader"
        case (.following, true): "follower"
        case (.following, false): "observer"
        case (.looking, _): ""
        }
    }
}
