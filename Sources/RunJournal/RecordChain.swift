// Selfheal
// SPDX-License-Identifier: Apache-2.0

import GRDB

/// Where a run's records must end, according to the run itself.
struct ChainHead {
    let run: String
    let number: Int64
    let sequence: Int64
    let checksum: UInt64
    /// The checksum that the first record continues.
    let start: UInt64
}

/// Follows a run's records and finds the first that is not what was written.
struct RecordChain {
    private let head: ChainHead
    private var sequence: Int64
    private var checksum: UInt64

    /// Stands right before the record with the number `first`.
    init(_ head: ChainHead, from first: Int64, in database: Database) throws {
        self.head = head
        self.sequence = min(first - 1, head.sequence)
        self.checksum = head.start
        if self.sequence > 0 {
            let stored = try Int64.fetchOne(
                database,
                sql: "SELECT checksum FROM record WHERE run = ? AND sequence = ?",
                arguments: [head.number, self.sequence]
            )
            guard let stored else {
                throw StoreError.corrupt(run: head.run, sequence: self.sequence, "the record is missing")
            }
            self.checksum = UInt64(bitPattern: stored)
        }
    }

    /// Takes the columns sequence, at, kind, body, checksum.
    mutating func check(_ row: Row) throws -> JournalRecord {
        let due = self.sequence + 1
        let body: String = row[3]
        let record = JournalRecord(
            run: self.head.run,
            sequence: row[0],
            at: row[1],
            kind: row[2],
            body: Array(body.utf8)
        )
        guard record.sequence == due else {
            throw StoreError.corrupt(run: self.head.run, sequence: due, "the record is missing")
        }
        let checksum = RecordChecksum.next(after: self.checksum, record)
        guard checksum == UInt64(bitPattern: row[4]) else {
            throw StoreError.corrupt(
                run: self.head.run,
                sequence: due,
                "its checksum does not fit; the record, or the facts before it, were changed"
            )
        }
        self.sequence = due
        self.checksum = checksum
        return record
    }

    /// Makes sure that nothing is missing behind the last record.
    func requireEnd() throws(StoreError) {
        guard self.sequence >= self.head.sequence else {
            throw .corrupt(run: self.head.run, sequence: self.sequence + 1, "the record is missing")
        }
        guard self.sequence == self.head.sequence, self.checksum == self.head.checksum else {
            throw .corrupt(run: self.head.run, sequence: self.sequence, "the run's head does not fit its last record")
        }
    }
}
