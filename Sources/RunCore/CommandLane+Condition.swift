// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunPlan
import RunVocabulary

/// `require`: what must hold right before the act, and whose turn it is.
extension CommandLane {
    mutating func check(_ step: StepMachine, _ context: inout RunContext) {
        guard let requirement = context.plan[step.state].require else {
            self.act(step, &context)
            return
        }
        guard self.isFirst(step, &context) else {
            return
        }
        let stale = context.staleNodes(for: requirement)
        guard stale.isEmpty else {
            let request = context.nextRequest()
            self.move(to: .checking(request), step, &context)
            context.ask(for: .observe(request, nodes: stale))
            return
        }
        self.checkRequirement(step, &context)
    }

    /// Whether it is this lane's turn; it waits in the queue otherwise.
    private mutating func isFirst(_ step: StepMachine, _ context: inout RunContext) -> Bool {
        guard let action = context.plan[step.state].action.acting, action.effect.changesTheWorld else {
            return true
        }
        guard !context.isAlone(self.name(step)) else {
            return true
        }
        if self.phase != .queued, let other = context.actUnderWay {
            let who = "\(other.step)\(other.target.map { " on \($0)" } ?? "")"
            context.note(.waiting(step.key, self.target, reason: "'require' is looked at when \(who) is over"))
        }
        self.move(to: .queued, step, &context)
        return false
    }

    mutating func checkRequirement(_ step: StepMachine, _ context: inout RunContext) {
        guard let requirement = context.plan[step.state].require else {
            return
        }
        switch context.verdict(on: requirement) {
        case .holds: self.act(step, &context)
        case .fails: self.finish(.refused, reason: "'\(requirement.text)' does not hold", step, &context)
        case .unknown(let why):
            self.finish(.refused, reason: "'\(requirement.text)' cannot be told: \(why)", step, &context)
        }
    }
}
