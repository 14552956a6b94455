// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// Walks a syntax tree once and computes its value.
struct CELEvaluator {
    let activation: CELActivation
    let hostFunctions: CELHostFunctions
    /// The values of macro variables.
    var slots: [CELValue]
    var cost: CELCost

    init(activation: CELActivation, hostFunctions: CELHostFunctions, slotCount: Int, costLimit: Int) {
        self.activation = activation
        self.hostFunctions = hostFunctions
        self.slots = slotCount == 0 ? [] : Array(repeating: .null, count: slotCount)
        self.cost = CELCost(limit: costLimit)
    }

    mutating func evaluate(_ node: CELNode) throws(CELEvaluationError) -> CELValue {
        try self.cost.spend(1)
        switch node.kind {
        case .literal(let value): return value
        case .global(let name): return try self.value(ofGlobal: name, at: node.range)
        case .local(_, let slot): return self.slots[slot]
        case .select(let selection): return try self.select(selection)
        case .optionalSelect(let selection): return try self.optionalSelect(selection)
        case .has(let selection): return try self.has(selection, in: node)
        case .index(let operand, let index): return try self.index(operand, index, in: node)
        case .optionalIndex(let operand, let index): return try self.optionalIndex(operand, index, in: node)
        case .optionalElement(let operand): return try self.evaluate(operand)
        case .bind(let binding):
            self.slots[binding.slot] = try self.evaluate(binding.value)
            return try self.evaluate(binding.body)
        case .list(let elements): return try self.list(elements)
        case .map(let items): return try self.map(items, in: node)
        case .not(let operand): return try self.not(operand, in: node)
        case .negate(let operand): return try self.negate(operand, in: node)
        case .binary(let symbol, let left, let right): return try self.binary(symbol, left, right, in: node)
        case .all(let operands): return try self.logical(operands, decisive: false)
        case .any(let operands): return try self.logical(operands, decisive: true)
        case .conditional(let condition, let yes, let no): return try self.conditional(condition, yes, no)
        case .call(let call): return try self.call(call, in: node)
        case .macro(let macro): return try self.macro(macro)
        case .invalid:
            preconditionFailure("the parser gives no expression if there is an invalid node")
        }
    }

    private func value(ofGlobal name: String, at range: Range<Int>) throws(CELEvaluationError) -> CELValue {
        if let value = self.activation[name] {
            return value
        }
        if CELValue.typeNames.contains(name) {
            return .type(name)
        }
        throw CELEvaluationError(
            .unknownName,
            "unknown name '\(name)'",
            at: range,
            help: Suggestion.help(for: name, among: self.activation.names)
        )
    }

    // MARK: Fields and elements

    private mutating func select(_ selection: CELSelection) throws(CELEvaluationError) -> CELValue {
        if self.activation.hasQualifiedNames, let name = selection.qualifiedName, let value = self.activation[name] {
            return value
        }
        if let name = selection.typeName {
            return .type(name)
        }
        let operand = try self.evaluate(selection.operand)
        if case .optional(let content) = operand {
            return try self.field(selection, ofOptional: content)
        }
        return try self.field(selection, of: operand)
    }

    func field(_ selection: CELSelection, of operand: CELValue) throws(CELEvaluationError) -> CELValue {
        switch operand {
        case .record(let record):
            if let value = record[selection.field] {
                return value
            }
            throw CELEvaluationError(
                .noSuchField,
                "'\(record.typeName)' has no field '\(selection.field)'",
                at: selection.fieldRange,
                help: Suggestion.help(for: selection.field, among: record.fields.map(\.name))
            )
        case .map(let map):
            if let value = map[selection.field] {
                return value
            }
            throw CELEvaluationError(.noSuchKey, "there is no key '\(selection.field)'", at: selection.fieldRange)
        case .unknown:
            return operand
        default:
            throw CELEvaluationError(
                .noMatchingOverload,
                "\(operand.typeName) has no fields, so '\(selection.field)' cannot be selected",
                at: selection.fieldRange
            )
        }
    }

    private mutating func has(_ selection: CELSelection, in node: CELNode) throws(CELEvaluationError) -> CELValue {
        var operand = try self.evaluate(selection.operand)
        if case .optional(let content) = operand {
            guard let content else {
                return .bool(false)
            }
            operand = content
        }
        switch operand {
        case .record(let record):
            switch record[selection.field] {
            case nil, .null: return .bool(false)
            case .unknown(let unknown): return .unknown(unknown)
            case _?: return .bool(true)
            }
        case .map(let map):
            return .bool(map[selection.field] != nil)
        case .unknown:
            return operand
        default:
            throw CELEvaluationError(
                .noMatchingOverload,
                "\(operand.typeName) has no fields, so 'has' cannot look for '\(selection.field)'",
                at: node.range
            )
        }
    }

    private mutating func index(
        _ operand: CELNode,
        _ index: CELNode,
        in node: CELNode
    ) throws(CELEvaluationError) -> CELValue {
        let container = try self.evaluate(operand)
        let key = try self.evaluate(index)
        if case .optional(let content) = container {
            return try self.element(key, ofOptional: content, index, in: node)
        }
        return try self.element(key, of: container, index, in: node)
    }

    func element(
        _ key: CELValue,
        of container: CELValue,
        _ index: CELNode,
        in node: CELNode
    ) throws(CELEvaluationError) -> CELValue {
        switch (container, key) {
        case (.list(let elements), .int), (.list(let elements), .uint), (.list(let elements), .double):
            return elements[try self.position(key, count: elements.count, at: index.range)]
        case (.map(let map), .bool), (.map(let map), .int), (.map(let map), .uint), (.map(let map), .double),
            (.map(let map), .string):
            guard let value = map[key] else {
                throw CELEvaluationError(.noSuchKey, "there is no key '\(key.text.prefix(64))'", at: index.range)
            }
            return value
        case (.partialList(let list), .int(let number)):
            let count = list.elements.count
            let position = try self.position(key, count: count, at: index.range)
            // Known only if nothing before it may be missing.
            guard list.elements[...position].allSatisfy(\.isDefinite), number >= 0 else {
                return .unknown(list.unknown)
            }
            return list.elements[position].value
        default:
            if let unknown = Self.uncertainty(container, key) {
                return .unknown(unknown)
            }
            throw CELEvaluationError(
                .noMatchingOverload,
                "\(container.typeName) cannot be indexed by \(key.typeName)",
                at: node.range
            )
        }
    }

    private func position(_ key: CELValue, count: Int, at range: Range<Int>) throws(CELEvaluationError) -> Int {
        let index: Int?
        switch key {
        case .int(let value): index = Int(exactly: value)
        case .uint(let value): index = Int(exactly: value)
        // `Int(exactly:)` would call `trunc` from libm.
        case .double(let value): index = value.magnitude < 0x1p52 && Double(Int(value)) == value ? Int(value) : nil
        default: index = nil
        }
        guard let index, index >= 0, index < count else {
            throw CELEvaluationError(
                .indexOutOfRange,
                "index '\(key.text)' is outside of a list with \(count) elements",
                at: range
            )
        }
        return index
    }

    // MARK: Literals and logic

    private mutating func list(_ elements: [CELNode]) throws(CELEvaluationError) -> CELValue {
        var values: [CELValue] = []
        values.reserveCapacity(elements.count)
        for element in elements {
            guard case .optionalElement = element.kind else {
                values.append(try self.evaluate(element))
                continue
            }
            switch try self.evaluate(element) {
            case .optional(let content): content.map { values.append($0) }
            case .unknown(let unknown): return .unknown(unknown)
            case let other: throw Self.noOverload("'?' needs an optional, not \(other.typeName)", at: element.range)
            }
        }
        return .list(values)
    }

    private mutating func map(_ items: [CELMapItem], in node: CELNode) throws(CELEvaluationError) -> CELValue {
        var entries: [CELMap.Entry] = []
        var unknown: CELUnknown?
        for item in items {
            let key = try self.evaluate(item.key)
            var value = try self.evaluate(item.value)
            if item.isOptional {
                switch value {
                case .optional(nil): continue
                case .optional(let content?): value = content
                case .unknown(let reason):
                    unknown = CELUnknown.merged(unknown, reason)
                    continue
                case let other:
                    throw Self.noOverload("'?' needs an optional, not \(other.typeName)", at: item.value.range)
                }
            }
            if let reason = key.uncertainty {
                unknown = CELUnknown.merged(unknown, reason)
            } else {
                entries.append(CELMap.Entry(key, value))
            }
        }
        do throws(CELEvaluationError) {
            let map = try CELMap(entries)
            return unknown.map { .unknown($0) } ?? .map(map)
        } catch {
            throw error.located(at: node.range)
        }
    }

    private mutating func not(_ operand: CELNode, in node: CELNode) throws(CELEvaluationError) -> CELValue {
        switch try self.evaluate(operand) {
        case .bool(let value): return .bool(!value)
        case .unknown(let unknown): return .unknown(unknown)
        case let other: throw Self.noOverload("'!' needs bool, not \(other.typeName)", at: operand.range)
        }
    }

    /// `&&` with `false` and `||` with `true` as the decisive value.
    ///
    /// An operand with the decisive value settles it, whatever the others are; else unknown wins over an
    /// error, and an error over the rest.
    private mutating func logical(
        _ operands: [CELNode],
        decisive: Bool
    ) throws(CELEvaluationError) -> CELValue {
        var unknown: CELUnknown?
        var failure: CELEvaluationError?
        for operand in operands {
            do throws(CELEvaluationError) {
                switch try self.evaluate(operand) {
                case .bool(let value):
                    if value == decisive {
                        return .bool(decisive)
                    }
                case .unknown(let reason):
                    unknown = CELUnknown.merged(unknown, reason)
                case let other:
                    let symbol = decisive ? "||" : "&&"
                    failure =
                        failure
                        ?? Self.noOverload("'\(symbol)' needs bool, not \(other.typeName)", at: operand.range)
                }
            } catch {
                guard error.kind != .costExceeded else {
                    throw error
                }
                failure = failure ?? error
            }
        }
        if let unknown {
            return .unknown(unknown)
        }
        if let failure {
            throw failure
        }
        return .bool(!decisive)
    }

    private mutating func conditional(
        _ condition: CELNode,
        _ yes: CELNode,
        _ no: CELNode
    ) throws(CELEvaluationError) -> CELValue {
        switch try self.evaluate(condition) {
        case .bool(true): return try self.evaluate(yes)
        case .bool(false): return try self.evaluate(no)
        case .unknown(let unknown): return .unknown(unknown)
        case let other: throw Self.noOverload("'?' needs bool, not \(other.typeName)", at: condition.range)
        }
    }

    // MARK: Calls

    private mutating func call(_ call: CELCall, in node: CELNode) throws(CELEvaluationError) -> CELValue {
        var arguments: [CELValue] = []
        arguments.reserveCapacity(call.arguments.count + 1)
        if let receiver = call.receiver {
            arguments.append(try self.evaluate(receiver))
            if let value = try self.alternative(to: arguments[0], call) {
                return value
            }
        }
        for argument in call.arguments {
            arguments.append(try self.evaluate(argument))
        }
        if call.standard?.takesUncertain != true, let unknown = CELStandardFunction.unknownElement(of: arguments) {
            return .unknown(unknown)
        }
        do throws(CELEvaluationError) {
            if let pattern = call.pattern, case .string(let text) = arguments[0] {
                return .bool(try pattern.isFound(in: text, &self.cost))
            }
            if let standard = call.standard {
                if standard.takes(arguments, isMethod: call.receiver != nil),
                    let value = try standard.body(arguments, &self.cost)
                {
                    return value
                }
            } else if let value = try self.hostFunctions.body(call.name, arguments) {
                return value
            } else {
                throw CELEvaluationError(.unknownName, "unknown function '\(call.name)'", at: call.nameRange)
            }
        } catch {
            throw error.located(at: node.range)
        }
        let types = arguments.map(\.typeName).joined(separator: ", ")
        throw Self.noOverload("'\(call.name)' cannot be applied to (\(types))", at: node.range)
    }

    static func noOverload(_ message: String, at range: Range<Int>) -> CELEvaluationError {
        CELEvaluationError(.noMatchingOverload, message, at: range)
    }

    static func uncertainty(_ left: CELValue, _ right: CELValue) -> CELUnknown? {
        guard let first = left.uncertainty else {
            return right.uncertainty
        }
        return right.uncertainty.map { first.merged(with: $0) } ?? first
    }
}

extension CELStandardFunction {
    /// Whether the number of arguments is right; a body may then rely on it.
    fileprivate func takes(_ arguments: [CELValue], isMethod: Bool) -> Bool {
        self.overloads.contains { $0.isMethod == isMethod && $0.takes(count: arguments.count) }
    }
}
