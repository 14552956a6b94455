// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunbookLanguage
import RunbookSource
import RunbookYAML
import TestSupport
import Testing

/// What is wrong with the shape of a text, in the order an author reads it.
func shapeProblems(in source: MarkedSource) -> [Diagnostic] {
    let document = YAMLDocument.parse(source.file, features: .runbook)
    let shape = document.root.map { RunbookParser.parse($0).diagnostics } ?? []
    return (document.diagnostics + shape).inSourceOrder()
}

/// Expects exactly one diagnostic, under the mark ❶, and a note, if there is one, under ❷.
func expectProblem(
    _ code: UInt16,
    _ message: String,
    help: String?,
    note: String? = nil,
    in marked: String,
    at location: Testing.SourceLocation = #_sourceLocation
) {
    let source = MarkedSource(marked)
    var expected = Diagnostic(
        code: Diagnostic.Code(code),
        severity: .error,
        message: message,
        span: source["❶"],
        notes: note.map { [Diagnostic.Note(message: $0, span: source["❷"])] } ?? [],
        help: help
    )
    let found = shapeProblems(in: source)
    let text = found.map { source.render($0) }.joined(separator: "\n")
    expected.slip = found.first?.slip
    #expect(found == [expected], "\(text)", sourceLocation: location)
}

/// A runbook of one step with these lines.
func runbook(withStep lines: String) -> String {
    let indented = lines.split(separator: "\n", omittingEmptySubsequences: false).map { "    \($0)" }
    return "runbook: mend\nsteps:\n  - id: look\n" + indented.joined(separator: "\n") + "\n"
}

/// A runbook that does nothing, with these lines at its top.
func runbook(withHead lines: String) -> String {
    "runbook: mend\n\(lines)\nsteps:\n  - id: done\n    finish: { outcome: succeeded }\n"
}
