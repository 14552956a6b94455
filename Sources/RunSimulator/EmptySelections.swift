// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunPlan
import RunbookSource

/// Selections of the runbook that the scenario has no node for.
extension Rehearsal {
    func emptySelections() -> [Diagnostic] {
        self.plan.selections.compactMap { selection in
            guard let role = selection.role, !self.world.inventory.nodes.contains(where: { $0.roles.contains(role) }),
                !self.plan.reckonsWithNone(of: selection.name)
            else {
                return nil
            }
            return .selectionWithoutNodes(selection.name, self.plan.runbook, at: self.scenario.span)
        }
    }
}

extension Plan {
    /// Whether a condition of the runbook asks if the selection is empty, so that an empty one is no surprise to it.
    fileprivate func reckonsWithNone(of selection: String) -> Bool {
        let conditions = self.states.flatMap { _, state -> [Expression] in
            guard case .choose(let action) = state.action else {
                return [state.when, state.require].compactMap { $0 }
            }
            return action.branches.map(\.when)
        }
        return conditions.contains { condition in
            condition.text.contains("size(\(selection)) == 0") || condition.text.contains("size(\(selection)) > 0")
        }
    }
}
