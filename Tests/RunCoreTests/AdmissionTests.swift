// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunCore
import RunPlan
import RunVocabulary
import Testing

/// Two commands that change the world never pass `require` on facts of which one could not show the other.
@Suite struct AdmissionTests {
    static let quorum = "require: size(ensemble.filter(n, n.serving)) >= 2"

    private func batch(_ size: Int, _ more: String = "", effect: String = "restarts") throws -> Transcript {
        try Transcript(
            runbook(
                """
                  - id: act
                    run: { targets: ensemble, command: [x], effect: \(effect), batch: { size: \(size), max_failures: 3 } }
                    \(Self.quorum)
                    timeout: 1m
                \(more)
                """
            )
        )
    }

    @Test func `the targets of one batch are admitted one after the other, each on its own look`() throws {
        var run = try self.batch(3)
        #expect(try run.start() == ["observe zk1 zk2 zk3"])
        #expect(try run.observed(serving("zk1", "zk2", "zk3")) == ["act x on zk1"])
        let first = try run.begin()
        #expect(run.openLines == [])
        #expect(try run.ended(first, .exited(status: 0)) == ["observe zk1 zk2 zk3"])
        #expect(try run.observed(serving("zk2", "zk3", down: ["zk1"])) == ["act x on zk2"])
        #expect(try run.carryOut() == ["observe zk1 zk2 zk3"])
        let lines = try run.observed(serving("zk3", down: ["zk1", "zk2"]))
        #expect(lines.first?.hasPrefix("finish failed: zk3: ") == true, "\(lines)")
        #expect(run.acts.count == 2)
    }

    @Test func `the next target waits for the proof of the one before`() throws {
        var run = try self.batch(2, "    verify: { tcp: { port: client }, expect: result.open, every: 10s }")
        try run.start()
        try run.observed(serving("zk1", "zk2", "zk3"))
        #expect(try run.carryOut() == ["probe tcp client on zk1"])
        #expect(try run.probed(serving(down: ["zk1"])) == [])
        #expect(try run.wake() == ["probe tcp client on zk1"])
        #expect(try run.probed(serving("zk1")) == ["observe zk1 zk2 zk3"])
    }

    @Test func `while a command is in doubt no other passes, until a person has settled it`() throws {
        var run = try self.batch(2)
        try run.start()
        try run.observed(serving("zk1", "zk2", "zk3"))
        #expect(try run.carryOut(.inDoubt(reason: "the link broke")) == [])
        #expect(try run.restart() == ["inquire x on zk1"])
        #expect(try run.settle("act", happened: true) == ["observe zk1 zk2 zk3"])
    }

    @Test func `a failure that halts keeps those that wait for their turn from being touched`() throws {
        var run = try Transcript(
            runbook(
                """
                  - id: act
                    run: { targets: ensemble, command: [x], effect: restarts, batch: { size: 3 } }
                    \(Self.quorum)
                """
            )
        )
        try run.start()
        try run.observed(serving("zk1", "zk2", "zk3"))
        #expect(try run.carryOut(.exited(status: 1)) == ["finish failed: zk1: exit status 1"])
        #expect(run.acts.count == 1)
        #expect(
            run.notes.contains {
                if case .halted(_, let reason) = $0 { reason.hasSuffix("2 more are left alone") } else { false }
            }
        )
    }

    @Test func `a target that rests before its retry lets another go first, and looks again`() throws {
        var run = try self.batch(2, "    retry: { attempts: 2, initial: 5s }")
        try run.start()
        try run.observed(serving("zk1", "zk2", "zk3"))
        #expect(try run.carryOut(.exited(status: 1)) == ["observe zk1 zk2 zk3"])
        #expect(try run.observed(serving("zk1", "zk2", "zk3")) == ["act x on zk2"])
        let second = try run.begin()
        #expect(try run.wake() == [])
        #expect(try run.ended(second, .exited(status: 0)) == ["observe zk1 zk2 zk3"])
        #expect(try run.observed(serving("zk1", "zk2", "zk3")) == ["act x on zk1 #2"])
    }

    @Test func `what changes nothing, and what has no condition, goes at once`() throws {
        var run = try self.batch(3, effect: "reads")
        try run.start()
        #expect(try run.observed(serving("zk1", "zk2", "zk3")) == ["act x on zk1"])
        for _ in 1...2 {
            try run.observed(serving("zk1", "zk2", "zk3"))
        }
        #expect(run.acts.count == 3)
        run = try Transcript(
            runbook("  - id: act\n    run: { targets: ensemble, command: [x], effect: restarts, batch: { size: 3 } }")
        )
        #expect(try run.start().count == 3)
    }

    private func loop(_ steps: String) throws -> Transcript {
        try Transcript(
            runbook("  - id: each\n    for_each: { as: node, in: ensemble, serial: 3 }\n    steps:\n\(steps)")
        )
    }

    @Test func `iterations side by side are admitted one after the other`() throws {
        var run = try self.loop(
            "      - id: act\n        run: { targets: \"[node]\", command: [x], effect: restarts }\n        \(Self.quorum)"
        )
        #expect(try run.start() == ["observe zk1 zk2 zk3"])
        #expect(try run.observed(serving("zk1", "zk2", "zk3")) == ["act x on zk1"])
        let first = try run.begin()
        #expect(try run.restart() == ["inquire x on zk1"])
        #expect(try run.ended(first, .exited(status: 0)) == ["observe zk1 zk2 zk3"])
        // The answer comes to an earlier one in the list, too: the last of three must not starve.
        #expect(try run.observed(serving("zk1", "zk2", "zk3")) == ["act x on zk2"])
        #expect(try run.carryOut() == ["observe zk1 zk2 zk3"])
        #expect(try run.observed(serving("zk1", "zk2", "zk3")) == ["act x on zk3"])
        #expect(try run.carryOut() == ["finish succeeded"])
    }

    @Test func `who waits before the one that ends hears of it`() throws {
        var run = try self.loop(
            """
                  - id: rest
                    pause: "node.id == 3 ? duration('1s') : duration('2s')"
                  - id: act
                    run: { targets: "[node]", command: [x], effect: restarts }
                    \(Self.quorum)
            """
        )
        try run.start()
        #expect(try run.wake() == ["observe zk1 zk2 zk3"])
        #expect(try run.observed(serving("zk1", "zk2", "zk3")) == ["act x on zk3"])
        let last = try run.begin()
        #expect(try run.wake() == [])
        #expect(try run.ended(last, .exited(status: 0)) == ["observe zk1 zk2 zk3"])
        #expect(try run.observed(serving("zk1", "zk2", "zk3")) == ["act x on zk1"])
    }

    @Test func `a guard whose answer was under way while a command was sent is looked at again`() throws {
        var run = try self.loop(
            """
                  - id: rest
                    pause: "node.id == 1 ? duration('0s') : duration('1s')"
                  - id: act
                    when: node.id == 1 || ensemble.all(n, n.serving)
                    run: { targets: "[node]", command: [x], effect: restarts }
            """
        )
        // All of them read the ensemble's facts; the first is answered, and sends its command.
        try run.start()
        try run.observed(serving("zk1", "zk2", "zk3"))
        let first = try run.begin(on: "zk1")
        let asked = try run.wake()
        #expect(asked == ["observe zk1 zk2 zk3", "observe zk1 zk2 zk3"])
        #expect(try run.ended(first, .exited(status: 0)) == [])
        #expect(try run.observed(serving("zk1", "zk2", "zk3")) == ["observe zk1 zk2 zk3"])
        #expect(run.acts.count == 1)
    }

    @Test func `facts are as old as the question, not as the answer`() throws {
        var run = try Transcript(
            runbook(
                """
                  - id: first
                    when: ensemble.all(n, n.serving)
                    pause: 1s
                  - id: second
                    when: ensemble.all(n, n.serving)
                    pause: 1s
                """,
                head: "fresh: 5s"
            )
        )
        try run.start()
        run.now = run.now + .seconds(5)
        try run.observed(serving("zk1", "zk2", "zk3"))
        #expect(try run.wake() == ["observe zk1 zk2 zk3"])
    }
}
