// Selfheal
// SPDX-License-Identifier: Apache-2.0

extension CELEvaluator {
    mutating func negate(_ operand: CELNode, in node: CELNode) throws(CELEvaluationError) -> CELValue {
        switch try self.evaluate(operand) {
        case .int(let value):
            guard value != .min else {
                throw CELEvaluationError(.overflow, "'-(\(value))' does not fit into an int", at: node.range)
            }
            return .int(-value)
        case .double(let value): return .double(-value)
        case .unknown(let unknown): return .unknown(unknown)
        case .interval(let interval):
            guard interval.lowest != .min else {
                return .unknown(interval.unknown)
            }
            return .integer(between: -interval.highest, and: -interval.lowest, unknown: interval.unknown)
        case let other: throw Self.noOverload("'-' needs int or double, not \(other.typeName)", at: node.range)
        }
    }

    mutating func binary(
        _ symbol: CELOperator,
        _ left: CELNode,
        _ right: CELNode,
        in node: CELNode
    ) throws(CELEvaluationError) -> CELValue {
        let first = try self.evaluate(left)
        let second = try self.evaluate(right)
        switch symbol {
        case .equal:
            try self.spend(forComparing: first, second)
            return first.truthOfEquality(with: second).value
        case .notEqual:
            try self.spend(forComparing: first, second)
            return first.truthOfEquality(with: second).negated.value
        case .less, .lessOrEqual, .greater, .greaterOrEqual:
            return try self.order(symbol, first, second, in: node)
        case .contained:
            return try self.contained(first, second, in: node)
        case .add, .subtract, .multiply, .divide, .remainder:
            do throws(CELEvaluationError) {
                try self.spend(forJoining: first, second)
                return try CELArithmetic.apply(symbol, first, second)
            } catch {
                throw error.located(at: node.range)
            }
        }
    }

    /// Scalars are free; what has elements costs as much as the smaller one.
    private mutating func spend(forComparing left: CELValue, _ right: CELValue) throws(CELEvaluationError) {
        switch (left, right) {
        case (.string(let left), .string(let right)):
            try self.cost.spend(bytes: min(left.utf8.count, right.utf8.count))
        case (.bytes(let left), .bytes(let right)):
            try self.cost.spend(bytes: min(left.count, right.count))
        case (.list, .list), (.map, .map), (.record, .record):
            try self.cost.spend(min(left.weight(limit: 4_096), right.weight(limit: 4_096)))
        default:
            return
        }
    }

    private mutating func spend(forJoining left: CELValue, _ right: CELValue) throws(CELEvaluationError) {
        switch (left, right) {
        case (.string(let left), .string(let right)):
            try self.cost.spend(bytes: left.utf8.count + right.utf8.count)
        case (.bytes(let left), .bytes(let right)):
            try self.cost.spend(bytes: left.count + right.count)
        case (.list(let left), .list(let right)):
            try self.cost.spend(left.count + right.count)
        default:
            return
        }
    }

    private func order(
        _ symbol: CELOperator,
        _ left: CELValue,
        _ right: CELValue,
        in node: CELNode
    ) throws(CELEvaluationError) -> CELValue {
        if let order = CELOrder.of(left, right) {
            return .bool(symbol.holds(for: order))
        }
        switch (left, right) {
        case (.double, .double), (.double, .int), (.double, .uint), (.int, .double), (.uint, .double):
            return .bool(false)  // One of them is NaN.
        case (.interval, .int), (.interval, .uint), (.interval, .double), (.interval, .interval), (.int, .interval),
            (.uint, .interval), (.double, .interval):
            return self.orderOfIntervals(symbol, left, right)
        default:
            if left.isUnknown || right.isUnknown, left.canBeOrdered, right.canBeOrdered,
                let unknown = Self.uncertainty(left, right)
            {
                return .unknown(unknown)
            }
            throw Self.noOverload(
                "'\(symbol.rawValue)' cannot compare \(left.typeName) and \(right.typeName)",
                at: node.range
            )
        }
    }

    /// Known only if every pair of ends agrees.
    private func orderOfIntervals(_ symbol: CELOperator, _ left: CELValue, _ right: CELValue) -> CELValue {
        var answers: Set<Bool> = []
        for first in left.ends {
            for second in right.ends {
                answers.insert(CELOrder.of(first, second).map(symbol.holds) ?? false)
            }
        }
        if answers.count == 1, let answer = answers.first {
            return .bool(answer)
        }
        return .unknown(Self.uncertainty(left, right) ?? CELUnknown([]))
    }

    private mutating func contained(
        _ element: CELValue,
        _ container: CELValue,
        in node: CELNode
    ) throws(CELEvaluationError) -> CELValue {
        switch container {
        case .list(let elements):
            try self.cost.spend(elements.count)
            return element.truthOfMembership(in: elements).value
        case .partialList(let list):
            try self.cost.spend(list.elements.count)
            let definite = element.truthOfMembership(in: list.definite)
            guard definite != .yes, element.truthOfMembership(in: list.doubtful) != .no else {
                return definite.value
            }
            return .unknown(CELUnknown.merged(element.uncertainty, list.unknown))
        case .map(let map):
            if let unknown = element.uncertainty {
                return .unknown(unknown)
            }
            return .bool(map[element] != nil)
        case .unknown(let unknown):
            return .unknown(CELUnknown.merged(element.uncertainty, unknown))
        default:
            throw Self.noOverload("'in' cannot look into \(container.typeName)", at: node.range)
        }
    }
}

extension CELOperator {
    fileprivate func holds(for order: CELOrder) -> Bool {
        switch self {
        case .less: order == .ascending
        case .lessOrEqual: order != .descending
        case .greater: order == .descending
        case .greaterOrEqual: order != .ascending
        default: false
        }
    }
}

extension CELValue {
    fileprivate var ends: [CELValue] {
        if case .interval(let interval) = self {
            return [.int(interval.lowest), .int(interval.highest)]
        }
        return [self]
    }

    fileprivate var isUnknown: Bool {
        if case .unknown = self {
            return true
        }
        return false
    }

    /// Whether `<` could be defined once everything is known.
    fileprivate var canBeOrdered: Bool {
        switch self {
        case .null, .list, .partialList, .map, .record, .type, .optional: false
        default: true
        }
    }

    /// How many parts a value has, counted up to `limit`.
    fileprivate func weight(limit: Int) -> Int {
        var count = 0
        var pending = [self]
        while let next = pending.popLast(), count < limit {
            count += 1
            switch next {
            case .list(let elements): pending += elements.prefix(limit)
            case .map(let map): pending += map.entries.prefix(limit).map(\.value)
            case .record(let record) where record.identity == nil: pending += record.fields.map(\.value)
            default: continue
            }
        }
        return count
    }
}
