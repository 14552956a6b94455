// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// The part of a file that something was read from: from `start` up to, not including, `end`.
///
/// A span names its file, so that a diagnostic about one runbook can point into another one or into the
/// configuration. A span may be empty: something is missing *here*.
package struct SourceSpan: Hashable, Sendable {
    /// A number and not a text: a tree holds dozens of spans for each step, and copying a number costs nothing.
    private let file: SourcePath
    package var start: SourcePosition
    package var end: SourcePosition

    package init(path: String, start: SourcePosition, end: SourcePosition) {
        self.init(SourcePath(path), start: start, end: end)
    }

    /// The span in a file whose path is known by its number.
    package init(_ file: SourcePath, start: SourcePosition, end: SourcePosition) {
        self.file = file
        self.start = start
        self.end = max(start, end)
    }

    package var path: String { self.file.text }

    /// Whether both lie in one file, without looking up what it is called.
    package func isInFile(of other: Self) -> Bool { self.file == other.file }

    /// Says "this file" when no line of it is more to blame than another.
    ///
    /// An empty path says that no file is to blame either.
    package static func wholeFile(_ path: String) -> Self {
        let nowhere = SourcePosition(line: 0, column: 0, offset: 0)
        return Self(SourcePath(path), start: nowhere, end: nowhere)
    }

    package var isWholeFile: Bool { self.start.line == 0 }

    package var isEmpty: Bool { self.start.offset == self.end.offset }

    package var utf8Range: Range<Int> { self.start.offset..<self.end.offset }

    /// The empty span just behind this one.
    package var tail: Self { Self(self.file, start: self.end, end: self.end) }

    /// The span from the start of this one to the end of the other.
    ///
    /// Both must lie in one file; otherwise this one is returned unchanged.
    package func joined(with other: Self) -> Self {
        guard self.file == other.file, !self.isWholeFile, !other.isWholeFile else { return self }
        return Self(self.file, start: min(self.start, other.start), end: max(self.end, other.end))
    }

    package func contains(_ other: Self) -> Bool {
        self.file == other.file && self.start <= other.start && other.end <= self.end
    }

    package func contains(utf8Offset: Int) -> Bool {
        self.start.offset <= utf8Offset && utf8Offset < self.end.offset
    }
}

extension SourceSpan: Codable {
    private enum CodingKeys: String, CodingKey {
        case path
        case start
        case end
    }

    package init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        self.init(
            path: try values.decode(String.self, forKey: .path),
            start: try values.decode(SourcePosition.self, forKey: .start),
            end: try values.decode(SourcePosition.self, forKey: .end)
        )
    }

    package func encode(to encoder: any Encoder) throws {
        var values = encoder.container(keyedBy: CodingKeys.self)
        try values.encode(self.path, forKey: .path)
        try values.encode(self.start, forKey: .start)
        try values.encode(self.end, forKey: .end)
    }
}

extension SourceSpan: CustomStringConvertible {
    package var description: String {
        guard !self.isWholeFile else { return self.path }
        return self.path.isEmpty ? "\(self.start)" : "\(self.path):\(self.start)"
    }
}
