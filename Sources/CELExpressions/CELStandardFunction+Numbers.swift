// Selfheal
// SPDX-License-Identifier: Apache-2.0

extension CELStandardFunction {
    static let numbers: [CELStandardFunction] = [
        extreme("math.greatest", .descending),
        extreme("math.least", .ascending),
        CELStandardFunction([
            .function("abs", [.parameter("N")], .parameter("N")),
            .function("math.abs", [.parameter("N")], .parameter("N")),
        ]) { arguments, _ throws(CELEvaluationError) in
            switch arguments.first {
            case .int(let value):
                guard value != .min else {
                    throw .overflow("the absolute value of '\(value)' does not fit into an int")
                }
                return .int(abs(value))
            case .uint: return arguments.first
            case .double(let value): return .double(value.magnitude)
            default: return nil
            }
        },
        CELStandardFunction([.function("math.sign", [.parameter("N")], .parameter("N"))]) {
            arguments,
            _ throws(CELEvaluationError) in
            switch arguments.first {
            case .int(let value): .int(value.signum())
            case .uint(let value): .uint(value == 0 ? 0 : 1)
            case .double(let value): .double(value > 0 ? 1 : value < 0 ? -1 : value)
            default: nil
            }
        },
        rounding("math.trunc") { whole, _ in whole },
        rounding("math.floor") { whole, value in whole > value ? whole - 1 : whole },
        rounding("math.ceil") { whole, value in whole < value ? whole + 1 : whole },
        rounding("math.round") { whole, value in
            (value - whole).magnitude >= 0.5 ? whole + (value < 0 ? -1 : 1) : whole
        },
        question("math.isNaN") { $0.isNaN },
        question("math.isInf") { $0.isInfinite },
        question("math.isFinite") { $0.isFinite },
    ]

    /// `math.greatest` and `math.least`, of arguments or of one list.
    private static func extreme(_ name: String, _ wanted: CELOrder) -> CELStandardFunction {
        CELStandardFunction([
            .variadic(name, .parameter("N"), .parameter("N")),
            .function(name, [.list(.parameter("N"))], .parameter("N")),
        ]) { arguments, cost throws(CELEvaluationError) in
            var numbers = arguments
            if numbers.count == 1, case .list(let elements) = numbers[0] {
                guard !elements.isEmpty else {
                    throw CELEvaluationError(.invalidArgument, "'\(name)' of an empty list")
                }
                if let unknown = Self.unknownElement(of: elements) {
                    return .unknown(unknown)
                }
                numbers = elements
            }
            try cost.spend(numbers.count)
            guard numbers.allSatisfy(\.isNumber) else {
                return nil
            }
            return Self.extreme(of: numbers, wanted)
        }
    }

    /// The first of the lowest or highest values; `nil` for none or if they cannot be compared.
    static func extreme(of values: [CELValue], _ wanted: CELOrder) -> CELValue? {
        guard var best = values.first else {
            return nil
        }
        for value in values.dropFirst() {
            guard let order = CELOrder.of(value, best) else {
                return nil
            }
            if order == wanted {
                best = value
            }
        }
        return best
    }

    /// From 2^52 on every double is whole; below, an integer holds the whole part exactly.
    private static func rounding(
        _ name: String,
        _ round: @escaping @Sendable (_ whole: Double, _ value: Double) -> Double
    ) -> CELStandardFunction {
        CELStandardFunction([.function(name, [.double], .double)]) { arguments, _ throws(CELEvaluationError) in
            guard case .double(let value) = arguments.first else {
                return nil
            }
            guard value.magnitude < 0x1p52 else {
                return .double(value)
            }
            let result = round(Double(Int64(value)), value)
            return .double(result == 0 && value < 0 ? -0.0 : result)
        }
    }

    private static func question(
        _ name: String,
        _ answer: @escaping @Sendable (Double) -> Bool
    ) -> CELStandardFunction {
        CELStandardFunction([.function(name, [.double], .bool)]) { arguments, _ throws(CELEvaluationError) in
            guard case .double(let value) = arguments.first else {
                return nil
            }
            return .bool(answer(value))
        }
    }
}

extension CELValue {
    var isNumber: Bool {
        switch self {
        case .int, .uint, .double: true
        default: false
        }
    }
}
