// Selfheal
// SPDX-License-Identifier: Apache-2.0

internal import CLibcurl

extension EasyHandle {
    func prepare(_ request: HTTPRequest, proxyUse: CurlTransfer.ProxyUse) {
        self.set(CURLOPT_URL, request.url)
        self.set(CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1)
        self.set(CURLOPT_CONNECTTIMEOUT_MS, request.connectTimeout.wholeMilliseconds)
        self.set(CURLOPT_USERAGENT, "selfheal")
        if proxyUse == .direct { self.set(CURLOPT_PROXY, "") }
        if let path = request.unixSocket { self.set(CURLOPT_UNIX_SOCKET_PATH, path) }
        self.trust(request.trustedAuthorities)
        self.received.bodyLimit = request.responseLimit
        self.askBeforeSending()
        // On a reused connection that dies silently libcurl repeats the request, whatever its method.
        if !request.isSafe { self.set(CURLOPT_FRESH_CONNECT, 1) }

        switch (request.method, request.body) {
        case ("HEAD", _):
            self.set(CURLOPT_NOBODY, 1)
        case (_, let body?):
            self.setBody(body)
        case ("POST", nil), ("PUT", nil), ("PATCH", nil):
            // Servers expect a length of zero from these rather than none.
            self.setBody([])
        case (_, nil):
            self.set(CURLOPT_HTTPGET, 1)
        }
        if request.method != "HEAD" { self.set(CURLOPT_CUSTOMREQUEST, request.method) }
        self.set(CURLOPT_HTTPHEADER, request.headerLines)
    }
}

extension HTTPRequest {
    /// Most header lines of one request.
    static let headerCountLimit = 100

    /// Throws what sending would throw at once, so that a mistake is found when configuration is read.
    package func check() throws(TransferError) {
        _ = try self.target()
    }

    /// Scheme, host and port, which may be shown; empty if the URL is none.
    package var origin: String {
        (try? self.target())?.origin ?? ""
    }

    func target() throws(TransferError) -> TransferTarget {
        let target = try TransferTarget(self.url, schemes: ["http", "https"])
        try self.validate(for: target)
        return target
    }

    /// Refuses what would turn into something else on the wire.
    private func validate(for target: TransferTarget) throws(TransferError) {
        func refuse(_ problem: String) -> TransferError {
            TransferError(
                .badRequest,
                "the request to \(target.origin) cannot be sent: \(problem)",
                host: target.origin
            )
        }
        guard Self.isToken(self.method) else { throw refuse("its method holds something other than letters") }
        guard self.headers.count <= Self.headerCountLimit else {
            throw refuse("\(self.headers.count) headers exceed \(Self.headerCountLimit)")
        }
        for header in self.headers {
            guard Self.isToken(header.name) else {
                throw refuse("a header's name is empty or holds a forbidden character")
            }
            guard !header.value.utf8.contains(where: { ($0 < 0x20 && $0 != 0x09) || $0 == 0x7f }) else {
                throw refuse("the value of header '\(header.name)' holds a line break or control character")
            }
            if ["content-length", "transfer-encoding"].contains(header.name.lowercased()) {
                throw refuse("header '\(header.name)' follows from the body; leave it out")
            }
        }
    }

    /// The lines as libcurl wants them: `Name:` suppresses a line of its own making, `Name;` sends an empty one.
    var headerLines: [String] {
        var lines = self.headers.map { $0.value.isEmpty ? "\($0.name);" : "\($0.name): \($0.value)" }
        let names = Set(self.headers.map { $0.name.lowercased() })
        // A body that waits a second for leave to be sent helps nobody here.
        if !names.contains("expect") { lines.append("Expect:") }
        if !names.contains("content-type") { lines.append("Content-Type:") }
        return lines
    }

    /// RFC 9110 section 5.6.2.
    private static func isToken(_ text: String) -> Bool {
        !text.isEmpty
            && text.utf8.allSatisfy { byte in
                switch byte {
                case 0x30...0x39, 0x41...0x5a, 0x61...0x7a: true
                default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
                }
            }
    }
}

extension HTTPHeader {
    /// Reads one line of an answer; `nil` for the empty line at the end and for anything that is no header.
    init?(line: String) {
        guard let colon = line.firstIndex(of: ":") else { return nil }
        self.name = String(line[..<colon])
        self.value = line[line.index(after: colon)...].trimmed
    }
}

extension Substring {
    var trimmed: String {
        var text = self
        while let first = text.first, first.isWhitespace { text.removeFirst() }
        while let last = text.last, last.isWhitespace { text.removeLast() }
        return String(text)
    }
}

extension Duration {
    /// In milliseconds as libcurl takes them: rounded up, and never zero, which would mean "for ever".
    var wholeMilliseconds: Int {
        let longest: Int64 = 86_400_000
        let (seconds, attoseconds) = self.components
        guard seconds >= 0, seconds < longest / 1000 else { return seconds < 0 ? 1 : Int(longest) }
        return max(1, Int(seconds * 1000 + (attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000))
    }
}
