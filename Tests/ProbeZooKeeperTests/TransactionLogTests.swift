// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import ProbeZooKeeper

/// Writes logs and snapshots the way ZooKeeper does, for tests that break them.
enum DiskWriter {
    static func number(_ value: UInt64, bytes: Int) -> [UInt8] {
        (0..<bytes).reversed().map { UInt8(truncatingIfNeeded: value >> (8 * UInt64($0))) }
    }

    static let logHeader: [UInt8] = Array("ZKLG".utf8) + Self.number(2, bytes: 4) + Self.number(0, bytes: 8)

    /// A record whose entry has the header of a transaction and then the payload.
    static func record(_ zxid: Zxid, payload: [UInt8] = [1, 2, 3]) -> [UInt8] {
        let entry =
            self.number(0x1_0000, bytes: 8) + self.number(1, bytes: 4)
            + self.number(UInt64(bitPattern: zxid.rawValue), bytes: 8) + self.number(1_700_000_000_000, bytes: 8)
            + self.number(1, bytes: 4) + payload
        return self.number(UInt64(Adler32.of(entry[...])), bytes: 8) + self.number(UInt64(entry.count), bytes: 4)
            + entry
            + [UInt8(ascii: "B")]
    }

    static func log(_ zxids: ClosedRange<Int64>, epoch: Int64 = 1, payload: [UInt8] = [1, 2, 3]) -> [UInt8] {
        self.logHeader + zxids.flatMap { self.record(Zxid(epoch: epoch, counter: $0), payload: payload) }
    }

    static func snapshot(payload: [UInt8] = [0, 0, 0, 0]) -> [UInt8] {
        let body = Array("ZKSN".utf8) + self.number(2, bytes: 4) + self.number(.max, bytes: 8) + payload
        return body + self.number(UInt64(Adler32.of(body[...])), bytes: 8) + [0, 0, 0, 1, UInt8(ascii: "/")]
    }
}

@Suite struct TransactionLogTests {
    private let record = DiskWriter.record(Zxid(epoch: 1, counter: 1))

    @Test func `the checksum is Adler's`() {
        #expect(Adler32.of([]) == 1)
        #expect(Adler32.of(Array("Wikipedia".utf8)[...]) == 0x11E6_0398)
        #expect(Adler32.of([UInt8](repeating: 255, count: 100_000)[...]) == 0x149A_302C)
    }

    @Test func `records are read up to the zeros or the end`() {
        let log = DiskWriter.log(1...5)
        for bytes in [log, log + [UInt8](repeating: 0, count: 3), log + [UInt8](repeating: 0, count: 1_000)] {
            let read = TransactionLog(whole: bytes)
            #expect(read.recordCount == 5)
            #expect(read.firstZxid == Zxid(epoch: 1, counter: 1))
            #expect(read.lastZxid == Zxid(epoch: 1, counter: 5))
            #expect(read.end == .clean)
        }
        let empty = TransactionLog(whole: DiskWriter.logHeader + [0, 0])
        #expect(empty.recordCount == 0)
        #expect(empty.end == .clean)
    }

    @Test func `a last record cut anywhere is torn, and the one before counts`() {
        let log = DiskWriter.log(1...3)
        let start = log.count - self.record.count
        for length in (start + 1)..<log.count {
            // Cut off, and cut off with the preallocated zeros behind.
            for tail in [0, 500] {
                let bytes = log.prefix(length) + [UInt8](repeating: 0, count: tail)
                let read = TransactionLog(whole: Array(bytes))
                #expect(read.lastZxid == Zxid(epoch: 1, counter: 2), "\(length)")
                // The first four bytes of a record are zeros, which look like no record at all.
                #expect(read.end == (length <= start + 4 ? .clean : .torn(at: start)), "\(length) \(tail)")
            }
        }
    }

    @Test func `a changed byte in any whole record is damage`() {
        let log = DiskWriter.log(1...3)
        let second = DiskWriter.logHeader.count + self.record.count
        for offset in 0..<self.record.count {
            var bytes = log + [UInt8](repeating: 0, count: 100)
            bytes[second + offset] ^= 0x40
            guard case .corrupt(let position, _) = TransactionLog(whole: bytes).end else {
                Issue.record("a change at byte \(offset) of the record went unseen")
                continue
            }
            #expect(position == second)
        }
    }

    @Test func `a changed byte in the last record is torn or damage, never whole`() {
        let log = DiskWriter.log(1...3)
        let last = log.count - self.record.count
        for offset in 0..<self.record.count {
            var bytes = log + [UInt8](repeating: 0, count: 100)
            bytes[last + offset] ^= 0x40
            let read = TransactionLog(whole: bytes)
            #expect(read.lastZxid == Zxid(epoch: 1, counter: 2))
            #expect(read.end != .clean)
        }
    }

    @Test func `a length that cannot be is damage`() {
        for length: UInt64 in [0xFFFF_FFFF, 0x8000_0000, 0x7FFF_FFFF, 4_000_000] {
            let bytes = DiskWriter.log(1...2) + DiskWriter.number(7, bytes: 8) + DiskWriter.number(length, bytes: 4)
            guard case .corrupt = TransactionLog(whole: bytes + [1, 2, 3]).end else {
                Issue.record("\(length) was taken for a length")
                continue
            }
        }
    }

    @Test(arguments: [
        [], Array("ZKLG".utf8), [UInt8](repeating: 0, count: 64), Array("ZKSN".utf8) + [UInt8](repeating: 0, count: 60),
    ])
    func `a file without the header is damage`(bytes: [UInt8]) {
        guard case .corrupt(at: 0, _) = TransactionLog(whole: bytes).end else {
            Issue.record("taken for a log")
            return
        }
    }

    @Test func `the last part of a log is read from its first whole record`() {
        let log = DiskWriter.log(1...50, payload: [UInt8](repeating: 0x42, count: 90))
        for start in [1, 16, 17, 100, 1_000, 1_001, log.count - 150] {
            let read = TransactionLog(lastPart: Array(log[start...]) + [UInt8](repeating: 0, count: 40))
            #expect(read.lastZxid == Zxid(epoch: 1, counter: 50), "\(start)")
            #expect(read.end == .clean)
        }
    }

    @Test func `damage in the last part is seen, and a part without a record says so`() {
        let log = DiskWriter.log(1...50)
        var flipped = Array(log[500...])
        flipped[700] ^= 1
        guard case .corrupt = TransactionLog(lastPart: flipped).end else {
            Issue.record("damage went unseen")
            return
        }
        let torn = TransactionLog(lastPart: Array(log[500..<(log.count - 2)]))
        #expect(torn.lastZxid == Zxid(epoch: 1, counter: 49))
        guard case .torn = torn.end else {
            Issue.record("unexpected: \(torn.end)")
            return
        }
        #expect(TransactionLog(lastPart: Array(log.suffix(30))).end == .noRecordFound)
        #expect(TransactionLog(lastPart: [UInt8](repeating: 0x42, count: 5_000)).end == .noRecordFound)
    }

    @Test func `a snapshot is whole only with its header, its seal and its checksum`() {
        let whole = DiskWriter.snapshot()
        #expect(SnapshotFile.check(head: whole, tail: nil) == .checksum)
        #expect(SnapshotFile.check(head: Array(whole.prefix(20)), tail: Array(whole.suffix(20))) == .ends)
        #expect(SnapshotFile.check(head: Array(whole.dropLast()), tail: nil) == .broken("the end is missing"))
        #expect(SnapshotFile.check(head: [], tail: nil) == .broken("the header does not say ZKSN, version 2"))
        #expect(SnapshotFile.check(head: Array(whole.prefix(20)), tail: [1, 2, 3]) == .broken("the end is missing"))
        for offset in 0..<whole.count {
            var bytes = whole
            bytes[offset] ^= 4
            guard case .broken = SnapshotFile.check(head: bytes, tail: nil) else {
                Issue.record("a change at byte \(offset) went unseen")
                continue
            }
        }
    }
}
