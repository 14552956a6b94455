// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Probes

/// The word of the broker that is looked at, and of others who must say the same before it counts.
///
/// Through ZooKeeper's time the controller knows best, so it is heard; the controller itself needs one other. Where controllers are a quorum
/// of their own, the broker has to reach the active one, and one other broker has to agree. A broker that is the only one alive
/// is believed: it could know of the others' end from the controller alone.
struct ClusterCouncil {
    /// A change that is under way when the views are taken looks like a contradiction once, and hardly twice.
    private static let rounds = 2
    /// Others that are tried until one answers.
    private static let candidates = 3

    let probe: KafkaProbe
    let asksTopics: Bool
    let deadline: ContinuousClock.Instant
    let prober: SocketProber
    private(set) var view: ClusterView
    private(set) var quorum: DescribeQuorumRequest.Reply?
    /// Why nothing that the broker says about the cluster can be believed.
    private(set) var doubt: String?
    /// Why what it says about partitions cannot be believed, though the rest can.
    private(set) var replicationDoubt: String?
    /// How many replicas partitions on the move are to get; `nil` if nobody could tell, as an old controller cannot.
    private(set) var adding: [TopicPartition: Int32]?
    /// Which of the brokers is looked at, if known.
    var own: Int32?
    private var hasQuorum = false

    init(probe: KafkaProbe, asksTopics: Bool, deadline: ContinuousClock.Instant, prober: SocketProber) {
        self.probe = probe
        self.asksTopics = asksTopics
        self.deadline = deadline
        self.prober = prober
        self.view = ClusterView(
            MetadataRequest.Reply(brokers: [], clusterID: nil, controller: -1, topics: [])
        )
    }

    /// The id of the active controller; `nil` if there is none.
    var activeController: Int32? {
        let id = self.hasQuorum ? self.quorum?.leader ?? -1 : self.view.controller
        return id >= 0 ? id : nil
    }

    mutating func hear(_ connection: inout KafkaConnection) async throws(KafkaProblem) {
        self.hasQuorum = connection.hasControllerQuorum
        self.view = ClusterView(try await connection.ask(self.request))
        guard self.hasQuorum else { return }
        let quorum = try await connection.ask(DescribeQuorumRequest())
        guard quorum.error == .none else {
            throw connection.problem(.refused(quorum.error), KafkaAPI.describeQuorum.name)
        }
        self.quorum = quorum
    }

    /// Only the controller knows of moves; in a quorum of controllers the question is passed on to it.
    mutating func hearMoves(_ connection: inout KafkaConnection) async throws(KafkaProblem) {
        guard self.asksTopics, connection.offers(.listPartitionReassignments) else { return }
        let reply = try await connection.ask(ListReassignmentsRequest())
        // Without the right to ask, moves count as what they look like: replicas that are missing.
        self.adding = reply.error == .none ? reply.adding : nil
    }

    mutating func confirm(over connection: inout KafkaConnection) async {
        for round in 0..<Self.rounds {
            do throws(KafkaProblem) {
                if round > 0 { try await self.hear(&connection) }
                self.doubt = nil
                self.replicationDoubt = nil
                if self.hasQuorum || self.own == self.view.controller { try await self.hearMoves(&connection) }
                try await self.hearOthers()
            } catch {
                self.doubt = "\(error)"
                return
            }
            if self.doubt == nil, self.replicationDoubt == nil { return }
        }
    }

    private var request: MetadataRequest { MetadataRequest(topics: self.asksTopics ? .all : .none) }

    // MARK: Others

    private mutating func hearOthers() async throws(KafkaProblem) {
        if self.hasQuorum, self.activeController == nil {
            self.doubt = "the controllers have no leader, so what this broker knows of the cluster may be old"
            return
        }
        if !self.hasQuorum, self.view.controller < 0 {
            self.doubt = "the cluster has no controller, so what this broker knows of it may be old"
            return
        }
        var wanted = self.view.brokers.filter { $0.id != self.own }
        var needed = min(wanted.count, self.own == nil ? 2 : 1)
        if !self.hasQuorum, self.view.controller != self.own {
            guard let controller = self.view.broker(self.view.controller) else {
                self.doubt = "the controller \(self.view.controller) is not among the brokers that are alive"
                return
            }
            try await self.compare(with: controller)
            wanted.removeAll { $0.id == controller.id }
            needed = self.own == nil ? min(wanted.count, 1) : 0
        }
        var failures: [KafkaProblem] = []
        for broker in wanted.prefix(Self.candidates) where needed > 0 {
            do throws(KafkaProblem) {
                try await self.compare(with: broker)
                needed -= 1
            } catch {
                failures.append(error)
            }
        }
        if needed > 0, let failure = failures.first { throw failure }
    }

    private mutating func compare(with broker: KafkaBroker) async throws(KafkaProblem) {
        guard let endpoint = self.probe.locate(broker) else {
            throw KafkaProblem(
                reason: .stranger("its address '\(broker.host)' with the port \(broker.port) cannot be used"),
                peer: "broker \(broker.id)",
                action: "connect"
            )
        }
        // One that is silent must not use up the time of the next.
        let left = ContinuousClock.now.duration(to: self.deadline)
        var connection = try await KafkaConnection.open(
            endpoint,
            by: ContinuousClock.now + left / 2,
            using: self.prober
        )
        let other = ClusterView(try await connection.ask(self.request))
        if !self.hasQuorum, broker.id == self.view.controller { try await self.hearMoves(&connection) }
        let who = "broker \(broker.id) at \(connection.peer) disagrees"
        if let difference = self.view.difference(from: other, comparesControllers: !self.hasQuorum) {
            self.doubt = "\(who): \(difference)"
        } else if self.asksTopics, let difference = self.view.replicationDifference(from: other) {
            self.replicationDoubt = "\(who): \(difference)"
        }
    }
}
