// Selfheal
// SPDX-License-Identifier: Apache-2.0

import CELExpressions
package import RunPlan
package import RunVocabulary

extension Plan {
    /// The plan with a gate before its first step; if people do not agree, the run ends `cancelled` and none of its steps is walked.
    ///
    /// The gate is a step like any other, so it is drawn, proved, rehearsed and journaled like one. Nobody's message can become an expression:
    /// it is taken as it stands.
    package func asking(
        _ approvers: [Approver],
        for timeout: Milliseconds,
        telling channels: [String],
        because reason: String
    ) -> Plan {
        let place = Place(line: 1, column: 1)
        let question = Self.literal(reason, at: place)
        let gate = ApproveAction(
            message: question,
            from: approvers,
            needed: 1,
            timeout: timeout,
            onTimeout: .refused,
            channels: channels
        )
        var plan = self
        var main = plan.regions[Plan.main.index]
        let end = main.states.count + 1
        main.states = main.states.map { $0.movedBack() }
        let ask = PlanState(
            step: self.freeName("may_it_start"),
            place: place,
            action: .approve(gate),
            routes: Routes(succeeded: main.states.isEmpty ? .end : .state(1), otherwise: .state(end))
        )
        let stay = PlanState(
            step: self.freeName("it_may_not"),
            place: place,
            action: .finish(outcome: .cancelled, message: Self.literal("nobody agreed that it starts", at: place)),
            routes: Routes(succeeded: .end, otherwise: .end)
        )
        main.states = [ask] + main.states + [stay]
        plan.regions[Plan.main.index] = main
        return plan
    }

    private func freeName(_ name: String) -> StepName {
        let taken = Set(self.states.map(\.state.step.text))
        var candidate = name
        while taken.contains(candidate) {
            candidate += "_"
        }
        return StepName(candidate)
    }

    private static func literal(_ text: String, at place: Place) -> Template {
        let escaped = text.split(separator: "${{", omittingEmptySubsequences: false).joined(separator: "$${{")
        guard let template = CELTemplate.parse(escaped).0 else {
            preconditionFailure("a text without placeholders is a template")
        }
        return Template(template, place: place)
    }
}

extension PlanState {
    /// The state as it is when another was put before all of its region.
    fileprivate func movedBack() -> PlanState {
        var state = self
        state.routes.succeeded = state.routes.succeeded.movedBack()
        state.routes.failed = state.routes.failed.movedBack()
        state.routes.timedOut = state.routes.timedOut.movedBack()
        state.routes.refused = state.routes.refused.movedBack()
        state.routes.inDoubt = state.routes.inDoubt?.movedBack()
        if case .choose(var choose) = state.action {
            choose.branches = choose.branches.map { branch in
                var branch = branch
                branch.next = branch.next.movedBack()
                return branch
            }
            choose.otherwise = choose.otherwise.movedBack()
            choose.ifUnknown = choose.ifUnknown?.movedBack()
            state.action = .choose(choose)
        }
        return state
    }
}

extension Destination {
    fileprivate func movedBack() -> Destination {
        if case .state(let index) = self { .state(index + 1) } else { self }
    }
}
