// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// A text with a name, and the table that turns byte offsets into lines and columns.
///
/// Lines end with LF, CR LF or a lone CR, as YAML says. A byte order mark at the start belongs to no
/// column. The table is built once; every question afterwards costs the same in a short file and in a
/// file that is one line of a megabyte, so hostile input cannot make positions slow.
package final class SourceFile: Sendable {
    /// How the author would name the file: the path they gave, not an absolute one.
    package let path: String
    /// The same as a number, for spans.
    package let pathNumber: SourcePath
    package let text: String
    /// The bytes of `text`; every offset in a span is an index into them.
    package let utf8: [UInt8]

    /// The offset at which each line starts; the first line starts behind a byte order mark.
    private let lineStarts: [UInt32]
    /// How many scalars start before each multiple of ``stride`` bytes; empty where all are one byte long.
    private let scalarCounts: [UInt32]

    private static let stride = 256

    package init(path: String, text: String) {
        self.path = path
        self.pathNumber = SourcePath(path)
        var text = text
        text.makeContiguousUTF8()
        self.text = text
        self.utf8 = Array(text.utf8)
        (self.lineStarts, self.scalarCounts, self.isPlain) = Self.scan(self.utf8)
    }

    /// Nothing when the bytes are no UTF-8.
    package init?(path: String, utf8: [UInt8]) {
        guard let text = String(validating: utf8, as: UTF8.self) else {
            return nil
        }
        self.path = path
        self.pathNumber = SourcePath(path)
        self.text = text
        self.utf8 = utf8
        (self.lineStarts, self.scalarCounts, self.isPlain) = Self.scan(utf8)
    }

    /// Whether there are nothing but printable ASCII characters, tabs and the ends of lines.
    package let isPlain: Bool

    /// Whether a byte order mark stands at the start.
    package var hasByteOrderMark: Bool { self.utf8.starts(with: [0xEF, 0xBB, 0xBF]) }

    package var isASCII: Bool { self.scalarCounts.isEmpty }

    package var lineCount: Int { self.lineStarts.count }

    private static func scan(_ bytes: [UInt8]) -> (lineStarts: [UInt32], scalarCounts: [UInt32], isPlain: Bool) {
        var lineStarts: [UInt32] = [bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? 3 : 0]
        lineStarts.reserveCapacity(bytes.count / 24 + 1)
        var isASCII = true
        var isPlain = true
        bytes.withUnsafeBufferPointer { bytes in
            for index in bytes.indices {
                let byte = bytes[index]
                // Nearly all bytes are past this.
                if byte &- 0x20 < 0x5F { continue }
                if byte == 0x0A {
                    lineStarts.append(UInt32(index + 1))
                } else if byte == 0x0D {
                    if index + 1 == bytes.count || bytes[index + 1] != 0x0A {
                        lineStarts.append(UInt32(index + 1))
                    }
                } else if byte >= 0x80 {
                    isASCII = false
                } else if byte != 0x09 {
                    isPlain = false
                }
            }
        }
        isPlain = isPlain && isASCII
        guard !isASCII else { return (lineStarts, [], isPlain) }
        var scalarCounts: [UInt32] = []
        var count: UInt32 = 0
        for (index, byte) in bytes.enumerated() {
            if index % Self.stride == 0 {
                scalarCounts.append(count)
            }
            count += Self.startsScalar(byte) ? 1 : 0
        }
        scalarCounts.append(count)
        return (lineStarts, scalarCounts, isPlain)
    }

    private static func startsScalar(_ byte: UInt8) -> Bool { byte & 0b1100_0000 != 0b1000_0000 }
}

// MARK: Positions

extension SourceFile {
    /// The position of a byte; an offset outside the file counts as its nearest end.
    package func position(atUTF8Offset offset: Int) -> SourcePosition {
        let offset = min(max(offset, 0), self.utf8.count)
        let line = self.lineIndex(containing: offset)
        let start = Int(self.lineStarts[line])
        let column =
            offset <= start ? 0 : self.scalarIndex(atUTF8Offset: offset) - self.scalarIndex(atUTF8Offset: start)
        return SourcePosition(line: line + 1, column: column + 1, offset: offset)
    }

    package func span(utf8Range range: Range<Int>) -> SourceSpan {
        SourceSpan(
            self.pathNumber,
            start: self.position(atUTF8Offset: range.lowerBound),
            end: self.position(atUTF8Offset: range.upperBound)
        )
    }

    /// The part of a span that a range of bytes inside it names; a range that leaves the span is cut.
    package func subspan(of span: SourceSpan, utf8Range range: Range<Int>) -> SourceSpan {
        let lower = min(span.start.offset + range.lowerBound, span.end.offset)
        let upper = min(span.start.offset + range.upperBound, span.end.offset)
        return self.span(utf8Range: lower..<upper)
    }

    /// The span from the first to the last byte.
    package var wholeSpan: SourceSpan { self.span(utf8Range: Int(self.lineStarts[0])..<self.utf8.count) }

    /// How many scalars start before a byte, a byte order mark counting as one.
    package func scalarIndex(atUTF8Offset offset: Int) -> Int {
        guard !self.isASCII else { return offset }
        let block = offset / Self.stride
        var count = Int(self.scalarCounts[block])
        for byte in self.utf8[(block * Self.stride)..<offset] where Self.startsScalar(byte) {
            count += 1
        }
        return count
    }

    /// The byte at which a scalar starts: the opposite of ``scalarIndex(atUTF8Offset:)``.
    package func utf8Offset(ofScalar index: Int) -> Int {
        guard !self.isASCII else { return min(index, self.utf8.count) }
        // The last block whose count does not exceed the index holds the scalar.
        let above = self.scalarCounts.partitioningIndex { Int($0) > index }
        let block = max(above - 1, 0)
        var count = Int(self.scalarCounts[block])
        var offset = block * Self.stride
        while offset < self.utf8.count {
            if Self.startsScalar(self.utf8[offset]) {
                guard count < index else { return offset }
                count += 1
            }
            offset += 1
        }
        return self.utf8.count
    }

    /// The column in UTF-16 code units, starting at 1: what language servers and SARIF ask for.
    package func utf16Column(of position: SourcePosition) -> Int {
        guard !self.isASCII, position.line > 0 else { return position.column }
        let start = self.utf8Range(ofLine: position.line).lowerBound
        guard start < position.offset else { return 1 }
        // A scalar of four bytes takes two units, every other one takes one.
        return 1
            + self.utf8[start..<min(position.offset, self.utf8.count)].reduce(0) { units, byte in
                units + (byte >= 0xF0 ? 2 : Self.startsScalar(byte) ? 1 : 0)
            }
    }

    private func lineIndex(containing offset: Int) -> Int {
        max(self.lineStarts.partitioningIndex { Int($0) > offset } - 1, 0)
    }
}

// MARK: Lines

extension SourceFile {
    /// The bytes of a line without its end; lines outside the file are empty.
    package func utf8Range(ofLine line: Int) -> Range<Int> {
        guard line >= 1, line <= self.lineStarts.count else { return self.utf8.count..<self.utf8.count }
        let start = Int(self.lineStarts[line - 1])
        guard line < self.lineStarts.count else { return start..<self.utf8.count }
        var end = Int(self.lineStarts[line]) - 1
        if end > start, self.utf8[end] == 0x0A, self.utf8[end - 1] == 0x0D {
            end -= 1
        }
        return start..<end
    }

    package func line(_ line: Int) -> String {
        String(decoding: self.utf8[self.utf8Range(ofLine: line)], as: UTF8.self)
    }

    /// The text of a span of this file.
    package func text(of span: SourceSpan) -> String {
        let range = span.utf8Range.clamped(to: 0..<self.utf8.count)
        return String(decoding: self.utf8[range], as: UTF8.self)
    }
}

extension SourceFile: Hashable {
    package static func == (left: SourceFile, right: SourceFile) -> Bool {
        left === right || (left.path == right.path && left.utf8 == right.utf8)
    }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(self.path)
        hasher.combine(self.utf8.count)
    }
}

extension Array {
    /// The first index whose element belongs to the second half of a partitioned array.
    fileprivate func partitioningIndex(where belongsInSecondHalf: (Element) -> Bool) -> Int {
        var low = 0
        var high = self.count
        while low < high {
            let middle = (low + high) / 2
            if belongsInSecondHalf(self[middle]) {
                high = middle
            } else {
                low = middle + 1
            }
        }
        return low
    }
}
