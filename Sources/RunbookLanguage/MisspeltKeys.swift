// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunbookSource
import RunbookYAML

/// Keys that are nearly right, so that what stands behind them is read as what it was meant to be.
///
/// A misspelt `targets:` would otherwise bring a message for every use of a selection: one slip, one message.
struct MisspeltKeys {
    /// The diagnostics of the keys, each with its slip.
    private let misspelt: [Diagnostic]
    /// By the place of the key.
    private let slips: [SourceSpan: Diagnostic.Slip]

    /// A file with more slips than this is read as it stands.
    private static let limit = 50

    /// - Parameter diagnostics: those of reading the tree as it stands.
    init?(_ diagnostics: [Diagnostic]) {
        let misspelt = diagnostics.filter { $0.slip != nil && Self.codes.contains($0.code.number) }
        guard !misspelt.isEmpty, misspelt.count <= Self.limit else {
            return nil
        }
        self.misspelt = misspelt
        let places = misspelt.compactMap { diagnostic in diagnostic.slip.map { (diagnostic.span, $0) } }
        self.slips = Dictionary(places) { first, _ in first }
    }

    /// A key that nobody knows, and a step without a verb that has a key like one.
    private static let codes: Set<UInt16> = [102, 112]

    /// What is to be said: the slips, and what else is wrong with the tree that was meant.
    ///
    /// What stands in a step whose verb is misspelt is left for later: the verb is a guess.
    func diagnostics(with others: [Diagnostic], in root: YAMLNode) -> [Diagnostic] {
        let verbs = Set(self.misspelt.filter { $0.code.number == 112 }.map(\.span))
        let guessed = verbs.isEmpty ? [] : self.steps(in: root, atKeys: verbs)
        let rest = others.filter { other in
            !self.misspelt.contains(other) && !guessed.contains { $0.contains(other.span) }
        }
        return self.misspelt + rest
    }

    /// The mappings that have a key in one of the places.
    private func steps(in node: YAMLNode, atKeys keys: Set<SourceSpan>) -> [SourceSpan] {
        switch node.kind {
        case .scalar: return []
        case .sequence(let elements): return elements.flatMap { self.steps(in: $0, atKeys: keys) }
        case .mapping(let pairs):
            guard !pairs.contains(where: { keys.contains($0.key.span) }) else {
                return [node.span]
            }
            return pairs.flatMap { self.steps(in: $0.value, atKeys: keys) }
        }
    }

    /// The tree with the keys that were meant.
    func corrected(_ node: YAMLNode) -> YAMLNode {
        var node = node
        switch node.kind {
        case .scalar: break
        case .sequence(let elements): node.kind = .sequence(elements.map(self.corrected))
        case .mapping(let pairs):
            let keys = Set(pairs.map(\.key.text))
            node.kind = .mapping(
                pairs.map { pair in
                    var pair = pair
                    if let slip = self.slips[pair.key.span], slip.written == pair.key.text, !keys.contains(slip.meant) {
                        pair.key.text = slip.meant
                    }
                    pair.value = self.corrected(pair.value)
                    return pair
                }
            )
        }
        return node
    }
}
