// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// A pretend Kafka cluster: what its brokers tell, which changes while they listen.
package struct KafkaScene: Hashable, Sendable {
    package struct Partition: Hashable, Sendable {
        package var leader: Int32
        package var replicas: [Int32]
        package var inSync: [Int32]
        package var error: Int16 = 0
        package var adding: [Int32] = []
        /// The records there are, by offset, with their times.
        package var records: [(offset: Int64, time: Int64)] = []
        /// As records of the oldest format do.
        package var hidesTimes = false
        package var start: Int64 = 0
        package var end: Int64 = 0

        package init(leader: Int32, replicas: [Int32], inSync: [Int32]? = nil) {
            self.leader = leader
            self.replicas = replicas
            self.inSync = inSync ?? replicas
        }

        package static func == (left: Self, right: Self) -> Bool {
            left.leader == right.leader && left.replicas == right.replicas && left.inSync == right.inSync
        }

        package func hash(into hasher: inout Hasher) {
            hasher.combine(self.leader)
            hasher.combine(self.replicas)
        }
    }

    package var clusterID = "c1"
    /// The ids that are alive.
    package var alive: [Int32]
    package var controller: Int32
    /// With voters the controllers are a quorum of their own; each with how long ago it had caught up, in milliseconds.
    package var voters: [(id: Int32, behind: Int64)]?
    package var topics: [String: [Partition]] = [:]
    package var leastInSync: [String: Int] = [:]
    /// By group: the broker that coordinates it, and what it committed.
    package var groups: [String: (coordinator: Int32, commits: [String: [Int32: Int64]])] = [:]

    package init(alive: [Int32], controller: Int32) {
        self.alive = alive
        self.controller = controller
    }

    package static func == (left: Self, right: Self) -> Bool {
        left.alive == right.alive && left.controller == right.controller && left.topics == right.topics
    }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(self.alive)
    }
}

/// Where a broker says that it listens.
package struct KafkaPlace: Hashable, Sendable {
    package var host: String
    package var port: UInt16

    package init(host: String, port: UInt16) {
        self.host = host
        self.port = port
    }
}
