// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunVocabulary
package import RunbookSource
package import RunbookYAML

/// Reads a runbook's syntax tree from YAML nodes.
///
/// It finds everything that is wrong with the shape: unknown and missing keys, wrong types, words that are none of the words allowed,
/// durations without units, expressions that do not parse. What names mean is the compiler's business.
package struct RunbookParser {
    let sink: DiagnosticSink

    /// - Returns: what could be read, however wrong, and what is wrong with it; no syntax tree when not even a name was found.
    package static func parse(_ root: YAMLNode) -> (syntax: RunbookSyntax?, diagnostics: [Diagnostic]) {
        let (syntax, diagnostics) = self.parseAsWritten(root)
        guard let misspelt = MisspeltKeys(diagnostics) else {
            return (syntax, diagnostics)
        }
        let (meant, others) = self.parseAsWritten(misspelt.corrected(root))
        return (meant, misspelt.diagnostics(with: others, in: root).inSourceOrder())
    }

    private static func parseAsWritten(_ root: YAMLNode) -> (syntax: RunbookSyntax?, diagnostics: [Diagnostic]) {
        let sink = DiagnosticSink(memory: ExpressionMemory())
        let syntax = RunbookParser(sink: sink).runbook(root)
        return (syntax, sink.diagnostics)
    }

    private func runbook(_ root: YAMLNode) -> RunbookSyntax? {
        let help = "a runbook begins with 'runbook: NAME' and has 'steps:'"
        guard var reader = MappingReader(root, what: "the runbook", sink: self.sink, help: help) else {
            return nil
        }
        let name = reader.requiredText("runbook", because: help)
        if let name, !Naming.isRunbookName(name.value) {
            self.sink.report(.badName(name.value, what: "runbook", at: name.span))
        }
        var syntax = RunbookSyntax(name: name ?? Spanned("unnamed", at: root.span))
        syntax.title = reader.text("title")
        syntax.severity = reader.word("severity")
        syntax.owner = reader.text("owner")
        syntax.parameters =
            reader.named("parameters", "a mapping of names to parameters")?.map(self.parameter) ?? []
        syntax.settings = reader.named("settings", "a mapping of names to settings")?.map(self.setting) ?? []
        syntax.selections =
            reader.named("targets", "a mapping of names to selections")?.map(self.selection) ?? []
        for element in reader.elements("triggers", "a list of triggers") ?? [] {
            self.trigger(element, &syntax)
        }
        syntax.autonomy = reader.text("autonomy")
        syntax.isForMassFailure = reader.bool("mass_failure")?.value ?? false
        syntax.fresh = reader.duration("fresh")
        syntax.deadline = reader.duration("deadline")
        syntax.locks = reader.elements("locks", "a list of locks")?.compactMap(self.lock) ?? []
        syntax.properties = reader.elements("properties", "a list of properties")?.compactMap(self.property) ?? []
        syntax.assumptions = reader.take("assume").flatMap(self.assumptions)
        if let steps = reader.require("steps", because: "list what the runbook does under 'steps:'") {
            syntax.steps = self.steps(steps, of: "the runbook", under: "steps")
        }
        syntax.onFailure = reader.take("on_failure").flatMap(self.onFailure)
        syntax.finally = reader.take("finally").map { self.steps($0, of: "'finally'", under: "finally") }
        reader.finish()
        return syntax
    }

    // MARK: Parameters, settings, selections, triggers, locks

    private func parameter(name: Spanned<String>, node: YAMLNode) -> ParameterSyntax {
        self.value("parameter", name, node, "{ type: string }", ParameterSyntax.Kind.allCases) { reader in
            reader.text("default")
        }
    }

    /// A setting always has a value, since the configuration need not speak of it; and it is in the plan for all to see, so it is no secret.
    private func setting(name: Spanned<String>, node: YAMLNode) -> ParameterSyntax {
        let kinds = ParameterSyntax.Kind.allCases.filter { $0 != .secret }
        let setting = self.value("setting", name, node, "{ type: duration, default: 2m }", kinds) { reader in
            reader.requiredText("default", because: "it holds where the configuration has no such setting")
        }
        if let kind = setting.kind, kind.value == .secret {
            self.sink.report(.secretSetting(name.value, at: kind.span))
        }
        return setting
    }

    private func value(
        _ what: String,
        _ name: Spanned<String>,
        _ node: YAMLNode,
        _ example: String,
        _ kinds: [ParameterSyntax.Kind],
        _ readDefault: (inout MappingReader) -> Spanned<String>?
    ) -> ParameterSyntax {
        self.checkName(name, what: what)
        var value = ParameterSyntax(name: name, values: [])
        let help = "write \(name.value): \(example)"
        guard var reader = MappingReader(node, what: "\(what) '\(name.value)'", sink: self.sink, help: help) else {
            return value
        }
        let words = kinds.map(\.rawValue).joined(separator: ", ")
        value.kind = reader.require("type", because: "it is one of \(words)").flatMap { reader.word($0, "type") }
        value.values = reader.texts("values") ?? []
        value.defaultValue = readDefault(&reader)
        value.description = reader.text("description")?.value
        reader.finish()
        return value
    }

    private func selection(name: Spanned<String>, node: YAMLNode) -> SelectionSyntax {
        self.checkName(name, what: "selection")
        let help = "write \(name.value): { role: NAME }"
        guard var reader = MappingReader(node, what: "selection '\(name.value)'", sink: self.sink, help: help) else {
            return SelectionSyntax(name: name, isIncomplete: true)
        }
        var selection = SelectionSyntax(
            name: name,
            role: reader.text("role"),
            datacenter: reader.template("datacenter"),
            nodes: reader.someTemplates("nodes")
        )
        selection.isIncomplete = !reader.unknownKeys.isEmpty
        reader.finish()
        return selection
    }

    private func lock(_ node: YAMLNode) -> LockSyntax? {
        if node.scalar != nil {
            guard let reader = MappingReader.forTexts(self.sink, at: node.span) else {
                return nil
            }
            return reader.text(node, "locks").map { LockSyntax(name: $0, wait: nil) }
        }
        guard var reader = MappingReader(node, what: "a lock", sink: self.sink) else {
            return nil
        }
        let name = reader.requiredText("name")
        let wait = reader.duration("wait")
        reader.finish()
        return name.map { LockSyntax(name: $0, wait: wait) }
    }

    // MARK: Properties

    private func property(_ node: YAMLNode) -> PropertySyntax? {
        guard var reader = MappingReader(node, what: "a property", sink: self.sink) else {
            return nil
        }
        let kinds = ["never", "before", "at_most", "every_path", "after_in_doubt", "possible"]
        let found = reader.pairs(of: kinds)
        guard let pair = found.first else {
            self.sink.report(.noProperty(reader.unknownKeys, kinds, at: node.span))
            return nil
        }
        defer { reader.finish() }
        if found.count > 1 {
            self.sink.report(.severalProperties(at: found[1].key.span, first: pair.key.span))
        }
        let (kind, body) = (pair.key.text, pair.value)
        guard var inner = MappingReader(body, what: "'\(kind)'", sink: self.sink) else {
            return nil
        }
        defer { inner.finish() }
        switch kind {
        case "never":
            if let together = inner.texts("together") {
                return .neverTogether(steps: together, at: pair.key.span)
            }
            let isAboutTruth = inner.bool("truth")?.value ?? false
            let (step, unless) = (inner.requiredText("step"), inner.requiredExpression("unless"))
            guard let step, let unless else {
                return nil
            }
            return .neverStep(step: step, unless: unless, isAboutTruth: isAboutTruth)
        case "before":
            let (first, then) = (self.someSteps("first", &inner), self.someSteps("then", &inner))
            guard let first, let then else {
                return nil
            }
            return .before(first: first, then: then)
        case "at_most":
            let count = inner.require("down_by_us").flatMap { _ in inner.int("down_by_us", in: 0...100_000) }
            let selection = inner.requiredText("of")
            guard let count, let selection else {
                return nil
            }
            return .atMost(downByUs: count, of: selection)
        case "every_path":
            if inner.take("ends_within") != nil {
                return inner.duration("ends_within").map { .everyPathEndsWithin($0) }
            }
            let unless: Spanned<RunOutcome>? = inner.word("unless")
            if let step = inner.text("passes") {
                return .everyPathPasses(step: step, unless: unless)
            }
            let channel = inner.requiredText("notifies", because: "or 'ends_within: 90m'")
            return channel.map { .everyPathNotifies(channel: $0, unless: unless) }
        case "after_in_doubt":
            let (step, remedy) = (inner.requiredText("step"), inner.requiredText("do"))
            guard let step, let remedy else {
                return nil
            }
            return .afterInDoubt(step: step, remedy: remedy)
        default:
            guard let node = inner.require("ends") else {
                return nil
            }
            return inner.word(node, "ends").map { .possible(ends: $0) }
        }
    }

    /// A step, or a list of at least one.
    private func someSteps(_ key: String, _ reader: inout MappingReader) -> [Spanned<String>]? {
        guard let node = reader.require(key), let steps = reader.texts(key) else {
            return nil
        }
        guard !steps.isEmpty else {
            // What could not be read has been reported.
            if node.sequence?.isEmpty ?? false {
                self.sink.report(.wrongShape("'\(key)'", needed: "a step, or a list of steps", found: node, help: nil))
            }
            return nil
        }
        return steps
    }

    func checkName(_ name: Spanned<String>, what: String) {
        if !Naming.isName(name.value) {
            self.sink.report(.badName(name.value, what: what, at: name.span))
        }
    }
}

/// Which texts are names.
package enum Naming {
    /// A name that expressions use: `[a-z][a-z0-9_]*`, at most 64 characters.
    package static func isName(_ text: String) -> Bool {
        self.isName(text, alsoAllowing: "_") && !self.wordsOfExpressions.contains(text)
    }

    /// What looks like a name and can be none, because expressions would read it as something else.
    package static let wordsOfExpressions: Set<String> = ["true", "false", "null", "in"]

    /// A runbook's name is also a file's name and may have hyphens.
    package static func isRunbookName(_ text: String) -> Bool {
        self.isName(text, alsoAllowing: "_-")
    }

    /// Everything allowed is one byte long, so bytes are all that is looked at.
    private static func isName(_ text: String, alsoAllowing extra: StaticString) -> Bool {
        guard let first = text.utf8.first, self.isLetter(first), text.utf8.count <= 64 else {
            return false
        }
        return text.utf8.allSatisfy { byte in
            self.isLetter(byte) || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
                || extra.withUTF8Buffer { $0.contains(byte) }
        }
    }

    private static func isLetter(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
    }
}
