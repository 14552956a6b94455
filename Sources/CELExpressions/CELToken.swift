// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// A lexical element with its place.
struct CELToken: Hashable, Sendable {
    enum Kind: Hashable, Sendable {
        case identifier(String)
        /// A field name in backticks, which may hold dots, dashes, slashes and spaces.
        case quotedIdentifier(String)
        /// Without its sign: `-9223372036854775808` is a minus and a magnitude.
        case int(UInt64)
        case uint(UInt64)
        case double(Double)
        case string(String)
        case bytes([UInt8])
        case symbol(Symbol)
        /// The lexer has reported it already.
        case invalid
        case end
    }

    enum Symbol: String, CaseIterable, Hashable, Sendable {
        case leftParenthesis = "("
        case rightParenthesis = ")"
        case leftBracket = "["
        case rightBracket = "]"
        case leftBrace = "{"
        case rightBrace = "}"
        case dot = "."
        case comma = ","
        case colon = ":"
        case question = "?"
        case plus = "+"
        case minus = "-"
        case star = "*"
        case slash = "/"
        case percent = "%"
        case not = "!"
        case and = "&&"
        case or = "||"
        case equal = "=="
        case notEqual = "!="
        case less = "<"
        case lessOrEqual = "<="
        case greater = ">"
        case greaterOrEqual = ">="
    }

    var kind: Kind
    var range: Range<Int>

    /// Asked for every token several times, so it does not go through the equality of all kinds.
    func isSymbol(_ symbol: Symbol) -> Bool {
        if case .symbol(let own) = self.kind { own == symbol } else { false }
    }

    var isEnd: Bool {
        if case .end = self.kind { true } else { false }
    }

    /// Words that cannot name a field either.
    static let keywords: Set<String> = ["true", "false", "null", "in"]

    /// Words kept free for languages that embed CEL; they may name fields.
    static let reserved: Set<String> = [
        "as", "break", "const", "continue", "else", "for", "function", "if", "import", "let", "loop", "package",
        "namespace", "return", "var", "void", "while",
    ]
}

extension CELToken.Symbol {
    /// The symbol that begins with these two bytes, and how many of them it takes.
    static func read(_ first: UInt8, _ second: UInt8?) -> (symbol: Self, length: Int)? {
        let isBeforeEqual = second == UInt8(ascii: "=")
        switch first {
        case UInt8(ascii: "("): return (.leftParenthesis, 1)
        case UInt8(ascii: ")"): return (.rightParenthesis, 1)
        case UInt8(ascii: "["): return (.leftBracket, 1)
        case UInt8(ascii: "]"): return (.rightBracket, 1)
        case UInt8(ascii: "{"): return (.leftBrace, 1)
        case UInt8(ascii: "}"): return (.rightBrace, 1)
        case UInt8(ascii: "."): return (.dot, 1)
        case UInt8(ascii: ","): return (.comma, 1)
        case UInt8(ascii: ":"): return (.colon, 1)
        case UInt8(ascii: "?"): return (.question, 1)
        case UInt8(ascii: "+"): return (.plus, 1)
        case UInt8(ascii: "-"): return (.minus, 1)
        case UInt8(ascii: "*"): return (.star, 1)
        case UInt8(ascii: "/"): return (.slash, 1)
        case UInt8(ascii: "%"): return (.percent, 1)
        case UInt8(ascii: "&"): return second == first ? (.and, 2) : nil
        case UInt8(ascii: "|"): return second == first ? (.or, 2) : nil
        case UInt8(ascii: "="): return isBeforeEqual ? (.equal, 2) : nil
        case UInt8(ascii: "!"): return isBeforeEqual ? (.notEqual, 2) : (.not, 1)
        case UInt8(ascii: "<"): return isBeforeEqual ? (.lessOrEqual, 2) : (.less, 1)
        case UInt8(ascii: ">"): return isBeforeEqual ? (.greaterOrEqual, 2) : (.greater, 1)
        default: return nil
        }
    }

    /// The operator between two operands that it is, if it is one.
    var infix: CELOperator? {
        switch self {
        case .plus: .add
        case .minus: .subtract
        case .star: .multiply
        case .slash: .divide
        case .percent: .remainder
        case .equal: .equal
        case .notEqual: .notEqual
        case .less: .less
        case .lessOrEqual: .lessOrEqual
        case .greater: .greater
        case .greaterOrEqual: .greaterOrEqual
        case .leftParenthesis, .rightParenthesis, .leftBracket, .rightBracket, .leftBrace, .rightBrace, .dot, .comma,
            .colon, .question, .not, .and, .or:
            nil
        }
    }
}
