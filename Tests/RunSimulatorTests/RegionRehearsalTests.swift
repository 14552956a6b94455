// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunCore
import RunPlan
import RunSimulator
import RunVocabulary
import Testing

/// Branches, undos and requests in a rehearsal.
@Suite struct RegionRehearsalTests {
    private static func scenario(_ rest: String = "") throws -> Scenario {
        try Rehearsing.scenario(
            text: """
                scenario: everything is well
                cluster: { zookeeper: 3, brokers: 3 }
                start: { at: 10s }
                until: 1h
                \(rest)
                """
        )
    }

    @Test func `branches go on at the same time, and what they did is undone backwards`() throws {
        let plan = try Rehearsing.plan(
            text: """
                runbook: both
                targets: { brokers: { role: kafka_broker }, ensemble: { role: zookeeper } }
                steps:
                  - id: both
                    parallel:
                      branches:
                        one:
                          - id: stop
                            run: { targets: brokers, service: kafka, do: stop, batch: { size: 3 } }
                            undo: { run: { service: kafka, do: start, batch: { size: 3 } } }
                        two:
                          - id: rest
                            pause: 5m
                  - id: ask
                    request: { method: POST, url: "http://control/x", effect: changes }
                on_failure: { undo: true, steps: [{ id: tell, notify: { channels: [a], message: "${{ run.reason }}" } }] }

                """
        )
        let scenario = try Self.scenario(
            """
            answers:
              - { http: "http://control/x", status: 500 }
            """
        )
        let result = try Rehearsing.run(plan, in: scenario)
        #expect(result.commands.filter { $0.hasSuffix("stop kafka") }.count == 3)
        #expect(result.commands.filter { $0.hasSuffix("start kafka") }.count == 3)
        #expect(result.commands.contains("engine: POST http://control/x"))
        #expect(try result.entry(.notice, "answered 500").step == "on_failure/tell")
        #expect(result.path.contains("undo/both[one]/stop"))
        guard case .ended(.failed, _) = result.ending else {
            Issue.record("\(result.text)")
            return
        }
    }

    @Test func `a request is answered by the scenario, else as one hopes`() throws {
        let plan = try Rehearsing.plan(
            text: """
                runbook: asks
                steps:
                  - id: state
                    request: { url: "http://control/state" }
                  - id: decide
                    choose:
                      - { when: "steps.state.result.json.idle == true", next: act }
                      - otherwise: busy
                      - if_unknown: busy
                  - id: act
                    request: { method: POST, url: "http://control/x", effect: changes }
                    next: done
                  - id: busy
                    finish: { outcome: not_needed }
                  - id: done
                    finish: { outcome: succeeded }

                """
        )
        let idle = try Self.scenario("answers: [{ http: \"http://control/state\", body: '{\"idle\": true}' }]")
        #expect(try Rehearsing.run(plan, in: idle).path.last == "done")
        #expect(try Rehearsing.run(plan, in: try Self.scenario()).path.last == "busy")
    }
}
