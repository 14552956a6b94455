// Selfheal
// SPDX-License-Identifier: Apache-2.0

import CELExpressions
import RunPlan
import RunbookCompiler
import RunbookLanguage
import RunbookSource
import RunbookYAML

/// What is done with bytes that nobody has looked at: everything that a person's text goes through before it can be run.
///
/// It ends the program when something is not as it must be, which is how libFuzzer learns of it.
package enum Intake {
    /// The first byte says what the rest is taken for, so that one corpus and one coverage serve all three.
    package static func take(_ bytes: [UInt8]) {
        guard let kind = bytes.first else {
            return
        }
        switch kind {
        case UInt8(ascii: "$"): self.takeExpression(String(decoding: bytes.dropFirst(), as: UTF8.self))
        case UInt8(ascii: "%"): self.takeTemplate(String(decoding: bytes.dropFirst(), as: UTF8.self))
        default: self.takeRunbook(bytes)
        }
    }

    /// Reads a runbook, and shows every diagnostic in its place.
    static func takeRunbook(_ bytes: [UInt8]) {
        let document = YAMLDocument.parse(path: "fuzzed.yaml", bytes: bytes)
        let checked = CheckedRunbook(document)
        self.show(checked.diagnostics, of: checked.file)
        precondition(checked.plan == nil || !checked.diagnostics.hasErrors, "a plan came of a runbook with an error")
        precondition(checked.plan != nil || checked.diagnostics.hasErrors, "there is no plan, and nobody says why")
    }

    private static func show(_ diagnostics: [Diagnostic], of file: SourceFile) {
        for diagnostic in diagnostics {
            precondition(!diagnostic.message.isEmpty, "a diagnostic says nothing")
            for span in [diagnostic.span] + diagnostic.notes.compactMap(\.span) where span.path == file.path {
                precondition(span.end.offset <= file.utf8.count, "\(diagnostic.code) points behind the end of the file")
                precondition(span.start.line <= file.lineCount, "\(diagnostic.code) points at a line that is not there")
                _ = file.utf16Column(of: span.start)
            }
        }
        _ = DiagnosticRenderer(files: [file]).render(diagnostics)
    }

    /// Parses, checks and evaluates an expression.
    static func takeExpression(_ text: String) {
        let (expression, problems) = CELExpression.parse(text)
        self.check(problems, of: text)
        guard let expression else {
            precondition(!problems.isEmpty, "an expression is refused without a word")
            return
        }
        let (type, found) = expression.check(in: self.environment)
        self.check(found, of: text)
        _ = (type, expression.referencedPaths, expression.freeNames, expression.calls, expression.root.outline)
        if let value = try? expression.evaluate(self.activation, hostFunctions: HostFunctions.table, costLimit: 10_000)
        {
            _ = value.text
        }
    }

    private static func takeTemplate(_ text: String) {
        let (template, problems) = CELTemplate.parse(text)
        self.check(problems, of: text)
        guard let template else {
            return
        }
        self.check(template.check(in: self.environment), of: text)
        _ = try? template.evaluate(self.activation, hostFunctions: HostFunctions.table, costLimit: 10_000)
    }

    private static func check(_ problems: [CELProblem], of text: String) {
        for problem in problems {
            precondition(
                problem.range.upperBound <= text.utf8.count,
                "a problem lies behind the end: \(problem.message)"
            )
        }
    }

    private static let environment = CELEnvironment(
        variables: [
            "n": .int, "d": .double, "s": .string, "b": .bool, "list": .list(.int), "map": .map(.string, .int),
            "node": .record(ResultTypes.node), "nodes": .list(.record(ResultTypes.node)), "any": .dyn,
            "time": .timestamp, "span": .duration,
        ],
        functions: HostFunctions.declarations
    )

    private static let activation = CELActivation([
        "n": .int(7), "d": .double(0.5), "s": .string("a, b; ß"), "b": .bool(true),
        "list": .list([.int(3), .int(1), .int(2)]), "any": .null,
    ])
}
