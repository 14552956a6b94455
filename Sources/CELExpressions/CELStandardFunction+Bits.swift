// Selfheal
// SPDX-License-Identifier: Apache-2.0

extension CELStandardFunction {
    static let bits: [CELStandardFunction] = [
        combining("math.bitAnd", { $0 & $1 }, { $0 & $1 }),
        combining("math.bitOr", { $0 | $1 }, { $0 | $1 }),
        combining("math.bitXor", { $0 ^ $1 }, { $0 ^ $1 }),
        CELStandardFunction([
            .function("math.bitNot", [.int], .int), .function("math.bitNot", [.uint], .uint),
        ]) { arguments, _ throws(CELEvaluationError) in
            switch arguments.first {
            case .int(let value): .int(~value)
            case .uint(let value): .uint(~value)
            default: nil
            }
        },
        shifting("math.bitShiftLeft") { $0 << $1 },
        // A negative int moves in zeros: the sign is a bit like any other here.
        shifting("math.bitShiftRight") { $0 >> $1 },
    ]

    private static func combining(
        _ name: String,
        _ signed: @escaping @Sendable (Int64, Int64) -> Int64,
        _ unsigned: @escaping @Sendable (UInt64, UInt64) -> UInt64
    ) -> CELStandardFunction {
        CELStandardFunction([.function(name, [.int, .int], .int), .function(name, [.uint, .uint], .uint)]) {
            arguments,
            _ throws(CELEvaluationError) in
            switch (arguments[0], arguments[1]) {
            case (.int(let left), .int(let right)): .int(signed(left, right))
            case (.uint(let left), .uint(let right)): .uint(unsigned(left, right))
            default: nil
            }
        }
    }

    /// By 64 bits or more nothing is left; a negative distance is an error.
    private static func shifting(
        _ name: String,
        _ shift: @escaping @Sendable (UInt64, UInt64) -> UInt64
    ) -> CELStandardFunction {
        CELStandardFunction([.function(name, [.int, .int], .int), .function(name, [.uint, .int], .uint)]) {
            arguments,
            _ throws(CELEvaluationError) in
            guard case .int(let distance) = arguments[1] else {
                return nil
            }
            guard distance >= 0 else {
                throw CELEvaluationError(.invalidArgument, "'\(name)' by '\(distance)', which is negative")
            }
            switch arguments[0] {
            case .int(let value): return .int(Int64(bitPattern: shift(UInt64(bitPattern: value), UInt64(distance))))
            case .uint(let value): return .uint(shift(value, UInt64(distance)))
            default: return nil
            }
        }
    }
}
