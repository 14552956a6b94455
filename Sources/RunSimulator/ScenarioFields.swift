// Selfheal
// SPDX-License-Identifier: Apache-2.0

package import RunVocabulary
package import RunbookSource
package import RunbookYAML

/// Collects what is wrong with a scenario while it is read.
package final class ScenarioMistakes {
    package private(set) var diagnostics: [Diagnostic] = []

    package init() {}

    package func report(_ diagnostic: Diagnostic) {
        self.diagnostics.append(diagnostic)
    }
}

/// Takes the values of one mapping of a scenario by key, and says at the end which keys nobody knew.
package struct ScenarioFields {
    package let what: String
    package let span: SourceSpan
    private let pairs: [YAMLPair]
    private let mistakes: ScenarioMistakes
    private var known: [String] = []

    /// Nothing, and a diagnostic, when the node is no mapping; a value left out is an empty one.
    package init?(_ node: YAMLNode, what: String, _ mistakes: ScenarioMistakes) {
        self.what = what
        self.span = node.span
        self.mistakes = mistakes
        switch node.kind {
        case .mapping(let pairs): self.pairs = pairs
        case .scalar where node.isNull: self.pairs = []
        case .scalar, .sequence:
            mistakes.report(.scenarioShape(what, needed: "a mapping of keys to values", found: node))
            return nil
        }
    }

    package mutating func take(_ key: String) -> YAMLNode? {
        self.pair(key)?.value
    }

    package mutating func pair(_ key: String) -> YAMLPair? {
        self.known.append(key)
        return self.pairs.first { $0.key.text == key }
    }

    package mutating func require(_ key: String, because help: String? = nil) -> YAMLNode? {
        guard let node = self.take(key) else {
            if !self.isMisspelt(key) {
                self.mistakes.report(.scenarioMissing(key, in: self.what, at: self.span, help: help))
            }
            return nil
        }
        return node
    }

    /// Whether a key that nobody knows was probably meant for this one, which is said of it by `finish`: one mistake, one message.
    package func isMisspelt(_ key: String) -> Bool {
        self.pairs.contains {
            !self.known.contains($0.key.text) && DidYouMean.slip(for: $0.key.text, among: [key]) != nil
        }
    }

    package func finish() {
        for pair in self.pairs where !self.known.contains(pair.key.text) {
            self.mistakes.report(
                .scenarioUnknownKey(pair.key.text, in: self.what, at: pair.key.span, known: self.known)
            )
        }
    }

    // MARK: Shapes

    package mutating func text(_ key: String) -> String? {
        self.take(key).flatMap { self.text(of: $0, key) }
    }

    package func text(of node: YAMLNode, _ key: String) -> String? {
        guard let scalar = node.scalar, !node.isNull else {
            self.mistakes.report(.scenarioShape("'\(key)'", needed: "text", found: node))
            return nil
        }
        return scalar.text
    }

    /// A list of texts; a single text is a list of one.
    package mutating func texts(_ key: String) -> [(text: String, span: SourceSpan)]? {
        self.take(key).map { self.texts(of: $0, key) }
    }

    package func texts(of node: YAMLNode, _ key: String) -> [(text: String, span: SourceSpan)] {
        (node.sequence ?? [node]).compactMap { element in
            self.text(of: element, key).map { ($0, element.span) }
        }
    }

    package mutating func int(_ key: String, in range: ClosedRange<Int64>) -> Int64? {
        self.take(key).flatMap { self.int(of: $0, key, in: range) }
    }

    package func int(of node: YAMLNode, _ key: String, in range: ClosedRange<Int64>) -> Int64? {
        guard case .int(let value) = node.scalar?.resolved else {
            self.mistakes.report(.scenarioShape("'\(key)'", needed: "a whole number", found: node))
            return nil
        }
        guard range.contains(value) else {
            self.mistakes.report(.scenarioOutOfRange(key, value, range, at: node.span))
            return nil
        }
        return value
    }

    package mutating func bool(_ key: String) -> Bool? {
        guard let node = self.take(key) else {
            return nil
        }
        guard case .bool(let value) = node.scalar?.resolved else {
            self.mistakes.report(.scenarioShape("'\(key)'", needed: "true or false", found: node))
            return nil
        }
        return value
    }

    package mutating func word<Word: RawRepresentable & CaseIterable>(
        _ key: String,
        _ type: Word.Type = Word.self
    ) -> Word? where Word.RawValue == String {
        guard let node = self.take(key), let text = self.text(of: node, key) else {
            return nil
        }
        let word = Word(rawValue: text)
        if word == nil {
            self.mistakes.report(
                .scenarioUnknownWord(text, for: key, at: node.span, known: Word.allCases.map(\.rawValue))
            )
        }
        return word
    }

    package mutating func duration(_ key: String) -> Milliseconds? {
        self.take(key).flatMap { self.duration(of: $0, key) }
    }

    package func duration(of node: YAMLNode, _ key: String) -> Milliseconds? {
        guard let text = self.text(of: node, key) else {
            return nil
        }
        guard let duration = Milliseconds(text: text) else {
            self.mistakes.report(.scenarioDuration(text, at: node.span))
            return nil
        }
        return duration
    }

    /// `30s`, or `{ min: 20s, max: 1m }`.
    package mutating func length(_ key: String) -> ClosedRange<Milliseconds>? {
        guard let node = self.take(key) else {
            return nil
        }
        guard node.mapping != nil else {
            return self.duration(of: node, key).map { $0...$0 }
        }
        guard var fields = ScenarioFields(node, what: "'\(key)'", self.mistakes) else {
            return nil
        }
        let least = fields.require("min").flatMap { fields.duration(of: $0, "min") }
        let most = fields.require("max").flatMap { fields.duration(of: $0, "max") }
        fields.finish()
        guard let least, let most else {
            return nil
        }
        guard least <= most else {
            self.mistakes.report(.scenarioReversed(key, least, most, at: node.span))
            return nil
        }
        return least...most
    }

    package mutating func elements(_ key: String) -> [YAMLNode] {
        guard let node = self.take(key) else {
            return []
        }
        guard let elements = node.sequence else {
            self.mistakes.report(.scenarioShape("'\(key)'", needed: "a list", found: node))
            return []
        }
        return elements
    }

    /// The pairs of a mapping whose keys are names.
    package mutating func named(_ key: String) -> [YAMLPair] {
        guard let node = self.take(key), !node.isNull else {
            return []
        }
        guard let pairs = node.mapping else {
            self.mistakes.report(.scenarioShape("'\(key)'", needed: "a mapping of names", found: node))
            return []
        }
        return pairs
    }
}
