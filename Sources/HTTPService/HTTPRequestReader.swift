// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// Cuts what a connection brings into requests, as HTTP/1.1 has them.
///
/// It is strict: what two readers could understand in two ways is refused, and the connection with it. A body has a `Content-Length`.
struct HTTPRequestReader {
    enum Step: Hashable {
        case needsMore
        /// The sender wants to hear that it may send the body.
        case wantsGoAhead
        case request(HTTPRequest)
        case wrong(status: Int, String)
    }

    private struct Head {
        var request: HTTPRequest
        var length: Int
        var wantsGoAhead: Bool
    }

    private let limits: HTTPLimits
    private var bytes: [UInt8] = []
    /// Up to there, no end of a head was found.
    private var searched = 0
    private var head: Head?

    init(limits: HTTPLimits) {
        self.limits = limits
    }

    /// Whether a request has begun and not ended.
    var isInside: Bool {
        self.head != nil || !self.bytes.isEmpty
    }

    mutating func append(_ bytes: ArraySlice<UInt8>) {
        self.bytes += bytes
    }

    /// What comes next; after `wrong` there is nothing more to be read.
    mutating func next() -> Step {
        if self.head == nil {
            do throws(Refusal) {
                guard try self.readHead() else {
                    return .needsMore
                }
            } catch {
                return .wrong(status: error.status, error.message)
            }
        }
        guard var head = self.head else {
            return .needsMore
        }
        guard self.bytes.count >= head.length else {
            defer { self.head?.wantsGoAhead = false }
            return head.wantsGoAhead ? .wantsGoAhead : .needsMore
        }
        head.request.body = Array(self.bytes.prefix(head.length))
        self.bytes.removeFirst(head.length)
        self.head = nil
        return .request(head.request)
    }

    private struct Refusal: Error {
        let status: Int
        let message: String

        init(_ status: Int, _ message: String) {
            self.status = status
            self.message = message
        }
    }

    private mutating func readHead() throws(Refusal) -> Bool {
        let end: [UInt8] = [13, 10, 13, 10]
        var index = max(0, self.searched - 3)
        while index + 4 <= self.bytes.count, index <= self.limits.headBytes {
            if self.bytes[index] == 13, self.bytes[index..<index + 4].elementsEqual(end) {
                self.head = try self.head(Array(self.bytes[..<index]))
                self.bytes.removeFirst(index + 4)
                self.searched = 0
                return true
            }
            index += 1
        }
        self.searched = self.bytes.count
        guard self.bytes.count <= self.limits.headBytes else {
            throw Refusal(431, "the head of a request has at most \(self.limits.headBytes) bytes")
        }
        return false
    }

    private func head(_ bytes: [UInt8]) throws(Refusal) -> Head {
        guard bytes.allSatisfy({ $0 >= 0x20 && $0 != 0x7F || $0 == 13 || $0 == 10 || $0 == 9 }),
            let text = String(validating: bytes, as: UTF8.self)
        else {
            throw Refusal(400, "the head of a request is text")
        }
        // Split by hand: in Swift, CR LF is one character.
        let lines = text.split(separator: "\r\n", omittingEmptySubsequences: false)
        guard lines.allSatisfy({ !$0.utf8.contains(13) && !$0.utf8.contains(10) }) else {
            throw Refusal(400, "a line ends with CR LF")
        }
        let words = (lines.first ?? "").split(separator: " ", omittingEmptySubsequences: false)
        guard words.count == 3, ["HTTP/1.1", "HTTP/1.0"].contains(words[2]) else {
            throw Refusal(400, "a request begins with METHOD /path HTTP/1.1")
        }
        guard (1...16).contains(words[0].utf8.count), words[0].utf8.allSatisfy({ (65...90).contains($0) }) else {
            throw Refusal(400, "this is no method")
        }
        guard words[1].hasPrefix("/"), words[1].utf8.count <= 2_048 else {
            throw Refusal(400, "a path begins with '/' and has at most 2048 bytes")
        }
        let headers = try self.headers(lines.dropFirst())
        let path = String(words[1].split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)[0])
        var request = HTTPRequest(method: String(words[0]), path: path, headers: headers)
        let isOld = words[2] == "HTTP/1.0"
        let connection = request.header("connection")?.lowercased() ?? ""
        request.keepsConnection = !isOld && !connection.split(separator: ",").contains { $0.contains("close") }
        guard isOld || request.header("host") != nil else {
            throw Refusal(400, "a request has one 'Host'")
        }
        let expects = request.header("expect")?.lowercased() == "100-continue"
        return Head(request: request, length: try self.length(headers), wantsGoAhead: expects)
    }

    private func headers(_ lines: ArraySlice<Substring>) throws(Refusal) -> [HTTPHeader] {
        guard lines.count <= self.limits.headers else {
            throw Refusal(431, "a request has at most \(self.limits.headers) headers")
        }
        var headers: [HTTPHeader] = []
        for line in lines {
            guard let colon = line.firstIndex(of: ":"), colon > line.startIndex else {
                throw Refusal(400, "a header is a name, a colon and a value")
            }
            let name = line[..<colon]
            guard name.utf8.allSatisfy(Self.isToken) else {
                throw Refusal(400, "this is no header's name")
            }
            let blank: Set<Character> = [" ", "\t"]
            let value = line[line.index(after: colon)...].drop { blank.contains($0) }
            let end = value.lastIndex { !blank.contains($0) }.map { value.index(after: $0) } ?? value.startIndex
            headers.append(HTTPHeader(name.lowercased(), String(value[..<end])))
        }
        return headers
    }

    private func length(_ headers: [HTTPHeader]) throws(Refusal) -> Int {
        guard !headers.contains(where: { $0.name == "transfer-encoding" }) else {
            throw Refusal(411, "send the body with a Content-Length")
        }
        let lengths = headers.filter { $0.name == "content-length" }
        guard let length = lengths.first else {
            return 0
        }
        guard lengths.count == 1, (1...12).contains(length.value.utf8.count),
            length.value.utf8.allSatisfy({ (48...57).contains($0) }), let count = Int(length.value)
        else {
            throw Refusal(400, "this is no Content-Length")
        }
        guard count <= self.limits.bodyBytes else {
            throw Refusal(413, "a body has at most \(self.limits.bodyBytes) bytes, and this one \(count)")
        }
        return count
    }

    private static func isToken(_ byte: UInt8) -> Bool {
        switch byte {
        case 48...57, 65...90, 97...122: true
        default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
        }
    }
}
