// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// A running 64-bit checksum over a run's records.
///
/// Each record's checksum starts from the one before it, and the first from the run's own fixed facts. So a
/// changed byte, a record that is missing, and two that changed places are all found by reading the run.
/// This finds accidents, not forgers: whoever can write the file can compute it anew.
///
/// Every step is a bijection of the state for a given word, and of the word for a given state: a change that is
/// confined to one word is always found, any other with odds of 2⁶⁴ to one.
/// The constants are part of the file format and never change.
struct RecordChecksum: Hashable, Sendable {
    private(set) var value: UInt64

    init(continuing value: UInt64) {
        self.value = value
    }

    mutating func add(_ word: UInt64) {
        var mixed = (self.value ^ word) &* 0x9E37_79B9_7F4A_7C15
        mixed ^= mixed >> 32
        self.value = mixed &* 0xD6E8_FEB8_6659_FD93
    }

    mutating func add(_ number: Int64) {
        self.add(UInt64(bitPattern: number))
    }

    /// Adds a text's length, then its bytes, so that `ab` + `c` differs from `a` + `bc`.
    mutating func add(_ text: String) {
        var text = text
        text.withUTF8 { self.add(UnsafeRawBufferPointer($0)) }
    }

    mutating func add(_ bytes: [UInt8]) {
        bytes.withUnsafeBytes { self.add($0) }
    }

    private mutating func add(_ bytes: UnsafeRawBufferPointer) {
        self.add(UInt64(bytes.count))
        var offset = 0
        while offset + 8 <= bytes.count {
            self.add(UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)))
            offset += 8
        }
        guard offset < bytes.count else {
            return
        }
        var last: UInt64 = 0
        for index in offset..<bytes.count {
            last |= UInt64(bytes[index]) << UInt64(8 * (index - offset))
        }
        self.add(last)
    }
}

extension RecordChecksum {
    /// The start of a run's chain, which binds the records to the facts the run was created with.
    static func start(of run: RunSummary) -> UInt64 {
        var checksum = RecordChecksum(continuing: 0x5365_6C66_6865_616C)
        for text in [run.id, run.runbook, run.title, run.planDigest, run.requestedBy, run.parameters] + run.locks {
            checksum.add(text)
        }
        checksum.add(run.createdAt)
        return checksum.value
    }

    /// The checksum of a record that follows one whose checksum was `previous`.
    static func next(after previous: UInt64, _ record: JournalRecord) -> UInt64 {
        var checksum = RecordChecksum(continuing: previous)
        checksum.add(record.run)
        checksum.add(record.sequence)
        checksum.add(record.at)
        checksum.add(record.kind)
        checksum.add(record.body)
        return checksum.value
    }
}
