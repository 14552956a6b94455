// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// What an HTTP server answered, read from the bytes of a closed connection.
package struct HTTPResponse: Hashable, Sendable {
    package struct Field: Hashable, Sendable {
        package var name: String
        package var value: String

        package init(name: String, value: String) {
            self.name = name
            self.value = value
        }
    }

    /// Why bytes are not a whole HTTP response.
    package enum Malformed: String, Error, Hashable, Sendable {
        case notHTTP = "the answer does not start with an HTTP status line"
        case headersUnfinished = "the headers do not end"
        case tooManyHeaders = "there are more headers than 200, or more than 64 KiB of them"
        case badHeader = "a header line has no colon"
        case bodyCutShort = "the body is shorter than announced"
        case badChunk = "the chunks of the body do not fit together"
    }

    private static let headerCountLimit = 200
    private static let headerSizeLimit = 64 << 10

    package var status: Int
    package var reason: String
    /// In the order of the answer.
    package var headers: [Field]
    package var body: [UInt8]

    /// Reads a response whose end is the end of the bytes, or earlier if it says so itself.
    package init(parsing bytes: [UInt8]) throws(Malformed) {
        guard bytes.starts(with: Array("HTTP/1.".utf8)) else { throw .notHTTP }
        var lines: [[UInt8]] = []
        var position = 0
        while true {
            guard position < Self.headerSizeLimit, lines.count <= Self.headerCountLimit else { throw .tooManyHeaders }
            guard let end = bytes[position...].firstIndex(of: UInt8(ascii: "\n")) else { throw .headersUnfinished }
            var line = Array(bytes[position..<end])
            if line.last == UInt8(ascii: "\r") { line.removeLast() }
            position = end + 1
            if line.isEmpty { break }
            lines.append(line)
        }
        (self.status, self.reason) = try Self.statusLine(lines[0])
        self.headers = []
        for line in lines.dropFirst() { self.headers.append(try Self.field(line)) }
        self.body = []
        self.body = try Self.body(of: Array(bytes[position...]), headers: self.headers)
    }

    /// The value of the first header of this name, whatever its case.
    package func header(_ name: String) -> String? {
        Self.value(of: name, in: self.headers)
    }

    private static func value(of name: String, in headers: [Field]) -> String? {
        headers.first { $0.name.lowercased() == name.lowercased() }?.value
    }

    private static func statusLine(_ line: [UInt8]) throws(Malformed) -> (Int, String) {
        // HTTP/1.1 200 OK, where the reason may be missing.
        let text = String(decoding: line, as: UTF8.self)
        let parts = text.split(separator: " ", maxSplits: 2, omittingEmptySubsequences: false)
        guard parts.count >= 2, parts[1].utf8.count == 3, let status = Int(parts[1]), status >= 100 else {
            throw .notHTTP
        }
        return (status, parts.count == 3 ? String(parts[2]) : "")
    }

    private static func field(_ line: [UInt8]) throws(Malformed) -> Field {
        guard let colon = line.firstIndex(of: UInt8(ascii: ":")), colon > 0 else { throw .badHeader }
        func isBlank(_ byte: UInt8) -> Bool { byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") }
        var value = line[(colon + 1)...].drop(while: isBlank)
        while let last = value.last, isBlank(last) { value.removeLast() }
        return Field(
            name: String(decoding: line[..<colon], as: UTF8.self),
            value: String(decoding: value, as: UTF8.self)
        )
    }

    private static func body(of rest: [UInt8], headers: [Field]) throws(Malformed) -> [UInt8] {
        // Some servers send chunks even to a client that said HTTP/1.0.
        if self.value(of: "Transfer-Encoding", in: headers)?.lowercased().hasSuffix("chunked") == true {
            return try self.joinChunks(rest)
        }
        guard let length = self.value(of: "Content-Length", in: headers).flatMap({ Int($0) }), length >= 0 else {
            return rest
        }
        guard rest.count >= length else { throw .bodyCutShort }
        return Array(rest[..<length])
    }

    private static func joinChunks(_ bytes: [UInt8]) throws(Malformed) -> [UInt8] {
        var body: [UInt8] = []
        var rest = bytes[...]
        while true {
            guard let end = rest.firstIndex(of: UInt8(ascii: "\n")) else { throw .bodyCutShort }
            let digits = rest[..<end].prefix { $0 != UInt8(ascii: ";") && $0 != UInt8(ascii: "\r") }
            let text = String(decoding: digits, as: UTF8.self).trimmingSpaces
            guard let size = Int(text, radix: 16), size >= 0 else { throw .badChunk }
            rest = rest[(end + 1)...]
            if size == 0 { return body }
            guard rest.count >= size else { throw .bodyCutShort }
            body.append(contentsOf: rest.prefix(size))
            rest = rest.dropFirst(size)
            if rest.first == UInt8(ascii: "\r") { rest = rest.dropFirst() }
            guard rest.first == UInt8(ascii: "\n") else { throw rest.isEmpty ? .bodyCutShort : .badChunk }
            rest = rest.dropFirst()
        }
    }
}

extension String {
    fileprivate var trimmingSpaces: Substring {
        var rest = self[...]
        while rest.last == " " { rest.removeLast() }
        return rest.drop { $0 == " " }
    }
}
