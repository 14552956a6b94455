// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunCore
package import RunPlan
package import RunVocabulary

/// What was proved, what not, and within which bounds.
package struct VerificationReport: Sendable {
    package enum Verdict: Sendable {
        case holds
        case violated(reason: String, Trace?)
        /// The search ended before it could tell.
        case open
    }

    package struct Item: Sendable {
        package var property: Property
        package var text: String
        package var verdict: Verdict
    }

    package var items: [Item]
    package var exploration: Exploration
    package var beginnings: Int
    package var nodes: Int
    package var assumptions: Assumptions
    package var worst: Milliseconds
    package var dominating: StepName?

    package init(_ verification: Verification, _ exploration: Exploration) {
        let plan = verification.binding.plan
        self.exploration = exploration
        self.beginnings = verification.beginnings
        self.nodes = verification.binding.inventory.nodes.count
        self.assumptions = verification.assumptions
        let time = TimeBound(of: verification)
        self.worst = time.longest
        self.dominating = verification.preview.dominating
        self.items = plan.properties.enumerated().map { index, property in
            Item(
                property: .own(index),
                text: property.text,
                verdict: Self.verdict(on: property, at: index, exploration, time)
            )
        }
        self.items += Property.builtIn.map { property in
            Item(property: property, text: property.text, verdict: Self.verdict(on: property, plan, exploration))
        }
    }

    package var isProved: Bool {
        self.items.allSatisfy { if case .holds = $0.verdict { true } else { false } }
    }

    private static func verdict(
        on property: PlanProperty,
        at index: Int,
        _ exploration: Exploration,
        _ time: TimeBound
    ) -> Verdict {
        switch property {
        case .everyPathEndsWithin(let limit):
            return time.longest <= limit ? .holds : .violated(reason: time.reason, nil)
        case .possible(let outcome):
            if exploration.outcomes.contains(outcome) {
                return .holds
            }
            return exploration.isComplete ? .violated(reason: "no path ends \(outcome.rawValue)", nil) : .open
        case .neverStep, .neverInTruth, .neverTogether, .before, .atMost, .everyPathNotifies, .everyPathPasses,
            .afterInDoubt:
            return self.verdict(.own(index), exploration)
        }
    }

    private static func verdict(on property: Property, _ plan: Plan, _ exploration: Exploration) -> Verdict {
        guard property == .everyStepCanBeReached else {
            return self.verdict(property, exploration)
        }
        let missing = plan.states.filter { !exploration.reached.contains($0.state.step) }
        guard !missing.isEmpty else {
            return .holds
        }
        guard exploration.isComplete else {
            return .open
        }
        let names = missing.map { "'\($0.state.step)' (line \($0.state.place.line))" }.joined(separator: ", ")
        return .violated(reason: "no path comes to \(names)", nil)
    }

    private static func verdict(_ property: Property, _ exploration: Exploration) -> Verdict {
        if let trace = exploration.violations[property] {
            return .violated(reason: trace.violation, trace)
        }
        return exploration.isComplete ? .holds : .open
    }
}

/// The longest that a run can take, its end included.
struct TimeBound {
    let longest: Milliseconds
    let reason: String

    init(of verification: Verification) {
        let preview = verification.preview
        // The deadlines of the plan that is explored are stretched; those of the preview are the runbook's own.
        self.longest = preview.longest
        let step = preview.dominating.map { "; '\($0)' takes the largest part of it" } ?? ""
        self.reason = "the longest way takes \(preview.longest)\(step)"
    }
}

extension Property {
    package var text: String {
        switch self {
        case .own(let index): "property \(index + 1)"
        case .everyPathEnds: "every path ends"
        case .everyStepCanBeReached: "every step can be reached"
        case .nothingIsRepeatedBlindly: "nothing that is in doubt is repeated blindly"
        case .dataLossIsApproved: "a person approved before anything that can lose data"
        case .quorumIsNotBrokenByUs: "no act of ours takes a quorum away"
        case .noDataIsLostByUs: "no act of ours loses or forks data"
        case .aPersonIsTold: "a person is told when it gives up"
        }
    }
}

extension PlanProperty {
    /// As a runbook writes it.
    package var text: String {
        switch self {
        case .neverStep(let step, let condition): "never '\(step)' unless \(condition.text)"
        case .neverInTruth(let step, let condition): "never, in truth, '\(step)' unless \(condition.text)"
        case .neverTogether(let steps): "never together: \(steps.map(\.text).joined(separator: ", "))"
        case .before(let first, let then): "'\(first)' before '\(then)'"
        case .atMost(let count, let selection): "at most \(count) of '\(selection)' down by us"
        case .everyPathNotifies(let channel, let unless):
            "every path notifies '\(channel)'\(unless.map { " unless \($0.rawValue)" } ?? "")"
        case .everyPathEndsWithin(let limit): "every path ends within \(limit)"
        case .everyPathPasses(let step, let unless):
            "every path passes '\(step)'\(unless.map { " unless \($0.rawValue)" } ?? "")"
        case .afterInDoubt(let step, let remedy): "after '\(step)' is in doubt, '\(remedy)' comes first"
        case .possible(let outcome): "it is possible to end \(outcome.rawValue)"
        }
    }
}
