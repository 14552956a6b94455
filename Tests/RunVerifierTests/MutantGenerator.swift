// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunPlan
import RunVerifier
import RunVocabulary

/// Plans with one mistake, each made from what a property or a safeguard of the runbook is about.
///
/// The mistakes are those of an author: a guard left out, a step passed over, a notice sent to nobody, a retry without an end, a gate after the
/// act. They are made in the plan, so that no change of a runbook's wording keeps one from being made.
struct MutantGenerator {
    struct Mutant: Sendable, CustomTestStringConvertible {
        var runbook: String
        var name: String
        var plan: Plan
        /// The property that must not hold any more, if there is one that must not.
        var breaks: String?

        var testDescription: String { "\(self.runbook): \(self.name)" }
    }

    private let runbook: String
    private let plan: Plan
    /// A condition that never holds.
    private let never: Expression

    init(_ runbook: String, _ plan: Plan) throws {
        self.runbook = runbook
        self.plan = plan
        let sample = try Prover.plan(
            "runbook: sample\nsteps:\n  - { id: rest, when: 1 > 2, pause: 1s }\n  - { id: again, pause: 1s }\n"
        )
        guard let never = sample.states.first?.state.when else {
            throw Prover.Faulty(description: "the sample has lost its condition")
        }
        self.never = never
    }

    var mutants: [Mutant] {
        self.fromProperties + self.fromSafeguards
    }

    // MARK: Mistakes that a property is about

    /// For each property the mistake that it is there for.
    private var fromProperties: [Mutant] {
        self.plan.properties.compactMap { property -> Mutant? in
            switch property {
            case .before(let first, let then):
                return self.mutant("'\(first)' before '\(then)' is passed over", breaks: property) { plan in
                    plan.change(first) { $0.when = self.never }
                }
            case .everyPathNotifies(let channel, _):
                return self.mutant("'\(channel)' is not told", breaks: property) { plan in
                    plan.changeAll { state in
                        if case .notify(var action) = state.action {
                            action.channels = ["nobody"]
                            state.action = .notify(action)
                        }
                    }
                }
            case .everyPathEndsWithin:
                return self.mutant("it may take a year", breaks: property) { plan in
                    plan.deadline = nil
                    plan.changeAll { state in
                        state.deadline = nil
                        state.retry?.attempts = 100_000
                        state.retry?.within = nil
                        if case .wait(var action) = state.action {
                            action.timeout = .minutes(1_000_000)
                            state.action = .wait(action)
                        }
                        if case .run(var action) = state.action {
                            action.timeout = .minutes(1_000_000)
                            state.action = .run(action)
                        }
                    }
                }
            case .everyPathPasses(let step, _):
                return self.mutant("'\(step)' is passed over", breaks: property) { plan in
                    plan.change(step) { $0.when = self.never }
                }
            // A run ends 'succeeded' or 'failed' without a step that says so.
            case .possible(.succeeded), .possible(.failed), .possible(.cancelled): return nil
            case .possible(let outcome):
                return self.mutant("it never ends \(outcome.rawValue)", breaks: property) { plan in
                    plan.deny(outcome)
                }
            case .neverStep, .neverInTruth, .neverTogether, .atMost, .afterInDoubt: return nil
            }
        }
    }

    // MARK: Mistakes that may break something

    /// A safeguard of each step left out, one at a time; whether something breaks is the verifier's to say.
    private var fromSafeguards: [Mutant] {
        var all: [Mutant] = []
        for (id, state) in self.plan.states {
            if state.require != nil {
                all.append(self.mutant("'\(state.step)' requires nothing") { $0[id].require = nil })
            }
            if state.when != nil {
                all.append(self.mutant("'\(state.step)' asks for no reason") { $0[id].when = nil })
            }
            switch state.action {
            case .notify(var action):
                action.channels = ["nobody"]
                all.append(self.mutant("'\(state.step)' tells nobody") { $0[id].action = .notify(action) })
            case .approve:
                all.append(self.mutant("'\(state.step)' is taken as granted") { $0[id].when = self.never })
            case .probe, .wait:
                all.append(self.mutant("'\(state.step)' does not look") { $0[id].when = self.never })
            case .run(var action):
                if action.verify != nil {
                    action.verify = nil
                    all.append(self.mutant("'\(state.step)' proves nothing") { $0[id].action = .run(action) })
                }
            case .request, .choose, .parallel, .forEach, .call, .set, .pause, .finish: break
            }
            if let next = self.plan.neighbour(of: id) {
                all.append(self.mutant("'\(state.step)' comes after the next") { $0.swap(id, next) })
            }
        }
        return all
    }

    private func mutant(
        _ name: String,
        breaks property: PlanProperty? = nil,
        _ change: (inout Plan) -> Void
    ) -> Mutant {
        var plan = self.plan
        change(&plan)
        return Mutant(runbook: self.runbook, name: name, plan: plan, breaks: property?.text)
    }
}

extension Plan {
    fileprivate subscript(id: StateID) -> PlanState {
        get { self.regions[id.region.index].states[id.index] }
        set { self.regions[id.region.index].states[id.index] = newValue }
    }

    fileprivate mutating func change(_ step: StepName, _ body: (inout PlanState) -> Void) {
        self.changeAll { state in
            if state.step == step {
                body(&state)
            }
        }
    }

    fileprivate mutating func changeAll(_ body: (inout PlanState) -> Void) {
        for region in self.regions.indices {
            for state in self.regions[region].states.indices {
                body(&self.regions[region].states[state])
            }
        }
    }

    /// Makes every end of that kind another one; a run that comes to the end of its list is `escalated` instead of `succeeded`.
    fileprivate mutating func deny(_ outcome: RunOutcome) {
        let other: RunOutcome = outcome == .escalated ? .failed : .escalated
        self.changeAll { state in
            if case .finish(outcome, let message) = state.action {
                state.action = .finish(outcome: other, message: message)
            }
        }
    }

    /// The step behind it in its list, when the one leads to the other and both go on alike.
    fileprivate func neighbour(of id: StateID) -> StateID? {
        let states = self.regions[id.region.index].states
        let next = StateID(region: id.region, index: id.index + 1)
        guard states.indices.contains(next.index), states[id.index].routes.succeeded == .state(next.index),
            states[id.index].isMovable, states[next.index].isMovable
        else {
            return nil
        }
        return next
    }

    /// Exchanges what two states do, and leaves where they lead.
    fileprivate mutating func swap(_ one: StateID, _ other: StateID) {
        let (first, second) = (self[one], self[other])
        self[one] = second
        self[one].routes = first.routes
        self[other] = first
        self[other].routes = second.routes
    }
}

extension PlanState {
    fileprivate var isMovable: Bool {
        switch self.action {
        case .probe, .wait, .run, .request, .approve, .notify: true
        case .choose, .parallel, .forEach, .call, .set, .pause, .finish: false
        }
    }
}
