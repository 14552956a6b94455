// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunCore
import RunPlan
import RunVocabulary
import Testing

/// Every way out of a run: failure, deadlines, cancels, and what is walked at the end.
@Suite struct EndingTests {
    static let ends = """
        on_failure:
          - id: tell
            notify: { channels: [oncall], message: "${{ run.step }}: ${{ run.reason }}" }
        finally:
          - id: last
            notify: { channels: [log], message: "${{ steps.first.outcome }}" }
        """

    static func text(_ steps: String, head: String = "") -> String {
        runbook(steps, head: head) + Self.ends + "\n"
    }

    static let act = "  - id: first\n    run: { targets: ensemble, service: zookeeper, do: start }\n    timeout: 1m"

    @Test func `success goes through finally alone`() throws {
        var run = try Transcript(Self.text("  - id: first\n    pause: 1s"))
        try run.start()
        #expect(try run.wake() == ["tell log: succeeded"])
        #expect(try run.told() == ["finish succeeded"])
    }

    @Test func `a finish goes through finally alone, whatever its outcome`() throws {
        for outcome in ["succeeded", "not_needed", "failed", "escalated"] {
            var run = try Transcript(Self.text("  - id: first\n    finish: { outcome: \(outcome) }"))
            #expect(try run.start() == ["tell log: succeeded"])
            #expect(try run.told() == ["finish \(outcome)"])
        }
    }

    @Test func `a failure without a route goes through on_failure, then finally`() throws {
        var run = try Transcript(Self.text(Self.act))
        try run.start()
        #expect(try run.carryOut(.exited(status: 1)) == ["tell oncall: first: zk1: exit status 1"])
        #expect(try run.told() == ["tell log: failed"])
        #expect(try run.told() == ["finish failed: zk1: exit status 1"])
    }

    @Test func `a failure in on_failure or in finally still ends the run`() throws {
        let failing = "    run: { local: true, command: [no], effect: reads }\n"
        var run = try Transcript(
            runbook(Self.act) + "on_failure:\n  - id: tell\n\(failing)finally:\n  - id: last\n\(failing)"
        )
        try run.start()
        #expect(try run.carryOut(.exited(status: 1)) == ["act no"])
        #expect(try run.carryOut(.exited(status: 2)) == ["act no"])
        let lines = try run.carryOut(.exited(status: 3))
        #expect(lines.first?.hasPrefix("finish failed") == true)
    }

    @Test func `a finish in on_failure says how the run came out`() throws {
        var run = try Transcript(runbook(Self.act) + "on_failure:\n  - id: tell\n    finish: { outcome: escalated }\n")
        try run.start()
        #expect(try run.carryOut(.exited(status: 1)) == ["finish escalated: zk1: exit status 1"])
    }

    // MARK: visits

    @Test func `a step that was visited too often fails the run, and says so`() throws {
        var run = try Transcript(
            runbook(
                """
                  - id: look
                    max_visits: 3
                    probe: { targets: ensemble, tcp: { port: client } }
                  - id: back
                    choose: [{ when: 1 > 2, next: done }, { otherwise: look }]
                  - { id: done, finish: { outcome: succeeded } }
                """
            )
        )
        try run.start()
        try run.probed([:])
        try run.probed([:])
        #expect(try run.probed([:]) == ["finish failed: it was entered 3 times, which is its max_visits"])
    }

    // MARK: deadlines

    @Test func `a step's deadline ends it, stops what is under way and takes its route`() throws {
        var run = try Transcript(Self.text("\(Self.act)\n    deadline: 30s"))
        try run.start()
        let act = try run.begin()
        #expect(run.machine.wakeAt == run.now + .seconds(30))
        #expect(try run.wake() == ["stop"])
        #expect(try run.ended(act, .stopped) == ["tell oncall: first: its deadline passed"])
        #expect(run.left.first == "first timed_out: its deadline passed")
    }

    @Test func `a deadline that passes changes nothing for a command that is in doubt`() throws {
        var run = try Transcript(Self.text("\(Self.act)\n    deadline: 30s"))
        try run.start()
        let act = try run.begin()
        try run.wake()
        #expect(try run.ended(act, .inDoubt(reason: "the link broke")) == ["tell oncall: first: zk1: the link broke"])
        #expect(run.left.first == "first in_doubt: zk1: the link broke")
    }

    @Test func `the deadline of a loop stops its iterations`() throws {
        var run = try Transcript(
            runbook(
                """
                  - id: each
                    deadline: 30s
                    for_each: { as: node, in: ensemble, serial: 2 }
                    steps:
                      - id: start
                        run: { targets: "[node]", service: zookeeper, do: start }
                """
            )
        )
        try run.start()
        let (one, two) = (try run.begin(), try run.begin())
        #expect(try run.wake() == ["stop", "stop"])
        #expect(try run.ended(one, .stopped) == [])
        #expect(try run.ended(two, .exited(status: 0)) == ["finish failed: its deadline passed"])
        #expect(run.left.last == "each timed_out: its deadline passed")
    }

    @Test func `the run's deadline stops what is under way and fails the run`() throws {
        var run = try Transcript(Self.text(Self.act, head: "deadline: 10m"))
        try run.start()
        let act = try run.begin()
        #expect(try run.clock(after: .minutes(10)) == ["stop"])
        #expect(try run.ended(act, .stopped) == ["tell oncall: first: the run's deadline passed"])
        #expect(run.machine.wakeAt == nil)
        try run.told()
        #expect(try run.told() == ["finish failed: the run's deadline passed"])
    }

    // MARK: cancel

    /// Runbooks with the first step in each phase, and what brings it there.
    static let phases: [(name: String, steps: String, prepare: @Sendable (inout Transcript) throws -> Void)] = [
        ("guarding", "  - id: first\n    when: ensemble.all(n, n.serving)\n    pause: 5s", { _ in }),
        ("preparing", "  - id: first\n    set: { x: \"ensemble.filter(n, n.serving)\" }", { _ in }),
        ("probing", "  - id: first\n    probe: { targets: ensemble, tcp: { port: client } }", { _ in }),
        (
            "watching",
            "  - id: first\n    wait: { targets: ensemble, tcp: { port: client }, until: result.open }\n    timeout: 1m",
            { _ in }
        ),
        (
            "resting",
            "  - id: first\n    wait: { targets: ensemble, tcp: { port: client }, until: result.open }\n    timeout: 1m",
            { try $0.probed([:]) }
        ),
        (
            "asking", "  - id: first\n    approve: { message: m, from: [role:a], timeout: 5m, on_timeout: refused }",
            { _ in }
        ),
        ("telling", "  - id: first\n    notify: { channels: [oncall], message: m }", { _ in }),
        ("pausing", "  - id: first\n    pause: 5s", { _ in }),
        ("checking", "\(act)\n    require: ensemble.all(n, n.serving)", { _ in }),
        ("retrying", "\(act)\n    retry: { attempts: 2 }", { try $0.carryOut(.exited(status: 1)) }),
        (
            "between batches",
            "  - id: first\n    run: { targets: ensemble, service: zookeeper, do: start, batch: { pause: 5s } }",
            { try $0.carryOut() }
        ),
        (
            "between iterations",
            "  - id: first\n    for_each: { as: n, in: ensemble, pause: 5s }\n    steps: [{ id: inner, set: { x: 1 + 1 } }]",
            { _ in }
        ),
        ("proving", "\(act)\n    verify: { tcp: { port: client }, expect: result.open }", { try $0.carryOut() }),
    ]

    @Test(arguments: phases.indices)
    func `a cancel ends the run at once where nothing is in flight, through finally`(index: Int) throws {
        let phase = Self.phases[index]
        var run = try Transcript(Self.text(phase.steps))
        try run.start()
        try phase.prepare(&run)
        let lines = try run.cancel()
        #expect(lines.last == "tell log: cancelled", "\(phase.name): \(lines)")
        #expect(lines.count == (phase.name == "asking" ? 2 : 1), "\(phase.name): \(lines)")
        #expect(
            try run.told(at: #_sourceLocation) == ["finish cancelled: cancelled by lin: wrong cluster"]
                || phase.name == "telling"
        )
        #expect(run.machine.wakeAt == nil)
    }

    @Test func `a cancel waits for a command in flight to be gone`() throws {
        var run = try Transcript(Self.text(Self.act))
        try run.start()
        let act = try run.begin()
        #expect(try run.cancel() == ["stop"])
        #expect(try run.cancel() == [])
        #expect(run.ignored.count == 1)
        #expect(try run.ended(act, .stopped) == ["tell log: cancelled"])
        #expect(run.acts.count == 1)
    }

    @Test func `a command that was done before it could be stopped is not proved any more`() throws {
        var run = try Transcript(Self.text("\(Self.act)\n    verify: { tcp: { port: client }, expect: result.open }"))
        try run.start()
        let act = try run.begin()
        try run.cancel()
        #expect(try run.ended(act, .exited(status: 0)) == ["tell log: cancelled"])
    }

    @Test func `a command that cannot be stopped for certain is in doubt, and the run says so`() throws {
        var run = try Transcript(Self.text(Self.act))
        try run.start()
        let act = try run.begin()
        try run.cancel()
        #expect(try run.ended(act, .inDoubt(reason: "zk1 does not answer")) == ["tell log: in_doubt"])
        let reason = "cancelled by lin: wrong cluster; first is in_doubt: zk1: zk1 does not answer"
        #expect(try run.told() == ["finish cancelled: \(reason)"])
    }

    @Test func `a doubt that nobody settled is still told when the run is cancelled, inside a loop too`() throws {
        var run = try Transcript(
            Self.text(
                "  - id: first\n    for_each: { as: n, in: ensemble }\n    steps: [{ id: inner, run: { targets: \"[n]\", service: zookeeper, do: start } }]"
            )
        )
        try run.start()
        try run.carryOut(.inDoubt(reason: "the link broke"))
        #expect(try run.cancel() == ["tell log: in_doubt"])
        #expect(try run.told().first?.contains("first is in_doubt: first[0]/inner: zk1: the link broke") == true)
    }

    @Test func `a cancel takes away a retry that was being waited for`() throws {
        var run = try Transcript(Self.text("\(Self.act)\n    retry: { attempts: 5, initial: 1s }"))
        try run.start()
        let act = try run.begin()
        try run.cancel()
        #expect(try run.ended(act, .exited(status: 1)) == ["tell log: cancelled"])
    }

    @Test func `a cancel while a deadline is being enforced is the stronger word`() throws {
        var run = try Transcript(Self.text("\(Self.act)\n    deadline: 30s"))
        try run.start()
        let act = try run.begin()
        try run.wake()
        try run.cancel()
        #expect(try run.ended(act, .stopped) == ["tell log: cancelled"])
        #expect(try run.told() == ["finish cancelled: cancelled by lin: wrong cluster"])
    }

    @Test func `a cancel in on_failure skips to finally, one in finally is too late`() throws {
        var run = try Transcript(Self.text(Self.act))
        try run.start()
        try run.carryOut(.exited(status: 1))
        #expect(try run.cancel() == ["tell log: failed"])
        #expect(try run.cancel() == [])
        let lines = try run.told(at: #_sourceLocation)
        #expect(lines == [] || lines.first?.hasPrefix("finish failed") == true)
    }

    @Test func `an input after the end is told and changes nothing`() throws {
        var run = try Transcript(runbook("  - { id: done, finish: { outcome: succeeded } }"))
        try run.start()
        #expect(try run.cancel() == [])
        #expect(try run.clock(after: .seconds(5)) == [])
        #expect(run.ignored == [.alreadyEnded, .alreadyEnded])
        #expect(run.machine.outcome == .succeeded)
    }

    @Test func `a run begins once, with its start`() throws {
        let fresh = try Transcript(runbook("  - id: rest\n    pause: 5s"))
        var run = fresh
        #expect(throws: ReplayError.self) { try run.clock(after: .seconds(1)) }
        run = fresh
        try run.start()
        #expect(throws: ReplayError.self) { try run.start() }
    }

    @Test func `a run that is refused is over before it begins, with its reason`() throws {
        var run = try Transcript(runbook("  - id: rest\n    pause: 5s"))
        let event = RunEvent.refused(reason: "the lock 'cluster' is held", at: run.now)
        #expect(try run.send(event) == ["finish failed: the lock 'cluster' is held"])
        #expect(run.machine.outcome == .failed)
        #expect(try run.machine == Transcript.replayed(run))
        #expect(event.record.kind == "run.refused")
        #expect(try RunEvent(event.record) == event)
        let kept = EventRecord(kind: "run.refused", at: run.now, body: Array("{\"reason\":\"why\"}".utf8))
        #expect(try RunEvent(kept) == .refused(reason: "why", at: run.now))
    }
}

extension Transcript {
    fileprivate static func replayed(_ run: Transcript) throws -> RunMachine {
        var machine = RunMachine(binding: run.binding)
        for event in run.events {
            _ = try machine.handle(event)
        }
        return machine
    }
}
