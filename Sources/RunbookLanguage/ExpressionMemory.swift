// Selfheal
// SPDX-License-Identifier: Apache-2.0

import CELExpressions
import RunbookYAML

/// Remembers the expressions and templates of a file by their texts.
///
/// A long runbook says `targets: brokers` a thousand times: what is written the same is parsed once, and shared.
final class ExpressionMemory {
    private var expressions: [String: CELExpression] = [:]
    private var templates: [String: CELTemplate] = [:]

    /// No more than these are kept, and none that is longer: a text that long is not written twice.
    private static let limit = 4_096
    private static let longest = 256

    func expression(_ text: String) -> (CELExpression?, [CELProblem]) {
        guard text.utf8.count <= Self.longest else {
            return CELExpression.parse(text)
        }
        if let known = self.expressions[text] {
            return (known, [])
        }
        let (expression, problems) = CELExpression.parse(text)
        if let expression, self.expressions.count < Self.limit {
            self.expressions[text] = expression
        }
        return (expression, problems)
    }

    func template(_ text: String) -> (CELTemplate?, [CELProblem]) {
        guard text.utf8.count <= Self.longest else {
            return CELTemplate.parse(text)
        }
        if let known = self.templates[text] {
            return (known, [])
        }
        let (template, problems) = CELTemplate.parse(text)
        if let template, self.templates.count < Self.limit {
            self.templates[text] = template
        }
        return (template, problems)
    }
}

extension DiagnosticSink {
    /// Parses an expression, or finds it among those that were parsed.
    func parseExpression(_ text: String) -> (CELExpression?, [CELProblem]) {
        (self.memory as? ExpressionMemory)?.expression(text) ?? CELExpression.parse(text)
    }

    func parseTemplate(_ text: String) -> (CELTemplate?, [CELProblem]) {
        (self.memory as? ExpressionMemory)?.template(text) ?? CELTemplate.parse(text)
    }
}
