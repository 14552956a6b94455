// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// Writes Kafka's binary encoding; see ``KafkaReader``.
struct KafkaWriter {
    private(set) var bytes: [UInt8] = []
    let isFlexible: Bool

    init(isFlexible: Bool = false) {
        self.isFlexible = isFlexible
    }

    mutating func write(_ value: Bool) {
        self.bytes.append(value ? 1 : 0)
    }

    mutating func write(_ value: some FixedWidthInteger) {
        for shift in stride(from: value.bitWidth - 8, through: 0, by: -8) {
            self.bytes.append(UInt8(truncatingIfNeeded: value >> shift))
        }
    }

    mutating func writeUnsigned(_ value: Int) {
        var rest = UInt32(clamping: value)
        while rest >= 0x80 {
            self.bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        self.bytes.append(UInt8(rest))
    }

    mutating func write(_ text: String?) {
        guard let text else {
            return self.isFlexible ? self.writeUnsigned(0) : self.write(Int16(-1))
        }
        // Names of topics and groups are shorter; a longer one would make the rest of the request mean something else.
        let bytes = Array(text.utf8.prefix(Int(Int16.max)))
        if self.isFlexible { self.writeUnsigned(bytes.count + 1) } else { self.write(Int16(bytes.count)) }
        self.bytes += bytes
    }

    mutating func writeList<Element>(_ elements: [Element]?, _ write: (inout KafkaWriter, Element) -> Void) {
        guard let elements else {
            return self.isFlexible ? self.writeUnsigned(0) : self.write(Int32(-1))
        }
        if self.isFlexible { self.writeUnsigned(elements.count + 1) } else { self.write(Int32(elements.count)) }
        for element in elements { write(&self, element) }
    }

    /// The end of a structure: no tagged fields.
    mutating func writeTags() {
        if self.isFlexible { self.writeUnsigned(0) }
    }
}
