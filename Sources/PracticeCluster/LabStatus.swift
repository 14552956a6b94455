// Selfheal
// SPDX-License-Identifier: Apache-2.0

package import ProbeZooKeeper

/// How the practice cluster is, member by member.
package struct LabStatus: Hashable, Sendable {
    package struct Member: Hashable, Sendable {
        package var name: String
        package var address: String
        package var zooKeeper: ProcessState
        package var sshd: ProcessState
        package var answer: MemberAnswer
        /// What a session on this member read; `nil` when it could not be read.
        package var tree: Tree?
        /// `nil` when nobody looked.
        package var disk: ZooKeeperDiskState?
    }

    /// A member's znodes against the ones that were written.
    package struct Tree: Hashable, Sendable {
        package var znodes: Int
        package var digest: String
        package var clusterID: String?
        package var missing: Int
        package var changed: Int
        package var extra: Int

        /// Everything that was written is there, unchanged; more is no harm.
        package var holdsExpected: Bool { self.missing == 0 && self.changed == 0 }
    }

    package struct Broker: Hashable, Sendable {
        package var name: String
        package var address: String
        package var process: ProcessState
        package var sshd: ProcessState
        package var accepts: Bool
    }

    package enum Verdict: String, Hashable, Sendable, Codable {
        /// Everything serves what was written.
        case healthy
        /// A quorum serves what was written, and something is missing.
        case degraded
        /// Nobody serves.
        case quorumLost = "quorum_lost"
        /// Somebody serves, and what was written is not what it serves, or two members serve different things.
        case dataLost = "data_lost"
    }

    package var folder: String
    package var clusterID: String
    package var expectedZnodes: Int
    package var members: [Member]
    package var brokers: [Broker]
    package var breaks: [Break]

    package var leaders: [Member] { self.members.filter { $0.answer.mode == .leader } }
    package var serving: [Member] { self.members.filter(\.answer.isServing) }
    package var majority: Int { self.members.count / 2 + 1 }
    package var isHealthy: Bool { self.verdict == .healthy }

    package var verdict: Verdict {
        // A leader that has just lost its followers says that it leads for some ticks more; only a read shows.
        let trees = self.serving.compactMap(\.tree)
        guard self.leaders.count == 1, self.serving.count >= self.majority, trees.count >= self.majority else {
            return .quorumLost
        }
        guard trees.allSatisfy({ $0.holdsExpected && $0.clusterID == self.clusterID }),
            Set(trees.map(\.digest)).count == 1
        else {
            return .dataLost
        }
        let isWhole =
            trees.count == self.members.count
            && self.members.allSatisfy { $0.sshd.isRunning }
            && self.brokers.allSatisfy { $0.accepts && $0.sshd.isRunning }
        return isWhole ? .healthy : .degraded
    }
}

extension ProcessState {
    package var isRunning: Bool {
        switch self {
        case .running: true
        case .frozen, .down: false
        }
    }
}

extension LabStatus.Tree {
    init(_ tree: ZnodeTree, expected: ZnodeTree) {
        self.znodes = tree.count
        self.digest = tree.digest
        self.clusterID = ZnodeTree.clusterID(in: tree)
        self.missing = expected.paths.count { tree[$0] == nil }
        self.changed = expected.paths.count { tree[$0] != nil && tree[$0] != expected[$0] }
        self.extra = tree.paths.count { expected[$0] == nil }
    }
}
