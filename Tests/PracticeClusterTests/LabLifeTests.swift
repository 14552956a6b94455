// Selfheal
// SPDX-License-Identifier: Apache-2.0

import ProbeZooKeeper
import Testing

@testable import PracticeCluster

/// Everything that starts real servers, one after the other: three Java machines are enough for a small computer.
@Suite(.serialized, .timeLimit(.minutes(10)))
struct LabTests {}

extension LabTests {
    @Suite struct LabLifeTests {
        @Test func `a new lab is healthy and a second one is refused in its place`() async throws {
            var options = Lab.options
            options.brokers = 3
            try await Lab.with(options) { cluster in
                let status = try await cluster.wait(for: .healthy)
                #expect(
                    status.sentence == "healthy: one leader, 3 of 3 serving the expected 50 znodes, same cluster id"
                )
                #expect(status.members.map(\.disk?.verdict) == [.intact, .intact, .intact])
                #expect(status.brokers.map(\.accepts) == [true, true, true])
                #expect(status.text.hasSuffix(status.sentence + "\n"))
                #expect(status.json.contains(#""verdict" : "healthy""#))

                let error = await #expect(throws: PracticeClusterError.self) {
                    try await PracticeCluster.up(options)
                }
                #expect(error?.code == .folderTaken)
                #expect(error?.message.contains("selfheal lab down") == true)
                try await cluster.wait(for: .healthy)
            }
        }

        @Test func `another process finds the lab by its folder`() async throws {
            try await Lab.with { cluster in
                let found = try PracticeCluster.open(cluster.folder)
                #expect(found.clusterID == cluster.clusterID)
                #expect(found.members.map(\.hostKey).allSatisfy { $0.hasPrefix("ssh-ed25519 AAAA") })
                try await found.wait(for: .healthy)
            }
        }

        @Test func `five members, logs apart and the admin server are possible`() async throws {
            var options = Lab.options
            options.members = 5
            options.separatesLogs = true
            options.hasAdminServer = true
            try await Lab.with(options) { cluster in
                try await cluster.breakNow(.data)
                let status = try await cluster.status()
                #expect(status.verdict == .quorumLost)
                #expect(status.members.map(\.disk?.verdict) == [.intact, .intact, .lost, .lost, .lost])
                try await cluster.heal()
                try await cluster.wait(for: .healthy)
                let admin = MemberClient(
                    host: cluster.members[0],
                    port: cluster.ports.admin,
                    prober: cluster.prober
                )
                try await Waiting.until("the admin server listens", within: Lab.patience) { () async -> Waiting.Look in
                    await admin.accepts() ? .done : .notYet("not yet")
                }
            }
        }

        @Test func `two labs stand beside each other and know nothing of each other`() async throws {
            try await Lab.with { first in
                try await Lab.with { second in
                    #expect(first.members[0].address != second.members[0].address)
                    try await first.breakNow(.quorum)
                    try await second.wait(for: .healthy)
                }
                try await first.wait(for: .quorumLost) { $0.serving.isEmpty }
            }
        }

        // Goal: nothing outlives a lab, however it came to run there.
        // Method: leave a process behind over SSH, freeze a member, cut off another, and end the service command's
        // record of a third; Lab.with then looks for what carries the lab's mark.
        @Test func `down ends strays, frozen processes and those without a pid file`() async throws {
            try await Lab.with { cluster in
                let outcome = try await cluster.ssh("zk1", "setsid sleep 600 </dev/null >/dev/null 2>&1 &")
                #expect(outcome == ChildProcess.Outcome(exitStatus: 0, output: ""))
                // The login may be over before the stray is what it will be.
                try await Lab.untilRunning("sleep\0600", in: cluster.folder)
                try await cluster.breakNow(.hang, members: ["zk1"])
                try await cluster.breakNow(.cut, members: ["zk2"])
                for service in [Service.zookeeper, .sshd] {
                    try Files.remove(cluster.layout.host("zk3").pidFile(service))
                }
            }
        }

        @Test func `down is fine where nothing is`() async throws {
            #expect(try await PracticeCluster.down(folder: Lab.newFolder) == false)
        }

        @Test func `a failed start leaves nothing behind`() async throws {
            var options = Lab.options
            options.brokers = 1
            options.standInCommand = ["/bin/true"]
            options.startTimeout = .zero
            let error = await #expect(throws: PracticeClusterError.self) {
                try await PracticeCluster.up(options)
            }
            #expect(error?.code == .timedOut || error?.code == .couldNotStart)
            #expect(Lab.processes(of: options.folder) == [])
            #expect(!Files.exists(options.folder))
        }
    }
}
