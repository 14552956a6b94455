// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunPlan
import RunVocabulary

/// Asking people: `approve`.
extension StepMachine {
    mutating func begin(
        _ action: ApproveAction,
        _ state: PlanState,
        _ context: inout RunContext
    ) -> StepCompletion? {
        let reach = GateReach(of: self.state, in: context.plan)
        let touches = reach.touches(context)
        let isWhole = self.state.region == Plan.main
        let message = context.text(of: action.message) + reach.text(touches, isWhole: isWhole)
        let gate = Gate(
            step: self.key,
            title: state.title ?? state.step.text,
            message: message,
            from: action.from,
            needed: action.needed,
            deadline: context.now + action.timeout,
            channels: action.channels,
            digest: context.approvalDigest(of: self.key, message: message, touches),
            touches: touches
        )
        self.phase = .asking(
            ApprovalGate(
                gate: gate,
                requester: context.binding.requestedBy,
                requesterMayApprove: context.binding.requesterMayApprove
            )
        )
        context.ask(for: .openGate(gate))
        return nil
    }

    enum GateEnd {
        case granted(by: [PersonName])
        case denied(by: PersonName, comment: String)
        case silence
    }

    mutating func count(_ vote: Vote, _ context: inout RunContext) -> StepCompletion? {
        guard case .asking(var gate) = self.phase else {
            return nil
        }
        let answer = gate.handle(vote, at: context.now)
        self.phase = .asking(gate)
        switch answer {
        case .counted(let have):
            context.note(.voteCounted(self.key, vote, have: have, needed: gate.gate.needed))
            return nil
        case .ignored(let refusal):
            context.note(.ignored(.vote(self.key, vote.person, refusal)))
            return nil
        case .granted(let people):
            context.note(.voteCounted(self.key, vote, have: people.count, needed: gate.gate.needed))
            context.approve(gate.gate.touches)
            return self.closeGate(.granted(by: people), &context)
        case .denied(let person): return self.closeGate(.denied(by: person, comment: vote.comment), &context)
        case .tooLate: return self.closeGate(.silence, &context)
        }
    }

    func closeGate(_ end: GateEnd, _ context: inout RunContext) -> StepCompletion? {
        context.ask(for: .closeGate(self.key))
        switch end {
        case .granted(let people):
            let names = people.map(\.text).joined(separator: " and ")
            return StepCompletion(.succeeded, reason: "granted by \(names)")
        case .denied(let person, let comment):
            let why = comment.isEmpty ? "" : ": \(comment)"
            return StepCompletion(.refused, reason: "denied by \(person)\(why)")
        case .silence:
            guard case .approve(let action) = context.plan[self.state].action, case .asking(let gate) = self.phase
            else {
                return nil
            }
            let votes = "\(gate.grantedBy.count) of \(gate.gate.needed) approvals"
            let reason = "\(votes) when the time was up"
            return StepCompletion(action.onTimeout == .refused ? .refused : .timedOut, reason: reason)
        }
    }
}
