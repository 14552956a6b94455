// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// Turns a ``JSON`` value back into any `Decodable`: the opposite of ``JSONEncoding``.
///
/// Kinds are never converted: `1` is not `true`, `"1"` is not 1, and `1.0` is not a whole number.
/// Members that the type does not know are ignored, as Codable always does.
package enum JSONDecoding {
    package static func decode<Value: Decodable>(_ type: Value.Type = Value.self, from json: JSON) throws -> Value {
        try JSONTreeDecoder(json: json, path: nil).decode(type)
    }

    /// What went wrong and where: `steps[3].timeout: expected a string, found a number`.
    package static func message(for error: any Error) -> String {
        guard let error = error as? DecodingError else { return "\(error)" }
        let context: DecodingError.Context
        switch error {
        case .typeMismatch(_, let found), .valueNotFound(_, let found), .dataCorrupted(let found):
            context = found
        case .keyNotFound(let key, let found):
            context = DecodingError.Context(
                codingPath: found.codingPath,
                debugDescription: "'\(key.stringValue)' is missing"
            )
        @unknown default:
            return "\(error)"
        }
        var path = ""
        for key in context.codingPath {
            if let index = key.intValue {
                path += "[\(index)]"
            } else {
                path += path.isEmpty ? key.stringValue : ".\(key.stringValue)"
            }
        }
        return path.isEmpty ? context.debugDescription : "\(path): \(context.debugDescription)"
    }
}

// MARK: Decoder

private struct JSONTreeDecoder: Decoder {
    let json: JSON
    let path: JSONCodingPath?

    var codingPath: [any CodingKey] { JSONCodingPath.keys(self.path) }
    var userInfo: [CodingUserInfoKey: Any] { [:] }

    func container<Key: CodingKey>(keyedBy type: Key.Type) throws -> KeyedDecodingContainer<Key> {
        guard case .object(let members) = self.json else { throw self.mismatch(type, expected: "an object") }
        return KeyedDecodingContainer(JSONKeyedDecoder<Key>(members: members, path: self.path))
    }

    func unkeyedContainer() throws -> any UnkeyedDecodingContainer {
        guard case .array(let elements) = self.json else { throw self.mismatch([Any].self, expected: "an array") }
        return JSONUnkeyedDecoder(elements: elements, path: self.path)
    }

    func singleValueContainer() -> any SingleValueDecodingContainer {
        JSONSingleDecoder(decoder: self)
    }

    func decode<Value: Decodable>(_ type: Value.Type) throws -> Value {
        if type == JSON.self, let json = self.json as? Value { return json }
        if type == Duration.self {
            guard case .string(let text) = self.json, let value = Duration(secondsText: text) as? Value else {
                throw self.mismatch(type, expected: "seconds like \"90s\"")
            }
            return value
        }
        return try Value(from: self)
    }

    func bool() throws -> Bool {
        guard case .bool(let value) = self.json else { throw self.mismatch(Bool.self, expected: "a boolean") }
        return value
    }

    func string() throws -> String {
        guard case .string(let value) = self.json else { throw self.mismatch(String.self, expected: "a string") }
        return value
    }

    func double() throws -> Double {
        switch self.json {
        case .double(let value): return value
        case .int(let value): return Double(value)
        case .string("NaN"): return .nan
        case .string("Infinity"): return .infinity
        case .string("-Infinity"): return -.infinity
        default: throw self.mismatch(Double.self, expected: "a number")
        }
    }

    func integer<Value: FixedWidthInteger>(_ type: Value.Type) throws -> Value {
        switch self.json {
        case .int(let value):
            guard let result = Value(exactly: value) else {
                throw self.corrupted("\(value) does not fit into \(type)")
            }
            return result
        case .string(let text):
            // Only what the encoder had to write as a string: beyond 63 bits.
            guard let value = Value(text), Int64(exactly: value) == nil, String(value) == text else { fallthrough }
            return value
        default:
            throw self.mismatch(type, expected: "a whole number")
        }
    }

    func mismatch(_ type: any Any.Type, expected: String) -> DecodingError {
        var found = self.json.kindName
        if case .double = self.json, expected == "a whole number" {
            found = "a number with a fraction"
        }
        return .typeMismatch(
            type,
            DecodingError.Context(
                codingPath: self.codingPath,
                debugDescription: "expected \(expected), found \(found)"
            )
        )
    }

    func corrupted(_ message: String) -> DecodingError {
        .dataCorrupted(DecodingError.Context(codingPath: self.codingPath, debugDescription: message))
    }
}

private struct JSONKeyedDecoder<Key: CodingKey>: KeyedDecodingContainerProtocol {
    let members: [JSONMember]
    let path: JSONCodingPath?
    /// Where each name is, once there are too many members to look through.
    private let index: [String: Int]

    private static var smallObject: Int { 12 }

    init(members: [JSONMember], path: JSONCodingPath?) {
        self.members = members
        self.path = path
        self.index =
            members.count <= Self.smallObject
            ? [:]
            : Dictionary(members.enumerated().map { ($1.name, $0) }, uniquingKeysWith: { first, _ in first })
    }

    var codingPath: [any CodingKey] { JSONCodingPath.keys(self.path) }
    var allKeys: [Key] { self.members.compactMap { Key(stringValue: $0.name) } }

    private func value(_ name: String) -> JSON? {
        guard self.index.isEmpty else { return self.index[name].map { self.members[$0].value } }
        return self.members.first { $0.name == name }?.value
    }

    private func child(_ key: any CodingKey) throws -> JSONTreeDecoder {
        guard let value = self.value(key.stringValue) else {
            throw DecodingError.keyNotFound(
                key,
                DecodingError.Context(codingPath: self.codingPath, debugDescription: "'\(key.stringValue)' is missing")
            )
        }
        return JSONTreeDecoder(json: value, path: JSONCodingPath(key, in: self.path))
    }

    func contains(_ key: Key) -> Bool { self.value(key.stringValue) != nil }
    func decodeNil(forKey key: Key) throws -> Bool { try self.child(key).json.isNull }
    func decode(_ type: Bool.Type, forKey key: Key) throws -> Bool { try self.child(key).bool() }
    func decode(_ type: String.Type, forKey key: Key) throws -> String { try self.child(key).string() }
    func decode(_ type: Double.Type, forKey key: Key) throws -> Double { try self.child(key).double() }
    func decode(_ type: Float.Type, forKey key: Key) throws -> Float { Float(try self.child(key).double()) }
    func decode(_ type: Int.Type, forKey key: Key) throws -> Int { try self.child(key).integer(type) }
    func decode(_ type: Int8.Type, forKey key: Key) throws -> Int8 { try self.child(key).integer(type) }
    func decode(_ type: Int16.Type, forKey key: Key) throws -> Int16 { try self.child(key).integer(type) }
    func decode(_ type: Int32.Type, forKey key: Key) throws -> Int32 { try self.child(key).integer(type) }
    func decode(_ type: Int64.Type, forKey key: Key) throws -> Int64 { try self.child(key).integer(type) }
    func decode(_ type: UInt.Type, forKey key: Key) throws -> UInt { try self.child(key).integer(type) }
    func decode(_ type: UInt8.Type, forKey key: Key) throws -> UInt8 { try self.child(key).integer(type) }
    func decode(_ type: UInt16.Type, forKey key: Key) throws -> UInt16 { try self.child(key).integer(type) }
    func decode(_ type: UInt32.Type, forKey key: Key) throws -> UInt32 { try self.child(key).integer(type) }
    func decode(_ type: UInt64.Type, forKey key: Key) throws -> UInt64 { try self.child(key).integer(type) }

    func decode<Value: Decodable>(_ type: Value.Type, forKey key: Key) throws -> Value {
        try self.child(key).decode(type)
    }

    func nestedContainer<Nested: CodingKey>(
        keyedBy type: Nested.Type,
        forKey key: Key
    ) throws -> KeyedDecodingContainer<Nested> {
        try self.child(key).container(keyedBy: type)
    }

    func nestedUnkeyedContainer(forKey key: Key) throws -> any UnkeyedDecodingContainer {
        try self.child(key).unkeyedContainer()
    }

    func superDecoder() throws -> any Decoder { try self.child(JSONIndexKey.parent) }
    func superDecoder(forKey key: Key) throws -> any Decoder { try self.child(key) }
}

private struct JSONUnkeyedDecoder: UnkeyedDecodingContainer {
    let elements: [JSON]
    let path: JSONCodingPath?
    private(set) var currentIndex = 0

    init(elements: [JSON], path: JSONCodingPath?) {
        self.elements = elements
        self.path = path
    }

    var codingPath: [any CodingKey] { JSONCodingPath.keys(self.path) }
    var count: Int? { self.elements.count }
    var isAtEnd: Bool { self.currentIndex >= self.elements.count }

    private mutating func next<Value>(_ type: Value.Type, _ body: (JSONTreeDecoder) throws -> Value) throws -> Value {
        let path = JSONCodingPath(JSONIndexKey(index: self.currentIndex), in: self.path)
        guard !self.isAtEnd else {
            throw DecodingError.valueNotFound(
                type,
                DecodingError.Context(codingPath: JSONCodingPath.keys(path), debugDescription: "the array is too short")
            )
        }
        let value = try body(JSONTreeDecoder(json: self.elements[self.currentIndex], path: path))
        self.currentIndex += 1
        return value
    }

    mutating func decodeNil() throws -> Bool {
        guard !self.isAtEnd, self.elements[self.currentIndex].isNull else { return false }
        self.currentIndex += 1
        return true
    }

    mutating func decode(_ type: Bool.Type) throws -> Bool { try self.next(type) { try $0.bool() } }
    mutating func decode(_ type: String.Type) throws -> String { try self.next(type) { try $0.string() } }
    mutating func decode(_ type: Double.Type) throws -> Double { try self.next(type) { try $0.double() } }
    mutating func decode(_ type: Float.Type) throws -> Float { try self.next(type) { Float(try $0.double()) } }
    mutating func decode(_ type: Int.Type) throws -> Int { try self.next(type) { try $0.integer(type) } }
    mutating func decode(_ type: Int8.Type) throws -> Int8 { try self.next(type) { try $0.integer(type) } }
    mutating func decode(_ type: Int16.Type) throws -> Int16 { try self.next(type) { try $0.integer(type) } }
    mutating func decode(_ type: Int32.Type) throws -> Int32 { try self.next(type) { try $0.integer(type) } }
    mutating func decode(_ type: Int64.Type) throws -> Int64 { try self.next(type) { try $0.integer(type) } }
    mutating func decode(_ type: UInt.Type) throws -> UInt { try self.next(type) { try $0.integer(type) } }
    mutating func decode(_ type: UInt8.Type) throws -> UInt8 { try self.next(type) { try $0.integer(type) } }
    mutating func decode(_ type: UInt16.Type) throws -> UInt16 { try self.next(type) { try $0.integer(type) } }
    mutating func decode(_ type: UInt32.Type) throws -> UInt32 { try self.next(type) { try $0.integer(type) } }
    mutating func decode(_ type: UInt64.Type) throws -> UInt64 { try self.next(type) { try $0.integer(type) } }

    mutating func decode<Value: Decodable>(_ type: Value.Type) throws -> Value {
        try self.next(type) { try $0.decode(type) }
    }

    mutating func nestedContainer<Nested: CodingKey>(
        keyedBy type: Nested.Type
    ) throws -> KeyedDecodingContainer<Nested> {
        try self.next(KeyedDecodingContainer<Nested>.self) { try $0.container(keyedBy: type) }
    }

    mutating func nestedUnkeyedContainer() throws -> any UnkeyedDecodingContainer {
        try self.next((any UnkeyedDecodingContainer).self) { try $0.unkeyedContainer() }
    }

    mutating func superDecoder() throws -> any Decoder {
        try self.next((any Decoder).self) { $0 }
    }
}

private struct JSONSingleDecoder: SingleValueDecodingContainer {
    let decoder: JSONTreeDecoder

    var codingPath: [any CodingKey] { self.decoder.codingPath }

    func decodeNil() -> Bool { self.decoder.json.isNull }
    func decode(_ type: Bool.Type) throws -> Bool { try self.decoder.bool() }
    func decode(_ type: String.Type) throws -> String { try self.decoder.string() }
    func decode(_ type: Double.Type) throws -> Double { try self.decoder.double() }
    func decode(_ type: Float.Type) throws -> Float { Float(try self.decoder.double()) }
    func decode(_ type: Int.Type) throws -> Int { try self.decoder.integer(type) }
    func decode(_ type: Int8.Type) throws -> Int8 { try self.decoder.integer(type) }
    func decode(_ type: Int16.Type) throws -> Int16 { try self.decoder.integer(type) }
    func decode(_ type: Int32.Type) throws -> Int32 { try self.decoder.integer(type) }
    func decode(_ type: Int64.Type) throws -> Int64 { try self.decoder.integer(type) }
    func decode(_ type: UInt.Type) throws -> UInt { try self.decoder.integer(type) }
    func decode(_ type: UInt8.Type) throws -> UInt8 { try self.decoder.integer(type) }
    func decode(_ type: UInt16.Type) throws -> UInt16 { try self.decoder.integer(type) }
    func decode(_ type: UInt32.Type) throws -> UInt32 { try self.decoder.integer(type) }
    func decode(_ type: UInt64.Type) throws -> UInt64 { try self.decoder.integer(type) }
    func decode<Value: Decodable>(_ type: Value.Type) throws -> Value { try self.decoder.decode(type) }
}

// MARK: JSON itself

extension JSON: Codable {
    /// Any decoder will do; ``JSONDecoding`` takes a shorter way.
    package init(from decoder: any Decoder) throws {
        if let decoder = decoder as? JSONTreeDecoder {
            self = decoder.json
        } else if let container = try? decoder.container(keyedBy: JSONIndexKey.self) {
            self = .object(
                try container.allKeys.map { JSONMember($0.stringValue, try container.decode(JSON.self, forKey: $0)) }
            )
        } else if var container = try? decoder.unkeyedContainer() {
            var elements: [JSON] = []
            while !container.isAtEnd {
                elements.append(try container.decode(JSON.self))
            }
            self = .array(elements)
        } else {
            let container = try decoder.singleValueContainer()
            if container.decodeNil() {
                self = .null
            } else if let value = try? container.decode(Bool.self) {
                self = .bool(value)
            } else if let value = try? container.decode(Int64.self) {
                self = .int(value)
            } else if let value = try? container.decode(Double.self) {
                self = .double(value)
            } else {
                self = .string(try container.decode(String.self))
            }
        }
    }

    package func encode(to encoder: any Encoder) throws {
        switch self {
        case .object(let members):
            var container = encoder.container(keyedBy: JSONIndexKey.self)
            for member in members {
                try container.encode(member.value, forKey: JSONIndexKey(stringValue: member.name))
            }
        case .array(let elements):
            var container = encoder.unkeyedContainer()
            for element in elements {
                try container.encode(element)
            }
        case .null:
            var container = encoder.singleValueContainer()
            try container.encodeNil()
        case .bool(let value):
            var container = encoder.singleValueContainer()
            try container.encode(value)
        case .int(let value):
            var container = encoder.singleValueContainer()
            try container.encode(value)
        case .double(let value):
            var container = encoder.singleValueContainer()
            try container.encode(value)
        case .string(let value):
            var container = encoder.singleValueContainer()
            try container.encode(value)
        }
    }
}
