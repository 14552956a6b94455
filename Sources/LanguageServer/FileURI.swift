// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// The names that an editor gives to files, and the paths that they stand for.
enum FileURI {
    private static let scheme = "file://"

    /// The path of a file of this machine; a document that is none, such as one never saved, is called by its name.
    static func path(of uri: String) -> String {
        guard uri.hasPrefix(self.scheme) else {
            return uri
        }
        let rest = uri.utf8.dropFirst(self.scheme.utf8.count)
        guard let slash = rest.firstIndex(of: UInt8(ascii: "/")) else {
            return uri
        }
        var bytes: [UInt8] = []
        var waiting = rest[slash...]
        while let byte = waiting.popFirst() {
            guard byte == UInt8(ascii: "%"), let value = self.escaped(waiting.prefix(2)) else {
                bytes.append(byte)
                continue
            }
            bytes.append(value)
            waiting = waiting.dropFirst(2)
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func escaped(_ digits: Substring.UTF8View.SubSequence) -> UInt8? {
        guard digits.count == 2 else {
            return nil
        }
        return UInt8(String(decoding: digits, as: UTF8.self), radix: 16)
    }

    static func uri(of path: String) -> String {
        guard path.hasPrefix("/") else {
            return path
        }
        var result = self.scheme
        for byte in path.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "/"), UInt8(ascii: "."), UInt8(ascii: "-"),
                UInt8(ascii: "_"), UInt8(ascii: "~"):
                result.unicodeScalars.append(Unicode.Scalar(byte))
            default:
                let digits = String(byte, radix: 16, uppercase: true)
                result += digits.count < 2 ? "%0\(digits)" : "%\(digits)"
            }
        }
        return result
    }
}
