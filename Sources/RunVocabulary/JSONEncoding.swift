// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// Turns any `Encodable` into a ``JSON`` value.
///
/// Members keep the order in which they are encoded, which for synthesized conformances is the order of
/// declaration. Contents of dictionaries and sets, which have no order, are sorted, so that equal values
/// always give equal JSON. What JSON numbers cannot hold becomes a string that ``JSONDecoding`` reads back:
/// `NaN`, infinities, and unsigned numbers beyond 63 bits. A `Duration` is decimal seconds with their
/// unit: `"90s"`, `"0.25s"`.
package enum JSONEncoding {
    package static func encode(_ value: some Encodable) throws -> JSON {
        try JSONTreeEncoder.json(of: value, at: nil)
    }
}

/// The way from the root to the value being coded; built only where it branches.
final class JSONCodingPath {
    let key: any CodingKey
    let parent: JSONCodingPath?

    init(_ key: any CodingKey, in parent: JSONCodingPath?) {
        self.key = key
        self.parent = parent
    }

    static func keys(_ path: JSONCodingPath?) -> [any CodingKey] {
        var keys: [any CodingKey] = []
        var next = path
        while let current = next {
            keys.append(current.key)
            next = current.parent
        }
        return keys.reversed()
    }
}

/// The key of an array's element, or a name that no type declares.
struct JSONIndexKey: CodingKey {
    let stringValue: String
    let intValue: Int?

    init(index: Int) {
        self.stringValue = "\(index)"
        self.intValue = index
    }

    init(stringValue: String) {
        self.stringValue = stringValue
        self.intValue = nil
    }

    init?(intValue: Int) { self.init(index: intValue) }

    static let parent = Self(stringValue: "super")
}

/// Collections whose own order differs from one process to the next.
private protocol Unordered {
    static func sorted(_ json: JSON) -> JSON
}

extension Dictionary: Unordered {
    fileprivate static func sorted(_ json: JSON) -> JSON {
        switch json {
        case .object(let members):
            return .object(members.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) })
        case .array(let elements):
            // Keys that are no strings: the standard library writes key, value, key, value.
            let pairs = stride(from: 0, to: elements.count - 1, by: 2).map { (elements[$0], elements[$0 + 1]) }
            return .array(pairs.sorted { precedes($0.0, $1.0) }.flatMap { [$0.0, $0.1] })
        default:
            return json
        }
    }
}

extension Set: Unordered {
    fileprivate static func sorted(_ json: JSON) -> JSON {
        guard case .array(let elements) = json else { return json }
        return .array(elements.sorted(by: precedes))
    }
}

private func precedes(_ left: JSON, _ right: JSON) -> Bool {
    if case .int(let left) = left, case .int(let right) = right { return left < right }
    return left.bytes.lexicographicallyPrecedes(right.bytes)
}

// MARK: The tree under construction

/// A value that is being encoded; containers hold on to it and fill it.
private final class JSONSlot {
    enum Part {
        case value(JSON)
        case slot(JSONSlot)
    }

    enum Content {
        case nothing
        case value(JSON)
        case array([Part])
        case object([(name: String, part: Part)])
    }

    var content: Content = .nothing

    func becomeObject() {
        if case .nothing = self.content { self.content = .object([]) }
    }

    func becomeArray() {
        if case .nothing = self.content { self.content = .array([]) }
    }

    func set(_ part: Part, for name: String) {
        guard case .object(var members) = self.content else {
            preconditionFailure("a type encoded itself as an object and as something else")
        }
        // The array must not be shared while it grows, or every member would copy it.
        self.content = .nothing
        // Encoding one key twice replaces the value, as Foundation's encoder does. Only the last few names
        // are compared when there are many: types have few keys, and dictionaries repeat none.
        if let index = members.suffix(32).lastIndex(where: { $0.name == name }) {
            members[index].part = part
        } else {
            members.append((name, part))
        }
        self.content = .object(members)
    }

    func append(_ part: Part) {
        guard case .array(var parts) = self.content else {
            preconditionFailure("a type encoded itself as an array and as something else")
        }
        self.content = .nothing
        parts.append(part)
        self.content = .array(parts)
    }

    var count: Int {
        if case .array(let parts) = self.content { parts.count } else { 0 }
    }

    /// The finished value; nil when nothing was encoded at all.
    var json: JSON? {
        switch self.content {
        case .nothing: nil
        case .value(let value): value
        case .array(let parts): .array(parts.map(\.json))
        case .object(let members): .object(members.map { JSONMember($0.name, $0.part.json) })
        }
    }
}

extension JSONSlot.Part {
    fileprivate var json: JSON {
        switch self {
        case .value(let value): value
        case .slot(let slot): slot.json ?? .object([])
        }
    }
}

// MARK: Encoder

private struct JSONTreeEncoder: Encoder {
    let slot: JSONSlot
    let path: JSONCodingPath?

    var codingPath: [any CodingKey] { JSONCodingPath.keys(self.path) }
    var userInfo: [CodingUserInfoKey: Any] { [:] }

    func container<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedEncodingContainer<Key> {
        self.slot.becomeObject()
        return KeyedEncodingContainer(JSONKeyedEncoder<Key>(slot: self.slot, path: self.path))
    }

    func unkeyedContainer() -> any UnkeyedEncodingContainer {
        self.slot.becomeArray()
        return JSONUnkeyedEncoder(slot: self.slot, path: self.path)
    }

    func singleValueContainer() -> any SingleValueEncodingContainer {
        JSONSingleEncoder(slot: self.slot, path: self.path)
    }

    static func json<Value: Encodable>(of value: Value, at path: JSONCodingPath?) throws -> JSON {
        if Value.self == JSON.self, let value = value as? JSON { return value }
        if Value.self == Duration.self, let value = value as? Duration { return .string(value.secondsText) }
        let slot = JSONSlot()
        try value.encode(to: JSONTreeEncoder(slot: slot, path: path))
        let json = slot.json ?? .object([])
        guard let type = Value.self as? any Unordered.Type else { return json }
        return type.sorted(json)
    }

    static func json(of value: Double) -> JSON {
        value.isFinite ? .double(value) : .string(value.isNaN ? "NaN" : value < 0 ? "-Infinity" : "Infinity")
    }

    static func json(of value: some FixedWidthInteger) -> JSON {
        Int64(exactly: value).map { .int($0) } ?? .string(String(value))
    }
}

private struct JSONKeyedEncoder<Key: CodingKey>: KeyedEncodingContainerProtocol {
    let slot: JSONSlot
    let path: JSONCodingPath?

    var codingPath: [any CodingKey] { JSONCodingPath.keys(self.path) }

    private func set(_ value: JSON, _ key: Key) { self.slot.set(.value(value), for: key.stringValue) }

    private func child(_ key: any CodingKey) -> JSONTreeEncoder {
        let slot = JSONSlot()
        self.slot.set(.slot(slot), for: key.stringValue)
        return JSONTreeEncoder(slot: slot, path: JSONCodingPath(key, in: self.path))
    }

    func encodeNil(forKey key: Key) { self.set(.null, key) }
    func encode(_ value: Bool, forKey key: Key) { self.set(.bool(value), key) }
    func encode(_ value: String, forKey key: Key) { self.set(.string(value), key) }
    func encode(_ value: Double, forKey key: Key) { self.set(JSONTreeEncoder.json(of: value), key) }
    func encode(_ value: Float, forKey key: Key) { self.set(JSONTreeEncoder.json(of: Double(value)), key) }
    func encode(_ value: Int, forKey key: Key) { self.set(.int(Int64(value)), key) }
    func encode(_ value: Int8, forKey key: Key) { self.set(.int(Int64(value)), key) }
    func encode(_ value: Int16, forKey key: Key) { self.set(.int(Int64(value)), key) }
    func encode(_ value: Int32, forKey key: Key) { self.set(.int(Int64(value)), key) }
    func encode(_ value: Int64, forKey key: Key) { self.set(.int(value), key) }
    func encode(_ value: UInt, forKey key: Key) { self.set(JSONTreeEncoder.json(of: value), key) }
    func encode(_ value: UInt8, forKey key: Key) { self.set(.int(Int64(value)), key) }
    func encode(_ value: UInt16, forKey key: Key) { self.set(.int(Int64(value)), key) }
    func encode(_ value: UInt32, forKey key: Key) { self.set(.int(Int64(value)), key) }
    func encode(_ value: UInt64, forKey key: Key) { self.set(JSONTreeEncoder.json(of: value), key) }

    func encode(_ value: some Encodable, forKey key: Key) throws {
        self.set(try JSONTreeEncoder.json(of: value, at: JSONCodingPath(key, in: self.path)), key)
    }

    func nestedContainer<Nested: CodingKey>(
        keyedBy type: Nested.Type,
        forKey key: Key
    ) -> KeyedEncodingContainer<Nested> {
        self.child(key).container(keyedBy: type)
    }

    func nestedUnkeyedContainer(forKey key: Key) -> any UnkeyedEncodingContainer {
        self.child(key).unkeyedContainer()
    }

    func superEncoder() -> any Encoder { self.child(JSONIndexKey.parent) }
    func superEncoder(forKey key: Key) -> any Encoder { self.child(key) }
}

private struct JSONUnkeyedEncoder: UnkeyedEncodingContainer {
    let slot: JSONSlot
    let path: JSONCodingPath?

    var codingPath: [any CodingKey] { JSONCodingPath.keys(self.path) }
    var count: Int { self.slot.count }

    private var nextPath: JSONCodingPath { JSONCodingPath(JSONIndexKey(index: self.count), in: self.path) }

    private func child() -> JSONTreeEncoder {
        let slot = JSONSlot()
        let path = self.nextPath
        self.slot.append(.slot(slot))
        return JSONTreeEncoder(slot: slot, path: path)
    }

    func encodeNil() { self.slot.append(.value(.null)) }
    func encode(_ value: Bool) { self.slot.append(.value(.bool(value))) }
    func encode(_ value: String) { self.slot.append(.value(.string(value))) }
    func encode(_ value: Double) { self.slot.append(.value(JSONTreeEncoder.json(of: value))) }
    func encode(_ value: Float) { self.slot.append(.value(JSONTreeEncoder.json(of: Double(value)))) }
    func encode(_ value: Int) { self.slot.append(.value(.int(Int64(value)))) }
    func encode(_ value: Int8) { self.slot.append(.value(.int(Int64(value)))) }
    func encode(_ value: Int16) { self.slot.append(.value(.int(Int64(value)))) }
    func encode(_ value: Int32) { self.slot.append(.value(.int(Int64(value)))) }
    func encode(_ value: Int64) { self.slot.append(.value(.int(value))) }
    func encode(_ value: UInt) { self.slot.append(.value(JSONTreeEncoder.json(of: value))) }
    func encode(_ value: UInt8) { self.slot.append(.value(.int(Int64(value)))) }
    func encode(_ value: UInt16) { self.slot.append(.value(.int(Int64(value)))) }
    func encode(_ value: UInt32) { self.slot.append(.value(.int(Int64(value)))) }
    func encode(_ value: UInt64) { self.slot.append(.value(JSONTreeEncoder.json(of: value))) }

    func encode(_ value: some Encodable) throws {
        self.slot.append(.value(try JSONTreeEncoder.json(of: value, at: self.nextPath)))
    }

    func nestedContainer<Nested: CodingKey>(keyedBy type: Nested.Type) -> KeyedEncodingContainer<Nested> {
        self.child().container(keyedBy: type)
    }

    func nestedUnkeyedContainer() -> any UnkeyedEncodingContainer { self.child().unkeyedContainer() }
    func superEncoder() -> any Encoder { self.child() }
}

private struct JSONSingleEncoder: SingleValueEncodingContainer {
    let slot: JSONSlot
    let path: JSONCodingPath?

    var codingPath: [any CodingKey] { JSONCodingPath.keys(self.path) }

    private func set(_ value: JSON) { self.slot.content = .value(value) }

    func encodeNil() { self.set(.null) }
    func encode(_ value: Bool) { self.set(.bool(value)) }
    func encode(_ value: String) { self.set(.string(value)) }
    func encode(_ value: Double) { self.set(JSONTreeEncoder.json(of: value)) }
    func encode(_ value: Float) { self.set(JSONTreeEncoder.json(of: Double(value))) }
    func encode(_ value: Int) { self.set(.int(Int64(value))) }
    func encode(_ value: Int8) { self.set(.int(Int64(value))) }
    func encode(_ value: Int16) { self.set(.int(Int64(value))) }
    func encode(_ value: Int32) { self.set(.int(Int64(value))) }
    func encode(_ value: Int64) { self.set(.int(value)) }
    func encode(_ value: UInt) { self.set(JSONTreeEncoder.json(of: value)) }
    func encode(_ value: UInt8) { self.set(.int(Int64(value))) }
    func encode(_ value: UInt16) { self.set(.int(Int64(value))) }
    func encode(_ value: UInt32) { self.set(.int(Int64(value))) }
    func encode(_ value: UInt64) { self.set(JSONTreeEncoder.json(of: value)) }

    func encode(_ value: some Encodable) throws {
        self.set(try JSONTreeEncoder.json(of: value, at: self.path))
    }
}

// MARK: Durations

extension Duration {
    /// Decimal seconds and their unit, without losing an attosecond: `90s`, `-0.25s`.
    fileprivate var secondsText: String {
        let (seconds, attoseconds) = self.components
        let sign = seconds < 0 || attoseconds < 0 ? "-" : ""
        var text = sign + String(seconds.magnitude)
        if attoseconds != 0 {
            let digits = String(attoseconds.magnitude)
            var fraction = String(repeating: "0", count: 18 - digits.count) + digits
            while fraction.last == "0" { fraction.removeLast() }
            text += "." + fraction
        }
        return text + "s"
    }

    /// Reads what ``secondsText`` writes.
    init?(secondsText text: String) {
        var digits = text[...]
        let isNegative = digits.first == "-"
        if isNegative { digits.removeFirst() }
        guard digits.popLast() == "s" else { return nil }
        let parts = digits.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.allSatisfy({ !$0.isEmpty && $0.utf8.allSatisfy { (0x30...0x39).contains($0) } }),
            let seconds = parts.first.flatMap({ Int64($0) })
        else { return nil }
        var attoseconds: Int64 = 0
        if parts.count == 2 {
            guard parts[1].count <= 18 else { return nil }
            let padding = String(repeating: "0", count: 18 - parts[1].count)
            guard let fraction = Int64(parts[1] + padding) else { return nil }
            attoseconds = fraction
        }
        self.init(
            secondsComponent: isNegative ? -seconds : seconds,
            attosecondsComponent: isNegative ? -attoseconds : attoseconds
        )
    }
}
