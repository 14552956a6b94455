// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunVocabulary

/// Pretend Kafka brokers and the partitions between them.
///
/// Partition *p* of *n* brokers has its replicas on the brokers *p*, *p* + 1 and *p* + 2 (modulo *n*). A broker that came up is in sync
/// again when it has caught up. Brokers that run serve on while ZooKeeper has no quorum; one that starts then gives up.
struct BrokerGroup: Hashable, Sendable {
    struct Broker: Hashable, Sendable {
        let name: NodeName
        var process: PretendProcess
        var isInSync: Bool
    }

    private static let replicas = 3
    private static let leastInSync = 2

    var brokers: [Broker]
    private let partitions: Int

    init(_ cluster: Scenario.Cluster) {
        self.partitions = cluster.partitions
        self.brokers = cluster.brokers.map { broker in
            Broker(
                name: broker.name,
                process: PretendProcess(broker.process == .up ? .up : .down),
                isInSync: broker.process == .up
            )
        }
    }

    /// The active one: any that runs; the first is taken.
    var controller: Int? {
        self.brokers.firstIndex { $0.process.isLively }
    }

    struct Health: Hashable, Sendable {
        var underReplicated = 0
        var offline = 0
        var atLeastInSync = 0
        var underLeastInSync = 0
    }

    var health: Health {
        let count = self.brokers.count
        let replicas = min(Self.replicas, count)
        var health = Health()
        for partition in 0..<self.partitions where replicas > 0 {
            let hosts = (0..<replicas).map { self.brokers[(partition + $0) % count] }
            let alive = hosts.count { $0.process.isLively }
            // The last replica that runs is the leader, and by that in sync.
            let inSync = max(hosts.count { $0.process.isLively && $0.isInSync }, min(alive, 1))
            health.underReplicated += inSync < replicas ? 1 : 0
            health.offline += alive == 0 ? 1 : 0
            health.atLeastInSync += inSync == Self.leastInSync && replicas > Self.leastInSync ? 1 : 0
            health.underLeastInSync += inSync < Self.leastInSync && replicas >= Self.leastInSync ? 1 : 0
        }
        return health
    }
}
