// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunbookCompiler
import RunbookLanguage
package import RunbookSource
import RunbookYAML

/// A runbook that is open in an editor: its text as it is now, and what was last understood of it.
package struct RunbookDocument {
    package private(set) var file: SourceFile
    /// Everything that is wrong with the text, in source order.
    package private(set) var diagnostics: [Diagnostic] = []
    /// Of the text as it is; nothing while it is no YAML.
    package private(set) var index: RunbookIndex?
    /// Of the last text that could be read, for completion.
    private(set) var lastIndex: RunbookIndex?
    private(set) var lastNames: NameScopes?

    let grammar: RunbookGrammar

    package init(path: String, text: String, grammar: RunbookGrammar) {
        self.file = SourceFile(path: path, text: text)
        self.grammar = grammar
        self.analyze()
    }

    package mutating func replace(text: String) {
        self.file = SourceFile(path: self.file.path, text: text)
        self.analyze()
    }

    private mutating func analyze() {
        self.index = nil
        self.diagnostics = []
        guard self.isRunbook else {
            return
        }
        let document = YAMLDocument.parse(self.file)
        self.diagnostics = document.diagnostics
        guard let root = document.root else {
            return
        }
        let index = RunbookIndex(of: root, grammar: self.grammar)
        self.index = index
        self.lastIndex = index
        let (syntax, shape) = RunbookParser.parse(root)
        self.diagnostics += shape
        if let syntax {
            let (meaning, names) = RunbookCompiler.analyze(
                syntax,
                path: self.file.path,
                isWellFormed: !self.diagnostics.hasErrors
            )
            self.diagnostics += meaning
            self.lastNames = names
        }
        self.diagnostics = Silences.apply(to: self.diagnostics.inSourceOrder().withoutEchoes(), in: self.file)
    }

    /// Whether the file says that it is a runbook: editors hand us every YAML file there is.
    package var isRunbook: Bool {
        let marks = ["runbook:", "# yaml-language-server: $schema="]
        for line in 1...max(1, min(self.file.lineCount, Self.headLimit)) {
            let text = self.file.line(line)
            if text.hasPrefix(marks[0]) || text.hasPrefix(marks[1]) && text.contains("runbook.schema.json") {
                return true
            }
        }
        return false
    }

    /// How many lines are searched for `runbook:`.
    private static let headLimit = 200

    /// What each step can see, as far as it is known.
    var names: NameScopes? {
        self.lastNames
    }
}

/// A change of a text.
package struct TextEdit: Hashable, Sendable {
    package let span: SourceSpan
    package let text: String
}

// MARK: Names

extension RunbookDocument {
    package func definition(at offset: Int) -> RunbookIndex.Mention? {
        self.index.flatMap { index in index.mention(at: offset).flatMap { index.definition(of: $0.symbol) } }
    }

    package func references(at offset: Int) -> [RunbookIndex.Mention] {
        self.index.flatMap { index in index.mention(at: offset).map { index.mentions(of: $0.symbol) } } ?? []
    }

    /// Why a name cannot be changed.
    package struct RenameProblem: Error, Hashable, Sendable {
        package let message: String
    }

    package func rename(at offset: Int, to name: String) throws(RenameProblem) -> [TextEdit] {
        guard let index = self.index, let mention = index.mention(at: offset) else {
            throw RenameProblem(message: "there is no name of a step, parameter, selection or variable here")
        }
        guard index.definition(of: mention.symbol) != nil else {
            throw RenameProblem(message: "'\(mention.symbol.name)' is not defined in this file")
        }
        guard Naming.isName(name) else {
            throw RenameProblem(message: "'\(name)' is no name: it begins with a-z and goes on with a-z, 0-9 and '_'")
        }
        let taken = RunbookIndex.Symbol(kind: mention.symbol.kind, name: name)
        if let other = index.definition(of: taken), name != mention.symbol.name {
            throw RenameProblem(message: "'\(name)' is defined already, in line \(other.span.start.line)")
        }
        return index.mentions(of: mention.symbol).map { mention in
            TextEdit(span: mention.span, text: self.keepingQuotes(name, at: mention.span))
        }
    }

    /// `steps['look']` keeps its quotes.
    private func keepingQuotes(_ name: String, at span: SourceSpan) -> String {
        let text = self.file.text(of: span)
        guard let first = text.first, first == "'" || first == "\"", text.last == first else {
            return name
        }
        return "\(first)\(name)\(first)"
    }
}

// MARK: Cures

/// A change that takes a diagnostic away.
package struct QuickFix: Hashable, Sendable {
    package let title: String
    package let diagnostic: Diagnostic
    package let edits: [TextEdit]
}

extension RunbookDocument {
    /// What can be done about the diagnostics in a part of the text.
    package func fixes(in range: Range<Int>) -> [QuickFix] {
        self.diagnostics.filter { diagnostic in
            !diagnostic.span.isWholeFile && diagnostic.span.start.offset <= range.upperBound
                && range.lowerBound <= diagnostic.span.end.offset
        }
        .flatMap(self.fixes)
    }

    private func fixes(for diagnostic: Diagnostic) -> [QuickFix] {
        if let word = diagnostic.suggestion, let span = self.wrongWord(of: diagnostic) {
            let edit = TextEdit(span: span, text: self.keepingQuotes(word, at: span))
            return [QuickFix(title: "Change to '\(word)'", diagnostic: diagnostic, edits: [edit])]
        }
        let text = self.file.text(of: diagnostic.span)
        switch diagnostic.code.number {
        case 105 where !text.isEmpty && text.allSatisfy(\.isNumber):
            return ["s", "m", "h"].map { unit in
                QuickFix(
                    title: "Write \(text)\(unit)",
                    diagnostic: diagnostic,
                    edits: [TextEdit(span: diagnostic.span, text: text + unit)]
                )
            }
        case 204: return self.fix(adding: "max_visits: 3", to: diagnostic.notes.first?.span, diagnostic)
        // A gate's timeout stands inside it, beside 'on_timeout', on a line that may be anywhere.
        case 222 where !diagnostic.message.contains("'approve'"):
            return self.fix(adding: "timeout: 5m", to: self.step(around: diagnostic.span), diagnostic)
        default: return []
        }
    }

    /// The part of a diagnostic's place that the suggestion replaces.
    private func wrongWord(of diagnostic: Diagnostic) -> SourceSpan? {
        let text = self.file.text(of: diagnostic.span)
        let isOneWord = text.unicodeScalars.allSatisfy {
            $0.isASCII
                && ($0.properties.isAlphabetic || $0.properties.numericType != nil || "_-'\".".contains(Character($0)))
        }
        return isOneWord && !text.isEmpty ? diagnostic.span : nil
    }

    /// The name of the step in which a place is.
    private func step(around span: SourceSpan) -> SourceSpan? {
        self.index?.mentions.filter { $0.isDefinition && $0.symbol.kind == .step && $0.whole.contains(span) }
            .max { $0.span.start < $1.span.start }?.span
    }

    /// A key under the `id` of a step that is written in a line of its own.
    private func fix(adding key: String, to name: SourceSpan?, _ diagnostic: Diagnostic) -> [QuickFix] {
        guard let name, !name.isWholeFile else {
            return []
        }
        let line = self.file.line(name.start.line)
        guard let position = line.range(ofWord: "id:"), !line.contains("{") else {
            return []
        }
        let indent = String(repeating: " ", count: position)
        let end = self.file.utf8Range(ofLine: name.start.line).upperBound
        let edit = TextEdit(span: self.file.span(utf8Range: end..<end), text: "\n\(indent)\(key)")
        return [QuickFix(title: "Add '\(key)'", diagnostic: diagnostic, edits: [edit])]
    }
}

extension String {
    /// The column at which a word begins.
    fileprivate func range(ofWord word: String) -> Int? {
        let (text, wanted) = (Array(self.utf8), Array(word.utf8))
        guard text.count >= wanted.count else {
            return nil
        }
        return (0...(text.count - wanted.count)).first { Array(text[$0..<$0 + wanted.count]) == wanted }
    }
}
