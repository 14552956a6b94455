// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunPlan
import RunVerifier
import RunVocabulary
import RunbookCompiler
import RunbookLanguage
import RunbookSource
import Testing

// Goal: every verb takes part in a proof.
// Method: a runbook in which the verb matters, with and without what makes it safe.
@Suite struct VerbTests {
    @Test func `branches run at the same time in every order`() throws {
        let text = Prover.runbook(
            """
              - id: both
                parallel:
                  join: all
                  branches:
                    first:
                      - { id: stop_one, run: { targets: "[ensemble[0]]", service: zookeeper, do: stop } }
                    second:
                      - { id: stop_two, run: { targets: "[ensemble[1]]", service: zookeeper, do: stop } }
            """,
            properties: """
                  - never: { together: [stop_one, stop_two] }
                  - at_most: { down_by_us: 1, of: ensemble }
                  - possible: { ends: succeeded }
                """
        )
        let report = try Prover(begin: ["ensemble": [.up]]).report(on: text)
        #expect(report.violated.contains("never together: stop_one, stop_two"))
        #expect(report.violated.contains("at most 1 of 'ensemble' down by us"))
        #expect(!report.violated.contains("it is possible to end succeeded"))
        #expect(report.areTracesReal)
    }

    // Goal: a proof goes through every answer that a condition can tell apart, and through silence.
    // Method: a way for each answer, and each must be found possible; one that no answer leads to must not. What can be unknown stands last.
    @Test(arguments: [
        (
            "tls: { address: \"a:1\" }", "r.trusted && r.days_left > 14", "!r.trusted",
            "r.days_left > 14 && r.days_left < 15"
        ),
        (
            "prometheus: { url: \"http://p\", query: q }", "r.value > 0.5", "size(r.values) == 0",
            "r.value > 3 && r.value < 3"
        ),
        ("dns: { name: a }", "size(r.addresses) > 1", "r.addresses == ['192.0.2.9']", "size(r.addresses) < 0"),
        (
            "jmx: { url: \"http://a\", mbean: \"a:b=c\", attribute: d }", "r.value > 2 && r.value < 3",
            "r.text == 'UP'", "r.value > 2 && r.value < 2"
        ),
    ])
    func `what is measured may be anything`(probe: String, first: String, second: String, never: String) throws {
        func ways(_ conditions: [String]) -> String {
            conditions.enumerated().map { number, condition in
                "      - { when: \"steps.look.results.all(r, \(condition))\", next: way\(number) }"
            }.joined(separator: "\n")
        }
        let outcomes = ["not_needed", "succeeded", "escalated"]
        let ends = outcomes.enumerated().map { number, outcome in
            "  - { id: way\(number), finish: { outcome: \(outcome) } }"
        }
        let text = Prover.runbook(
            """
              - id: look
                probe: { \(probe) }
                timeout: 5s
              - id: route
                choose:
            \(ways([second, never, first]))
                  - { otherwise: give_up }
                  - { if_unknown: give_up }
              - { id: give_up, finish: { outcome: failed } }
            \(ends.joined(separator: "\n"))
            """,
            properties: outcomes.map { "  - possible: { ends: \($0) }" }.joined(separator: "\n")
                + "\n  - possible: { ends: failed }"
        )
        let report = try Prover().report(on: text)
        let impossible = report.violated.filter { $0.hasPrefix("it is possible to end") }
        #expect(impossible == ["it is possible to end succeeded"], "\(text)")
    }

    @Test func `a request that loses data needs somebody's leave`() throws {
        let request = """
              - id: promote
                request: { method: POST, url: "http://control/promote", effect: promotes }
                timeout: 30s
            """
        let properties = """
              - possible: { ends: succeeded }
              - possible: { ends: failed }
              - after_in_doubt: { step: promote, do: look }
            """
        let look = """
              - id: look
                probe: { targets: ensemble, zookeeper: { ask: [srvr] } }
            """
        let head = "autonomy: approve"
        let report = try Prover(faults: 1, begin: ["ensemble": [.up]]).report(
            on: Prover.runbook("\(request)\n\(look)", properties: properties, head: head)
        )
        #expect(report.violated.contains("a person approved before anything that can lose data"))
        #expect(!report.violated.contains("it is possible to end succeeded"))
        #expect(!report.violated.contains("it is possible to end failed"))
        #expect(report.areTracesReal)
    }

    @Test func `what a called runbook does is proved with its caller`() throws {
        let called = """
            runbook: called
            targets:
              ensemble: { role: zookeeper }
            deadline: 5m
            steps:
              - id: stop_all
                run: { targets: ensemble, service: zookeeper, do: stop, batch: { size: 3 } }
                timeout: 1m
            """
        let text = """
            runbook: caller
            targets:
              ensemble: { role: zookeeper }
            properties:
              - at_most: { down_by_us: 1, of: ensemble }
              - possible: { ends: succeeded }
            steps:
              - id: other
                call: { runbook: called }
            on_failure:
              - id: tell
                notify: { channels: [oncall], severity: critical, message: failed }
            """
        let loader = RunbookLoader { path in
            path == "called.yaml" ? SourceFile(path: path, text: called) : nil
        }
        let file = SourceFile(path: "caller.yaml", text: text)
        let plan = try #require(CheckedRunbook(file, loader: loader).plan)
        let report = try Prover(begin: ["ensemble": [.up]]).report(on: plan)
        #expect(report.violated.contains("at most 1 of 'ensemble' down by us"))
        #expect(!report.violated.contains("it is possible to end succeeded"))
        #expect(!report.violated.contains("every step can be reached"))
        #expect(report.areTracesReal)
    }

    @Test func `undoing is refused, not passed over`() throws {
        let text = """
            runbook: undoing
            targets:
              ensemble: { role: zookeeper }
            steps:
              - id: stop_one
                run: { targets: "[ensemble[0]]", service: zookeeper, do: stop }
                undo: { run: { targets: "undone", service: zookeeper, do: start } }
            on_failure: { undo: true, steps: [{ id: rest, pause: 1s }] }
            """
        #expect(throws: Verification.Refusal.self) {
            _ = try Prover().verification(of: text)
        }
    }

    @Test func `people who only agree never refuse`() throws {
        let text = """
            runbook: gate
            properties:
              - possible: { ends: failed }
              - possible: { ends: succeeded }
            steps:
              - id: ask
                approve: { message: Go on?, from: [role:sre], needed: 1, timeout: 5m, on_timeout: refused }
            """
        var prover = Prover()
        #expect(try prover.report(on: text).violated.contains("a person is told when it gives up"))
        prover.assumptions.approvals = [.granted]
        let agreeing = try prover.report(on: text)
        #expect(agreeing.violated == ["it is possible to end failed"])
        #expect(agreeing.text(of: try Prover.plan(text), took: .seconds(1)).contains("people say only yes"))
        prover.assumptions.approvals = [.expired]
        #expect(try prover.report(on: text).violated.contains("it is possible to end succeeded"))
    }

    @Test func `what a runbook assumes is assumed, and an option goes before it`() throws {
        let text = """
            runbook: gate
            assume: { faults: 0, lies: 2, cancels: 1, approvals: denied }
            steps:
              - { id: ask, approve: { message: Go on?, from: [role:sre], needed: 1, timeout: 5m, on_timeout: refused } }
            """
        let plan = try Prover.plan(text)
        var assumptions = Assumptions(plan.assumptions)
        #expect(assumptions.faults == 0)
        #expect(assumptions.lies == 2)
        #expect(assumptions.crashes == 1)
        #expect(assumptions.cancels == 1)
        #expect(assumptions.approvals == [.denied])
        assumptions.faults = 1
        #expect(assumptions.faults == 1)
    }
}

// Goal: a step that is looked up is the machine's own.
// Method: walk the ways to states of the search again with a fresh machine in a fresh world, and compare at every step.
@Suite struct PackedStepTests {
    @Test(arguments: ["zookeeper_quorum_loss", "multi_dc_failover", "rolling_restart_kafka", "cascade_failure"])
    func `a fresh machine is everywhere what the search had it to be`(runbook: String) throws {
        var prover = MutantTests.prover(runbook)
        prover.assumptions.faults = 1
        prover.assumptions.lies = 1
        prover.assumptions.crashes = 1
        prover.assumptions.stateLimit = 20_000
        let found = try prover.verification(of: Prover.shipped(runbook)).walkedAgain(every: 97)
        #expect(found.ways > 20)
        #expect(found.differing == 0)
    }
}
