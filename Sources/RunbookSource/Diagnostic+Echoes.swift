// Selfheal
// SPDX-License-Identifier: Apache-2.0

extension Sequence<Diagnostic> {
    /// One message for one mistake: what is said again in the same words becomes a note of the first, and what only follows is left out.
    ///
    /// A step that was renamed at its definition is unknown in ten other places. All of them are named, and the message is one.
    package func withoutEchoes() -> [Diagnostic] {
        let all = Array(self)
        var kept: [Diagnostic] = []
        var first: [Echo: Int] = [:]
        let crowded = all.filter { $0.code.number == 113 }
        for diagnostic in all {
            // Two steps run into one another have two titles, too.
            if diagnostic.code.number == 13, crowded.contains(where: { diagnostic.isCrowded(by: $0) }) {
                continue
            }
            guard let echo = Echo(diagnostic) else {
                kept.append(diagnostic)
                continue
            }
            guard let index = first[echo] else {
                first[echo] = kept.count
                kept.append(diagnostic)
                continue
            }
            if kept[index].notes.count < Echo.noteLimit, !diagnostic.span.isWholeFile {
                kept[index].notes.append(Diagnostic.Note(message: "and here", span: diagnostic.span))
            }
        }
        return kept
    }
}

/// What makes two messages one: the same thing is unknown.
private struct Echo: Hashable {
    private let what: String

    static let noteLimit = 8

    init?(_ diagnostic: Diagnostic) {
        var path: String { diagnostic.span.path }
        switch diagnostic.code.number {
        case 201, 202: self.what = "\(path) step \(Self.quoted(0, in: diagnostic.message))"
        case 304 where diagnostic.message.hasPrefix("'steps' has no field "):
            self.what = "\(path) step \(Self.quoted(1, in: diagnostic.message))"
        case 208, 303: self.what = "\(path) name \(Self.quoted(0, in: diagnostic.message))"
        case 304, 305, 307: self.what = "\(path) \(diagnostic.code) \(diagnostic.message)"
        default: return nil
        }
    }

    /// The text in the nth pair of quotes.
    private static func quoted(_ index: Int, in message: String) -> String {
        let parts = message.split(separator: "'", omittingEmptySubsequences: false)
        return parts.indices.contains(2 * index + 1) ? String(parts[2 * index + 1]) : message
    }
}

extension Diagnostic {
    /// Whether a key that is given twice lies around the second verb of a step, in the same column.
    fileprivate func isCrowded(by other: Diagnostic) -> Bool {
        guard let own = self.notes.first?.span, let others = other.notes.first?.span, self.span.isInFile(of: other.span)
        else {
            return false
        }
        return self.span.start.column == other.span.start.column && own.start <= other.span.start
            && others.start <= self.span.start
    }
}
