// Selfheal
// SPDX-License-Identifier: Apache-2.0

package import RunbookSource

/// A text in a YAML file, as it reads once quotes, folding and escapes are undone.
package struct YAMLScalar: Hashable, Sendable {
    package enum Style: Hashable, Sendable {
        case plain
        case singleQuoted
        case doubleQuoted
        /// `|`: every line break counts.
        case literal
        /// `>`: lines are joined with spaces.
        case folded
    }

    package var text: String
    package var style: Style
    /// Quotes and block header included.
    package var span: SourceSpan
    /// Where positions inside the text are looked up; without it they are all the whole scalar's.
    private let file: SourceFile?

    package init(text: String, style: Style, span: SourceSpan, file: SourceFile? = nil) {
        self.text = text
        self.style = style
        self.span = span
        self.file = file
    }

    package static func == (left: Self, right: Self) -> Bool {
        left.text == right.text && left.style == right.style && left.span == right.span
    }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(self.text)
        hasher.combine(self.style)
        hasher.combine(self.span)
    }

    /// Where a range of the text's UTF-8 bytes stands in the file.
    ///
    /// Exact through quotes, escapes, folding and block indentation; where a text could not be followed, the
    /// whole scalar. Every call reads the scalar anew: for many ranges of one scalar keep its ``map``.
    package func span(ofUTF8Range range: Range<Int>) -> SourceSpan { self.map.span(ofUTF8Range: range) }

    /// The way from positions in the text to positions in the file.
    package var map: YAMLScalarMap { YAMLScalarMap(of: self, in: self.file) }
}

// MARK: Core schema

extension YAMLScalar {
    /// What a scalar means.
    package enum Resolved: Hashable, Sendable {
        case null
        case bool(Bool)
        case int(Int64)
        case double(Double)
        case string(String)

        package var kindName: String {
            switch self {
            case .null: "nothing"
            case .bool: "a boolean"
            case .int, .double: "a number"
            case .string: "text"
            }
        }
    }

    /// The meaning by YAML 1.2's core schema; only plain scalars are ever anything but text.
    ///
    /// One thing is stricter than the schema: a number with leading zeros is text, because YAML 1.1 and
    /// half the readers of a runbook take `010` for eight. A whole number beyond 64 bits is a double.
    package var resolved: Resolved {
        guard self.style == .plain else { return .string(self.text) }
        guard self.mayMeanMore else { return .string(self.text) }
        switch self.text {
        case "", "~", "null", "Null", "NULL": return .null
        case "true", "True", "TRUE": return .bool(true)
        case "false", "False", "FALSE": return .bool(false)
        case ".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF": return .double(.infinity)
        case "-.inf", "-.Inf", "-.INF": return .double(-.infinity)
        case ".nan", ".NaN", ".NAN": return .double(.nan)
        default: break
        }
        guard let first = self.text.utf8.first, isDigit(first) || first == 0x2B || first == 0x2D || first == 0x2E else {
            return .string(self.text)
        }
        return PlainNumber(self.text)?.resolved ?? .string(self.text)
    }

    /// Whether the text is one of those that mean nothing.
    var isNull: Bool {
        guard self.style == .plain, self.text.utf8.count <= 4 else { return false }
        return self.text.isEmpty || self.mayMeanMore && self.resolved == .null
    }

    /// Whether the text begins like something that is no text; nearly all are ruled out by that.
    private var mayMeanMore: Bool {
        guard let first = self.text.utf8.first else { return true }
        switch first {
        case UInt8(ascii: "~"), UInt8(ascii: "n"), UInt8(ascii: "N"), UInt8(ascii: "t"), UInt8(ascii: "T"),
            UInt8(ascii: "f"), UInt8(ascii: "F"), UInt8(ascii: "."), UInt8(ascii: "+"), UInt8(ascii: "-"):
            return true
        default: return isDigit(first)
        }
    }

    /// Whether YAML 1.1 readers, or people, could take this text for something else: `yes`, `010`, `12:30:45`.
    package var looksAmbiguous: Bool { self.ambiguity != nil }

    /// What others take the text for; nil when everyone agrees.
    package var ambiguity: String? {
        guard self.style == .plain, let first = self.text.utf8.first else { return nil }
        switch self.text.utf8.count <= 3 ? self.text.lowercased() : "" {
        case "yes", "no", "on", "off", "y", "n": return "a boolean"
        default: break
        }
        guard isDigit(first) || first == 0x2B || first == 0x2D, case .string = self.resolved else { return nil }
        let digits = self.text.utf8.dropFirst(isDigit(first) ? 0 : 1)
        guard let lead = digits.first, isDigit(lead) else { return nil }
        if digits.allSatisfy({ isDigit($0) }) { return "an octal number" }
        if digits.allSatisfy({ isDigit($0) || $0 == 0x5F }) { return "a number" }
        if digits.allSatisfy({ isDigit($0) || $0 == 0x3A }), digits.last != 0x3A { return "a number in base 60" }
        let isDate =
            digits.count == 10 && digits.enumerated().allSatisfy { $0 == 4 || $0 == 7 ? $1 == 0x2D : isDigit($1) }
        return isDate ? "a date" : nil
    }
}

private func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }

/// A plain scalar that the core schema takes for a number.
private struct PlainNumber {
    let resolved: YAMLScalar.Resolved

    init?(_ text: String) {
        if text.hasPrefix("0x") {
            guard let value = Int64(digits: text.dropFirst(2), radix: 16) else { return nil }
            self.resolved = .int(value)
        } else if text.hasPrefix("0o") {
            guard let value = Int64(digits: text.dropFirst(2), radix: 8) else { return nil }
            self.resolved = .int(value)
        } else {
            guard let isWhole = Self.isWhole(Array(text.utf8)) else { return nil }
            if isWhole, let value = Int64(text) {
                self.resolved = .int(value)
            } else {
                guard let value = Double(text), value.isFinite else { return nil }
                self.resolved = .double(value)
            }
        }
    }

    /// Whether the text is a whole number; nil when it is none at all, or has zeros in front.
    private static func isWhole(_ bytes: [UInt8]) -> Bool? {
        var rest = bytes[...]
        func takeDigits() -> Int {
            let digits = rest.prefix { isDigit($0) }
            rest = rest.dropFirst(digits.count)
            return digits.count
        }
        func take(_ first: UInt8, _ second: UInt8) -> Bool {
            guard rest.first == first || rest.first == second else { return false }
            rest.removeFirst()
            return true
        }
        _ = take(0x2B, 0x2D)
        let leadsWithZero = rest.first == 0x30
        let whole = takeDigits()
        guard !leadsWithZero || whole == 1 else { return nil }
        guard !rest.isEmpty else { return whole > 0 ? true : nil }
        let hasPoint = take(0x2E, 0x2E)
        let fraction = hasPoint ? takeDigits() : 0
        guard whole + fraction > 0 else { return nil }
        if take(0x65, 0x45) {
            _ = take(0x2B, 0x2D)
            guard takeDigits() > 0 else { return nil }
        }
        return rest.isEmpty ? false : nil
    }
}

extension Int64 {
    /// `Int64(_:radix:)` would also take a sign.
    fileprivate init?(digits: Substring, radix: Int) {
        guard let first = digits.first, first != "+", first != "-", let value = Int64(digits, radix: radix) else {
            return nil
        }
        self = value
    }
}
