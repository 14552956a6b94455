// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// The encodings that carry any text through mail, whose lines are short and whose alphabet is ASCII.
enum MailText {
    /// Longest line in bytes without its end (RFC 5322 section 2.1.1).
    private static let lineLimit = 76
    /// Most bytes of text in one encoded word: 60 characters in base64, 72 with the marks around it, and the limit is 75.
    private static let encodedWordBytes = 45

    /// A header line of any text, folded; line breaks in the text become spaces, so that no second header can arise.
    static func header(_ name: String, _ text: String) -> String {
        "\(name): \(Self.unstructured(text, indent: name.utf8.count + 2))\r\n"
    }

    /// Text for a header that software does not take apart, such as a subject (RFC 5322 section 3.6.5, RFC 2047).
    static func unstructured(_ text: String, indent: Int) -> String {
        let line = ShownText.line(text, limit: Notice.titleLimit * 2)
        // Readers would decode what looks like an encoded word, so it must not look like one.
        let isPlain = line.utf8.allSatisfy { (0x20...0x7e).contains($0) } && !line.contains("=?")
        return isPlain ? Self.folded(line, indent: indent) : Self.encodedWords(line)
    }

    /// A display name (RFC 5322 section 3.2.4).
    static func phrase(_ text: String) -> String {
        let line = ShownText.line(text, limit: Notice.titleLimit)
        guard line.utf8.allSatisfy({ (0x20...0x7e).contains($0) }), !line.contains("=?") else {
            return Self.encodedWords(line)
        }
        return "\"" + line.flatMap { $0 == "\"" || $0 == "\\" ? ["\\", $0] : [$0] } + "\""
    }

    /// `=?utf-8?B?…?=`, as many as needed, each on its own line.
    private static func encodedWords(_ text: String) -> String {
        var words: [String] = []
        var bytes: [UInt8] = []
        func finish() {
            words.append("=?utf-8?B?\(Self.base64(bytes))?=")
            bytes = []
        }
        for scalar in text.unicodeScalars {
            // A word may not end inside a character.
            let encoded = Array(String(scalar).utf8)
            if bytes.count + encoded.count > Self.encodedWordBytes { finish() }
            bytes += encoded
        }
        if !bytes.isEmpty || words.isEmpty { finish() }
        return words.joined(separator: "\r\n ")
    }

    private static func folded(_ line: String, indent: Int) -> String {
        var result = ""
        var length = indent
        for (index, word) in line.split(separator: " ", omittingEmptySubsequences: false).enumerated() {
            if index > 0, length + 1 + word.utf8.count > Self.lineLimit, !word.isEmpty {
                result += "\r\n"
                length = 0
            }
            result += index > 0 ? " \(word)" : String(word)
            length += word.utf8.count + 1
        }
        return result
    }

    /// Body text in quoted-printable (RFC 2045 section 6.7), each line with its CRLF.
    static func quotedPrintable(_ text: String) -> [UInt8] {
        var result: [UInt8] = []
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            let bytes = Array(line.utf8)
            var length = 0
            for (index, byte) in bytes.enumerated() {
                let isLast = index == bytes.count - 1
                let piece = Self.quoted(byte, isLast: isLast)
                // A soft break costs one more place, for its "=".
                if length + piece.count > Self.lineLimit - 1 {
                    result += Array("=\r\n".utf8)
                    length = 0
                }
                result += piece
                length += piece.count
            }
            result += Array("\r\n".utf8)
        }
        return result
    }

    private static func quoted(_ byte: UInt8, isLast: Bool) -> [UInt8] {
        switch byte {
        // White space at the end of a line gets lost on the way.
        case 0x20 where !isLast, 0x09 where !isLast: [byte]
        case 0x21...0x3c, 0x3e...0x7e: [byte]
        default: [UInt8(ascii: "=")] + Self.hexadecimal(byte)
        }
    }

    static func hexadecimal(_ byte: UInt8) -> [UInt8] {
        let digits = Array("0123456789ABCDEF".utf8)
        return [digits[Int(byte >> 4)], digits[Int(byte & 15)]]
    }

    static func base64(_ bytes: [UInt8]) -> String {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
        var result: [UInt8] = []
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let group = bytes[start..<min(start + 3, bytes.count)]
            let bits = group.reduce(0) { $0 << 8 | UInt32($1) } << UInt32(8 * (3 - group.count))
            for place in 0..<4 {
                let isFilled = place <= group.count
                result.append(isFilled ? alphabet[Int(bits >> UInt32(18 - 6 * place)) & 63] : UInt8(ascii: "="))
            }
        }
        return String(decoding: result, as: UTF8.self)
    }
}
