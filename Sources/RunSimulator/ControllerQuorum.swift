// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunPlan
import RunVocabulary

/// The KRaft controllers among a scenario's hosts, and whether they have a leader.
///
/// They have one as long as a majority of them runs and is reached; whoever comes back has caught up at once. Their disks are out of this
/// model's sight.
struct ControllerQuorum: Hashable, Sendable {
    static let role = "kraft_controller"

    /// Positions in the list of hosts.
    private let members: [Int]

    init(_ cluster: Scenario.Cluster) {
        self.members = cluster.hosts.indices.filter { cluster.hosts[$0].roles.contains(Self.role) }
    }

    /// Nothing to lose: the cluster has no controllers of its own.
    var isEmpty: Bool {
        self.members.isEmpty
    }

    func isMember(_ host: Int) -> Bool {
        self.members.contains(host)
    }

    /// What `node.id` says, as brokers have theirs.
    func id(of host: Int) -> Int? {
        self.members.firstIndex(of: host).map { $0 + 1 }
    }

    func leader(_ hosts: [PretendProcess]) -> Int? {
        let lively = self.members.filter { hosts[$0].isLively }
        return lively.count >= Inventory.quorum(voters: self.members.count) ? lively.first : nil
    }

    /// A quorum without a leader answers none of this.
    func facts(_ hosts: [PretendProcess]) -> [String: Fact] {
        guard let leader = self.leader(hosts) else {
            return [:]
        }
        return [
            "quorum_leader": .int(Int64(self.id(of: leader) ?? -1)),
            "quorum_size": .int(Int64(self.members.count)),
            "synced_voters": .int(Int64(self.members.count { hosts[$0].isLively })),
        ]
    }
}
