// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunVocabulary

/// What may stand where in a runbook, read from its JSON Schema.
///
/// Tests prove that the schema knows exactly the keys and words that the checker knows, so an editor that follows it offers what the
/// checker accepts.
package struct RunbookGrammar: Sendable {
    /// A place in a runbook, by its rule.
    package struct RuleID: Hashable, Sendable {
        fileprivate let index: Int
    }

    package struct Key: Sendable {
        package let name: String
        package let description: String?
        package let rule: RuleID
        package let isRequired: Bool
    }

    /// What the scalars at a place refer to.
    package enum Reference: String, CaseIterable, Sendable {
        case expression
        case text
        case step = "step_name"
        case selection = "selection_name"
        case duration
    }

    fileprivate struct Rule: Sendable {
        /// The name under `$defs`, empty for a rule that stands where it is used.
        var name = ""
        var keys: [Key] = []
        var otherKeys: RuleID?
        var elements: RuleID?
        var words: [String] = []
        /// Sets of keys of which one excludes the others.
        var choices: [[String]] = []
        var alternatives: [RuleID] = []
    }

    /// A rule is looked at for every value of a file, so it is shared rather than copied.
    fileprivate final class Shared: Sendable {
        let rule: Rule
        let references: Set<Reference>

        init(_ rule: Rule) {
            self.rule = rule
            self.references = Set(Reference(rawValue: rule.name).map { [$0] } ?? [])
        }
    }

    private var rules: [Shared] = []
    package private(set) var root = RuleID(index: 0)

    /// A schema that refers to itself in circles of references alone would never end; ours has none.
    private static let depthLimit = 64

    /// Nothing when the text is no schema of ours.
    package init?(schema text: [UInt8]) {
        guard let schema = try? JSON(parsing: text), schema["$defs"]?.members != nil else {
            return nil
        }
        var reader = GrammarReader(definitions: schema["$defs"] ?? .null, depthLimit: Self.depthLimit)
        self.root = reader.rule(for: schema, name: "", depth: 0)
        self.rules = reader.rules.map(Shared.init)
    }
}

// MARK: Questions

extension RunbookGrammar {
    /// A rule and all that may stand in its place.
    private func unfolded(_ id: RuleID) -> [Rule] {
        var found: [Rule] = []
        var waiting = [id]
        while let next = waiting.popLast(), found.count < Self.depthLimit {
            let rule = self.rules[next.index].rule
            found.append(rule)
            waiting += rule.alternatives.reversed()
        }
        return found
    }

    package func keys(of id: RuleID) -> [Key] {
        self.unfolded(id).flatMap(\.keys)
    }

    package func key(_ name: String, of id: RuleID) -> Key? {
        let shared = self.rules[id.index]
        guard !shared.rule.alternatives.isEmpty else {
            return shared.rule.keys.first { $0.name == name }
        }
        for rule in self.unfolded(id) {
            if let key = rule.keys.first(where: { $0.name == name }) {
                return key
            }
        }
        return nil
    }

    /// The rule of what a key holds, keys of the author's own included.
    package func value(of name: String, in id: RuleID) -> RuleID? {
        let shared = self.rules[id.index]
        guard !shared.rule.alternatives.isEmpty else {
            return shared.rule.keys.first { $0.name == name }?.rule ?? shared.rule.otherKeys
        }
        for rule in self.unfolded(id) {
            if let found = rule.keys.first(where: { $0.name == name })?.rule ?? rule.otherKeys {
                return found
            }
        }
        return nil
    }

    package func elements(of id: RuleID) -> RuleID? {
        self.unfolded(id).lazy.compactMap(\.elements).first
    }

    package func words(of id: RuleID) -> [String] {
        self.unfolded(id).flatMap(\.words)
    }

    /// Keys that can no longer be added once `present` are there.
    package func excludedKeys(in id: RuleID, besides present: Set<String>) -> Set<String> {
        var excluded: Set<String> = []
        for rule in self.unfolded(id) {
            guard let chosen = rule.choices.first(where: { !present.isDisjoint(with: $0) }) else {
                continue
            }
            excluded.formUnion(rule.choices.flatMap { $0 }.filter { !chosen.contains($0) })
        }
        return excluded
    }

    /// What a key excludes and is excluded by: the verbs of a step, the probes of a `wait`.
    package func choices(in id: RuleID) -> [String] {
        let shared = self.rules[id.index]
        guard !shared.rule.choices.isEmpty || !shared.rule.alternatives.isEmpty else {
            return []
        }
        return self.unfolded(id).flatMap { $0.choices.flatMap { $0 } }
    }

    package func isNamed(_ name: String, _ id: RuleID) -> Bool {
        let shared = self.rules[id.index]
        guard !shared.rule.alternatives.isEmpty else {
            return shared.rule.name == name
        }
        return self.unfolded(id).contains { $0.name == name }
    }

    package func references(of id: RuleID) -> Set<Reference> {
        let shared = self.rules[id.index]
        guard !shared.rule.alternatives.isEmpty else {
            return shared.references
        }
        return Set(self.unfolded(id).compactMap { Reference(rawValue: $0.name) })
    }

    /// Whether the values are collections and never scalars: then nothing follows the key on its line.
    package func isCollection(_ id: RuleID) -> Bool {
        let rules = self.unfolded(id).filter(\.alternatives.isEmpty)
        return !rules.isEmpty && rules.allSatisfy { !$0.keys.isEmpty || $0.elements != nil || $0.otherKeys != nil }
    }
}

// MARK: Reading

/// Turns a schema into rules; a definition becomes one rule, however often it is referred to.
private struct GrammarReader {
    let definitions: JSON
    let depthLimit: Int
    private(set) var rules: [RunbookGrammar.Rule] = []
    private var byName: [String: RunbookGrammar.RuleID] = [:]

    init(definitions: JSON, depthLimit: Int) {
        self.definitions = definitions
        self.depthLimit = depthLimit
    }

    mutating func rule(for schema: JSON, name: String, depth: Int) -> RunbookGrammar.RuleID {
        if let reference = schema["$ref"]?.stringValue {
            return self.definition(String(reference.split(separator: "/").last ?? ""), depth: depth)
        }
        let id = RunbookGrammar.RuleID(index: self.rules.count)
        self.rules.append(RunbookGrammar.Rule(name: name))
        if !name.isEmpty {
            self.byName[name] = id
        }
        guard depth < self.depthLimit else {
            return id
        }
        var rule = RunbookGrammar.Rule(name: name)
        let required = Set(schema["required"]?.arrayValue?.compactMap(\.stringValue) ?? [])
        for member in schema["properties"]?.members ?? [] {
            let value = self.rule(for: member.value, name: "", depth: depth + 1)
            rule.keys.append(
                RunbookGrammar.Key(
                    name: member.name,
                    description: member.value["description"]?.stringValue,
                    rule: value,
                    isRequired: required.contains(member.name)
                )
            )
        }
        if let other = schema["additionalProperties"], other.members != nil {
            rule.otherKeys = self.rule(for: other, name: "", depth: depth + 1)
        }
        if let elements = schema["items"], elements.members != nil {
            rule.elements = self.rule(for: elements, name: "", depth: depth + 1)
        }
        rule.words = self.words(of: schema)
        let groups = schema["oneOf"]?.arrayValue ?? []
        rule.choices = groups.compactMap { $0["required"]?.arrayValue?.compactMap(\.stringValue) }
        for alternative in (schema["anyOf"]?.arrayValue ?? []) + groups where alternative["required"] == nil {
            rule.alternatives.append(self.rule(for: alternative, name: "", depth: depth + 1))
        }
        self.rules[id.index] = rule
        return id
    }

    private func words(of schema: JSON) -> [String] {
        if schema["type"]?.stringValue == "boolean" {
            return ["true", "false"]
        }
        return (schema["enum"]?.arrayValue ?? schema["const"].map { [$0] } ?? []).compactMap(\.stringValue)
    }

    private mutating func definition(_ name: String, depth: Int) -> RunbookGrammar.RuleID {
        self.byName[name] ?? self.rule(for: self.definitions[name] ?? .null, name: name, depth: depth + 1)
    }
}
