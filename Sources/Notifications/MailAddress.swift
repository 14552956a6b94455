// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// Somebody who sends or gets mail: `ada@example.org`, or `Ada Lovelace <ada@example.org>`.
struct MailAddress: Hashable, Sendable {
    /// Longest address in bytes.
    private static let lengthLimit = 254

    let name: String?
    let address: String
    let domain: String

    /// `nil` for anything that a mail server or reader could take for something else.
    init?(_ text: String) {
        let (name, address) = Self.parts(text)
        guard address.utf8.count <= Self.lengthLimit, let at = address.lastIndex(of: "@") else { return nil }
        let (local, domain) = (address[..<at], address[address.index(after: at)...])
        guard Self.isLocal(local), Self.isDomain(domain) else { return nil }
        if let name, name.unicodeScalars.contains(where: { $0.properties.generalCategory == .control }) { return nil }
        self.name = name.flatMap { $0.isEmpty ? nil : $0 }
        self.address = String(address)
        self.domain = String(domain)
    }

    /// As it stands in a header.
    var headerText: String {
        self.name.map { "\(MailText.phrase($0)) <\(self.address)>" } ?? self.address
    }

    private static func parts(_ text: String) -> (name: String?, address: Substring) {
        guard text.hasSuffix(">"), let open = text.lastIndex(of: "<") else { return (nil, text[...]) }
        var name = text[..<open]
        while name.last == " " { name.removeLast() }
        while name.first == " " { name.removeFirst() }
        if name.count >= 2, name.first == "\"", name.last == "\"" { name = name.dropFirst().dropLast() }
        return (String(name), text[text.index(after: open)...].dropLast())
    }

    /// The characters of an atom and dots (RFC 5322 section 3.2.3); quoted local parts are not worth their trouble.
    private static func isLocal(_ text: Substring) -> Bool {
        !text.isEmpty
            && text.utf8.allSatisfy { byte in
                Self.isAlphanumeric(byte) || "!#$%&'*+-/=?^_`{|}~.".utf8.contains(byte)
            }
    }

    private static func isDomain(_ text: Substring) -> Bool {
        !text.isEmpty && text.first != "." && text.last != "."
            && text.utf8.allSatisfy { Self.isAlphanumeric($0) || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: ".") }
    }

    private static func isAlphanumeric(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5a, 0x61...0x7a: true
        default: false
        }
    }
}
