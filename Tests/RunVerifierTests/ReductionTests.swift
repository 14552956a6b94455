// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunPlan
import RunVerifier
import RunVocabulary
import Testing

/// What the search leaves out makes no difference to what it says.
@Suite struct ReductionTests {
    private struct Verdicts: Equatable {
        var violated: [String]
        var outcomes: Set<String>
        var reached: Set<String>
    }

    private static func verdicts(_ prover: Prover, _ plan: Plan) throws -> (verdicts: Verdicts, states: Int) {
        let verification = try prover.verification(of: plan)
        let exploration = verification.explore()
        #expect(exploration.isComplete)
        let report = VerificationReport(verification, exploration)
        let verdicts = Verdicts(
            violated: report.violated.sorted(),
            outcomes: Set(exploration.outcomes.map(\.rawValue)),
            reached: Set(exploration.reached.map(\.text))
        )
        return (verdicts, exploration.states)
    }

    private static func compare(_ prover: Prover, _ plan: Plan, _ name: String) throws {
        var whole = prover
        whole.assumptions.isReduced = false
        let (reduced, few) = try self.verdicts(prover, plan)
        let (all, many) = try self.verdicts(whole, plan)
        #expect(reduced == all, "\(name)")
        #expect(few <= many, "\(name)")
    }

    // Goal: no violation is lost, no outcome and no step.
    // Method: shipped runbooks, and the same with their guards taken out, in small worlds, with everything tried and with what makes no difference left out.
    @Test(arguments: ["zookeeper_quorum_loss", "rolling_restart_kafka", "cascade_failure", "restart_service"])
    func `verdicts on shipped runbooks are the same without it`(name: String) throws {
        let plan = try Prover.plan(Prover.shipped(name))
        var broken = plan
        for region in broken.regions.indices {
            for state in broken.regions[region].states.indices {
                broken.regions[region].states[state].require = nil
            }
        }
        let nodes = ["ensemble": 1, "brokers": 1]
        for (faults, lies, crashes) in [(1, 0, 0), (0, 1, 1)] {
            let prover = Prover(faults: faults, lies: lies, crashes: crashes, nodes: nodes)
            try Self.compare(prover, plan, "\(name) with \(faults), \(lies), \(crashes)")
            try Self.compare(prover, broken, "\(name) without its guards with \(faults), \(lies), \(crashes)")
        }
    }

    // Goal: a broker that starts needs the members at exactly that moment, so their faults must be tried there.
    // Method: a runbook that stops and starts a broker, whose start fails if the quorum goes while it starts; with and without a guard.
    @Test(arguments: ["", "\n    require: size(ensemble.filter(n, n.serving)) >= quorum(ensemble)"])
    func `members are tried against brokers that start`(guardrail: String) throws {
        let text = """
            runbook: sample
            title: A sample
            targets:
              ensemble: { role: zookeeper }
              brokers: { role: kafka_broker }
            properties:
              - never: { step: start, unless: "size(ensemble.filter(n, n.serving)) >= quorum(ensemble)" }
              - never: { step: start, unless: "size(ensemble.filter(n, n.serving)) >= quorum(ensemble)", truth: true }
              - possible: { ends: failed }
            steps:
              - id: stop
                run: { targets: brokers, service: kafka, do: stop, batch: { size: 1, max_failures: 0 } }
                timeout: 1m
                verify: { tcp: { port: broker }, expect: "!result.open" }
              - id: start
                run: { targets: brokers, service: kafka, do: start, batch: { size: 1, max_failures: 0 } }
                timeout: 1m
                verify: { tcp: { port: broker }, expect: result.open }\(guardrail)
            on_failure:
              - id: tell
                notify: { channels: [oncall], severity: critical, message: failed }
            """
        for (faults, lies, crashes) in [(2, 0, 0), (1, 1, 0), (1, 0, 1)] {
            let prover = Prover(
                faults: faults,
                lies: lies,
                crashes: crashes,
                nodes: ["ensemble": 3, "brokers": 1],
                begin: ["ensemble": [.up], "brokers": [.up]]
            )
            try Self.compare(prover, Prover.plan(text), "\(faults), \(lies), \(crashes)")
        }
    }
}
