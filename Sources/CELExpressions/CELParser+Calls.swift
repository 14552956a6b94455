// Selfheal
// SPDX-License-Identifier: Apache-2.0

extension CELParser {
    /// What may follow a primary: `{ "." field | "." method "(" … ")" | "[" index "]" }`.
    mutating func parseSuffixes(of operand: CELNode) -> CELNode {
        var result = operand
        while true {
            let token = self.current
            switch token.kind {
            case .symbol(.dot):
                _ = self.advance()
                let isOptional = self.accept(.question)
                guard let next = self.parseMember(of: result, isOptional: isOptional) else {
                    return self.invalid(at: result.range)
                }
                result = next
            case .symbol(.leftBracket):
                _ = self.advance()
                let isOptional = self.accept(.question)
                let index = self.parseExpression()
                self.expectClosing(.rightBracket, of: token)
                result = self.node(
                    isOptional ? .optionalIndex(result, index) : .index(result, index),
                    result.range.lowerBound..<self.previousEnd
                )
            case .symbol(.leftBrace) where result.isQualified:
                self.report("'\(self.text(result.range))' cannot be constructed", at: result.range, help: "write a map")
                return self.invalid(at: result.range)
            default:
                return result
            }
        }
    }

    private mutating func parseMember(of operand: CELNode, isOptional: Bool) -> CELNode? {
        let token = self.current
        let name: String
        switch token.kind {
        case .identifier(let word) where !CELToken.keywords.contains(word):
            name = word
        case .quotedIdentifier(let word):
            name = word
        default:
            self.reportUnexpected(needed: "a field name")
            return nil
        }
        _ = self.advance()
        if !isOptional, self.current.isSymbol(.leftParenthesis), token.kind == .identifier(name) {
            return self.parseMethodCall(name, token, on: operand)
        }
        let selection = CELSelection(operand: operand, field: name, fieldRange: token.range)
        return self.node(
            isOptional ? .optionalSelect(selection) : .select(selection),
            operand.range.lowerBound..<token.range.upperBound
        )
    }

    mutating func parseFunctionCall(_ name: String, _ token: CELToken) -> CELNode {
        let opening = self.advance()
        let arguments = self.parseList(closing: .rightParenthesis, opening: opening)
        let range = token.range.lowerBound..<self.previousEnd
        guard name == "has" else {
            let call = CELCall(name: name, nameRange: token.range, receiver: nil, arguments: arguments)
            return self.node(.call(call), range)
        }
        guard arguments.count == 1, case .select(let selection) = arguments[0].kind else {
            if !arguments.contains(where: \.isInvalid) {
                self.report(
                    "'has' needs one field, such as has(a.b)",
                    at: arguments.first?.range ?? range,
                    help: "it tells whether a field or a key is there"
                )
            }
            return self.invalid(at: range)
        }
        return self.node(.has(selection), range)
    }

    private mutating func parseMethodCall(_ name: String, _ token: CELToken, on receiver: CELNode) -> CELNode {
        let opening = self.advance()
        if name == "bind", case .global("cel") = receiver.kind {
            return self.parseBinding(token, opening, on: receiver)
        }
        if let macro = CELMacro.Name(rawValue: name) {
            return self.parseMacro(macro, token, opening, on: receiver)
        }
        let arguments = self.parseList(closing: .rightParenthesis, opening: opening)
        let range = receiver.range.lowerBound..<self.previousEnd
        if CELStandardFunction.isNamespaced(name), let namespace = receiver.qualifiedName {
            let qualified = "\(namespace).\(name)"
            if CELStandardFunction.named(qualified, isMethod: false) != nil {
                let nameRange = receiver.range.lowerBound..<token.range.upperBound
                let call = CELCall(name: qualified, nameRange: nameRange, receiver: nil, arguments: arguments)
                return self.node(.call(call), range)
            }
        }
        let call = CELCall(name: name, nameRange: token.range, receiver: receiver, arguments: arguments)
        return self.node(.call(call), range)
    }
}

extension CELNode {
    var isInvalid: Bool {
        if case .invalid = self.kind {
            return true
        }
        return false
    }
}
