// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// One handshake with a server, after which the connection is closed without a byte having been asked.
package struct TLSHandshake: Hashable, Sendable {
    /// Whose certificate a server showed.
    ///
    /// The texts are the server's own words, without control characters and cut to a bearable length; what is not there is nothing.
    package struct Peer: Hashable, Sendable {
        package var subject: String?
        package var issuer: String?
        /// Of the leaf certificate, in seconds since 1970.
        package var notBefore: Int64?
        package var notAfter: Int64?
        /// The host names and addresses that the certificate is for, at most ``TLSHandshake/nameLimit``.
        package var names: [String] = []
        /// `TLSv1.3`.
        package var version: String?

        package init() {}
    }

    package enum Outcome: Hashable, Sendable {
        /// The handshake was completed; with a reason, when nobody we trust vouches for the certificate, or it is somebody else's.
        case met(Peer, distrust: String?)
        /// A server that speaks TLS ended the handshake with an alert.
        case alerted(String)
        /// Something answered, and it was not TLS.
        case noTLS(String)
    }

    /// How one of the two handshakes ended.
    enum End: Sendable {
        case met(Peer)
        case distrusted(String)
        case alerted(String)
        case noTLS(String)

        func outcome(distrust: String?) -> Outcome {
            switch self {
            case .met(let peer): .met(peer, distrust: distrust)
            // Without proof none is asked for.
            case .distrusted(let reason): .met(Peer(), distrust: reason)
            case .alerted(let text): .alerted(text)
            case .noTLS(let text): .noTLS(text)
            }
        }
    }

    /// Most names of one certificate that are told.
    package static let nameLimit = 100

    /// A name or a numeric address, without brackets.
    package var address: String
    package var port: UInt16
    /// Whom the certificate must be for, and whom the server is asked for; by default the address.
    package var name: String?
    /// For everything, both handshakes included.
    package var timeout: Duration
    /// A PEM file of the authorities to trust, in place of the system's.
    package var trustedAuthorities: String?

    package init(
        address: String,
        port: UInt16,
        name: String? = nil,
        timeout: Duration,
        trustedAuthorities: String? = nil
    ) {
        self.address = address
        self.port = port
        self.name = name
        self.timeout = timeout
        self.trustedAuthorities = trustedAuthorities
    }

    func target() throws(TransferError) -> TransferTarget {
        // What is put into a URL and a list of `CONNECT_TO` must not end where it likes.
        let isPlain = [self.address, self.name ?? ""].allSatisfy { text in
            text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && !#"/?#@[]\,"#.utf8.contains($0) }
        }
        guard isPlain else {
            throw TransferError(.badURL, "a host to shake hands with holds a character that no host has")
        }
        return try TransferTarget(self.url, schemes: ["https"])
    }

    var url: String { "https://\(Self.bracketed(self.name ?? self.address)):\(self.port)/" }

    /// Where the connection goes, in libcurl's terms, when the URL has another host.
    var detour: String? { self.name.map { _ in "::\(Self.bracketed(self.address)):\(self.port)" } }

    private static func bracketed(_ host: String) -> String { host.contains(":") ? "[\(host)]" : host }
}
