// Selfheal
// SPDX-License-Identifier: Apache-2.0

package import RunbookSource

/// Warnings that an author has read and answered: `# selfheal: allow RB0412 because the lab has one node`.
///
/// The comment stands at the end of the line that the warning points at, or on lines of its own right above it. It needs a reason, because
/// the next reader will ask for it; and one that silences nothing is told, because what it was written for has gone.
package enum Silences {
    private static let marker = "# selfheal:"

    /// What is left to be said, in source order.
    ///
    /// Errors cannot be silenced.
    package static func apply(to diagnostics: [Diagnostic], in file: SourceFile) -> [Diagnostic] {
        let found = self.find(in: file)
        guard !found.silences.isEmpty || !found.mistakes.isEmpty else {
            return diagnostics
        }
        var used: Set<SourceSpan> = []
        var left: [Diagnostic] = []
        let byLine = Dictionary(grouping: found.silences, by: \.line)
        for diagnostic in diagnostics {
            let silence = byLine[diagnostic.span.start.line]?.first { $0.code == diagnostic.code }
            if let silence, diagnostic.severity == .warning {
                used.insert(silence.span)
            } else {
                left.append(diagnostic)
            }
        }
        // With an error in the file the warnings were not all looked for, so none is known to be missing.
        let unused = diagnostics.hasErrors ? [] : found.silences.filter { !used.contains($0.span) }
        return (left + found.mistakes + unused.map { .idleSilence($0.code, at: $0.span) }).inSourceOrder()
    }

    private struct Silence {
        let code: Diagnostic.Code
        /// Of the code in the comment.
        let span: SourceSpan
        /// The line whose warnings it silences.
        let line: Int
    }

    private static func find(in file: SourceFile) -> (silences: [Silence], mistakes: [Diagnostic]) {
        guard file.text.holds("# selfheal:") else {
            return ([], [])
        }
        var silences: [Silence] = []
        var mistakes: [Diagnostic] = []
        // Comments on lines of their own wait for the line that they are about.
        var waiting: [(code: Diagnostic.Code, span: SourceSpan)] = []
        var offset = 0
        for (index, line) in file.text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            defer { offset += line.utf8.count + 1 }
            let content = line.drop { $0 == " " || $0 == "\t" || $0 == "-" }
            if let range = line.firstRange(of: self.marker) {
                let start = offset + line.utf8.distance(from: line.startIndex, to: range.lowerBound)
                let comment = SilenceComment(line[range.upperBound...], offset: start + self.marker.utf8.count)
                let codes = comment.codes.map { (code: $0.code, span: file.span(utf8Range: $0.range)) }
                if let mistake = comment.mistake {
                    let whole = start..<offset + line.utf8.count
                    mistakes.append(.badSilence(mistake, at: file.span(utf8Range: mistake.range ?? whole)))
                } else if content.hasPrefix("#") {
                    waiting += codes
                    continue
                } else {
                    silences += codes.map { Silence(code: $0.code, span: $0.span, line: index + 1) }
                }
            }
            if !content.isEmpty, !content.hasPrefix("#") {
                silences += waiting.map { Silence(code: $0.code, span: $0.span, line: index + 1) }
                waiting = []
            }
        }
        silences += waiting.map { Silence(code: $0.code, span: $0.span, line: 0) }
        return (silences, mistakes)
    }
}

/// What stands behind the marker: `allow RB0412, RB0413 because …`.
private struct SilenceComment {
    private(set) var codes: [(code: Diagnostic.Code, range: Range<Int>)] = []
    private(set) var mistake: Mistake?

    struct Mistake {
        let message: String
        /// Of the word to blame; without one it is the whole comment.
        var range: Range<Int>?
        var slip: Diagnostic.Slip?
    }

    init(_ text: Substring, offset: Int) {
        var words: [(text: Substring, offset: Int)] = []
        var position = offset
        for word in text.split(separator: " ", omittingEmptySubsequences: false) {
            if !word.isEmpty {
                words.append((word, position))
            }
            position += word.utf8.count + 1
        }
        guard words.first?.text == "allow" else {
            self.mistake = Mistake(message: "there is only 'allow'")
            return
        }
        var rest = words.dropFirst()
        while let word = rest.first, word.text != "because" {
            rest = rest.dropFirst()
            let name = word.text.last == "," ? word.text.dropLast() : word.text
            let range = word.offset..<(word.offset + name.utf8.count)
            let code = Diagnostic.Code(String(name))
            switch code.flatMap({ DiagnosticRegistry.severity(of: $0) }) {
            case .warning: code.map { self.codes.append(($0, range)) }
            case .error:
                self.mistake = Mistake(message: "'\(name)' is an error, and errors have to be mended", range: range)
                return
            case nil:
                let known = DiagnosticRegistry.codes(.warning).lazy.map(\.description)
                let slip = DidYouMean.slip(for: String(name), among: known)
                self.mistake = Mistake(message: "'\(name)' is no code", range: range, slip: slip)
                return
            }
        }
        if self.codes.isEmpty {
            self.mistake = Mistake(message: "it names no code")
        } else if rest.count < 2 {
            self.mistake = Mistake(message: "it gives no reason")
        }
    }
}

extension Diagnostic {
    fileprivate static func badSilence(_ mistake: SilenceComment.Mistake, at span: SourceSpan) -> Self {
        Self(
            code: Code(458),
            severity: .warning,
            message: "the comment silences nothing: \(mistake.message)",
            span: span,
            help: "write # selfheal: allow RB0412 because …",
            slip: mistake.slip
        )
    }

    fileprivate static func idleSilence(_ code: Code, at span: SourceSpan) -> Self {
        .advice(
            Code(459),
            "there is no warning \(code) here that could be silenced",
            at: span,
            help: "take the comment out, or put it on the line above the one that the warning points at"
        )
    }
}
