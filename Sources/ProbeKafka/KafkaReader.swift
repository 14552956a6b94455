// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// A message that ends early, or holds a length or count that cannot be.
struct KafkaWireError: Error, Hashable, Sendable {
    var message: String
}

/// Reads Kafka's binary encoding: big-endian numbers, and texts and lists with their length before them.
///
/// In a flexible version lengths are variable-length numbers, one too large so that zero stands for "none", and every
/// structure ends with tagged fields. The reader knows which it is, so that one function reads both. A count is believed only
/// as far as the bytes that are left could hold it, so memory is bounded by what came.
struct KafkaReader {
    private let bytes: [UInt8]
    private var position: Int
    let isFlexible: Bool

    init(_ bytes: [UInt8], from start: Int = 0, isFlexible: Bool = false) {
        self.bytes = bytes
        self.position = min(start, bytes.count)
        self.isFlexible = isFlexible
    }

    /// The rest in the encoding of versions that are not flexible.
    var plain: Self { Self(self.bytes, from: self.position) }

    var remaining: Int { self.bytes.count - self.position }

    // MARK: Numbers

    mutating func readBool() throws(KafkaWireError) -> Bool {
        try self.readNumber(bytes: 1) != 0
    }

    mutating func readInt8() throws(KafkaWireError) -> Int8 {
        Int8(truncatingIfNeeded: try self.readNumber(bytes: 1))
    }

    mutating func readInt16() throws(KafkaWireError) -> Int16 {
        Int16(truncatingIfNeeded: try self.readNumber(bytes: 2))
    }

    mutating func readInt32() throws(KafkaWireError) -> Int32 {
        Int32(truncatingIfNeeded: try self.readNumber(bytes: 4))
    }

    mutating func readInt64() throws(KafkaWireError) -> Int64 {
        Int64(bitPattern: try self.readNumber(bytes: 8))
    }

    mutating func readErrorCode() throws(KafkaWireError) -> KafkaErrorCode {
        KafkaErrorCode(rawValue: try self.readInt16())
    }

    /// Seven bits a byte, the lowest first; five bytes at most.
    mutating func readUnsigned() throws(KafkaWireError) -> Int {
        var value: UInt64 = 0
        for shift in stride(from: UInt64(0), to: 35, by: 7) {
            let byte = try self.readNumber(bytes: 1)
            value |= (byte & 0x7F) << shift
            if byte & 0x80 == 0 {
                guard value <= UInt64(UInt32.max) else { break }
                return Int(value)
            }
        }
        throw KafkaWireError(message: "a number of variable length that does not end")
    }

    private mutating func readNumber(bytes count: Int) throws(KafkaWireError) -> UInt64 {
        guard self.remaining >= count else {
            throw KafkaWireError(message: "\(count) bytes wanted where \(self.remaining) are left")
        }
        var value: UInt64 = 0
        for index in self.position..<self.position + count { value = value << 8 | UInt64(self.bytes[index]) }
        self.position += count
        return value
    }

    // MARK: Texts

    mutating func readString() throws(KafkaWireError) -> String {
        guard let text = try self.readNullableString() else {
            throw KafkaWireError(message: "no text where one must be")
        }
        return text
    }

    mutating func readNullableString() throws(KafkaWireError) -> String? {
        let length = self.isFlexible ? try self.readUnsigned() - 1 : Int(try self.readInt16())
        if length == -1 { return nil }
        guard length >= 0, length <= self.remaining else {
            throw KafkaWireError(message: "a text of \(length) bytes where \(self.remaining) are left")
        }
        let end = self.position + length
        guard let text = String(validating: self.bytes[self.position..<end], as: UTF8.self) else {
            throw KafkaWireError(message: "a text that is not UTF-8")
        }
        self.position = end
        return text
    }

    mutating func skipString() throws(KafkaWireError) {
        let length = self.isFlexible ? try self.readUnsigned() - 1 : Int(try self.readInt16())
        guard length != -1 else { return }
        try self.skip(length)
    }

    /// What may be long and is of no use here, such as a member's assignment.
    mutating func skip(_ count: Int) throws(KafkaWireError) {
        guard count >= 0, count <= self.remaining else {
            throw KafkaWireError(message: "\(count) bytes to pass over where \(self.remaining) are left")
        }
        self.position += count
    }

    // MARK: Lists

    /// How many elements follow, `nil` for no list; `least` is the size of the smallest element in bytes.
    mutating func readCount(ofAtLeast least: Int) throws(KafkaWireError) -> Int? {
        let count = self.isFlexible ? try self.readUnsigned() - 1 : Int(try self.readInt32())
        if count == -1 { return nil }
        guard count >= 0, count <= self.remaining / max(1, least) else {
            throw KafkaWireError(message: "a list of \(count) in \(self.remaining) bytes")
        }
        return count
    }

    /// Reads a list; an absent one is empty.
    mutating func readList<Element>(
        ofAtLeast least: Int,
        limit: Int = .max,
        _ read: (inout KafkaReader) throws(KafkaWireError) -> Element
    ) throws(KafkaWireError) -> [Element] {
        let count = try self.readCount(ofAtLeast: least) ?? 0
        guard count <= limit else {
            throw KafkaWireError(message: "a list of \(count), more than the \(limit) that are taken")
        }
        var elements: [Element] = []
        for _ in 0..<count { elements.append(try read(&self)) }
        return elements
    }

    /// Passes over what later versions append to a structure.
    mutating func skipTags() throws(KafkaWireError) {
        guard self.isFlexible else { return }
        let count = try self.readUnsigned()
        guard count <= self.remaining / 2 else {
            throw KafkaWireError(message: "\(count) tagged fields in \(self.remaining) bytes")
        }
        for _ in 0..<count {
            _ = try self.readUnsigned()
            try self.skip(try self.readUnsigned())
        }
    }
}
