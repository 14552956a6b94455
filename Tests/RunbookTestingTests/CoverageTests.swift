// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunPlan
import RunVocabulary
import RunbookSource
import RunbookTesting
import Testing

@Suite struct CoverageTests {
    private static func lines(_ plan: Plan) -> [String] {
        plan.transitions.map { "\($0.place.line) \($0.step), \($0.exit.text) → \($0.destination)" }
    }

    @Test func `every way out of every verb is a transition`() throws {
        let plan = try Tried.plan(
            text: """
                runbook: every_verb
                title: every verb
                targets: { ensemble: { role: zookeeper } }
                steps:
                  - id: look
                    probe: { targets: ensemble, expect_targets: 3, zookeeper: { ask: [srvr] } }
                  - id: act
                    when: ensemble.all(n, n.serving)
                    run: { targets: ensemble, service: zookeeper, do: restart }
                    require: ensemble.all(n, n.serving)
                    if_in_doubt: tell
                  - id: each
                    for_each: { as: node, in: ensemble }
                    steps:
                      - id: rest
                        pause: 1s
                      - id: serves
                        wait: { targets: "[node]", zookeeper: { ask: [srvr] }, until: result.serving, every: 1s }
                        timeout: 1m
                  - id: may_i
                    approve: { message: go on?, from: [role:sre], timeout: 1m, on_timeout: timed_out }
                    if_refused: tell
                  - id: turn
                    choose:
                      - when: steps.look.results.all(r, r.serving)
                        next: tell
                      - otherwise: done
                  - id: tell
                    notify: { channels: [oncall], message: hello }
                  - id: done
                    finish: { outcome: succeeded }
                on_failure:
                  - id: alas
                    notify: { channels: [oncall], message: alas }
                """
        )
        #expect(
            Self.lines(plan) == [
                "5 look, succeeded → act", "5 look, refused → the run fails",
                "7 act, succeeded → each", "7 act, failed → the run fails", "7 act, timed_out → the run fails",
                "7 act, refused → the run fails", "7 act, in_doubt → tell", "7 act, skipped → each",
                "12 each, succeeded → may_i", "12 each, failed → the run fails", "12 each, skipped → may_i",
                "15 rest, succeeded → serves",
                "17 serves, succeeded → the next element", "17 serves, timed_out → the iteration fails",
                "20 may_i, granted → turn", "20 may_i, denied → tell", "20 may_i, unanswered → the run fails",
                "23 turn, when 1 → tell", "23 turn, otherwise → done",
                "28 tell, told → done", "30 done, finished → the run ends succeeded",
                "33 alas, told → the end of the list",
            ]
        )
    }

    @Test func `what is walked, excused and never walked adds up`() throws {
        let tests = """
            tests: runbook.yaml
            cases:
              - case: a member is down
                cluster: { zookeeper: { zk1: {}, zk2: {}, zk3: { state: down } } }
                people: { ada: { roles: sre } }
                start: { at: 0s }
                expect: { outcome: succeeded }
            cannot_be_walked:
              - { step: start_each, on: [skipped, refused], because: it is not so }
            """
        let report = try Tried.run(tests, of: Tried.firstRunbook())
        let coverage = try #require(report.coverage.first)
        #expect(coverage.transitions.count == 23)
        #expect(coverage.walked.count + coverage.excused.count + coverage.neverWalked.count == 23)
        #expect(
            coverage.walked.map { "\($0.step), \($0.exit.text)" } == [
                "look, succeeded", "is_any_down, when 2", "may_i, granted", "start_each, succeeded", "start, succeeded",
                "serves, succeeded", "announce, told", "done, finished",
            ]
        )
        #expect(coverage.excused.map(\.because) == ["it is not so", "it is not so"])
        #expect(report.refuted == [])
        #expect(report.text().contains("  runbook.yaml:23: may_i, denied → hand_over\n"))
    }

    @Test func `only some of the cases say nothing of transitions`() throws {
        let tests = """
            tests: runbook.yaml
            given: { cluster: { zookeeper: 3 }, start: { at: 0s } }
            cases:
              - { case: all is well, expect: { outcome: not_needed } }
              - { case: wrong, expect: { outcome: failed } }
            """
        let report = try Tried.run(tests, of: Tried.firstRunbook(), only: "well")
        #expect(report.cases.map(\.name.value) == ["all is well"])
        #expect(report.coverage == [])
        #expect(report.failed == 0)
    }

    @Test func `undoing, and steps of another visit, are walked under their own names`() throws {
        let plan = try Tried.plan(
            text: """
                runbook: undone
                title: undone
                targets: { ensemble: { role: zookeeper } }
                steps:
                  - id: again
                    set: { turn: "1" }
                    max_visits: 2
                  - id: stop
                    run: { targets: ensemble, service: zookeeper, do: stop }
                    timeout: 1m
                    undo: { run: { targets: ensemble, service: zookeeper, do: start }, timeout: 1m }
                    max_visits: 2
                    if_failed: again
                  - id: fence
                    run: { targets: ensemble, command: [fence], effect: fences }
                    timeout: 1m
                on_failure: { undo: true }
                """
        )
        let report = try Tried.run(
            """
            tests: runbook.yaml
            cases:
              - case: the fence fails
                cluster: { zookeeper: { zk1: {} } }
                start: { at: 0s }
                commands: [{ on: zk1, step: stop, fails: 1 }, { on: zk1, step: fence, fails: 1 }]
                expect: { outcome: failed, commands: [{ zk1: stop zookeeper }, ..., { zk1: fence }, { zk1: start zookeeper }] }
            """,
            of: plan
        )
        #expect(report.failed == 0, "\(report.text(isVerbose: true))")
        let walked = try #require(report.coverage.first).walked
        #expect(walked.contains { $0.step == "stop" && $0.exit.text == "failed" })
        #expect(walked.contains { $0.step == "fence" && $0.exit.text == "failed" })
        // The undo stands at a line of its own.
        let undo = try #require(plan.regions.first { $0.role == .undo }?.states.first)
        #expect(walked.contains { $0.place == undo.place && $0.exit.text == "succeeded" })
    }
}
