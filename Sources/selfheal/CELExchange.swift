// Selfheal
// SPDX-License-Identifier: Apache-2.0

import CELExpressions
import RunVocabulary
import RunbookSource
import RunbookYAML

/// Values of expressions as other programs read and write them: `{"type": "int", "value": "1"}`.
///
/// Whole numbers are texts, because JSON's numbers lose digits; maps are lists of keys and values, because
/// JSON's names are texts.
enum CELExchange {
    struct Mistake: Error {
        let message: String
        let span: SourceSpan
    }

    // MARK: Writing

    static func json(_ value: CELValue) -> JSON {
        switch value {
        case .null: self.typed("null", .null)
        case .bool(let value): self.typed("bool", .bool(value))
        case .int(let value): self.typed("int", .string("\(value)"))
        case .uint(let value): self.typed("uint", .string("\(value)"))
        case .double(let value): self.typed("double", .double(value))
        case .string(let value): self.typed("string", .string(value))
        case .bytes(let value): self.typed("bytes", .string(Base64.text(value)))
        case .timestamp(let value): self.typed("timestamp", .string(value.text))
        case .duration(let value): self.typed("duration", .string(value.secondsText))
        case .type(let name): self.typed("type", .string(name))
        case .list(let elements): self.typed("list", .array(elements.map { self.json($0) }))
        case .map(let map):
            self.typed(
                "map",
                .array(
                    map.entries.map {
                        .object([JSONMember("key", self.json($0.key)), JSONMember("value", self.json($0.value))])
                    }
                )
            )
        case .optional(let content): self.typed("optional", content.map { self.json($0) } ?? .null)
        // Nothing that can be bound here is a record or unknown.
        case .record, .unknown, .partialList, .interval: self.typed(value.typeName, .string(value.text))
        }
    }

    private static func typed(_ type: String, _ value: JSON) -> JSON {
        .object([JSONMember("type", .string(type)), JSONMember("value", value)])
    }

    // MARK: Reading

    static func bindings(_ root: YAMLNode) throws(Mistake) -> [(name: String, value: CELValue)] {
        guard let pairs = root.mapping else {
            throw Mistake(message: "bindings are a mapping of names to values, not \(root.kindName)", span: root.span)
        }
        var bindings: [(name: String, value: CELValue)] = []
        for pair in pairs {
            bindings.append((pair.key.text, try self.value(pair.value)))
        }
        return bindings
    }

    private static let typeNames: Set<String> = [
        "null", "null_type", "bool", "int", "uint", "double", "string", "bytes", "timestamp", "duration", "list", "map",
        "type", "optional", "google.protobuf.Timestamp", "google.protobuf.Duration",
    ]

    /// A mapping of exactly a known type and a value is typed; anything else is plain.
    private static func value(_ node: YAMLNode) throws(Mistake) -> CELValue {
        switch node.kind {
        case .scalar(let scalar):
            switch scalar.resolved {
            case .null: return .null
            case .bool(let value): return .bool(value)
            case .int(let value): return .int(value)
            case .double(let value): return .double(value)
            case .string(let value): return .string(value)
            }
        case .sequence(let nodes):
            return .list(try nodes.map { node throws(Mistake) in try self.value(node) })
        case .mapping(let pairs):
            if pairs.count == 2, let type = node["type"]?.scalar?.text, let value = node["value"],
                self.typeNames.contains(type)
            {
                return try self.value(value, as: type)
            }
            var members: [(String, CELValue)] = []
            for pair in pairs {
                members.append((pair.key.text, try self.value(pair.value)))
            }
            return .map(CELMap(strings: members))
        }
    }

    private static func value(_ node: YAMLNode, as type: String) throws(Mistake) -> CELValue {
        let text = node.scalar?.text ?? ""
        let value: CELValue? =
            switch type {
            case "null", "null_type": node.isNull ? .null : nil
            case "bool": if case .bool(let value) = node.scalar?.resolved { .bool(value) } else { nil }
            case "int": Int64(text).map { .int($0) }
            case "uint": UInt64(text).map { .uint($0) }
            case "double": self.double(node)
            case "string": node.scalar.map { .string($0.text) }
            case "bytes": Base64.bytes(text).map { .bytes($0) }
            case "timestamp", "google.protobuf.Timestamp": CELTimestamp(parsing: text).map { .timestamp($0) }
            case "duration", "google.protobuf.Duration": CELDuration(parsing: text).map { .duration($0) }
            case "type": node.scalar.map { .type($0.text) }
            case "list":
                try node.sequence.map { nodes throws(Mistake) in
                    .list(try nodes.map { node throws(Mistake) in try self.value(node) })
                }
            case "map": try node.sequence.map { nodes throws(Mistake) in try self.map(nodes, at: node.span) }
            default: .optional(node.isNull ? nil : try self.value(node))
            }
        guard let value else {
            throw Mistake(message: "'\(text.prefix(64))' is no value of type \(type)", span: node.span)
        }
        return value
    }

    private static func double(_ node: YAMLNode) -> CELValue? {
        switch (node.scalar?.text, node.scalar?.resolved) {
        case ("NaN", _): .double(.nan)
        case ("Infinity", _): .double(.infinity)
        case ("-Infinity", _): .double(-.infinity)
        case (_, .double(let value)): .double(value)
        case (_, .int(let value)): .double(Double(value))
        default: nil
        }
    }

    private static func map(_ nodes: [YAMLNode], at span: SourceSpan) throws(Mistake) -> CELValue {
        var entries: [CELMap.Entry] = []
        for node in nodes {
            guard let key = node["key"], let value = node["value"] else {
                throw Mistake(message: "an entry of a map has a 'key' and a 'value'", span: node.span)
            }
            entries.append(CELMap.Entry(try self.value(key), try self.value(value)))
        }
        do throws(CELEvaluationError) {
            return .map(try CELMap(entries))
        } catch {
            throw Mistake(message: error.message, span: span)
        }
    }
}

/// Bytes as text, by RFC 4648.
enum Base64 {
    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    static func text(_ bytes: [UInt8]) -> String {
        var result: [UInt8] = []
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let group = bytes[start..<min(start + 3, bytes.count)]
            let padded = Array(group) + [0, 0]
            let bits = UInt32(padded[0]) << 16 | UInt32(padded[1]) << 8 | UInt32(padded[2])
            for place in 0..<4 {
                let isPadding = place > group.count
                result.append(isPadding ? UInt8(ascii: "=") : self.alphabet[Int(bits >> (18 - 6 * place)) & 63])
            }
        }
        return String(decoding: result, as: UTF8.self)
    }

    /// `nil` for what is not exactly base64; the `=` at the end may be left out.
    static func bytes(_ text: String) -> [UInt8]? {
        var digits = Array(text.utf8)
        while digits.last == UInt8(ascii: "="), digits.count % 4 == 0 || digits.count % 4 == 3 {
            digits.removeLast()
        }
        guard digits.count % 4 != 1 else {
            return nil
        }
        var result: [UInt8] = []
        var bits: UInt32 = 0
        var count = 0
        for digit in digits {
            guard let value = self.alphabet.firstIndex(of: digit) else {
                return nil
            }
            bits = bits << 6 | UInt32(value)
            count += 6
            if count >= 8 {
                count -= 8
                result.append(UInt8(truncatingIfNeeded: bits >> UInt32(count)))
            }
        }
        return result
    }
}
