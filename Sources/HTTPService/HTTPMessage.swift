// Selfheal
// SPDX-License-Identifier: Apache-2.0

package struct HTTPRequest: Hashable, Sendable {
    package var method: String
    /// Without the query.
    package var path: String
    /// In the order in which they came; names in small letters.
    package var headers: [HTTPHeader]
    package var body: [UInt8]

    package init(method: String, path: String, headers: [HTTPHeader] = [], body: [UInt8] = []) {
        self.method = method
        self.path = path
        self.headers = headers
        self.body = body
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
}

/// How much a stranger may cost.
package struct HTTPLimits: Hashable, Sendable {
    /// At once; who comes later waits until a place is free.
    package var connections = 128
    /// Of a request's path and headers, names and values.
    package var headBytes = 16 << 10
    package var pathBytes = 2 << 10
    package var headers = 64
    package var bodyBytes = 1 << 20
    /// From the first byte of a request to its last.
    package var requestTime = Duration.seconds(10)
    /// Between two requests.
    package var idleTime = Duration.seconds(60)
    /// For a client to take an answer in.
    package var answerTime = Duration.seconds(10)
    /// For a client whose connection ends to read the last answer, before it is hung up on.
    package var leaveTime = Duration.seconds(2)

    package init() {}
}
