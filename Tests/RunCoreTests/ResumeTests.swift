// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunCore
import RunPlan
import RunVocabulary
import Testing

/// An engine dies, and another one takes its run up: it asks for exactly what is open.
@Suite struct ResumeTests {
    static let act =
        "  - id: act\n    run: { targets: \"[ensemble[0]]\", service: zookeeper, do: start }\n    timeout: 1m"
    static let require = "\n    require: ensemble.exists(n, n.serving)"

    @Test(
        arguments: [
            "  - id: look\n    probe: { targets: ensemble, tcp: { port: client } }",
            "  - id: look\n    wait: { targets: ensemble, tcp: { port: client }, until: result.open }\n    timeout: 5m",
            "  - id: look\n    when: ensemble.all(n, n.serving)\n    pause: 5s",
            "  - id: look\n    for_each: { as: n, in: \"ensemble.filter(n, n.serving)\" }\n    steps: [{ id: rest, pause: 5s }]",
            "  - id: ask\n    approve: { message: m, from: [role:a], timeout: 5m, on_timeout: refused }",
            "  - id: tell\n    notify: { channels: [oncall], message: m }", act, act + require,
            "  - id: each\n    for_each: { as: n, in: ensemble, serial: 3 }\n    steps: [{ id: say, notify: { channels: [c], message: \"${{ n }}\" } }]",
        ]
    )
    func `what was open is asked for again`(steps: String) throws {
        var run = try Transcript(runbook(steps))
        let asked = try run.start()
        #expect(!asked.isEmpty)
        #expect(try run.restart() == asked)
        #expect(try run.restart() == asked)
    }

    @Test func `an answer to the engine before counts, if the question is the same`() throws {
        var run = try Transcript(runbook("  - id: look\n    probe: { targets: ensemble, tcp: { port: client } }"))
        try run.start()
        let before = run.open
        try run.restart()
        #expect(run.open == before)
    }

    @Test func `a notice that is told again has the same id`() throws {
        var run = try Transcript(runbook("  - id: tell\n    notify: { channels: [oncall], message: m }"))
        try run.start()
        let before = run.open
        try run.restart()
        #expect(run.open == before)
    }

    @Test func `votes that were counted stay counted`() throws {
        var run = try Transcript(ApprovalTests.text())
        try run.start()
        try run.vote("lin")
        #expect(try run.restart() == ["ask ask 2: May I?"])
        #expect(try run.vote("max") == ["close ask", "finish succeeded"])
    }

    @Test func `a moment that is waited for stays the same`() throws {
        var run = try Transcript(runbook("  - id: rest\n    pause: 5m"))
        try run.start()
        let moment = run.machine.wakeAt
        #expect(try run.restart(after: .minutes(2)) == [])
        #expect(run.machine.wakeAt == moment)
        #expect(try run.restart(after: .minutes(9)) == [])
        #expect(try run.wake() == ["finish succeeded"])
    }

    // MARK: commands

    @Test func `a command that did not begin is sent, the same one`() throws {
        var run = try Transcript(runbook(Self.act))
        try run.start()
        #expect(try run.restart() == ["act start zookeeper on zk1"])
        #expect(run.acts.count == 2 && run.acts[0] == run.acts[1])
    }

    @Test func `a command that began is asked about and not sent`() throws {
        var run = try Transcript(runbook(Self.act))
        try run.start()
        let act = try run.begin()
        #expect(try run.restart() == ["inquire start zookeeper on zk1"])
        #expect(run.acts.count == 1)
        #expect(try run.ended(act, .exited(status: 0)) == ["finish succeeded"])
    }

    @Test func `what made a command permissible is looked at again when the engine was away for long`() throws {
        var run = try Transcript(runbook(Self.act + Self.require))
        try run.start()
        #expect(try run.observed(serving("zk2", down: ["zk1", "zk3"])) == ["act start zookeeper on zk1"])
        #expect(try run.restart(after: .minutes(10)) == ["observe zk1 zk2 zk3"])
        #expect(try run.observed(serving(down: ["zk1", "zk2", "zk3"])).first?.hasPrefix("finish failed") == true)
        #expect(run.acts.count == 1)
    }

    @Test func `the attempt that was not sent is not used up`() throws {
        var run = try Transcript(runbook(Self.act + "\n    retry: { attempts: 2, initial: 1s }"))
        try run.start()
        try run.restart()
        try run.restart()
        try run.carryOut(.exited(status: 1))
        #expect(try run.wake() == ["act start zookeeper on zk1 #2"])
    }

    @Test func `a proof that was under way is looked for again`() throws {
        var run = try Transcript(
            runbook(Self.act + "\n    verify: { tcp: { port: client }, expect: result.open, every: 10s }")
        )
        try run.start()
        try run.carryOut()
        #expect(try run.restart() == ["probe tcp client on zk1"])
        try run.probed(serving(down: ["zk1"]))
        #expect(try run.restart() == [])
        #expect(try run.wake() == ["probe tcp client on zk1"])
    }

    @Test func `a doubt is told again, its host is asked again, and it still waits for a person`() throws {
        var run = try Transcript(runbook(Self.act))
        try run.start()
        let act = try run.begin()
        try run.ended(act, .inDoubt(reason: "the link broke"))
        let count = run.notes.count
        #expect(try run.restart() == ["inquire start zookeeper on zk1"])
        #expect(run.notes.dropFirst(count) == [.inDoubt("act", "zk1", reason: "the link broke")])
        #expect(run.machine.doubts.count == 1)
        try run.ended(act, .inDoubt(reason: "still no link"))
        #expect(run.machine.doubts.map(\.reason) == ["still no link"])
        #expect(try run.settle("act", happened: true) == ["finish succeeded"])
    }

    @Test func `a receipt that can be read again settles the doubt`() throws {
        var run = try Transcript(runbook(Self.act + "\n    retry: { attempts: 2, initial: 1s }"))
        try run.start()
        let act = try run.begin()
        try run.ended(act, .inDoubt(reason: "the link broke"))
        try run.restart()
        #expect(try run.ended(act, .exited(status: 0)) == ["finish succeeded"])
        #expect(run.machine.doubts.isEmpty)
    }

    @Test func `a person who settles while the host is asked is not overruled, and the late answer is noted`() throws {
        var run = try Transcript(runbook(Self.act + "\n    retry: { attempts: 2, initial: 5s }"))
        try run.start()
        let act = try run.begin()
        try run.ended(act, .inDoubt(reason: "the link broke"))
        try run.restart()
        try run.settle("act", happened: false)
        #expect(try run.ended(act, .exited(status: 0)) == [])
        #expect(
            run.ignored == [.notWaitedFor("the end of 'start zookeeper' on zk1, attempt 1, came after it was settled")]
        )
        #expect(try run.wake() == ["act start zookeeper on zk1 #2"])
    }

    @Test func `a command without a receipt is not asked about again`() throws {
        var run = try Transcript(
            runbook(
                "  - id: act\n    run: { targets: \"[ensemble[0]]\", command: [x], effect: changes, repeat: never }"
            )
        )
        try run.start()
        try run.carryOut(.inDoubt(reason: "the link broke"))
        #expect(try run.restart() == [])
    }

    @Test func `a record of an older engine says that a command in doubt may still run`() throws {
        let at = Instant(milliseconds: 5)
        for mayStillRun in [true, false] {
            let event = RunEvent.ended("e", CommandReport(.inDoubt(reason: "why", mayStillRun: mayStillRun)), at: at)
            #expect(try RunEvent(event.record) == event)
        }
        let old = EventRecord(
            kind: "effect.ended",
            at: at,
            body: Array(#"{"effect":"e","ending":"in_doubt","reason":"why"}"#.utf8)
        )
        #expect(try RunEvent(old) == .ended("e", CommandReport(.inDoubt(reason: "why", mayStillRun: true)), at: at))
    }

    // MARK: stopping

    @Test func `a command that is cancelled before it began is over, for this engine and the next`() throws {
        var run = try Transcript(runbook(Self.act))
        try run.start()
        #expect(try run.cancel() == ["finish cancelled: cancelled by lin: wrong cluster"])
        #expect(try run.restart() == [])
        #expect(run.acts.count == 1)
    }

    @Test func `a command that the host says was never sent is sent anew, and that is no try`() throws {
        var run = try Transcript(runbook(Self.act + "\n    retry: { attempts: 2, initial: 1s }"))
        try run.start()
        let act = try run.begin()
        try run.restart()
        #expect(try run.ended(act, .notSent(reason: "there is no receipt")) == ["act start zookeeper on zk1 #2"])
        try run.carryOut(.exited(status: 1))
        #expect(try run.wake() == ["act start zookeeper on zk1 #3"])
        #expect(try run.carryOut(.exited(status: 1)).first?.hasPrefix("finish failed") == true)
        #expect(Set(run.acts.map(\.effect)).count == 3)
    }

    @Test func `a command that was being stopped is asked about and stopped again`() throws {
        var run = try Transcript(runbook(Self.act))
        try run.start()
        let act = try run.begin()
        try run.cancel()
        #expect(try run.restart() == ["inquire start zookeeper on zk1", "stop"])
        #expect(try run.ended(act, .stopped).first?.hasPrefix("finish cancelled") == true)
    }

    @Test func `nothing is begun after a deadline that passed while no engine was there`() throws {
        for (steps, head) in [(Self.act + "\n    deadline: 5m", ""), (Self.act, "deadline: 5m")] {
            var run = try Transcript(runbook(steps, head: head))
            try run.start()
            let lines = try run.restart(after: .minutes(5))
            #expect(lines.count == 1 && lines[0].hasPrefix("finish failed: "), "\(lines)")
            #expect(lines[0].contains("deadline passed"))
            #expect(run.acts.count == 1)
        }
    }

    @Test func `a command under way when the deadline passed is stopped by the next engine`() throws {
        var run = try Transcript(runbook(Self.act, head: "deadline: 5m"))
        try run.start()
        let act = try run.begin()
        #expect(try run.restart(after: .minutes(6)) == ["inquire start zookeeper on zk1", "stop"])
        #expect(run.machine.wakeAt == nil)
        #expect(try run.ended(act, .stopped) == ["finish failed: the run's deadline passed"])
    }

    @Test func `a deadline of a loop that passed meanwhile lets none of its commands begin`() throws {
        var run = try Transcript(
            runbook(
                "  - id: each\n    deadline: 5m\n    for_each: { as: n, in: ensemble, serial: 3 }\n    steps: [{ id: s, run: { targets: \"[n]\", service: zookeeper, do: start } }]"
            )
        )
        try run.start()
        let act = try run.begin(on: "zk2")
        #expect(try run.restart(after: .minutes(6)) == ["inquire start zookeeper on zk2", "stop"])
        #expect(try run.ended(act, .stopped) == ["finish failed: its deadline passed"])
    }

    @Test func `a gate whose time passed meanwhile is closed and not opened again`() throws {
        var run = try Transcript(ApprovalTests.text())
        try run.start()
        let lines = try run.restart(after: .minutes(20))
        #expect(lines == ["close ask", "finish escalated: 0 of 2 approvals when the time was up"])
    }
}
