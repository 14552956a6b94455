// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// The arithmetic operators, on values of one kind and on intervals.
enum CELArithmetic {
    static func apply(
        _ symbol: CELOperator,
        _ left: CELValue,
        _ right: CELValue
    ) throws(CELEvaluationError) -> CELValue {
        switch (left, right) {
        case (.int(let first), .int(let second)): return .int(try self.integer(symbol, first, second, "int"))
        case (.uint(let first), .uint(let second)): return .uint(try self.integer(symbol, first, second, "uint"))
        case (.double(let first), .double(let second)):
            if let result = self.double(symbol, first, second) {
                return .double(result)
            }
        case (.string(let first), .string(let second)) where symbol == .add: return .string(first + second)
        case (.bytes(let first), .bytes(let second)) where symbol == .add: return .bytes(first + second)
        case (.list(let first), .list(let second)) where symbol == .add: return .list(first + second)
        case (.timestamp, _), (.duration, _):
            if let result = try self.time(symbol, left, right) {
                return result
            }
        case (.interval, .int), (.int, .interval), (.interval, .interval):
            return try self.interval(symbol, left, right)
        case (.partialList, .list), (.list, .partialList), (.partialList, .partialList):
            if symbol == .add, let elements = left.markedElements, let others = right.markedElements,
                let unknown = CELEvaluator.uncertainty(left, right)
            {
                return .partialList(CELPartialList(elements + others, unknown: unknown))
            }
        case (.unknown, _), (_, .unknown):
            if let unknown = CELEvaluator.uncertainty(left, right) {
                return .unknown(unknown)
            }
        default:
            break
        }
        throw CELEvaluationError(
            .noMatchingOverload,
            "'\(symbol.rawValue)' cannot be applied to \(left.typeName) and \(right.typeName)"
        )
    }

    private static func integer<Integer: FixedWidthInteger>(
        _ symbol: CELOperator,
        _ left: Integer,
        _ right: Integer,
        _ type: String
    ) throws(CELEvaluationError) -> Integer {
        let (result, overflowed): (Integer, Bool)
        switch symbol {
        case .add: (result, overflowed) = left.addingReportingOverflow(right)
        case .subtract: (result, overflowed) = left.subtractingReportingOverflow(right)
        case .multiply: (result, overflowed) = left.multipliedReportingOverflow(by: right)
        default:
            guard right != 0 else {
                throw CELEvaluationError(.divisionByZero, "'\(left) \(symbol.rawValue) 0' divides by zero")
            }
            (result, overflowed) =
                symbol == .divide
                ? left.dividedReportingOverflow(by: right) : left.remainderReportingOverflow(dividingBy: right)
        }
        guard !overflowed else {
            throw .overflow(
                "'\(left) \(symbol.rawValue) \(right)' does not fit into \(type == "int" ? "an" : "a") \(type)"
            )
        }
        return result
    }

    private static func double(_ symbol: CELOperator, _ left: Double, _ right: Double) -> Double? {
        switch symbol {
        case .add: left + right
        case .subtract: left - right
        case .multiply: left * right
        case .divide: left / right
        default: nil
        }
    }

    private static func time(
        _ symbol: CELOperator,
        _ left: CELValue,
        _ right: CELValue
    ) throws(CELEvaluationError) -> CELValue? {
        let result: CELValue?
        switch (symbol, left, right) {
        case (.add, .timestamp(let moment), .duration(let span)), (.add, .duration(let span), .timestamp(let moment)):
            result = moment.adding(span).map { .timestamp($0) }
        case (.subtract, .timestamp(let moment), .duration(let span)):
            result = moment.subtracting(span).map { .timestamp($0) }
        case (.subtract, .timestamp(let later), .timestamp(let earlier)):
            result = later.subtracting(earlier).map { .duration($0) }
        case (.add, .duration(let first), .duration(let second)):
            result = first.adding(second).map { .duration($0) }
        case (.subtract, .duration(let first), .duration(let second)):
            result = first.subtracting(second).map { .duration($0) }
        default:
            if let unknown = right.uncertainty {
                return .unknown(unknown)
            }
            return nil
        }
        guard let result else {
            throw .overflow("'\(left.text) \(symbol.rawValue) \(right.text)' is out of range")
        }
        return result
    }

    /// The lowest and highest result, or unknown where they would not be the ends of an interval.
    private static func interval(
        _ symbol: CELOperator,
        _ left: CELValue,
        _ right: CELValue
    ) throws(CELEvaluationError) -> CELValue {
        let unknown = CELEvaluator.uncertainty(left, right) ?? CELUnknown([])
        if symbol == .divide || symbol == .remainder, case .int(let divisor) = right {
            guard divisor != 0 else {
                throw CELEvaluationError(.divisionByZero, "'\(left.text) \(symbol.rawValue) 0' divides by zero")
            }
        }
        // These are monotone in each operand, so the ends are among the results of the ends. Division is so
        // only by a number that is known.
        switch (symbol, right) {
        case (.add, _), (.subtract, _), (.multiply, _), (.divide, .int): break
        default: return .unknown(unknown)
        }
        var results: [Int64] = []
        for first in left.integerEnds {
            for second in right.integerEnds {
                do throws(CELEvaluationError) {
                    results.append(try self.integer(symbol, first, second, "int"))
                } catch {
                    // Overflow at one end is not yet an error: the number may be the other one.
                    return .unknown(unknown)
                }
            }
        }
        guard let lowest = results.min(), let highest = results.max() else {
            return .unknown(unknown)
        }
        return .integer(between: lowest, and: highest, unknown: unknown)
    }
}

extension CELValue {
    fileprivate var integerEnds: [Int64] {
        switch self {
        case .int(let value): [value]
        case .interval(let interval): [interval.lowest, interval.highest]
        default: []
        }
    }

    /// The elements of a list that may be partial.
    var markedElements: [CELPartialList.Element]? {
        switch self {
        case .list(let elements): elements.map { CELPartialList.Element($0, isDefinite: true) }
        case .partialList(let list): list.elements
        default: nil
        }
    }
}
