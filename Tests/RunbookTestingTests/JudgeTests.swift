// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunPlan
import RunVocabulary
import RunbookSource
import RunbookTesting
import Testing

@Suite struct JudgeTests {
    /// A member is down, and somebody agrees after two minutes that it is started.
    private static func run(expecting expectation: String, _ more: String = "") throws -> CaseReport {
        let report = try Tried.run(
            """
            tests: runbook.yaml
            cases:
              - case: a member is down
                cluster: { zookeeper: { zk1: {}, zk2: {}, zk3: {} } }
                timeline: [{ at: 1s, kill: zk3 }]
                people: { ada: { roles: sre, after: 2m } }
                start: { at: 10s }
                \(more)
                expect: { \(expectation) }
            """,
            of: Tried.firstRunbook()
        )
        return try #require(report.cases.first)
    }

    @Test(arguments: [
        "outcome: succeeded", "path: [look, is_any_down, may_i, start_each, start, serves, announce, done]",
        "path: [look, ..., \"start_each[0]/start\", ..., done]", "path: [...]", "path: [..., done]",
        "path: [look, ...]",
        "avoids: [hand_over, not_needed]", "commands: [{ zk3: start zookeeper }]",
        "commands: [..., \"zk3: start zookeeper\"]",
        "notices: [{ to: oncall, severity: info, says: serve again }]", "notices: [All of practice]",
        "ends_within: 3m", "ends_after: 2m", "outcome: succeeded, reason: ''",
    ])
    func `what is so is expected rightly`(expectation: String) throws {
        let report = try Self.run(expecting: expectation)
        #expect(report.failures == [], "\(report.failures.map(\.message))")
    }

    @Test(arguments: [
        ("outcome: escalated", "expected the outcome escalated, and it was succeeded"),
        ("outcome: succeeded, reason: denied", "expected 'denied' in the reason, which is empty"),
        ("path: [look, is_any_down, not_needed]", "path: expected the step 'not_needed', and there was 'may_i'"),
        ("path: [is_any_down, ...]", "path: nobody expected 'look'"),
        ("path: [look, ..., may_i]", "path: nobody expected 'start_each'"),
        ("path: [..., hand_over, ...]", "path: expected the step 'hand_over', and there was nothing more"),
        ("path: []", "path: nobody expected 'look'"),
        ("avoids: [start]", "avoids: 'start_each[0]/start' was entered at T+2m10s"),
        ("commands: []", "commands: nobody expected 'zk3: start zookeeper'"),
        ("commands: [{ zk2: start zookeeper }, ...]", "commands: expected the command 'zk2: start zookeeper'"),
        ("commands: [{ zk3: restart zookeeper }]", "commands: expected the command 'zk3: restart zookeeper'"),
        ("notices: []", "notices: nobody expected 'info to oncall: All of practice serve again"),
        ("notices: [{ severity: critical }]", "notices: expected the notice 'critical'"),
        ("ends_within: 1m", "expected an end within 1m, and it took 2m"),
        ("ends_after: 5m", "expected no end before 5m, and it took 2m"),
        ("harm: true", "expected harm, and none was done"),
    ])
    func `what is not so fails, with what was instead`(expectation: String, message: String) throws {
        let report = try Self.run(expecting: expectation)
        #expect(!report.isPassed)
        #expect(report.failures.contains { $0.message.hasPrefix(message) }, "\(report.failures.map(\.message))")
        #expect(report.failures.allSatisfy { $0.span.start.line == 9 })
    }

    @Test func `harm that nobody expects fails a case`() throws {
        // Two empty members find each other before the one that holds the data can vote.
        let world = "durations: { start_member: 1s, election: 200ms }"
        let report = try Tried.run(
            """
            tests: runbook.yaml
            given:
              cluster: { zookeeper: { zk1: { state: down, data: lost }, zk2: { state: down, data: lost }, zk3: {} } }
              people: { ada: { roles: sre, answer: deny } }
              start: { at: 10s }
              timeline: [{ at: 1s, kill: zk3 }, { at: 2s, start: [zk1, zk2] }]
              until: 10m
              \(world)
            cases:
              - { case: none is expected, expect: { path: [look, ...] } }
              - { case: some is expected, expect: { path: [look, ...], harm: true } }
            """,
            of: Tried.firstRunbook()
        )
        #expect(report.cases.map(\.isPassed) == [false, true], "\(report.text())")
        #expect(report.cases[0].failures.first?.message.contains("empty history") == true)
    }

    @Test func `a run that does not end fails, unless that is expected`() throws {
        let waiting = "until: 1m"
        let silent = try Self.run(expecting: "path: [look, ...]", waiting)
        #expect(silent.failures.map(\.message).joined().contains("did not come to an end"))
        let expected = try Self.run(expecting: "outcome: unfinished, reason: approval at may_i", waiting)
        #expect(expected.failures == [])
    }

    @Test func `a case with seeds fails with the first that breaks it`() throws {
        let more = "seeds: 40\n    durations: { start_member: { min: 1s, max: 50s } }"
        let report = try Self.run(expecting: "outcome: succeeded, ends_after: 2m30s", more)
        #expect(!report.isPassed)
        #expect(report.seed > 1)
        let single = "seed: \(report.seed)\n    durations: { start_member: { min: 1s, max: 50s } }"
        #expect(try !Self.run(expecting: "outcome: succeeded, ends_after: 2m30s", single).isPassed)
        // Other seeds take other turns, which count as walked.
        let slow = "seeds: 40\n    durations: { start_member: { min: 30s, max: 80s } }"
        let patient = try Self.run(expecting: "path: [look, ...]", slow)
        #expect(patient.isPassed && patient.seed == 1)
        #expect(Set(patient.walked.filter { $0.step == "start" }.map(\.exit.text)).count == 2)
    }
}
