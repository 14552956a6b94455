// Selfheal
// SPDX-License-Identifier: Apache-2.0

import CELExpressions
import RunbookCompiler
import RunbookLanguage
import RunbookSource

/// Something that may be typed next.
package struct Completion: Hashable, Sendable {
    package enum Kind: Hashable, Sendable {
        case key
        case verb
        case word
        case step
        case selection
        case parameter
        case variable
        case field
        case function
    }

    package let label: String
    package let kind: Kind
    /// A type or a signature.
    package var detail: String?
    package var documentation: String?
    /// What is put in place of the word before the cursor.
    package var text: String
    /// Required keys and what is nearest come first.
    package var rank = 1
}

extension RunbookDocument {
    /// What may be typed at a place, and the bytes before it that are replaced.
    package func completions(at offset: Int) -> (items: [Completion], replacing: Range<Int>) {
        let context = CursorContext(file: self.file, utf8Offset: offset)
        let word = context.typed.suffix(while: \.isWordPart)
        let replaced = (offset - word.utf8.count)..<offset
        guard self.kind != nil || context.path.isEmpty else {
            return ([], replaced)
        }
        guard !context.isComment, let rule = self.rule(at: context.path) else {
            return ([], replaced)
        }
        if context.mayBeKey {
            let keys = self.keys(rule, context)
            if !keys.isEmpty {
                return (keys, replaced)
            }
        }
        return (self.values(rule, context), replaced)
    }

    private func rule(at path: [CursorContext.Component]) -> RunbookGrammar.RuleID? {
        var rule = self.grammar.root
        for component in path {
            let next =
                switch component {
                case .key(let name): self.grammar.value(of: name, in: rule)
                // A text where a list may stand is a list of one.
                case .element: self.grammar.elements(of: rule)
                }
            guard let next else {
                return nil
            }
            rule = next
        }
        return rule
    }

    private func keys(_ rule: RunbookGrammar.RuleID, _ context: CursorContext) -> [Completion] {
        let present = Set(context.siblings.keys)
        var excluded = self.grammar.excludedKeys(in: rule, besides: present)
        let verbs = Set(self.grammar.isNamed("step", rule) ? self.grammar.verbs : [])
        if let verb = present.first(where: verbs.contains) {
            excluded.formUnion(StepKeys.withoutEffect(beside: verb))
        }
        return self.grammar.keys(of: rule).filter { !present.contains($0.name) && !excluded.contains($0.name) }
            .map { key in
                let isCollection = self.grammar.isCollection(key.rule)
                return Completion(
                    label: key.name,
                    kind: verbs.contains(key.name) ? .verb : .key,
                    documentation: key.description,
                    text: isCollection ? "\(key.name):" : "\(key.name): ",
                    rank: key.isRequired ? 0 : 1
                )
            }
    }

    // MARK: Values

    private func values(_ rule: RunbookGrammar.RuleID, _ context: CursorContext) -> [Completion] {
        let references = self.grammar.references(of: rule)
        var items = self.grammar.words(of: rule).map { Completion(label: $0, kind: .word, text: $0, rank: 0) }
        if references.contains(.step) {
            let here = context.steps.last
            items += self.named(.step, as: .step).filter { $0.label != here }
        }
        if references.contains(.selection) {
            items += self.named(.selection, as: .selection)
        }
        if references.contains(.expression) {
            items += self.expression(context.typed.withoutOpeningQuote, context)
        } else if references.contains(.text), let open = context.typed.rangeBehindLast("${{") {
            let expression = context.typed[open...]
            items += expression.contains("}}") ? [] : self.expression(String(expression), context)
        }
        return items
    }

    private func named(_ kind: RunbookIndex.Symbol.Kind, as completion: Completion.Kind) -> [Completion] {
        (self.lastIndex?.names(kind) ?? []).map { Completion(label: $0, kind: completion, text: $0, rank: 0) }
    }

    private func expression(_ text: String, _ context: CursorContext) -> [Completion] {
        guard let names = self.names else {
            return []
        }
        let place = self.place(context)
        let cursor = ExpressionCursor(text: text) { names.environment(at: place, for: $0) }
        guard !cursor.isInText else {
            return []
        }
        if let receiver = cursor.receiver {
            return self.members(of: receiver, cursor, names, place)
        }
        var items = cursor.locals.reversed().map {
            Completion(label: $0.name, kind: .variable, detail: "\($0.type)", text: $0.name, rank: 0)
        }
        let environment = names.environment(at: place)
        for (name, type) in environment.variables.sorted(by: { $0.key < $1.key }) {
            let isSelection = self.lastIndex?.names(.selection).contains(name) ?? false
            items.append(
                Completion(label: name, kind: isSelection ? .selection : .variable, detail: "\(type)", text: name)
            )
        }
        let functions = (environment.functions + CELFunctionDeclaration.standard).filter { !$0.isMethod }
        return items + Self.functions(functions)
    }

    /// The place of an expression: its key is the innermost on the way to it.
    private func place(_ context: CursorContext) -> NameScopes.Place {
        guard let step = context.steps.last else {
            return .head
        }
        for component in context.path.reversed() {
            if case .key(let key) = component {
                return .step(step, key: key)
            }
        }
        return .step(step, key: "")
    }

    private func members(
        of receiver: String,
        _ cursor: ExpressionCursor,
        _ names: NameScopes,
        _ place: NameScopes.Place
    ) -> [Completion] {
        // The step that is meant is not known before its name is there, so all of them are looked at.
        if ["steps", "parameters", "settings"].contains(receiver) {
            guard case .record(let record) = names.environment(at: place).variables[receiver] else {
                return []
            }
            return record.fields.map {
                Completion(
                    label: $0.name,
                    kind: receiver == "steps" ? .step : .parameter,
                    detail: "\($0.type)",
                    text: $0.name,
                    rank: 0
                )
            }
        }
        guard let type = cursor.receiverType else {
            return []
        }
        var items: [Completion] = []
        if case .record(let record) = type {
            items = record.fields.map {
                Completion(label: $0.name, kind: .field, detail: "\($0.type)", text: $0.name, rank: 0)
            }
        }
        if type.isIterable {
            items += CELMacro.Name.allCases.map { macro in
                Completion(
                    label: macro.rawValue,
                    kind: .function,
                    detail: "\(macro.rawValue)(x, …)",
                    text: "\(macro.rawValue)("
                )
            }
        }
        let methods = CELFunctionDeclaration.standard.filter { $0.isMethod && type.mayBe($0.parameters[0]) }
        return items + Self.functions(methods)
    }

    private static func functions(_ declarations: [CELFunctionDeclaration]) -> [Completion] {
        var seen: Set<String> = []
        return declarations.filter { seen.insert($0.name).inserted }.map {
            Completion(label: $0.name, kind: .function, detail: $0.description, text: "\($0.name)(", rank: 2)
        }
    }
}

extension CELType {
    fileprivate var isIterable: Bool {
        switch self {
        case .list, .map, .dyn: true
        default: false
        }
    }

    /// Whether a value of this type may be given where `parameter` is wanted, by its outermost type.
    fileprivate func mayBe(_ parameter: CELType) -> Bool {
        switch (self, parameter) {
        case (_, .dyn), (.dyn, _), (.list, .list), (.map, .map): true
        case (.record, .parameter(let name)): !name.hasPrefix("N") && !name.hasPrefix("O")
        case (.int, .parameter), (.uint, .parameter), (.double, .parameter): true
        case (_, .parameter(let name)): !name.hasPrefix("N") && !name.hasPrefix("R")
        default: self == parameter
        }
    }
}

extension Character {
    fileprivate var isWordPart: Bool {
        self == "_" || self == "-" || self.isASCII && (self.isLetter || self.isNumber)
    }
}

extension String {
    fileprivate func suffix(while isIncluded: (Character) -> Bool) -> Substring {
        var start = self.endIndex
        while start > self.startIndex, isIncluded(self[self.index(before: start)]) {
            start = self.index(before: start)
        }
        return self[start...]
    }

    fileprivate var withoutOpeningQuote: String {
        self.hasPrefix("\"") || self.hasPrefix("'") ? String(self.dropFirst()) : self
    }

    fileprivate func rangeBehindLast(_ mark: String) -> String.Index? {
        var found: String.Index?
        var start = self.startIndex
        while start < self.endIndex {
            if self[start...].hasPrefix(mark) {
                found = self.index(start, offsetBy: mark.count)
            }
            start = self.index(after: start)
        }
        return found
    }
}
