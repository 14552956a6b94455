// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

@testable import ProbeKafka

/// Messages to the byte.
@Suite struct KafkaMessageTests {
    static func bytes(_ hex: String) -> [UInt8] {
        let digits = hex.filter(\.isHexDigit)
        return stride(from: 0, to: digits.count, by: 2).map { place in
            let start = digits.index(digits.startIndex, offsetBy: place)
            return UInt8(digits[start..<digits.index(start, offsetBy: 2)], radix: 16) ?? 0
        }
    }

    @Test func `requests are what other clients send`() {
        // Sent to librdkafka's mock cluster, and answered by it.
        let versions = ApiVersionsRequest().frame(version: 0, correlation: 1, client: "sh")
        #expect(versions == Self.bytes("0000000c 0012 0000 00000001 0002 7368"))
        let old = MetadataRequest(topics: .all).frame(version: 2, correlation: 2, client: "sh")
        #expect(old == Self.bytes("00000010 0003 0002 00000002 0002 7368 ffffffff"))
        let new = MetadataRequest(topics: .all).frame(version: 8, correlation: 3, client: "sh")
        #expect(new == Self.bytes("00000013 0003 0008 00000003 0002 7368 ffffffff 00 00 00"))
    }

    @Test func `a flexible request has tags behind its header and its body`() {
        let versions = ApiVersionsRequest().frame(version: 3, correlation: 1, client: "sh")
        #expect(versions == Self.bytes("00000019 0012 0003 00000001 0002 7368 00 09 73656c666865616c 02 31 00"))
        let metadata = MetadataRequest(topics: .named(["t"])).frame(version: 12, correlation: 2, client: "sh")
        #expect(
            metadata
                == Self.bytes(
                    "00000024 0003 000c 00000002 0002 7368 00 02 \(String(repeating: "0", count: 32)) 02 74 00 00 00 00"
                )
        )
        let quorum = DescribeQuorumRequest().frame(version: 0, correlation: 3, client: "sh")
        #expect(
            quorum
                == Self.bytes(
                    "00000029 0037 0000 00000003 0002 7368 00 02 13 5f5f636c75737465725f6d65746164617461 02 00000000 00 00 00"
                )
        )
    }

    @Test func `answers that a real broker gave are read`() throws {
        // Tansu 0.6.0 without topics.
        let metadata = Self.bytes(
            """
            00000003 00000000 00000001 0000006f 0009 3132372e302e302e31 00004bc0 ffff
            000d 74616e73755f636c7573746572 0000006f 00000000 ffffffff
            """
        )
        let reply = try MetadataRequest(topics: .all).reply(in: metadata, version: 8, correlation: 3)
        #expect(reply.brokers == [KafkaBroker(id: 111, host: "127.0.0.1", port: 19_392)])
        #expect(reply.clusterID == "tansu_cluster" && reply.controller == 111 && reply.topics.isEmpty)
    }

    @Test func `an answer to another request is refused`() throws {
        let answer = Self.bytes("00000004 0000 00000000")
        #expect(throws: KafkaWireError(message: "an answer to request 4 instead of 5")) {
            try ApiVersionsRequest().reply(in: answer, version: 0, correlation: 5)
        }
        #expect(throws: KafkaWireError(message: "1 bytes too many")) {
            try ApiVersionsRequest().reply(in: answer + [0], version: 0, correlation: 4)
        }
    }

    @Test func `a refused version comes in the oldest form and says what is offered`() throws {
        let answer = Self.bytes("00000001 0023 00000001 0012 0000 0002")
        let reply = try ApiVersionsRequest().reply(in: answer, version: 3, correlation: 1)
        #expect(reply.error == .unsupportedVersion && reply.version(of: .apiVersions) == 2)
    }

    @Test(
        arguments: [
            (0...20, 12), (9...11, 11), (12...14, 12), (0...3, 3), (13...15, nil), (0...0, nil),
        ] as [(ClosedRange<Int16>, Int16?)]
    )
    func `the highest version that both sides speak is taken`(theirs: ClosedRange<Int16>, expected: Int16?) {
        let reply = ApiVersionsRequest.Reply(error: .none, versions: [3: theirs])
        #expect(reply.version(of: .metadata) == expected)
        #expect(reply.version(of: .listOffsets) == nil)
    }

    @Test func `numbers of variable length end within five bytes`() throws {
        for value in [0, 1, 127, 128, 300, 16_384, Int(UInt32.max)] {
            var writer = KafkaWriter()
            writer.writeUnsigned(value)
            var reader = KafkaReader(writer.bytes)
            #expect(try reader.readUnsigned() == value)
            #expect(reader.remaining == 0)
        }
        for bytes in [[0x80], [0x80, 0x80, 0x80, 0x80, 0x80, 0x01], [0xFF, 0xFF, 0xFF, 0xFF, 0x7F]] as [[UInt8]] {
            var reader = KafkaReader(bytes)
            #expect(throws: KafkaWireError.self) { try reader.readUnsigned() }
        }
    }

    @Test func `a list is believed as far as the bytes can hold it`() throws {
        for (count, isFlexible) in [(Int32.max, false), (-2, false), (3, false), (Int32.max, true)] {
            var writer = KafkaWriter(isFlexible: isFlexible)
            if isFlexible { writer.writeUnsigned(Int(count)) } else { writer.write(count) }
            var reader = KafkaReader(writer.bytes + [0, 0, 0, 0, 0, 0, 0, 0], isFlexible: isFlexible)
            #expect(throws: KafkaWireError.self) {
                try reader.readList(ofAtLeast: 4) { reader throws(KafkaWireError) in try reader.readInt32() }
            }
        }
        var none = KafkaReader([0xFF, 0xFF, 0xFF, 0xFF])
        #expect(try none.readCount(ofAtLeast: 4) == nil)
    }

    @Test func `texts of impossible length or that are no text are refused`() {
        for bytes in [[0x7F, 0xFF, 0x41], [0x80, 0x00], [0xFF, 0xFE], [0, 1, 0xFF]] as [[UInt8]] {
            var reader = KafkaReader(bytes)
            #expect(throws: KafkaWireError.self) { try reader.readString() }
        }
        var flexible = KafkaReader([0xFF, 0xFF, 0xFF, 0xFF, 0x0F, 0x41], isFlexible: true)
        #expect(throws: KafkaWireError.self) { try flexible.readString() }
        var tags = KafkaReader([2, 1, 1], isFlexible: true)
        #expect(throws: KafkaWireError.self) { try tags.skipTags() }
    }
}
