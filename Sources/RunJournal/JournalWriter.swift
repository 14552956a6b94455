// Selfheal
// SPDX-License-Identifier: Apache-2.0

import GRDB

/// Writes work into an open transaction.
///
/// Refusals (a sequence that does not fit, a run that is not there) are returned: they concern one caller, and
/// the others of the same transaction go on. Whatever SQLite throws concerns the store as a whole.
struct JournalWriter {
    /// Something a caller wants to be durable.
    enum Work: Sendable {
        /// With the alert that the run answers, where it answers one.
        case createRun(RunRow, first: [JournalRecord], answering: Int64? = nil)
        case append([JournalRecord], RunUpdate?)
        case setSetting(key: String, value: String)
        case takeAlerts([AlertRow], @Sendable ([Int64?]) -> Void)
        case answerAlerts([Int64], String)
        case resolveAlerts([String], String)
        case forgetAlerts(before: Int64)
        case forgetRun(Int64, @Sendable (Bool) -> Void)
        case forgetTombstones(before: Int64)

        /// Its share of a transaction.
        var weight: Weight {
            switch self {
            case .createRun(let row, let first, _):
                Weight(first) + Weight(records: 1, bytes: row.plan.count + row.source.utf8.count)
            case .append(let records, _): Weight(records)
            case .setSetting(_, let value): Weight(records: 1, bytes: value.utf8.count)
            case .takeAlerts(let rows, _):
                Weight(records: rows.count, bytes: rows.reduce(0) { $0 + $1.body.utf8.count })
            case .answerAlerts(let numbers, _): Weight(records: numbers.count, bytes: 0)
            case .resolveAlerts(let subjects, _): Weight(records: subjects.count, bytes: 0)
            case .forgetRun: Weight(records: ForgetfulWriter.recordsPerSlice, bytes: 0)
            case .forgetAlerts, .forgetTombstones: Weight(records: JournalLimits.recordsPerTransaction, bytes: 0)
            }
        }
    }

    /// How much a transaction, or a part of one, holds.
    struct Weight: Hashable {
        var records: Int
        var bytes: Int

        static func + (left: Weight, right: Weight) -> Weight {
            Weight(records: left.records + right.records, bytes: left.bytes + right.bytes)
        }

        var fitsTransaction: Bool {
            self.records <= JournalLimits.recordsPerTransaction && self.bytes <= JournalLimits.bytesPerTransaction
        }
    }

    /// Where a run's chain of records ends.
    private struct Tail {
        var number: Int64
        var sequence: Int64
        var checksum: UInt64
    }

    /// Correct because this is the only writer; and every transaction checks it against the store once more.
    private var tails: [String: Tail] = [:]

    mutating func perform(_ work: Work, in database: Database) throws -> StoreError? {
        switch work {
        case .createRun(let row, let first, let alert):
            return try self.create(row, first: first, answering: alert, in: database)
        case .append(let records, let update): return try self.append(records, update, in: database)
        case .setSetting(let key, let value): return try self.set(key, to: value, in: database)
        case .takeAlerts(let rows, let taken): taken(try AlertInbox.take(rows, in: database))
        case .answerAlerts(let numbers, let answer): try AlertInbox.answer(numbers, answer, in: database)
        case .resolveAlerts(let subjects, let answer): try AlertInbox.resolve(subjects, answer, in: database)
        case .forgetRun(let number, let gone): gone(try ForgetfulWriter.forget(number, in: database))
        case .forgetTombstones(let moment): try ForgetfulWriter.forgetTombstones(before: moment, in: database)
        case .forgetAlerts(let moment): try AlertInbox.forget(before: moment, in: database)
        }
        return nil
    }

    private mutating func create(
        _ row: RunRow,
        first: [JournalRecord],
        answering alert: Int64?,
        in database: Database
    ) throws -> StoreError? {
        let run = row.summary
        if let gap = Self.gap(in: first, after: 0, of: run.id) {
            return gap
        }
        let sql = "SELECT count(*) FROM run WHERE id = ?"
        if alert != nil, try Int.fetchOne(database, sql: sql, arguments: [run.id]) ?? 0 > 0 {
            return StoreError(.duplicateRun(run.id), "there is already a run '\(run.id)' in this store")
        }
        if let alert, try !AlertInbox.answer(alert, by: run.id, in: database) {
            return StoreError(.alertAnswered, "what it should answer was answered meanwhile, or is over")
        }
        let checksum = RecordChecksum.start(of: run)
        let insert = try database.cachedStatement(sql: Self.insertRun)
        insert.setUncheckedArguments([
            run.id, run.runbook, run.title, run.planDigest, run.requestedBy, run.createdAt, run.parameters,
            run.locks.joined(separator: "\n"), run.state, run.outcome, run.updatedAt,
            Int64(bitPattern: checksum),
        ])
        try insert.execute()
        guard database.changesCount == 1 else {
            return StoreError(.duplicateRun(run.id), "there is already a run '\(run.id)' in this store")
        }
        let number = database.lastInsertedRowID
        try database.execute(
            sql: "INSERT INTO run_text (run, plan, source) VALUES (?, ?, ?)",
            arguments: [number, String(decoding: row.plan, as: UTF8.self), row.source]
        )
        self.remember(run.id, Tail(number: number, sequence: 0, checksum: checksum))
        return first.isEmpty ? nil : try self.append(first, nil, in: database)
    }

    private mutating func append(
        _ records: [JournalRecord],
        _ update: RunUpdate?,
        in database: Database
    ) throws -> StoreError? {
        guard let run = records.first?.run ?? update?.run else {
            return nil
        }
        guard let tail = try self.tail(of: run, in: database) else {
            return .unknownRun(run)
        }
        if let gap = Self.gap(in: records, after: tail.sequence, of: run) {
            return gap
        }
        var checksum = tail.checksum
        let insert = try PreparedWrite(Self.insertRecord, in: database)
        for record in records {
            checksum = RecordChecksum.next(after: checksum, record)
            try insert.bind(tail.number, at: 1)
            try insert.bind(record.sequence, at: 2)
            try insert.bind(record.at, at: 3)
            try insert.bind(record.kind, at: 4)
            try insert.bind(record.body, at: 5)
            try insert.bind(Int64(bitPattern: checksum), at: 6)
            try insert.execute()
        }
        let next = Tail(number: tail.number, sequence: tail.sequence + Int64(records.count), checksum: checksum)
        try self.move(run, from: tail, to: next, update, at: records.last?.at, in: database)
        return nil
    }

    /// Moves the run's head along with its records, and makes sure that nobody else did.
    private mutating func move(
        _ run: String,
        from tail: Tail,
        to next: Tail,
        _ update: RunUpdate?,
        at moment: Int64?,
        in database: Database
    ) throws {
        let statement = try PreparedWrite(update == nil ? Self.moveHead : Self.updateRun, in: database)
        try statement.bind(next.sequence, at: 1)
        try statement.bind(Int64(bitPattern: next.checksum), at: 2)
        try statement.bind(tail.number, at: 3)
        try statement.bind(tail.sequence, at: 4)
        try statement.bind(update?.updatedAt ?? moment, at: 5)
        if let update {
            try statement.bind(update.state, at: 6)
            try statement.bind(update.outcome, at: 7)
        }
        try statement.execute()
        guard database.changesCount == 1 else {
            throw StoreError(
                .writeFailed(.heldElsewhere),
                "run \(run) was changed by another process although this engine holds the store's lock; "
                    + "stop whatever else writes to it"
            )
        }
        if update?.outcome == nil {
            self.remember(run, next)
        } else {
            self.tails[run] = nil
        }
    }

    private mutating func set(_ key: String, to value: String, in database: Database) throws -> StoreError? {
        try database.execute(
            sql:
                "INSERT INTO setting (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
            arguments: [key, value]
        )
        return nil
    }

    private mutating func tail(of run: String, in database: Database) throws -> Tail? {
        if let tail = self.tails[run] {
            return tail
        }
        let sql = "SELECT number, sequence, checksum FROM run WHERE id = ?"
        guard let row = try Row.fetchOne(database, sql: sql, arguments: [run]) else {
            return nil
        }
        let tail = Tail(number: row[0], sequence: row[1], checksum: UInt64(bitPattern: row[2]))
        self.remember(run, tail)
        return tail
    }

    private mutating func remember(_ run: String, _ tail: Tail) {
        if self.tails.count >= JournalLimits.rememberedRuns {
            self.tails.removeAll(keepingCapacity: true)
        }
        self.tails[run] = tail
    }

    /// The one rule for what may follow what; nothing of a batch is written unless all of it fits.
    private static func gap(in records: [JournalRecord], after last: Int64, of run: String) -> StoreError? {
        var due = last + 1
        for record in records {
            guard record.sequence == due else {
                return .sequenceConflict(run: run, expected: due, found: record.sequence)
            }
            due += 1
        }
        return nil
    }

    private static let insertRun = """
        INSERT INTO run (id, runbook, title, plan_digest, requested_by, created_at, parameters, locks, state, outcome,
            updated_at, sequence, checksum)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?) ON CONFLICT (id) DO NOTHING
        """
    private static let insertRecord =
        "INSERT INTO record (run, sequence, at, kind, body, checksum) VALUES (?, ?, ?, ?, ?, ?)"
    private static let moveHead = """
        UPDATE run SET sequence = ?1, checksum = ?2, updated_at = ifnull(?5, updated_at)
        WHERE number = ?3 AND sequence = ?4
        """
    private static let updateRun = """
        UPDATE run SET sequence = ?1, checksum = ?2, updated_at = ?5, state = ?6, outcome = ?7
        WHERE number = ?3 AND sequence = ?4
        """
}

extension JournalWriter.Weight {
    init(_ records: [JournalRecord]) {
        self.init(records: max(1, records.count), bytes: records.reduce(0) { $0 + $1.body.count })
    }
}
