// Selfheal
// SPDX-License-Identifier: Apache-2.0

package import RunPlan
package import RunbookSource
package import SelfhealConfiguration

/// A plan with the settings of a configuration in it.
package struct SettledPlan: Sendable {
    package let plan: Plan
    /// What is wrong with the configuration as far as this runbook reads it; with an error, the plan is not the one that was meant.
    package let diagnostics: [Diagnostic]

    package init(_ plan: Plan, by configuration: SelfhealConfiguration) {
        var settled = plan
        let given = configuration.settings
        let values = Dictionary(given.map { ($0.name.value, $0.value.value) }) { _, last in last }
        var diagnostics: [Diagnostic] = []
        for misfit in settled.settle(values) {
            if let setting = given.last(where: { $0.name.value == misfit.setting.name }) {
                diagnostics.append(.badSettingValue(setting, misfit.setting.kind, runbook: misfit.runbook))
            }
        }
        // Other runbooks have other settings, so a strange name is a slip only if it is near one that is still to be given.
        let declared = plan.allSettings.map(\.setting.name)
        let open = declared.filter { values[$0] == nil }
        for setting in given where !declared.contains(setting.name.value) {
            if DidYouMean.slip(for: setting.name.value, among: open) != nil {
                diagnostics.append(.unreadSetting(setting.name, runbook: plan.runbook, known: open))
            }
        }
        self.plan = settled
        self.diagnostics = diagnostics.inSourceOrder()
    }
}
