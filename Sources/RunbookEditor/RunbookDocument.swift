// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunbookCompiler
package import RunbookLanguage
package import RunbookSource
import RunbookYAML

/// A file of ours that is open in an editor: its text as it is now, and what was last understood of it.
package struct RunbookDocument {
    package private(set) var file: SourceFile
    /// What the text says that it is; nothing while it is none of ours.
    package private(set) var kind: DocumentKind?
    /// Everything that is wrong with the text, in source order.
    package private(set) var diagnostics: [Diagnostic] = []
    /// Of the text as it is, once it was prepared; nothing while it is no YAML.
    package private(set) var index: RunbookIndex?
    /// The runbooks that it calls, with where it names them.
    package private(set) var calls: [Call] = []
    /// Whether the text has changed since it was last looked at.
    package private(set) var isStale = false
    /// Of the last text that could be read, for completion.
    private(set) var lastIndex: RunbookIndex?
    private(set) var lastNames: NameScopes?
    /// The last tree that has no index yet, and whether it is that of the text as it is.
    private var unread: (root: YAMLNode, isCurrent: Bool)?

    let languages: EditorLanguages

    package struct Call: Hashable, Sendable {
        package let path: String
        package let span: SourceSpan
    }

    package init(path: String, text: String, grammar: RunbookGrammar) {
        self.init(SourceFile(path: path, text: text), languages: EditorLanguages(runbook: grammar))
        self.analyze()
        self.prepare()
    }

    /// A text that has not been looked at yet.
    package init(_ file: SourceFile, languages: EditorLanguages) {
        self.file = file
        self.languages = languages
        self.edit(file)
    }

    package mutating func replace(text: String) {
        self.edit(SourceFile(path: self.file.path, text: text))
        self.analyze()
        self.prepare()
    }

    /// Takes a new text; ``analyze(loader:)`` looks at it once it is wanted, which is not after every key of a burst.
    package mutating func edit(_ file: SourceFile) {
        self.file = file
        self.isStale = true
    }

    /// Makes the index, which questions about places need and diagnostics do not.
    package mutating func prepare() {
        guard let (root, isCurrent) = self.unread else {
            return
        }
        self.unread = nil
        self.lastIndex = RunbookIndex(of: root, grammar: self.grammar)
        self.index = isCurrent ? self.lastIndex : nil
    }

    /// Looks at the text, and at the runbooks that it calls.
    package mutating func analyze(loader: RunbookLoader = .none) {
        self.isStale = false
        self.index = nil
        self.diagnostics = []
        self.calls = []
        self.unread?.isCurrent = false
        self.kind = DocumentKind(of: self.file)
        guard let kind = self.kind else {
            return
        }
        guard kind == .runbook else {
            self.analyze(as: kind)
            return
        }
        let checked = CheckedRunbook(self.file, loader: loader, keepsNames: true)
        self.unread = checked.root.map { ($0, true) } ?? self.unread
        self.lastNames = checked.names ?? self.lastNames
        self.calls = (checked.syntax?.calledRunbooks ?? []).map { name in
            Call(path: RunbookLoader.path(of: name.value, from: self.file.path), span: name.span)
        }
        self.diagnostics = self.atCalls(checked.diagnostics)
    }

    /// What only a runbook has, there is not; keys and words are those of its schema.
    private mutating func analyze(as kind: DocumentKind) {
        self.lastNames = nil
        guard let language = self.languages.others[kind] else {
            return
        }
        let document = YAMLDocument.parse(self.file, features: language.features)
        self.unread = document.root.map { ($0, true) } ?? self.unread
        self.diagnostics = language.check(document)
    }

    var grammar: RunbookGrammar {
        self.languages.grammar(of: self.kind)
    }

    /// Mistakes in a called runbook, said where it is called: an editor shows the lines of one file.
    private func atCalls(_ diagnostics: [Diagnostic]) -> [Diagnostic] {
        var own: [Diagnostic] = []
        var others: [String: [Diagnostic]] = [:]
        for diagnostic in diagnostics {
            if diagnostic.span.path == self.file.path {
                own.append(diagnostic)
            } else {
                others[diagnostic.span.path, default: []].append(diagnostic)
            }
        }
        for (path, mistakes) in others.sorted(by: { $0.key < $1.key }) {
            // What is called by a called one has no place here but that of the first call.
            let call = self.calls.first { $0.path == path } ?? self.calls.first
            own.append(.mistakesInCalled(mistakes, path: path, at: call?.span ?? .wholeFile(self.file.path)))
        }
        return own.inSourceOrder()
    }

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
        if let word = diagnostic.slip?.meant, let span = self.wrongWord(of: diagnostic) {
            let edit = TextEdit(span: span, text: self.keepingQuotes(word, at: span))
            return [QuickFix(title: "Change to '\(word)'", diagnostic: diagnostic, edits: [edit])]
        }
        let text = self.file.text(of: diagnostic.span)
        guard self.kind == .runbook else {
            return []
        }
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

extension Diagnostic {
    fileprivate static func mistakesInCalled(_ mistakes: [Diagnostic], path: String, at span: SourceSpan) -> Self {
        let count = mistakes.count == 1 ? "a mistake" : "\(mistakes.count) mistakes"
        return Self(
            code: mistakes[0].code,
            severity: .error,
            message: "the runbook '\(path)' that is called here has \(count): \(mistakes[0].message)",
            span: span,
            notes: mistakes.prefix(8).map { Note(message: $0.message, span: $0.span) },
            help: "mend it there; 'selfheal check' shows its lines"
        )
    }
}
