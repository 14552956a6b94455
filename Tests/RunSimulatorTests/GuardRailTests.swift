// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunSimulator
import RunVocabulary
import Testing

/// Runbooks under the daemon's guard rails, in virtual time.
@Suite struct GuardRailTests {
    private static func runbook(_ head: String = "autonomy: automatic") -> String {
        """
        runbook: heal
        title: Start what is down
        targets:
          brokers: { role: kafka_broker }
        triggers:
          - condition: brokers.exists(b, b.health == 'down')
            for: 20s
        \(head)
        steps:
          - id: start
            run: { targets: brokers, service: kafka, do: start }
            timeout: 5m
            verify: { tcp: { port: broker }, expect: result.open, every: 5s }
        """
    }

    private static func rehearse(_ head: String, _ scenario: String) throws -> RehearsalResult {
        try Rehearsing.run(
            Rehearsing.plan(text: self.runbook(head)),
            in: Rehearsing.scenario(
                text: "scenario: storm\ncluster: { brokers: 5 }\nmonitors: { every: 10s, timeout: 3s }\n" + scenario
            )
        )
    }

    @Test func `without a watch the runbook is rehearsed alone`() throws {
        let result = try Self.rehearse("autonomy: approve", "timeline: [{ at: 1m, kill: kafka1 }]")
        #expect(result.outcome == .succeeded)
        #expect(result.path == ["start"])
        #expect(try result.entry(.trigger, "a live engine asks a person first").at.milliseconds > 60_000)
    }

    @Test func `people are asked before a runbook that needs them, by the gate that a live engine puts there`() throws {
        func answered(_ answer: String) throws -> RehearsalResult {
            try Self.rehearse(
                "autonomy: approve",
                """
                timeline: [{ at: 1m, kill: kafka1 }]
                people: { ada: { roles: sre, after: 2m, answer: \(answer) } }
                watch: { ask: { from: [role:sre], timeout: 10m } }
                """
            )
        }
        let granted = try answered("grant")
        #expect(granted.outcome == .succeeded, "\(granted.text)")
        #expect(granted.path == ["may_it_start", "start"])
        #expect(try granted.entry(.trigger, "starts if people agree").at < granted.entry(.gate, "ada approves").at)
        let denied = try answered("deny")
        #expect(denied.outcome == .cancelled && denied.commands == [], "\(denied.text)")
        let silent = try answered("never")
        #expect(silent.outcome == .cancelled && silent.commands == [], "\(silent.text)")
        #expect(try #require(silent.duration) == .minutes(10))
    }

    @Test func `nobody to ask means that it does not start, and it is said why`() throws {
        let plan = try Rehearsing.plan(text: Self.runbook("autonomy: approve"))
        let scenario = try Rehearsing.scenario(
            text: """
                scenario: alone
                cluster: { brokers: 5 }
                timeline: [{ at: 1m, kill: kafka1 }]
                watch: {}
                until: 10m
                """
        )
        let result = try #require(Rehearsal.run(plan, in: scenario, seed: 1).result)
        #expect(result.outcome == nil)
        #expect(try result.entry(.trigger, "does not start").text.contains("names nobody to ask"))
    }

    @Test func `above the panic threshold a runbook for single failures waits`() throws {
        let plan = try Rehearsing.plan(text: Self.runbook())
        let scenario = try Rehearsing.scenario(
            text: """
                scenario: most
                cluster: { brokers: 5 }
                timeline: [{ at: 1m, kill: [kafka1, kafka2, kafka3] }]
                watch: { panic_threshold: 50 }
                until: 10m
                """
        )
        let result = try #require(Rehearsal.run(plan, in: scenario, seed: 1).result)
        #expect(result.outcome == nil && result.commands == [])
        #expect(try result.entry(.trigger, "waits: ").text.contains("3 of its 5 nodes are down"))
        #expect(try result.entry(.notice, "waits although").text.contains("panic threshold of 50 %"))
    }

    // Goal: what keeps coming back is healed once alone, once if people agree, and then no more; in between it rests.
    // Method: a broker that dies every twenty minutes, under a watch that goes on.
    @Test func `the brake asks before the second heal and refuses the third`() throws {
        let faults = stride(from: 1, through: 45, by: 20).map { "{ at: \($0)m, kill: kafka1 }" }.joined(separator: ", ")
        let result = try Self.rehearse(
            "autonomy: automatic",
            """
            timeline: [\(faults)]
            people: { ada: { roles: sre, after: 1m } }
            watch: { ask: { from: [role:sre] }, cooldown: 5m, afterwards: 30m }
            """
        )
        let starts = result.timeline.filter { $0.kind == .trigger && $0.text.hasPrefix("fired: ") }.map(\.text)
        #expect(starts == ["fired: heal starts", "fired: heal starts if people agree"], "\(result.text)")
        let refused = try result.entry(.trigger, "does not start: ")
        #expect(refused.text.contains("it has started 2 times within 1h"), "\(refused.text)")
        #expect(result.outcome == .succeeded)
    }

    @Test func `a second failure within the cool-down waits until it is over`() throws {
        let result = try Self.rehearse(
            "autonomy: automatic",
            """
            timeline: [{ at: 1m, kill: kafka1 }, { at: 6m, kill: kafka2 }]
            people: { ada: { roles: sre, after: 1m } }
            watch: { ask: { from: [role:sre] }, cooldown: 30m, afterwards: 1h }
            """
        )
        let waiting = try result.entry(.trigger, "waits: ")
        #expect(waiting.text.contains("it rests for 30m"), "\(waiting.text)")
        let second = try result.entry(.trigger, "if people agree")
        let end = try result.entry(.end, "succeeded")
        #expect(second.at.elapsed(since: end.at) >= .minutes(30))
    }

    @Test func `the shipped story of a watch is healed twice, and rests in between`() throws {
        let result = try Rehearsing.run(
            Rehearsing.plan("zookeeper_quorum_loss"),
            in: Rehearsing.scenario("quorum_down_watched")
        )
        #expect(result.outcome == .succeeded && result.isWell, "\(result.text)")
        #expect(result.path.filter { $0 == "may_it_start" || $0 == "done" }.count == 4, "\(result.path)")
        let rests = try result.entry(.trigger, "waits: ")
        #expect(rests.text.contains("it rests for 30m"), "\(rests.text)")
        let ends = result.timeline.filter { $0.kind == .end }.map(\.at)
        let starts = result.timeline.filter { $0.text == "fired: zookeeper_quorum_loss starts if people agree" }
            .map(\.at)
        #expect(starts.count == 2 && ends.count == 2)
        #expect(try #require(starts.last).elapsed(since: #require(ends.first)) >= .minutes(30))
        #expect(result.endedAt == ends.last)
    }

    @Test func `the looks of a watch are spread over its interval`() throws {
        let result = try Self.rehearse(
            "autonomy: automatic",
            """
            timeline: [{ at: 0s, kill: [kafka1, kafka2, kafka3, kafka4, kafka5] }]
            watch: { panic_threshold: 100, ask: { from: [role:sre] } }
            """
        )
        let seen = result.timeline.filter { $0.kind == .monitor && $0.text == "is down" }
        #expect(seen.map { $0.at.milliseconds / 1_000 } == [0, 2, 4, 6, 8], "\(result.text)")
    }
}
