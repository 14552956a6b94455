// Selfheal
// SPDX-License-Identifier: Apache-2.0

extension CELValue {
    /// How deep `text` and `cel` look into lists, maps and records.
    private static let textDepth = 16

    /// For people: interpolation into messages and commands.
    ///
    /// A string is itself, a record with an identity is that identity, a duration is `1m30s`, a timestamp
    /// is RFC 3339.
    package var text: String {
        self.text(depth: 0)
    }

    private func text(depth: Int) -> String {
        guard depth < Self.textDepth else {
            return "…"
        }
        switch self {
        case .null: return "null"
        case .bool(let value): return value ? "true" : "false"
        case .int(let value): return "\(value)"
        case .uint(let value): return "\(value)"
        case .double(let value): return Self.shortest(value)
        case .string(let value): return value
        case .bytes(let value): return String(validating: value, as: UTF8.self) ?? self.cel
        case .timestamp(let value): return value.text
        case .duration(let value): return value.text
        case .type(let name): return name
        case .unknown(let unknown): return "unknown (\(unknown))"
        case .optional(let value): return value?.text(depth: depth + 1) ?? "none"
        case .interval(let interval): return "\(interval.lowest) to \(interval.highest)"
        case .list(let elements):
            return "[" + elements.map { $0.text(depth: depth + 1) }.joined(separator: ", ") + "]"
        case .partialList(let list):
            let parts = list.elements.map { $0.value.text(depth: depth + 1) + ($0.isDefinite ? "" : "?") }
            return "[" + parts.joined(separator: ", ") + "]"
        case .map(let map):
            let parts = map.entries.map { "\($0.key.text): \($0.value.text(depth: depth + 1))" }
            return "{" + parts.joined(separator: ", ") + "}"
        case .record(let record):
            if let identity = record.identity {
                return identity
            }
            let parts = record.fields.map { "\($0.name): \($0.value.text(depth: depth + 1))" }
            return record.typeName + "{" + parts.joined(separator: ", ") + "}"
        }
    }

    /// For debugging: the way the value would be written in an expression, where it can be written.
    package var cel: String {
        self.cel(depth: 0)
    }

    private func cel(depth: Int) -> String {
        guard depth < Self.textDepth else {
            return "…"
        }
        switch self {
        case .null, .bool, .int, .type, .interval, .unknown: return self.text
        case .uint(let value): return "\(value)u"
        case .double(let value): return value.isFinite ? "\(value)" : "double(\"\(Self.shortest(value))\")"
        case .string(let value): return Self.quoted(value)
        case .bytes(let value): return "b" + Self.quoted(value)
        case .optional(let value):
            return value.map { "optional.of(\($0.cel(depth: depth + 1)))" } ?? "optional.none()"
        case .timestamp(let value): return "timestamp(\"\(value.text)\")"
        case .duration(let value): return "duration(\"\(value.text)\")"
        case .list(let elements):
            return "[" + elements.map { $0.cel(depth: depth + 1) }.joined(separator: ", ") + "]"
        case .partialList(let list):
            let parts = list.elements.map { $0.value.cel(depth: depth + 1) + ($0.isDefinite ? "" : "?") }
            return "[" + parts.joined(separator: ", ") + "]"
        case .map(let map):
            let parts = map.entries.map { "\($0.key.cel): \($0.value.cel(depth: depth + 1))" }
            return "{" + parts.joined(separator: ", ") + "}"
        case .record(let record):
            let identity = record.identity.map { "(\(Self.quoted($0)))" } ?? ""
            let parts = record.fields.map { "\($0.name): \($0.value.cel(depth: depth + 1))" }
            return record.typeName + identity + "{" + parts.joined(separator: ", ") + "}"
        }
    }

    /// The fewest digits that read back as the same number, without a trailing `.0`.
    static func shortest(_ value: Double) -> String {
        if value.isNaN {
            return "NaN"
        }
        if value.isInfinite {
            return value < 0 ? "-Infinity" : "Infinity"
        }
        let text = "\(value)"
        return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
    }

    static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            if let escape = Self.escape(scalar.value) {
                result += escape
            } else {
                result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }

    private static func quoted(_ bytes: [UInt8]) -> String {
        var result = "\""
        for byte in bytes {
            if let escape = Self.escape(UInt32(byte)) {
                result += escape
            } else if byte < 0x7f {
                result.unicodeScalars.append(Unicode.Scalar(byte))
            } else {
                result += "\\x" + Self.hexadecimal(byte)
            }
        }
        return result + "\""
    }

    private static func escape(_ code: UInt32) -> String? {
        switch code {
        case 0x07: "\\a"
        case 0x08: "\\b"
        case 0x09: "\\t"
        case 0x0a: "\\n"
        case 0x0b: "\\v"
        case 0x0c: "\\f"
        case 0x0d: "\\r"
        case 0x22: "\\\""
        case 0x5c: "\\\\"
        case 0..<0x20, 0x7f: "\\x" + self.hexadecimal(UInt8(code))
        default: nil
        }
    }

    private static func hexadecimal(_ byte: UInt8) -> String {
        (byte < 16 ? "0" : "") + String(byte, radix: 16)
    }
}

extension CELValue {
    /// The name that `type(x)` gives.
    package var typeName: String {
        switch self {
        case .null: "null_type"
        case .bool: "bool"
        case .int, .interval: "int"
        case .uint: "uint"
        case .double: "double"
        case .string: "string"
        case .bytes: "bytes"
        case .timestamp: "google.protobuf.Timestamp"
        case .duration: "google.protobuf.Duration"
        case .list, .partialList: "list"
        case .map: "map"
        case .record(let record): record.typeName
        case .type: "type"
        case .optional: "optional_type"
        case .unknown: "unknown"
        }
    }

    /// The names that stand for types in an expression.
    static let typeNames: Set<String> = [
        "null_type", "bool", "int", "uint", "double", "string", "bytes", "list", "map", "type", "optional_type",
        "google.protobuf.Timestamp", "google.protobuf.Duration",
    ]
}
