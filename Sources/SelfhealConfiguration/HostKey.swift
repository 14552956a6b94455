// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// The text of a host's public key: `ssh-ed25519 AAAA…`, with or without a comment behind it.
///
/// What is read here is only whether the text is a whole key, so that a slip in pasting shows when the file is checked and not at night.
enum HostKey {
    private static let types = [
        "ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "ssh-rsa",
    ]

    /// The longest key we read; a 16,384-bit RSA key has some 2,100 bytes.
    private static let byteLimit = 4_096

    /// What is wrong with the text, to stand in a message behind 'the host key'; nothing when it is a key.
    static func problem(with text: String) -> String? {
        let words = text.split { $0 == " " || $0 == "\t" }.map(String.init)
        guard let first = words.first else {
            return "is empty"
        }
        if first.hasPrefix("SHA256:") || first.hasPrefix("MD5:") {
            return "is a fingerprint, which cannot be pinned"
        }
        guard self.types.contains(first) else {
            let isAfterHost = words.count > 1 && self.types.contains(words[1])
            return isAfterHost ? "begins with the host's name" : "is of no type that is accepted"
        }
        guard words.count > 1, let blob = self.decode(words[1]), let fields = self.fields(blob), fields.count > 1 else {
            return "is cut off or damaged"
        }
        guard fields[0] == Array(first.utf8) else {
            return "says \(first), and its bytes are of another type"
        }
        return nil
    }

    /// The fields, each with its length in front, if they fill the key to its last byte.
    private static func fields(_ blob: [UInt8]) -> [[UInt8]]? {
        var fields: [[UInt8]] = []
        var rest = blob[...]
        while !rest.isEmpty {
            let length = rest.prefix(4).reduce(0) { $0 << 8 | Int($1) }
            rest = rest.dropFirst(4)
            guard length <= rest.count else {
                return nil
            }
            fields.append(Array(rest.prefix(length)))
            rest = rest.dropFirst(length)
        }
        return fields
    }

    private static func decode(_ text: String) -> [UInt8]? {
        let digits = text.utf8.reversed().drop { $0 == UInt8(ascii: "=") }.reversed()
        guard text.utf8.count.isMultiple(of: 4), text.utf8.count - digits.count <= 2,
            text.utf8.count <= self.byteLimit * 4 / 3
        else {
            return nil
        }
        var bytes: [UInt8] = []
        var bits = 0
        var count = 0
        for digit in digits {
            guard let value = self.value(of: digit) else {
                return nil
            }
            bits = (bits << 6 | value) & 0xFFFF
            count += 6
            if count >= 8 {
                count -= 8
                bytes.append(UInt8(truncatingIfNeeded: bits >> count))
            }
        }
        return bytes
    }

    private static func value(of digit: UInt8) -> Int? {
        switch digit {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): Int(digit - UInt8(ascii: "A"))
        case UInt8(ascii: "a")...UInt8(ascii: "z"): Int(digit - UInt8(ascii: "a")) + 26
        case UInt8(ascii: "0")...UInt8(ascii: "9"): Int(digit - UInt8(ascii: "0")) + 52
        case UInt8(ascii: "+"): 62
        case UInt8(ascii: "/"): 63
        default: nil
        }
    }
}
