// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunVocabulary
package import RunbookSource

/// Mistakes in a file of tests; those of its scenarios are the scenario's.
extension Diagnostic {
    package static func untestableRunbook(_ path: String, _ reason: String, at span: SourceSpan) -> Self {
        Self(
            code: Code(640),
            severity: .error,
            message: "'\(path)' cannot be tested: \(reason)",
            span: span,
            help: "'tests' names the runbook's file, counted from the folder of this one"
        )
    }

    static func testUnknownName(
        _ what: String,
        _ name: String,
        _ runbook: String,
        at span: SourceSpan,
        known: [String]
    ) -> Self {
        Self(
            code: Code(641),
            severity: .error,
            message: "runbook '\(runbook)' has no \(what) '\(name)'",
            span: span,
            help: DidYouMean.help(for: name, among: known)
                ?? (known.isEmpty ? "it has none at all" : "it has \(known.joined(separator: ", "))")
        )
    }

    static func testDuplicateCase(_ name: String, at span: SourceSpan, first: SourceSpan) -> Self {
        Self(
            code: Code(642),
            severity: .error,
            message: "case '\(name)' is there twice",
            span: span,
            notes: [Note(message: "first written here", span: first)],
            help: "give one of them another name; reports tell cases by their names"
        )
    }

    static func testExpectsNothing(_ name: String, at span: SourceSpan) -> Self {
        Self(
            code: Code(643),
            severity: .error,
            message: "case '\(name)' expects nothing, so it could not fail",
            span: span,
            help: "write expect: { outcome: succeeded }, and more"
        )
    }

    static func testUnknownExit(_ exit: String, of step: String, at span: SourceSpan, known: [String]) -> Self {
        Self(
            code: Code(644),
            severity: .error,
            message: "step '\(step)' is not left by '\(exit)'",
            span: span,
            help: DidYouMean.help(for: exit, among: known) ?? "it is left by \(known.joined(separator: ", "))"
        )
    }

    static func testExcuseOfWalked(_ exit: String, of step: String, by name: String, at span: SourceSpan) -> Self {
        Self(
            code: Code(645),
            severity: .warning,
            message: "'\(step)' is left by '\(exit)' in case '\(name)', so it can be walked",
            span: span,
            help: "take it out of 'cannot_be_walked'"
        )
    }

    static func testImpossibleTime(_ after: Milliseconds, _ within: Milliseconds, at span: SourceSpan) -> Self {
        Self(
            code: Code(646),
            severity: .error,
            message: "no run ends after \(after) and within \(within)",
            span: span,
            help: "exchange 'ends_after' and 'ends_within'"
        )
    }

    static func testTooMany(_ what: String, limit: Int, at span: SourceSpan) -> Self {
        Self(
            code: Code(647),
            severity: .error,
            message: "there are more than \(limit) \(what)",
            span: span,
            help: "divide them among several files"
        )
    }
}
