// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// A record that ends early, or holds a length that cannot be.
struct JuteError: Error, Hashable, Sendable {
    var message: String
}

/// Reads ZooKeeper's binary encoding: big-endian numbers, and texts and buffers with their length before them.
struct JuteReader {
    private var rest: ArraySlice<UInt8>

    init(_ bytes: some Sequence<UInt8>) {
        self.rest = ArraySlice(bytes)
    }

    var remaining: Int { self.rest.count }

    mutating func readInt32() throws(JuteError) -> Int32 {
        Int32(truncatingIfNeeded: try self.readNumber(bytes: 4))
    }

    mutating func readInt64() throws(JuteError) -> Int64 {
        Int64(bitPattern: try self.readNumber(bytes: 8))
    }

    mutating func readBool() throws(JuteError) -> Bool {
        try self.readNumber(bytes: 1) != 0
    }

    /// Length -1 stands for an absent buffer, which nothing here tells from an empty one.
    mutating func readBuffer() throws(JuteError) -> [UInt8] {
        let length = try self.readInt32()
        if length == -1 { return [] }
        guard length >= 0, length <= self.rest.count else {
            throw JuteError(message: "a length of \(length) where \(self.rest.count) bytes are left")
        }
        defer { self.rest = self.rest.dropFirst(Int(length)) }
        return Array(self.rest.prefix(Int(length)))
    }

    mutating func readString() throws(JuteError) -> String {
        guard let text = String(validating: try self.readBuffer(), as: UTF8.self) else {
            throw JuteError(message: "a text that is not UTF-8")
        }
        return text
    }

    mutating func readStrings() throws(JuteError) -> [String] {
        let count = try self.readInt32()
        if count == -1 { return [] }
        // Each needs four bytes at least, so the count is bounded by what came.
        guard count >= 0, Int(count) <= self.rest.count / 4 else {
            throw JuteError(message: "a list of \(count) texts in \(self.rest.count) bytes")
        }
        var texts: [String] = []
        for _ in 0..<count { texts.append(try self.readString()) }
        return texts
    }

    private mutating func readNumber(bytes count: Int) throws(JuteError) -> UInt64 {
        guard self.rest.count >= count else {
            throw JuteError(message: "\(count) bytes wanted where \(self.rest.count) are left")
        }
        defer { self.rest = self.rest.dropFirst(count) }
        return self.rest.prefix(count).reduce(0) { $0 << 8 | UInt64($1) }
    }
}

/// Writes ZooKeeper's binary encoding.
struct JuteWriter {
    private(set) var bytes: [UInt8] = []

    mutating func write(_ value: Int32) {
        for shift in stride(from: 24, through: 0, by: -8) {
            self.bytes.append(UInt8(truncatingIfNeeded: value >> shift))
        }
    }

    mutating func write(_ value: Int64) {
        for shift in stride(from: 56, through: 0, by: -8) {
            self.bytes.append(UInt8(truncatingIfNeeded: value >> shift))
        }
    }

    mutating func write(_ value: Bool) {
        self.bytes.append(value ? 1 : 0)
    }

    mutating func write(_ buffer: [UInt8]) {
        self.write(Int32(buffer.count))
        self.bytes += buffer
    }

    mutating func write(_ text: String) {
        self.write(Array(text.utf8))
    }

    /// The bytes with their count before them, as they go over the wire.
    var frame: [UInt8] {
        var length = JuteWriter()
        length.write(Int32(self.bytes.count))
        return length.bytes + self.bytes
    }
}
