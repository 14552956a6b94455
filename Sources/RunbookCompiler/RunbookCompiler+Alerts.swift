// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunPlan
import RunbookLanguage
import RunbookSource

/// Triggers that are sent to us.
extension RunbookCompiler {
    mutating func alert(_ syntax: AlertSyntax) -> PlanAlert {
        let known = self.syntax.parameters.filter { $0.kind?.value != .secret }.map(\.name.value)
        for pair in syntax.parameters where !known.contains(pair.name.value) {
            self.report(.noParameterForLabel(pair.name.value, at: pair.name.span, known: known))
        }
        var alert = PlanAlert(
            kind: syntax.isWebhook ? .webhook : .alert,
            name: syntax.name.value,
            labels: syntax.labels.map { PlanAlert.Pair(name: $0.name.value, value: $0.value.value) },
            parameters: syntax.parameters.map { PlanAlert.Pair(name: $0.name.value, value: $0.value.value) }
        )
        alert.cooldown = syntax.cooldown?.value
        alert.limit = syntax.limit?.value.count
        alert.limitWindow = syntax.limit?.value.window
        return alert
    }
}

extension Diagnostic {
    fileprivate static func noParameterForLabel(_ name: String, at span: SourceSpan, known: [String]) -> Self {
        Self(
            code: Code(247),
            severity: .error,
            message: "there is no parameter '\(name)' that could take a label's value",
            span: span,
            help: DidYouMean.help(for: name, among: known)
                ?? (known.isEmpty
                    ? "the runbook has none: parameters: { \(name): { type: string } }"
                    : "parameters here: \(known.joined(separator: ", ")); a secret is none of them")
        )
    }
}
