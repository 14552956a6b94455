// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import PracticeCluster

/// Why the order of starting is what a quorum-loss runbook is about.
///
/// A majority of the disks is empty and one member holds the data. ZooKeeper lets the empty ones form a quorum among
/// themselves, and whoever comes later has to follow it.
extension LabTests {
    @Suite struct LabStartOrderTests {
        @Test func `empty members started first destroy the survivor's data`() async throws {
            try await Lab.with { cluster in
                try await cluster.breakNow(.blackout)
                try await cluster.startEmptyPair()
                try await cluster.service(.zookeeper, "start", on: "zk1")
                try await cluster.wait(for: "zk1", "serves") { $0.isServing }
                // Every member is up, one leads, the process of each runs: whatever asks no more than that is content.
                try await cluster.wait(for: .dataLost) { status in
                    status.serving.count == 3 && status.members.allSatisfy { $0.tree?.missing ?? 0 > 0 }
                }
            }
        }

        @Test func `a write to the empty pair makes the survivor's znodes differ from the others' for good`()
            async throws
        {
            try await Lab.with { cluster in
                try await cluster.breakNow(.blackout)
                try await cluster.startEmptyPair()
                var written = ZnodeTree()
                written["/written-later"] = "by a client that noticed nothing"
                try await cluster.client(of: cluster.members[2]).write(written)
                try await cluster.service(.zookeeper, "start", on: "zk1")
                try await cluster.wait(for: "zk1", "serves") { $0.isServing }
                let status = try await cluster.wait(for: .dataLost) { $0.members.allSatisfy { $0.tree != nil } }
                let trees = status.members.compactMap(\.tree)
                #expect(trees[1] == trees[2])
                #expect(trees[0].digest != trees[1].digest || trees[0].missing > 0)
            }
        }

        @Test func `the survivor started first keeps the data`() async throws {
            try await Lab.with { cluster in
                try await cluster.breakNow(.blackout)
                try await cluster.service(.zookeeper, "start", on: "zk1")
                try await cluster.wait(for: "zk1", "waits for others") { $0 == .notServing }
                try await cluster.service(.zookeeper, "start", on: "zk2")
                try await cluster.wait(for: "zk2", "serves") { $0.isServing }
                try await cluster.service(.zookeeper, "start", on: "zk3")
                try await cluster.wait(for: .healthy) { $0.members.map { $0.tree?.extra } == [0, 0, 0] }
            }
        }

        // Goal: with db.autocreate=false no order loses the data.
        // Method: the order that destroys it otherwise; then one empty member is told that it may start empty, which
        // is what brings the quorum back.
        @Test func `members that may not create a database wait for one that has it`() async throws {
            var options = Lab.options
            options.createsMissingDatabase = false
            try await Lab.with(options) { cluster in
                try await cluster.breakNow(.blackout)
                for host in ["zk2", "zk3", "zk1"] {
                    try await cluster.service(.zookeeper, "start", on: host)
                    try await cluster.wait(for: host, "has no quorum") { $0 == .notServing }
                }
                try await cluster.service(.zookeeper, "stop", on: "zk2")
                // The first start without the marker left epochs of -1 behind, with which a start with it fails.
                _ = try cluster.disk(of: cluster.members[1]).wipe()
                try Files.write(cluster.layout.host("zk2").data + "/initialize", "")
                try await cluster.service(.zookeeper, "start", on: "zk2")
                try await cluster.wait(for: .healthy)
            }
        }
    }
}

extension PracticeCluster {
    /// Starts the two empty members and waits until they are a quorum without the third.
    fileprivate func startEmptyPair() async throws {
        for host in ["zk2", "zk3"] {
            try await self.service(.zookeeper, "start", on: host)
        }
        for host in ["zk2", "zk3"] {
            try await self.wait(for: host, "serves") { $0.isServing }
        }
    }
}
