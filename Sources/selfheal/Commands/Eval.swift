// Selfheal
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import CELExpressions
import Glibc
import RunVocabulary
import RunbookLanguage
import RunbookSource
import RunbookYAML

struct Eval: ParsableCommand {
    enum Format: String, ExpressibleByArgument, CaseIterable {
        case text
        case json
    }

    static let configuration = CommandConfiguration(
        abstract: "Work out an expression, and print its value and its type.",
        discussion: """
            The expression is that of runbooks, without their names: only what the bindings name is there. Exit status: 0 when there \
            is a value, 1 when there is a mistake.
            """
    )

    @Argument(help: "The expression.")
    var expression: String

    @Option(help: "A YAML or JSON file that gives names their values, plain or as {type, value}.")
    var bindings: String?

    @Option(help: "How the value is printed.")
    var format = Format.text

    func run() throws {
        switch self.answer() {
        case .success(let answer):
            switch self.format {
            case .text: Terminal.output("\(answer.value.cel)\n\(answer.type)")
            case .json: Terminal.output(CELExchange.json(answer.value).prettyText)
            }
        case .failure(let refusal):
            switch self.format {
            case .text:
                let renderer = DiagnosticRenderer(
                    files: refusal.files,
                    usesColour: Terminal.usesColour(on: STDERR_FILENO)
                )
                Terminal.say(renderer.render(refusal.diagnostics))
            case .json: Terminal.output(JSON.array(refusal.diagnostics.map(\.json)).prettyText)
            }
            throw ExitCode.answerIsNo
        }
    }

    private struct Answer {
        let value: CELValue
        let type: CELType
    }

    private struct Refusal: Error {
        let files: [SourceFile]
        let diagnostics: [Diagnostic]
    }

    private func answer() -> Result<Answer, Refusal> {
        var activation = CELActivation()
        var environment = CELEnvironment()
        if let path = self.bindings {
            switch self.read(path) {
            case .success(let bound):
                for binding in bound {
                    activation[binding.name] = binding.value
                    environment.variables[binding.name] = binding.value.plainType
                }
            case .failure(let refusal): return .failure(refusal)
            }
        }
        let file = SourceFile(path: "expression", text: self.expression)
        func refuse(_ problems: [CELProblem]) -> Result<Answer, Refusal> {
            let diagnostics = problems.map { Diagnostic.badExpression($0, at: file.span(utf8Range: $0.range)) }
            return .failure(Refusal(files: [file], diagnostics: diagnostics))
        }
        let (parsed, problems) = CELExpression.parse(self.expression)
        guard let parsed else {
            return refuse(problems)
        }
        let (type, mistakes) = parsed.check(in: environment)
        guard mistakes.isEmpty else {
            return refuse(mistakes)
        }
        do {
            return .success(Answer(value: try parsed.evaluate(activation), type: type))
        } catch {
            let span = file.span(utf8Range: error.range ?? 0..<file.utf8.count)
            return .failure(Refusal(files: [file], diagnostics: [.noValue(error, at: span)]))
        }
    }

    private func read(_ path: String) -> Result<[(name: String, value: CELValue)], Refusal> {
        let bytes: [UInt8]
        switch TextFile.read(path) {
        case .success(let content): bytes = content
        case .failure(let problem):
            let refusal = Refusal(files: [], diagnostics: [.unreadableFile(path, problem.reason)])
            return .failure(refusal)
        }
        let document = YAMLDocument.parse(path: path, bytes: bytes)
        guard let root = document.root, document.isUsable else {
            return .failure(Refusal(files: [document.file], diagnostics: document.diagnostics))
        }
        do throws(CELExchange.Mistake) {
            return .success(try CELExchange.bindings(root))
        } catch {
            let diagnostic = Diagnostic.badBinding(error.message, at: error.span)
            return .failure(Refusal(files: [document.file], diagnostics: [diagnostic]))
        }
    }
}

extension CELValue {
    /// The type of a value that was handed in: what is in lists and maps may be anything.
    fileprivate var plainType: CELType {
        switch self {
        case .null: .null
        case .bool: .bool
        case .int, .interval: .int
        case .uint: .uint
        case .double: .double
        case .string: .string
        case .bytes: .bytes
        case .timestamp: .timestamp
        case .duration: .duration
        case .list, .partialList: .list(.dyn)
        case .map: .map(.dyn, .dyn)
        case .type: .type
        case .optional: .optional(.dyn)
        case .record, .unknown: .dyn
        }
    }
}

extension Diagnostic {
    /// The expression is right, and yet there is no value for these names.
    fileprivate static func noValue(_ error: CELEvaluationError, at span: SourceSpan) -> Self {
        Self(code: Code(310), severity: .error, message: error.message, span: span, help: error.help)
    }

    fileprivate static func badBinding(_ message: String, at span: SourceSpan) -> Self {
        Self(
            code: Code(311),
            severity: .error,
            message: message,
            span: span,
            help: "write a plain value, or { type: int, value: \"1\" }"
        )
    }
}
