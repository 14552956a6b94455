// Selfheal
// SPDX-License-Identifier: Apache-2.0

package struct HTTPRequest: Hashable, Sendable {
    package var method: String
    /// Without the query.
    package var path: String
    /// In the order in which they came; names in small letters.
    package var headers: [HTTPHeader]
    package var body: [UInt8]
    var keepsConnection: Bool

    package init(method: String, path: String, headers: [HTTPHeader] = [], body: [UInt8] = []) {
        self.method = method
        self.path = path
        self.headers = headers
        self.body = body
        self.keepsConnection = true
    }

    /// The value of a header that is there once; nothing for one that is there twice, which nobody means.
    package func header(_ name: String) -> String? {
        let found = self.headers.filter { $0.name == name }
        return found.count == 1 ? found[0].value : nil
    }
}

package struct HTTPHeader: Hashable, Sendable {
    package var name: String
    package var value: String

    package init(_ name: String, _ value: String) {
        self.name = name
        self.value = value
    }
}

package struct HTTPAnswer: Hashable, Sendable {
    package var status: Int
    package var contentType: String
    package var headers: [HTTPHeader]
    package var body: [UInt8]

    package init(
        _ status: Int,
        _ text: String,
        contentType: String = "text/plain; charset=utf-8",
        headers: [HTTPHeader] = []
    ) {
        self.status = status
        self.contentType = contentType
        self.headers = headers
        self.body = Array(text.utf8)
    }

    /// As it is sent; an answer to HEAD has the head alone.
    func bytes(to method: String, closing: Bool) -> [UInt8] {
        var head = "HTTP/1.1 \(self.status) \(Self.reason(self.status))\r\n"
        head += "Content-Type: \(self.contentType)\r\nContent-Length: \(self.body.count)\r\n"
        for header in self.headers {
            head += "\(header.name): \(header.value)\r\n"
        }
        head += closing ? "Connection: close\r\n\r\n" : "\r\n"
        return Array(head.utf8) + (method == "HEAD" ? [] : self.body)
    }

    private static func reason(_ status: Int) -> String {
        switch status {
        case 200: "OK"
        case 202: "Accepted"
        case 400: "Bad Request"
        case 401: "Unauthorized"
        case 403: "Forbidden"
        case 404: "Not Found"
        case 405: "Method Not Allowed"
        case 408: "Request Timeout"
        case 409: "Conflict"
        case 411: "Length Required"
        case 413: "Content Too Large"
        case 431: "Request Header Fields Too Large"
        case 503: "Service Unavailable"
        default: status < 500 ? "Refused" : "Failed"
        }
    }
}

/// How much a stranger may cost.
package struct HTTPLimits: Hashable, Sendable {
    package var connections = 128
    package var headBytes = 16 << 10
    package var headers = 64
    package var bodyBytes = 1 << 20
    /// From the first byte of a request to its last.
    package var requestTime = Duration.seconds(10)
    /// Between two requests.
    package var idleTime = Duration.seconds(60)
    /// For a client to take an answer in.
    package var answerTime = Duration.seconds(10)

    package init() {}
}
