// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// Writes diagnostics the way a compiler does, with the source line and a caret below it.
///
/// ```
/// drain.yaml:3:9: error[RB0207]: step 'drain' is defined twice
/// 3 |   - id: drain
///   |         ^^^^^
/// drain.yaml:2:9: note: first defined here
/// 2 |   - id: drain
///   |         ^^^^^
/// help: rename one of them; 'next' and 'undo' refer to steps by id
/// ```
///
/// What comes from the file or names it is shown, never obeyed: control characters and characters that
/// turn the direction of writing are replaced.
package struct DiagnosticRenderer: Sendable {
    private let files: [String: SourceFile]
    private let usesColour: Bool
    private let width: Int?

    /// - Parameters:
    ///   - files: Where source lines come from; a span into any other file is shown without its line.
    ///   - usesColour: Adds ANSI colours. They repeat what the words say, and never say it alone.
    ///   - width: The cells of a terminal, within which long messages are broken at blanks. What is piped is not broken: programs read
    ///     one message from one line.
    package init(files: [SourceFile], usesColour: Bool = false, width: Int? = nil) {
        self.width = width
        self.files = Dictionary(files.map { ($0.path, $0) }, uniquingKeysWith: { first, _ in first })
        self.usesColour = usesColour
    }

    /// One diagnostic, without a newline at its end.
    package func render(_ diagnostic: Diagnostic) -> String {
        let tint: Ink = diagnostic.severity == .error ? .red : .yellow
        let name = "\(diagnostic.severity.rawValue)[\(diagnostic.code)]"
        let message = self.broken(visible(diagnostic.message), behind: self.cells(of: diagnostic.span) + name.count + 2)
        var lines = ["\(self.place(diagnostic.span))\(self.paint(name, tint)): \(self.paint(message, .bold))"]
        lines += self.excerpt(diagnostic.span, tint: tint)
        for note in diagnostic.notes {
            let place = note.span.map { self.place($0) } ?? ""
            let text = self.broken(visible(note.message), behind: (note.span.map { self.cells(of: $0) } ?? 0) + 6)
            lines.append("\(place)\(self.paint("note", .cyan)): \(text)")
            if let span = note.span {
                lines += self.excerpt(span, tint: .cyan)
            }
        }
        if let help = diagnostic.help {
            lines.append("\(self.paint("help", .green)): \(self.broken(visible(help), behind: 6))")
        }
        return lines.joined(separator: "\n")
    }

    /// All of them in the given order, a newline after each.
    package func render(_ diagnostics: some Sequence<Diagnostic>) -> String {
        diagnostics.reduce(into: "") { text, diagnostic in
            text += self.render(diagnostic)
            text += "\n"
        }
    }

    /// The cells of a place with the colon and the blank behind it.
    private func cells(of span: SourceSpan) -> Int {
        guard self.width != nil else { return 0 }
        let place = span.description
        return place.isEmpty ? 0 : terminalWidth(of: visible(place)) + 2
    }

    /// A text that begins behind so many cells, with a line break wherever the next word would not fit.
    private func broken(_ text: String, behind cells: Int) -> String {
        guard let width = self.width, cells + text.utf8.count > width, !text.contains("\n") else { return text }
        var lines = ""
        var used = cells
        for (index, word) in text.split(separator: " ", omittingEmptySubsequences: false).enumerated() {
            let wide = terminalWidth(of: String(word))
            if index > 0, used + 1 + wide > width {
                lines += "\n  "
                used = 2
            } else if index > 0 {
                lines += " "
                used += 1
            }
            lines += word
            used += wide
        }
        return lines
    }

    private func place(_ span: SourceSpan) -> String {
        let place = span.description
        return place.isEmpty ? "" : self.paint(visible(place), .bold) + ": "
    }

    private func excerpt(_ span: SourceSpan, tint: Ink) -> [String] {
        guard !span.isWholeFile, let file = self.files[span.path] else { return [] }
        let excerpt = SourceExcerpt(of: span, in: file)
        let number = "\(span.start.line)"
        let margin = String(repeating: " ", count: number.count)
        let text = excerpt.text.isEmpty ? "" : " " + excerpt.text
        let indent = String(repeating: " ", count: excerpt.caretColumn)
        let carets = String(repeating: "^", count: excerpt.caretWidth)
        return [
            "\(self.paint("\(number) |", .blue))\(text)",
            "\(self.paint("\(margin) |", .blue)) \(indent)\(self.paint(carets, tint))",
        ]
    }
}

// MARK: Colour

extension DiagnosticRenderer {
    private enum Ink: String {
        case bold = "1"
        case red = "1;31"
        case green = "1;32"
        case yellow = "1;33"
        case blue = "34"
        case cyan = "1;36"
    }

    private func paint(_ text: String, _ ink: Ink) -> String {
        self.usesColour ? "\u{1B}[\(ink.rawValue)m\(text)\u{1B}[0m" : text
    }
}

// MARK: GitHub

extension DiagnosticRenderer {
    /// One line that GitHub Actions turns into an annotation of the changed file.
    package static func githubAnnotation(_ diagnostic: Diagnostic) -> String {
        var properties: [String] = []
        if !diagnostic.span.path.isEmpty {
            properties.append("file=\(self.escaped(diagnostic.span.path, isProperty: true))")
        }
        if !diagnostic.span.isWholeFile {
            properties.append("line=\(diagnostic.span.start.line),endLine=\(diagnostic.span.end.line)")
            // GitHub refuses columns on an annotation of several lines.
            if diagnostic.span.start.line == diagnostic.span.end.line {
                properties.append("col=\(diagnostic.span.start.column),endColumn=\(diagnostic.span.end.column)")
            }
        }
        properties.append("title=\(diagnostic.code)")
        var lines = [diagnostic.message]
        lines += diagnostic.notes.map { note in note.span.map { "\($0): \(note.message)" } ?? note.message }
        lines += diagnostic.help.map { ["help: \($0)"] } ?? []
        let message = self.escaped(lines.joined(separator: "\n"), isProperty: false)
        return "::\(diagnostic.severity.rawValue) \(properties.joined(separator: ","))::\(message)"
    }

    private static func escaped(_ text: String, isProperty: Bool) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "%": result += "%25"
            case "\r": result += "%0D"
            case "\n": result += "%0A"
            case ":" where isProperty: result += "%3A"
            case "," where isProperty: result += "%2C"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }
}

extension SourceFile {
    /// The diagnostic as plain text with lines of this file.
    package func render(_ diagnostic: Diagnostic) -> String {
        DiagnosticRenderer(files: [self]).render(diagnostic)
    }
}
