// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// One plain HTTP GET over a prober's sockets: no TLS, no redirects, no connection kept.
///
/// Asked as HTTP/1.0, so that the end of the connection is the end of the answer.
package struct HTTPProbe: Hashable, Sendable {
    /// How a GET ended.
    package enum Answer: Hashable, Sendable {
        /// The server answered, with whatever status.
        case answered(HTTPResponse)
        /// Something answered, and it was not HTTP, or not whole.
        case malformed(String)
        /// No answer; see ``SocketReply/Outcome`` for what that does and does not say about the target.
        case failed(SocketReply.Outcome)
    }

    package var address: String
    package var port: UInt16
    /// Path and query, starting with a slash, already percent-encoded.
    package var path: String
    /// The name to put into the `Host` header when it is not the address.
    package var host: String?
    /// Of the whole answer, headers included.
    package var readLimit: Int
    package var timeout: Duration

    package init(
        address: String,
        port: UInt16,
        path: String = "/",
        host: String? = nil,
        readLimit: Int = SocketExchange.defaultReadLimit,
        timeout: Duration
    ) {
        self.address = address
        self.port = port
        self.path = path
        self.host = host
        self.readLimit = readLimit
        self.timeout = timeout
    }

    package func get(using prober: SocketProber) async -> Answer {
        let host = self.host ?? SocketProber.peer(self.address, self.port)
        guard self.path.hasPrefix("/"), Self.isPrintable(self.path), Self.isPrintable(host) else {
            return .failed(.notTried("the path must start with '/', and neither it nor the host may hold blanks"))
        }
        let reply = await prober.exchange(
            SocketExchange(
                address: self.address,
                port: self.port,
                send: Array(
                    """
                    GET \(self.path) HTTP/1.0\r
                    Host: \(host)\r
                    User-Agent: selfheal\r
                    Accept: */*\r
                    Connection: close\r
                    \r\n
                    """.utf8
                ),
                readLimit: self.readLimit,
                timeout: self.timeout
            )
        )
        return Self.answer(from: reply)
    }

    /// Reads the reply of a socket as an HTTP answer.
    package static func answer(from reply: SocketReply) -> Answer {
        switch reply.outcome {
        case .completed:
            do throws(HTTPResponse.Malformed) {
                return .answered(try HTTPResponse(parsing: reply.bytes))
            } catch {
                return .malformed(reply.bytes.isEmpty ? "the server closed without an answer" : error.rawValue)
            }
        case .timedOut(.reply), .reset:
            // A server may ignore the wish to close, or close without reading everything. If the announced length is
            // there, the answer is whole all the same; without one, nobody can know.
            if let response = try? HTTPResponse(parsing: reply.bytes), response.header("Content-Length") != nil {
                return .answered(response)
            }
            return .failed(reply.outcome)
        case .tooLong:
            return .malformed("the answer is longer than the read limit of \(reply.bytes.count) bytes")
        case let outcome:
            return .failed(outcome)
        }
    }

    /// Blanks and control characters would let a path smuggle in a second request line.
    private static func isPrintable(_ text: String) -> Bool {
        text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F }
    }
}
