// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunPlan
import RunVocabulary
import RunbookLanguage
import RunbookSource

/// What a proof assumes must be of this runbook, and must be able to be so.
extension RunbookCompiler {
    mutating func assumptions(_ syntax: AssumptionsSyntax) -> PlanAssumptions {
        var assumptions = PlanAssumptions()
        assumptions.faults = syntax.faults?.value
        assumptions.lies = syntax.lies?.value
        assumptions.crashes = syntax.crashes?.value
        assumptions.cancels = syntax.cancels?.value
        assumptions.approvals = syntax.approvals?.map(\.value)
        for (selection, count) in syntax.nodes where self.isSelection(selection) {
            assumptions.nodes = (assumptions.nodes ?? [:]).merging([selection.value: count.value]) { $1 }
        }
        for (selection, states) in syntax.begin where self.isSelection(selection) {
            self.check(states, of: selection.value)
            assumptions.begin = (assumptions.begin ?? [:]).merging([selection.value: states.map(\.value)]) { $1 }
        }
        return assumptions
    }

    private mutating func isSelection(_ name: Spanned<String>) -> Bool {
        let known = self.syntax.selections.map(\.name.value)
        guard known.contains(name.value) else {
            self.report(.unknownSelection(name.value, at: name.span, known: known))
            return false
        }
        return true
    }

    private mutating func check(_ states: [Spanned<NodeBeginning>], of selection: String) {
        let role = self.syntax.selections.first { $0.name.value == selection }?.role?.value
        if let role, role != "zookeeper" {
            for state in states where [.behind, .lost].contains(state.value) {
                self.report(.beginsAsNoNodeCan(state.value.rawValue, role: role, at: state.span))
            }
        }
        if let first = states.first, states.allSatisfy({ $0.value == .behind }) {
            self.report(.everybodyIsBehind(selection, at: first.span))
        }
    }
}
