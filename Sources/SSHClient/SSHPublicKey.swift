// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// A host's public key, as in the second and third column of a known-hosts file.
package struct SSHPublicKey: Hashable, Sendable, CustomStringConvertible {
    /// The key types that a host may be pinned with: no DSA, no certificates.
    package static let acceptedTypes = [
        "ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "ssh-rsa",
    ]

    /// The longest key we read; a 16,384-bit RSA key has some 2,100 bytes.
    package static let byteLimit = 4_096

    /// The type that the key's own bytes name.
    package let type: String
    package let blob: [UInt8]

    /// Why a line is not a host key.
    package struct FormatError: Error, Hashable, Sendable, CustomStringConvertible {
        package let message: String

        package var description: String { self.message }
    }

    /// Reads `ssh-ed25519 AAAA…`, with or without a comment after it.
    package init(line: String) throws(FormatError) {
        let words = line.split(whereSeparator: { $0 == " " || $0 == "\t" })
        guard words.count >= 2 else {
            throw FormatError(message: "a host key is written as type and base64, as in 'ssh-ed25519 AAAA…'")
        }
        guard Self.acceptedTypes.contains(String(words[0])) else {
            let types = Self.acceptedTypes.joined(separator: ", ")
            throw FormatError(message: "'\(SSHHost.printable(String(words[0])))' is not one of the key types \(types)")
        }
        guard let blob = Base64.decode(words[1].utf8, limit: Self.byteLimit) else {
            throw FormatError(message: "the second word of the \(words[0]) host key is not base64")
        }
        try self.init(blob: blob)
        guard self.type == words[0] else {
            throw FormatError(message: "the host key is announced as \(words[0]), but its bytes say \(self.type)")
        }
    }

    /// Reads the key's bytes, which begin with its type.
    init(blob: [UInt8]) throws(FormatError) {
        guard blob.count > 4, blob.count <= Self.byteLimit else {
            throw FormatError(message: "a host key of \(blob.count) bytes cannot be right")
        }
        let length = blob[..<4].reduce(0) { $0 << 8 | Int($1) }
        guard length > 0, length < blob.count - 4 else {
            throw FormatError(message: "the host key's bytes are damaged: they do not begin with its type")
        }
        let type = String(decoding: blob[4..<(4 + length)], as: UTF8.self)
        guard Self.acceptedTypes.contains(type) else {
            throw FormatError(message: "'\(SSHHost.printable(type))' is not a host key type that is accepted")
        }
        self.type = type
        self.blob = blob
    }

    /// The key as a line, so that it can be pinned by copying it.
    package var description: String { "\(self.type) \(Base64.encode(self.blob))" }
}

/// RFC 4648 base64, with padding, and nothing that two readers could read differently.
enum Base64 {
    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    static func encode(_ bytes: [UInt8]) -> String {
        var text: [UInt8] = []
        text.reserveCapacity((bytes.count + 2) / 3 * 4)
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let group = bytes[start..<min(start + 3, bytes.count)]
            let bits = group.reduce(0) { $0 << 8 | Int($1) } << (8 * (3 - group.count))
            for position in 0..<4 {
                let isPadding = position > group.count
                text.append(isPadding ? UInt8(ascii: "=") : Self.alphabet[bits >> (18 - 6 * position) & 63])
            }
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// The bytes, or `nil` if the text is not base64 in its one canonical form or has more than `limit` bytes.
    static func decode(_ text: some Collection<UInt8>, limit: Int) -> [UInt8]? {
        guard text.count % 4 == 0, text.count / 4 * 3 <= limit + 2 else { return nil }
        let padding = text.suffix(2).reversed().prefix { $0 == UInt8(ascii: "=") }.count
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.count / 4 * 3)
        var bits = 0
        var count = 0
        for character in text.dropLast(padding) {
            guard let value = Self.value(of: character) else { return nil }
            bits = bits << 6 | value
            count += 6
            if count >= 8 {
                count -= 8
                bytes.append(UInt8(truncatingIfNeeded: bits >> count))
                bits &= (1 << count) - 1
            }
        }
        // Left-over bits must be zero, or two texts would mean the same key.
        guard bits == 0, bytes.count <= limit else { return nil }
        return bytes
    }

    private static func value(of character: UInt8) -> Int? {
        switch character {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): Int(character - UInt8(ascii: "A"))
        case UInt8(ascii: "a")...UInt8(ascii: "z"): Int(character - UInt8(ascii: "a")) + 26
        case UInt8(ascii: "0")...UInt8(ascii: "9"): Int(character - UInt8(ascii: "0")) + 52
        case UInt8(ascii: "+"): 62
        case UInt8(ascii: "/"): 63
        default: nil
        }
    }
}
