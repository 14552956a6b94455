// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunVocabulary
package import RunbookSource
package import RunbookYAML

/// Mistakes in a scenario, and rehearsals that cannot be carried to an end.
extension Diagnostic {
    package static func scenarioShape(_ what: String, needed: String, found node: YAMLNode) -> Self {
        Self(
            code: Code(600),
            severity: .error,
            message: "\(what) needs \(needed), and this is \(node.kindName)",
            span: node.span
        )
    }

    package static func scenarioUnknownKey(_ key: String, in what: String, at span: SourceSpan, known: [String]) -> Self
    {
        Self(
            code: Code(601),
            severity: .error,
            message: "\(what) has no key '\(key)'",
            span: span,
            help: "it knows \(Set(known).sorted().map { "'\($0)'" }.joined(separator: ", "))",
            slip: DidYouMean.slip(for: key, among: known)
        )
    }

    package static func scenarioMissing(_ key: String, in what: String, at span: SourceSpan, help: String?) -> Self {
        Self(code: Code(602), severity: .error, message: "\(what) needs '\(key)'", span: span, help: help)
    }

    static func scenarioUnknownWord(_ word: String, for key: String, at span: SourceSpan, known: [String]) -> Self {
        Self(
            code: Code(603),
            severity: .error,
            message: "'\(word)' is no value of '\(key)'",
            span: span,
            help: "it is one of \(known.joined(separator: ", "))",
            slip: DidYouMean.slip(for: word, among: known)
        )
    }

    static func scenarioDuration(_ text: String, at span: SourceSpan) -> Self {
        let isNumber = !text.isEmpty && text.utf8.allSatisfy { (0x30...0x39).contains($0) }
        return Self(
            code: Code(604),
            severity: .error,
            message: isNumber ? "'\(text)' has no unit" : "'\(text)' is no duration",
            span: span,
            help: isNumber ? "write \(text)s, \(text)m or \(text)h" : "write 500ms, 30s, 5m, 2h, 1d or 1m30s"
        )
    }

    static func scenarioOutOfRange<Value: Comparable>(
        _ key: String,
        _ value: Value,
        _ range: ClosedRange<Value>,
        at span: SourceSpan
    ) -> Self {
        Self(
            code: Code(605),
            severity: .error,
            message: "'\(key)' cannot be \(value)",
            span: span,
            help: "it is \(range.lowerBound) to \(range.upperBound)"
        )
    }

    static func scenarioReversed(
        _ key: String,
        _ least: Milliseconds,
        _ most: Milliseconds,
        at span: SourceSpan
    ) -> Self {
        Self(
            code: Code(606),
            severity: .error,
            message: "'\(key)' takes at least \(least) and at most \(most), which no length does",
            span: span,
            help: "exchange 'min' and 'max'"
        )
    }

    package static func scenarioUnknownNode(_ name: String, at span: SourceSpan, known: [String]) -> Self {
        Self(
            code: Code(607),
            severity: .error,
            message: "the scenario's cluster has no node '\(name)'",
            span: span,
            help: "it has \(known.joined(separator: ", "))",
            slip: DidYouMean.slip(for: name, among: known)
        )
    }

    static func scenarioDuplicateNode(_ name: String, at span: SourceSpan) -> Self {
        Self(
            code: Code(608),
            severity: .error,
            message: "node '\(name)' stands for two servers",
            span: span,
            help: "in a rehearsal each server has a node of its own; give one of them another name"
        )
    }

    static func scenarioFault(_ found: [String], at span: SourceSpan, known: [String]) -> Self {
        Self(
            code: Code(609),
            severity: .error,
            message: found.isEmpty
                ? "the timeline's entry does not say what happens"
                : "the timeline's entry says both '\(found[0])' and '\(found[1])'",
            span: span,
            help: found.isEmpty
                ? "write one of \(known.joined(separator: ", ")) with the node" : "make two entries of it"
        )
    }

    static func scenarioEmptyCluster(at span: SourceSpan) -> Self {
        Self(
            code: Code(614),
            severity: .error,
            message: "the scenario's cluster has no node",
            span: span,
            help: "write zookeeper: 3, or brokers: 6, or both"
        )
    }

    static func scenarioContradiction(_ what: String, at span: SourceSpan, help: String) -> Self {
        Self(
            code: Code(700),
            severity: .error,
            message: "the world contradicts itself: \(what)",
            span: span,
            help: help
        )
    }

    static func scenarioTooLate(_ moment: Milliseconds, _ until: Milliseconds, at span: SourceSpan) -> Self {
        Self(
            code: Code(701),
            severity: .warning,
            message: "this would happen at \(moment), and the rehearsal is given up at \(until)",
            span: span,
            help: "let it happen sooner, or raise 'until'"
        )
    }

    static func scenarioIdleWatch(at span: SourceSpan) -> Self {
        Self(
            code: Code(702),
            severity: .warning,
            message: "'start' says when the run starts, so the watch starts nothing",
            span: span,
            help: "leave 'start' out, so that a trigger starts the run within the guard rails, or leave 'watch' out"
        )
    }

    static func scenarioAnswer(_ found: [String], at span: SourceSpan) -> Self {
        Self(
            code: Code(617),
            severity: .error,
            message: found.isEmpty
                ? "the answer does not say which question it is given to"
                : "the answer is given to both '\(found[0])' and '\(found[1])'",
            span: span,
            help: found.isEmpty
                ? "write ssh: PROGRAM, http: /PATH, prometheus: QUERY, kafka: { lag_seconds: 90 } or another kind of probe"
                : "make two entries of it"
        )
    }

    // MARK: Rehearsals

    static func rehearsalDoesNotEnd(
        _ runbook: String,
        after limit: Milliseconds,
        waitsFor: [String],
        at span: SourceSpan
    ) -> Self {
        Self(
            code: Code(610),
            severity: .error,
            message: "the run of '\(runbook)' has not ended after \(limit)",
            span: span,
            notes: waitsFor.map { Note(message: "it waits for \($0)") },
            help: "let the scenario bring what the run waits for, or raise its 'until'"
        )
    }

    static func noTrigger(_ runbook: String, at span: SourceSpan) -> Self {
        Self(
            code: Code(611),
            severity: .error,
            message: "runbook '\(runbook)' has no trigger to start it",
            span: span,
            help: "write start: { at: 0s }, or give the runbook a trigger"
        )
    }

    static func triggerDidNotFire(
        _ runbook: String,
        within limit: Milliseconds,
        why: String,
        at span: SourceSpan
    ) -> Self {
        Self(
            code: Code(612),
            severity: .error,
            message: "no trigger of '\(runbook)' fired within \(limit)",
            span: span,
            notes: [Note(message: why)],
            help: "compare the timeline's faults with the trigger's condition and 'for', or write start: { at: 0s }"
        )
    }

    static func rehearsalParameter(_ problem: String, at span: SourceSpan, help: String?) -> Self {
        Self(code: Code(613), severity: .error, message: problem, span: span, help: help)
    }

    static func rehearsalRunsAway(_ runbook: String, events: Int, at span: SourceSpan) -> Self {
        Self(
            code: Code(615),
            severity: .error,
            message: "the rehearsal of '\(runbook)' was given up after \(events) events",
            span: span,
            help: "look for a wait with a very short 'every', or shorten the scenario's 'until'"
        )
    }

    static func answerToNothing(_ question: String, _ runbook: String, at span: SourceSpan, asked: [String]) -> Self {
        let none = "its probes ask nothing that a scenario could answer"
        let help = asked.isEmpty ? none : "it asks \(asked.joined(separator: ", "))"
        return Self(
            code: Code(618),
            severity: .warning,
            message: "no step of '\(runbook)' asks what '\(question)' answers",
            span: span,
            help: help,
            slip: DidYouMean.slip(for: question, among: asked)
        )
    }

    static func mishapOfNoStep(_ step: String, _ runbook: String, at span: SourceSpan, known: [String]) -> Self {
        Self(
            code: Code(630),
            severity: .warning,
            message: "runbook '\(runbook)' has no step '\(step)' whose commands could go wrong",
            span: span,
            help: DidYouMean.help(for: step, among: known) ?? "it has \(known.joined(separator: ", "))"
        )
    }

    static func selectionWithoutNodes(_ selection: String, _ runbook: String, at span: SourceSpan) -> Self {
        Self(
            code: Code(616),
            severity: .warning,
            message: "selection '\(selection)' of '\(runbook)' has no node in this scenario",
            span: span,
            help: "a step with that target is refused; add nodes of its role to 'cluster'"
        )
    }
}
