// Selfheal
// SPDX-License-Identifier: Apache-2.0

import ProbeZooKeeper
import Testing

@testable import PracticeCluster

extension LabTests {
    @Suite struct LabBreakTests {
        @Test func `a lost quorum comes back by the service command over SSH, with the same znodes`() async throws {
            try await Lab.with { cluster in
                let done = try await cluster.breakNow(.quorum)
                #expect(done.hosts == ["zk2", "zk3"])
                // It follows until it finds the connection to its leader closed.
                try await cluster.wait(for: "zk1", "notices") { $0 == .notServing }
                let broken = try await cluster.wait(for: .quorumLost) {
                    $0.members.map(\.answer) == [.notServing, .refused, .refused]
                }
                #expect(broken.members.map(\.disk?.verdict) == [.intact, .intact, .intact])
                #expect(broken.sentence == "quorum lost: 0 of 3 serving, 2 needed")

                for host in ["zk2", "zk3"] {
                    let status = try await cluster.ssh(host, "\(cluster.serviceCommandPath) zookeeper status")
                    #expect(status == .init(exitStatus: 3, output: "zookeeper on \(host) is not running\n"))
                    let start = try await cluster.ssh(host, "\(cluster.serviceCommandPath) zookeeper start")
                    #expect(start.exitStatus == 0)
                    let again = try await cluster.ssh(host, "\(cluster.serviceCommandPath) zookeeper start")
                    #expect(again.exitStatus == 0)
                    #expect(again.output.contains("is running"))
                }
                try await cluster.wait(for: .healthy) {
                    $0.members.map(\.tree?.digest) == [String](repeating: cluster.record.treeDigest, count: 3)
                }
                #expect(try cluster.history().map(\.mode) == ["quorum"])
            }
        }

        @Test func `the loss of one member leaves a quorum`() async throws {
            try await Lab.with { cluster in
                try await cluster.breakNow(.member)
                let status = try await cluster.wait(for: .degraded) { $0.serving.map(\.name) == ["zk1", "zk2"] }
                #expect(status.sentence.hasSuffix("zk3 missing"))
            }
        }

        @Test func `a majority without data is seen on disk and rebuilt from the survivor`() async throws {
            try await Lab.with { cluster in
                try await cluster.breakNow(.data)
                let status = try await cluster.wait(for: .quorumLost)
                #expect(status.members.map(\.disk?.verdict) == [.intact, .lost, .lost])
                #expect(Files.readText(cluster.layout.host("zk2").data + "/myid") == "2\n")
                try await cluster.heal()
                try await cluster.wait(for: .healthy)
            }
        }

        // Goal: a cut looks like a cut from outside and is none inside.
        // Method: a login is open when the cut comes. Connecting to both ports of a cut host times out; the same processes
        // live on, the login among them, and serve again once the cut is healed.
        @Test func `a cut majority is silent, alive and unharmed`() async throws {
            try await Lab.with { cluster in
                let before = try await cluster.status()
                async let login = cluster.ssh("zk3", "until [ -e $HOME/healed ]; do sleep 0.05; done; echo still here")
                try await Lab.untilRunning("still here", in: cluster.folder)
                try await cluster.breakNow(.cut)
                // It follows or leads until it misses the others for syncLimit ticks.
                try await cluster.wait(for: "zk1", "notices") { $0 == .notServing }
                let status = try await cluster.wait(for: .quorumLost) {
                    $0.members.map(\.answer) == [.notServing, .silent, .silent]
                }
                for member in cluster.members.suffix(2) {
                    for port in [cluster.ports.ssh, cluster.ports.client] {
                        var client = MemberClient(host: member, port: port, prober: cluster.prober)
                        client.timeout = .milliseconds(300)
                        #expect(await !client.accepts(), "\(member.name):\(port)")
                    }
                }
                #expect(
                    status.members.dropFirst().map(\.zooKeeper) == before.members.dropFirst().map(\.zooKeeper.frozen)
                )
                try await cluster.heal()
                let after = try await cluster.wait(for: .healthy)
                #expect(after.members.map(\.zooKeeper) == before.members.map(\.zooKeeper))
                #expect(try await cluster.ssh("zk3", "echo $SELFHEAL_LAB_HOST").output == "zk3\n")
                try Files.write(cluster.layout.host("zk3").home + "/healed", "")
                #expect(try await login.output == "still here\n")
            }
        }

        @Test func `a frozen leader is replaced while its host still answers`() async throws {
            try await Lab.with { cluster in
                let leader = try #require(await cluster.leader())
                #expect(try await cluster.breakNow(.hang).hosts == [leader.name])
                let status = try await cluster.wait(for: .degraded)
                #expect(status.leaders.map(\.name) != [leader.name])
                #expect(status.members.first { $0.name == leader.name }?.answer == .silent)
                #expect(try await cluster.ssh(leader.name, "echo here").output == "here\n")
                // Restarting it is what an operator would do, and TERM alone would never arrive.
                let restart = try await cluster.ssh(leader.name, "\(cluster.serviceCommandPath) zookeeper restart")
                #expect(restart.exitStatus == 0)
                try await cluster.wait(for: .healthy)
            }
        }

        @Test func `a member with spoiled snapshots does not start`() async throws {
            try await Lab.with { cluster in
                try await cluster.breakNow(.disk, members: ["zk1"])
                try await cluster.wait(for: .degraded) { $0.members[0].disk?.verdict.word == "damaged" }
                try await cluster.service(.zookeeper, "start", on: "zk1")
                let process = try #require(cluster.process(.zookeeper, on: "zk1"))
                #expect(process.waitUntilGone(until: .now + Lab.patience))
                try await cluster.heal()
                try await cluster.wait(for: .healthy)
            }
        }

        @Test func `a member with a torn log starts and catches up`() async throws {
            try await Lab.with { cluster in
                try await cluster.breakNow(.tornLog)
                let status = try await cluster.wait(for: .degraded)
                #expect(status.members[2].disk?.verdict == .intact)
                #expect(status.text.contains("zk3: the last record of log."))
                try await cluster.service(.zookeeper, "start", on: "zk3")
                try await cluster.wait(for: .healthy)
            }
        }

        @Test func `what was broken is remembered in order, and an unknown member is refused`() async throws {
            try await Lab.with { cluster in
                let error = await #expect(throws: PracticeClusterError.self) {
                    try await cluster.breakNow(.member, members: ["zk9"])
                }
                #expect(error?.message == "there is no member 'zk9'; there are zk1, zk2, zk3")
                await #expect(throws: PracticeClusterError.self) {
                    try await cluster.breakNow(.member, members: [])
                }
                try await cluster.breakNow(.member, members: ["zk2", "zk2"])
                try await cluster.breakNow(.member, members: ["zk2"])
                let history = try cluster.history()
                #expect(history.map(\.hosts) == [["zk2"], ["zk2"]])
                #expect(history.last?.acts == ["zk2 was down already"])
            }
        }
    }
}

extension ProcessState {
    /// The same process, standing still.
    fileprivate var frozen: ProcessState {
        guard case .running(let pid) = self else {
            return self
        }
        return .frozen(pid: pid)
    }
}
