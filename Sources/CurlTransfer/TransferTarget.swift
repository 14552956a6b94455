// Selfheal
// SPDX-License-Identifier: Apache-2.0

internal import CLibcurl

/// The part of a URL that may be shown, and the checks that come before anything is sent.
struct TransferTarget: Hashable, Sendable {
    let scheme: String
    let host: String
    /// Scheme, host and port: all of a URL that an error may show.
    ///
    /// A user and password stand before the host, and for a chat webhook the path is the secret.
    let origin: String
    /// The secret parts of the URL, for scrubbing texts of the other side.
    let secrets: [String]

    /// Longest URL that is accepted, in bytes.
    static let lengthLimit = 8192

    init(_ url: String, schemes: [String]) throws(TransferError) {
        let expected = schemes.map { "\($0)://" }.joined(separator: " or ")
        guard url.utf8.count <= Self.lengthLimit else {
            throw TransferError(.badURL, "a URL of \(url.utf8.count) bytes exceeds \(Self.lengthLimit); shorten it")
        }
        // curl would stop reading at a NUL and turn a line break into a second header line.
        guard !url.utf8.contains(where: { $0 <= 0x20 || $0 == 0x7f }) else {
            throw TransferError(.badURL, "a URL holds a space or control character; encode it as %20 or remove it")
        }
        guard let parts = URLParts(url) else {
            throw TransferError(.badURL, "a URL cannot be read; write \(expected) and a host")
        }
        guard let scheme = parts[CURLUPART_SCHEME], schemes.contains(scheme) else {
            let found = parts[CURLUPART_SCHEME].map { "'\($0)'" } ?? "no scheme"
            throw TransferError(.badURL, "a URL has \(found); write \(expected)")
        }
        guard let host = parts[CURLUPART_HOST], !host.isEmpty else {
            throw TransferError(.badURL, "a URL names no host; write \(expected) and a host")
        }
        self.scheme = scheme
        self.host = host
        self.origin = "\(scheme)://\(host)" + (parts[CURLUPART_PORT].map { ":\($0)" } ?? "")
        self.secrets = [CURLUPART_USER, CURLUPART_PASSWORD].compactMap { parts[$0] }.filter { !$0.isEmpty }
    }

    /// Whether what is sent there never leaves this machine.
    var isLoopback: Bool {
        switch self.host {
        case "localhost", "[::1]": true
        // A name may begin with "127." as well; only digits and dots make it an address.
        default: self.host.hasPrefix("127.") && self.host.utf8.allSatisfy { (0x30...0x39).contains($0) || $0 == 0x2e }
        }
    }
}

/// A URL taken apart by libcurl, so that we and it never disagree about which host is meant.
@safe private struct URLParts: ~Copyable {
    private let handle: OpaquePointer

    init?(_ url: String) {
        guard let handle = unsafe curl_url() else { return nil }
        guard
            unsafe curl_url_set(handle, CURLUPART_URL, url, CUnsignedInt(CURLU_NON_SUPPORT_SCHEME)) == CURLUE_OK
        else {
            unsafe curl_url_cleanup(handle)
            return nil
        }
        unsafe self.handle = handle
    }

    deinit {
        unsafe curl_url_cleanup(self.handle)
    }

    subscript(part: CURLUPart) -> String? {
        var text: UnsafeMutablePointer<CChar>?
        guard unsafe curl_url_get(self.handle, part, &text, 0) == CURLUE_OK, let text = unsafe text else { return nil }
        defer { unsafe curl_free(text) }
        return unsafe String(cString: text)
    }
}
