// Selfheal
// SPDX-License-Identifier: Apache-2.0

package import CELExpressions
package import RunbookSource

/// Mistakes in the shape of a runbook that other files cannot have.
extension Diagnostic {
    package static func badDuration(_ text: String, at span: SourceSpan) -> Self {
        let isNumber = !text.isEmpty && text.unicodeScalars.allSatisfy { ("0"..."9").contains($0) }
        return Self(
            code: Code(105),
            severity: .error,
            message: isNumber ? "'\(text)' has no unit" : "'\(text)' is no duration",
            span: span,
            help: isNumber ? "write \(text)s, \(text)m or \(text)h" : "write 500ms, 30s, 5m, 2h, 1d or 1m30s"
        )
    }

    package static func secretSetting(_ name: String, at span: SourceSpan) -> Self {
        Self(
            code: Code(131),
            severity: .error,
            message: "the setting '\(name)' cannot be a secret",
            span: span,
            help: "settings are in the plan for all to see; make it a parameter, whose place is given with --param"
        )
    }

    package static func noInterval(_ key: String, at span: SourceSpan) -> Self {
        Self(
            code: Code(124),
            severity: .error,
            message: "'\(key)' must be longer than nothing",
            span: span,
            help: "write the pause between two looks, such as '\(key): 2s'"
        )
    }

    package static func badCount(_ text: String, for key: String, least: Int, at span: SourceSpan) -> Self {
        Self(
            code: Code(107),
            severity: .error,
            message: "'\(text)' is no number of targets",
            span: span,
            help: "write '\(key): \(max(least, 1))' or '\(key): 25%'"
        )
    }

    package static func badName(_ name: String, what: String, at span: SourceSpan) -> Self {
        Self(
            code: Code(108),
            severity: .error,
            message: "'\(name)' cannot name a \(what)",
            span: span,
            help: Naming.wordsOfExpressions.contains(name)
                ? "expressions read it as something else; choose another name"
                : "a name begins with a letter a-z and goes on with a-z, 0-9 and '_', at most 64 characters"
        )
    }

    package static func badRange(_ text: String, at span: SourceSpan) -> Self {
        Self(
            code: Code(109),
            severity: .error,
            message: "'\(text)' is no number of targets to expect",
            span: span,
            help: "write 3 or 1..3"
        )
    }

    package static func badRateLimit(_ text: String, at span: SourceSpan) -> Self {
        Self(
            code: Code(110),
            severity: .error,
            message: "'\(text)' is no limit",
            span: span,
            help: "write '2 per 24h'"
        )
    }

    package static func severalTriggers(at span: SourceSpan, first: SourceSpan) -> Self {
        Self(
            code: Code(125),
            severity: .error,
            message: "a trigger waits for one thing, and this waits for two",
            span: span,
            notes: [Note(message: "the first is here", span: first)],
            help: "make two triggers of it, each with a '-'; either of them starts the runbook"
        )
    }

    package static func notForThisTrigger(_ key: String, _ trigger: String, at span: SourceSpan) -> Self {
        let help =
            switch key {
            case "for" where trigger == "cron": "a time comes once, and does not hold"
            case "for": "whoever sends it has waited already: in Prometheus, 'for:' stands in the alert's rule"
            case "timezone", "catch_up": "it belongs to a time: 'cron: \"30 3 * * sun\"'"
            default: "a \(trigger == "cron" ? "time" : "condition") has no labels; they are an alert's or a webhook's"
            }
        return Self(
            code: Code(126),
            severity: .error,
            message: "'\(key)' says nothing about a trigger with '\(trigger)'",
            span: span,
            help: help
        )
    }

    package static func noSteps(in what: String, at span: SourceSpan) -> Self {
        Self(
            code: Code(111),
            severity: .error,
            message: "\(what) has no steps",
            span: span,
            help: "list what is done: '- id: look' and a verb such as 'probe:'"
        )
    }

    package static func noVerb(in what: String, keys: [String], verbs: [String], at span: SourceSpan) -> Self {
        var diagnostic = Self(
            code: Code(112),
            severity: .error,
            message: "\(what) does nothing",
            span: span,
            help: "give it one of \(verbs.joined(separator: ", "))"
        )
        if let slip = keys.lazy.compactMap({ DidYouMean.slip(for: $0, among: verbs) }).first {
            diagnostic.slip = slip
            diagnostic.help = "did you mean '\(slip.meant)' instead of '\(slip.written)'?"
        }
        return diagnostic
    }

    package static func severalVerbs(
        _ first: String,
        _ second: String,
        in what: String,
        at span: SourceSpan,
        first firstSpan: SourceSpan
    ) -> Self {
        Self(
            code: Code(113),
            severity: .error,
            message: "\(what) has two verbs: '\(first)' and '\(second)'",
            span: span,
            notes: [Note(message: "the first is here", span: firstSpan)],
            help: "make two steps of it"
        )
    }

    package static func noCommand(at span: SourceSpan) -> Self {
        Self(
            code: Code(115),
            severity: .error,
            message: "'run' has nothing to run",
            span: span,
            help: "give it 'service:' with 'do:', or 'command: [word, word]', or 'script: |'"
        )
    }

    package static func severalCommands(at span: SourceSpan, first: SourceSpan) -> Self {
        Self(
            code: Code(116),
            severity: .error,
            message: "'run' has more than one thing to run",
            span: span,
            notes: [Note(message: "the first is here", span: first)],
            help: "make two steps of it"
        )
    }

    package static func noProbe(in what: String, probes: [String], at span: SourceSpan) -> Self {
        Self(
            code: Code(117),
            severity: .error,
            message: "\(what) does not say what to look at",
            span: span,
            help: "give it one of \(probes.joined(separator: ", "))"
        )
    }

    package static func severalProbes(in what: String, at span: SourceSpan, first: SourceSpan) -> Self {
        Self(
            code: Code(121),
            severity: .error,
            message: "\(what) looks at two things",
            span: span,
            notes: [Note(message: "the first is here", span: first)],
            help: "make two steps of it"
        )
    }

    package static func noProperty(_ keys: [String], _ kinds: [String], at span: SourceSpan) -> Self {
        let near = keys.compactMap { DidYouMean.help(for: $0, among: kinds) }.first
        return Self(
            code: Code(118),
            severity: .error,
            message: "this is no property",
            span: span,
            help: near ?? "it is one of \(kinds.joined(separator: ", "))"
        )
    }

    package static func severalProperties(at span: SourceSpan, first: SourceSpan) -> Self {
        Self(
            code: Code(119),
            severity: .error,
            message: "a property says one thing, and this says two",
            span: span,
            notes: [Note(message: "the first is here", span: first)],
            help: "make two properties of it, each with a '-'"
        )
    }

    /// `otherwise` or `if_unknown` is there already.
    package static func secondAnswer(_ key: String, at span: SourceSpan, first: SourceSpan) -> Self {
        Self(
            code: Code(120),
            severity: .error,
            message: "'choose' has two '\(key)'",
            span: span,
            notes: [Note(message: "the first leads here", span: first)],
            help: "take one of them out"
        )
    }

    package static func badJoin(_ text: String, at span: SourceSpan) -> Self {
        Self(
            code: Code(122),
            severity: .error,
            message: "'\(text)' does not say how many branches must succeed",
            span: span,
            help: "write 'join: all', 'join: any' or a number such as 'join: 2'"
        )
    }

    package static func badStatus(_ text: String, at span: SourceSpan) -> Self {
        Self(
            code: Code(123),
            severity: .error,
            message: "'\(text)' is no status of HTTP",
            span: span,
            help: "write 200, 200..299 or a list of them"
        )
    }

    /// A problem inside an expression: of its text, its names or its types.
    package static func badExpression(_ problem: CELProblem, at span: SourceSpan) -> Self {
        let number: UInt16 =
            switch problem.kind {
            case .syntax: 301
            case .limit: 302
            case .unknownName: 303
            case .unknownField: 304
            case .unknownFunction: 305
            case .wrongArguments: 306
            case .wrongType: 307
            case .template: 308
            case .pattern: 309
            }
        let isUnfinished = problem.kind == .syntax && problem.help == nil
        return Self(
            code: Code(number),
            severity: .error,
            message: problem.message,
            span: span,
            help: problem.help ?? (isUnfinished ? "write what is missing, or take the last operator out" : nil),
            slip: problem.slip.map { Slip(written: $0.written, meant: $0.meant) }
        )
    }
}
