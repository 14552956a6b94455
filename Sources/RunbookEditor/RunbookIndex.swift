// Selfheal
// SPDX-License-Identifier: Apache-2.0

package import CELExpressions
package import RunbookCompiler
package import RunbookSource
package import RunbookYAML

/// What each place of a runbook's text is: the names it gives and uses, its keys, its expressions.
package struct RunbookIndex: Sendable {
    /// Something that has a name of the author's choice.
    package struct Symbol: Hashable, Sendable {
        package enum Kind: String, Hashable, Sendable {
            case step
            case parameter
            case setting
            case selection
            /// Of a loop or of `set`.
            case variable
        }

        package let kind: Kind
        package let name: String
    }

    package struct Mention: Sendable {
        package let symbol: Symbol
        /// The name alone, without quotes around it.
        package let span: SourceSpan
        package let isDefinition: Bool
        /// What is defined, as a whole.
        package let whole: SourceSpan
    }

    /// An expression, or one in a text.
    package struct ExpressionPlace: Sendable {
        package let expression: CELExpression
        package let place: NameScopes.Place
        let map: YAMLScalarMap
        let offset: Int
        package let span: SourceSpan

        package func span(of range: Range<Int>) -> SourceSpan {
            self.map.span(ofUTF8Range: range.lowerBound + self.offset..<range.upperBound + self.offset)
        }
    }

    package struct KeyPlace: Sendable {
        package let key: RunbookGrammar.Key
        package let span: SourceSpan
        package let isChoice: Bool
    }

    /// A step with those inside it, for an outline.
    package struct Outline: Sendable {
        package let name: String
        package let detail: String
        package let kind: Symbol.Kind
        package let span: SourceSpan
        package let nameSpan: SourceSpan
        package var children: [Outline] = []
    }

    package private(set) var mentions: [Mention] = []
    package private(set) var expressions: [ExpressionPlace] = []
    package private(set) var keys: [KeyPlace] = []
    package private(set) var outline: [Outline] = []

    private let grammar: RunbookGrammar
    private var definitions: [Symbol: Int] = [:]
    /// The roots of expressions, decided once all names are known.
    private var roots: [(name: String, span: SourceSpan)] = []

    package init(of root: YAMLNode, grammar: RunbookGrammar) {
        self.grammar = grammar
        self.walk(root, grammar.root, Surroundings())
        self.outline += self.stepOutlines(of: root)
        for root in self.roots {
            for kind in [Symbol.Kind.variable, .selection] {
                let symbol = Symbol(kind: kind, name: root.name)
                if self.definitions[symbol] != nil {
                    self.mention(symbol, at: root.span)
                    break
                }
            }
        }
        self.roots = []
    }

    // MARK: Questions

    package func definition(of symbol: Symbol) -> Mention? {
        self.definitions[symbol].map { self.mentions[$0] }
    }

    /// The names of one kind, in the order of the file.
    package func names(_ kind: Symbol.Kind) -> [String] {
        self.mentions.filter { $0.isDefinition && $0.symbol.kind == kind }.map(\.symbol.name)
    }

    package func mention(at offset: Int) -> Mention? {
        self.mentions.first { $0.span.start.offset <= offset && offset <= $0.span.end.offset }
    }

    /// All places of a symbol in the order of the file, its definition among them.
    package func mentions(of symbol: Symbol) -> [Mention] {
        self.mentions.filter { $0.symbol == symbol }.sorted { $0.span.start < $1.span.start }
    }

    package func expression(at offset: Int) -> ExpressionPlace? {
        self.expressions.first { $0.span.start.offset <= offset && offset <= $0.span.end.offset }
    }

    package func key(at offset: Int) -> KeyPlace? {
        self.keys.first { $0.span.contains(utf8Offset: offset) }
    }
}

// MARK: Walking

extension RunbookIndex {
    /// What is known on the way down.
    private struct Surroundings {
        var step: String?
        var key = ""
    }

    private mutating func walk(_ node: YAMLNode, _ rule: RunbookGrammar.RuleID, _ around: Surroundings) {
        // What an alias brings in stands elsewhere, and is read there.
        guard node.alias == nil else {
            return
        }
        switch node.kind {
        case .scalar(let scalar): self.read(scalar, rule, around)
        case .sequence(let elements):
            guard let inner = self.grammar.elements(of: rule) else {
                return
            }
            for element in elements {
                self.walk(element, inner, around)
            }
        case .mapping(let pairs):
            var around = around
            if self.grammar.isNamed("step", rule), let name = node["id"]?.scalar {
                around.step = name.text
                self.define(.step, name, whole: node.span)
            }
            for pair in pairs {
                self.walk(pair, rule, around)
            }
        }
    }

    private mutating func walk(_ pair: YAMLPair, _ rule: RunbookGrammar.RuleID, _ around: Surroundings) {
        guard let value = self.grammar.value(of: pair.key.text, in: rule) else {
            return
        }
        var around = around
        around.key = pair.key.text
        if let key = self.grammar.key(pair.key.text, of: rule) {
            let isChoice = self.grammar.choices(in: rule).contains(key.name)
            self.keys.append(KeyPlace(key: key, span: pair.key.span, isChoice: isChoice))
        } else if self.grammar.isNamed("parameter", value) {
            self.define(.parameter, pair.key, whole: pair.span)
        } else if self.grammar.isNamed("setting", value) {
            self.define(.setting, pair.key, whole: pair.span)
        } else if self.grammar.isNamed("selection", value) {
            self.define(.selection, pair.key, whole: pair.span)
        } else if self.grammar.isNamed("set", rule) {
            self.define(.variable, pair.key, whole: pair.span)
        }
        if pair.key.text == "as", let name = pair.value.scalar {
            self.define(.variable, name, whole: name.span)
        }
        self.walk(pair.value, value, around)
    }

    private mutating func define(_ kind: Symbol.Kind, _ name: YAMLScalar, whole: SourceSpan) {
        let symbol = Symbol(kind: kind, name: name.text)
        if self.definitions[symbol] == nil {
            self.definitions[symbol] = self.mentions.count
        }
        let span = name.span(ofUTF8Range: 0..<name.text.utf8.count)
        self.mentions.append(Mention(symbol: symbol, span: span, isDefinition: true, whole: whole))
    }

    private mutating func mention(_ symbol: Symbol, at span: SourceSpan) {
        self.mentions.append(Mention(symbol: symbol, span: span, isDefinition: false, whole: span))
    }

    private mutating func read(_ scalar: YAMLScalar, _ rule: RunbookGrammar.RuleID, _ around: Surroundings) {
        let references = self.grammar.references(of: rule)
        guard !references.isEmpty, !scalar.text.isEmpty else {
            return
        }
        let place: NameScopes.Place = around.step.map { .step($0, key: around.key) } ?? .head
        if references.contains(.step) {
            let span = scalar.span(ofUTF8Range: 0..<scalar.text.utf8.count)
            self.mention(Symbol(kind: .step, name: scalar.text), at: span)
        } else if references.contains(.selection) {
            let span = scalar.span(ofUTF8Range: 0..<scalar.text.utf8.count)
            self.mention(Symbol(kind: .selection, name: scalar.text), at: span)
        } else if references.contains(.expression), let expression = CELExpression.parse(scalar.text).0 {
            self.add(
                ExpressionPlace(expression: expression, place: place, map: scalar.map, offset: 0, span: scalar.span)
            )
        } else if references.contains(.text), scalar.text.contains("${{") {
            let map = scalar.map
            for part in CELTemplate.parse(scalar.text).0?.interpolations ?? [] {
                self.add(
                    ExpressionPlace(
                        expression: part.expression,
                        place: place,
                        map: map,
                        offset: part.offset,
                        span: map.span(ofUTF8Range: part.range)
                    )
                )
            }
        }
    }

    private mutating func add(_ place: ExpressionPlace) {
        self.expressions.append(place)
        for reference in place.expression.referencedPaths {
            switch reference.root {
            case "steps" where reference.path.count > 1:
                let range = reference.ranges[1]
                self.mention(Symbol(kind: .step, name: reference.path[1]), at: place.span(of: range))
            case "parameters" where reference.path.count > 1:
                let range = reference.ranges[1]
                self.mention(Symbol(kind: .parameter, name: reference.path[1]), at: place.span(of: range))
            case "settings" where reference.path.count > 1:
                let range = reference.ranges[1]
                self.mention(Symbol(kind: .setting, name: reference.path[1]), at: place.span(of: range))
            default:
                self.roots.append((reference.root, place.span(of: reference.rootRange)))
            }
        }
    }

    // MARK: Outline

    private func stepOutlines(of root: YAMLNode) -> [Outline] {
        var found: [Outline] = []
        let lists = [("parameters", Symbol.Kind.parameter), ("settings", .setting), ("targets", .selection)]
        for (key, kind) in lists {
            for pair in root[key]?.mapping ?? [] {
                found.append(
                    Outline(name: pair.key.text, detail: key, kind: kind, span: pair.span, nameSpan: pair.key.span)
                )
            }
        }
        for key in ["steps", "on_failure", "finally"] {
            found += self.steps(root[key])
        }
        // Beside 'undo' the steps stand one level deeper.
        return found + self.steps(root["on_failure"]?["steps"])
    }

    private func steps(_ node: YAMLNode?) -> [Outline] {
        let verbs = node?.sequence?.first.map { _ in self.verbs } ?? []
        return (node?.sequence ?? []).compactMap { step in
            guard step.alias == nil, let name = step["id"]?.scalar else {
                return nil
            }
            let verb = step.mapping?.first { verbs.contains($0.key.text) }?.key.text ?? ""
            return Outline(
                name: name.text,
                detail: step["title"]?.scalar.map { "\(verb): \($0.text)" } ?? verb,
                kind: .step,
                span: step.span,
                nameSpan: name.span,
                children: self.steps(step["steps"]) + self.branches(step["parallel"]?["branches"])
            )
        }
    }

    private func branches(_ node: YAMLNode?) -> [Outline] {
        guard node?.alias == nil else {
            return []
        }
        return (node?.mapping ?? []).map { pair in
            Outline(
                name: pair.key.text,
                detail: "branch",
                kind: .step,
                span: pair.span,
                nameSpan: pair.key.span,
                children: self.steps(pair.value)
            )
        }
    }

    private var verbs: Set<String> {
        Set(self.grammar.verbs)
    }
}

extension RunbookGrammar {
    /// The keys of a step of which it has exactly one.
    package var verbs: [String] {
        guard let steps = self.value(of: "steps", in: self.root), let step = self.elements(of: steps) else {
            return []
        }
        return self.choices(in: step)
    }
}
