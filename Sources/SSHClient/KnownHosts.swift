// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// The keys that a host may prove itself with, and those that prove nothing any more.
struct HostKeyPins: Hashable, Sendable {
    var accepted: [SSHPublicKey] = []
    var revoked: [SSHPublicKey] = []
}

/// A known-hosts file, read as OpenSSH reads it: markers, hashed names, `[host]:port`, patterns and their negation.
///
/// Nothing is ever added to it. A line that concerns the host asked for and cannot be understood is an error rather than a line
/// less: it may be the one that revokes a key.
struct KnownHosts: Sendable {
    struct FormatError: Error, Hashable, Sendable {
        let line: Int
        let message: String
    }

    private enum Marker {
        case none
        case revoked
        case authority
    }

    private struct Line {
        let number: Int
        let marker: Marker
        let names: Names
        let key: String
    }

    private enum Names {
        case hashed(salt: [UInt8], hash: [UInt8])
        case patterns([[UInt8]])
    }

    private let lines: [Line]

    init(_ text: [UInt8]) throws(FormatError) {
        var lines: [Line] = []
        for (index, bytes) in text.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).enumerated() {
            if let line = try Self.line(bytes, number: index + 1) {
                lines.append(line)
            }
        }
        self.lines = lines
    }

    /// What the file says about an address and a port.
    ///
    /// Another port than 22 is looked up as `[host]:port`, and as `host` alone where no line has that.
    func pins(for address: String, port: UInt16) throws(FormatError) -> (pins: HostKeyPins, authority: Int?) {
        let host = address.lowercased()
        var names = [port == 22 ? host : "[\(host)]:\(port)"]
        if port != 22 {
            names.append(host)
        }
        var pins = HostKeyPins()
        var authority: Int?
        for (index, name) in names.enumerated() {
            let bytes = Array(name.utf8)
            let isFallback = index > 0 && !pins.accepted.isEmpty
            for line in self.lines where Self.matches(line.names, bytes) {
                switch line.marker {
                case .authority: authority = authority ?? line.number
                case .revoked: pins.revoked += try Self.key(line).map { [$0] } ?? []
                case .none where isFallback: continue
                case .none: pins.accepted += try Self.key(line).map { [$0] } ?? []
                }
            }
        }
        return (pins, authority)
    }

    // MARK: Lines

    private static func line(_ bytes: ArraySlice<UInt8>, number: Int) throws(FormatError) -> Line? {
        let text = String(decoding: bytes, as: UTF8.self)
        var words = text.split(maxSplits: 3, whereSeparator: { $0 == " " || $0 == "\t" || $0 == "\r" })[...]
        guard let first = words.first, !first.hasPrefix("#") else { return nil }
        var marker = Marker.none
        if first.hasPrefix("@") {
            switch first {
            case "@revoked": marker = .revoked
            case "@cert-authority": marker = .authority
            default: throw FormatError(line: number, message: "'\(SSHHost.printable(String(first)))' is no marker")
            }
            words = words.dropFirst()
        }
        guard let hosts = words.first, words.count >= 3 else {
            throw FormatError(line: number, message: "it is not host, type and key; it may be cut off")
        }
        let key = words.dropFirst().prefix(2).joined(separator: " ")
        // A comment may have been left hanging on the key by the last split.
        let parts = key.split(separator: " ", omittingEmptySubsequences: true)
        let names = try self.names(hosts, number)
        return Line(number: number, marker: marker, names: names, key: parts.prefix(2).joined(separator: " "))
    }

    private static func names(_ text: Substring, _ number: Int) throws(FormatError) -> Names {
        guard text.hasPrefix("|") else {
            return .patterns(text.lowercased().utf8.split(separator: UInt8(ascii: ",")).map(Array.init))
        }
        let parts = text.split(separator: "|", omittingEmptySubsequences: false)
        guard parts.count == 4, parts[1] == "1", let salt = Base64.decode(parts[2].utf8, limit: 64),
            let hash = Base64.decode(parts[3].utf8, limit: 64), hash.count == 20
        else {
            throw FormatError(line: number, message: "its hashed name is damaged")
        }
        return .hashed(salt: salt, hash: hash)
    }

    /// Nothing for a key of a type that no host of ours may use.
    private static func key(_ line: Line) throws(FormatError) -> SSHPublicKey? {
        let type = line.key.prefix { $0 != " " }
        guard SSHPublicKey.acceptedTypes.contains(String(type)) else { return nil }
        do {
            return try SSHPublicKey(line: line.key)
        } catch {
            throw FormatError(line: line.number, message: error.message)
        }
    }

    // MARK: Names

    private static func matches(_ names: Names, _ name: [UInt8]) -> Bool {
        switch names {
        case .hashed(let salt, let hash):
            return SHA1.authenticate(name, key: salt) == hash
        case .patterns(let patterns):
            var isFound = false
            for pattern in patterns {
                let isNegated = pattern.first == UInt8(ascii: "!")
                guard self.matches(isNegated ? pattern.dropFirst() : pattern[...], name[...]) else { continue }
                if isNegated {
                    return false
                }
                isFound = true
            }
            return isFound
        }
    }

    /// `*` stands for any bytes and `?` for one.
    ///
    /// Goes back to the last star alone, so the time is bounded by the product of the lengths.
    private static func matches(_ pattern: ArraySlice<UInt8>, _ name: ArraySlice<UInt8>) -> Bool {
        var rest = pattern
        var left = name
        var star: (pattern: ArraySlice<UInt8>, name: ArraySlice<UInt8>)?
        while let byte = left.first {
            if rest.first == UInt8(ascii: "*") {
                rest = rest.dropFirst()
                star = (rest, left)
            } else if let wanted = rest.first, wanted == byte || wanted == UInt8(ascii: "?") {
                rest = rest.dropFirst()
                left = left.dropFirst()
            } else if let last = star {
                star = (last.pattern, last.name.dropFirst())
                rest = last.pattern
                left = last.name.dropFirst()
            } else {
                return false
            }
        }
        return rest.allSatisfy { $0 == UInt8(ascii: "*") }
    }
}
