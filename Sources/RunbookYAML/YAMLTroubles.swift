// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunbookSource

/// Says in an author's words why libyaml stopped.
///
/// libyaml reports what its scanner expected; the cause is often a line above. So the source around the
/// place decides which of a few common mistakes it was.
struct YAMLTroubles {
    /// The innermost collection that was open.
    struct Context {
        var start: SourcePosition
        var isMapping: Bool
        var isFlow: Bool
    }

    let file: SourceFile
    let innermost: Context?

    init(in file: SourceFile, innermost: Context?) {
        self.file = file
        self.innermost = innermost
    }

    func diagnostic(for trouble: YAMLTrouble) -> Diagnostic {
        if let tab = self.tabIndent(at: trouble) { return tab }
        switch (trouble.problem, trouble.context) {
        case ("mapping values are not allowed in this context", _):
            return self.unexpectedColon(trouble)
        case ("did not find expected key", _):
            return self.unexpectedInMapping(trouble)
        case ("did not find expected '-' indicator", _):
            return self.unexpectedInList(trouble)
        case ("did not find expected ',' or ']'", _), ("did not find expected ',' or '}'", _):
            return self.unfinishedFlow(trouble)
        case ("did not find expected node content", _):
            return self.missingValue(trouble)
        case (_, "while scanning a quoted scalar"):
            return .quoteNotClosed(self.character(trouble.contextPlace), at: self.span(trouble.contextPlace, length: 1))
        case ("could not find expected ':'", _):
            return self.missingColon(trouble)
        case (_, "while parsing a quoted scalar"):
            return .unknownEscape(self.escape(at: trouble.place), at: self.escapeSpan(at: trouble.place))
        case ("block sequence entries are not allowed in this context", _):
            return .listOnKeyLine(at: self.span(trouble.place, length: 1))
        case (_, "while scanning a block scalar"):
            return .blockHeader(self.character(trouble.contextPlace), at: self.restOfLine(trouble.place))
        case (_, "while scanning an alias") where trouble.place.offset > trouble.contextPlace.offset + 1:
            return .aliasOfPart(
                self.file.text(of: self.word(trouble.contextPlace)),
                at: self.word(trouble.contextPlace)
            )
        case ("found character that cannot start any token", _),
            (_, "while scanning an alias"), (_, "while scanning an anchor"), (_, "while scanning a directive"),
            ("mapping keys are not allowed in this context", _):
            let isNamed = trouble.context.hasSuffix("an alias") || trouble.context.hasSuffix("an anchor")
            let place = isNamed ? trouble.contextPlace : trouble.place
            return .cannotStartValue(self.character(place), at: self.span(place, length: 1))
        case ("found undefined tag handle", _), (_, "while scanning a tag"), (_, "while parsing a tag"):
            return .tag(self.word(trouble.contextPlace), in: self.file)
        case ("did not find expected <document start>", _):
            return .secondDocument(at: self.restOfLine(trouble.place))
        default:
            return .notYAML(trouble.problem, at: self.span(trouble.place, length: 1))
        }
    }
}

// MARK: Telling mistakes apart

extension YAMLTroubles {
    private func tabIndent(at trouble: YAMLTrouble) -> Diagnostic? {
        let line = self.file.utf8Range(ofLine: trouble.place.line)
        let blanks = self.file.utf8[line].prefix { $0 == 0x20 || $0 == 0x09 }
        guard let tab = blanks.firstIndex(of: 0x09), trouble.place.offset <= blanks.endIndex, !blanks.isEmpty else {
            return nil
        }
        // The other lines with a tab come up one by one otherwise.
        var others = 0
        let searched = 10_000
        for number in (trouble.place.line + 1)..<(trouble.place.line + searched) where number <= self.file.lineCount {
            others += self.file.utf8[self.file.utf8Range(ofLine: number)].first == 0x09 ? 1 : 0
        }
        return .tabIndent(at: self.file.span(utf8Range: tab..<blanks.endIndex), others: others)
    }

    private func unexpectedColon(_ trouble: YAMLTrouble) -> Diagnostic {
        let line = self.file.utf8Range(ofLine: trouble.place.line)
        let before = self.file.utf8[line.lowerBound..<max(line.lowerBound, min(trouble.place.offset, line.upperBound))]
        if let colon = Self.separator(in: before) {
            let value = self.file.utf8[(colon + 1)...].firstIndex { $0 != 0x20 } ?? colon
            return .colonInValue(at: self.file.span(utf8Range: value..<line.upperBound))
        }
        let key = self.firstWord(ofLine: trouble.place.line)
        if let above = self.lineAbove(trouble.place.line) {
            let dashes = self.file.utf8[above].prefix { $0 == UInt8(ascii: "-") || $0 == 0x20 }
            let text = self.file.utf8[above].dropFirst(dashes.count)
            let isItem = dashes.contains(0x20)
            if !text.isEmpty, Self.separator(in: text) == nil, text.last != UInt8(ascii: ":") {
                let diagnostic = self.noColon(in: text.startIndex..<text.endIndex)
                // Below an item of plain text, it is this line that stands wrong.
                if !isItem || text.contains(UInt8(ascii: ":")) { return diagnostic }
            }
        }
        return .indentation(self.file.text(of: key), at: key, mapping: nil)
    }

    private func unexpectedInMapping(_ trouble: YAMLTrouble) -> Diagnostic {
        let place = trouble.place
        let line = self.file.utf8Range(ofLine: place.line)
        let before = self.file.utf8[line.lowerBound..<max(line.lowerBound, min(place.offset, line.upperBound))]
        let character = self.character(place)
        if before.contains(where: { $0 != 0x20 && $0 != UInt8(ascii: "-") }) {
            return "]}".contains(character)
                ? .strayPunctuation(character, at: self.span(place, length: 1))
                : .textBehindValue(at: self.restOfLine(place))
        }
        if character == ":" { return .keyIsMissing(at: self.span(place, length: 1)) }
        if character == "-", place.column == trouble.contextPlace.column {
            return .itemAmongKeys(at: self.restOfLine(place), mapping: self.span(trouble.contextPlace, length: 1))
        }
        let key = self.firstWord(ofLine: place.line)
        return .indentation(self.file.text(of: key), at: key, mapping: self.enclosing(trouble))
    }

    private func unexpectedInList(_ trouble: YAMLTrouble) -> Diagnostic {
        let key = self.firstWord(ofLine: trouble.place.line)
        let line = self.file.utf8Range(ofLine: trouble.place.line)
        guard trouble.place.offset <= key.start.offset, !line.isEmpty else {
            return .textBehindValue(at: self.restOfLine(trouble.place))
        }
        if trouble.place.column == trouble.contextPlace.column {
            return .keyAmongItems(self.file.text(of: key), at: key, list: self.span(trouble.contextPlace, length: 1))
        }
        return .indentation(self.file.text(of: key), at: key, mapping: self.enclosing(trouble))
    }

    private func unfinishedFlow(_ trouble: YAMLTrouble) -> Diagnostic {
        let isList = trouble.problem.hasSuffix("']'")
        let opening = self.span(trouble.contextPlace, length: 1)
        let isAtEnd = trouble.place.offset >= self.file.utf8.count
        if isAtEnd || trouble.place.line > trouble.contextPlace.line {
            return .bracketNotClosed(
                isList ? "[" : "{",
                at: opening,
                end: isAtEnd ? nil : self.firstWord(ofLine: trouble.place.line)
            )
        }
        let before = self.file.utf8[trouble.contextPlace.offset..<trouble.place.offset]
        return .separatorMissing(
            isList ? "]" : "}",
            at: self.span(trouble.place, length: 1),
            opening: opening,
            isExpression: before.last == UInt8(ascii: "$")
        )
    }

    private func missingValue(_ trouble: YAMLTrouble) -> Diagnostic {
        guard trouble.place.offset < self.file.utf8.count else {
            guard let open = self.innermost, open.isFlow else {
                return .notYAML("the file ends where a value should be", at: self.span(trouble.place, length: 0))
            }
            return .bracketNotClosed(open.isMapping ? "{" : "[", at: self.span(open.start, length: 1), end: nil)
        }
        let character = self.character(trouble.place)
        let span = self.span(trouble.place, length: 1)
        return character == ":" ? .keyIsMissing(at: span) : .strayPunctuation(character, at: span)
    }

    private func missingColon(_ trouble: YAMLTrouble) -> Diagnostic {
        let line = self.file.utf8Range(ofLine: trouble.contextPlace.line)
        let start = min(trouble.contextPlace.offset, line.upperBound)
        return self.noColon(in: start..<line.upperBound)
    }

    /// A line that should be a key and its value, and has nothing that separates them.
    private func noColon(in range: Range<Int>) -> Diagnostic {
        let span = self.file.span(utf8Range: range)
        let text = self.file.text(of: span)
        if let colon = text.firstIndex(of: ":"), colon != text.startIndex, text[..<colon].allSatisfy(\.isNameCharacter)
        {
            return .spaceIsMissing(text, name: String(text[..<colon]), at: span, severity: .error)
        }
        return .colonIsMissing(text, at: span)
    }
}

// MARK: Places

extension YAMLTroubles {
    private func span(_ place: SourcePosition, length: Int) -> SourceSpan {
        var end = place.offset
        for _ in 0..<length where end < self.file.utf8.count {
            repeat { end += 1 } while end < self.file.utf8.count && self.file.utf8[end] & 0b1100_0000 == 0b1000_0000
        }
        return self.file.span(utf8Range: place.offset..<end)
    }

    private func character(_ place: SourcePosition) -> String { self.file.text(of: self.span(place, length: 1)) }

    private func restOfLine(_ place: SourcePosition) -> SourceSpan {
        let line = self.file.utf8Range(ofLine: place.line)
        let start = min(max(place.offset, line.lowerBound), line.upperBound)
        let blanks = self.file.utf8[start..<line.upperBound].reversed().prefix { $0 == 0x20 || $0 == 0x09 }.count
        return self.file.span(utf8Range: start..<line.upperBound - blanks)
    }

    private func word(_ place: SourcePosition) -> SourceSpan {
        let rest = self.restOfLine(place).utf8Range
        let end = self.file.utf8[rest].firstIndex { $0 == 0x20 || $0 == 0x09 } ?? rest.upperBound
        return self.file.span(utf8Range: rest.lowerBound..<end)
    }

    /// What a line starts with: its key without the colon, or its first word.
    private func firstWord(ofLine line: Int) -> SourceSpan {
        let range = self.trimmed(self.file.utf8Range(ofLine: line))
        let text = self.file.utf8[range]
        let end = text.firstIndex { $0 == UInt8(ascii: ":") || $0 == 0x20 || $0 == 0x09 } ?? range.upperBound
        return self.file.span(utf8Range: range.lowerBound..<max(end, min(range.lowerBound + 1, range.upperBound)))
    }

    /// The nearest line above that says something.
    private func lineAbove(_ line: Int) -> Range<Int>? {
        let searched = 100
        for number in stride(from: line - 1, through: max(1, line - searched), by: -1) where number >= 1 {
            let range = self.trimmed(self.file.utf8Range(ofLine: number))
            if !range.isEmpty, self.file.utf8[range.lowerBound] != UInt8(ascii: "#") { return range }
        }
        return nil
    }

    private func trimmed(_ range: Range<Int>) -> Range<Int> {
        let text = self.file.utf8[range]
        guard let first = text.firstIndex(where: { $0 != 0x20 && $0 != 0x09 }) else {
            return range.upperBound..<range.upperBound
        }
        let last = text.lastIndex { $0 != 0x20 && $0 != 0x09 } ?? first
        return first..<last + 1
    }

    /// The collection that the author probably wanted to go on with: the nearest one whose start is known.
    private func enclosing(_ trouble: YAMLTrouble) -> SourceSpan? {
        guard trouble.contextPlace.offset < trouble.place.offset else { return nil }
        return self.span(trouble.contextPlace, length: 1)
    }

    /// The first `: ` outside quotes.
    private static func separator(in bytes: ArraySlice<UInt8>) -> Int? {
        var quote: UInt8?
        var previous: UInt8 = 0x20
        for index in bytes.indices {
            let byte = bytes[index]
            if byte == quote {
                quote = nil
            } else if quote == nil {
                if byte == 0x22 || byte == 0x27, previous == 0x20 { quote = byte }
                if byte == UInt8(ascii: ":"), index + 1 < bytes.endIndex, bytes[index + 1] == 0x20 { return index }
                if byte == UInt8(ascii: "#"), previous == 0x20 { return nil }
            }
            previous = byte
        }
        return nil
    }

    /// libyaml points at the backslash, or at the digits behind `\x`.
    private func escapeSpan(at place: SourcePosition) -> SourceSpan {
        var start = place.offset
        if start < self.file.utf8.count, self.file.utf8[start] != 0x5C {
            start = max(0, start - 2)
        }
        return self.span(self.file.position(atUTF8Offset: start), length: 2)
    }

    private func escape(at place: SourcePosition) -> String { self.file.text(of: self.escapeSpan(at: place)) }
}

extension Character {
    fileprivate var isNameCharacter: Bool {
        self.isLetter || self.isNumber || self == "_" || self == "-" || self == "."
    }
}
