// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunCore
import RunPlan
import RunVocabulary
import Testing

/// Facts that decide something are fresh; what a step found out stays as it was.
@Suite struct FreshnessTests {
    @Test func `a condition asks for the facts it reads, and is decided with them`() throws {
        let text = runbook("  - id: act\n    when: ensemble.all(n, n.serving)\n    pause: 5s")
        var run = try Transcript(text)
        #expect(try run.start() == ["observe zk1 zk2 zk3"])
        #expect(try run.observed(serving("zk1", "zk2", "zk3")) == [])
        #expect(run.machine.wakeAt != nil)

        run = try Transcript(text)
        try run.start()
        #expect(try run.observed(serving("zk1", down: ["zk2", "zk3"])) == ["finish succeeded"])
        #expect(run.left == ["act skipped: 'ensemble.all(n, n.serving)' does not hold"])

        run = try Transcript(text)
        try run.start()
        try run.observed(serving("zk1", "zk2"))
        #expect(run.machine.outcome == .failed)
        #expect(run.left.first?.hasPrefix("act refused: 'ensemble.all(n, n.serving)' cannot be told") == true)
    }

    @Test func `what the inventory says needs no look`() throws {
        var run = try Transcript(
            runbook("  - id: act\n    when: size(ensemble) > 2 && ensemble[0].voter\n    pause: 5s")
        )
        #expect(try run.start() == [])
    }

    @Test(arguments: [(Int64(5_000), false), (5_001, true)])
    func `facts are asked for again when they are older than is fresh`(age: Int64, isAsked: Bool) throws {
        var run = try Transcript(
            runbook(
                """
                  - id: first
                    when: ensemble.all(n, n.serving)
                    pause: \(age)ms
                  - id: second
                    when: ensemble.all(n, n.serving)
                    pause: 1s
                """,
                head: "fresh: 5s"
            )
        )
        try run.start()
        try run.observed(serving("zk1", "zk2", "zk3"))
        #expect(try run.wake() == (isAsked ? ["observe zk1 zk2 zk3"] : []))
    }

    @Test func `only the nodes whose facts are stale are asked`() throws {
        var run = try Transcript(
            runbook(
                """
                  - id: one
                    when: "[ensemble[0]].all(n, n.serving)"
                    pause: 6s
                  - id: all
                    when: ensemble.all(n, n.serving)
                    pause: 6s
                  - id: again
                    when: ensemble.all(n, n.serving)
                    pause: 1s
                """
            )
        )
        // Which of the ensemble an index picks is not worked out: all of it is asked.
        #expect(try run.start() == ["observe zk1 zk2 zk3"])
        try run.observed(serving("zk1", "zk2", "zk3"))
        #expect(try run.wake() == [])
        #expect(try run.wake() == ["observe zk1 zk2 zk3"])
    }

    @Test func `a step's results stay as they were`() throws {
        var run = try Transcript(
            runbook(
                """
                  - id: look
                    probe: { targets: ensemble, zookeeper: { ask: [srvr] } }
                  - id: rest
                    pause: 1h
                  - id: guard
                    when: size(steps.look.results.filter(r, r.serving)) == 1
                    finish: { outcome: not_needed }
                """
            )
        )
        try run.start()
        try run.probed(serving("zk1", down: ["zk2", "zk3"]))
        #expect(try run.wake() == ["finish not_needed"])
    }

    @Test func `a loop's element has today's facts`() throws {
        var run = try Transcript(
            runbook(
                """
                  - id: each
                    for_each: { as: node, in: "ensemble.filter(n, !n.serving)" }
                    steps:
                      - id: rest
                        pause: 1m
                      - id: start
                        when: "!node.serving"
                        run: { targets: "[node]", service: zookeeper, do: start }
                """
            )
        )
        try run.start()
        try run.observed(serving("zk1", down: ["zk2", "zk3"]))
        #expect(try run.wake() == ["observe zk2"])
        #expect(try run.observed(serving("zk2")) == [])
        #expect(run.left.suffix(1) == ["each[0]/start skipped: '!node.serving' does not hold"])
        #expect(try run.wake() == ["observe zk3"])
        #expect(try run.observed(serving(down: ["zk3"])) == ["act start zookeeper on zk3"])
    }

    @Test func `a value that was set holds the same nodes with today's facts`() throws {
        var run = try Transcript(
            runbook(
                """
                  - id: keep
                    set: { down: "ensemble.filter(n, !n.serving)" }
                  - id: rest
                    pause: 1m
                  - id: guard
                    when: down.all(n, n.serving)
                    finish: { outcome: not_needed, message: "${{ down }}" }
                """
            )
        )
        try run.start()
        try run.observed(serving("zk1", down: ["zk2", "zk3"]))
        #expect(try run.wake() == ["observe zk2 zk3"])
        #expect(try run.observed(serving("zk2", "zk3")) == ["finish not_needed: [zk2, zk3]"])
    }

    @Test func `a wait refreshes what it reads besides its own results`() throws {
        var run = try Transcript(
            runbook(
                """
                  - id: up
                    wait:
                      targets: brokers
                      tcp: { port: broker }
                      until: results.all(r, r.open) && ensemble.all(n, n.serving)
                      every: 20s
                    timeout: 5m
                """
            )
        )
        #expect(try run.start() == ["probe tcp broker on b1 b2"])
        #expect(try run.probed(serving("b1", "b2")) == ["observe zk1 zk2 zk3"])
        #expect(try run.observed(serving("zk1", "zk2", down: ["zk3"])) == [])
        try run.wake()
        #expect(try run.probed(serving("b1", "b2")) == ["observe zk1 zk2 zk3"])
        #expect(try run.observed(serving("zk1", "zk2", "zk3")) == ["finish succeeded"])
    }

    @Test func `a clock that is set back makes no fact look young for ever`() throws {
        var run = try Transcript(
            runbook(
                "  - id: a\n    when: ensemble.all(n, n.serving)\n    pause: 20s\n  - id: b\n    when: ensemble.all(n, n.serving)\n    pause: 1s"
            )
        )
        try run.start()
        try run.observed(serving("zk1", "zk2", "zk3"))
        let until = try #require(run.machine.wakeAt)
        #expect(try run.send(.clockReached(at: Instant(milliseconds: 5))) == [])
        #expect(run.machine.wakeAt == until)
        #expect(try run.wake() == ["observe zk1 zk2 zk3"])
    }
}
