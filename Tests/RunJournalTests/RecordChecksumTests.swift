// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import RunJournal

@Suite struct RecordChecksumTests {
    @Test func `the checksum is part of the file format and never changes`() {
        let start = RecordChecksum.start(of: RunRow.sample("r1").summary)
        let next = RecordChecksum.next(after: start, .sample("r1", 1, #"{"a":1}"#))
        #expect(start == 6_078_069_437_897_282_449)
        #expect(next == 16_566_971_586_151_508_698)
    }

    @Test func `every flipped bit changes the checksum`() {
        let body = Array(#"{"step":"drain","attempt":1}"#.utf8)
        let record = JournalRecord(run: "r1", sequence: 1, at: 1, kind: "k", body: body)
        let whole = RecordChecksum.next(after: 7, record)
        for index in body.indices {
            for bit in 0..<8 {
                var changed = record
                changed.body[index] ^= 1 << UInt8(bit)
                #expect(RecordChecksum.next(after: 7, changed) != whole)
            }
        }
    }

    @Test func `what moves from one field to the next changes the checksum`() {
        let one = JournalRecord(run: "ab", sequence: 1, at: 1, kind: "c", body: [])
        let two = JournalRecord(run: "a", sequence: 1, at: 1, kind: "bc", body: [])
        #expect(RecordChecksum.next(after: 7, one) != RecordChecksum.next(after: 7, two))
    }
}
