// Selfheal
// SPDX-License-Identifier: Apache-2.0

extension CELParser {
    /// Reads `ConditionalOr ["?" ConditionalOr ":" Expr]`.
    mutating func parseExpression() -> CELNode {
        self.nested { parser in
            let condition = parser.parseBinary(above: 0)
            guard parser.accept(.question) else {
                return condition
            }
            let yes = parser.parseBinary(above: 0)
            guard parser.accept(.colon) else {
                parser.reportUnexpected(
                    needed: "':'",
                    help: parser.current.isSymbol(.question)
                        ? "put parentheses around the conditional between '?' and ':'"
                        : "a '?' needs a ':' with the other value"
                )
                return parser.invalid(at: condition.range)
            }
            let no = parser.parseExpression()
            return parser.node(
                .conditional(condition, yes, no),
                condition.range.lowerBound..<no.range.upperBound
            )
        }
    }

    private enum Infix {
        case or
        case and
        case binary(CELOperator)

        init?(_ token: CELToken) {
            switch token.kind {
            case .symbol(.or): self = .or
            case .symbol(.and): self = .and
            case .identifier("in"): self = .binary(.contained)
            case .symbol(let symbol):
                guard let operation = symbol.infix else {
                    return nil
                }
                self = .binary(operation)
            default: return nil
            }
        }

        /// Higher binds tighter.
        var precedence: Int {
            switch self {
            case .or: 1
            case .and: 2
            case .binary(.add), .binary(.subtract): 4
            case .binary(.multiply), .binary(.divide), .binary(.remainder): 5
            case .binary: 3
            }
        }
    }

    /// Everything that binds tighter than `precedence`, left to right.
    private mutating func parseBinary(above precedence: Int) -> CELNode {
        var left = self.parseUnary()
        while let infix = Infix(self.current), infix.precedence > precedence {
            switch infix {
            case .or:
                let operands = self.parseOperands(after: left, separator: .or, above: infix.precedence)
                left = self.node(.any(operands), Self.span(operands))
            case .and:
                let operands = self.parseOperands(after: left, separator: .and, above: infix.precedence)
                left = self.node(.all(operands), Self.span(operands))
            case .binary(let operation):
                _ = self.advance()
                let right = self.parseBinary(above: infix.precedence)
                left = self.node(
                    .binary(operation, left, right),
                    left.range.lowerBound..<right.range.upperBound
                )
            }
        }
        return left
    }

    /// A run of `&&` or `||` becomes one flat node: both are associative, and long runs are common.
    private mutating func parseOperands(
        after first: CELNode,
        separator: CELToken.Symbol,
        above precedence: Int
    ) -> [CELNode] {
        var operands = [first]
        while self.accept(separator) {
            operands.append(self.parseBinary(above: precedence))
        }
        return operands
    }

    private static func span(_ nodes: [CELNode]) -> Range<Int> {
        (nodes.first?.range.lowerBound ?? 0)..<(nodes.last?.range.upperBound ?? 0)
    }

    /// Reads `"!" {"!"} Member | "-" {"-"} Member | Member`.
    private mutating func parseUnary() -> CELNode {
        let first = self.current
        guard first.isSymbol(.not) || first.isSymbol(.minus) else {
            return self.parseMember()
        }
        var starts: [Int] = []
        while self.current.kind == first.kind {
            starts.append(self.advance().range.lowerBound)
        }
        if first.kind == .symbol(.minus), let start = starts.last, let number = self.parseNegativeNumber(from: start) {
            starts.removeLast()
            return self.wrap(self.parseSuffixes(of: number), in: starts, isNegation: true)
        }
        let wrongSign: CELToken.Symbol = first.kind == .symbol(.not) ? .minus : .not
        if self.current.isSymbol(wrongSign) {
            self.report("'!' and '-' cannot be mixed", at: self.current.range, help: "add parentheses")
            return self.parseUnary()
        }
        return self.wrap(self.parseMember(), in: starts, isNegation: first.kind == .symbol(.minus))
    }

    private mutating func wrap(_ operand: CELNode, in starts: [Int], isNegation: Bool) -> CELNode {
        var result = operand
        // One sign beyond the limit is enough to report it.
        for start in starts.reversed().prefix(CELLimits.nesting + 1) {
            result = self.node(isNegation ? .negate(result) : .not(result), start..<operand.range.upperBound)
        }
        return result
    }

    /// A sign directly before a number belongs to it, else the lowest integer could not be written.
    private mutating func parseNegativeNumber(from start: Int) -> CELNode? {
        let token = self.current
        let range = start..<token.range.upperBound
        switch token.kind {
        case .int(let magnitude):
            _ = self.advance()
            guard magnitude <= UInt64(Int64.max) + 1 else {
                return self.reportWideInteger(at: range)
            }
            return CELNode(.literal(.int(Int64(truncatingIfNeeded: 0 &- magnitude))), range)
        case .double(let value):
            _ = self.advance()
            return CELNode(.literal(.double(-value)), range)
        default:
            return nil
        }
    }

    private mutating func reportWideInteger(at range: Range<Int>) -> CELNode {
        self.report(
            "'\(self.text(range))' does not fit into an int",
            at: range,
            help: "an int has 64 bits with sign; write 'u' behind it for a uint"
        )
        return self.invalid(at: range)
    }

    private mutating func parseMember() -> CELNode {
        let primary = self.parsePrimary()
        return self.parseSuffixes(of: primary)
    }

    private mutating func parsePrimary() -> CELNode {
        let token = self.advance()
        switch token.kind {
        case .int(let magnitude):
            guard magnitude <= UInt64(Int64.max) else {
                return self.reportWideInteger(at: token.range)
            }
            return CELNode(.literal(.int(Int64(magnitude))), token.range)
        case .uint(let value): return CELNode(.literal(.uint(value)), token.range)
        case .double(let value): return CELNode(.literal(.double(value)), token.range)
        case .string(let value): return CELNode(.literal(.string(value)), token.range)
        case .bytes(let value): return CELNode(.literal(.bytes(value)), token.range)
        case .identifier(let name): return self.parseName(name, token, isRooted: false)
        case .symbol(.dot): return self.parseRootedName(after: token)
        case .symbol(.leftParenthesis):
            let inner = self.parseExpression()
            self.expectClosing(.rightParenthesis, of: token)
            // The parentheses are not part of the node: a problem points at what is inside.
            return inner
        case .symbol(.leftBracket):
            let elements = self.parseList(closing: .rightBracket, opening: token, allowsOptional: true)
            return self.node(.list(elements), token.range.lowerBound..<self.previousEnd)
        case .symbol(.leftBrace):
            return self.parseMap(opening: token)
        case .invalid:
            return self.invalid(at: token.range)
        case .quotedIdentifier(let name):
            self.report("'`\(name)`' can only name a field", at: token.range)
            return self.invalid(at: token.range)
        case .symbol, .end:
            return self.refuseOperand(token)
        }
    }

    private mutating func refuseOperand(_ token: CELToken) -> CELNode {
        let help = token.isEnd ? nil : "a value, a name or '(' can stand here"
        self.report(
            token.isEnd ? "the expression ends too early" : "unexpected \(self.name(of: token))",
            at: token.isEnd ? self.endRange : token.range,
            help: help
        )
        // A closing bracket belongs to somebody else, who would miss it.
        switch token.kind {
        case .symbol(.rightParenthesis), .symbol(.rightBracket), .symbol(.rightBrace), .symbol(.comma), .symbol(.colon):
            self.stepBack()
        default:
            break
        }
        return self.invalid(at: token.range)
    }

    /// The last token, which is where something is missing at the end.
    private var endRange: Range<Int> {
        self.lastTokenRange ?? self.current.range
    }

    private mutating func parseRootedName(after dot: CELToken) -> CELNode {
        let token = self.current
        guard case .identifier(let name) = token.kind else {
            self.reportUnexpected(needed: "a name")
            return self.invalid(at: dot.range)
        }
        _ = self.advance()
        return self.parseName(name, token, isRooted: true)
    }

    private mutating func parseName(_ name: String, _ token: CELToken, isRooted: Bool) -> CELNode {
        switch name {
        case "true": return CELNode(.literal(.bool(true)), token.range)
        case "false": return CELNode(.literal(.bool(false)), token.range)
        case "null": return CELNode(.literal(.null), token.range)
        case "in":
            self.report("unexpected 'in'", at: token.range, help: "'in' stands between a value and a list")
            return self.invalid(at: token.range)
        default: break
        }
        if CELToken.reserved.contains(name) {
            self.report("'\(name)' is a reserved word", at: token.range, help: "it cannot be the name of a value")
            return self.invalid(at: token.range)
        }
        if self.current.isSymbol(.leftParenthesis) {
            return self.parseFunctionCall(name, token)
        }
        if !isRooted, let slot = self.slot(of: name) {
            return CELNode(.local(name, slot: slot), token.range)
        }
        return CELNode(.global(name), token.range)
    }

    /// The elements up to the closing bracket; a comma behind the last one is allowed.
    mutating func parseList(
        closing: CELToken.Symbol,
        opening: CELToken,
        allowsOptional: Bool = false
    ) -> [CELNode] {
        var elements: [CELNode] = []
        while !self.current.isSymbol(closing), !self.current.isEnd {
            let mark = self.current
            if allowsOptional, self.accept(.question) {
                let element = self.parseExpression()
                elements.append(self.node(.optionalElement(element), mark.range.lowerBound..<element.range.upperBound))
            } else {
                elements.append(self.parseExpression())
            }
            guard self.accept(.comma) else {
                break
            }
        }
        self.expectClosing(closing, of: opening)
        return elements
    }

    private mutating func parseMap(opening: CELToken) -> CELNode {
        var items: [CELMapItem] = []
        while !self.current.isSymbol(.rightBrace), !self.current.isEnd {
            let isOptional = self.accept(.question)
            let key = self.parseExpression()
            guard self.accept(.colon) else {
                self.reportUnexpected(needed: "':'", help: "a map is written {key: value}")
                break
            }
            items.append(CELMapItem(key: key, value: self.parseExpression(), isOptional: isOptional))
            guard self.accept(.comma) else {
                break
            }
        }
        self.expectClosing(.rightBrace, of: opening)
        return self.node(.map(items), opening.range.lowerBound..<self.previousEnd)
    }
}
