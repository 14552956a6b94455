// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunVocabulary
import RunbookSource
import RunbookYAML

/// `assume:`, which bounds the proof of a runbook.
extension RunbookParser {
    func assumptions(_ node: YAMLNode) -> AssumptionsSyntax? {
        let help = "write assume: { faults: 1, lies: 1, crashes: 1 }"
        guard var reader = MappingReader(node, what: "'assume'", sink: self.sink, help: help) else {
            return nil
        }
        var syntax = AssumptionsSyntax()
        syntax.faults = reader.int("faults", in: 0...9)
        syntax.lies = reader.int("lies", in: 0...9)
        syntax.crashes = reader.int("crashes", in: 0...9)
        syntax.cancels = reader.int("cancels", in: 0...9)
        if let node = reader.take("approvals") {
            syntax.approvals = self.words(node, "approvals", "one of them at least", reader)
        }
        for (selection, node) in reader.named("nodes", "a mapping of selections to numbers") ?? [] {
            guard case .int(let number) = node.scalar?.resolved, let count = Int(exactly: number) else {
                let what = "the number of '\(selection.value)'"
                self.sink.report(.wrongShape(what, needed: "a whole number", found: node, help: nil))
                continue
            }
            guard (1...16).contains(count) else {
                self.sink.report(.outOfRange(selection.value, count, 1...16, at: node.span))
                continue
            }
            syntax.nodes.append((selection, Spanned(count, at: node.span)))
        }
        for (selection, node) in reader.named("begin", "a mapping of selections to how their nodes may be") ?? [] {
            let states: [Spanned<NodeBeginning>]? = self.words(node, selection.value, "a list of states", reader)
            if let states {
                syntax.begin.append((selection, states))
            }
        }
        reader.finish()
        return syntax
    }

    /// A word, or a list of at least one.
    private func words<Word: RawRepresentable & CaseIterable & Sendable>(
        _ node: YAMLNode,
        _ key: String,
        _ needed: String,
        _ reader: MappingReader
    ) -> [Spanned<Word>]? where Word.RawValue == String {
        guard case .sequence(let elements) = node.kind else {
            return reader.word(node, key).map { [$0] }
        }
        guard !elements.isEmpty else {
            self.sink.report(.wrongShape("'\(key)'", needed: needed, found: node, help: nil))
            return nil
        }
        return elements.compactMap { reader.word($0, key) }
    }
}
