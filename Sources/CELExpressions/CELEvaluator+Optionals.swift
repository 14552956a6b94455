// Selfheal
// SPDX-License-Identifier: Apache-2.0

extension CELEvaluator {
    /// `operand.?field`: none where `.field` would be an error because nothing is there.
    mutating func optionalSelect(_ selection: CELSelection) throws(CELEvaluationError) -> CELValue {
        let operand = try self.evaluate(selection.operand)
        guard case .optional(let content) = operand else {
            return try self.field(selection, ofOptional: operand)
        }
        return try self.field(selection, ofOptional: content)
    }

    /// What is selected from an optional is optional again.
    func field(_ selection: CELSelection, ofOptional operand: CELValue?) throws(CELEvaluationError) -> CELValue {
        guard let operand else {
            return .optional(nil)
        }
        switch operand {
        case .map(let map) where map[selection.field] == nil: return .optional(nil)
        case .record(let record) where record[selection.field] == .null: return .optional(nil)
        default: return Self.wrapped(try self.field(selection, of: operand))
        }
    }

    /// `operand[?index]`.
    mutating func optionalIndex(
        _ operand: CELNode,
        _ index: CELNode,
        in node: CELNode
    ) throws(CELEvaluationError) -> CELValue {
        let container = try self.evaluate(operand)
        let key = try self.evaluate(index)
        guard case .optional(let content) = container else {
            return try self.element(key, ofOptional: container, index, in: node)
        }
        return try self.element(key, ofOptional: content, index, in: node)
    }

    func element(
        _ key: CELValue,
        ofOptional container: CELValue?,
        _ index: CELNode,
        in node: CELNode
    ) throws(CELEvaluationError) -> CELValue {
        guard let container else {
            return .optional(nil)
        }
        do throws(CELEvaluationError) {
            return Self.wrapped(try self.element(key, of: container, index, in: node))
        } catch {
            guard error.kind == .noSuchKey || error.kind == .indexOutOfRange else {
                throw error
            }
            return .optional(nil)
        }
    }

    private static func wrapped(_ value: CELValue) -> CELValue {
        switch value {
        case .optional, .unknown: value
        default: .optional(value)
        }
    }

    /// `x.orValue(y)` and `x.or(y)` look at `y` only if `x` is none.
    mutating func alternative(to receiver: CELValue, _ call: CELCall) throws(CELEvaluationError) -> CELValue? {
        guard case .optional(let content) = receiver, call.arguments.count == 1 else {
            return nil
        }
        switch call.name {
        case "orValue":
            guard let content else {
                return try self.evaluate(call.arguments[0])
            }
            return content
        case "or":
            guard content == nil else {
                return receiver
            }
            switch try self.evaluate(call.arguments[0]) {
            case let other where other.isOptionalOrUnknown: return other
            case let other:
                throw Self.noOverload("'or' needs an optional, not \(other.typeName)", at: call.arguments[0].range)
            }
        default: return nil
        }
    }
}

extension CELValue {
    fileprivate var isOptionalOrUnknown: Bool {
        switch self {
        case .optional, .unknown: true
        default: false
        }
    }

    /// What a value of its type is when nobody gave it one.
    var isZero: Bool {
        switch self {
        case .null: true
        case .bool(let value): !value
        case .int(let value): value == 0
        case .uint(let value): value == 0
        case .double(let value): value == 0
        case .string(let value): value.isEmpty
        case .bytes(let value): value.isEmpty
        case .timestamp(let value): value.seconds == 0 && value.nanoseconds == 0
        case .duration(let value): value.nanoseconds == 0
        case .list(let elements): elements.isEmpty
        case .map(let map): map.entries.isEmpty
        case .optional(let content): content == nil
        case .record, .type, .unknown, .partialList, .interval: false
        }
    }
}
