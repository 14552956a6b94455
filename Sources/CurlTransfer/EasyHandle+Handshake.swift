// Selfheal
// SPDX-License-Identifier: Apache-2.0

internal import CLibcurl

extension EasyHandle {
    func prepare(_ handshake: TLSHandshake, proving isProving: Bool) {
        self.set(CURLOPT_URL, handshake.url)
        if let detour = handshake.detour { self.set(CURLOPT_CONNECT_TO, [detour]) }
        self.set(CURLOPT_PROXY, "")
        self.set(CURLOPT_CONNECT_ONLY, 1)
        self.set(CURLOPT_CONNECTTIMEOUT_MS, handshake.timeout.wholeMilliseconds)
        // A connection or a session from an earlier look would show an earlier certificate.
        self.set(CURLOPT_FRESH_CONNECT, 1)
        self.set(CURLOPT_FORBID_REUSE, 1)
        self.set(CURLOPT_SSL_SESSIONID_CACHE, 0)
        // The port may speak anything over TLS.
        self.set(CURLOPT_SSL_ENABLE_ALPN, 0)
        self.set(CURLOPT_CERTINFO, 1)
        self.set(CURLOPT_SSL_VERIFYPEER, isProving ? 1 : 0)
        self.set(CURLOPT_SSL_VERIFYHOST, isProving ? 2 : 0)
        self.trust(handshake.trustedAuthorities)
        self.listen()
    }

    /// The agreed version is told in libcurl's words and nowhere else.
    private func listen() {
        let context = unsafe Unmanaged.passUnretained(self).toOpaque()
        unsafe self.check(clibcurl_set_debug_callback(self.pointer, hear))
        unsafe self.check(clibcurl_set_pointer(self.pointer, CURLOPT_DEBUGDATA, context))
        self.set(CURLOPT_VERBOSE, 1)
    }

    fileprivate func takeWords(_ words: String) {
        let beginning = "SSL connection using "
        guard words.hasPrefix(beginning) else { return }
        let version = words.dropFirst(beginning.count).prefix { !" /\n".contains($0) }
        self.received.agreedProtocol = version.hasPrefix("TLS") ? String(version) : nil
    }

    /// What the end of a transfer says of the server, or nothing if it says something of the way there.
    func handshakeEnd(of result: CURLcode, proving isProving: Bool, text: String) -> TLSHandshake.End? {
        let text = CertificateText.cleaned(text)
        switch result {
        case CURLE_OK:
            var peer = CertificateText.peer(self.leafLines)
            peer.version = self.received.agreedProtocol
            return .met(peer)
        case CURLE_PEER_FAILED_VERIFICATION where isProving: return .distrusted(text)
        case CURLE_SSL_CONNECT_ERROR where text.contains(" alert "): return .alerted(text)
        case CURLE_SSL_CONNECT_ERROR where Self.strangeWords.contains { text.contains($0) }: return .noTLS(text)
        default: return nil
        }
    }

    /// OpenSSL's words for bytes that are no record of TLS.
    private static let strangeWords = [
        "wrong version number", "packet length too long", "unknown protocol", "http request",
        "record layer failure",
    ]

    /// What is told of the server's own certificate, one `Name:value` for each thing.
    private var leafLines: [String] {
        guard let certificates = unsafe clibcurl_certificates(self.pointer),
            unsafe certificates.pointee.num_of_certs > 0
        else { return [] }
        var lines: [String] = []
        var line = unsafe certificates.pointee.certinfo[0]
        while let current = unsafe line, lines.count < Self.lineLimit {
            unsafe lines.append(String(cString: current.pointee.data))
            unsafe line = unsafe current.pointee.next
        }
        return lines
    }

    /// Of a certificate; those in use have thirty.
    private static let lineLimit = 1000
}

private func hear(
    _: UnsafeMutableRawPointer?,
    _ kind: curl_infotype,
    _ bytes: UnsafeMutablePointer<CChar>?,
    _ count: Int,
    _ context: UnsafeMutableRawPointer?
) -> CInt {
    guard kind == CURLINFO_TEXT, let context = unsafe context else { return 0 }
    let handle = unsafe Unmanaged<EasyHandle>.fromOpaque(context).takeUnretainedValue()
    let words = unsafe UnsafeRawBufferPointer(start: bytes, count: count)
    unsafe handle.takeWords(String(decoding: words, as: UTF8.self))
    return 0
}
