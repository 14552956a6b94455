// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// Writes JSON text without building a value first.
///
/// ```swift
/// var writer = JSONWriter()
/// writer.beginObject()
/// writer.field("kind", "probeFinished")
/// writer.field("attempt", 3)
/// writer.endObject()
/// ```
///
/// The journal writes every event with it, so it checks nothing: begins and ends must match, and every
/// value in an object must follow a key. Strings are always escaped the same way, so equal values have
/// equal bytes.
package struct JSONWriter: Sendable {
    package private(set) var bytes: [UInt8] = []
    private var needsComma = false
    private let isPretty: Bool
    private var depth = 0

    package init(reservingCapacity capacity: Int = 256, isPretty: Bool = false) {
        self.isPretty = isPretty
        self.bytes.reserveCapacity(capacity)
    }

    package var text: String { String(decoding: self.bytes, as: UTF8.self) }

    /// Starts again and keeps the memory.
    package mutating func removeAll() {
        self.bytes.removeAll(keepingCapacity: true)
        self.needsComma = false
        self.depth = 0
    }
}

// MARK: Structure

extension JSONWriter {
    package mutating func beginObject() { self.begin(0x7B) }
    package mutating func endObject() { self.end(0x7D) }
    package mutating func beginArray() { self.begin(0x5B) }
    package mutating func endArray() { self.end(0x5D) }

    package mutating func key(_ name: String) {
        self.separate()
        self.append(name)
        self.endKey()
    }

    /// A key known when compiling, which must not need escapes.
    package mutating func key(literal name: StaticString) {
        self.separate()
        self.bytes.append(0x22)
        if name.hasPointerRepresentation {
            self.bytes.append(contentsOf: UnsafeBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount))
        } else {
            self.bytes.append(UInt8(truncatingIfNeeded: name.unicodeScalar.value))
        }
        self.bytes.append(0x22)
        self.endKey()
    }

    private mutating func endKey() {
        self.bytes.append(0x3A)
        if self.isPretty {
            self.bytes.append(0x20)
        }
        self.needsComma = false
    }

    private mutating func begin(_ bracket: UInt8) {
        self.separate()
        self.bytes.append(bracket)
        self.needsComma = false
        self.depth += 1
    }

    private mutating func end(_ bracket: UInt8) {
        self.depth -= 1
        // Without a value since the opening bracket there is nothing to put on lines of its own.
        if self.isPretty, self.needsComma {
            self.breakLine()
        }
        self.bytes.append(bracket)
        self.needsComma = true
    }

    private mutating func separate() {
        if self.needsComma {
            self.bytes.append(0x2C)
        }
        if self.isPretty, self.depth > 0, self.bytes.last != 0x20 {
            self.breakLine()
        }
        self.needsComma = true
    }

    private mutating func breakLine() {
        self.bytes.append(0x0A)
        self.bytes.append(contentsOf: repeatElement(0x20, count: 2 * self.depth))
    }
}

// MARK: Values

extension JSONWriter {
    package mutating func value(_ value: String) {
        self.separate()
        self.append(value)
    }

    package mutating func value(_ value: Bool) {
        self.separate()
        self.append(literal: value ? "true" : "false")
    }

    package mutating func value(_ value: Int64) {
        self.separate()
        self.append(magnitude: value.magnitude, isNegative: value < 0)
    }

    package mutating func value(_ value: UInt64) {
        self.separate()
        self.append(magnitude: value, isNegative: false)
    }

    package mutating func value(_ value: Int) { self.value(Int64(value)) }

    package mutating func value(_ value: Double) {
        self.separate()
        if value.isFinite {
            self.append(literal: value.description)
        } else {
            self.append(value.isNaN ? "NaN" : value < 0 ? "-Infinity" : "Infinity")
        }
    }

    package mutating func null() {
        self.separate()
        self.append(literal: "null")
    }

    package mutating func value(_ value: JSON) {
        switch value {
        case .null: self.null()
        case .bool(let value): self.value(value)
        case .int(let value): self.value(value)
        case .double(let value): self.value(value)
        case .string(let value): self.value(value)
        case .array(let elements):
            self.beginArray()
            for element in elements {
                self.value(element)
            }
            self.endArray()
        case .object(let members):
            self.beginObject()
            for member in members {
                self.key(member.name)
                self.value(member.value)
            }
            self.endObject()
        }
    }

    package mutating func field(_ name: StaticString, _ value: String) {
        self.key(literal: name)
        self.value(value)
    }

    package mutating func field(_ name: StaticString, _ value: Bool) {
        self.key(literal: name)
        self.value(value)
    }

    package mutating func field(_ name: StaticString, _ value: Int64) {
        self.key(literal: name)
        self.value(value)
    }

    package mutating func field(_ name: StaticString, _ value: UInt64) {
        self.key(literal: name)
        self.value(value)
    }

    package mutating func field(_ name: StaticString, _ value: Int) { self.field(name, Int64(value)) }

    package mutating func field(_ name: StaticString, _ value: Double) {
        self.key(literal: name)
        self.value(value)
    }

    package mutating func field(_ name: StaticString, _ value: JSON) {
        self.key(literal: name)
        self.value(value)
    }
}

// MARK: Bytes

extension JSONWriter {
    private mutating func append(literal text: String) {
        self.bytes.append(contentsOf: text.utf8)
    }

    private mutating func append(magnitude: UInt64, isNegative: Bool) {
        if isNegative {
            self.bytes.append(0x2D)
        }
        var divisor: UInt64 = 1
        while magnitude / divisor >= 10 {
            divisor *= 10
        }
        while divisor > 0 {
            self.bytes.append(0x30 + UInt8(truncatingIfNeeded: magnitude / divisor % 10))
            divisor /= 10
        }
    }

    private mutating func append(_ text: String) {
        self.bytes.append(0x22)
        // Native strings, which all of ours are, lend their bytes; others are copied first.
        let isLent: Void? = text.utf8.withContiguousStorageIfAvailable { self.append(escaping: $0) }
        if isLent == nil {
            Array(text.utf8).withUnsafeBufferPointer { self.append(escaping: $0) }
        }
        self.bytes.append(0x22)
    }

    private mutating func append(escaping text: UnsafeBufferPointer<UInt8>) {
        var copied = 0
        for index in text.indices {
            let byte = text[index]
            guard byte < 0x20 || byte == 0x22 || byte == 0x5C else { continue }
            self.bytes.append(contentsOf: text[copied..<index])
            copied = index + 1
            self.append(escapeFor: byte)
        }
        self.bytes.append(contentsOf: UnsafeBufferPointer(rebasing: text[copied...]))
    }

    private mutating func append(escapeFor byte: UInt8) {
        self.bytes.append(0x5C)
        switch byte {
        case 0x22, 0x5C: self.bytes.append(byte)
        case 0x08: self.bytes.append(UInt8(ascii: "b"))
        case 0x09: self.bytes.append(UInt8(ascii: "t"))
        case 0x0A: self.bytes.append(UInt8(ascii: "n"))
        case 0x0C: self.bytes.append(UInt8(ascii: "f"))
        case 0x0D: self.bytes.append(UInt8(ascii: "r"))
        default:
            let digits = Array("0123456789abcdef".utf8)
            self.append(literal: "u00")
            self.bytes.append(digits[Int(byte >> 4)])
            self.bytes.append(digits[Int(byte & 15)])
        }
    }
}
