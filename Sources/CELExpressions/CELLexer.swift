// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// Splits a text into tokens.
///
/// It never stops early: what is no token becomes an `invalid` one and a problem, and the text goes on.
struct CELLexer {
    private let bytes: [UInt8]
    private var position = 0
    private(set) var tokens: [CELToken] = []
    private(set) var problems: [CELProblem] = []

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    mutating func run() {
        self.tokens.reserveCapacity(self.bytes.count / 3 + 2)
        while true {
            self.skipBlanks()
            guard let byte = self.peek() else {
                break
            }
            self.readToken(startingWith: byte)
        }
        self.tokens.append(CELToken(kind: .end, range: self.bytes.count..<self.bytes.count))
    }

    private func peek(_ distance: Int = 0) -> UInt8? {
        let index = self.position + distance
        return index < self.bytes.count ? self.bytes[index] : nil
    }

    private func text(_ range: Range<Int>) -> String {
        String(decoding: self.bytes[range], as: UTF8.self)
    }

    private mutating func skipBlanks() {
        while let byte = self.peek() {
            switch byte {
            case UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\n"), UInt8(ascii: "\r"), 0x0c:
                self.position += 1
            case UInt8(ascii: "/") where self.peek(1) == UInt8(ascii: "/"):
                while let next = self.peek(), next != UInt8(ascii: "\n"), next != UInt8(ascii: "\r") {
                    self.position += 1
                }
            default:
                return
            }
        }
    }

    private mutating func append(_ kind: CELToken.Kind, from start: Int) {
        self.tokens.append(CELToken(kind: kind, range: start..<self.position))
    }

    private mutating func report(_ message: String, at range: Range<Int>, help: String? = nil) {
        guard self.problems.count < CELLimits.problems else {
            return
        }
        self.problems.append(CELProblem(.syntax, message, at: range, help: help))
    }

    private mutating func readToken(startingWith byte: UInt8) {
        let start = self.position
        if byte.isDigit || byte == UInt8(ascii: ".") && self.peek(1)?.isDigit == true {
            self.readNumber()
        } else if let opening = CELStringLiteral.Opening(self.bytes, at: self.position) {
            self.readString(opening)
        } else if byte.isIdentifierStart {
            while self.peek()?.isIdentifierPart == true {
                self.position += 1
            }
            self.append(.identifier(self.text(start..<self.position)), from: start)
        } else if byte == UInt8(ascii: "`") {
            self.readQuotedIdentifier()
        } else {
            self.readSymbol()
        }
    }

    // MARK: Numbers

    private mutating func readNumber() {
        let start = self.position
        let isHexadecimal = self.peek() == UInt8(ascii: "0") && self.peek(1) == UInt8(ascii: "x")
        var isDouble = false
        if isHexadecimal {
            self.position += 2
            self.skip(\.isHexadecimalDigit)
        } else {
            self.skip(\.isDigit)
            if self.peek() == UInt8(ascii: "."), self.peek(1)?.isDigit == true {
                isDouble = true
                self.position += 1
                self.skip(\.isDigit)
            }
            if let exponent = self.exponentLength() {
                isDouble = true
                self.position += exponent
                self.skip(\.isDigit)
            }
        }
        let end = self.position
        var isUnsigned = false
        if !isDouble, let suffix = self.peek(), suffix == UInt8(ascii: "u") || suffix == UInt8(ascii: "U") {
            isUnsigned = true
            self.position += 1
        }
        if self.peek()?.isIdentifierPart == true {
            return self.refuseUnit(from: start)
        }
        let digits = self.text(start..<end)
        if isDouble {
            return self.append(Double(digits).map { .double($0) } ?? .invalid, from: start)
        }
        let magnitude = isHexadecimal ? UInt64(digits.dropFirst(2), radix: 16) : UInt64(digits)
        guard let magnitude else {
            let problem = isHexadecimal && digits.utf8.count == 2 ? "has no digits" : "does not fit into 64 bits"
            self.report("'\(digits)' \(problem)", at: start..<self.position)
            return self.append(.invalid, from: start)
        }
        self.append(isUnsigned ? .uint(magnitude) : .int(magnitude), from: start)
    }

    private mutating func skip(_ matches: (UInt8) -> Bool) {
        while let byte = self.peek(), matches(byte) {
            self.position += 1
        }
    }

    /// The bytes of `e`, `e+` or `e-` if a digit follows.
    private func exponentLength() -> Int? {
        guard self.peek() == UInt8(ascii: "e") || self.peek() == UInt8(ascii: "E") else {
            return nil
        }
        if self.peek(1)?.isDigit == true {
            return 1
        }
        let hasSign = self.peek(1) == UInt8(ascii: "+") || self.peek(1) == UInt8(ascii: "-")
        return hasSign && self.peek(2)?.isDigit == true ? 2 : nil
    }

    /// `30s` is what people write elsewhere in a runbook.
    private mutating func refuseUnit(from start: Int) {
        self.skip(\.isIdentifierPart)
        let word = self.text(start..<self.position)
        let help = CELDuration(parsing: word).map { _ in "write duration('\(word)')" }
        self.report("'\(word)' is not a number", at: start..<self.position, help: help)
        self.append(.invalid, from: start)
    }

    // MARK: Strings

    private mutating func readString(_ opening: CELStringLiteral.Opening) {
        let start = self.position
        var literal = CELStringLiteral(self.bytes, opening: opening)
        self.position = literal.read()
        self.problems += literal.problems.prefix(max(0, CELLimits.problems - self.problems.count))
        guard literal.problems.isEmpty else {
            return self.append(.invalid, from: start)
        }
        if opening.isBytes {
            return self.append(.bytes(literal.content), from: start)
        }
        self.append(.string(String(decoding: literal.content, as: UTF8.self)), from: start)
    }

    // MARK: The rest

    private mutating func readQuotedIdentifier() {
        let start = self.position
        self.position += 1
        let extra: [UInt8] = Array(".-/ ".utf8)
        self.skip { $0.isIdentifierPart || extra.contains($0) }
        let content = (start + 1)..<self.position
        guard self.peek() == UInt8(ascii: "`"), !content.isEmpty else {
            self.report(
                "'\(self.text(start..<self.position))' is not a quoted name",
                at: start..<self.position,
                help: "between backticks stand letters, digits and _ . - / or spaces"
            )
            return self.append(.invalid, from: start)
        }
        self.position += 1
        self.append(.quotedIdentifier(self.text(content)), from: start)
    }

    private mutating func readSymbol() {
        let start = self.position
        if let (symbol, length) = CELToken.Symbol.read(self.bytes[start], self.peek(1)) {
            self.position += length
            return self.append(.symbol(symbol), from: start)
        }
        let help: String?
        switch self.bytes[start] {
        case UInt8(ascii: "="): help = "write '==' to compare"
        case UInt8(ascii: "&"): help = "write '&&'"
        case UInt8(ascii: "|"): help = "write '||'"
        case 0x80...: help = "names have letters from a to z, digits and _"
        default: help = nil
        }
        // A run of strangers is one problem; its bytes may be the parts of one character.
        let isPlain = self.bytes[start] < 0x80
        self.position += 1
        while !isPlain, let byte = self.peek(), byte >= 0x80 {
            self.position += 1
        }
        let word = CELValue.quoted(String(self.text(start..<self.position).prefix(12))).dropFirst().dropLast()
        self.report("unexpected '\(word)'", at: start..<self.position, help: help)
        self.append(.invalid, from: start)
    }
}

extension UInt8 {
    var isDigit: Bool {
        (48...57).contains(self)
    }

    var isHexadecimalDigit: Bool {
        self.hexadecimalValue != nil
    }

    var hexadecimalValue: UInt32? {
        switch self {
        case 48...57: UInt32(self) - 48
        case 65...70: UInt32(self) - 55
        case 97...102: UInt32(self) - 87
        default: nil
        }
    }

    var isIdentifierStart: Bool {
        (65...90).contains(self) || (97...122).contains(self) || self == 95
    }

    var isIdentifierPart: Bool {
        self.isIdentifierStart || self.isDigit
    }
}
