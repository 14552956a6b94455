// Selfheal
// SPDX-License-Identifier: Apache-2.0

extension CELStandardFunction {
    static let conversions: [CELStandardFunction] = [
        CELStandardFunction([.function("dyn", [.parameter("T")], .dyn)], takesUncertain: true) {
            arguments,
            _ throws(CELEvaluationError) in arguments.first
        },
        CELStandardFunction([.function("type", [.parameter("T")], .type)], takesUncertain: true) {
            arguments,
            _ throws(CELEvaluationError) in
            if case .unknown = arguments.first {
                return arguments.first
            }
            return arguments.first.map { .type($0.typeName) }
        },
        CELStandardFunction(
            [
                .function("int", [.int], .int), .function("int", [.uint], .int), .function("int", [.double], .int),
                .function("int", [.string], .int), .function("int", [.timestamp], .int),
            ],
            takesUncertain: true
        ) { arguments, _ throws(CELEvaluationError) in try Self.int(arguments) },
        CELStandardFunction([
            .function("uint", [.uint], .uint), .function("uint", [.int], .uint), .function("uint", [.double], .uint),
            .function("uint", [.string], .uint),
        ]) { arguments, _ throws(CELEvaluationError) in try Self.uint(arguments) },
        CELStandardFunction([
            .function("double", [.double], .double), .function("double", [.int], .double),
            .function("double", [.uint], .double), .function("double", [.string], .double),
        ]) { arguments, _ throws(CELEvaluationError) in try Self.double(arguments) },
        CELStandardFunction([
            .function("bool", [.bool], .bool), .function("bool", [.string], .bool),
        ]) { arguments, _ throws(CELEvaluationError) in try Self.bool(arguments) },
        CELStandardFunction([
            .function("string", [.string], .string), .function("string", [.int], .string),
            .function("string", [.uint], .string), .function("string", [.double], .string),
            .function("string", [.bool], .string), .function("string", [.bytes], .string),
            .function("string", [.timestamp], .string), .function("string", [.duration], .string),
            .function("string", [.parameter("Record")], .string),
        ]) { arguments, cost throws(CELEvaluationError) in try Self.string(arguments, &cost) },
        CELStandardFunction([
            .function("bytes", [.bytes], .bytes), .function("bytes", [.string], .bytes),
        ]) { arguments, cost throws(CELEvaluationError) in
            guard case .string(let text) = arguments.first else {
                return Self.identity(arguments) { if case .bytes = $0 { true } else { false } }
            }
            try cost.spend(bytes: text.utf8.count)
            return .bytes(Array(text.utf8))
        },
        CELStandardFunction([
            .function("duration", [.duration], .duration), .function("duration", [.string], .duration),
        ]) { arguments, _ throws(CELEvaluationError) in try Self.duration(arguments) },
        CELStandardFunction([
            .function("timestamp", [.timestamp], .timestamp), .function("timestamp", [.string], .timestamp),
            .function("timestamp", [.int], .timestamp),
        ]) { arguments, _ throws(CELEvaluationError) in try Self.timestamp(arguments) },
    ]

    /// The only argument, if it already is what is asked for.
    private static func identity(_ arguments: [CELValue], _ isRight: (CELValue) -> Bool) -> CELValue? {
        arguments.first.flatMap { isRight($0) ? $0 : nil }
    }

    private static func unreadable(_ text: String, as type: String, help: String? = nil) -> CELEvaluationError {
        CELEvaluationError(.invalidArgument, "'\(text.prefix(64))' is not a \(type)", help: help)
    }

    private static func outOfRange(_ value: CELValue, for type: String) -> CELEvaluationError {
        .overflow("'\(value.text.prefix(64))' does not fit into a \(type)")
    }

    private static func int(_ arguments: [CELValue]) throws(CELEvaluationError) -> CELValue? {
        switch arguments.first {
        case .int(let value): return .int(value)
        case .interval, .unknown: return arguments.first
        case .uint(let value):
            guard let result = Int64(exactly: value) else {
                throw self.outOfRange(.uint(value), for: "int")
            }
            return .int(result)
        case .double(let value):
            // The bounds themselves are left out, because they are what larger numbers round to.
            guard value > -0x1p63, value < 0x1p63 else {
                throw self.outOfRange(.double(value), for: "int")
            }
            return .int(Int64(value))
        case .string(let text):
            guard let result = Int64(text) else {
                throw self.unreadable(text, as: "int")
            }
            return .int(result)
        case .timestamp(let value): return .int(value.seconds)
        default: return nil
        }
    }

    private static func uint(_ arguments: [CELValue]) throws(CELEvaluationError) -> CELValue? {
        switch arguments.first {
        case .uint(let value): return .uint(value)
        case .int(let value):
            guard let result = UInt64(exactly: value) else {
                throw self.outOfRange(.int(value), for: "uint")
            }
            return .uint(result)
        case .double(let value):
            guard value >= 0, value < 0x1p64 else {
                throw self.outOfRange(.double(value), for: "uint")
            }
            return .uint(UInt64(value))
        case .string(let text):
            guard let result = UInt64(text) else {
                throw self.unreadable(text, as: "uint")
            }
            return .uint(result)
        default: return nil
        }
    }

    private static func double(_ arguments: [CELValue]) throws(CELEvaluationError) -> CELValue? {
        switch arguments.first {
        case .double(let value): return .double(value)
        case .int(let value): return .double(Double(value))
        case .uint(let value): return .double(Double(value))
        case .string(let text):
            guard let result = self.number(in: text) else {
                throw self.unreadable(text, as: "double")
            }
            return .double(result)
        default: return nil
        }
    }

    /// Decimal only: Swift's own parser would also take hexadecimal and `nan(0x1)`.
    private static func number(in text: String) -> Double? {
        switch text {
        case "NaN": return .nan
        case "Infinity", "+Infinity", "inf", "+inf", "Inf", "+Inf": return .infinity
        case "-Infinity", "-inf", "-Inf": return -.infinity
        default:
            let allowed: [UInt8] = Array("0123456789.eE+-".utf8)
            return text.utf8.allSatisfy { allowed.contains($0) } ? Double(text) : nil
        }
    }

    private static func bool(_ arguments: [CELValue]) throws(CELEvaluationError) -> CELValue? {
        switch arguments.first {
        case .bool(let value): return .bool(value)
        case .string("true"), .string("True"), .string("TRUE"), .string("t"), .string("T"), .string("1"):
            return .bool(true)
        case .string("false"), .string("False"), .string("FALSE"), .string("f"), .string("F"), .string("0"):
            return .bool(false)
        case .string(let text):
            throw self.unreadable(text, as: "bool")
        default: return nil
        }
    }

    private static func string(_ arguments: [CELValue], _ cost: inout CELCost) throws(CELEvaluationError) -> CELValue? {
        switch arguments.first {
        case .string(let text): return .string(text)
        case .int, .uint, .double, .bool, .timestamp: return arguments.first.map { .string($0.text) }
        case .duration(let value): return .string(value.secondsText)
        case .bytes(let bytes):
            try cost.spend(bytes: bytes.count)
            guard let text = String(validating: bytes, as: UTF8.self) else {
                throw CELEvaluationError(.invalidArgument, "the bytes are not valid UTF-8")
            }
            return .string(text)
        case .record(let record): return .string(CELValue.record(record).text)
        default: return nil
        }
    }

    private static func duration(_ arguments: [CELValue]) throws(CELEvaluationError) -> CELValue? {
        switch arguments.first {
        case .duration: return arguments.first
        case .string(let text):
            guard let value = CELDuration(parsing: text) else {
                throw self.unreadable(text, as: "duration", help: "write 500ms, 30s, 5m or 2h30m, at most 292 years")
            }
            return .duration(value)
        default: return nil
        }
    }

    private static func timestamp(_ arguments: [CELValue]) throws(CELEvaluationError) -> CELValue? {
        switch arguments.first {
        case .timestamp: return arguments.first
        case .int(let seconds):
            guard let value = CELTimestamp(seconds: seconds) else {
                throw self.outOfRange(.int(seconds), for: "timestamp")
            }
            return .timestamp(value)
        case .string(let text):
            guard let value = CELTimestamp(parsing: text) else {
                throw self.unreadable(
                    text,
                    as: "timestamp",
                    help: "write it like 2024-05-01T12:00:00Z, in the years 1 to 9999"
                )
            }
            return .timestamp(value)
        default: return nil
        }
    }
}
