// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// Reads one string or bytes literal, in any of its forms.
struct CELStringLiteral {
    /// Everything up to and including the opening quotes.
    struct Opening: Hashable {
        var start: Int
        /// Where the content begins.
        var content: Int
        var quote: UInt8
        var isTriple: Bool
        var isRaw = false
        var isBytes = false

        /// `nil` if no literal begins here: a prefix such as `b` or `r` may be an identifier.
        init?(_ bytes: [UInt8], at start: Int) {
            var index = start
            if index < bytes.count, bytes[index] == UInt8(ascii: "b") || bytes[index] == UInt8(ascii: "B") {
                self.isBytes = true
                index += 1
            }
            if index < bytes.count, bytes[index] == UInt8(ascii: "r") || bytes[index] == UInt8(ascii: "R") {
                self.isRaw = true
                index += 1
            }
            guard index < bytes.count, bytes[index] == UInt8(ascii: "'") || bytes[index] == UInt8(ascii: "\"") else {
                return nil
            }
            self.start = start
            self.quote = bytes[index]
            self.isTriple =
                index + 2 < bytes.count && bytes[index + 1] == self.quote && bytes[index + 2] == self.quote
            self.content = index + (self.isTriple ? 3 : 1)
        }
    }

    private let bytes: [UInt8]
    private let opening: Opening
    private var position: Int
    /// The value, as UTF-8 for a string.
    private(set) var content: [UInt8] = []
    private(set) var problems: [CELProblem] = []

    init(_ bytes: [UInt8], opening: Opening) {
        self.bytes = bytes
        self.opening = opening
        self.position = opening.content
    }

    /// Reads to the closing quotes and returns the offset behind them, or behind what there is of the literal.
    mutating func read() -> Int {
        while self.position < self.bytes.count {
            let byte = self.bytes[self.position]
            if byte == self.opening.quote, let end = self.closing() {
                return end
            }
            if !self.opening.isTriple, byte == UInt8(ascii: "\n") || byte == UInt8(ascii: "\r") {
                break
            }
            if byte == UInt8(ascii: "\\"), self.opening.isRaw {
                self.readRawBackslash()
            } else if byte == UInt8(ascii: "\\") {
                self.readEscape()
            } else {
                self.content.append(byte)
                self.position += 1
            }
        }
        let quotes = self.opening.isTriple ? "three quotes" : "quote"
        self.problems.append(
            CELProblem(
                .syntax,
                self.opening.isBytes ? "bytes literal is never closed" : "string is never closed",
                at: self.opening.start..<self.position,
                help: "it begins here and needs the same \(quotes) at its end"
            )
        )
        return self.position
    }

    private func closing() -> Int? {
        guard self.opening.isTriple else {
            return self.position + 1
        }
        let quote = self.opening.quote
        return self.bytes[self.position...].starts(with: [quote, quote, quote]) ? self.position + 3 : nil
    }

    /// In a raw literal a backslash is itself; the quote behind it is still a quote.
    private mutating func readRawBackslash() {
        self.content.append(UInt8(ascii: "\\"))
        self.position += 1
    }

    private mutating func readEscape() {
        let start = self.position
        guard start + 1 < self.bytes.count else {
            self.position += 1
            return
        }
        let code = self.bytes[start + 1]
        self.position += 2
        if let plain = Self.simpleEscapes[code] {
            self.content.append(plain)
            return
        }
        switch code {
        case UInt8(ascii: "x"), UInt8(ascii: "X"):
            self.append(self.hexadecimal(digits: 2), isOctet: true, from: start)
        case UInt8(ascii: "u") where !self.opening.isBytes:
            self.append(self.fourDigits(), isOctet: false, from: start)
        case UInt8(ascii: "U") where !self.opening.isBytes:
            self.append(self.hexadecimal(digits: 8), isOctet: false, from: start)
        case UInt8(ascii: "0")...UInt8(ascii: "3"):
            self.position -= 1
            self.append(self.octal(), isOctet: true, from: start)
        default:
            // Take in the rest of a character of several bytes.
            while self.position < self.bytes.count, self.bytes[self.position] & 0xc0 == 0x80, code >= 0x80 {
                self.position += 1
            }
            self.refuse(from: start)
        }
    }

    private static let simpleEscapes: [UInt8: UInt8] = [
        UInt8(ascii: "\\"): 0x5c, UInt8(ascii: "?"): 0x3f, UInt8(ascii: "\""): 0x22, UInt8(ascii: "'"): 0x27,
        UInt8(ascii: "`"): 0x60, UInt8(ascii: "a"): 0x07, UInt8(ascii: "b"): 0x08, UInt8(ascii: "f"): 0x0c,
        UInt8(ascii: "n"): 0x0a, UInt8(ascii: "r"): 0x0d, UInt8(ascii: "t"): 0x09, UInt8(ascii: "v"): 0x0b,
    ]

    private mutating func refuse(from start: Int) {
        let word = String(decoding: self.bytes[start..<self.position], as: UTF8.self)
        self.problems.append(
            CELProblem(
                .syntax,
                "'\(word)' is not an escape sequence",
                at: start..<self.position,
                help: "write '\\\\' for a backslash, or begin the string with r to take it as it is"
            )
        )
    }

    /// An octet stays one byte in a bytes literal; in a string every escape is a code point.
    private mutating func append(_ value: UInt32?, isOctet: Bool, from start: Int) {
        guard let value else {
            return self.refuse(from: start)
        }
        if self.opening.isBytes, isOctet {
            self.content.append(UInt8(truncatingIfNeeded: value))
        } else if let scalar = Unicode.Scalar(value) {
            self.content += Array(String(Character(scalar)).utf8)
        } else {
            self.refuse(from: start)
        }
    }

    private mutating func hexadecimal(digits: Int) -> UInt32? {
        var value: UInt32 = 0
        for _ in 0..<digits {
            guard self.position < self.bytes.count, let digit = self.bytes[self.position].hexadecimalValue else {
                return nil
            }
            value = value << 4 | digit
            self.position += 1
        }
        return value
    }

    /// Two `\u` that are a surrogate pair are one code point; a lone surrogate is none.
    private mutating func fourDigits() -> UInt32? {
        guard let first = self.hexadecimal(digits: 4) else {
            return nil
        }
        guard (0xd800...0xdbff).contains(first), self.bytes[self.position...].starts(with: Array("\\u".utf8)) else {
            return first
        }
        self.position += 2
        guard let second = self.hexadecimal(digits: 4), (0xdc00...0xdfff).contains(second) else {
            return nil
        }
        return 0x10000 + (first - 0xd800) << 10 + (second - 0xdc00)
    }

    private mutating func octal() -> UInt32? {
        var value: UInt32 = 0
        for _ in 0..<3 {
            guard self.position < self.bytes.count, (48...55).contains(self.bytes[self.position]) else {
                return nil
            }
            value = value * 8 + UInt32(self.bytes[self.position] - 48)
            self.position += 1
        }
        return value
    }
}
