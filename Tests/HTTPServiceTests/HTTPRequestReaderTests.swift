// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import HTTPService

@Suite struct HTTPRequestReaderTests {
    private static func read(_ text: String, limits: HTTPLimits = HTTPLimits()) -> HTTPRequestReader.Step {
        var reader = HTTPRequestReader(limits: limits)
        reader.append(Array(text.utf8)[...])
        return reader.next()
    }

    @Test func `a request is read however it is cut into pieces`() {
        let text =
            "POST /alertmanager?a=b HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nX-A:  b \t\r\n\r\nhelloGET / HTTP/1.1\r\n"
        let bytes = Array(text.utf8)
        for size in [1, 2, 3, 7, 64, 1_000] {
            var reader = HTTPRequestReader(limits: HTTPLimits())
            var requests: [HTTPRequest] = []
            for start in stride(from: 0, to: bytes.count, by: size) {
                reader.append(bytes[start..<min(bytes.count, start + size)])
                if case .request(let request) = reader.next() {
                    requests.append(request)
                }
            }
            #expect(requests.count == 1)
            #expect(requests.first?.path == "/alertmanager")
            #expect(requests.first?.header("x-a") == "b")
            #expect(requests.first?.body == Array("hello".utf8))
            #expect(reader.isInside)
        }
    }

    @Test(arguments: [
        ("GET / HTTP/1.1\n\n", nil), ("GET / HTTP/1.1\r\nHost: a\n\r\n\r\n", 400), ("GET / HTTP/2\r\n\r\n", 400),
        ("get / HTTP/1.1\r\nHost: a\r\n\r\n", 400), ("GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\n\r\n", 400), ("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n", 400), ("GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400),
        ("GET /\u{0} HTTP/1.1\r\nHost: a\r\n\r\n", 400), ("GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", 411),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1048577\r\n\r\n", 413),
    ])
    func `what two readers could understand in two ways is refused`(text: String, status: Int?) {
        switch Self.read(text) {
        case .wrong(let found, _): #expect(found == status)
        case .needsMore: #expect(status == nil)
        case .request, .wantsGoAhead: Issue.record("\(text.debugDescription) was taken")
        }
    }

    @Test func `a head without an end is given up at its limit`() {
        let long = "GET / HTTP/1.1\r\nHost: " + String(repeating: "a", count: 17 << 10)
        guard case .wrong(431, _) = Self.read(long) else {
            Issue.record("a head of 17 KiB was waited for")
            return
        }
        let many = "GET / HTTP/1.1\r\nHost: a\r\n" + String(repeating: "a: b\r\n", count: 100) + "\r\n"
        guard case .wrong(431, _) = Self.read(many) else {
            Issue.record("a hundred headers were taken")
            return
        }
    }

    @Test func `who asks before sending is told to go on, once`() {
        var reader = HTTPRequestReader(limits: HTTPLimits())
        reader.append(Array("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n".utf8)[...])
        #expect(reader.next() == .wantsGoAhead)
        #expect(reader.next() == .needsMore)
        reader.append(Array("ok".utf8)[...])
        guard case .request(let request) = reader.next() else {
            Issue.record("the body was not taken")
            return
        }
        #expect(request.body == Array("ok".utf8))
    }

    @Test func `random bytes are refused or waited for, and never taken for more than they are`() {
        var random = SystemRandomNumberGenerator()
        for _ in 0..<500 {
            var reader = HTTPRequestReader(limits: HTTPLimits())
            let bytes = (0..<Int.random(in: 1...600, using: &random)).map { _ in
                UInt8.random(in: 0...255, using: &random)
            }
            reader.append(bytes[...])
            if case .request = reader.next() {
                Issue.record("taken for a request: \(bytes)")
            }
        }
    }
}
