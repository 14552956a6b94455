// Selfheal
// SPDX-License-Identifier: Apache-2.0

import CELExpressions
import RunPlan
import RunVocabulary
import RunbookLanguage
import RunbookSource

/// What a runbook leaves to the configuration: its settings, and what is known of other clusters.
extension RunbookCompiler {
    /// Nothing when there are none, so that plans without any keep their digests.
    mutating func settings() -> [PlanSetting]? {
        let settings = self.syntax.settings.compactMap { syntax -> PlanSetting? in
            // That it cannot be a secret has been reported.
            guard syntax.kind?.value != .secret, let parameter = self.parameter(syntax, "setting"),
                let value = parameter.defaultValue
            else {
                return nil
            }
            return PlanSetting(
                name: parameter.name,
                kind: parameter.kind,
                value: value,
                description: parameter.description
            )
        }
        return settings.isEmpty ? nil : settings
    }

    /// Keeps in mind which parameters, settings and clusters an expression names.
    mutating func noteNames(_ expression: CELExpression, in span: SourceSpan) {
        self.parameterUse.note(expression)
        self.settingUse.note(expression)
        for reference in expression.referencedPaths where reference.root == "clusters" && reference.path.count > 1 {
            self.note(cluster: reference.path[1], at: Place(span))
        }
    }

    mutating func note(cluster name: String, at place: Place?) {
        if !self.clusterNames.contains(where: { $0.name == name }) {
            self.clusterNames.append(PlanClusterName(name: name, place: place))
        }
    }

    /// Who gives a setting its value expects it to do something.
    mutating func warnOfUnusedSettings() {
        for setting in self.syntax.settings where !self.settingUse.isRead(setting.name.value) {
            self.report(.unusedSetting(setting.name.value, at: setting.name.span))
        }
    }
}

extension Diagnostic {
    fileprivate static func unusedSetting(_ name: String, at span: SourceSpan) -> Self {
        Self(
            code: Code(130),
            severity: .warning,
            message: "no expression reads the setting '\(name)'",
            span: span,
            help: "read it as 'settings.\(name)', or take it out"
        )
    }
}
