// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// The cluster as one broker tells it.
///
/// A broker that is cut off from its controller goes on telling what it knew last. So two such views are compared before either is
/// believed.
struct ClusterView: Hashable, Sendable {
    var brokers: [KafkaBroker]
    var clusterID: String?
    var controller: Int32
    /// Empty unless they were asked for.
    var topics: [MetadataRequest.Topic]

    init(_ reply: MetadataRequest.Reply) {
        self.brokers = reply.brokers.sorted { $0.id < $1.id }
        self.clusterID = reply.clusterID
        self.controller = reply.controller
        self.topics = reply.topics
    }

    func broker(_ id: Int32) -> KafkaBroker? {
        self.brokers.first { $0.id == id }
    }

    var ids: Set<Int32> { Set(self.brokers.map(\.id)) }

    /// The partitions that meet a condition.
    func partitions(where isWanted: (MetadataRequest.Partition) -> Bool) -> Set<TopicPartition> {
        var found: Set<TopicPartition> = []
        for topic in self.topics {
            for partition in topic.partitions where isWanted(partition) {
                found.insert(TopicPartition(topic: topic.name, partition: partition.index))
            }
        }
        return found
    }

    /// What two brokers do not tell alike about brokers and controller, in words; nothing if they agree.
    func difference(from other: ClusterView, comparesControllers: Bool) -> String? {
        if let own = self.clusterID, let their = other.clusterID, own != their {
            return "it belongs to the cluster '\(their)', and this broker to '\(own)'"
        }
        if self.ids != other.ids {
            return "it counts the brokers \(Self.list(other.ids)), and this broker \(Self.list(self.ids))"
        }
        if comparesControllers, self.controller != other.controller {
            return "its controller is \(other.controller), and this broker's \(self.controller)"
        }
        return nil
    }

    /// What two brokers do not tell alike about partitions.
    func replicationDifference(from other: ClusterView) -> String? {
        let own = (self.partitions(where: \.isUnderReplicated), self.partitions(where: \.isOffline))
        let their = (other.partitions(where: \.isUnderReplicated), other.partitions(where: \.isOffline))
        if own.0 == their.0, own.1 == their.1 { return nil }
        return "it counts \(their.0.count) partitions under-replicated and \(their.1.count) offline, and this broker "
            + "\(own.0.count) and \(own.1.count), or others"
    }

    private static func list(_ ids: Set<Int32>) -> String {
        let shown = ids.sorted().prefix(20).map(String.init).joined(separator: ", ")
        return ids.isEmpty ? "none" : ids.count > 20 ? "\(shown) …" : shown
    }
}

extension MetadataRequest.Partition {
    var isUnderReplicated: Bool { self.inSync < self.replicas }
    /// A replica that is missing, error 9, is no partition that is missing.
    var isOffline: Bool { self.error == .leaderNotAvailable || (self.leader < 0 && self.error == .none) }

    /// Replicas that are being added are not missed yet.
    func isUnderReplicated(adding: Int32) -> Bool { self.inSync < self.replicas &- adding }
}
