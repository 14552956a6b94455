// Selfheal
// SPDX-License-Identifier: Apache-2.0

package import RunbookSource

/// Collects what is wrong while the tree is read; reading never stops at a mistake.
package final class DiagnosticSink {
    package private(set) var diagnostics: [Diagnostic] = []

    /// What the reader of one kind of file wants to remember from one place of it to the next.
    package let memory: AnyObject?

    package init(memory: AnyObject? = nil) {
        self.memory = memory
    }

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
    package var what: String {
        guard let name = self.name else {
            return self.kind
        }
        return self.kind.isEmpty ? "'\(name)'" : "\(self.kind) '\(name)'"
    }
    /// What is named: `step`; what the author called it is put behind it only where there is something to say.
    package var kind: String
    package var name: String?
    /// The mapping's own place, and that of the key it belongs to.
    package let span: SourceSpan
    private let pairs: [YAMLPair]
    /// The marks of all its keys: one look rules out nearly every key that is not there, and most are not.
    private let marks: UInt64
    package let sink: DiagnosticSink
    /// Every key that was asked for, some of them twice.
    private var known: [String] = []
    /// Which of the first pairs were asked for, one bit for each.
    private var taken: UInt64 = 0
    private var missing: [(key: String, help: String?)] = []

    /// Nothing, and a diagnostic, when the node is no mapping.
    package init?(_ node: YAMLNode, what: String, sink: DiagnosticSink, help: @autoclosure () -> String? = nil) {
        self.init(node, kind: what, name: nil, sink: sink, help: help())
    }

    /// A mapping that is called `kind 'name'`, or `'name'` without a kind.
    package init?(
        _ node: YAMLNode,
        kind: String,
        name: String?,
        sink: DiagnosticSink,
        help: @autoclosure () -> String? = nil
    ) {
        self.kind = kind
        self.name = name
        self.span = node.span
        self.sink = sink
        guard case .mapping(let pairs) = node.kind else {
            self.pairs = []
            self.marks = 0
            sink.report(.wrongShape(self.what, needed: "a mapping of keys to values", found: node, help: help()))
            return nil
        }
        self.pairs = pairs
        self.marks = pairs.reduce(0) { $0 | Self.mark(of: $1.key.text) }
        self.known.reserveCapacity(Self.usualKeys)
    }

    /// As many keys as a step may have.
    private static let usualKeys = 24

    // MARK: Keys

    /// The value of a key, if it is there.
    package mutating func take(_ key: String) -> YAMLNode? {
        self.claim(key).map { self.pairs[$0].value }
    }

    package mutating func pair(_ key: String) -> YAMLPair? {
        self.claim(key).map { self.pairs[$0] }
    }

    /// Asks for a key, and says which of the pairs has it: nodes are large, and most keys are looked at where they lie.
    private mutating func claim(_ key: String) -> Int? {
        self.known.append(key)
        guard let index = self.index(of: key) else {
            return nil
        }
        self.taken |= Self.bit(index)
        return index
    }

    private func index(of key: String) -> Int? {
        guard self.marks & Self.mark(of: key) != 0 else {
            return nil
        }
        for index in self.pairs.indices where self.pairs[index].key.text == key {
            return index
        }
        return nil
    }

    /// One bit, which keys of another length or beginning mostly do not share.
    private static func mark(of key: String) -> UInt64 {
        let bytes = key.utf8
        return 1 &<< ((UInt64(bytes.first ?? 0) &+ UInt64(bytes.count) &* 7) & 63)
    }

    /// A mapping of more keys than bits has its later ones looked up.
    private static func bit(_ index: Int) -> UInt64 { index < UInt64.bitWidth ? 1 << UInt64(index) : 0 }

    /// Whether somebody asked for the key at this place.
    private func isKnown(_ index: Int) -> Bool {
        index < UInt64.bitWidth
            ? self.taken & Self.bit(index) != 0 : self.known.contains(self.pairs[index].key.text)
    }

    /// The pairs with one of these keys, in the order of the file.
    package mutating func pairs(of keys: [String]) -> [YAMLPair] {
        self.known += keys
        var found: [Int] = []
        for key in keys {
            if let index = self.index(of: key) {
                self.taken |= Self.bit(index)
                found.append(index)
            }
        }
        return found.count > 1 ? found.sorted().map { self.pairs[$0] } : found.map { self.pairs[$0] }
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
    /// - Parameter reportingUnknownKeys: whether everything that may be there has been asked for. A required key that is misspelt is
    ///   reported either way: otherwise nothing would be said of it.
    package func finish(reportingUnknownKeys: Bool = true) {
        var misspelt: [String] = []
        let strange = self.pairs.indices.filter { !self.isKnown($0) }.map { self.pairs[$0] }
        if !strange.isEmpty {
            let present = Set(self.pairs.map(\.key.text))
            var seen = present
            let absent = self.known.filter { seen.insert($0).inserted }
            let known = Set(self.known).sorted()
            for pair in strange.prefix(Self.strangeLimit) {
                let meant = DidYouMean.suggestion(for: pair.key.text, among: absent)
                meant.map { misspelt.append($0) }
                if reportingUnknownKeys || self.missing.contains(where: { $0.key == meant }) {
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
        self.index(of: key).map { self.pairs[$0].key.span }
    }

    /// Whether a key that nobody knows looks like one of these.
    package func hasMisspelling(of keys: [String]) -> Bool {
        self.unknownKeys.contains { DidYouMean.suggestion(for: $0, among: keys) != nil }
    }

    // MARK: Shapes

    package mutating func text(_ key: String) -> Spanned<String>? {
        guard let index = self.claim(key) else {
            return nil
        }
        return self.pairs[index].value.spannedText ?? self.text(self.pairs[index].value, key)
    }

    package mutating func requiredText(_ key: String, because help: String? = nil) -> Spanned<String>? {
        guard self.require(key, because: help) != nil else {
            return nil
        }
        return self.text(key)
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

    @inlinable
    package mutating func word<Word: RawRepresentable & CaseIterable & Sendable>(
        _ key: String,
        _ type: Word.Type = Word.self
    ) -> Spanned<Word>? where Word.RawValue == String {
        self.text(key).flatMap { self.word($0, key) }
    }

    @inlinable
    package func word<Word: RawRepresentable & CaseIterable & Sendable>(
        _ node: YAMLNode,
        _ key: String,
        _ type: Word.Type = Word.self
    ) -> Spanned<Word>? where Word.RawValue == String {
        self.text(node, key).flatMap { self.word($0, key) }
    }

    @inlinable
    package func word<Word: RawRepresentable & CaseIterable & Sendable>(
        _ text: Spanned<String>,
        _ key: String
    ) -> Spanned<Word>? where Word.RawValue == String {
        guard let word = Word(rawValue: text.value) else {
            self.refuse(text, for: key, known: Word.allCases.map(\.rawValue))
            return nil
        }
        return Spanned(word, at: text.span)
    }

    package func refuse(_ word: Spanned<String>, for key: String, known: [String]) {
        self.sink.report(.unknownWord(word.value, for: key, at: word.span, known: known))
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
        self.kind = what
        self.span = span
        self.pairs = []
        self.marks = 0
        self.sink = sink
    }

    /// The keys that nobody has asked for yet.
    package var unknownKeys: [String] {
        self.pairs.indices.filter { !self.isKnown($0) }.map { self.pairs[$0].key.text }
    }
}
