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
                guard let next = self.parseMember(of: result) else {
                    return self.invalid(at: result.range)
                }
                result = next
            case .symbol(.leftBracket):
                _ = self.advance()
                let index = self.parseExpression()
                self.expectClosing(.rightBracket, of: token)
                result = self.node(.index(result, index), result.range.lowerBound..<self.previousEnd)
            case .symbol(.leftBrace) where result.qualifiedName != nil:
                self.report("'\(self.text(result.range))' cannot be constructed", at: result.range, help: "write a map")
                return self.invalid(at: result.range)
            default:
                return result
            }
        }
    }

    private mutating func parseMember(of operand: CELNode) -> CELNode? {
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
        if self.current.kind == .symbol(.leftParenthesis), token.kind == .identifier(name) {
            return self.parseMethodCall(name, token, on: operand)
        }
        let selection = CELSelection(operand: operand, field: name, fieldRange: token.range)
        return self.node(.select(selection), operand.range.lowerBound..<token.range.upperBound)
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
        if let macro = CELMacro.Name(rawValue: name) {
            return self.parseMacro(macro, token, opening, on: receiver)
        }
        let arguments = self.parseList(closing: .rightParenthesis, opening: opening)
        let range = receiver.range.lowerBound..<self.previousEnd
        if let namespace = receiver.qualifiedName {
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

    /// `target.macro(variable, …)`; the variable is visible in what follows it.
    private mutating func parseMacro(
        _ macro: CELMacro.Name,
        _ token: CELToken,
        _ opening: CELToken,
        on target: CELNode
    ) -> CELNode {
        let variable = self.current
        var arguments: [CELNode] = []
        var slot = 0
        var name: String?
        if case .identifier(let word) = variable.kind, !CELToken.keywords.contains(word),
            !CELToken.reserved.contains(word), self.isFollowedByComma
        {
            name = word
            _ = self.advance()
            _ = self.accept(.comma)
            self.withVariable(word) { parser, number in
                slot = number
                arguments = parser.parseList(closing: .rightParenthesis, opening: opening)
            }
        } else {
            arguments = self.parseList(closing: .rightParenthesis, opening: opening)
        }
        let range = target.range.lowerBound..<self.previousEnd
        let wanted = macro == .map ? 1...2 : 1...1
        guard let name, wanted.contains(arguments.count) else {
            if !arguments.contains(where: \.isInvalid) {
                self.report(
                    "'\(macro.rawValue)' takes a variable and \(macro.argument)",
                    at: token.range,
                    help: "write .\(macro.rawValue)(x, …) and use x for the element"
                )
            }
            return self.invalid(at: range)
        }
        let takesBody = macro == .map || macro == .sortBy
        let node = CELMacro(
            name: macro,
            nameRange: token.range,
            target: target,
            variable: name,
            variableRange: variable.range,
            slot: slot,
            predicate: !takesBody || arguments.count == 2 ? arguments[0] : nil,
            body: takesBody ? arguments[arguments.count - 1] : nil
        )
        return self.node(.macro(node), range)
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

extension CELMacro.Name {
    /// What stands behind the variable, in words.
    var argument: String {
        switch self {
        case .all, .exists, .existsOne, .filter: "a condition"
        case .map: "an expression"
        case .sortBy: "a key"
        }
    }
}
