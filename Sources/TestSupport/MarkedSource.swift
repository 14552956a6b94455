// Selfheal
// SPDX-License-Identifier: Apache-2.0

package import RunbookSource

/// A text in which pairs of marks, ❶ to ❿, say where things are, so that no test counts columns.
///
/// ```swift
/// let source = MarkedSource(
///     """
///     steps:
///       - id: ❶drain❶
///     """
/// )
/// source.text   // the same without marks
/// source["❶"]   // the span of `drain`
/// ```
///
/// A mark that stands only once is an empty span. Pairs may nest and overlap.
package struct MarkedSource: Sendable {
    package let file: SourceFile
    private let ranges: [Character: Range<Int>]

    private static let marks: ClosedRange<Character> = "❶"..."❿"

    package init(path: String = "runbook.yaml", _ marked: String) {
        var text = ""
        var ranges: [Character: Range<Int>] = [:]
        var open: [Character: Int] = [:]
        for scalar in marked.unicodeScalars {
            let mark = Character(scalar)
            guard Self.marks.contains(mark) else {
                text.unicodeScalars.append(scalar)
                continue
            }
            let offset = text.utf8.count
            precondition(ranges[mark].map(\.isEmpty) ?? true, "mark \(mark) stands more than twice")
            let start = open.removeValue(forKey: mark)
            ranges[mark] = (start ?? offset)..<offset
            if start == nil {
                open[mark] = offset
            }
        }
        self.file = SourceFile(path: path, text: text)
        self.ranges = ranges
    }

    package var path: String { self.file.path }

    /// The text without its marks.
    package var text: String { self.file.text }

    /// What a pair of marks enclosed; asking for a mark that the text lacks is a mistake in the test.
    package subscript(_ mark: Character) -> SourceSpan {
        guard let range = self.ranges[mark] else {
            preconditionFailure("the source has no mark \(mark)")
        }
        return self.file.span(utf8Range: range)
    }

    /// The text that a pair of marks enclosed.
    package func text(at mark: Character) -> String { self.file.text(of: self[mark]) }

    /// The diagnostic with its source lines, as `selfheal check` prints it.
    package func render(_ diagnostic: Diagnostic) -> String { self.file.render(diagnostic) }
}
