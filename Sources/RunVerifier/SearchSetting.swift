// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunCore
import RunPlan
import RunVocabulary

/// Everything that a search looks up and never changes: one reference, so that handing it on costs nothing.
final class SearchSetting: Sendable {
    /// Of a property of `at_most`: the nodes it is about.
    struct Limited: Sendable {
        var property: Property
        var most: Int
        var nodes: [Int]
    }

    let binding: RunBinding
    let assumptions: Assumptions
    let rules: WorldRules
    /// A bit for each member.
    let membersMask: UInt16
    let properties: PropertyRules
    let oracle: Oracle
    let view: PlanRelevance
    let limited: [Limited]
    /// Whether a property is judged on the world rather than on what the run knows.
    let judgesTruth: Bool
    /// The most luck that may be spent, packed.
    let limits: UInt16

    init(_ binding: RunBinding, _ assumptions: Assumptions, passing: [StepName?: Bool]) {
        let rules = WorldRules(binding.inventory)
        let properties = PropertyRules(binding.plan)
        var desk = Desk(binding)
        try? desk.handle(.started, properties)
        var limited: [Limited] = []
        for (index, property) in binding.plan.properties.enumerated() {
            if case .atMost(let most, let selection) = property {
                let nodes = desk.machine.nodes(selectedBy: selection).compactMap { rules.index(of: $0) }
                limited.append(Limited(property: .own(index), most: most, nodes: nodes))
            }
        }
        self.binding = binding
        self.assumptions = assumptions
        self.rules = rules
        self.membersMask = rules.mask(rules.members)
        self.properties = properties
        self.oracle = Oracle(binding.plan, passing: passing)
        self.view = PlanRelevance(of: binding.plan)
        self.limited = limited
        self.limits = assumptions.packed
        self.judgesTruth = properties.nevers.contains(where: \.isAboutTruth)
    }

    /// What is wrong with the step from one world to another, whatever the run knows.
    func findings(_ before: AbstractWorld, _ after: AbstractWorld) -> [Finding] {
        guard before != after else {
            return []
        }
        var findings: [Finding] = []
        for limit in self.limited {
            let down = limit.nodes.filter { after[$0].isDownByUs }
            if down.count > limit.most {
                let names = down.map { self.rules.name($0).text }.joined(separator: ", ")
                findings.append(Finding(property: limit.property, text: "\(names) are down by our own doing"))
            }
        }
        for index in self.rules.members where after[index].isHarmedByUs && !before[index].isHarmedByUs {
            let what =
                before[index].holdsData
                ? "\(self.rules.name(index)) is cut back to data that others began anew"
                : "\(self.rules.name(index)) begins an empty history while another member holds the data"
            findings.append(
                Finding(property: .noDataIsLostByUs, text: "\(what), after an act of ours started an empty member")
            )
        }
        return findings
    }
}
