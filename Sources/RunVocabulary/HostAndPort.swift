// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// `kafka1:9093`, `10.0.0.1:53` or `[2001:db8::1]:9093`.
package struct HostAndPort: Hashable, Sendable {
    /// Without the brackets.
    package let host: String
    package let port: UInt16

    /// Nothing when the text has no host, no port, a port of zero, or a blank in it.
    package init?(_ text: String) {
        guard let colon = text.lastIndex(of: ":") else {
            return nil
        }
        let digits = text[text.index(after: colon)...]
        // A number may have a sign; a port has none.
        guard digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let port = UInt16(digits), port > 0 else {
            return nil
        }
        var host = text[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") {
            host = host.dropFirst().dropLast()
        } else if host.contains(":") {
            return nil
        }
        self.init(host: String(host), port: port)
    }

    /// Nothing when the host is none, as it would be with a blank in it.
    package init?(host: String, port: UInt16) {
        guard !host.isEmpty, Self.isHost(host) else {
            return nil
        }
        self.host = host
        self.port = port
    }

    /// What could mean something else in a URL or to a resolver is in no host.
    private static func isHost(_ text: String) -> Bool {
        text.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "_"),
                UInt8(ascii: ":"), UInt8(ascii: "%"):
                true
            default: false
            }
        }
    }
}
