// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// Why a text is not JSON that we accept, and at which byte.
package struct JSONError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What is wrong, in words that need no context: `this member name is used twice`.
    package var message: String
    /// Bytes from the start of the text.
    package var offset: Int

    package init(_ message: String, at offset: Int) {
        self.message = message
        self.offset = offset
    }

    package var description: String { "not JSON at byte \(self.offset): \(self.message)" }
}

/// How much JSON a stranger may send.
package struct JSONLimits: Hashable, Sendable {
    package var bytes: Int
    package var depth: Int

    package init(bytes: Int = 16 << 20, depth: Int = 128) {
        self.bytes = bytes
        self.depth = depth
    }
}

extension JSON {
    /// Reads exactly one value.
    ///
    /// Strict where others guess: member names used twice, lone surrogates, invalid UTF-8, and numbers that
    /// no double holds are errors. A whole number beyond 64 bits becomes a double.
    package init(parsing bytes: [UInt8], limits: JSONLimits = JSONLimits()) throws(JSONError) {
        guard bytes.count <= limits.bytes else {
            throw JSONError("longer than \(limits.bytes) bytes", at: limits.bytes)
        }
        self = try bytes.withUnsafeBufferPointer { (buffer) throws(JSONError) -> JSON in
            var parser = JSONParser(bytes: buffer, depthLimit: limits.depth)
            return try parser.document()
        }
    }

    package init(parsing text: String, limits: JSONLimits = JSONLimits()) throws(JSONError) {
        try self.init(parsing: Array(text.utf8), limits: limits)
    }
}

private struct JSONParser {
    let bytes: UnsafeBufferPointer<UInt8>
    let depthLimit: Int
    private var index = 0
    private var depth = 0

    /// Objects up to this size are searched for a name used twice without building a set.
    private static let smallObject = 12

    init(bytes: UnsafeBufferPointer<UInt8>, depthLimit: Int) {
        self.bytes = bytes
        self.depthLimit = depthLimit
    }

    mutating func document() throws(JSONError) -> JSON {
        let value = try self.value()
        self.skipSpace()
        guard self.index == self.bytes.count else { throw self.error("there is more text behind the value") }
        return value
    }

    private mutating func value() throws(JSONError) -> JSON {
        self.skipSpace()
        guard let byte = self.peek else { throw self.error("the text ends where a value should be") }
        switch byte {
        case UInt8(ascii: "{"): return try self.object()
        case UInt8(ascii: "["): return try self.array()
        case UInt8(ascii: "\""): return .string(try self.string())
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try self.number()
        case UInt8(ascii: "t"): return try self.word("true", .bool(true))
        case UInt8(ascii: "f"): return try self.word("false", .bool(false))
        case UInt8(ascii: "n"): return try self.word("null", .null)
        default: throw self.error("no value starts like this")
        }
    }

    private mutating func object() throws(JSONError) -> JSON {
        try self.descend()
        var members: [JSONMember] = []
        var names: Set<String> = []
        self.skipSpace()
        if !self.take(UInt8(ascii: "}")) {
            repeat {
                self.skipSpace()
                let start = self.index
                guard self.peek == UInt8(ascii: "\"") else { throw self.error("a member name in quotes is missing") }
                let name = try self.string()
                guard !Self.isUsed(name, in: members, &names) else {
                    throw JSONError("this member name is used twice", at: start)
                }
                self.skipSpace()
                guard self.take(UInt8(ascii: ":")) else { throw self.error("a colon is missing") }
                members.append(JSONMember(name, try self.value()))
                self.skipSpace()
            } while self.take(UInt8(ascii: ","))
            guard self.take(UInt8(ascii: "}")) else { throw self.error("a comma or the object's end is missing") }
        }
        self.depth -= 1
        return .object(members)
    }

    private static func isUsed(_ name: String, in members: [JSONMember], _ names: inout Set<String>) -> Bool {
        guard members.count >= Self.smallObject else { return members.contains { $0.name == name } }
        if names.isEmpty {
            names = Set(members.map(\.name))
        }
        return !names.insert(name).inserted
    }

    private mutating func array() throws(JSONError) -> JSON {
        try self.descend()
        var elements: [JSON] = []
        self.skipSpace()
        if !self.take(UInt8(ascii: "]")) {
            repeat {
                elements.append(try self.value())
                self.skipSpace()
            } while self.take(UInt8(ascii: ","))
            guard self.take(UInt8(ascii: "]")) else { throw self.error("a comma or the array's end is missing") }
        }
        self.depth -= 1
        return .array(elements)
    }

    private mutating func descend() throws(JSONError) {
        self.depth += 1
        guard self.depth <= self.depthLimit else { throw self.error("nested deeper than \(self.depthLimit) levels") }
        self.index += 1
    }
}

// MARK: Scalars

extension JSONParser {
    private mutating func word(_ word: StaticString, _ value: JSON) throws(JSONError) -> JSON {
        let count = word.utf8CodeUnitCount
        guard self.index + count <= self.bytes.count,
            (0..<count).allSatisfy({ self.bytes[self.index + $0] == word.utf8Start[$0] })
        else { throw self.error("no value starts like this") }
        self.index += count
        return value
    }

    private mutating func number() throws(JSONError) -> JSON {
        let start = self.index
        var isWhole = true
        let isNegative = self.take(UInt8(ascii: "-"))
        if !self.take(UInt8(ascii: "0")) {
            try self.digits()
        }
        if self.take(UInt8(ascii: ".")) {
            isWhole = false
            try self.digits()
        }
        if self.take(UInt8(ascii: "e")) || self.take(UInt8(ascii: "E")) {
            isWhole = false
            _ = self.take(UInt8(ascii: "+")) || self.take(UInt8(ascii: "-"))
            try self.digits()
        }
        let text = String(decoding: self.bytes[start..<self.index], as: UTF8.self)
        // Minus zero is a double: the integer has lost its sign.
        if isWhole, let value = Int64(text), value != 0 || !isNegative {
            return .int(value)
        }
        guard let value = Double(text), value.isFinite else {
            throw JSONError("no double holds this number", at: start)
        }
        return .double(value)
    }

    private mutating func digits() throws(JSONError) {
        let start = self.index
        while let byte = self.peek, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) {
            self.index += 1
        }
        guard self.index > start else { throw self.error("a digit is missing") }
    }

    private mutating func string() throws(JSONError) -> String {
        self.index += 1
        var start = self.index
        var result = ""
        while let byte = self.peek {
            switch byte {
            case UInt8(ascii: "\""):
                let tail = try self.text(from: start)
                self.index += 1
                return result.isEmpty ? tail : result + tail
            case UInt8(ascii: "\\"):
                result += try self.text(from: start)
                result.unicodeScalars.append(try self.escape())
                start = self.index
            case 0x00..<0x20:
                throw self.error("a control character must be escaped")
            default:
                self.index += 1
            }
        }
        throw self.error("the text ends inside a string")
    }

    private func text(from start: Int) throws(JSONError) -> String {
        let slice = UnsafeBufferPointer(rebasing: self.bytes[start..<self.index])
        guard let text = String(validating: slice, as: UTF8.self) else {
            throw JSONError("this string is not valid UTF-8", at: start)
        }
        return text
    }

    private mutating func escape() throws(JSONError) -> Unicode.Scalar {
        let start = self.index
        self.index += 1
        guard let byte = self.peek else { throw self.error("the text ends inside a string") }
        self.index += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return Unicode.Scalar(byte)
        case UInt8(ascii: "b"): return "\u{8}"
        case UInt8(ascii: "f"): return "\u{C}"
        case UInt8(ascii: "n"): return "\n"
        case UInt8(ascii: "r"): return "\r"
        case UInt8(ascii: "t"): return "\t"
        case UInt8(ascii: "u"): return try self.unicodeEscape(at: start)
        default: throw JSONError("no escape looks like this", at: start)
        }
    }

    private mutating func unicodeEscape(at start: Int) throws(JSONError) -> Unicode.Scalar {
        let unit = try self.fourHexDigits()
        if let scalar = Unicode.Scalar(unit) { return scalar }
        guard (0xD800..<0xDC00).contains(unit), self.take(UInt8(ascii: "\\")), self.take(UInt8(ascii: "u")) else {
            throw JSONError("half of a surrogate pair", at: start)
        }
        let second = try self.fourHexDigits()
        guard (0xDC00..<0xE000).contains(second),
            let scalar = Unicode.Scalar(0x10000 + (unit - 0xD800) << 10 + (second - 0xDC00))
        else { throw JSONError("half of a surrogate pair", at: start) }
        return scalar
    }

    private mutating func fourHexDigits() throws(JSONError) -> UInt32 {
        var value: UInt32 = 0
        for _ in 0..<4 {
            guard let byte = self.peek, let digit = Character(Unicode.Scalar(byte)).hexDigitValue else {
                throw self.error("a hexadecimal digit is missing")
            }
            value = value << 4 | UInt32(digit)
            self.index += 1
        }
        return value
    }
}

// MARK: Bytes

extension JSONParser {
    private var peek: UInt8? { self.index < self.bytes.count ? self.bytes[self.index] : nil }

    private mutating func take(_ byte: UInt8) -> Bool {
        guard self.peek == byte else { return false }
        self.index += 1
        return true
    }

    private mutating func skipSpace() {
        while let byte = self.peek, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 {
            self.index += 1
        }
    }

    private func error(_ message: String) -> JSONError { JSONError(message, at: self.index) }
}
