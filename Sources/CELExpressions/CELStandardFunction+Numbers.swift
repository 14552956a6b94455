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
            case .double(let value): .double(value > 0 ? 1 : value < 0 ? -1 : value.isNaN ? value : 0)
            default: nil
            }
        },
        rounding("math.trunc") { whole, _ in whole },
        rounding("math.floor") { whole, value in whole > value ? whole - 1 : whole },
        rounding("math.ceil") { whole, value in whole < value ? whole + 1 : whole },
        rounding("math.round") { whole, value in
            (value - whole).magnitude >= 0.5 ? whole + (value < 0 ? -1 : 1) : whole
        },
        CELStandardFunction([.function("math.sqrt", [.parameter("N")], .double)]) {
            arguments,
            _ throws(CELEvaluationError) in
            switch arguments.first {
            case .int(let value): .double(Self.squareRoot(Double(value)))
            case .uint(let value): .double(Self.squareRoot(Double(value)))
            case .double(let value): .double(Self.squareRoot(value))
            default: nil
            }
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
            // What rounds to zero keeps its sign, -0.0 included.
            return .double(result == 0 && value.sign == .minus ? -0.0 : result)
        }
    }

    /// Correctly rounded, in whole numbers: `squareRoot()` would call the C library in some builds.
    private static func squareRoot(_ value: Double) -> Double {
        guard value > 0, value.isFinite else {
            return value < 0 ? .nan : value
        }
        // value = number * 2^exponent with an even exponent, and 106 or more bits in the number.
        var number = UInt128(value.significand * 0x1p52) << 54
        var exponent = Int(value.exponent) - 106
        if exponent % 2 != 0 {
            number <<= 1
            exponent -= 1
        }
        var root: UInt128 = 0
        var bit: UInt128 = 1 << 54
        while bit > 0 {
            if (root | bit) * (root | bit) <= number {
                root |= bit
            }
            bit >>= 1
        }
        // One bit more than a double has, and never exactly in the middle.
        let rounded = Double(UInt64(root) / 2 + UInt64(root) % 2)
        return rounded * Double(sign: .plus, exponent: exponent / 2 + 1, significand: 1)
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
