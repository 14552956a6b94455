// Selfheal
// SPDX-License-Identifier: Apache-2.0

import ClusterWatch
import CronCalendar
import RunPlan
import RunTestSupport
import RunVocabulary
import Testing

/// Runbooks that are started by the clock.
@Suite struct TimetableTests {
    private static func plan(_ triggers: String..., autonomy: String = "automatic") throws -> Plan {
        try PlanFixture.plan(
            """
            runbook: tidy
            targets:
              nodes: { role: node }
            triggers:
            \(triggers.map { "  - \($0)" }.joined(separator: "\n"))
            autonomy: \(autonomy)
            mass_failure: true
            steps:
              - id: done
                finish: { outcome: succeeded }
            """
        )
    }

    private static func settings(_ change: (inout WatchSettings) -> Void = { _ in }) -> WatchSettings {
        Watching.settings { settings in
            settings.startsBeforeAsking = 1_000
            settings.startsBeforeRefusing = 1_000
            settings.cooldown = .zero
            change(&settings)
        }
    }

    /// Minutes after midnight of 1 January 1970, a Thursday.
    private static func minute(_ count: Int64) -> Instant {
        Instant(milliseconds: count * 60_000)
    }

    @Test func `a time starts its runbook when it comes, once each time`() throws {
        var watching = Watching(
            [try Self.plan(#"{ cron: "*/20 * * * *" }"#)],
            settings: Self.settings(),
            at: Self.minute(5)
        )
        #expect(
            watching.machine.outlook(of: "tidy") == "'cron: */20 * * * *' (UTC) comes next at 1970-01-01 00:20, in 15m"
        )
        watching.wait(.minutes(14))
        #expect(watching.launches.isEmpty)
        watching.wait(.minutes(1))
        #expect(watching.launches.count == 1)
        #expect(watching.launches.first?.reason == "'cron: */20 * * * *' (UTC), due at 1970-01-01 00:20, came 0ms ago")
        #expect(watching.machine.waitingAlerts == 0)
        watching.end(1)
        watching.wait(.minutes(41))
        #expect(watching.launches.count == 2)
        // The run that has not ended holds back the next one, which waits in line.
        #expect(watching.machine.waitingAlerts == 1)
        watching.end(2)
        watching.wait(.seconds(10))
        #expect(watching.launches.count == 3)
    }

    @Test(arguments: [
        ("", 0, "'catch_up: skip' makes no run of it"), (", catch_up: once", 1, "'catch_up: once' makes one run of it"),
    ])
    func `what came while nobody watched is told, and started once if it says so`(
        rule: String,
        starts: Int,
        words: String
    ) throws {
        let plan = try Self.plan("{ cron: \"0 3 * * *\"\(rule) }")
        let now = Self.minute(3 * 1_440 + 600)
        var watching = Watching([plan], settings: Self.settings(), watchedUntil: Self.minute(1_000), at: now)
        #expect(watching.wishes.count == starts)
        #expect(watching.launches.count == starts)
        let text =
            "'cron: 0 3 * * *' (UTC) came 3 times while nobody watched, the last one at 1970-01-04 03:00; \(words)"
        #expect(watching.notes == [.missed(runbook: "tidy", text)])
        #expect(watching.machine.outlook(of: "tidy")?.hasSuffix(text) == true)
        watching.wait(.minutes(60))
        #expect(watching.launches.count == starts)
    }

    @Test func `who was away for a moment only has missed nothing`() throws {
        let plan = try Self.plan(#"{ cron: "0 3 * * *" }"#)
        let watching = Watching(
            [plan],
            settings: Self.settings(),
            watchedUntil: Instant(milliseconds: 3 * 3_600_000 - 20_000),
            at: Instant(milliseconds: 3 * 3_600_000 + 20_000)
        )
        #expect(watching.launches.count == 1)
        #expect(watching.notes.isEmpty)
    }

    @Test func `the same time is wished for in the same words by whoever finds it, so that it counts once`() throws {
        let plan = try Self.plan(#"{ cron: "0 3 * * *", catch_up: once }"#)
        let first = Watching([plan], settings: Self.settings(), watchedUntil: Self.minute(100), at: Self.minute(500))
        let second = Watching([plan], settings: Self.settings(), watchedUntil: Self.minute(100), at: Self.minute(900))
        #expect(first.wishes == second.wishes)
        #expect(first.wishes.count == 1)
    }

    @Test func `a clock that is set back makes nothing come twice`() throws {
        var watching = Watching(
            [try Self.plan(#"{ cron: "0 * * * *" }"#)],
            settings: Self.settings(),
            at: Self.minute(50)
        )
        watching.wait(.minutes(15))
        watching.end(1)
        watching.send(.clockReached(at: Self.minute(30)))
        watching.send(.clockReached(at: Self.minute(60)))
        #expect(watching.launches.count == 1)
    }

    @Test func `two times and a condition at once make one run, and the others wait`() throws {
        let plan = try Self.plan(#"{ cron: "0 1 * * *" }"#, #"{ cron: "0 1 1 * *" }"#)
        var watching = Watching([plan], settings: Self.settings(), at: Self.minute(30))
        watching.wait(.minutes(31))
        #expect(watching.launches.count == 1)
        #expect(watching.machine.waitingAlerts == 1)
    }

    @Test func `what is held back waits, and starts when nothing is in its way any more`() throws {
        let freeze = Freeze(by: "ada", because: "change 12", since: Self.minute(0))
        let plan = try Self.plan(#"{ cron: "0 1 * * *" }"#)
        var watching = Watching([plan], settings: Self.settings(), freeze: freeze, at: Self.minute(30))
        watching.wait(.minutes(60))
        #expect(watching.launches.isEmpty)
        #expect(watching.decision(on: "tidy")?.kind == .held)
        watching.send(.thawed(by: "ada", at: watching.now))
        #expect(watching.launches.count == 1)
    }

    @Test func `a zone that cannot be read is said, and nothing comes`() throws {
        let plan = try Self.plan(#"{ cron: "0 1 * * *", timezone: Europe/Berlin }"#)
        var watching = Watching([plan], settings: Self.settings(), at: Self.minute(0))
        watching.wait(.minutes(1_500))
        #expect(watching.launches.isEmpty)
        #expect(
            watching.machine.outlook(of: "tidy")
                == "'cron: 0 1 * * *' never comes: the time zone Europe/Berlin cannot be read"
        )
    }

    @Test func `another configuration goes on with the times that stay`() throws {
        let plan = try Self.plan(#"{ cron: "0 1 * * *" }"#)
        var watching = Watching([plan], settings: Self.settings(), at: Self.minute(30))
        watching.reconfigure([plan], settings: Self.settings())
        watching.wait(.minutes(31))
        #expect(watching.launches.count == 1)
        watching.end(1)
        watching.reconfigure([], settings: Self.settings())
        watching.wait(.minutes(2_000))
        #expect(watching.launches.count == 1)
    }

    // MARK: What is over

    @Test func `a run whose condition does not hold any more is told so, once`() throws {
        let plan = try Watching.plan(trigger: "for: 0s")
        var watching = Watching([plan])
        watching.answer(["serving": .bool(false)], from: "n1")
        watching.wait(.seconds(60))
        #expect(watching.launches.count == 1)
        #expect(watching.notes.contains { if case .cleared = $0 { true } else { false } } == false)
        // What nobody knows is not over.
        watching.answer(Watching.silence, from: "n1")
        watching.wait(.seconds(60))
        #expect(watching.notes.contains { if case .cleared = $0 { true } else { false } } == false)
        for _ in 0..<2 {
            watching.answer(["serving": .bool(true)], from: "n1")
            watching.wait(.seconds(60))
            watching.answer(["serving": .bool(false)], from: "n1")
            watching.wait(.seconds(60))
        }
        let cleared = watching.notes.filter { if case .cleared = $0 { true } else { false } }
        #expect(cleared == [.cleared("run-1", "'nodes.exists(n, n.health == 'down')' does not hold any more")])
    }

    @Test(arguments: [
        (
            ["serving": Fact.bool(false), "answered": .bool(true), "problem": .string("")],
            "it answers, and does not serve"
        ),
        (
            ["serving": .bool(false), "answered": .bool(true), "mode": .string("looking")],
            "it answers, and does not serve, mode looking"
        ),
        (["serving": .bool(false), "answered": .bool(false), "problem": .string("")], "connection refused"),
        (["serving": .bool(false), "problem": .string("no disk")], "no disk"),
        (["serving": .bool(false)], "it does not serve"),
    ])
    func `why a node is down is always said`(facts: [String: Fact], reason: String) {
        var watching = Watching([])
        watching.wait(.seconds(20))
        watching.answer(facts, from: "n2")
        watching.wait(.seconds(40))
        #expect(watching.notes == [.health("n2", .down, problem: reason)])
    }
}
