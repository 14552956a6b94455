// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunbookSource
import RunbookYAML

/// `become: kafka`, `become: none`, or `become: { user: kafka }`.
package enum BecomeSyntax: Sendable {
    case user(String, receipts: String?)
    case none
}

extension RunbookParser {
    func become(_ node: YAMLNode, _ reader: MappingReader) -> Spanned<BecomeSyntax>? {
        guard node.mapping != nil else {
            return reader.text(node, "become").map { text in
                Spanned(text.value == "none" ? .none : .user(text.value, receipts: nil), at: text.span)
            }
        }
        guard var reader = MappingReader(node, what: "'become'", sink: self.sink) else {
            return nil
        }
        defer { reader.finish() }
        let user = reader.requiredText("user", because: "say who runs the command: user: kafka")
        _ = reader.word("method", BecomeMethodWord.self)
        let receipts = reader.text("receipts")
        return user.map { Spanned(.user($0.value, receipts: receipts?.value), at: node.span) }
    }

    private enum BecomeMethodWord: String, CaseIterable {
        case sudo
    }
}
