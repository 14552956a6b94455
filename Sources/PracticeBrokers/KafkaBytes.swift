// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// Kafka's binary encoding as the scripted brokers use it: written by hand and apart from the probe's own.
package struct KafkaBytes {
    package private(set) var bytes: [UInt8] = []
    package let isFlexible: Bool

    package init(isFlexible: Bool = false) {
        self.isFlexible = isFlexible
    }

    package mutating func add<Number: FixedWidthInteger>(_ values: Number...) {
        for value in values { self.add(number: value) }
    }

    package mutating func add<Number: FixedWidthInteger>(number value: Number) {
        withUnsafeBytes(of: value.bigEndian) { self.bytes += $0 }
    }

    package mutating func add(raw: [UInt8]) {
        self.bytes += raw
    }

    package mutating func add(varint value: Int) {
        var rest = value
        repeat {
            let low = UInt8(rest & 0x7F)
            rest >>= 7
            self.bytes.append(rest == 0 ? low : low | 0x80)
        } while rest != 0
    }

    package mutating func add(text: String?) {
        let utf8 = text.map { Array($0.utf8) }
        if self.isFlexible {
            self.add(varint: utf8.map { $0.count + 1 } ?? 0)
        } else {
            self.add(Int16(utf8?.count ?? -1))
        }
        self.bytes += utf8 ?? []
    }

    package mutating func add<Element>(list: [Element], _ add: (inout KafkaBytes, Element) -> Void) {
        self.add(count: list.count)
        for element in list { add(&self, element) }
    }

    package mutating func add(count: Int) {
        if self.isFlexible { self.add(varint: count + 1) } else { self.add(Int32(count)) }
    }

    /// One tagged field that nobody knows, as later versions of Kafka send them.
    package mutating func addTags() {
        guard self.isFlexible else { return }
        self.bytes += [1, 0x55, 3, 0xAA, 0xBB, 0xCC]
    }

    package var frame: [UInt8] {
        var length = KafkaBytes()
        length.add(Int32(self.bytes.count))
        return length.bytes + self.bytes
    }
}

/// What a client asked, taken apart.
package struct KafkaWords {
    private var rest: ArraySlice<UInt8>
    package let isFlexible: Bool

    package init(_ bytes: some Sequence<UInt8>, isFlexible: Bool) {
        self.rest = ArraySlice(Array(bytes))
        self.isFlexible = isFlexible
    }

    package mutating func number<Number: FixedWidthInteger>(_: Number.Type) -> Number {
        var value: UInt64 = 0
        for _ in 0..<(Number.bitWidth / 8) { value = value << 8 | UInt64(self.rest.popFirst() ?? 0) }
        return Number(truncatingIfNeeded: value)
    }

    package mutating func varint() -> Int {
        var value = 0
        var shift = 0
        while let byte = self.rest.popFirst() {
            value |= Int(byte & 0x7F) << shift
            shift += 7
            if byte & 0x80 == 0 || shift > 28 { break }
        }
        return value
    }

    /// -1 for none.
    package mutating func count() -> Int {
        self.isFlexible ? self.varint() - 1 : Int(self.number(Int32.self))
    }

    package mutating func text() -> String? {
        let count = self.isFlexible ? self.varint() - 1 : Int(self.number(Int16.self))
        guard count >= 0 else { return nil }
        defer { self.rest = self.rest.dropFirst(count) }
        return String(decoding: self.rest.prefix(count), as: UTF8.self)
    }

    package mutating func tags() {
        if self.isFlexible { _ = self.varint() }
    }

    package mutating func skip(_ count: Int) {
        self.rest = self.rest.dropFirst(count)
    }

    package var isAtEnd: Bool { self.rest.isEmpty }
}
