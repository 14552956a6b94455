// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunbookSource
import RunbookYAML

/// Keys that are nearly right, so that what stands behind them is read as what it was meant to be.
///
/// A misspelt `targets:` would otherwise bring a message for every use of a selection: one slip, one message.
struct MisspeltKeys {
    private struct Slip {
        /// Of the key, or of the mapping that it is in.
        let span: SourceSpan
        let written: String
        let meant: String
        let diagnostic: Diagnostic
    }

    private let slips: [Slip]
    private let bySpan: [SourceSpan: Int]

    /// A file with more slips than this is read as it stands.
    private static let limit = 50

    /// - Parameter diagnostics: those of reading the tree as it stands.
    init?(_ diagnostics: [Diagnostic]) {
        let slips = diagnostics.compactMap { diagnostic -> Slip? in
            switch diagnostic.code.number {
            case 102:
                guard let meant = diagnostic.suggestion, let written = Self.lastQuoted(in: diagnostic.message) else {
                    return nil
                }
                return Slip(span: diagnostic.span, written: written, meant: meant, diagnostic: diagnostic)
            case 112:
                // `did you mean 'choose' instead of 'chosoe'?`
                let words = (diagnostic.help ?? "").split(separator: "'", omittingEmptySubsequences: false)
                guard words.count == 5, words[0] == "did you mean " else {
                    return nil
                }
                return Slip(
                    span: diagnostic.span,
                    written: String(words[3]),
                    meant: String(words[1]),
                    diagnostic: diagnostic
                )
            default: return nil
            }
        }
        guard !slips.isEmpty, slips.count <= Self.limit else {
            return nil
        }
        self.slips = slips
        self.bySpan = Dictionary(slips.enumerated().map { ($0.element.span, $0.offset) }) { first, _ in first }
    }

    private static func lastQuoted(in message: String) -> String? {
        let words = message.split(separator: "'", omittingEmptySubsequences: false)
        return words.count >= 3 ? String(words[words.count - 2]) : nil
    }

    /// What is to be said: the slips, and what else is wrong with the tree that was meant.
    ///
    /// What stands in a step whose verb is misspelt is left for later: the verb is a guess.
    func diagnostics(with others: [Diagnostic], in root: YAMLNode) -> [Diagnostic] {
        let verbs = Set(self.slips.filter { $0.diagnostic.code.number == 112 }.map(\.span))
        let guessed = verbs.isEmpty ? [] : self.steps(in: root, atKeys: verbs)
        let rest = others.filter { other in
            !self.slips.contains { $0.diagnostic == other } && !guessed.contains { $0.contains(other.span) }
        }
        return self.slips.map(\.diagnostic) + rest
    }

    /// The mappings that have a key in one of the places, or are in one themselves.
    private func steps(in node: YAMLNode, atKeys keys: Set<SourceSpan>) -> [SourceSpan] {
        switch node.kind {
        case .scalar: return []
        case .sequence(let elements): return elements.flatMap { self.steps(in: $0, atKeys: keys) }
        case .mapping(let pairs):
            guard !keys.contains(node.span), !pairs.contains(where: { keys.contains($0.key.span) }) else {
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
            let around = self.bySpan[node.span].map { self.slips[$0] }
            let keys = Set(pairs.map(\.key.text))
            node.kind = .mapping(
                pairs.map { pair in
                    var pair = pair
                    let slip = self.bySpan[pair.key.span].map { self.slips[$0] } ?? around
                    if let slip, slip.written == pair.key.text, !keys.contains(slip.meant) {
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
