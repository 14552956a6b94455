// Selfheal
// SPDX-License-Identifier: Apache-2.0

package import RunbookSource

/// Where in a runbook a cursor stands, read from the lines above it.
///
/// A file that is being typed is no YAML most of the time, so nothing is parsed here: indentation, dashes, keys and open brackets say enough.
package struct CursorContext: Hashable, Sendable {
    /// A step on the way from the root of the file to the cursor.
    package enum Component: Hashable, Sendable {
        case key(String)
        case element
    }

    /// The way to the value that is being typed, or to the mapping in which a key is.
    package var path: [Component] = []
    /// Whether a key may begin here.
    package var mayBeKey = true
    /// What is typed so far of the key or value; a block text with all its lines.
    package var typed = ""
    /// The keys that the mapping has already, with what stands behind them on their line.
    package var siblings: [String: String] = [:]
    /// The steps around the cursor, the innermost last.
    package var steps: [String] = []
    package var isComment = false

    package init(file: SourceFile, utf8Offset: Int) {
        let cursor = file.position(atUTF8Offset: utf8Offset)
        var reader = ContextReader()
        for line in 1..<max(cursor.line, 1) {
            reader.read(file.line(line))
        }
        let range = file.utf8Range(ofLine: cursor.line)
        let typed = String(decoding: file.utf8[range.lowerBound..<max(range.lowerBound, utf8Offset)], as: UTF8.self)
        reader.readLast(typed)
        self.path = reader.path
        self.mayBeKey = reader.mayBeKey
        self.typed = reader.typed
        self.isComment = reader.isComment
        reader.readBehind((cursor.line + 1...max(cursor.line + 1, file.lineCount)).lazy.map { file.line($0) })
        self.siblings = reader.siblings
        self.steps = reader.levels.compactMap { $0.keys["id"] }
    }
}

/// Follows lines, and keeps the collections that are open.
private struct ContextReader {
    /// A mapping or a list that is open, by the column of its keys or dashes.
    struct Level {
        var column: Int
        var isSequence: Bool
        /// Behind the last colon or dash.
        var current: String?
        var keys: [String: String] = [:]
        var isFlow = false
    }

    private(set) var levels: [Level] = []
    private(set) var typed = ""
    private(set) var mayBeKey = true
    private(set) var isComment = false
    /// The column of the key whose block text we are in.
    private var block: Int?
    private var blockText = ""
    /// A flow collection that goes on: its brackets and what is read of it.
    private var flow: FlowReader?

    /// A hostile file may nest without end.
    private static let depthLimit = 128

    var path: [CursorContext.Component] {
        var path = self.levels.compactMap { level -> CursorContext.Component? in
            level.isSequence ? .element : level.current.map { .key($0) }
        }
        path += self.flow?.path ?? []
        return path
    }

    var siblings: [String: String] {
        if let flow = self.flow {
            return flow.keys
        }
        guard let last = self.levels.last, !last.isSequence, last.current == nil else {
            return [:]
        }
        return last.keys
    }

    mutating func read(_ line: String) {
        _ = self.consume(line, isLast: false)
    }

    mutating func readLast(_ line: String) {
        if !self.consume(line, isLast: true) {
            self.typed = ""
        }
    }

    /// Reads on behind the cursor for the keys that its mapping has there.
    mutating func readBehind(_ lines: some Sequence<String>) {
        guard self.flow == nil, let level = self.levels.last, !level.isSequence, level.current == nil else {
            return
        }
        for line in lines {
            guard let column = Self.indentation(of: line) else {
                continue
            }
            guard column >= level.column, !(column == level.column && line.dropFirst(column).hasPrefix("-")) else {
                return
            }
            if column == level.column, let (key, value) = Self.key(in: line.dropFirst(column)) {
                self.levels[self.levels.count - 1].keys[key] = String(value)
            }
        }
    }

    // MARK: Lines

    /// Whether the line had something on it.
    private mutating func consume(_ line: String, isLast: Bool) -> Bool {
        if self.flow != nil {
            self.readFlow(line[...], isLast: isLast)
            return true
        }
        let column = Self.indentation(of: line) ?? line.count
        if let block = self.block {
            if column > block || (!isLast && Self.indentation(of: line) == nil) {
                self.blockText += line + "\n"
                if isLast {
                    self.typed = String(self.blockText.dropLast())
                    self.mayBeKey = false
                }
                return true
            }
            self.block = nil
        }
        guard isLast || Self.indentation(of: line) != nil else {
            return false
        }
        let rest = line.dropFirst(column)
        if rest.hasPrefix("#") || rest.hasPrefix("---") {
            self.isComment = isLast
            return false
        }
        self.close(to: column, isDash: Self.isDash(rest), isBlank: rest.isEmpty)
        self.readContent(rest, at: column, isLast: isLast)
        return true
    }

    /// Closes what ends before a line that begins at a column.
    private mutating func close(to column: Int, isDash: Bool, isBlank: Bool) {
        while let level = self.levels.last {
            let ends = level.column > column || (level.column == column && level.isSequence && !isDash && !isBlank)
            guard ends else {
                break
            }
            self.levels.removeLast()
        }
    }

    private mutating func readContent(_ content: Substring, at start: Int, isLast: Bool) {
        var (rest, column) = (content, start)
        while Self.isDash(rest), self.levels.count < Self.depthLimit {
            if let last = self.levels.last, last.isSequence, last.column == column {
                self.levels[self.levels.count - 1].current = nil
            } else {
                self.levels.append(Level(column: column, isSequence: true))
            }
            let spaces = rest.dropFirst().prefix { $0 == " " }.count
            column += 1 + spaces
            rest = rest.dropFirst(1 + spaces)
        }
        if let (key, value) = Self.key(in: rest), self.levels.count < Self.depthLimit {
            let last = self.levels.count - 1
            if last >= 0, !self.levels[last].isSequence, self.levels[last].column == column {
                self.levels[last].current = key
            } else {
                self.levels.append(Level(column: column, isSequence: false, current: key))
            }
            self.levels[self.levels.count - 1].keys[key] = Self.unquoted(value)
            self.readValue(value, of: column, isLast: isLast)
        } else if rest.hasPrefix("{") || rest.hasPrefix("[") {
            self.startFlow(rest, isLast: isLast)
        } else if isLast {
            self.readUnfinished(rest, at: column)
        }
    }

    /// A word without a colon on the cursor's line: a key that begins, or a value.
    private mutating func readUnfinished(_ rest: Substring, at column: Int) {
        self.typed = String(rest)
        guard let last = self.levels.last, !last.isSequence else {
            return
        }
        if last.column >= column {
            self.levels[self.levels.count - 1].current = nil
        } else if let key = last.current, !(last.keys[key] ?? "").isEmpty {
            // A plain text of several lines goes on.
            self.typed = (last.keys[key] ?? "") + " " + rest
            self.mayBeKey = false
        }
    }

    private mutating func readValue(_ value: Substring, of column: Int, isLast: Bool) {
        if value.hasPrefix("|") || value.hasPrefix(">") {
            self.block = column
            self.blockText = ""
        } else if value.hasPrefix("{") || value.hasPrefix("[") {
            self.startFlow(value, isLast: isLast)
            return
        }
        if isLast {
            self.typed = String(value)
            self.mayBeKey = false
        }
    }

    private mutating func startFlow(_ text: Substring, isLast: Bool) {
        self.flow = FlowReader()
        self.readFlow(text, isLast: isLast)
    }

    private mutating func readFlow(_ text: Substring, isLast: Bool) {
        self.flow?.read(text)
        if self.flow?.isClosed ?? true {
            self.flow = nil
            if isLast {
                self.typed = ""
                self.mayBeKey = false
            }
        } else if isLast, let flow = self.flow {
            self.typed = flow.typed
            self.mayBeKey = flow.mayBeKey
        }
    }

    // MARK: Words

    /// Columns before the first character; nothing for a line without one.
    static func indentation(of line: String) -> Int? {
        let spaces = line.prefix { $0 == " " }.count
        return spaces == line.count ? nil : spaces
    }

    private static func isDash(_ text: Substring) -> Bool {
        text == "-" || text.hasPrefix("- ")
    }

    /// `key: value`, where the value may be missing.
    static func key(in text: Substring) -> (key: String, value: Substring)? {
        guard let first = text.first, !"{[#&*!|>%@`".contains(first) else {
            return nil
        }
        if first == "\"" || first == "'" {
            guard let end = text.dropFirst().firstIndex(of: first) else {
                return nil
            }
            let behind = text[text.index(after: end)...]
            guard behind.hasPrefix(":") else {
                return nil
            }
            return (String(text.dropFirst()[..<end]), behind.dropFirst().drop { $0 == " " })
        }
        var index = text.startIndex
        while let colon = text[index...].firstIndex(of: ":") {
            let behind = text[text.index(after: colon)...]
            if behind.isEmpty || behind.hasPrefix(" ") {
                return (String(text[..<colon]), behind.drop { $0 == " " })
            }
            index = text.index(after: colon)
        }
        return nil
    }

    static func unquoted(_ value: Substring) -> String {
        let value = value.prefix { $0 != "#" }.trimmed
        guard let first = value.first, first == "\"" || first == "'", value.count > 1, value.last == first else {
            return String(value)
        }
        return String(value.dropFirst().dropLast())
    }
}

extension Substring {
    fileprivate var trimmed: Substring {
        var text = self
        while text.last == " " { text.removeLast() }
        return text
    }
}
