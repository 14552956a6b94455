// Selfheal
// SPDX-License-Identifier: Apache-2.0

import LanguageServer
import Testing

@Suite struct MessageFramingTests {
    private static func framed(_ text: String) -> [UInt8] {
        Array("Content-Length: \(text.utf8.count)\r\n\r\n\(text)".utf8)
    }

    @Test func `messages come out whole however their bytes arrive`() {
        let bytes = Self.framed("{}") + Self.framed("{\"a\":\"é\"}")
        var framing = MessageFraming()
        let frames = bytes.flatMap { framing.feed([$0]) }
        #expect(frames == [.message(Array("{}".utf8)), .message(Array("{\"a\":\"é\"}".utf8))])
        var whole = MessageFraming()
        #expect(whole.feed(bytes) == frames)
    }

    @Test func `other header fields are read over`() {
        var framing = MessageFraming()
        let header = "content-length: 2\r\nContent-Type: application/vscode-jsonrpc; charset=utf-8\r\n\r\n{}"
        #expect(framing.feed(Array(header.utf8)) == [.message(Array("{}".utf8))])
    }

    @Test(arguments: ["Content-Length: x\r\n\r\n", "Content-Length: -1\r\n\r\n", "Length: 2\r\n\r\n", "\r\n\r\n"])
    func `a header without a length is reported, and the next message is read`(header: String) {
        var framing = MessageFraming()
        let frames = framing.feed(Array(header.utf8) + Self.framed("{}"))
        #expect(frames.count == 2)
        #expect(frames.last == .message(Array("{}".utf8)))
    }

    @Test func `a message that is too long is skipped without being kept`() {
        var framing = MessageFraming()
        let length = MessageFraming.messageLimit + 1
        var frames = framing.feed(Array("Content-Length: \(length)\r\n\r\n".utf8))
        let chunk = [UInt8](repeating: 0x20, count: 1 << 20)
        var sent = 0
        while sent + chunk.count <= length {
            frames += framing.feed(chunk)
            sent += chunk.count
        }
        frames += framing.feed(chunk[..<(length - sent)])
        frames += framing.feed(Self.framed("{}"))
        #expect(frames.count == 2)
        #expect(frames.last == .message(Array("{}".utf8)))
    }

    @Test(arguments: ["Content-Length: 99999999999999999999\r\n\r\n", "Content-Length: 9223372036854775807\r\n\r\n"])
    func `a length beyond all bounds ends nothing`(header: String) {
        var framing = MessageFraming()
        #expect(framing.feed(Array(header.utf8)).count == 1)
    }

    @Test func `a header without end is given up`() {
        var framing = MessageFraming()
        let frames = framing.feed([UInt8](repeating: 0x41, count: 10_000))
        #expect(frames.count == 1)
    }
}
