// Selfheal
// SPDX-License-Identifier: Apache-2.0

import GRDB
import Synchronization

/// Which runs may be forgotten.
package struct ForgettingRule: Hashable, Sendable {
    /// Nothing that ended since this moment (milliseconds UTC) is forgotten, whatever else holds.
    package var endedBefore: Int64
    /// Runs that ended before this moment are forgotten; without it age alone forgets nothing.
    package var olderThan: Int64?
    /// Beyond so many, the oldest are forgotten; without it number alone forgets nothing.
    package var keeping: Int?

    package init(endedBefore: Int64, olderThan: Int64? = nil, keeping: Int? = nil) {
        self.endedBefore = endedBefore
        self.olderThan = olderThan
        self.keeping = keeping
    }
}

/// What one slice of forgetting did.
package struct ForgettingSlice: Hashable, Sendable {
    /// The runs of which nothing is left, by their identifiers.
    package var forgotten: [String] = []
    /// Whether there is nothing more to forget.
    package var isDone = false

    package init(forgotten: [String] = [], isDone: Bool = false) {
        self.forgotten = forgotten
        self.isDone = isDone
    }
}

/// Old runs are forgotten: their plans, texts and records.
///
/// ```
///     ended ──mark──▶ forgotten ──records, some at a time──▶ gone, with a tombstone
/// ```
///
/// From the mark on, which is one transaction, nobody is shown the run any more; an engine that ends in between leaves the rest of it, and the
/// next sweep goes on there. The tombstone says that the run has ended, which whoever tidies hosts up asks about.
extension RunStore {
    /// Takes one step, which keeps other writers waiting for no longer than ``ForgetfulWriter/recordsPerSlice`` records take.
    package func forgetSomeRuns(_ rule: ForgettingRule) async throws(StoreError) -> ForgettingSlice {
        let writer = try self.writer()
        guard let run = try await self.nextToForget(rule) else {
            try await writer.perform(.forgetTombstones(before: rule.endedBefore - ForgetfulWriter.tombstoneLife))
            return ForgettingSlice(isDone: true)
        }
        let isGone = Flag()
        try await writer.perform(.forgetRun(run.number) { gone in isGone.value.withLock { $0 = gone } })
        return ForgettingSlice(forgotten: isGone.value.withLock { $0 } ? [run.id] : [])
    }

    /// When a run ended that was forgotten since; nothing for any other.
    package func endOfForgottenRun(_ id: String) async throws(StoreError) -> Int64? {
        try await self.setting(ForgetfulWriter.tombstone(of: id)).flatMap { Int64($0) }
    }

    private struct Candidate: Sendable {
        let number: Int64
        let id: String
    }

    /// What was begun first, then the oldest that the rule fits.
    private func nextToForget(_ rule: ForgettingRule) async throws(StoreError) -> Candidate? {
        try await self.read { database in
            let marked = "SELECT number, id FROM run WHERE state = ? ORDER BY number LIMIT 1"
            if let row = try Row.fetchOne(database, sql: marked, arguments: [ForgetfulWriter.mark]) {
                return Candidate(number: row[0], id: row[1])
            }
            // The newest that is one too many.
            let surplus = try rule.keeping.flatMap { keeping in
                try Int64.fetchOne(
                    database,
                    sql: "SELECT number FROM run ORDER BY number DESC LIMIT 1 OFFSET ?",
                    arguments: [keeping]
                )
            }
            return try Row.fetchOne(
                database,
                sql: """
                    SELECT number, id FROM run
                    WHERE outcome IS NOT NULL AND updated_at < ?1 AND (updated_at < ?2 OR number <= ?3)
                    ORDER BY number LIMIT 1
                    """,
                arguments: [rule.endedBefore, rule.olderThan ?? .min, surplus ?? .min]
            ).map { Candidate(number: $0[0], id: $0[1]) }
        }
    }

    private final class Flag: Sendable {
        let value = Mutex(false)
    }
}

/// Forgetting, as the writer sees it.
enum ForgetfulWriter {
    /// The state of a run that is being forgotten.
    static let mark = "forgotten"
    /// Records that are deleted in one transaction.
    static let recordsPerSlice = 200
    /// How long it is known that a forgotten run had ended: far longer than anything of it is left on hosts.
    static let tombstoneLife: Int64 = 400 * 86_400_000

    static func tombstone(of id: String) -> String {
        "\(self.mark) \(id)"
    }

    /// Says whether nothing is left of the run; one that has not ended is left alone.
    static func forget(_ number: Int64, in database: Database) throws -> Bool {
        try database.execute(
            sql: "UPDATE run SET state = ? WHERE number = ? AND outcome IS NOT NULL",
            arguments: [self.mark, number]
        )
        guard database.changesCount == 1 else {
            return false
        }
        try database.execute(
            sql:
                "DELETE FROM record WHERE number IN (SELECT number FROM record WHERE run = ? ORDER BY sequence LIMIT ?)",
            arguments: [number, self.recordsPerSlice]
        )
        guard database.changesCount < self.recordsPerSlice else {
            return false
        }
        try database.execute(
            sql: """
                INSERT INTO setting (key, value) SELECT ? || ' ' || id, updated_at FROM run WHERE number = ?
                ON CONFLICT (key) DO UPDATE SET value = excluded.value
                """,
            arguments: [self.mark, number]
        )
        try database.execute(sql: "DELETE FROM run_text WHERE run = ?", arguments: [number])
        try database.execute(sql: "DELETE FROM run WHERE number = ?", arguments: [number])
        return true
    }

    static func forgetTombstones(before moment: Int64, in database: Database) throws {
        try database.execute(
            sql: """
                DELETE FROM setting WHERE key IN (
                    SELECT key FROM setting WHERE key > ?1 || ' ' AND key < ?1 || '!' AND CAST(value AS INTEGER) < ?2
                    LIMIT ?3)
                """,
            arguments: [self.mark, moment, JournalLimits.recordsPerTransaction]
        )
    }
}
