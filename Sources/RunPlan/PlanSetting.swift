// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// A value that belongs to a site rather than to a run: the configuration gives it, else the runbook's default holds.
///
/// The value stands in the plan, so that whoever agrees to the plan agrees to it, and a run keeps it whatever becomes of the configuration.
package struct PlanSetting: Hashable, Sendable, Codable {
    package var name: String
    package var kind: PlanParameter.Kind
    package var value: Fact
    package var description: String?

    package init(name: String, kind: PlanParameter.Kind, value: Fact, description: String?) {
        self.name = name
        self.kind = kind
        self.value = value
        self.description = description
    }
}

extension Plan {
    /// A setting of the plan, and the text that is no value of it.
    package struct SettingMisfit: Hashable, Sendable {
        package let runbook: String
        package let setting: PlanSetting
        package let text: String
    }

    /// The settings of this runbook and of those that it calls; the same name may be there several times.
    package var allSettings: [(runbook: String, setting: PlanSetting)] {
        var all = (self.settings ?? []).map { (self.runbook, $0) }
        for (_, state) in self.states {
            if case .call(let action) = state.action {
                all += (action.settings ?? []).map { (action.runbook, $0) }
            }
        }
        return all
    }

    /// Puts in the values that the configuration gives, by name, here and in the runbooks that are called.
    ///
    /// What is not given keeps its value, and so does what is given a text that is no value of it.
    ///
    /// - Returns: each of those, once for each runbook.
    package mutating func settle(_ given: [String: String]) -> [SettingMisfit] {
        guard !given.isEmpty else {
            return []
        }
        var misfits = Self.settle(&self.settings, given, in: self.runbook)
        for region in self.regions.indices {
            for state in self.regions[region].states.indices {
                guard case .call(var action) = self.regions[region].states[state].action, action.settings != nil else {
                    continue
                }
                for misfit in Self.settle(&action.settings, given, in: action.runbook) where !misfits.contains(misfit) {
                    misfits.append(misfit)
                }
                self.regions[region].states[state].action = .call(action)
            }
        }
        return misfits
    }

    /// Takes the settings of another plan, as far as they mean the same here.
    package mutating func settle(as other: Plan) {
        var values: [String: String] = [:]
        for (_, setting) in other.allSettings {
            values[setting.name] = setting.value.text
        }
        _ = self.settle(values)
    }

    private static func settle(
        _ settings: inout [PlanSetting]?,
        _ given: [String: String],
        in runbook: String
    ) -> [SettingMisfit] {
        var misfits: [SettingMisfit] = []
        for index in (settings ?? []).indices {
            guard let setting = settings?[index], let text = given[setting.name] else {
                continue
            }
            if let value = ParameterText.fact(text, of: setting.kind) {
                settings?[index].value = value
            } else {
                misfits.append(SettingMisfit(runbook: runbook, setting: setting, text: text))
            }
        }
        return misfits
    }
}
