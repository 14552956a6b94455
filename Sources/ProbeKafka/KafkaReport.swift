// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// What is known about one broker and its cluster after asking.
///
/// `nil` means unknown everywhere. Nothing that was not heard, or that another broker contradicts, turns into a number or into
/// `false`; a refused connection does.
package struct KafkaReport: Hashable, Sendable {
    /// Whether it said anything in Kafka's protocol; `false` only if the port refuses connections.
    package var answered: Bool?
    /// Whether the cluster counts it among its living brokers.
    package var serving: Bool?
    /// Whether it is the active controller.
    package var controller: Bool?
    package var id: Int32?
    package var clusterID: String?
    /// How many brokers are alive.
    package var brokers: Int?

    /// Partitions with fewer replicas in sync than they have; those being added do not count.
    package var underReplicated: Int?
    /// Partitions without a leader.
    package var offline: Int?
    /// Partitions that stop taking writes when they lose one more replica.
    package var atMinISR: Int?
    /// Partitions that refuse writes which want all replicas.
    package var underMinISR: Int?
    /// Partitions on the move.
    package var reassigning: Int?

    /// Of the groups that this broker coordinates: how long ago the oldest record was written that one of them has not read.
    package var lagSeconds: Int64?
    /// Of the same groups together, records not read.
    package var lagMessages: Int64?
    /// The group of ``lagSeconds``; empty when none lags.
    package var lagGroup: String?

    /// Which controller leads.
    package var quorumLeader: Int32?
    package var quorumSize: Int?
    /// Voters that have followed the leader's log to its end within the last seconds, the leader included.
    package var syncedVoters: Int?

    /// What kept a question from being answered, and contradictions; empty when all is well.
    package var problems: [String] = []

    /// The problems in one sentence, or `nil`.
    package var problem: String? {
        self.problems.isEmpty ? nil : self.problems.joined(separator: "; ")
    }

    package init() {}

    mutating func note(_ problem: KafkaProblem) {
        let text = "\(problem)"
        if !self.problems.contains(text) { self.problems.append(text) }
    }
}
