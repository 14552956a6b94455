// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// The line of a span as a terminal shows it, and where the carets go below it.
///
/// Everything is measured in terminal cells, so carets stand under Chinese text and behind tabs too. A
/// line that is too long is cut around the caret, and only the part near the caret is ever looked at.
struct SourceExcerpt {
    private(set) var text = ""
    /// Cells before the first caret.
    private(set) var caretColumn = 0
    private(set) var caretWidth = 0

    /// The longest source line that is shown whole, in terminal cells.
    static let widthLimit = 100
    /// Where the caret stands in a line that has been cut.
    private static let cellsBeforeCaret = 40
    /// How far around the caret the line is read; even clusters of combining characters fit.
    private static let byteReach = 2_000
    private static let ellipsis = "…"

    private struct Cell {
        let text: String
        let width: Int
        let offset: Int
    }

    init(of span: SourceSpan, in file: SourceFile) {
        let line = file.utf8Range(ofLine: span.start.line)
        let start = min(max(span.start.offset, line.lowerBound), line.upperBound)
        // A span of several lines is underlined to the end of its first one.
        let end = max(start, min(span.end.offset, line.upperBound))
        if line.count <= Self.widthLimit, file.isPrintable(line) {
            // Nearly every line: one cell for each byte.
            self.text = file.trimmedText(of: line)
            self.caretColumn = start - line.lowerBound
            self.caretWidth = max(1, end - start)
            return
        }
        var lower = max(line.lowerBound, start - Self.byteReach)
        var upper = min(line.upperBound, start + Self.byteReach)
        while lower > line.lowerBound, file.utf8[lower] & 0b1100_0000 == 0b1000_0000 { lower -= 1 }
        while upper < line.upperBound, file.utf8[upper] & 0b1100_0000 == 0b1000_0000 { upper += 1 }

        let cells = Self.cells(in: String(decoding: file.utf8[lower..<upper], as: UTF8.self), from: lower)
        let caret = cells.firstIndex { $0.offset >= start } ?? cells.count
        var first = 0
        var last = cells.count
        let width = cells.reduce(0) { $0 + $1.width }
        if width > Self.widthLimit || lower > line.lowerBound || upper < line.upperBound {
            (first, last) = Self.window(around: caret, in: cells)
        }
        if first > 0 || lower > line.lowerBound {
            self.text += Self.ellipsis
            self.caretColumn += 1
        }
        for cell in cells[first..<last] {
            self.text += cell.text
            self.caretColumn += cell.offset < start ? cell.width : 0
            self.caretWidth += cell.offset >= start && cell.offset < end ? cell.width : 0
        }
        if last < cells.count || upper < line.upperBound {
            self.text += Self.ellipsis
        }
        self.caretWidth = max(1, self.caretWidth)
        while self.text.last == " " { self.text.removeLast() }
    }

    private static func cells(in text: String, from offset: Int) -> [Cell] {
        var cells: [Cell] = []
        var offset = offset
        for character in text {
            let shown = visible(character)
            cells.append(Cell(text: shown, width: terminalWidth(of: shown), offset: offset))
            offset += character.utf8.count
        }
        return cells
    }

    private static func window(around caret: Int, in cells: [Cell]) -> (first: Int, last: Int) {
        var first = caret
        var room = Self.cellsBeforeCaret
        while first > 0, cells[first - 1].width <= room {
            first -= 1
            room -= cells[first].width
        }
        var last = first
        room = Self.widthLimit
        while last < cells.count, cells[last].width <= room {
            room -= cells[last].width
            last += 1
        }
        return (first, last)
    }
}

extension SourceFile {
    /// Whether there is nothing but blanks and visible ASCII characters.
    fileprivate func isPrintable(_ range: Range<Int>) -> Bool {
        self.utf8[range].allSatisfy { $0 &- 0x20 < 0x5F }
    }

    /// Without the blanks at the end.
    fileprivate func trimmedText(of range: Range<Int>) -> String {
        var end = range.upperBound
        while end > range.lowerBound, self.utf8[end - 1] == 0x20 { end -= 1 }
        return String(decoding: self.utf8[range.lowerBound..<end], as: UTF8.self)
    }
}
