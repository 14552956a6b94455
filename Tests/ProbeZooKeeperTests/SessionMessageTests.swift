// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import ProbeZooKeeper

@Suite struct SessionMessageTests {
    private func bytes(_ hexadecimal: String) -> [UInt8] {
        let digits = hexadecimal.filter { !$0.isWhitespace }
        return stride(from: 0, to: digits.count, by: 2).map { offset in
            let start = digits.index(digits.startIndex, offsetBy: offset)
            return UInt8(digits[start..<digits.index(start, offsetBy: 2)], radix: 16) ?? 0
        }
    }

    @Test func `a connect request is spelled as on the wire`() {
        #expect(
            SessionMessage.connect(sessionTimeoutMilliseconds: 4_000)
                == self.bytes(
                    """
                    0000002d 00000000 0000000000000000 00000fa0 0000000000000000
                    00000010 00000000000000000000000000000000 00
                    """
                )
        )
    }

    @Test func `requests carry number, operation and body`() {
        #expect(
            SessionMessage.request(7, .getData, SessionMessage.path("/a"))
                == self.bytes("0000000f 00000007 00000004 00000002 2f61 00")
        )
        #expect(
            SessionMessage.request(1, .create, SessionMessage.create("/a", data: [9], lifetime: .ephemeral))
                == self.bytes(
                    """
                    00000032 00000001 00000001 00000002 2f61 00000001 09
                    00000001 0000001f 00000005 776f726c64 00000006 616e796f6e65 00000001
                    """
                )
        )
        #expect(SessionMessage.request(-2, .ping, SessionMessage.emptyBody) == self.bytes("00000008 fffffffe 0000000b"))
    }

    @Test func `a session is read from 37 bytes, or 36 of an old server`() throws {
        let frame = self.bytes("00000000 00000fa0 0100000000000001 00000010 000102030405060708090a0b0c0d0e0f 00")
        for length in [37, 36] {
            let reply = try ConnectReply(Array(frame.prefix(length)))
            #expect(reply.timeoutMilliseconds == 4_000)
            #expect(reply.sessionID == 0x0100_0000_0000_0001)
        }
    }

    @Test func `a read-only server is not taken for a session`() {
        let header = self.bytes("00000000 0000000100000002 ffffff89")
        #expect(throws: ConnectReply.Refusal.readOnlyServer) { try ConnectReply(header) }
        let session = self.bytes("00000000 00000fa0 0100000000000001 00000010 000102030405060708090a0b0c0d0e0f 01")
        #expect(throws: ConnectReply.Refusal.readOnlyServer) { try ConnectReply(session) }
    }

    @Test(arguments: [0, 15, 16, 17, 35, 38])
    func `a session of another length is refused`(length: Int) {
        #expect(throws: ConnectReply.Refusal.self) { try ConnectReply([UInt8](repeating: 0, count: length)) }
    }

    @Test func `lengths that cannot be are refused before any memory is taken`() {
        for text in ["7fffffff", "fffffffe", "00000005 61"] {
            #expect(throws: JuteError.self) {
                var reader = JuteReader(self.bytes(text))
                _ = try reader.readBuffer()
            }
        }
        #expect(throws: JuteError.self) {
            var reader = JuteReader(self.bytes("7fffffff 00000001 61"))
            _ = try reader.readStrings()
        }
        #expect(throws: JuteError.self) {
            var reader = JuteReader(self.bytes("00000001 ff"))
            _ = try reader.readString()
        }
        #expect(throws: JuteError.self) {
            var reader = JuteReader(self.bytes("0000"))
            _ = try reader.readInt32()
        }
    }

    @Test func `numbers, texts and buffers come back as they were written`() throws {
        var writer = JuteWriter()
        writer.write(Int32.min)
        writer.write(Int64(-5))
        writer.write(true)
        writer.write("ä/b")
        writer.write([1, 2])
        var reader = JuteReader(writer.bytes)
        #expect(try reader.readInt32() == .min)
        #expect(try reader.readInt64() == -5)
        #expect(try reader.readBool())
        #expect(try reader.readString() == "ä/b")
        #expect(try reader.readBuffer() == [1, 2])
        #expect(reader.remaining == 0)
        var absent = JuteReader([0xFF, 0xFF, 0xFF, 0xFF])
        #expect(try absent.readStrings() == [])
    }

    @Test func `an error number says what it means`() {
        #expect(ZooKeeperCode.noNode.description == "no such node")
        #expect(ZooKeeperCode(rawValue: -7_777).description == "error -7777")
    }
}
