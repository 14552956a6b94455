// Selfheal
// SPDX-License-Identifier: Apache-2.0

import ClusterWatch
import RunCore
import RunPlan
import RunVocabulary
import Testing

@Suite struct WatchMachineTests {
    private static let down: [String: Fact] = ["serving": .bool(false), "problem": .string("connection refused")]
    private static let up: [String: Fact] = ["serving": .bool(true)]

    // MARK: Looking

    @Test func `every node is looked at once in each interval, one after the other`() {
        var watching = Watching([], nodes: 5)
        watching.wait(.seconds(30))
        let first = watching.looks.filter { $0.node == "n1" }.map(\.at.milliseconds)
        let third = watching.looks.filter { $0.node == "n3" }.map(\.at.milliseconds)
        #expect(first == [0, 10_000, 20_000, 30_000])
        #expect(third == [4_000, 14_000, 24_000])
    }

    @Test func `a node that has not answered is not asked again, and only so many are asked at once`() {
        let settings = Watching.settings { $0.width = 2 }
        var machine = WatchMachine(settings: settings, inventory: Watching.inventory(nodes: 4), runbooks: [])
        func looks(_ effects: [WatchEffect]) -> [NodeName] {
            effects.compactMap { if case .look(let node, _) = $0 { node } else { nil } }
        }
        let at = { (seconds: Int64) in Instant(milliseconds: seconds * 1_000) }
        #expect(looks(machine.handle(.began(at: at(0)))) == ["n1"])
        #expect(looks(machine.handle(.clockReached(at: at(8)))) == ["n2"])
        #expect(machine.wakeAt == nil)
        #expect(looks(machine.handle(.clockReached(at: at(9)))).isEmpty)
        let report = ProbeReport(target: "n1", facts: Self.up)
        #expect(looks(machine.handle(.looked([report], at: at(9)))) == ["n3"])
        #expect(looks(machine.handle(.looked([ProbeReport(target: "n3", facts: Self.up)], at: at(9)))) == ["n4"])
    }

    @Test func `after a long pause the looks are spread again instead of being made up for`() {
        var watching = Watching([], nodes: 5)
        watching.send(.clockReached(at: Instant(milliseconds: 3_600_000)))
        #expect(watching.looks.count == 2)
        #expect(watching.machine.wakeAt == Instant(milliseconds: 3_602_000))
    }

    @Test func `with less time than there is to do, every node has its turn all the same`() {
        let settings = Watching.settings { $0.width = 1 }
        var machine = WatchMachine(settings: settings, inventory: Watching.inventory(nodes: 9), runbooks: [])
        var effects = machine.handle(.began(at: Instant(milliseconds: 0)))
        var seen: Set<NodeName> = []
        for turn in 1...40 {
            let looks = effects.compactMap { effect in if case .look(let node, _) = effect { node } else { nil } }
            seen.formUnion(looks)
            // Each look takes five seconds, and all of them together have ten.
            let reports = looks.map { ProbeReport(target: $0, facts: Self.up) }
            effects = machine.handle(.looked(reports, at: Instant(milliseconds: Int64(turn) * 5_000)))
        }
        #expect(seen.count == 9, "\(seen)")
    }

    @Test func `it takes several looks to change one's mind, and the change is noted once`() {
        var watching = Watching([])
        watching.wait(.seconds(30))
        watching.answer(Self.down, from: "n2")
        watching.wait(.seconds(10))
        #expect(watching.machine.health(of: "n2") == .up)
        watching.wait(.seconds(40))
        #expect(watching.machine.health(of: "n2") == .down)
        #expect(watching.notes == [.health("n2", .down, problem: "connection refused")])
    }

    // MARK: Starting

    @Test func `a runbook starts once when its condition has held for its time`() throws {
        var watching = Watching([try Watching.plan()])
        watching.wait(.seconds(60))
        #expect(watching.launches.isEmpty)
        #expect(watching.decision()?.kind == .quiet)
        watching.answer(Self.down, from: "n2")
        watching.wait(.seconds(25))
        #expect(watching.decision()?.kind == .holding)
        watching.wait(.seconds(20))
        #expect(watching.launches.count == 1)
        #expect(watching.launches.first?.plan == (try Watching.plan()))
        #expect(watching.decision()?.kind == .started)
        watching.wait(.minutes(5))
        #expect(watching.launches.count == 1)
    }

    @Test func `who only observes is told and starts nothing`() throws {
        var watching = Watching([try Watching.plan(autonomy: "observe")])
        watching.answer(Self.down, from: "n1")
        watching.wait(.minutes(2))
        #expect(watching.launches.isEmpty)
        #expect(watching.decision()?.kind == .observed)
        #expect(watching.told.count == 1)
        #expect(watching.told.first?.contains("It only observes") == true)
    }

    @Test func `people are asked before a run that needs them`() throws {
        var watching = Watching([try Watching.plan(autonomy: "approve")])
        watching.answer(Self.down, from: "n1")
        watching.wait(.minutes(2))
        let launch = try #require(watching.launches.first)
        let gate = try #require(launch.plan[Plan.main].states.first)
        #expect(gate.step == "may_it_start")
        #expect(watching.decision()?.reason.contains("people are asked first") == true)
    }

    @Test func `where people must be asked and nobody is named, nothing starts and somebody is told`() throws {
        let settings = Watching.settings { $0.askFrom = [] }
        var watching = Watching([try Watching.plan(autonomy: "approve")], settings: settings)
        watching.answer(Self.down, from: "n1")
        watching.wait(.minutes(2))
        #expect(watching.launches.isEmpty)
        #expect(watching.decision()?.kind == .refused)
        #expect(watching.told.first?.contains("ask: { from:") == true)
    }

    @Test func `a start that failed is told, and not tried again for the same failure`() throws {
        let plan = try Watching.plan()
        let settings = Watching.settings()
        let inventory = Watching.inventory(nodes: 1)
        let runbook = WatchedRunbook(plan: plan, parameters: [:], inventory: inventory, settings: settings)
        var machine = WatchMachine(settings: settings, inventory: inventory, runbooks: [runbook])
        let report = ProbeReport(target: "n1", facts: Self.down)
        _ = machine.handle(.looked([report], at: Instant(milliseconds: 0)))
        let effects = machine.handle(.clockReached(at: Instant(milliseconds: 20_000)))
        #expect(effects.contains { if case .start = $0 { true } else { false } })
        #expect(
            machine.handle(.looked([report], at: Instant(milliseconds: 21_000))).allSatisfy { effect in
                if case .start = effect { false } else { true }
            }
        )
        let after = machine.handle(
            .startFailed(runbook: "heal", subject: nil, reason: "the disk is full", at: Instant(milliseconds: 22_000))
        )
        #expect(
            after.contains {
                if case .tell(let notice) = $0 { notice.message.contains("the disk is full") } else { false }
            }
        )
        #expect(machine.decision(on: "heal")?.kind == .refused)
    }

    // MARK: Guard rails

    @Test func `nothing starts while frozen, and what still holds starts when the freeze is lifted`() throws {
        let freeze = Freeze(by: "ada", because: "change window", since: Instant(milliseconds: 0))
        var watching = Watching([try Watching.plan()], freeze: freeze)
        watching.answer(Self.down, from: "n1")
        watching.wait(.minutes(3))
        #expect(watching.launches.isEmpty)
        #expect(watching.decision()?.reason.contains("frozen by ada: change window") == true)
        #expect(watching.told.count == 1)
        watching.send(.thawed(by: "ada", at: watching.now))
        #expect(watching.launches.count == 1)
    }

    @Test func `what went away while it was held does not start`() throws {
        var watching = Watching([try Watching.plan()])
        watching.send(.froze(Freeze(by: "ada", because: "x", since: watching.now), at: watching.now))
        watching.answer(Self.down, from: "n1")
        watching.wait(.minutes(3))
        #expect(watching.decision()?.kind == .held)
        watching.answer(Self.up, from: "n1")
        watching.wait(.minutes(1))
        watching.send(.thawed(by: "ada", at: watching.now))
        watching.wait(.minutes(1))
        #expect(watching.launches.isEmpty)
        #expect(watching.decision()?.kind == .quiet)
    }

    @Test func `a healer that sees less than half of the nodes suspects itself, and says so once`() throws {
        var watching = Watching([try Watching.plan(trigger: "for: 5m")], nodes: 4)
        watching.answer(Self.down, from: "n1")
        watching.wait(.minutes(2))
        watching.answer(Watching.silence, from: "n2", "n3", "n4")
        watching.wait(.minutes(10))
        #expect(watching.launches.isEmpty)
        #expect(watching.told.filter { $0.contains("our own connection") }.count >= 1)
        #expect(watching.notes.contains(.blind(unseen: 3, of: 4)))
        let blind = watching.told.count
        watching.wait(.minutes(30))
        #expect(watching.told.count == blind)
        watching.answer(Self.up, from: "n2", "n3", "n4")
        watching.wait(.minutes(1))
        #expect(watching.notes.last == .health("n4", .up, problem: "") || watching.notes.contains(.sighted))
        #expect(watching.launches.count == 1)
    }

    @Test func `above the panic threshold only what is written for it may begin, and only if people agree`() throws {
        var calm = Watching([try Watching.plan(head: "")], nodes: 5)
        calm.answer(Self.down, from: "n1", "n2")
        calm.wait(.minutes(2))
        #expect(calm.launches.first?.plan[Plan.main].states.first?.step == "done")

        var panic = Watching([try Watching.plan(head: "")], nodes: 5)
        panic.answer(Self.down, from: "n1", "n2", "n3")
        panic.wait(.minutes(2))
        #expect(panic.decision()?.kind == .held)
        #expect(panic.decision()?.reason.contains("3 of its 5 nodes are down") == true)

        var written = Watching([try Watching.plan()], nodes: 5)
        written.answer(Self.down, from: "n1", "n2", "n3")
        written.wait(.minutes(2))
        #expect(written.launches.first?.plan[Plan.main].states.first?.step == "may_it_start")
    }

    @Test func `the same again within the hour asks people, and the third time is refused`() throws {
        let settings = Watching.settings { $0.cooldown = .minutes(1) }
        var watching = Watching([try Watching.plan()], settings: settings)
        for round in 1...3 {
            watching.answer(Self.down, from: "n1")
            watching.wait(.minutes(3))
            if round < 3 {
                #expect(watching.launches.count == round)
                watching.answer(Self.up, from: "n1")
                watching.wait(.minutes(1))
                watching.end(round)
                watching.wait(.minutes(2))
            }
        }
        #expect(watching.launches.count == 2)
        #expect(watching.launches[0].plan[Plan.main].states.first?.step == "done")
        #expect(watching.launches[1].plan[Plan.main].states.first?.step == "may_it_start")
        #expect(watching.decision()?.kind == .refused)
        #expect(watching.decision()?.reason.contains("it has started 2 times within 1h (run-1, run-2)") == true)
    }

    @Test func `the runs of an earlier life count`() throws {
        let before = (1...2).map { number in
            TriggeredRun(
                run: RunID("old-\(number)"),
                runbook: "heal",
                began: Instant(milliseconds: Int64(number) * 60_000),
                ended: Instant(milliseconds: Int64(number) * 60_000 + 1_000),
                outcome: .succeeded
            )
        }
        var watching = Watching([try Watching.plan()], runs: before, at: Instant(milliseconds: 1_800_000))
        watching.answer(Self.down, from: "n1")
        watching.wait(.minutes(3))
        #expect(watching.launches.isEmpty)
        #expect(watching.decision()?.reason.contains("old-1, old-2") == true)
    }

    @Test func `between two runs it rests, and then looks again by itself`() throws {
        var watching = Watching([try Watching.plan(trigger: "for: 20s\n    cooldown: 15m")])
        watching.answer(Self.down, from: "n1")
        watching.wait(.minutes(1))
        watching.answer(Self.up, from: "n1")
        watching.wait(.minutes(1))
        watching.end(1)
        watching.answer(Self.down, from: "n1")
        watching.wait(.minutes(5))
        #expect(watching.launches.count == 1)
        #expect(watching.decision()?.reason.contains("it rests for 15m") == true)
        watching.wait(.minutes(11))
        #expect(watching.launches.count == 2)
    }

    @Test func `a limit holds for its window`() throws {
        let trigger = "for: 20s\n    cooldown: 1s\n    limit: 1 per 2h"
        var watching = Watching([try Watching.plan(trigger: trigger)])
        watching.answer(Self.down, from: "n1")
        watching.wait(.minutes(1))
        watching.answer(Self.up, from: "n1")
        watching.wait(.minutes(1))
        watching.end(1)
        watching.wait(.minutes(70))
        watching.answer(Self.down, from: "n1")
        watching.wait(.minutes(5))
        #expect(watching.decision()?.reason.contains("its limit is 1") == true)
        watching.wait(.minutes(60))
        #expect(watching.launches.count == 2)
    }

    @Test func `two runs at once, and one that waits for people is none of them`() throws {
        let plans = try ["a", "b", "c"].map { try Watching.plan($0) }
        let settings = Watching.settings { $0.concurrentRuns = 2 }
        var watching = Watching(plans, settings: settings)
        watching.answer(Self.down, from: "n1")
        watching.wait(.minutes(1))
        #expect(watching.launches.map(\.plan.runbook) == ["a", "b"])
        #expect(
            watching.decision(on: "c")?.reason.contains(
                "triggered runs under way: 2 (run-1, run-2), and no more than 2"
            ) == true
        )
        watching.send(.runWaits(watching.run(1), true, at: watching.now))
        #expect(watching.launches.map(\.plan.runbook) == ["a", "b", "c"])
    }

    @Test func `a critical runbook goes first`() throws {
        let plans = [
            try Watching.plan("small", head: "severity: info\nmass_failure: true"),
            try Watching.plan("grave", head: "severity: critical\nmass_failure: true"),
        ]
        let settings = Watching.settings { $0.concurrentRuns = 1 }
        var watching = Watching(plans, settings: settings)
        watching.answer(Self.down, from: "n1")
        watching.wait(.minutes(1))
        #expect(watching.launches.map(\.plan.runbook) == ["grave"])
    }

    @Test func `a run that ended and did not help is told, and not started again for that`() throws {
        var watching = Watching([try Watching.plan()])
        watching.answer(Self.down, from: "n1")
        watching.wait(.minutes(1))
        watching.end(1, .succeeded)
        watching.wait(.minutes(30))
        #expect(watching.launches.count == 1)
        #expect(watching.told.filter { $0.contains("still holds") }.count == 1)
    }

    @Test func `a storm of messages is held back, counted, and the count is told`() throws {
        var watching = Watching(
            [try Watching.plan(autonomy: "observe", trigger: "for: 1s")],
            settings: Watching.settings {
                $0.downAfter = 1
                $0.upAfter = 1
                // It flaps, and this is about messages.
                $0.flapChanges = 1_000
            }
        )
        for _ in 0..<40 {
            watching.answer(Self.down, from: "n1")
            watching.wait(.seconds(12))
            watching.answer(Self.up, from: "n1")
            watching.wait(.seconds(12))
        }
        #expect(watching.told.count < 40)
        #expect(watching.told.contains { $0.contains("Not told before this, because there were too many") })
    }
}
