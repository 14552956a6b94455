// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// One HTTP request, with every limit that applies to it.
///
/// Redirects are never followed: a request that was approved for one place must not end up at another. Any status is a
/// ``HTTPResponse``; only a request that got no complete answer throws.
package struct HTTPRequest: Sendable {
    /// Largest body that is taken from a server unless the request says otherwise.
    package static let defaultResponseLimit = 1 << 20

    package var method: String
    /// An `http:` or `https:` URL.
    ///
    /// It may carry a user and a password, or be a secret as a whole (chat webhooks are): errors show its scheme, host
    /// and port only.
    package var url: String
    package var headers: [HTTPHeader]
    package var body: [UInt8]?
    /// Time for everything, from waiting for a free place to the last byte of the answer.
    package var timeout: Duration
    package var connectTimeout: Duration
    /// Most bytes of body to accept; one more refuses the answer as ``TransferError/Code/tooLarge``.
    package var responseLimit: Int
    /// A socket in the file system to connect to, in place of the URL's host and port.
    package var unixSocket: String?
    /// A PEM file of the authorities to trust, in place of the system's.
    package var trustedAuthorities: String?

    package init(
        method: String = "GET",
        url: String,
        headers: [HTTPHeader] = [],
        body: [UInt8]? = nil,
        timeout: Duration = .seconds(10),
        connectTimeout: Duration = .seconds(5),
        responseLimit: Int = Self.defaultResponseLimit,
        unixSocket: String? = nil,
        trustedAuthorities: String? = nil
    ) {
        self.method = method
        self.url = url
        self.headers = headers
        self.body = body
        self.timeout = timeout
        self.connectTimeout = connectTimeout
        self.responseLimit = responseLimit
        self.unixSocket = unixSocket
        self.trustedAuthorities = trustedAuthorities
    }

    /// Whether HTTP itself promises that sending this twice does what sending it once does, and nothing lasting.
    package var isSafe: Bool {
        switch self.method {
        case "GET", "HEAD", "OPTIONS", "TRACE": true
        default: false
        }
    }
}

/// One line of an HTTP header.
package struct HTTPHeader: Hashable, Sendable {
    package var name: String
    package var value: String

    package init(_ name: String, _ value: String) {
        self.name = name
        self.value = value
    }
}

/// What a server answered, whichever status it chose.
package struct HTTPResponse: Hashable, Sendable {
    package var status: Int
    package var headers: [HTTPHeader]
    package var body: [UInt8]
    /// From the moment the request was handed over, waiting included.
    package var duration: Duration

    package init(status: Int, headers: [HTTPHeader] = [], body: [UInt8] = [], duration: Duration = .zero) {
        self.status = status
        self.headers = headers
        self.body = body
        self.duration = duration
    }

    /// The first value of a header; names are compared without regard to case.
    package func header(_ name: String) -> String? {
        let name = name.lowercased()
        return self.headers.first { $0.name.lowercased() == name }?.value
    }
}
