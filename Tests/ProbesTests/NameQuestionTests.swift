// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunVocabulary
import TestSupport
import Testing

@testable import Probes

@Suite struct NameQuestionTests {
    private static func question() throws -> NameQuestion {
        try NameQuestion(name: "ab.c", type: .four, id: 0x1234)
    }

    private static let name: [UInt8] = [2, 0x61, 0x62, 1, 0x63, 0]

    /// An answer to the question, with these records behind it.
    private static func answer(_ records: [[UInt8]], flags: UInt16 = 0x8180) -> [UInt8] {
        [0x12, 0x34, UInt8(flags >> 8), UInt8(flags & 0xFF), 0, 1, 0, UInt8(records.count), 0, 0, 0, 0] + self.name
            + [0, 1, 0, 1] + records.joined()
    }

    private static func record(_ name: [UInt8], type: UInt8 = 1, _ data: [UInt8]) -> [UInt8] {
        name + [0, type, 0, 1, 0, 0, 0, 60, 0, UInt8(data.count)] + data
    }

    @Test func `a question has the bytes that the standard wants`() throws {
        #expect(
            try Self.question().bytes == [0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0] + Self.name + [0, 1, 0, 1]
        )
    }

    @Test func `addresses are read behind names that point back`() throws {
        let bytes = Self.answer([
            Self.record([0xC0, 0x0C], type: 5, [1, 0x64, 0xC0, 0x0F]),
            Self.record([1, 0x64, 0xC0, 0x0F], [192, 0, 2, 1]),
            Self.record(Self.name, [192, 0, 2, 1]), Self.record(Self.name, [10, 0, 0, 255]),
        ])
        #expect(try Self.question().answer(in: bytes).addresses == ["192.0.2.1", "10.0.0.255"])
    }

    @Test func `the name may come back in another case, and a code without records is told`() throws {
        var bytes = Self.answer([Self.record([0xC0, 0x0C], [1, 2, 3, 4])])
        bytes[13] = 0x41
        #expect(try Self.question().answer(in: bytes).addresses == ["1.2.3.4"])
        #expect(try Self.question().answer(in: Self.answer([], flags: 0x8183)).code == 3)
        let bare: [UInt8] = [0x12, 0x34, 0x81, 0x85, 0, 0, 0, 0, 0, 0, 0, 0]
        #expect(try Self.question().answer(in: bare).code == 5)
    }

    @Test(
        arguments: [
            [], [0x12], [0x12, 0x35, 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0],
            [0x12, 0x34, 0x01, 0x80, 0, 1, 0, 0, 0, 0, 0, 0],
            [0x12, 0x34, 0x81, 0x80, 0, 0, 0, 0, 0, 0, 0, 0], [0x12, 0x34, 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0],
            // A name that points at itself, forward, and at another that points at it.
            answer([record([0xC0, 0x16], [1, 2, 3, 4])]), answer([record([0xC0, 0xFF], [1, 2, 3, 4])]),
            answer([record([0xC0], [])]), answer([record([0x80, 1], [1, 2, 3, 4])]),
            // An address of three bytes, and one that ends in the middle.
            answer([record(name, [1, 2, 3])]), Array(answer([record(name, [1, 2, 3, 4])]).dropLast()),
            // Cut short by the server.
            answer([record(name, [1, 2, 3, 4])], flags: 0x8380),
        ] as [[UInt8]]
    )
    func `what is no answer is refused`(bytes: [UInt8]) {
        #expect(throws: NameQuestion.Malformed.self) { try Self.question().answer(in: bytes) }
    }

    // Goal: no bytes make the reader fail or run on.
    @Test func `any bytes are borne`() throws {
        var generator = SeededGenerator(seed: 7)
        let whole = Self.answer([
            Self.record([0xC0, 0x0C], type: 5, [1, 0x64, 0xC0, 0x0F]),
            Self.record([1, 0x64, 0xC0, 0x0F], [192, 0, 2, 1]),
        ])
        var refused = 0
        for _ in 0..<20_000 {
            var bytes = whole
            for _ in 0..<Int.random(in: 1...4, using: &generator) {
                bytes[Int.random(in: 2..<bytes.count, using: &generator)] = UInt8.random(in: 0...255, using: &generator)
            }
            bytes.removeLast(Int.random(in: 0...2, using: &generator))
            do {
                _ = try Self.question().answer(in: bytes)
            } catch {
                refused += 1
            }
        }
        #expect(refused > 1_000)
    }
}
