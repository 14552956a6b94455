// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// A defect of a library that can hurt us, and where it is fixed.
///
/// The list is short on purpose: it has what touches the parts that we call, and what is known well enough to be said. That a library is
/// not named here proves nothing about it.
package struct KnownDefect: Hashable, Sendable {
    /// When this table was last gone through.
    package static let asOf = "2026-11"

    package var library: Library
    package var id: String
    package var what: String
    /// The first version that has it; without one, all before the fix do.
    package var since: UpstreamVersion?
    /// Releases of older branches that have the fix, and so have their successors of the same branch.
    package var fixedIn: [UpstreamVersion]
    /// The release from which on every one has the fix; nil when nobody told us.
    package var fixedSince: UpstreamVersion?
    /// The first revision of Debian 12's package with the fix; nil when there is none that we know of.
    package var debian12: DebianVersion?
    /// Why it does not reach us, where it does not.
    package var noHarm: String?

    /// A distribution adds fixes without changing the version, so its own revision is what counts; without one, only a version that
    /// has the fix by itself proves something.
    package func state(of facts: LibraryFacts, on distribution: Distribution) -> DefectState {
        if case .debian(_, let revision) = facts.package, distribution == .debian12, let fix = self.debian12 {
            return revision < fix ? .open : .fixed
        }
        guard let version = facts.version.flatMap({ UpstreamVersion(of: $0) }) else {
            return .unknown
        }
        let isBefore = self.since.map { version < $0 } ?? false
        let isAfter = self.fixedSince.map { version >= $0 } ?? false
        let isInBranch = self.fixedIn.contains { $0.branch == version.branch && version >= $0 }
        if isBefore || isAfter || isInBranch {
            return .fixed
        }
        // What reaches nobody here need not be known any better.
        return self.noHarm == nil ? .unknown : .open
    }
}

extension KnownDefect {
    package static let all = Self.libssh + Self.libcurl + Self.openssl + Self.sqlite + Self.libyaml

    // Debian's revisions: the changelog in each package, /usr/share/doc/NAME/changelog.Debian.gz.

    private static let libssh = [
        // libssh.org, release notes of 0.10.6.
        KnownDefect(
            library: .libssh,
            id: "CVE-2023-48795",
            what: "somebody in between can drop messages of the key exchange (Terrapin)",
            fixedIn: ["0.9.8"],
            fixedSince: "0.10.6",
            debian12: "0.10.6-0+deb12u1"
        ),
        // libssh.org, release notes of 0.11.2.
        KnownDefect(
            library: .libssh,
            id: "CVE-2025-5372",
            what: "a failed derivation of keys is taken for a success",
            fixedIn: [],
            fixedSince: "0.11.2",
            debian12: "0.10.6-0+deb12u2"
        ),
        KnownDefect(
            library: .libssh,
            id: "CVE-2025-5987",
            what: "a failure of ChaCha20 with OpenSSL is taken for a success",
            fixedIn: [],
            fixedSince: "0.11.2",
            debian12: "0.10.6-0+deb12u2"
        ),
        // libssh.org, release notes of 0.11.3.
        KnownDefect(
            library: .libssh,
            id: "CVE-2025-8277",
            what: "a server can make it leak memory by wrong guesses in the key exchange",
            fixedIn: [],
            fixedSince: "0.11.3",
            debian12: "0.10.6-0+deb12u2"
        ),
        // libssh.org, release notes of 0.11.5. Which release of 0.12 has these is not in our sources.
        KnownDefect(
            library: .libssh,
            id: "CVE-2026-59847",
            what: "the tag of AES-GCM is not checked rightly with OpenSSL",
            fixedIn: ["0.11.5"],
            debian12: "0.10.6-0+deb12u3"
        ),
        KnownDefect(
            library: .libssh,
            id: "CVE-2026-59850",
            what: "data for a channel that is closed is read after it was freed",
            fixedIn: ["0.11.5"],
            debian12: "0.10.6-0+deb12u3"
        ),
    ]

    private static let libcurl = [
        // curl.se/docs/CVE-2023-38545.html
        KnownDefect(
            library: .libcurl,
            id: "CVE-2023-38545",
            what: "a long host name overflows a buffer in the greeting of a SOCKS5 proxy",
            since: "7.69.0",
            fixedIn: [],
            fixedSince: "8.4.0",
            debian12: "7.88.1-10+deb12u4"
        ),
        // The CVE's record names 8.14.2, 8.16.1 and 8.19.0.
        KnownDefect(
            library: .libcurl,
            id: "CVE-2026-3784",
            what: "a proxy's connection is used again for other credentials",
            since: "7.7.0",
            fixedIn: ["8.14.2", "8.16.1"],
            fixedSince: "8.19.0",
            debian12: "7.88.1-10+deb12u15"
        ),
        // The CVE's record names 8.14.2, 8.16.1 and 8.20.0.
        KnownDefect(
            library: .libcurl,
            id: "CVE-2026-7168",
            what: "one proxy is told what was meant to log in at another",
            since: "7.12.0",
            fixedIn: ["8.14.2", "8.16.1"],
            fixedSince: "8.20.0",
            debian12: "7.88.1-10+deb12u15"
        ),
        // The CVE's record names 8.14.2, 8.16.1 and 8.20.0; the changelog of Debian 12 has no fix up to 7.88.1-10+deb12u15.
        KnownDefect(
            library: .libcurl,
            id: "CVE-2026-4873",
            what: "a mail that needs encryption may go over an open connection without",
            since: "7.20.0",
            fixedIn: ["8.14.2", "8.16.1"],
            fixedSince: "8.20.0",
            noHarm: "each mail has a connection of its own"
        ),
    ]

    private static let openssl = [
        // The CVE's record names these releases.
        KnownDefect(
            library: .openssl,
            id: "CVE-2025-9230",
            what: "reads and writes beyond a buffer when a password-encrypted message is opened",
            fixedIn: ["3.0.18", "3.2.6", "3.3.5", "3.4.3"],
            fixedSince: "3.5.4",
            debian12: "3.0.17-1~deb12u3"
        ),
        // The CVE's record names these releases.
        KnownDefect(
            library: .openssl,
            id: "CVE-2025-15467",
            what: "a crafted message overflows a buffer on the stack",
            since: "3.0.0",
            fixedIn: ["3.0.19", "3.3.6", "3.4.4", "3.5.5"],
            fixedSince: "3.6.1",
            debian12: "3.0.18-1~deb12u2"
        ),
        // Release notes of 3.4.5. Which releases of 3.5 and 3.6 have it is not in our sources.
        KnownDefect(
            library: .openssl,
            id: "CVE-2026-31789",
            what: "turning bytes into hexadecimal text overflows a buffer",
            fixedIn: ["3.4.5"],
            debian12: "3.0.19-1~deb12u2"
        ),
    ]

    private static let sqlite = [
        // sqlite.org, release notes of 3.51.3. It has no CVE, and Debian 12's changelog does not name it.
        KnownDefect(
            library: .sqlite,
            id: "the WAL-reset bug",
            what: "a database is damaged when two connections write or checkpoint at the same instant",
            since: "3.7.0",
            fixedIn: [],
            fixedSince: "3.51.3",
            noHarm: "one connection alone writes and checkpoints the store"
        ),
        // sqlite.org, release notes of 3.50.2.
        KnownDefect(
            library: .sqlite,
            id: "CVE-2025-6965",
            what: "a query with very many aggregates damages memory",
            fixedIn: [],
            fixedSince: "3.50.2",
            debian12: "3.40.1-2+deb12u2"
        ),
    ]

    private static let libyaml = [
        // Debian's changelog: patched in 0.1.6-3, and upstream in 0.1.7.
        KnownDefect(
            library: .libyaml,
            id: "CVE-2014-9130",
            what: "a wrapped string ends the program",
            fixedIn: [],
            fixedSince: "0.1.7",
            debian12: "0.1.6-3"
        ),
        // Debian's changelog of 0.1.6-1.
        KnownDefect(
            library: .libyaml,
            id: "CVE-2014-2525",
            what: "a tag with an escaped address overflows a buffer",
            fixedIn: [],
            fixedSince: "0.1.6",
            debian12: "0.1.4-3.2"
        ),
    ]
}
