// Selfheal
// SPDX-License-Identifier: Apache-2.0

import CELExpressions
import RunPlan
import RunVocabulary

/// What shows that an act has happened, or that one in doubt has not.
extension CommandLane {
    mutating func proveOrFinish(
        _ act: Act,
        doubt: Doubt?,
        _ step: StepMachine,
        _ context: inout RunContext
    ) {
        guard let action = context.plan[step.state].action.acting, action.verify != nil else {
            self.finish(.succeeded, reason: nil, step, &context)
            return
        }
        guard !self.isStopping else {
            self.finish(.cancelled, reason: "done, and stopped before it was verified", step, &context)
            return
        }
        self.prove(Proof(act: act, until: context.now + act.timeout, doubt: doubt), step, &context)
    }

    mutating func prove(_ proof: Proof, _ step: StepMachine, _ context: inout RunContext) {
        guard let action = context.plan[step.state].action.acting, let verify = action.verify else {
            return
        }
        let targets = self.target.map { [$0] } ?? []
        let timeout = min(max(verify.every, .seconds(1)), .seconds(5))
        guard let order = ProbeOrder(verify.probe, targets: targets, timeout: timeout, context) else {
            self.giveUp(proof, step, &context)
            return
        }
        let request = context.nextRequest()
        self.move(to: .proving(proof, request), step, &context)
        context.ask(for: .probe(request, order))
    }

    mutating func judge(
        _ proof: Proof,
        _ reports: [ProbeReport],
        _ step: StepMachine,
        _ context: inout RunContext
    ) {
        guard let action = context.plan[step.state].action.acting, let verify = action.verify else {
            return
        }
        let results = verify.probe.results(from: reports, for: self.target.map { [$0] } ?? [], context)
        let result = results.first ?? .null
        var proof = proof
        switch context.verdict(on: verify.expect, with: ["result": result, "results": .list(results)]) {
        case .holds:
            self.finish(.succeeded, reason: proof.doubt.map { "\($0.reason); verified" }, step, &context)
            return
        case .fails:
            proof.last = "'\(verify.expect.text)' does not hold"
            proof.isKnown = true
        case .unknown(let why):
            proof.last = "'\(verify.expect.text)' cannot be told: \(why)"
            proof.isKnown = false
        }
        guard context.now + verify.every < proof.until else {
            self.giveUp(proof, step, &context)
            return
        }
        self.move(to: .betweenProofs(proof, until: context.now + verify.every), step, &context)
    }

    /// The time for the proof is up.
    ///
    /// An act that is in doubt and whose absence was seen did not happen, unless it may still run: then it may happen any moment.
    private mutating func giveUp(_ proof: Proof, _ step: StepMachine, _ context: inout RunContext) {
        guard let doubt = proof.doubt else {
            self.fail(.timedOut, reason: "done, but not verified: \(proof.last)", step, &context)
            return
        }
        if proof.isKnown, !doubt.mayStillRun {
            self.fail(.failed, reason: "\(doubt.reason); it did not happen: \(proof.last)", step, &context)
        } else {
            let rest = doubt.mayStillRun ? "\(proof.last), and it may still run" : proof.last
            self.undecided(proof.act, doubt.with(rest), step, &context)
        }
    }
}
