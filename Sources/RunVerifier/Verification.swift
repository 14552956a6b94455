// Selfheal
// SPDX-License-Identifier: Apache-2.0

import CELExpressions
package import RunCore
package import RunPlan
import RunVocabulary

/// A proof of one runbook on one inventory within assumptions.
///
/// The beginnings are independent of each other, so they can be explored in parts, on as many cores as there are.
package struct Verification: Sendable {
    /// Why it cannot be begun, with what to do.
    package struct Refusal: Error, Hashable, Sendable {
        package let message: String
        package let help: String
    }

    package let binding: RunBinding
    package let assumptions: Assumptions
    package let preview: PlanPreview
    let rules: WorldRules
    private let worlds: [AbstractWorld]
    private let passing: [StepName?: Bool]

    /// More beginnings than this are refused rather than cut.
    private static let beginningLimit = 20_000

    package init(
        _ plan: Plan,
        parameters: [String: Fact],
        inventory: Inventory,
        assumptions: Assumptions
    ) throws(Refusal) {
        if let refusal = Self.refusal(of: plan) {
            throw refusal
        }
        guard inventory.nodes.count <= AbstractWorld.capacity else {
            throw Refusal(
                message:
                    "\(inventory.nodes.count) nodes are more than the \(AbstractWorld.capacity) that can be verified at once",
                help:
                    "give smaller selections, such as '--nodes brokers=3': what holds for three brokers seldom fails for thirty"
            )
        }
        let actual = RunBinding(
            run: "verified",
            plan: plan,
            parameters: parameters,
            inventory: inventory,
            requestedBy: "somebody-else"
        )
        self.preview = PlanPreview(of: actual)
        self.passing = Self.passing(self.preview, plan, assumptions)
        var binding = actual
        binding.plan = Self.stretched(plan)
        self.binding = binding
        self.assumptions = assumptions
        self.rules = WorldRules(inventory)
        self.worlds = try Self.worlds(actual, self.rules, assumptions)
    }

    /// What cannot be told apart in a state of the search yet, and a proof that passes over it would be none.
    private static func refusal(of plan: Plan) -> Refusal? {
        let undoing = plan.states.contains { _, state in
            if case .call(let action) = state.action { action.regions.undoes } else { false }
        }
        guard plan.runbookRegions.undoes || undoing else {
            return nil
        }
        return Refusal(
            message: "'on_failure: { undo: true }' cannot be verified yet",
            help: "verify the runbook without it, and rehearse the undoing with 'selfheal simulate'"
        )
    }

    package var beginnings: Int {
        self.worlds.count
    }

    /// Goes through every state from a part of the beginnings, and asks `mayGoOn` now and then whether there is memory left.
    package func explore(
        part: Int = 0,
        of parts: Int = 1,
        while mayGoOn: () -> Bool = { true }
    ) -> Exploration {
        Exploration(of: self.explored(part: part, of: parts, while: mayGoOn))
    }

    func explored(part: Int = 0, of parts: Int = 1, while mayGoOn: () -> Bool = { true }) -> Explorer {
        var explorer = Explorer(self.binding, self.assumptions, passing: self.passing)
        let mine = self.worlds.enumerated().filter { $0.offset % parts == part }.map(\.element)
        explorer.explore(from: mine, while: mayGoOn)
        return explorer
    }

    // MARK: Time

    /// Deadlines far beyond everything else: whether one passes is a choice of the search, not of its clock.
    private static func stretched(_ plan: Plan) -> Plan {
        var plan = plan
        plan.deadline = plan.deadline.map { _ in Self.never }
        for region in plan.regions.indices {
            for state in plan.regions[region].states.indices {
                plan.regions[region].states[state].deadline =
                    plan.regions[region].states[state].deadline.map { _ in Self.farAway }
                if case .call(var action) = plan.regions[region].states[state].action {
                    action.regions.deadline = action.regions.deadline.map { _ in Self.farAway }
                    plan.regions[region].states[state].action = .call(action)
                }
            }
        }
        return plan
    }

    private static let farAway = Milliseconds(10_000_000_000)
    private static let never = Milliseconds(10_000_000_000_000)

    /// Which deadlines can pass: where the steps can take as long, or where the engine can be away.
    private static func passing(_ preview: PlanPreview, _ plan: Plan, _ assumptions: Assumptions) -> [StepName?: Bool] {
        var passing: [StepName?: Bool] = [:]
        let mayBeAway = assumptions.crashes > 0
        passing.updateValue(mayBeAway || plan.deadline.map { preview.worst > $0 } ?? false, forKey: nil)
        for (_, state) in plan.states where state.deadline != nil {
            // The bound of a step with a deadline is that deadline at most, so it can only be said that it may pass.
            passing.updateValue(true, forKey: state.step)
        }
        return passing
    }

    // MARK: Beginnings

    private static func worlds(
        _ binding: RunBinding,
        _ rules: WorldRules,
        _ assumptions: Assumptions
    ) throws(Refusal) -> [AbstractWorld] {
        let choices = self.choices(binding, rules, assumptions)
        let count = choices.reduce(1) { $0 * $1.count }
        guard count <= Self.beginningLimit else {
            throw Refusal(
                message:
                    "the nodes can be in \(count) states when the run begins, which is more than \(Self.beginningLimit)",
                help: "say less of them, such as '--begin brokers=up', or assume fewer nodes"
            )
        }
        var worlds: [AbstractWorld] = []
        var picks = [Int](repeating: 0, count: choices.count)
        for _ in 0..<count {
            if let world = rules.world(zip(choices, picks).map { $0[$1] }), !worlds.contains(world) {
                worlds.append(world)
            }
            for position in picks.indices {
                picks[position] += 1
                guard picks[position] == choices[position].count else {
                    break
                }
                picks[position] = 0
            }
        }
        guard !worlds.isEmpty else {
            throw Refusal(
                message: "no beginning is left: what is assumed contradicts itself",
                help: "a minority of the voters can be 'behind', not more"
            )
        }
        return worlds
    }

    /// Nodes that a trigger reads may be in any state, for they are why the run begins; the others are well.
    private static func choices(
        _ binding: RunBinding,
        _ rules: WorldRules,
        _ assumptions: Assumptions
    ) -> [[Assumptions.Beginning]] {
        var desk = Desk(binding)
        try? desk.handle(.started, PropertyRules(binding.plan))
        let triggering = binding.plan.triggers.flatMap { trigger in
            trigger.condition.cel.freeNames.flatMap { desk.machine.nodes(selectedBy: $0) }
        }
        var choices = rules.kinds.enumerated().map { index, kind -> [Assumptions.Beginning] in
            let isSuspect = triggering.isEmpty ? kind == .member : triggering.contains(rules.name(index))
            guard isSuspect else {
                return [.up]
            }
            switch kind {
            case .member: return [.up, .down, .lost, .cut]
            case .broker: return [.up, .down, .cut]
            case .host: return rules.controllers.contains(index) ? [.up, .down, .cut] : [.up, .cut]
            }
        }
        for (selection, beginnings) in assumptions.begin.sorted(by: { $0.key < $1.key }) {
            for node in desk.machine.nodes(selectedBy: selection) {
                if let index = rules.index(of: node) {
                    choices[index] = beginnings
                }
            }
        }
        return choices
    }
}
