// Selfheal
// SPDX-License-Identifier: Apache-2.0

package import RunbookSource

/// The way from positions in a scalar's text to positions in its file.
///
/// Expressions live inside scalars, often folded ones, and a mistake in one should be underlined where it
/// stands. libyaml only says where a scalar starts and ends, so the source is read once more, and the
/// result is used only if it gives exactly the text that libyaml gave.
package struct YAMLScalarMap: Sendable {
    /// Bytes of the text that stand together in the file.
    ///
    /// If the lengths differ, the piece is an escape, or a line break that became a space.
    struct Piece {
        var textStart: Int
        var textLength: Int
        var sourceStart: Int
        var sourceLength: Int
    }

    private let pieces: [Piece]
    private let file: SourceFile?
    private let whole: SourceSpan

    init(of scalar: YAMLScalar, in file: SourceFile?) {
        self.whole = scalar.span
        self.file = file
        guard let file else {
            self.pieces = []
            return
        }
        self.pieces = ScalarTracer.pieces(of: scalar, in: file) ?? []
    }

    /// Whether positions are exact; otherwise every range is the whole scalar.
    package var isExact: Bool { !self.pieces.isEmpty }

    package func span(ofUTF8Range range: Range<Int>) -> SourceSpan {
        guard let file = self.file, let last = self.pieces.last else { return self.whole }
        let end = last.textStart + last.textLength
        let lower = min(max(range.lowerBound, 0), end)
        let upper = min(max(range.upperBound, lower), end)
        let start = self.sourceStart(of: lower)
        guard upper > lower else { return file.span(utf8Range: start..<start) }
        return file.span(utf8Range: start..<max(start, self.sourceEnd(of: upper)))
    }

    private func sourceStart(of position: Int) -> Int {
        let piece = self.piece(at: position)
        let distance = position - piece.textStart
        guard piece.textLength == piece.sourceLength || distance >= piece.textLength else { return piece.sourceStart }
        return piece.sourceStart + min(distance, piece.sourceLength)
    }

    private func sourceEnd(of position: Int) -> Int {
        let piece = self.piece(at: position - 1)
        guard piece.textLength == piece.sourceLength else { return piece.sourceStart + piece.sourceLength }
        return piece.sourceStart + position - piece.textStart
    }

    /// The last piece that does not start behind the position.
    private func piece(at position: Int) -> Piece {
        var low = 0
        var high = self.pieces.count - 1
        while low < high {
            let middle = (low + high + 1) / 2
            if self.pieces[middle].textStart <= position {
                low = middle
            } else {
                high = middle - 1
            }
        }
        return self.pieces[low]
    }
}
