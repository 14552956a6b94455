// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunVocabulary
import RunbookSource

/// Positions as the protocol counts them: lines and characters from 0, a character being a unit of the encoding agreed upon.
struct TextPositions {
    enum Encoding: String {
        case utf8 = "utf-8"
        case utf16 = "utf-16"
    }

    let file: SourceFile
    let encoding: Encoding

    /// The byte at a position; one outside its line or the text counts as the nearest end.
    func offset(of position: JSON?) -> Int? {
        guard let line = position?["line"]?.intValue, let character = position?["character"]?.intValue,
            line >= 0, character >= 0
        else {
            return nil
        }
        guard line < self.file.lineCount else {
            return self.file.utf8.count
        }
        let range = self.file.utf8Range(ofLine: Int(line) + 1)
        let wanted = Int(clamping: character)
        var (offset, units) = (range.lowerBound, 0)
        while offset < range.upperBound, units < wanted {
            let length = Self.length(ofScalarWith: self.file.utf8[offset])
            let size = self.encoding == .utf8 ? length : length == 4 ? 2 : 1
            guard units + size <= wanted else {
                break
            }
            units += size
            offset += length
        }
        return min(offset, range.upperBound)
    }

    func range(of json: JSON?) -> Range<Int>? {
        guard let start = self.offset(of: json?["start"]), let end = self.offset(of: json?["end"]) else {
            return nil
        }
        return start..<max(start, end)
    }

    func json(_ position: SourcePosition) -> JSON {
        let line = max(position.line, 1)
        let start = self.file.utf8Range(ofLine: line).lowerBound
        let character =
            switch self.encoding {
            case .utf8: max(position.offset - start, 0)
            case .utf16: self.file.utf16Column(of: position) - 1
            }
        return ["line": .int(Int64(line - 1)), "character": .int(Int64(max(character, 0)))]
    }

    /// A diagnostic about the whole file stands in its first line.
    func json(_ span: SourceSpan) -> JSON {
        ["start": self.json(span.start), "end": self.json(span.end)]
    }

    /// A place in a file that is not at hand: a character beyond the first 65,536 of Unicode counts as one unit there.
    static func elsewhere(_ span: SourceSpan) -> JSON {
        func json(_ position: SourcePosition) -> JSON {
            ["line": .int(Int64(max(position.line - 1, 0))), "character": .int(Int64(max(position.column - 1, 0)))]
        }
        return ["start": json(span.start), "end": json(span.end)]
    }

    func json(_ range: Range<Int>) -> JSON {
        self.json(self.file.span(utf8Range: range))
    }

    private static func length(ofScalarWith byte: UInt8) -> Int {
        switch byte {
        case 0xF0...: 4
        case 0xE0...: 3
        case 0xC0...: 2
        default: 1
        }
    }
}
