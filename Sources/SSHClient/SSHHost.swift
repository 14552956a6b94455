// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// A machine that commands can be sent to, with everything that is needed to reach it.
///
/// Nothing is taken from anywhere else: no `~/.ssh/config`, no other known-hosts file than the named one, no proxy
/// command, and an agent only where it is asked for. Two hosts that differ in any field never share a connection.
package struct SSHHost: Hashable, Sendable {
    /// What operators call the machine; used in messages only.
    package var name: String
    /// An IP address, or a name that is resolved anew for each connection.
    package var address: String
    package var port: UInt16
    package var user: String
    /// The keys that this machine may prove itself with.
    ///
    /// At least one is required, here or in ``knownHosts``, since there is no such thing as trust on first use here.
    package var hostKeys: [SSHPublicKey]
    /// A known-hosts file with further keys; read again when it has changed, and never written.
    package var knownHosts: String?
    /// The jump hosts on the way, the one that is reached directly first.
    package var jumps: [SSHHost]
    package var identity: SSHIdentity
    /// How long the name's resolution may take, and then the connection, up to the end of authentication.
    package var connectTimeout: Duration

    package init(
        name: String,
        address: String,
        port: UInt16 = 22,
        user: String,
        hostKeys: [SSHPublicKey],
        knownHosts: String? = nil,
        jumps: [SSHHost] = [],
        identity: SSHIdentity,
        connectTimeout: Duration = .seconds(10)
    ) {
        self.name = name
        self.address = address
        self.port = port
        self.user = user
        self.hostKeys = hostKeys
        self.knownHosts = knownHosts
        self.jumps = jumps
        self.identity = identity
        self.connectTimeout = connectTimeout
    }

    /// The host as messages name it: `zk1 (10.0.4.7:22)`.
    package var label: String {
        let place = self.address.contains(":") ? "[\(self.address)]:\(self.port)" : "\(self.address):\(self.port)"
        return "\(Self.printable(self.name)) (\(place))"
    }
}

/// What we prove ourselves with.
package enum SSHIdentity: Hashable, Sendable {
    /// A private key in OpenSSH or PEM format.
    ///
    /// Read again when it has changed, so a rotated key needs no restart.
    case keyFile(path: String, passphrase: SSHPassphrase? = nil)
    /// The one named key of the ssh-agent that listens at `socket`.
    case agent(socket: String, publicKey: SSHPublicKey)
}

/// The passphrase of a key file, which no message, log or dump shows.
package struct SSHPassphrase: Hashable, Sendable, CustomStringConvertible, CustomReflectable {
    let text: String

    package init(_ text: String) {
        self.text = text
    }

    package var description: String { "<secret>" }

    package var customMirror: Mirror { Mirror(self, children: []) }
}

extension SSHHost {
    /// The longest host or user name, which is also the longest name that DNS has.
    static let nameLimit = 253
    /// How many jump hosts one way may have.
    package static let jumpLimit = 3

    /// The last jump host before this one, with the way to it.
    var outer: SSHHost? {
        guard var last = self.jumps.last else { return nil }
        last.jumps = Array(self.jumps.dropLast())
        return last
    }

    /// Refuses what libssh, a resolver or a remote shell might read as more than a name.
    ///
    /// libssh has had command injections through host and user names, so neither reaches it unchecked.
    func validate() throws(SSHError) {
        guard Self.isPlainName(self.address) || Self.isIPv6Shaped(self.address) else {
            throw SSHError(
                .invalidHost,
                """
                the address of host '\(Self.printable(self.name))' is not an IP address or a plain host name: \
                '\(Self.printable(self.address))'; use letters, digits, '.', '-' and '_'
                """
            )
        }
        guard self.port != 0 else {
            throw SSHError(.invalidHost, "host '\(Self.printable(self.name))' has port 0; SSH usually listens on 22")
        }
        guard Self.isPlainName(self.user) else {
            throw SSHError(
                .invalidHost,
                """
                the user for \(self.label) is not a plain name: '\(Self.printable(self.user))'; \
                use letters, digits, '.', '-' and '_', and do not begin with '-'
                """
            )
        }
        try self.validateJumps()
        guard !self.hostKeys.isEmpty || self.knownHosts != nil else {
            throw SSHError(
                .unknownHostKey,
                """
                no host key is pinned for \(self.label); add the line that \
                'cat /etc/ssh/ssh_host_ed25519_key.pub' prints on that host
                """
            )
        }
    }

    private func validateJumps() throws(SSHError) {
        guard self.jumps.count <= Self.jumpLimit else {
            throw SSHError(
                .invalidHost,
                "\(self.label) is \(self.jumps.count) jump hosts away, and \(Self.jumpLimit) are the most"
            )
        }
        for jump in self.jumps {
            guard jump.jumps.isEmpty else {
                throw SSHError(
                    .invalidHost,
                    "the jump host \(jump.label) has jump hosts of its own; list them in order"
                )
            }
            try jump.validate()
        }
    }

    private static func isPlainName(_ text: String) -> Bool {
        let bytes = text.utf8
        guard let first = bytes.first, first != UInt8(ascii: "-"), bytes.count <= self.nameLimit else { return false }
        return bytes.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
                true
            default: false
            }
        }
    }

    /// Whether only an IPv6 address, perhaps with a zone, can be meant; the resolver then decides.
    private static func isIPv6Shaped(_ text: String) -> Bool {
        let parts = text.split(separator: "%", maxSplits: 1, omittingEmptySubsequences: false)
        guard let digits = parts.first, digits.contains(":"), text.utf8.count <= Self.nameLimit else { return false }
        let isAddress = digits.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"),
                UInt8(ascii: "A")...UInt8(ascii: "F"), UInt8(ascii: ":"), UInt8(ascii: "."):
                true
            default: false
            }
        }
        return isAddress && (parts.count == 1 || Self.isPlainName(String(parts[1])))
    }

    /// A refused name, cut short and without anything that could move a terminal's cursor.
    static func printable(_ text: String, limit: Int = 64) -> String {
        String(
            text.unicodeScalars.prefix(limit).map { scalar in
                scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value) ? "?" : Character(scalar)
            }
        )
    }
}
