// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// Reads the syntax of RE2.
///
/// What RE2 refuses because it cannot be searched in linear time (`\1`, `(?=…)`) is refused here too.
struct CELPatternParser {
    typealias Problem = CELPattern.Problem
    typealias Tree = CELPatternTree

    /// What `(?ims)` switches.
    struct Flags {
        var foldsCase = false
        var isMultiline = false
        var dotTakesNewline = false
    }

    private let scalars: [Unicode.Scalar]
    /// The byte at which each character begins, and the end.
    private let offsets: [Int]
    var position = 0
    var flags = Flags()
    private var groupNames: Set<String> = []
    private var depth = 0

    init(_ text: String) {
        self.scalars = Array(text.unicodeScalars)
        var offsets = [0]
        for scalar in self.scalars {
            offsets.append((offsets.last ?? 0) + UTF8.width(scalar))
        }
        self.offsets = offsets
    }

    mutating func parse() throws(Problem) -> Tree {
        let tree = try self.parseChoice()
        guard self.peek() == nil else {
            throw self.problem("')' closes nothing", from: self.position, to: self.position + 1)
        }
        return tree
    }

    // MARK: Characters

    func peek(_ distance: Int = 0) -> Unicode.Scalar? {
        let index = self.position + distance
        return index < self.scalars.count ? self.scalars[index] : nil
    }

    mutating func accept(_ scalar: Unicode.Scalar) -> Bool {
        guard self.peek() == scalar else {
            return false
        }
        self.position += 1
        return true
    }

    mutating func accept(text: String) -> Bool {
        let wanted = Array(text.unicodeScalars)
        guard self.position + wanted.count <= self.scalars.count,
            Array(self.scalars[self.position..<(self.position + wanted.count)]) == wanted
        else {
            return false
        }
        self.position += wanted.count
        return true
    }

    func text(from start: Int, to end: Int) -> String {
        var view = String.UnicodeScalarView()
        view.append(contentsOf: self.scalars[start..<min(end, self.scalars.count)])
        return String(view)
    }

    func problem(_ message: String, from start: Int, to end: Int? = nil) -> Problem {
        let last = min(end ?? self.position, self.scalars.count)
        return Problem(message: message, range: self.offsets[min(start, last)]..<self.offsets[last])
    }

    // MARK: Choices, sequences, repetitions

    private mutating func parseChoice() throws(Problem) -> Tree {
        self.depth += 1
        defer { self.depth -= 1 }
        guard self.depth <= CELLimits.nesting else {
            throw self.problem("the groups are nested too deep", from: self.position, to: self.scalars.count)
        }
        var parts = [try self.parseSequence()]
        while self.accept("|") {
            parts.append(try self.parseSequence())
        }
        return parts.count == 1 ? parts[0] : .choice(parts)
    }

    private mutating func parseSequence() throws(Problem) -> Tree {
        var parts: [Tree] = []
        while let next = self.peek(), next != "|", next != ")" {
            if self.accept(text: "\\Q") {
                while self.peek() != nil, !self.accept(text: "\\E") {
                    self.position += 1
                    parts.append(self.literal(self.scalars[self.position - 1]))
                }
                try self.parseRepetitions(ofLastIn: &parts)
                continue
            }
            guard let atom = try self.parseAtom() else {
                continue
            }
            parts.append(atom)
            try self.parseRepetitions(ofLastIn: &parts)
        }
        return parts.count == 1 ? parts[0] : parts.isEmpty ? .empty : .sequence(parts)
    }

    private mutating func parseRepetitions(ofLastIn parts: inout [Tree]) throws(Problem) {
        let start = self.position
        guard let bounds = try self.parseBounds() else {
            return
        }
        guard let last = parts.popLast() else {
            throw self.problem("there is nothing to repeat", from: start)
        }
        parts.append(.repetition(last, least: bounds.least, most: bounds.most))
        // `a**` is `a*` written by mistake more often than meant.
        if try self.parseBounds() != nil {
            throw self.problem("'\(self.text(from: start, to: self.position))' repeats a repetition", from: start)
        }
    }

    /// `*`, `+`, `?`, `{2}`, `{2,}`, `{2,5}`, with a `?` behind it that changes nothing here.
    private mutating func parseBounds() throws(Problem) -> (least: Int, most: Int?)? {
        let start = self.position
        var bounds: (least: Int, most: Int?)
        if self.accept("*") {
            bounds = (0, nil)
        } else if self.accept("+") {
            bounds = (1, nil)
        } else if self.accept("?") {
            bounds = (0, 1)
        } else if let counted = self.parseCounts() {
            let most = counted.most ?? counted.least
            guard counted.least <= CELLimits.patternRepetitions, most <= CELLimits.patternRepetitions,
                counted.least <= most
            else {
                throw self.problem(
                    "'\(self.text(from: start, to: self.position))' is no number of repetitions, which are at most \(CELLimits.patternRepetitions)",
                    from: start
                )
            }
            bounds = counted
        } else {
            return nil
        }
        _ = self.accept("?")
        return bounds
    }

    /// A `{` that begins no count is a character like any other.
    private mutating func parseCounts() -> (least: Int, most: Int?)? {
        let start = self.position
        guard self.accept("{"), let least = self.parseNumber() else {
            self.position = start
            return nil
        }
        var most: Int? = least
        if self.accept(",") {
            most = self.parseNumber()
        }
        guard self.accept("}") else {
            self.position = start
            return nil
        }
        return (least, most)
    }

    private mutating func parseNumber() -> Int? {
        let start = self.position
        while let scalar = self.peek(), ("0"..."9").contains(scalar) {
            self.position += 1
        }
        guard self.position > start else {
            return nil
        }
        return Int(self.text(from: start, to: self.position)) ?? Int.max
    }

    // MARK: Atoms

    /// `nil` for what only changes flags.
    private mutating func parseAtom() throws(Problem) -> Tree? {
        let start = self.position
        let scalar = self.scalars[start]
        self.position += 1
        switch scalar {
        case "(": return try self.parseGroup(from: start)
        case "[": return .set(try self.parseSet(from: start))
        case ".": return self.flags.dotTakesNewline ? .anyCharacter : .set(Self.notNewline)
        case "^": return .assertion(self.flags.isMultiline ? .lineStart : .textStart)
        case "$": return .assertion(self.flags.isMultiline ? .lineEnd : .textEnd)
        case "*", "+", "?":
            throw self.problem("there is nothing to repeat before '\(scalar)'", from: start)
        case "{":
            self.position = start
            if self.parseCounts() != nil {
                throw self.problem(
                    "there is nothing to repeat before '\(self.text(from: start, to: self.position))'",
                    from: start
                )
            }
            self.position = start + 1
            return self.literal(scalar)
        case "\\": return try self.parseEscape(from: start)
        default: return self.literal(scalar)
        }
    }

    private static let notNewline = CELScalarSet(items: [.range(10...10)], isNegated: true)

    func literal(_ scalar: Unicode.Scalar) -> Tree {
        guard self.flags.foldsCase, !CELCaseFolding.variants(of: scalar).isEmpty else {
            return .character(scalar)
        }
        return .set(CELScalarSet(items: [.range(scalar.value...scalar.value)], foldsCase: true))
    }

    /// `(…)`, `(?:…)`, `(?P<name>…)`, `(?<name>…)`, `(?i)`, `(?i:…)`.
    private mutating func parseGroup(from start: Int) throws(Problem) -> Tree? {
        let outer = self.flags
        if self.accept("?") {
            if self.accept(text: "P<") || self.peek() == "<" && self.peek(1) != "=" && self.peek(1) != "!" {
                _ = self.accept("<")
                try self.parseGroupName(from: start)
            } else if try self.parseFlags(from: start) {
                return nil
            }
        }
        let tree = try self.parseChoice()
        guard self.accept(")") else {
            throw self.problem("'(' is never closed", from: start, to: start + 1)
        }
        // Flags inside of a group end with it.
        self.flags = outer
        return tree
    }

    private mutating func parseGroupName(from start: Int) throws(Problem) {
        let first = self.position
        while let scalar = self.peek(), scalar.isASCII, UInt8(ascii: scalar).isIdentifierPart {
            self.position += 1
        }
        let name = self.text(from: first, to: self.position)
        guard !name.isEmpty, self.accept(">") else {
            throw self.problem("the group has no name of letters, digits and '_'", from: start)
        }
        guard self.groupNames.insert(name).inserted else {
            throw self.problem("two groups are called '\(name)'", from: first, to: self.position - 1)
        }
    }

    /// `true` for `(?i)`, which is over already.
    private mutating func parseFlags(from start: Int) throws(Problem) -> Bool {
        var isOn = true
        var changed = self.flags
        var seen = 0
        while let scalar = self.peek() {
            self.position += 1
            switch scalar {
            case "i": changed.foldsCase = isOn
            case "m": changed.isMultiline = isOn
            case "s": changed.dotTakesNewline = isOn
            case "U": break  // Which of several matches is found does not matter here.
            case "-" where isOn:
                isOn = false
                seen = -1
            case ":" where isOn || seen > 0, ")" where seen > 0:
                self.flags = changed
                return scalar == ")"
            default:
                throw self.problem(
                    "'\(self.text(from: start, to: self.position))' is no group that can be searched in linear time",
                    from: start
                )
            }
            seen += 1
        }
        throw self.problem("'(' is never closed", from: start, to: start + 1)
    }
}
