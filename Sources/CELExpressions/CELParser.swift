// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// Turns tokens into a syntax tree, by precedence climbing.
///
/// A mistake becomes a problem and an `invalid` node, and parsing goes on behind it, so that one pass
/// finds several mistakes. Nesting is limited, so no text can exhaust the stack.
struct CELParser {
    private let source: [UInt8]
    private var tokens: [CELToken]
    private var position = 0
    private var problems: [CELProblem]
    /// Variables of the enclosing macros, innermost last.
    private var scope: [(name: String, slot: Int)] = []
    private(set) var slotCount = 0
    private var depth = 0

    init(_ text: String) {
        self.source = Array(text.utf8)
        guard self.source.count <= CELLimits.textBytes else {
            let range = 0..<self.source.count
            self.tokens = [CELToken(kind: .end, range: range.upperBound..<range.upperBound)]
            self.problems = [
                CELProblem(
                    .limit,
                    "the expression has \(range.count) bytes, and \(CELLimits.textBytes) is the most",
                    at: range,
                    help: "name parts of it and use the names"
                )
            ]
            return
        }
        var lexer = CELLexer(self.source)
        lexer.run()
        self.tokens = lexer.tokens
        self.problems = lexer.problems
    }

    /// The tree, or `nil` if there is any problem; problems are in the order of the text.
    mutating func parse() -> (CELNode?, [CELProblem]) {
        if self.problems.first?.kind == .limit {
            return (nil, self.problems)
        }
        let root: CELNode
        if self.tokens.count == 1 {
            root = self.invalid(at: 0..<self.source.count)
            self.report("the expression is empty", at: 0..<self.source.count)
        } else {
            root = self.parseExpression()
            self.expectEnd()
        }
        guard self.problems.isEmpty else {
            let sorted = self.problems.enumerated().sorted {
                ($0.element.range.lowerBound, $0.offset) < ($1.element.range.lowerBound, $1.offset)
            }
            return (nil, sorted.prefix(CELLimits.problems).map(\.element))
        }
        return (root, [])
    }

    // MARK: Tokens

    var current: CELToken { self.tokens[self.position] }

    var previousEnd: Int { self.position > 0 ? self.tokens[self.position - 1].range.upperBound : 0 }

    /// `nil` in an empty text.
    var lastTokenRange: Range<Int>? { self.tokens.dropLast().last?.range }

    var isFollowedByComma: Bool {
        self.position + 1 < self.tokens.count && self.tokens[self.position + 1].kind == .symbol(.comma)
    }

    mutating func advance() -> CELToken {
        let token = self.current
        if !token.isEnd {
            self.position += 1
        }
        return token
    }

    mutating func accept(_ symbol: CELToken.Symbol) -> Bool {
        guard self.tokens[self.position].isSymbol(symbol) else {
            return false
        }
        self.position += 1
        return true
    }

    mutating func stepBack() {
        self.position -= 1
    }

    func text(_ range: Range<Int>) -> String {
        String(decoding: self.source[range], as: UTF8.self)
    }

    // MARK: Problems

    mutating func report(
        _ message: String,
        at range: Range<Int>,
        help: String? = nil,
        _ kind: CELProblem.Kind = .syntax
    ) {
        guard self.problems.count < CELLimits.problems else {
            return
        }
        // One problem for each place; behind a limit nothing was read, so nothing can be said about it.
        guard !self.problems.contains(where: { $0.range == range || $0.kind == .limit }) else {
            return
        }
        self.problems.append(CELProblem(kind, message, at: range, help: help))
    }

    func invalid(at range: Range<Int>) -> CELNode {
        CELNode(.invalid, range)
    }

    /// What a person would call the token.
    func name(of token: CELToken) -> String {
        guard !token.isEnd else {
            return "the end of the expression"
        }
        let text = self.text(token.range)
        return text.utf8.count <= 40 ? "'\(text)'" : "'\(text.prefix(36))…'"
    }

    /// Reports what is here instead of what was needed, unless the lexer already complained about it.
    mutating func reportUnexpected(needed: String, help: String? = nil) {
        let token = self.current
        guard token.kind != .invalid else {
            return
        }
        self.report("\(needed) is missing before \(self.name(of: token))", at: token.range, help: help)
    }

    private mutating func expectEnd() {
        let token = self.current
        if token.isEnd || token.kind == .invalid {
            return
        }
        var help: String?
        if case .identifier(let word) = token.kind {
            switch word {
            case "and", "AND": help = "write '&&'"
            case "or", "OR": help = "write '||'"
            case "is": help = "write '=='"
            case "not": help = "write '!'"
            default: help = nil
            }
        }
        self.report("unexpected \(self.name(of: token))", at: token.range, help: help)
    }

    /// Reports an unclosed bracket at its opening; both ends are named because either may be the mistake.
    mutating func expectClosing(_ closing: CELToken.Symbol, of opening: CELToken) {
        if self.accept(closing) {
            return
        }
        let token = self.current
        if token.isEnd {
            self.report("'\(self.text(opening.range))' is never closed", at: opening.range)
        } else if token.kind != .invalid {
            self.report(
                "unexpected \(self.name(of: token))",
                at: token.range,
                help: "the '\(self.text(opening.range))' before it needs a '\(closing.rawValue)'"
            )
        }
        self.recover(to: closing)
    }

    /// Skips to the bracket that closes this level, so that the rest is still looked at.
    private mutating func recover(to closing: CELToken.Symbol) {
        var level = 0
        while true {
            switch self.current.kind {
            case .end:
                return
            case .symbol(.leftParenthesis), .symbol(.leftBracket), .symbol(.leftBrace):
                level += 1
            case .symbol(.rightParenthesis), .symbol(.rightBracket), .symbol(.rightBrace):
                if level == 0 {
                    _ = self.accept(closing)
                    return
                }
                level -= 1
            default:
                break
            }
            _ = self.advance()
        }
    }

    // MARK: Nodes and scopes

    /// A node, unless the tree would become too deep for everything that walks it.
    mutating func node(_ kind: CELNode.Kind, _ range: Range<Int>) -> CELNode {
        let node = CELNode(kind, range)
        guard node.height > CELLimits.nesting else {
            return node
        }
        self.reportNesting(at: range)
        return self.invalid(at: range)
    }

    private mutating func reportNesting(at range: Range<Int>) {
        self.report(
            "the expression is nested more than \(CELLimits.nesting) levels deep",
            at: range,
            help: "name parts of it and use the names",
            .limit
        )
    }

    /// Runs `body` one level deeper, or gives up on the whole text: nothing sensible follows 200 brackets.
    mutating func nested(_ body: (inout CELParser) -> CELNode) -> CELNode {
        self.depth += 1
        defer { self.depth -= 1 }
        guard self.depth <= CELLimits.nesting else {
            let range = self.current.range
            self.reportNesting(at: range)
            self.position = self.tokens.count - 1
            return self.invalid(at: range)
        }
        return body(&self)
    }

    mutating func withVariables(_ names: [String], _ body: (inout CELParser, [Int]) -> Void) {
        let first = self.scope.count
        for (index, name) in names.enumerated() {
            self.scope.append((name, first + index))
        }
        self.slotCount = max(self.slotCount, self.scope.count)
        body(&self, Array(first..<self.scope.count))
        self.scope.removeLast(names.count)
    }

    func slot(of name: String) -> Int? {
        self.scope.last { $0.name == name }?.slot
    }
}
