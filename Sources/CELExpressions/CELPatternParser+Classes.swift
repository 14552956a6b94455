// Selfheal
// SPDX-License-Identifier: Apache-2.0

extension CELPatternParser {
    private static let digits: [ClosedRange<UInt32>] = [0x30...0x39]
    private static let blanks: [ClosedRange<UInt32>] = [0x09...0x0a, 0x0c...0x0d, 0x20...0x20]
    private static let words: [ClosedRange<UInt32>] = [0x30...0x39, 0x41...0x5a, 0x5f...0x5f, 0x61...0x7a]

    private static let named: [String: [ClosedRange<UInt32>]] = [
        "alnum": [0x30...0x39, 0x41...0x5a, 0x61...0x7a], "alpha": [0x41...0x5a, 0x61...0x7a], "ascii": [0...0x7f],
        "blank": [0x09...0x09, 0x20...0x20], "cntrl": [0...0x1f, 0x7f...0x7f], "digit": digits,
        "graph": [0x21...0x7e], "lower": [0x61...0x7a], "print": [0x20...0x7e],
        "punct": [0x21...0x2f, 0x3a...0x40, 0x5b...0x60, 0x7b...0x7e], "space": [0x09...0x0d, 0x20...0x20],
        "upper": [0x41...0x5a], "word": words, "xdigit": [0x30...0x39, 0x41...0x46, 0x61...0x66],
    ]

    // MARK: Escapes

    /// Outside of brackets; the backslash has been read.
    mutating func parseEscape(from start: Int) throws(Problem) -> Tree {
        if let assertion = self.parseAssertion() {
            return .assertion(assertion)
        }
        if let items = try self.parseClassEscape(from: start) {
            return .set(CELScalarSet(items: items, foldsCase: self.flags.foldsCase))
        }
        return self.literal(try self.parseCharacterEscape(from: start))
    }

    private mutating func parseAssertion() -> CELPattern.Assertion? {
        let assertion: CELPattern.Assertion
        switch self.peek() {
        case "A": assertion = .textStart
        case "z": assertion = .textEnd
        case "b": assertion = .wordBoundary
        case "B": assertion = .noWordBoundary
        default: return nil
        }
        self.position += 1
        return assertion
    }

    /// `\d`, `\S`, `\pN`, `\P{Lu}` and the like, inside and outside of brackets.
    private mutating func parseClassEscape(from start: Int) throws(Problem) -> [CELScalarSet.Item]? {
        guard let letter = self.peek() else {
            return nil
        }
        let ranges: [ClosedRange<UInt32>]
        switch letter {
        case "d", "D": ranges = Self.digits
        case "s", "S": ranges = Self.blanks
        case "w", "W": ranges = Self.words
        case "p", "P":
            self.position += 1
            return [try self.parseCategory(isNegated: letter == "P", from: start)]
        default: return nil
        }
        self.position += 1
        return letter.properties.isUppercase ? [.outside(ranges)] : ranges.map { .range($0) }
    }

    private mutating func parseCategory(isNegated: Bool, from start: Int) throws(Problem) -> CELScalarSet.Item {
        var isNegated = isNegated
        var name = ""
        if self.accept("{") {
            if self.accept("^") {
                isNegated.toggle()
            }
            let first = self.position
            while let scalar = self.peek(), scalar != "}" {
                self.position += 1
            }
            name = self.text(from: first, to: self.position)
            guard self.accept("}") else {
                throw self.problem("'{' is never closed", from: start)
            }
        } else if let letter = self.peek() {
            self.position += 1
            name = String(Character(letter))
        }
        guard let category = CELScalarSet.Category(named: name) else {
            throw self.problem(
                "'\(self.text(from: start, to: self.position))' is no class that is known, such as \\pL, \\p{Lu} or \\p{Greek}",
                from: start
            )
        }
        return .category(category, isNegated: isNegated)
    }

    /// One character: `\n`, `\x41`, `\x{1F600}`, `\101`, `\.`.
    private mutating func parseCharacterEscape(from start: Int) throws(Problem) -> Unicode.Scalar {
        guard let scalar = self.peek() else {
            throw self.problem("'\\' stands at the end", from: start)
        }
        self.position += 1
        switch scalar {
        case "a": return "\u{7}"
        case "f": return "\u{c}"
        case "n": return "\n"
        case "r": return "\r"
        case "t": return "\t"
        case "v": return "\u{b}"
        case "x": return try self.parseHexadecimal(from: start)
        case "0"..."7": return try self.parseOctal(scalar, from: start)
        default: break
        }
        guard scalar.isASCII, !UInt8(ascii: scalar).isIdentifierPart, scalar.value > 0x20 else {
            let what = ("0"..."9").contains(scalar) ? "refers back to a group, which cannot be done" : "means nothing"
            throw self.problem("'\(self.text(from: start, to: self.position))' \(what)", from: start)
        }
        return scalar
    }

    private mutating func parseHexadecimal(from start: Int) throws(Problem) -> Unicode.Scalar {
        let isBraced = self.accept("{")
        let first = self.position
        while let scalar = self.peek(), scalar.isASCII, UInt8(ascii: scalar).isHexadecimalDigit,
            isBraced || self.position < first + 2
        {
            self.position += 1
        }
        let digits = self.text(from: first, to: self.position)
        guard isBraced ? self.accept("}") : digits.utf8.count == 2,
            let scalar = UInt32(digits, radix: 16).flatMap({ Unicode.Scalar($0) })
        else {
            throw self.problem("'\(self.text(from: start, to: self.position))' is no character", from: start)
        }
        return scalar
    }

    /// `\0`, `\012`, `\101`; a single digit from 1 to 7 would refer back.
    private mutating func parseOctal(
        _ first: Unicode.Scalar,
        from start: Int
    ) throws(Problem) -> Unicode.Scalar {
        var value = first.value - 48
        var count = 1
        while count < 3, let scalar = self.peek(), ("0"..."7").contains(scalar) {
            self.position += 1
            value = value * 8 + scalar.value - 48
            count += 1
        }
        guard first == "0" || count > 1, let scalar = Unicode.Scalar(value) else {
            throw self.problem(
                "'\(self.text(from: start, to: self.position))' refers back to a group, which cannot be done",
                from: start
            )
        }
        return scalar
    }

    // MARK: Brackets

    /// The opening bracket has been read.
    mutating func parseSet(from start: Int) throws(Problem) -> CELScalarSet {
        let isNegated = self.accept("^")
        var items: [CELScalarSet.Item] = []
        // A closing bracket in the first place stands for itself.
        while items.isEmpty || self.peek() != "]" {
            guard self.peek() != nil else {
                throw self.problem("'[' is never closed", from: start, to: start + 1)
            }
            if let group = try self.parseNamedClass() {
                items += group
                continue
            }
            let first = self.position
            if self.peek() == "\\" {
                self.position += 1
                if let group = try self.parseClassEscape(from: first) {
                    items += group
                    continue
                }
                self.position = first
            }
            items.append(.range(try self.parseRange()))
        }
        self.position += 1
        return CELScalarSet(items: items, isNegated: isNegated, foldsCase: self.flags.foldsCase)
    }

    private mutating func parseRange() throws(Problem) -> ClosedRange<UInt32> {
        let start = self.position
        let low = try self.parseSetCharacter()
        guard self.peek() == "-", let next = self.peek(1), next != "]" else {
            return low...low
        }
        self.position += 1
        let high = try self.parseSetCharacter()
        guard low <= high else {
            throw self.problem("the range '\(self.text(from: start, to: self.position))' is empty", from: start)
        }
        return low...high
    }

    private mutating func parseSetCharacter() throws(Problem) -> UInt32 {
        let start = self.position
        guard let scalar = self.peek() else {
            throw self.problem("'[' is never closed", from: max(0, start - 1))
        }
        self.position += 1
        return scalar == "\\" ? try self.parseCharacterEscape(from: start).value : scalar.value
    }

    /// `[:alpha:]` and `[:^alpha:]`, inside of brackets.
    private mutating func parseNamedClass() throws(Problem) -> [CELScalarSet.Item]? {
        let start = self.position
        guard self.accept(text: "[:") else {
            return nil
        }
        let isNegated = self.accept("^")
        let first = self.position
        while let scalar = self.peek(), ("a"..."z").contains(scalar) {
            self.position += 1
        }
        let name = self.text(from: first, to: self.position)
        guard self.accept(text: ":]") else {
            self.position = start
            return nil
        }
        guard let ranges = Self.named[name] else {
            throw self.problem("there is no class '[:\(name):]'", from: start)
        }
        return isNegated ? [.outside(ranges)] : ranges.map { .range($0) }
    }
}
