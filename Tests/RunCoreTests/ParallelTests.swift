// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunCore
import RunVocabulary
import Testing

@Suite struct ParallelTests {
    /// Branches `zk1`, `zk2` and `zk3`, each of which starts the member of its name and then looks at it.
    static func text(_ join: String = "all", after: String = "", keys: String = "") -> String {
        let branches = (1...3).map { number in
            """
                    zk\(number):
                      - id: start_\(number)
                        run: { targets: "ensemble.filter(n, n.name == 'zk\(number)')", service: zookeeper, do: start }
                      - id: seen_\(number)
                        when: steps.start_\(number).succeeded
                        probe: { targets: "ensemble.filter(n, n.name == 'zk\(number)')", tcp: { port: client } }
            """
        }.joined(separator: "\n")
        return runbook(
            """
              - id: all_three
                parallel:
                  join: \(join)
                  branches:
            \(branches)
            \(keys)
            \(after)
            """
        )
    }

    private static let report = """
          - id: tell
            notify: { channels: [oncall], message: "${{ steps.all_three.branches.zk1.outcome }} ${{ steps.all_three.branches.zk2.succeeded }} '${{ steps.all_three.branches.zk3.outcome }}'" }
        """

    @Test func `all branches are walked at once, and the step succeeds when all have`() throws {
        var run = try Transcript(Self.text(after: Self.report))
        #expect(
            try run.start() == [
                "act start zookeeper on zk1", "act start zookeeper on zk2", "act start zookeeper on zk3",
            ]
        )
        for node in ["zk2", "zk3", "zk1"] as [NodeName] {
            try run.carryOut(on: node)
        }
        #expect(
            run.acts.map(\.step) == [
                "all_three[zk1]/start_1", "all_three[zk2]/start_2", "all_three[zk3]/start_3",
            ]
        )
        try run.probed([:])
        try run.probed([:])
        #expect(try run.probed([:]) == ["tell oncall: succeeded true 'succeeded'"])
    }

    // Goal: half of a branch is never left behind because another one failed.
    @Test func `a failure stops no other branch, and fails the step once all have ended`() throws {
        var run = try Transcript(Self.text(after: Self.report, keys: "    if_failed: tell"))
        try run.start()
        #expect(try run.carryOut(.exited(status: 1), on: "zk2") == [])
        #expect(try run.carryOut(on: "zk1") == ["probe tcp client on zk1"])
        try run.carryOut(on: "zk3")
        #expect(try run.probed([:]) == [])
        #expect(try run.probed([:]) == ["tell oncall: succeeded false 'succeeded'"])
        #expect(
            run.left.contains(
                "all_three failed: branch 'zk2': all_three[zk2]/start_2: zk2: exit status 1"
            ),
            "\(run.left)"
        )
    }

    @Test func `once one has succeeded where one is enough, the others are stopped and confirmed`() throws {
        var run = try Transcript(Self.text("any", after: Self.report))
        try run.start()
        try run.carryOut(on: "zk1")
        let second = try run.begin(on: "zk2")
        // The third was asked for and has not begun: it is given up without a word to the host.
        #expect(try run.probed([:]) == ["stop"])
        #expect(try run.ended(second, .stopped) == ["tell oncall: succeeded false 'cancelled'"])
    }

    @Test func `so many are enough as the join says`() throws {
        var run = try Transcript(Self.text("2", after: Self.report))
        try run.start()
        try run.carryOut(.exited(status: 1), on: "zk1")
        try run.carryOut(on: "zk2")
        try run.carryOut(on: "zk3")
        #expect(try run.probed([:]) == [])
        #expect(try run.probed([:]) == ["tell oncall: failed true 'succeeded'"])
        #expect(run.left.contains { $0.hasPrefix("all_three succeeded: branch 'zk1': ") }, "\(run.left)")
    }

    @Test func `fewer than needed is a failure, once the last one has ended`() throws {
        var run = try Transcript(Self.text("2"))
        try run.start()
        try run.carryOut(.exited(status: 1), on: "zk1")
        try run.carryOut(.exited(status: 1), on: "zk2")
        #expect(run.finish == nil)
        try run.carryOut(on: "zk3")
        let lines = try run.probed([:])
        #expect(lines.first?.hasPrefix("finish failed: branch 'zk1': ") == true, "\(lines)")
    }

    // Goal: what cannot be told is told to a person, even where enough has succeeded.
    @Test func `a branch that is stopped and in doubt makes the step in doubt`() throws {
        var run = try Transcript(Self.text("any", after: Self.report, keys: "    if_in_doubt: tell"))
        try run.start()
        try run.carryOut(on: "zk1")
        let second = try run.begin(on: "zk2")
        try run.probed([:])
        #expect(
            try run.ended(second, .inDoubt(reason: "the host is gone")) == [
                "tell oncall: succeeded false 'cancelled'"
            ]
        )
        #expect(run.left.contains { $0.hasPrefix("all_three in_doubt: branch 'zk2': ") }, "\(run.left)")
    }

    @Test func `a finish in one branch ends the run, once the others are stopped`() throws {
        var run = try Transcript(
            runbook(
                """
                  - id: both
                    parallel:
                      branches:
                        act:
                          - id: start
                            run: { targets: ensemble, service: zookeeper, do: start }
                        look:
                          - id: seen
                            probe: { targets: ensemble, tcp: { port: client } }
                          - id: fine
                            finish: { outcome: not_needed, message: all is well }
                """
            )
        )
        try run.start()
        let act = try run.begin(on: "zk1")
        #expect(try run.probed([:]) == ["stop"])
        #expect(try run.ended(act, .stopped) == ["finish not_needed: all is well"])
    }

    @Test func `cancel stops every branch`() throws {
        var run = try Transcript(Self.text())
        try run.start()
        let acts = try (1...3).map { try run.begin(on: NodeName("zk\($0)")) }
        #expect(try run.cancel() == ["stop", "stop", "stop"])
        try run.ended(acts[0], .stopped)
        try run.ended(acts[2], .stopped)
        #expect(try run.ended(acts[1], .exited(status: 0)) == ["finish cancelled: cancelled by lin: wrong cluster"])
    }

    @Test func `a deadline of the step stops every branch`() throws {
        var run = try Transcript(Self.text(keys: "    deadline: 30s"))
        try run.start()
        let act = try run.begin(on: "zk1")
        #expect(try run.clock(after: .seconds(30)) == ["stop"])
        #expect(try run.ended(act, .stopped) == ["finish failed: its deadline passed"])
    }

    @Test func `another engine takes all branches up`() throws {
        var run = try Transcript(Self.text())
        try run.start()
        try run.begin(on: "zk1")
        try run.carryOut(on: "zk2")
        #expect(
            try run.restart() == [
                "inquire start zookeeper on zk1", "probe tcp client on zk2", "act start zookeeper on zk3",
            ]
        )
    }

    @Test func `a branch that was not come to has no outcome`() throws {
        let text = runbook(
            """
              - id: skip
                choose: [{ when: "true", next: tell }, { otherwise: both }, { if_unknown: tell }]
              - id: both
                parallel: { branches: { a: [{ id: rest, pause: 1s }], b: [{ id: rest_too, pause: 1s }] } }
              - id: tell
                notify: { channels: [oncall], message: "'${{ steps.both.branches.a.outcome }}' ${{ steps.both.branches.b.succeeded }}" }
            """
        )
        var run = try Transcript(text)
        #expect(try run.start() == ["tell oncall: '' false"])
    }
}
