// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunPlan
import RunbookLanguage
import RunbookSource

/// Triggers that are sent to us, and times.
extension RunbookCompiler {
    mutating func alert(_ syntax: AlertSyntax) -> PlanAlert {
        let known = self.syntax.parameters.filter { $0.kind?.value != .secret }.map(\.name.value)
        for pair in syntax.parameters where !known.contains(pair.name.value) {
            self.report(.noParameterForLabel(pair.name.value, at: pair.name.span, known: known))
        }
        var labels = syntax.labels.map { PlanAlert.Pair(name: $0.name.value, value: $0.value.value) }
        if syntax.kind == .cron {
            if let zone = syntax.timezone, !self.loader.knowsZone(zone.value) {
                self.report(.unknownZone(zone.value, at: zone.span))
            }
            labels = [PlanAlert.Pair(name: PlanAlert.timezoneLabel, value: syntax.timezone?.value ?? "UTC")]
        }
        var alert = PlanAlert(
            kind: Self.kind(syntax.kind),
            name: syntax.name.value,
            labels: labels,
            parameters: syntax.parameters.map { PlanAlert.Pair(name: $0.name.value, value: $0.value.value) }
        )
        if syntax.kind == .cron {
            alert.catchUp = syntax.catchUp?.value == .once ? .once : .skip
        }
        alert.cooldown = syntax.cooldown?.value
        alert.limit = syntax.limit?.value.count
        alert.limitWindow = syntax.limit?.value.window
        return alert
    }

    private static func kind(_ kind: AlertSyntax.Kind) -> PlanAlert.Kind {
        switch kind {
        case .alert: .alert
        case .webhook: .webhook
        case .cron: .cron
        }
    }
}

extension Diagnostic {
    fileprivate static func unknownZone(_ name: String, at span: SourceSpan) -> Self {
        Self(
            code: Code(128),
            severity: .error,
            message: "there is no time zone '\(name)'",
            span: span,
            help:
                "name it as the system does, such as Europe/Berlin; 'ls /usr/share/zoneinfo' shows them (Debian has them in 'tzdata')"
        )
    }

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
