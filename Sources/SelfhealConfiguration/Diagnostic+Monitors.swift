// Selfheal
// SPDX-License-Identifier: Apache-2.0

package import RunbookSource

/// What is wrong with `monitors:`, and with the names in maintenance windows.
extension Diagnostic {
    package static func methodForNoNode(_ method: String, _ needs: String, at span: SourceSpan) -> Self {
        Self(
            code: Code(570),
            severity: .warning,
            message: "no node can be watched by '\(method)' as it is described",
            span: span,
            help: "\(needs); nothing is done with the word"
        )
    }

    package static func monitorOfNoPort(
        _ port: String,
        _ node: String,
        known: [String],
        at span: SourceSpan
    ) -> Self {
        let ports = known.isEmpty ? "none" : known.joined(separator: ", ")
        return Self(
            code: Code(571),
            severity: .error,
            message: "'\(node)' has no port '\(port)'",
            span: span,
            help:
                "its ports are: \(ports); add it under 'ports:', give its number, or say for which 'roles' the monitor is"
        )
    }

    package static func monitorWithoutCondition(_ method: String, at span: SourceSpan) -> Self {
        Self(
            code: Code(572),
            severity: .error,
            message: "what '\(method)' answers says by itself nothing of the node's health",
            span: span,
            help: "say what must hold: healthy: \"result.value > 0.0\""
        )
    }

    package static func duplicateMonitor(
        _ name: String,
        _ node: String,
        at span: SourceSpan,
        first: SourceSpan
    ) -> Self {
        Self(
            code: Code(573),
            severity: .error,
            message: "'\(node)' has two monitors called '\(name)'",
            span: span,
            notes: [Note(message: "the other one is here", span: first)],
            help: "the log and the metrics could not tell them apart; give one a 'name'"
        )
    }

    package static func unknownWindowZone(_ name: String, at span: SourceSpan) -> Self {
        Self(
            code: Code(575),
            severity: .error,
            message: "there is no time zone '\(name)'",
            span: span,
            help: "name it as the system does, such as Europe/Berlin; 'ls /usr/share/zoneinfo' shows them"
        )
    }

    package static func unwatchedWindowRunbook(_ name: String, known: [String], at span: SourceSpan) -> Self {
        let watched = known.isEmpty ? "none" : known.joined(separator: ", ")
        return Self(
            code: Code(576),
            severity: .error,
            message: "the window holds back '\(name)', and no watched runbook is called so",
            span: span,
            help: "under 'watch: { runbooks: … }' there are: \(watched)"
        )
    }

    package static func monitorOfNoRole(_ role: String, known: [String], at span: SourceSpan) -> Self {
        Self(
            code: Code(574),
            severity: .error,
            message: "no node has the role '\(role)'",
            span: span,
            help: "there are: \(known.joined(separator: ", "))"
        )
    }
}
