// Selfheal
// SPDX-License-Identifier: Apache-2.0

import CELExpressions
import RunVocabulary
import RunbookSource
import RunbookYAML

/// What only a runbook has: durations, shares of targets, expressions and templates.
extension MappingReader {
    /// A duration that is wrong is reported and read as a second, so that nobody takes it for missing.
    mutating func duration(_ key: String) -> Spanned<Milliseconds>? {
        guard let node = self.take(key) else {
            return nil
        }
        guard let text = self.text(node, key) else {
            return Spanned(.seconds(1), at: node.span)
        }
        guard let duration = Milliseconds(text: text.value) else {
            self.sink.report(.badDuration(text.value, at: text.span))
            return Spanned(.seconds(1), at: text.span)
        }
        return Spanned(duration, at: text.span)
    }

    /// The time between two looks: with none, a condition would be asked for without rest.
    mutating func interval(_ key: String) -> Spanned<Milliseconds>? {
        guard let duration = self.duration(key) else {
            return nil
        }
        guard duration.value > .zero else {
            self.sink.report(.noInterval(key, at: duration.span))
            return nil
        }
        return duration
    }

    /// `3` or `25%`.
    mutating func count(_ key: String, least: Int) -> Spanned<CountSyntax>? {
        self.text(key).flatMap { self.count($0, key, least: least) }
    }

    mutating func counts(_ key: String, least: Int) -> [Spanned<CountSyntax>] {
        (self.texts(key) ?? []).compactMap { self.count($0, key, least: least) }
    }

    private func count(_ text: Spanned<String>, _ key: String, least: Int) -> Spanned<CountSyntax>? {
        if let number = Int(text.value), number >= least, number <= 100_000 {
            return Spanned(.number(number), at: text.span)
        }
        if text.value.hasSuffix("%"), let percent = Int(text.value.dropLast()), (least...100).contains(percent) {
            return Spanned(.percent(percent), at: text.span)
        }
        self.sink.report(.badCount(text.value, for: key, least: least, at: text.span))
        return nil
    }

    mutating func expression(_ key: String) -> ExpressionSyntax? {
        self.take(key).flatMap { self.expression($0, key) }
    }

    mutating func requiredExpression(_ key: String, because help: String? = nil) -> ExpressionSyntax? {
        self.require(key, because: help).flatMap { self.expression($0, key) }
    }

    func expression(_ node: YAMLNode, _ key: String) -> ExpressionSyntax? {
        guard let scalar = node.scalar, !node.isNull else {
            let help = "in YAML, quote an expression that begins with a bracket, a brace or '!'"
            self.sink.report(.wrongShape("'\(key)'", needed: "an expression", found: node, help: help))
            return nil
        }
        let (cel, problems) = self.sink.parseExpression(scalar.text)
        for problem in problems {
            self.sink.report(.badExpression(problem, at: scalar.span(ofUTF8Range: problem.range)))
        }
        return ExpressionSyntax(scalar: scalar, cel: cel)
    }

    mutating func template(_ key: String) -> TemplateSyntax? {
        self.take(key).flatMap { self.template($0, key) }
    }

    func template(_ node: YAMLNode, _ key: String) -> TemplateSyntax? {
        guard let scalar = node.scalar, !node.isNull else {
            self.sink.report(.wrongShape("'\(key)'", needed: "text", found: node, help: nil))
            return nil
        }
        let (cel, problems) = self.sink.parseTemplate(scalar.text)
        for problem in problems {
            self.sink.report(.badExpression(problem, at: scalar.span(ofUTF8Range: problem.range)))
        }
        return TemplateSyntax(scalar: scalar, cel: cel)
    }

    /// A list of texts; a single one is a list of one.
    mutating func someTemplates(_ key: String) -> [TemplateSyntax]? {
        self.take(key).map { node in
            (node.sequence ?? [node]).compactMap { self.template($0, key) }
        }
    }

    mutating func templates(_ key: String) -> [TemplateSyntax]? {
        guard let node = self.take(key) else {
            return nil
        }
        guard case .sequence(let elements) = node.kind else {
            let help = "write [systemctl, restart, kafka]: every element arrives as it is, and no shell reads it"
            self.sink.report(.wrongShape("'\(key)'", needed: "a list of words", found: node, help: help))
            return nil
        }
        return elements.compactMap { self.template($0, key) }
    }
}
