// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// A JSON value that keeps what matters to a journal: the order of members, and whole numbers as such.
///
/// Two objects with the same members in another order are different values; compare ``canonical()`` forms
/// where order must not matter. `1` and `1.0` are different values too, and stay different through text.
package enum JSON: Hashable, Sendable {
    case null
    case bool(Bool)
    case int(Int64)
    /// Numbers that JSON cannot say are written as the strings `NaN`, `Infinity` and `-Infinity`.
    case double(Double)
    case string(String)
    case array([JSON])
    /// Member names must be distinct; the parser and the encoder see to it.
    case object([JSONMember])
}

/// One name and its value in an object.
package struct JSONMember: Hashable, Sendable {
    package var name: String
    package var value: JSON

    package init(_ name: String, _ value: JSON) {
        self.name = name
        self.value = value
    }
}

// MARK: Reading

extension JSON {
    /// The member's value; nil for any other name and for anything but an object.
    ///
    /// Members are looked through in order: fine for records, too slow to treat a big object as a table.
    package subscript(_ name: String) -> JSON? {
        guard case .object(let members) = self else { return nil }
        return members.first { $0.name == name }?.value
    }

    /// The element, or nil outside the array.
    package subscript(_ index: Int) -> JSON? {
        guard case .array(let elements) = self, elements.indices.contains(index) else { return nil }
        return elements[index]
    }

    package var isNull: Bool { self == .null }

    package var boolValue: Bool? {
        if case .bool(let value) = self { value } else { nil }
    }

    package var intValue: Int64? {
        if case .int(let value) = self { value } else { nil }
    }

    /// The number, whole or not.
    package var doubleValue: Double? {
        switch self {
        case .int(let value): Double(value)
        case .double(let value): value
        default: nil
        }
    }

    package var stringValue: String? {
        if case .string(let value) = self { value } else { nil }
    }

    package var arrayValue: [JSON]? {
        if case .array(let value) = self { value } else { nil }
    }

    package var members: [JSONMember]? {
        if case .object(let value) = self { value } else { nil }
    }

    /// What kind of value this is, for a message: `a string`, `an object`.
    package var kindName: String {
        switch self {
        case .null: "null"
        case .bool: "a boolean"
        case .int, .double: "a number"
        case .string: "a string"
        case .array: "an array"
        case .object: "an object"
        }
    }
}

// MARK: Forms

extension JSON {
    /// The same value with the members of every object sorted by the bytes of their names.
    package func canonical() -> JSON {
        switch self {
        case .null, .bool, .int, .double, .string: self
        case .array(let elements): .array(elements.map { $0.canonical() })
        case .object(let members):
            .object(
                members.map { JSONMember($0.name, $0.value.canonical()) }
                    .sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
            )
        }
    }

    /// The one spelling of this value, which digests are taken of: members sorted by the bytes of their
    /// names, no white space, the shortest digits that read back as the same number.
    package var canonicalBytes: [UInt8] { self.canonical().bytes }

    /// Text on one line, members in their own order.
    package var bytes: [UInt8] {
        var writer = JSONWriter()
        writer.value(self)
        return writer.bytes
    }

    package var text: String { String(decoding: self.bytes, as: UTF8.self) }

    /// Text for people: two spaces a level, one member or element a line, no newline at the end.
    package var prettyText: String {
        var writer = JSONWriter(isPretty: true)
        writer.value(self)
        return String(decoding: writer.bytes, as: UTF8.self)
    }
}

extension JSON: CustomStringConvertible {
    package var description: String { self.text }
}

// MARK: Literals

extension JSON: ExpressibleByNilLiteral, ExpressibleByBooleanLiteral, ExpressibleByIntegerLiteral,
    ExpressibleByFloatLiteral, ExpressibleByStringInterpolation, ExpressibleByArrayLiteral,
    ExpressibleByDictionaryLiteral
{
    package init(nilLiteral: ()) { self = .null }
    package init(booleanLiteral value: Bool) { self = .bool(value) }
    package init(integerLiteral value: Int64) { self = .int(value) }
    package init(floatLiteral value: Double) { self = .double(value) }
    package init(stringLiteral value: String) { self = .string(value) }
    package init(arrayLiteral elements: JSON...) { self = .array(elements) }

    package init(dictionaryLiteral members: (String, JSON)...) {
        self = .object(members.map { JSONMember($0.0, $0.1) })
    }
}
