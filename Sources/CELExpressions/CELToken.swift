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

    /// Words that cannot name a field either.
    static let keywords: Set<String> = ["true", "false", "null", "in"]

    /// Words kept free for languages that embed CEL; they may name fields.
    static let reserved: Set<String> = [
        "as", "break", "const", "continue", "else", "for", "function", "if", "import", "let", "loop", "package",
        "namespace", "return", "var", "void", "while",
    ]
}
