// Selfheal
// SPDX-License-Identifier: Apache-2.0

import CELExpressions
import RunVocabulary
import RunbookSource
import RunbookYAML

/// Verbs and keys that hold other steps: `parallel`, `call`, `undo`, `on_failure`.
extension RunbookParser {
    func parallel(_ reader: inout MappingReader) -> ParallelSyntax {
        let join = reader.text("join").flatMap(self.join)
        let help = "name the branches, each with a list of steps: 'branches: { north: [...], south: [...] }'"
        guard reader.require("branches", because: help) != nil else {
            return ParallelSyntax(branches: [], join: join)
        }
        let pairs = reader.named("branches", "a mapping of names to lists of steps") ?? []
        let branches = pairs.map { name, node in
            self.checkName(name, what: "branch")
            let steps = self.steps(node, of: "branch '\(name.value)'", under: name.value)
            return ParallelSyntax.Branch(name: name, steps: steps)
        }
        return ParallelSyntax(branches: branches, join: join)
    }

    /// `all`, `any` or a number.
    private func join(_ text: Spanned<String>) -> Spanned<ParallelSyntax.Join>? {
        switch text.value {
        case "all": return Spanned(.all, at: text.span)
        case "any": return Spanned(.any, at: text.span)
        default:
            guard let number = Int(text.value), number > 0 else {
                self.sink.report(.badJoin(text.value, at: text.span))
                return nil
            }
            return Spanned(.number(number), at: text.span)
        }
    }

    func call(_ reader: inout MappingReader) -> CallSyntax {
        let help = "name it, or the file it is in: 'runbook: restart_brokers' or 'runbook: ./restart_brokers.yaml'"
        let runbook = reader.requiredText("runbook", because: help)
        let pairs = reader.named("with", "a mapping of the runbook's parameters to expressions") ?? []
        let arguments = pairs.map { name, node in
            CallSyntax.Argument(name: name, value: self.argument(node, name.value, reader))
        }
        return CallSyntax(runbook: runbook, arguments: arguments)
    }

    /// An expression; a duration may be written as such.
    private func argument(_ node: YAMLNode, _ name: String, _ reader: MappingReader) -> ExpressionSyntax? {
        guard let scalar = node.scalar, let length = Milliseconds(text: scalar.text) else {
            return reader.expression(node, name)
        }
        return ExpressionSyntax(scalar: scalar, cel: CELExpression.parse("duration('\(length.count)ms')").0)
    }

    /// What undoes a step: an act without a name of its own.
    func undo(_ node: YAMLNode, of name: Spanned<String>?) -> StepSyntax? {
        let what = name.map { "the undo of '\($0.value)'" } ?? "'undo'"
        let help = "say what undoes it: 'undo: { run: { service: kafka, do: start } }'"
        guard var reader = MappingReader(node, what: what, sink: self.sink, help: help) else {
            return nil
        }
        let verb = self.verb(&reader, among: Self.undoingVerbs)
        let keys = self.commonKeys(from: &reader)
        reader.finish(reportingUnknownKeys: verb != nil)
        return StepSyntax(
            name: name ?? Spanned("", at: node.span),
            span: node.span,
            verb: verb,
            keys: keys,
            own: StepSyntax.OwnKeys()
        )
    }

    func onFailure(_ node: YAMLNode) -> FailureSyntax? {
        guard case .mapping = node.kind else {
            return FailureSyntax(undoes: false, steps: self.steps(node, of: "'on_failure'", under: "on_failure"))
        }
        guard var reader = MappingReader(node, what: "'on_failure'", sink: self.sink) else {
            return nil
        }
        defer { reader.finish() }
        let undoes = reader.bool("undo")?.value ?? false
        let steps = reader.take("steps").map { self.steps($0, of: "'on_failure'", under: "steps") }
        if !undoes, steps == nil {
            _ = reader.require("steps", because: "list what is done when the run fails")
        }
        return FailureSyntax(undoes: undoes, steps: steps)
    }
}
