// Selfheal
// SPDX-License-Identifier: Apache-2.0

package import RunbookSource

/// Collects what is wrong while the tree is read; reading never stops at a mistake.
package final class DiagnosticSink {
    package private(set) var diagnostics: [Diagnostic] = []

    package init() {}

    package func report(_ diagnostic: Diagnostic) {
        self.diagnostics.append(diagnostic)
    }
}

/// Takes the values of a mapping by key, and says at the end which keys nobody knew.
///
/// Every `take` reports a value of the wrong shape and returns nothing for it, so that a caller cannot tell it from a missing one; what is
/// *required* is reported once, by ``finish(reportingUnknownKeys:)``, and not at all when it is only misspelt.
package struct MappingReader {
    /// What the mapping is, for messages: `step 'look'`, `'retry'`.
    package var what: String
    /// The mapping's own place, and that of the key it belongs to.
    package let span: SourceSpan
    private let pairs: [YAMLPair]
    package let sink: DiagnosticSink
    private var known: [String] = []
    private var missing: [(key: String, help: String?)] = []

    /// Nothing, and a diagnostic, when the node is no mapping.
    package init?(_ node: YAMLNode, what: String, sink: DiagnosticSink, help: String? = nil) {
        guard case .mapping(let pairs) = node.kind else {
            sink.report(.wrongShape(what, needed: "a mapping of keys to values", found: node, help: help))
            return nil
        }
        self.what = what
        self.span = node.span
        self.pairs = pairs
        self.sink = sink
    }

    // MARK: Keys

    /// The value of a key, if it is there.
    package mutating func take(_ key: String) -> YAMLNode? {
        self.pair(key)?.value
    }

    package mutating func pair(_ key: String) -> YAMLPair? {
        if !self.known.contains(key) {
            self.known.append(key)
        }
        return self.pairs.first { $0.key.text == key }
    }

    /// The pairs with one of these keys, in the order of the file.
    package mutating func pairs(of keys: [String]) -> [YAMLPair] {
        self.known += keys
        return self.pairs.filter { keys.contains($0.key.text) }
    }

    package mutating func require(_ key: String, because help: String? = nil) -> YAMLNode? {
        guard let node = self.take(key) else {
            if !self.missing.contains(where: { $0.key == key }) {
                self.missing.append((key, help))
            }
            return nil
        }
        return node
    }

    /// A mapping with more strange keys is something else altogether.
    private static let strangeLimit = 100

    /// Reports the keys that were not asked for, with the nearest of those that were, and the required ones that are not there.
    ///
    /// - Parameter reportingUnknownKeys: whether everything that may be there has been asked for.
    package func finish(reportingUnknownKeys: Bool = true) {
        var misspelt: [String] = []
        let strange = self.pairs.filter { !self.known.contains($0.key.text) }
        if !strange.isEmpty {
            let present = Set(self.pairs.map(\.key.text))
            let absent = self.known.filter { !present.contains($0) }
            let known = Set(self.known).sorted()
            for pair in strange.prefix(Self.strangeLimit) {
                DidYouMean.suggestion(for: pair.key.text, among: absent).map { misspelt.append($0) }
                if reportingUnknownKeys {
                    self.sink.report(.unknownKey(pair.key.text, in: self.what, at: pair.key.span, known: known))
                }
            }
        }
        for (key, help) in self.missing where !misspelt.contains(key) {
            self.sink.report(.missingKey(key, in: self.what, at: self.span, help: help))
        }
    }

    /// Where a key is written, without asking for it.
    package func keySpan(_ key: String) -> SourceSpan? {
        self.pairs.first { $0.key.text == key }?.key.span
    }

    /// Whether a key that nobody knows looks like one of these.
    package func hasMisspelling(of keys: [String]) -> Bool {
        self.unknownKeys.contains { DidYouMean.suggestion(for: $0, among: keys) != nil }
    }

    // MARK: Shapes

    package mutating func text(_ key: String) -> Spanned<String>? {
        self.take(key).flatMap { self.text($0, key) }
    }

    package mutating func requiredText(_ key: String, because help: String? = nil) -> Spanned<String>? {
        self.require(key, because: help).flatMap { self.text($0, key) }
    }

    package func text(_ node: YAMLNode, _ key: String) -> Spanned<String>? {
        guard let scalar = node.scalar, !node.isNull else {
            self.sink.report(.wrongShape("'\(key)'", needed: "text", found: node, help: nil))
            return nil
        }
        return Spanned(scalar.text, at: node.span)
    }

    /// A list of texts; a single text is a list of one.
    package mutating func texts(_ key: String) -> [Spanned<String>]? {
        guard let node = self.take(key) else {
            return nil
        }
        guard case .sequence(let elements) = node.kind else {
            return self.text(node, key).map { [$0] }
        }
        return elements.compactMap { self.text($0, key) }
    }

    package mutating func int(_ key: String, in range: ClosedRange<Int>) -> Spanned<Int>? {
        guard let node = self.take(key) else {
            return nil
        }
        guard case .int(let number) = node.scalar?.resolved, let value = Int(exactly: number) else {
            self.sink.report(.wrongShape("'\(key)'", needed: "a whole number", found: node, help: nil))
            return nil
        }
        guard range.contains(value) else {
            self.sink.report(.outOfRange(key, value, range, at: node.span))
            return nil
        }
        return Spanned(value, at: node.span)
    }

    package mutating func bool(_ key: String) -> Spanned<Bool>? {
        guard let node = self.take(key) else {
            return nil
        }
        guard case .bool(let value) = node.scalar?.resolved else {
            self.sink.report(
                .wrongShape(
                    "'\(key)'",
                    needed: "true or false",
                    found: node,
                    help: "write true or false, without quotes"
                )
            )
            return nil
        }
        return Spanned(value, at: node.span)
    }

    package mutating func word<Word: RawRepresentable & CaseIterable & Sendable>(
        _ key: String,
        _ type: Word.Type = Word.self
    ) -> Spanned<Word>? where Word.RawValue == String {
        self.take(key).flatMap { self.word($0, key) }
    }

    package func word<Word: RawRepresentable & CaseIterable & Sendable>(
        _ node: YAMLNode,
        _ key: String,
        _ type: Word.Type = Word.self
    ) -> Spanned<Word>? where Word.RawValue == String {
        guard let text = self.text(node, key) else {
            return nil
        }
        guard let word = Word(rawValue: text.value) else {
            self.sink.report(.unknownWord(text.value, for: key, at: text.span, known: Word.allCases.map(\.rawValue)))
            return nil
        }
        return Spanned(word, at: text.span)
    }

    package mutating func elements(_ key: String, _ needed: String) -> [YAMLNode]? {
        guard let node = self.take(key) else {
            return nil
        }
        guard case .sequence(let elements) = node.kind else {
            self.sink.report(.wrongShape("'\(key)'", needed: needed, found: node, help: nil))
            return nil
        }
        return elements
    }

    /// The pairs of a mapping whose keys are names of the author's own.
    package mutating func named(_ key: String, _ needed: String) -> [(name: Spanned<String>, value: YAMLNode)]? {
        guard let node = self.take(key) else {
            return nil
        }
        guard case .mapping(let pairs) = node.kind else {
            self.sink.report(.wrongShape("'\(key)'", needed: needed, found: node, help: nil))
            return nil
        }
        return pairs.map { (Spanned($0.key.text, at: $0.key.span), $0.value) }
    }
}

extension MappingReader {
    /// A reader of nothing, for single texts that stand in a list.
    package static func forTexts(_ sink: DiagnosticSink, at span: SourceSpan) -> MappingReader? {
        MappingReader(empty: "a list", span: span, sink: sink)
    }

    private init(empty what: String, span: SourceSpan, sink: DiagnosticSink) {
        self.what = what
        self.span = span
        self.pairs = []
        self.sink = sink
    }

    /// The keys that nobody has asked for yet.
    package var unknownKeys: [String] {
        self.pairs.map(\.key.text).filter { !self.known.contains($0) }
    }
}
