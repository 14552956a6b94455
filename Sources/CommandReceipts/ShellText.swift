// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// A piece of the sh program that runs on a host.
///
/// Comments and indentation are for the reader of this module; they do not travel.
struct ShellText: Hashable, Sendable {
    let bytes: [UInt8]

    init(_ source: String) {
        let text =
            source
            .split(separator: "\n", omittingEmptySubsequences: true)
            .map { $0.drop { $0 == " " } }
            .filter { !$0.hasPrefix("#") && !$0.isEmpty }
            .joined(separator: "\n") + "\n"
        self.bytes = Array(text.utf8)
    }

    /// Several pieces in one.
    init(_ parts: [ShellText]) {
        self.bytes = parts.flatMap(\.bytes)
    }
}

/// Quotes bytes so that every POSIX shell reads them as one word, unchanged.
///
/// Inside single quotes nothing is special but the single quote itself: neither a line feed, nor a backslash, nor a byte
/// that is half a character. Only NUL cannot be part of a word, and whoever makes a ``ShellWord`` has refused it.
enum ShellQuoting {
    private static let quote = UInt8(ascii: "'")

    static func quote(_ bytes: some Sequence<UInt8>) -> [UInt8] {
        var quoted: [UInt8] = []
        self.quote(bytes, into: &quoted)
        return quoted
    }

    static func quote(_ bytes: some Sequence<UInt8>, into text: inout [UInt8]) {
        text.append(Self.quote)
        for byte in bytes {
            if byte == Self.quote {
                text.append(contentsOf: #"'\''"#.utf8)
            } else {
                text.append(byte)
            }
        }
        text.append(Self.quote)
    }

    static func quote(_ text: String) -> String {
        String(decoding: Self.quote(text.utf8), as: UTF8.self)
    }

    /// Writes bytes as the format of `printf`, which can carry NUL.
    static func printfFormat(_ bytes: some Sequence<UInt8>) -> [UInt8] {
        var format: [UInt8] = []
        for byte in bytes {
            switch byte {
            case 0: format.append(contentsOf: #"\000"#.utf8)
            case UInt8(ascii: "\\"): format.append(contentsOf: #"\\"#.utf8)
            case UInt8(ascii: "%"): format.append(contentsOf: "%%".utf8)
            default: format.append(byte)
            }
        }
        return format
    }
}
