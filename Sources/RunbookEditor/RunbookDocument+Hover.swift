// Selfheal
// SPDX-License-Identifier: Apache-2.0

import CELExpressions
import RunbookCompiler
package import RunbookSource

/// What is shown beside a place.
package struct Hover: Hashable, Sendable {
    /// Markdown.
    package let text: String
    package let span: SourceSpan
}

extension RunbookDocument {
    /// What is shown at a place; `page` gives the page about a verb, if there is one.
    package func hover(at offset: Int, page: (String) -> String?) -> Hover? {
        guard let index = self.index else {
            return nil
        }
        if let place = index.key(at: offset) {
            let text = (place.isChoice ? page(place.key.name) : nil) ?? place.key.description
            return Hover(text: text ?? "`\(place.key.name)`", span: place.span)
        }
        if let hover = index.expression(at: offset).flatMap({ self.typeHover($0, at: offset) }) {
            return hover
        }
        return index.mention(at: offset).flatMap { mention in
            self.description(of: mention.symbol, in: index).map { Hover(text: $0, span: mention.span) }
        }
    }

    private func typeHover(_ place: RunbookIndex.ExpressionPlace, at offset: Int) -> Hover? {
        guard let names = self.names else {
            return nil
        }
        // The way back from the file to the text: the first byte of the expression that stands there.
        let count = place.expression.text.utf8.count
        guard let inner = (0..<count).first(where: { place.span(of: $0..<($0 + 1)).contains(utf8Offset: offset) })
        else {
            return nil
        }
        let (node, macros) = place.expression.part(at: inner)
        let cursor = ExpressionCursor(text: "") { names.environment(at: place.place, for: $0) }
        var locals: [(name: String, type: CELType)] = []
        for macro in macros {
            let target = place.expression.text(of: macro.target.range)
            var element = CELType.dyn
            switch cursor.type(of: target, locals: locals) {
            case .list(let type): element = type
            case .map(let key, _): element = key
            default: break
            }
            locals.append((macro.variable, element))
        }
        let text = place.expression.text(of: node.range)
        guard let type = cursor.type(of: text, locals: locals) else {
            return nil
        }
        return Hover(text: "```cel\n\(text)\n```\n`\(type)`\(Self.fields(of: type))", span: place.span(of: node.range))
    }

    private static func fields(of type: CELType) -> String {
        guard case .record(let record) = type else {
            return ""
        }
        return "\n\n"
            + record.fields.prefix(Self.fieldLimit).map { "- `\($0.name)`: `\($0.type)`" }.joined(separator: "\n")
    }

    /// A record of all steps has thousands of fields.
    private static let fieldLimit = 40

    private func description(of symbol: RunbookIndex.Symbol, in index: RunbookIndex) -> String? {
        guard let definition = index.definition(of: symbol) else {
            return nil
        }
        let text = self.file.text(of: definition.whole)
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false).prefix(Self.lineLimit)
        let count = index.mentions(of: symbol).count - 1
        let uses = count == 1 ? "used once" : "used \(count) times"
        return "\(symbol.kind.rawValue) `\(symbol.name)`, \(uses)\n```yaml\n\(lines.joined(separator: "\n"))\n```"
    }

    private static let lineLimit = 12
}

extension CELExpression {
    fileprivate func text(of range: Range<Int>) -> String {
        String(decoding: Array(self.text.utf8)[range], as: UTF8.self)
    }
}
