// Selfheal
// SPDX-License-Identifier: Apache-2.0

import PracticeBrokers
import TestSupport
import Testing

@testable import ProbeKafka

/// Bytes from the network never trap and never take more memory than they are worth, whatever they are.
@Suite struct KafkaHostileBytesTests {
    static var scene: KafkaScene {
        var scene = KafkaScene(alive: [1, 2, 3], controller: 1)
        scene.voters = [(1, 0), (2, 10), (3, 900)]
        scene.topics["orders"] = [
            .init(leader: 1, replicas: [1, 2, 3]), .init(leader: 2, replicas: [2, 3, 1], inSync: [2]),
        ]
        scene.topics["orders"]?[1].adding = [4]
        scene.groups["billing"] = (1, ["orders": [0: 4, 1: 5]])
        return scene
    }

    /// A request with the frame of a good answer to it, and a way to read any bytes as its answer.
    private struct Case: Sendable {
        var frame: [UInt8]
        var read: @Sendable ([UInt8]) -> Bool

        init<Request: KafkaRequest>(_ request: Request, version: Int16) {
            let isFlexible = version >= Request.api.firstFlexibleVersion
            var body = KafkaWriter(isFlexible: isFlexible)
            request.write(to: &body, version: version)
            // The client's name is passed over already, the tags of the header are not.
            let sent = (isFlexible ? [0] : []) + body.bytes
            let answer = KafkaStage.answer(
                KafkaHostileBytesTests.scene,
                as: 1,
                Request.api.rawValue,
                version,
                to: sent
            )
            self.frame = [0, 0, 0, 9] + (isFlexible && Request.api != .apiVersions ? [0] : []) + answer
            self.read = { bytes in
                (try? request.reply(in: bytes, version: version, correlation: 9)) != nil
            }
        }
    }

    private static func cases<Request: KafkaRequest>(_ request: Request) -> [Case] {
        Request.api.versions.map { Case(request, version: $0) }
    }

    private static let all: [Case] =
        cases(ApiVersionsRequest()) + cases(MetadataRequest(topics: .all))
        + cases(DescribeConfigsRequest(resources: [.topic("orders"), .broker(1)], keys: ["min.insync.replicas"]))
        + cases(ListOffsetsRequest([TopicPartition(topic: "orders", partition: 0): -1]))
        + cases(ListGroupsRequest()) + cases(OffsetFetchRequest(group: "billing"))
        + cases(ListReassignmentsRequest()) + cases(DescribeQuorumRequest()) + cases(DescribeClusterRequest())

    @Test func `every version of every answer is read to its last byte`() {
        #expect(Self.all.count == 46)
        for (number, one) in Self.all.enumerated() {
            #expect(one.read(one.frame), "answer \(number) of \(one.frame.count) bytes")
        }
    }

    @Test func `an answer that ends early is refused at every byte`() {
        for one in Self.all {
            for length in 0..<one.frame.count {
                #expect(!one.read(Array(one.frame.prefix(length))))
            }
        }
    }

    @Test func `changed bytes are read or refused, and nothing else`() {
        var random = SeededGenerator(seed: 20_261)
        var refused = 0
        for round in 0..<15_000 {
            let one = Self.all[round % Self.all.count]
            var bytes = one.frame
            for _ in 0...random.pick(below: 4) {
                let place = 4 + random.pick(below: max(1, bytes.count - 4))
                guard place < bytes.count else { continue }
                switch random.pick(below: 5) {
                case 0: bytes[place] = UInt8(truncatingIfNeeded: random.next())
                case 1: bytes[place] = 0xFF
                case 2: bytes.replaceSubrange(place..<min(bytes.count, place + 4), with: [0x7F, 0xFF, 0xFF, 0xFF])
                case 3: bytes.insert(contentsOf: [0xFF, 0xFF, 0xFF, 0xFF, 0x0F], at: place)
                default: bytes.removeSubrange(place..<min(bytes.count, place + 3))
                }
            }
            if !one.read(bytes) { refused += 1 }
        }
        #expect(refused > 5_000)
    }

    @Test func `noise is refused`() {
        var random = SeededGenerator(seed: 7)
        for round in 0..<10_000 {
            let noise = (0..<random.pick(below: 200)).map { _ in UInt8(truncatingIfNeeded: random.next()) }
            _ = Self.all[round % Self.all.count].read([0, 0, 0, 9] + noise)
        }
    }
}
