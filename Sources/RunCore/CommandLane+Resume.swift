// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunVocabulary

/// Going on after the engine has ended.
extension CommandLane {
    /// Asks again for what was open.
    ///
    /// A command that did not begin is as good as never decided: however long the engine was away, its condition is looked at
    /// again, and it is not sent at all when the step is being stopped.
    mutating func resume(_ step: StepMachine, _ context: inout RunContext) {
        switch self.phase {
        case .acting(let act, hasBegun: true):
            self.isInquiring = true
            context.ask(for: .inquire(act))
            if self.isStopping {
                context.ask(for: .stop(act.effect))
            }
        case .acting(_, hasBegun: false) where self.isStopping:
            self.finish(.cancelled, reason: "stopped before it was sent", step, &context)
        case .queued, .checking, .proving, .betweenProofs, .resting, .undecided:
            self.isStopping ? self.stop(step, &context) : self.goOn(step, &context)
        case .acting, .idle, .over, .leftAlone: self.goOn(step, &context)
        }
    }

    private mutating func goOn(_ step: StepMachine, _ context: inout RunContext) {
        switch self.phase {
        case .checking: self.check(step, &context)
        case .acting:
            // The same attempt is made again, so that it has the same effect id.
            self.attempt -= 1
            self.check(step, &context)
        case .proving(let proof, _): self.prove(proof, step, &context)
        case .undecided(let act, let doubt):
            context.note(.inDoubt(step.key, self.target, reason: doubt.reason))
            if act.repeating != .never {
                // The host may be there again, and its receipt tells more than any person.
                self.isInquiring = true
                context.ask(for: .inquire(act))
            }
        case .queued: self.check(step, &context)
        case .idle, .betweenProofs, .resting, .over, .leftAlone: break
        }
    }
}
