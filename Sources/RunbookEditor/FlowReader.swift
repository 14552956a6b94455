// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// Follows `{ … }` and `[ … ]` up to a cursor.
struct FlowReader {
    private struct Level {
        let isSequence: Bool
        var current: String?
        var keys: [String: String] = [:]
    }

    private var levels: [Level] = []
    /// What is read of the key or value that is open.
    private var word = ""
    private var quote: Character?
    private var hasBegun = false

    private static let depthLimit = 128

    var isClosed: Bool {
        self.hasBegun && self.levels.isEmpty
    }

    var path: [CursorContext.Component] {
        self.levels.compactMap { $0.isSequence ? .element : $0.current.map { .key($0) } }
    }

    /// Of the mapping in which a key may begin.
    var keys: [String: String] {
        self.mayBeKey ? self.levels.last?.keys ?? [:] : [:]
    }

    var mayBeKey: Bool {
        guard let last = self.levels.last else {
            return false
        }
        return !last.isSequence && last.current == nil && self.quote == nil
    }

    var typed: String {
        String(self.word.drop { $0 == " " })
    }

    mutating func read(_ text: Substring) {
        var before: Character = " "
        // A plain text goes on in the next line.
        if self.quote == nil, !self.word.isEmpty, self.word.last != " " {
            self.word += " "
        }
        for character in text {
            guard !self.isClosed else {
                return
            }
            if character == "#", before == " ", self.quote == nil {
                return
            }
            self.read(character)
            before = character
        }
    }

    private mutating func read(_ character: Character) {
        if let quote = self.quote {
            self.word.append(character)
            self.quote = character == quote ? nil : quote
            return
        }
        switch character {
        case "{", "[":
            guard self.typed.isEmpty, self.levels.count < Self.depthLimit else {
                self.word.append(character)
                return
            }
            self.hasBegun = true
            self.levels.append(Level(isSequence: character == "["))
            self.word = ""
        case "}", "]":
            self.endWord()
            self.levels = self.levels.dropLast()
        case ",":
            self.endWord()
        case " " where self.word.last == ":" && self.mayBeKey:
            let key = String(self.typed.dropLast().filter { $0 != "\"" && $0 != "'" })
            self.levels[self.levels.count - 1].current = key
            self.levels[self.levels.count - 1].keys[key] = ""
            self.word = ""
        case "\"", "'":
            if self.typed.isEmpty {
                self.quote = character
            }
            self.word.append(character)
        default: self.word.append(character)
        }
    }

    private mutating func endWord() {
        guard let last = self.levels.indices.last else {
            return
        }
        if let key = self.levels[last].current {
            self.levels[last].keys[key] = self.typed
        }
        self.levels[last].current = nil
        self.word = ""
    }
}
