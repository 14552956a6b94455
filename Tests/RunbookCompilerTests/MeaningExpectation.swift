// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunPlan
import RunbookCompiler
import RunbookLanguage
import RunbookSource
import TestSupport
import Testing

/// The plan of a text and everything that is wrong with it, in the order an author reads it.
func compile(_ source: MarkedSource) -> (plan: Plan?, diagnostics: [Diagnostic]) {
    let checked = CheckedRunbook(source.file, loader: .samples)
    return (checked.plan, checked.diagnostics)
}

extension RunbookLoader {
    private static func isBerlin(_ zone: String) -> Bool {
        zone == "Europe/Berlin"
    }

    /// The runbooks that others call in these tests and in the pages about diagnostics.
    static let samples = RunbookLoader(knowsZone: Self.isBerlin) { path in
        let texts = [
            "restart_one.yaml": "parameters: { broker: { type: string }, rest: { type: duration, default: 5s } }",
            "restart_brokers.yaml": "", "../common/restart_brokers.yaml": "",
            "with_secret.yaml": "parameters: { token: { type: secret } }",
        ]
        if let head = texts[path] {
            return SourceFile(path: path, text: "runbook: sample\n\(head)\nsteps: [{ id: rest, pause: 1s }]\n")
        }
        switch path {
        case "restart.yaml": return SourceFile(path: path, text: Self.calling("restart"))
        case "wrong.yaml":
            return SourceFile(path: path, text: "runbook: wrong\nsteps: [{ id: rest, pause: soon }]\n")
        case _ where path.hasPrefix("deep_"):
            let number = Int(path.dropFirst(5).dropLast(5)) ?? 0
            return SourceFile(path: path, text: Self.calling("deep_\(number + 1)"))
        default: return nil
        }
    }

    private static func calling(_ name: String) -> String {
        "runbook: caller\nsteps:\n  - id: go_on\n    call: { runbook: \(name) }\n"
    }
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
    var expected = Diagnostic(
        code: Diagnostic.Code(code),
        severity: severity,
        message: message,
        span: source["❶"],
        notes: note.map { [Diagnostic.Note(message: $0, span: source["❷"])] } ?? [],
        help: help
    )
    let (plan, found) = compile(source)
    let text = found.map { source.render($0) }.joined(separator: "\n")
    expected.slip = expectSlip(of: found.first, in: source, at: location)
    #expect(found == [expected], "\(text)", sourceLocation: location)
    #expect((plan == nil) == (severity == .error), sourceLocation: location)
}

/// Expects that what is suggested in words is there as a value too, and is about what is written.
///
/// - Returns: the slip that was found.
func expectSlip(
    of diagnostic: Diagnostic?,
    in source: MarkedSource,
    at location: Testing.SourceLocation
) -> Diagnostic.Slip? {
    guard let diagnostic, let help = diagnostic.help, help.hasPrefix("did you mean '"), help.hasSuffix("'?") else {
        #expect(diagnostic?.slip == nil, sourceLocation: location)
        return diagnostic?.slip
    }
    #expect(diagnostic.slip?.help == help, sourceLocation: location)
    let written = source.file.text(of: diagnostic.span)
    #expect(written.contains(diagnostic.slip?.written ?? "?"), "\(written)", sourceLocation: location)
    return diagnostic.slip
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
