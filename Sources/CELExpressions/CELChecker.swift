// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// Finds the type of every node, and what cannot work.
///
/// The checker is gradual: where a type is `dyn` it trusts. Where it has reported something the type is
/// `error`, which fits everywhere, so one mistake gives one problem.
struct CELChecker {
    let environment: CELEnvironment
    /// Whether looking for `a.b` as one name can succeed at all.
    private let hasQualifiedNames: Bool
    private let text: String
    private(set) var problems: [CELProblem] = []
    /// The types of macro variables by slot.
    var slots: [CELType]
    /// The names of the macro variables in scope, for suggestions.
    var locals: [String] = []

    init(environment: CELEnvironment, text: String, slotCount: Int) {
        self.environment = environment
        self.hasQualifiedNames = environment.variables.keys.contains { $0.utf8.contains(UInt8(ascii: ".")) }
        self.text = text
        self.slots = Array(repeating: .error, count: slotCount)
    }

    mutating func check(_ root: CELNode, expecting expected: CELType?) -> (CELType, [CELProblem]) {
        let type = self.type(of: root)
        if let expected, type != .error, !type.fits(expected) {
            self.report(
                .wrongType,
                "'\(self.snippet(root.range))' is \(type.resolved), but \(expected) is needed",
                at: root.range
            )
        }
        guard !self.problems.isEmpty else {
            return (type.resolved, [])
        }
        let sorted = self.problems.enumerated().sorted {
            ($0.element.range.lowerBound, $0.offset) < ($1.element.range.lowerBound, $1.offset)
        }
        return (type.resolved, sorted.prefix(CELLimits.problems).map(\.element))
    }

    /// Reports and returns the type that keeps everything around it quiet.
    @discardableResult
    mutating func report(
        _ kind: CELProblem.Kind,
        _ message: String,
        at range: Range<Int>,
        help: String? = nil,
        slip: CELProblem.Slip? = nil
    ) -> CELType {
        self.problems.append(CELProblem(kind, message, at: range, help: help, slip: slip))
        return .error
    }

    func snippetBytes(_ range: Range<Int>) -> [UInt8] {
        Array(self.text.utf8.dropFirst(range.lowerBound).prefix(range.count))
    }

    /// A part of the expression, short enough for a message.
    func snippet(_ range: Range<Int>) -> String {
        let text = String(decoding: self.snippetBytes(range), as: UTF8.self)
        return text.unicodeScalars.count <= 48 ? text : String(text.prefix(45)) + "…"
    }

    mutating func type(of node: CELNode) -> CELType {
        switch node.kind {
        case .literal(let value): Self.type(of: value)
        case .global(let name): self.type(ofGlobal: name, at: node.range)
        case .local(_, let slot): self.slots[slot]
        case .select(let selection): self.type(of: selection)
        case .optionalSelect(let selection): Self.optional(self.type(ofField: selection))
        case .has(let selection): self.typeOfPresence(selection)
        case .index(let operand, let index): self.type(ofElement: index, of: operand)
        case .optionalIndex(let operand, let index): Self.optional(self.type(ofElement: index, of: operand))
        case .optionalElement(let operand): self.typeOfContent(operand)
        case .list(let elements): self.type(ofList: elements)
        case .map(let items): self.type(ofMap: items)
        case .not(let operand): self.require(.bool, of: operand, for: "'!'")
        case .negate(let operand): self.type(ofNegated: operand, in: node)
        case .binary(let symbol, let left, let right): self.type(of: symbol, left, right, in: node)
        case .all(let operands): self.type(ofLogical: operands, "'&&'")
        case .any(let operands): self.type(ofLogical: operands, "'||'")
        case .conditional(let condition, let yes, let no): self.type(ofConditional: condition, yes, no)
        case .call(let call): self.type(of: call, in: node)
        case .macro(let macro): self.type(of: macro)
        case .bind(let binding): self.type(of: binding)
        case .invalid: .error
        }
    }

    private static func type(of literal: CELValue) -> CELType {
        switch literal {
        case .null: .null
        case .bool: .bool
        case .int: .int
        case .uint: .uint
        case .double: .double
        case .string: .string
        case .bytes: .bytes
        default: .dyn
        }
    }

    // MARK: Names and fields

    private mutating func type(ofGlobal name: String, at range: Range<Int>) -> CELType {
        if let type = self.environment.variables[name] {
            return type
        }
        if CELValue.typeNames.contains(name) {
            return .type
        }
        let names = self.environment.variables.keys.sorted() + self.locals
        let isFunction = !CELStandardFunction.overloads(named: name).isEmpty || self.hasHostFunction(name)
        return self.report(
            .unknownName,
            "unknown name '\(name)'",
            at: range,
            help: isFunction ? "it is a function; write \(name)(…)" : nil,
            slip: Suggestion.slip(for: name, among: names)
        )
    }

    private func hasHostFunction(_ name: String) -> Bool {
        self.environment.functions.contains { $0.name == name }
    }

    /// `a.b.c` is one variable if there is one with that name, else the field `c` of `a.b`.
    private mutating func type(of selection: CELSelection) -> CELType {
        if self.hasQualifiedNames, let name = selection.qualifiedName, let type = self.environment.variables[name] {
            return type
        }
        return selection.typeName == nil ? self.type(ofField: selection) : .type
    }

    private mutating func typeOfPresence(_ selection: CELSelection) -> CELType {
        _ = self.type(ofField: selection)
        return .bool
    }

    /// Of an optional, the field is one too.
    private mutating func type(ofField selection: CELSelection) -> CELType {
        let operand = self.type(of: selection.operand)
        if case .optional(let content) = operand {
            return Self.optional(self.type(ofField: selection, in: content))
        }
        return self.type(ofField: selection, in: operand)
    }

    private mutating func type(ofField selection: CELSelection, in operand: CELType) -> CELType {
        switch operand {
        case .record(let record):
            if let type = record.type(of: selection.field) {
                return type
            }
            return self.report(
                .unknownField,
                "'\(record.name)' has no field '\(selection.field)'",
                at: selection.fieldRange,
                help: Self.list(record),
                slip: Suggestion.slip(for: selection.field, among: record.fields.map(\.name))
            )
        case .map(let key, let value):
            if key.fits(.string) {
                return value
            }
            return self.report(
                .wrongType,
                "the keys of '\(self.snippet(selection.operand.range))' are \(key.resolved), so it has no field '\(selection.field)'",
                at: selection.fieldRange,
                help: "write [key] instead"
            )
        case .dyn, .error, .parameter:
            return operand == .error ? .error : .dyn
        default:
            return self.report(
                .unknownField,
                "\(operand.resolved) has no fields, so '\(selection.field)' cannot be selected",
                at: selection.fieldRange,
                help: self.helpForField(selection, of: operand)
            )
        }
    }

    private static func list(_ record: CELRecordType) -> String? {
        guard !record.fields.isEmpty else {
            return nil
        }
        let names = record.fields.prefix(8).map { "'\($0.name)'" }.joined(separator: ", ")
        return "it has \(names)\(record.fields.count > 8 ? ", …" : "")"
    }

    private func helpForField(_ selection: CELSelection, of operand: CELType) -> String? {
        if CELStandardFunction.named(selection.field, isMethod: true) != nil {
            return "it is a function; write .\(selection.field)(…)"
        }
        if case .list(let element) = operand, element.isRecord || element.isOpen {
            return "write .map(x, x.\(selection.field)) for that field of every element"
        }
        return nil
    }

    private mutating func type(ofElement index: CELNode, of operand: CELNode) -> CELType {
        let container = self.type(of: operand)
        let key = self.type(of: index)
        if case .optional(let content) = container {
            return Self.optional(self.type(ofElement: index, key, of: operand, content))
        }
        return self.type(ofElement: index, key, of: operand, container)
    }

    private mutating func type(
        ofElement index: CELNode,
        _ key: CELType,
        of operand: CELNode,
        _ container: CELType
    ) -> CELType {
        switch container {
        case .list(let element):
            if !key.fits(.int) {
                self.report(
                    .wrongType,
                    "a list is indexed by int, but '\(self.snippet(index.range))' is \(key.resolved)",
                    at: index.range
                )
            }
            return element
        case .map(let keys, let value):
            if !key.isComparable(with: keys) {
                self.report(
                    .wrongType,
                    "the keys are \(keys.resolved), but '\(self.snippet(index.range))' is \(key.resolved)",
                    at: index.range
                )
            }
            return value
        case .dyn, .error, .parameter:
            return container == .error ? .error : .dyn
        default:
            return self.report(
                .wrongType,
                "\(container.resolved) cannot be indexed",
                at: operand.range,
                help: container.isRecord ? "select a field with '.'" : nil
            )
        }
    }

    // MARK: Literals

    private mutating func type(ofList elements: [CELNode]) -> CELType {
        var joined = CELType.unresolved
        for element in elements {
            joined = joined.joined(with: self.type(of: element)) ?? .dyn
        }
        return .list(joined)
    }

    private mutating func type(ofMap items: [CELMapItem]) -> CELType {
        var keys = CELType.unresolved
        var values = CELType.unresolved
        for item in items {
            let key = self.type(of: item.key)
            switch key {
            case .bool, .int, .uint, .string, .dyn, .error, .parameter:
                keys = keys.joined(with: key) ?? .dyn
            default:
                self.report(
                    .wrongType,
                    "\(key.resolved) cannot be a map key",
                    at: item.key.range,
                    help: "keys are strings, integers or booleans"
                )
                keys = .error
            }
            let value = item.isOptional ? self.typeOfContent(item.value) : self.type(of: item.value)
            values = values.joined(with: value) ?? .dyn
        }
        return .map(keys, values)
    }
}
