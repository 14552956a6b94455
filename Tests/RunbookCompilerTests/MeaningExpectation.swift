// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunPlan
import RunbookCompiler
import RunbookLanguage
import RunbookSource
import RunbookYAML
import TestSupport
import Testing

/// The plan of a text and everything that is wrong with it, in the order an author reads it.
func compile(_ source: MarkedSource) -> (plan: Plan?, diagnostics: [Diagnostic]) {
    let document = YAMLDocument.parse(source.file, features: .runbook)
    guard let root = document.root else {
        return (nil, document.diagnostics)
    }
    let (syntax, shape) = RunbookParser.parse(root)
    guard let syntax else {
        return (nil, document.diagnostics + shape)
    }
    let (plan, meaning) = RunbookCompiler.compile(syntax, path: source.path)
    let all = Silences.apply(to: (document.diagnostics + shape + meaning).inSourceOrder(), in: document.file)
    return (all.hasErrors ? nil : plan, all)
}

/// The plan of a text with nothing wrong.
func plan(of text: String, at location: Testing.SourceLocation = #_sourceLocation) throws -> Plan {
    let source = MarkedSource(text)
    let (plan, diagnostics) = compile(source)
    #expect(
        diagnostics == [],
        "\(diagnostics.map { source.render($0) }.joined(separator: "\n"))",
        sourceLocation: location
    )
    return try #require(plan, sourceLocation: location)
}

/// Expects exactly one diagnostic, under the mark ❶, and a note, if there is one, under ❷.
func expectProblem(
    _ code: UInt16,
    _ message: String,
    help: String?,
    severity: Diagnostic.Severity = .error,
    note: String? = nil,
    in marked: String,
    at location: Testing.SourceLocation = #_sourceLocation
) {
    let source = MarkedSource(marked)
    let expected = Diagnostic(
        code: Diagnostic.Code(code),
        severity: severity,
        message: message,
        span: source["❶"],
        notes: note.map { [Diagnostic.Note(message: $0, span: source["❷"])] } ?? [],
        help: help
    )
    let (plan, found) = compile(source)
    let text = found.map { source.render($0) }.joined(separator: "\n")
    #expect(found == [expected], "\(text)", sourceLocation: location)
    #expect((plan == nil) == (severity == .error), sourceLocation: location)
}

/// Expects these codes, in order, under the marks ❶, ❷ and so on.
func expectProblems(
    _ codes: [UInt16],
    in marked: String,
    at location: Testing.SourceLocation = #_sourceLocation
) {
    let source = MarkedSource(marked)
    let found = compile(source).diagnostics
    let text = found.map { source.render($0) }.joined(separator: "\n")
    #expect(found.map(\.code.number) == codes, "\(text)", sourceLocation: location)
    let marks = "❶❷❸❹❺❻❼❽❾❿".prefix(codes.count)
    #expect(found.map(\.span) == marks.map { source[$0] }, "\(text)", sourceLocation: location)
}

/// A runbook over the selections `ensemble` and `brokers`, with these steps; a step `done` ends it.
func runbook(_ steps: String, head: String = "") -> String {
    """
    runbook: mend
    \(head.isEmpty ? "" : head + "\n")targets:
      ensemble: { role: zookeeper }
      brokers: { role: kafka_broker }
    steps:
    \(steps)
      - id: done
        finish: { outcome: succeeded }

    """
}
