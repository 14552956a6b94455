// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunCore
import RunPlan
import RunVocabulary
import Testing

/// A cancel is heard in every state, and what is in flight is ended first.
@Suite struct CancelTests {
    private static let cancelled = "finish cancelled: cancelled by lin: wrong cluster"
    private static let act = "run: { targets: ensemble, command: [x], effect: changes, batch: { size: 1, pause: 1m } }"

    @Test(
        arguments: [
            "- id: a\n    when: ensemble.all(n, n.serving)\n    pause: 1m",
            "- id: a\n    probe: { targets: ensemble, tcp: { port: client } }",
            "- id: a\n    wait: { targets: ensemble, tcp: { port: client }, until: result.open }\n    timeout: 1m",
            "- id: a\n    pause: 1m",
            "- id: a\n    notify: { channels: [oncall], message: m }",
            "- id: a\n    \(act)\n    require: ensemble.all(n, n.serving)",
            "- id: a\n    for_each: { as: n, in: ensemble, serial: 2 }\n    steps: [{ id: s, pause: 1m }]",
        ]
    )
    func `what only waits ends at once`(steps: String) throws {
        var run = try Transcript(runbook("  " + steps))
        try run.start()
        #expect(try run.cancel() == [Self.cancelled])
    }

    @Test func `an approval is closed`() throws {
        var run = try Transcript(ApprovalTests.text())
        try run.start()
        #expect(try run.cancel() == ["close ask", Self.cancelled])
    }

    @Test func `the pause between two batches ends, and no further target is touched`() throws {
        var run = try Transcript(runbook("  - id: a\n    \(Self.act)"))
        try run.start()
        #expect(try run.carryOut() == [])
        #expect(run.machine.wakeAt != nil)
        #expect(try run.cancel() == [Self.cancelled])
        #expect(run.acts.count == 1)
    }

    @Test func `a retry is not waited for`() throws {
        var run = try Transcript(runbook("  - id: a\n    \(Self.act)\n    retry: { attempts: 3, initial: 1m }"))
        try run.start()
        try run.carryOut(.exited(status: 1))
        #expect(try run.cancel() == [Self.cancelled])
    }

    @Test func `a proof is given up, under way or between two looks`() throws {
        for answers in 0...1 {
            var run = try Transcript(
                runbook(
                    "  - id: a\n    \(Self.act)\n    verify: { tcp: { port: client }, expect: result.open, every: 10s }"
                )
            )
            try run.start()
            try run.carryOut()
            for _ in 0..<answers {
                try run.probed([:])
            }
            #expect(try run.cancel() == [Self.cancelled])
        }
    }

    @Test func `who waits for a turn is not sent, and who is under way is stopped`() throws {
        var run = try Transcript(
            runbook(
                """
                  - id: a
                    run: { targets: ensemble, command: [x], effect: changes, batch: { size: 3 } }
                    require: ensemble.all(n, n.serving)
                """
            )
        )
        try run.start()
        try run.observed(serving("zk1", "zk2", "zk3"))
        let first = try run.begin()
        #expect(try run.cancel() == ["stop"])
        #expect(try run.ended(first, .stopped) == [Self.cancelled])
        #expect(run.acts.count == 1)
    }

    @Test func `a command that may outlive its stop is told, safe to repeat or not`() throws {
        for policy in ["guarded", "safe"] {
            var run = try Transcript(
                runbook(
                    "  - id: a\n    run: { targets: \"[ensemble[0]]\", command: [x], effect: changes, repeat: \(policy) }"
                )
            )
            try run.start()
            let act = try run.begin()
            #expect(try run.cancel() == ["stop"])
            let lines = try run.ended(act, .inDoubt(reason: "zk1 does not answer", mayStillRun: true))
            #expect(lines == ["\(Self.cancelled); a is in_doubt: zk1: zk1 does not answer"])
        }
    }
}
