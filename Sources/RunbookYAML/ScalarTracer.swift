// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunbookSource

/// Reads a scalar from its source once more, this time remembering where each byte came from.
struct ScalarTracer {
    private let bytes: [UInt8]
    /// No more than this many bytes are traced; the scalar is known to have no more.
    private let limit: Int
    private var text: [UInt8] = []
    private var pieces: [YAMLScalarMap.Piece] = []

    private init(file: SourceFile, limit: Int) {
        self.bytes = file.utf8
        self.limit = limit
    }

    /// The pieces of the text in order, or nil if the text could not be followed.
    static func pieces(of scalar: YAMLScalar, in file: SourceFile) -> [YAMLScalarMap.Piece]? {
        let range = scalar.span.utf8Range
        let text = Array(scalar.text.utf8)
        guard range.upperBound <= file.utf8.count else { return nil }
        for indentation in Self.indentations(of: scalar, in: file.utf8) {
            var tracer = ScalarTracer(file: file, limit: text.count)
            switch scalar.style {
            case .plain:
                tracer.traceFlow(range, quote: nil)
            case .singleQuoted, .doubleQuoted:
                guard range.count >= 2 else { return nil }
                let inside = range.lowerBound + 1..<range.upperBound - 1
                tracer.traceFlow(inside, quote: file.utf8[range.lowerBound])
                if text.isEmpty {
                    tracer.pieces = [
                        .init(textStart: 0, textLength: 0, sourceStart: inside.lowerBound, sourceLength: 0)
                    ]
                }
            case .literal, .folded:
                tracer.traceBlock(from: range.lowerBound, indentation: indentation, isFolded: scalar.style == .folded)
            }
            if tracer.text == text { return tracer.pieces }
        }
        return nil
    }
}

// MARK: Emitting

extension ScalarTracer {
    private mutating func copy(_ range: Range<Int>) {
        guard !range.isEmpty else { return }
        if let last = self.pieces.last, last.sourceStart + last.sourceLength == range.lowerBound,
            last.textLength == last.sourceLength
        {
            self.pieces[self.pieces.count - 1].textLength += range.count
            self.pieces[self.pieces.count - 1].sourceLength += range.count
        } else {
            self.emit(self.bytes[range], from: range)
            return
        }
        self.text.append(contentsOf: self.bytes[range])
    }

    private mutating func emit(_ bytes: some Collection<UInt8>, from source: Range<Int>) {
        guard !bytes.isEmpty else { return }
        self.pieces.append(
            .init(
                textStart: self.text.count,
                textLength: bytes.count,
                sourceStart: source.lowerBound,
                sourceLength: source.count
            )
        )
        self.text.append(contentsOf: bytes)
    }

    private func isBlank(_ index: Int) -> Bool { self.bytes[index] == 0x20 || self.bytes[index] == 0x09 }

    private func isBreak(_ index: Int) -> Bool { self.bytes[index] == 0x0A || self.bytes[index] == 0x0D }

    /// The index behind a line break.
    private func afterBreak(_ index: Int) -> Int {
        let isPair = self.bytes[index] == 0x0D && index + 1 < self.bytes.count && self.bytes[index + 1] == 0x0A
        return index + (isPair ? 2 : 1)
    }
}

// MARK: Plain and quoted

extension ScalarTracer {
    private static let doubleQuote: UInt8 = 0x22
    private static let singleQuote: UInt8 = 0x27

    private mutating func traceFlow(_ range: Range<Int>, quote: UInt8?) {
        var index = range.lowerBound
        while index < range.upperBound {
            if self.isBlank(index) {
                var end = index
                while end < range.upperBound, self.isBlank(end) { end += 1 }
                // Blanks before a line break belong to no line.
                if end == range.upperBound || !self.isBreak(end) {
                    self.copy(index..<end)
                }
                index = end
            } else if self.isBreak(index) {
                index = self.foldBreaks(from: index, in: range, isEscaped: false)
            } else if quote == Self.singleQuote, self.bytes[index] == Self.singleQuote {
                self.emit([Self.singleQuote], from: index..<index + 2)
                index += 2
            } else if quote == Self.doubleQuote, self.bytes[index] == 0x5C, index + 1 < range.upperBound {
                index =
                    self.isBreak(index + 1)
                    ? self.foldBreaks(from: index + 1, in: range, isEscaped: true) : self.traceEscape(at: index)
            } else {
                self.copy(index..<index + 1)
                index += 1
            }
        }
    }

    /// One break is a space, and nothing if escaped; every further one is a line feed.
    private mutating func foldBreaks(from start: Int, in range: Range<Int>, isEscaped: Bool) -> Int {
        var index = self.afterBreak(start)
        let firstEnd = index
        var feeds = 0
        while index < range.upperBound {
            if self.isBlank(index) {
                index += 1
            } else if self.isBreak(index) {
                let end = self.afterBreak(index)
                self.emit([0x0A], from: index..<end)
                index = end
                feeds += 1
            } else {
                break
            }
        }
        if feeds == 0, !isEscaped {
            self.emit([0x20], from: start..<firstEnd)
        }
        return index
    }

    private mutating func traceEscape(at index: Int) -> Int {
        let letter = self.bytes[index + 1]
        let digits =
            letter == UInt8(ascii: "x") ? 2 : letter == UInt8(ascii: "u") ? 4 : letter == UInt8(ascii: "U") ? 8 : 0
        let end = min(index + 2 + digits, self.bytes.count)
        let value: UInt32
        switch letter {
        case UInt8(ascii: "x"), UInt8(ascii: "u"), UInt8(ascii: "U"):
            value = UInt32(String(decoding: self.bytes[index + 2..<end], as: UTF8.self), radix: 16) ?? 0
        case UInt8(ascii: "0"): value = 0
        case UInt8(ascii: "a"): value = 7
        case UInt8(ascii: "b"): value = 8
        case UInt8(ascii: "t"), 0x09: value = 9
        case UInt8(ascii: "n"): value = 10
        case UInt8(ascii: "v"): value = 11
        case UInt8(ascii: "f"): value = 12
        case UInt8(ascii: "r"): value = 13
        case UInt8(ascii: "e"): value = 0x1B
        case UInt8(ascii: "N"): value = 0x85
        case UInt8(ascii: "_"): value = 0xA0
        case UInt8(ascii: "L"): value = 0x2028
        case UInt8(ascii: "P"): value = 0x2029
        default: value = UInt32(letter)
        }
        self.emit(Array(String(Unicode.Scalar(value) ?? "\u{FFFD}").utf8), from: index..<end)
        return end
    }
}

// MARK: Blocks

extension ScalarTracer {
    /// The columns that may be the indentation of a block.
    ///
    /// The first line that says something has it, or a longer blank one above; but a header may count it from
    /// a parent that is not known here. Other styles have none, so one pass will do.
    private static func indentations(of scalar: YAMLScalar, in bytes: [UInt8]) -> [Int] {
        guard scalar.style == .literal || scalar.style == .folded else { return [0] }
        var index = scalar.span.start.offset
        var isCounted = false
        while index < bytes.count, bytes[index] != 0x0A, bytes[index] != 0x0D, bytes[index] != 0x23 {
            isCounted = isCounted || (0x31...0x39).contains(bytes[index])
            index += 1
        }
        while index < bytes.count, bytes[index] != 0x0A, bytes[index] != 0x0D { index += 1 }
        var column = 0
        var deepest = 1
        while index < bytes.count, [0x20, 0x0A, 0x0D].contains(bytes[index]) {
            column = bytes[index] == 0x20 ? column + 1 : 0
            deepest = max(deepest, column)
            index += 1
        }
        let searched = 100
        return isCounted ? Array((0...min(deepest, searched)).reversed()) : [max(column, 1), deepest]
    }

    /// Follows libyaml's own way through a block, which is the standard's except in corners.
    private mutating func traceBlock(from start: Int, indentation: Int, isFolded: Bool) {
        var index = start
        var chomping: UInt8 = 0
        while index < self.bytes.count, !self.isBreak(index), self.bytes[index] != 0x23 {
            if self.bytes[index] == 0x2B || self.bytes[index] == 0x2D {
                chomping = self.bytes[index]
            }
            index += 1
        }
        while index < self.bytes.count, !self.isBreak(index) { index += 1 }
        guard index < self.bytes.count else { return }
        index = self.afterBreak(index)

        var leadingBreak: Range<Int>?
        var trailingBreaks: [Range<Int>] = []
        var wasIndentedMore = false
        var column = self.skipBlankLines(from: &index, indentation: indentation, into: &trailingBreaks)
        while column == indentation, index < self.bytes.count, self.text.count <= self.limit {
            let isIndentedMore = self.isBlank(index)
            if let lineBreak = leadingBreak {
                if isFolded, !wasIndentedMore, !isIndentedMore {
                    if trailingBreaks.isEmpty {
                        self.emit([0x20], from: lineBreak)
                    }
                } else {
                    self.emit([0x0A], from: lineBreak)
                }
            }
            for lineBreak in trailingBreaks {
                self.emit([0x0A], from: lineBreak)
            }
            trailingBreaks = []
            wasIndentedMore = isIndentedMore
            let lineStart = index
            while index < self.bytes.count, !self.isBreak(index) { index += 1 }
            self.copy(lineStart..<index)
            leadingBreak = nil
            guard index < self.bytes.count else { break }
            leadingBreak = index..<self.afterBreak(index)
            index = self.afterBreak(index)
            column = self.skipBlankLines(from: &index, indentation: indentation, into: &trailingBreaks)
        }
        guard chomping != 0x2D else { return }
        if let leadingBreak {
            self.emit([0x0A], from: leadingBreak)
        }
        guard chomping == 0x2B else { return }
        for lineBreak in trailingBreaks {
            self.emit([0x0A], from: lineBreak)
        }
    }

    /// Goes to the first line that is not blank, behind its indentation, and returns the column reached.
    private func skipBlankLines(
        from index: inout Int,
        indentation: Int,
        into breaks: inout [Range<Int>]
    ) -> Int {
        while true {
            var column = 0
            while column < indentation, index < self.bytes.count, self.bytes[index] == 0x20 {
                index += 1
                column += 1
            }
            guard index < self.bytes.count, self.isBreak(index) else { return column }
            breaks.append(index..<self.afterBreak(index))
            index = self.afterBreak(index)
        }
    }
}
