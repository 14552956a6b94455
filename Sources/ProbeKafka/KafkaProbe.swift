// Selfheal
// SPDX-License-Identifier: Apache-2.0

package import Probes

/// Where a broker listens.
package struct KafkaEndpoint: Hashable, Sendable {
    package var address: String
    package var port: UInt16

    package init(address: String, port: UInt16) {
        self.address = address
        self.port = port
    }
}

/// What can be asked about one broker.
package enum KafkaQuestion: String, CaseIterable, Hashable, Sendable {
    /// Who is alive and who is the controller.
    case metadata
    /// How partitions are.
    case replication
    /// How far behind the consumer groups are that this broker coordinates.
    case lag
    /// How the quorum of controllers is.
    case quorum
}

/// Asks one broker, and others where its word alone would not do.
package struct KafkaProbe: Sendable {
    package var endpoint: KafkaEndpoint
    /// Its `broker.id` or `node.id`, if the configuration tells.
    package var brokerID: Int32?
    /// The cluster it should belong to, if the configuration tells.
    package var clusterID: String?
    /// For everything together.
    package var timeout: Duration
    /// The time of day in milliseconds since 1970, which the times of records are compared with.
    package var now: Int64
    /// Where another broker is reached, `nil` if nowhere.
    package var locate: @Sendable (KafkaBroker) -> KafkaEndpoint?

    package init(
        endpoint: KafkaEndpoint,
        brokerID: Int32? = nil,
        clusterID: String? = nil,
        timeout: Duration,
        now: Int64,
        locate: @escaping @Sendable (KafkaBroker) -> KafkaEndpoint? = { broker in
            UInt16(exactly: broker.port).map { KafkaEndpoint(address: broker.host, port: $0) }
        }
    ) {
        self.endpoint = endpoint
        self.brokerID = brokerID
        self.clusterID = clusterID
        self.timeout = timeout
        self.now = now
        self.locate = locate
    }

    package func ask(_ questions: Set<KafkaQuestion>, using prober: SocketProber) async -> KafkaReport {
        let deadline = ContinuousClock.now + self.timeout
        var report = KafkaReport()
        do throws(KafkaProblem) {
            var connection = try await KafkaConnection.open(self.endpoint, by: deadline, using: prober)
            report.answered = true
            if connection.offers(.metadata) {
                try await self.askBroker(questions, over: &connection, by: deadline, using: prober, into: &report)
            } else {
                try await self.askController(over: &connection, into: &report)
            }
        } catch {
            if error.reason == .connection(.refused), report.answered == nil {
                report.answered = false
                report.serving = false
            }
            report.note(error)
        }
        return report
    }

    /// The cluster's identity comes first: what a stranger says is of no interest.
    func checkCluster(_ id: String?, of connection: borrowing KafkaConnection) throws(KafkaProblem) {
        guard let expected = self.clusterID, let id, id != expected else { return }
        let text = "it belongs to the cluster '\(id)', and the configuration says '\(expected)'"
        throw connection.problem(.stranger(text), "who are you")
    }

    // MARK: A broker

    private func askBroker(
        _ questions: Set<KafkaQuestion>,
        over connection: inout KafkaConnection,
        by deadline: ContinuousClock.Instant,
        using prober: SocketProber,
        into report: inout KafkaReport
    ) async throws(KafkaProblem) {
        var council = ClusterCouncil(
            probe: self,
            asksTopics: questions.contains(.replication),
            deadline: deadline,
            prober: prober
        )
        try await council.hear(&connection)
        report.clusterID = council.view.clusterID
        try self.checkCluster(council.view.clusterID, of: connection)
        report.id = try await self.identify(in: council.view, by: deadline, using: prober)
        council.own = report.id
        await council.confirm(over: &connection)
        self.conclude(council, into: &report)
        if questions.contains(.quorum) { self.takeQuorum(council, of: connection, into: &report) }
        if questions.contains(.replication) {
            await self.takeReplication(council, over: &connection, into: &report)
        }
        if questions.contains(.lag) {
            do throws(KafkaProblem) {
                // Apart from the other questions, so that a broker that hangs up on one of them still tells this.
                var other = try await KafkaConnection.open(self.endpoint, by: deadline, using: prober)
                try await self.takeLag(over: &other, by: deadline, using: prober, into: &report)
            } catch {
                report.note(error)
            }
        }
    }

    /// Which broker this is, which no answer says by itself.
    ///
    /// The address tells, if it is what a broker advertises. Behind another address the broker is asked whether it is the one of
    /// the configuration: its own settings it tells itself alone. That goes over a connection of its own, because some hang up
    /// on it.
    private func identify(
        in view: ClusterView,
        by deadline: ContinuousClock.Instant,
        using prober: SocketProber
    ) async throws(KafkaProblem) -> Int32? {
        guard let id = self.brokerID else {
            let listed = view.brokers.filter { self.locate($0) == self.endpoint }
            return listed.count == 1 ? listed.first?.id : nil
        }
        let here = view.brokers.filter { $0.host == self.endpoint.address && $0.port == Int32(self.endpoint.port) }
        if here.contains(where: { $0.id == id }) { return id }
        guard here.isEmpty else { throw self.stranger("it is the broker \(here[0].id), and not \(id)") }
        var answers: [DescribeConfigsRequest.Answer] = []
        do throws(KafkaProblem) {
            // One that says nothing to this must leave time for the rest.
            let left = ContinuousClock.now.duration(to: deadline)
            var connection = try await KafkaConnection.open(
                self.endpoint,
                by: ContinuousClock.now + left / 4,
                using: prober
            )
            answers = try await connection.ask(
                DescribeConfigsRequest(resources: [.broker(id)], keys: ["broker.id", "node.id"])
            )
        } catch {
            // Not told is not denied: the configuration's word stands.
            return id
        }
        // Any other error, a missing right in the first place, says nothing about who it is.
        guard answers.first?.error != .invalidRequest else { throw self.stranger("it is not the broker \(id)") }
        return id
    }

    private func stranger(_ text: String) -> KafkaProblem {
        KafkaProblem(
            reason: .stranger("\(text), as the configuration says"),
            peer: "\(self.endpoint.address):\(self.endpoint.port)",
            action: "who are you"
        )
    }

    private func conclude(_ council: ClusterCouncil, into report: inout KafkaReport) {
        if let doubt = council.doubt {
            report.problems.append(doubt)
            return
        }
        report.brokers = council.view.brokers.count
        guard let own = council.own else {
            report.problems.append("which broker this is cannot be told; give its 'id' in the configuration")
            return
        }
        report.serving = council.view.ids.contains(own)
        if report.serving == false {
            report.problems.append("the cluster does not count the broker \(own) among the living")
        }
        report.controller = council.activeController.map { $0 == own }
    }

    private func takeQuorum(
        _ council: ClusterCouncil,
        of connection: borrowing KafkaConnection,
        into report: inout KafkaReport
    ) {
        guard connection.hasControllerQuorum else {
            report.problems.append(
                "there is no quorum of controllers to ask: ZooKeeper elects this cluster's controller"
            )
            return
        }
        if let quorum = council.quorum { report.take(quorum) }
    }

    // MARK: A controller's own listener

    private func askController(
        over connection: inout KafkaConnection,
        into report: inout KafkaReport
    ) async throws(KafkaProblem) {
        if connection.offers(.describeCluster) {
            let cluster = try await connection.ask(DescribeClusterRequest())
            if cluster.error == .none {
                report.clusterID = cluster.clusterID
                try self.checkCluster(cluster.clusterID, of: connection)
            }
        }
        let quorum = try await connection.ask(DescribeQuorumRequest())
        guard quorum.error == .none else {
            throw connection.problem(.refused(quorum.error), KafkaAPI.describeQuorum.name)
        }
        report.take(quorum)
        report.id = self.brokerID
        guard let leader = report.quorumLeader, let own = self.brokerID else { return }
        report.controller = leader == own
        // The active one answered, so the voter that passed the question on, or is it, has a quorum.
        report.serving = quorum.voters.contains { $0.id == own } ? true : nil
    }
}

extension KafkaReport {
    /// A voter that has not followed for this long is not in sync: twice Kafka's own `controller.quorum.fetch.timeout.ms`.
    private static let fetchTimeout: Int64 = 4_000

    mutating func take(_ quorum: DescribeQuorumRequest.Reply) {
        guard quorum.leader >= 0 else {
            self.problems.append("the controllers have no leader")
            return
        }
        self.quorumLeader = quorum.leader
        self.quorumSize = quorum.voters.count
        // By the leader's clock alone, so that no two clocks are compared.
        guard let newest = quorum.voters.map(\.lastCaughtUp).max(), newest >= 0 else { return }
        self.syncedVoters = quorum.voters.count {
            $0.id == quorum.leader || $0.lastCaughtUp >= newest - Self.fetchTimeout
        }
    }
}
