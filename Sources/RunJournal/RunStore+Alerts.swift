// Selfheal
// SPDX-License-Identifier: Apache-2.0

import GRDB
import Synchronization

/// Something that was sent to us and asks for a runbook.
package struct AlertRow: Hashable, Sendable {
    package var runbook: String
    package var subject: String
    /// Tells one incident about a subject from the next.
    package var began: String
    /// Milliseconds UTC.
    package var at: Int64
    /// JSON text; the store does not look inside.
    package var body: String

    package init(runbook: String, subject: String, began: String, at: Int64, body: String) {
        self.runbook = runbook
        self.subject = subject
        self.began = began
        self.at = at
        self.body = body
    }
}

/// An alert that has no answer.
package struct WaitingAlert: Hashable, Sendable {
    package var number: Int64
    package var row: AlertRow
}

/// What was sent to us, until it has an answer, and for some time after that so that it is known again.
extension RunStore {
    /// Makes alerts durable; says for each its number, or nothing if the same was taken before.
    package func takeAlerts(_ rows: [AlertRow]) async throws(StoreError) -> [Int64?] {
        guard rows.count <= JournalLimits.recordsPerAppend else {
            throw .invalid("\(rows.count) alerts in one call; \(JournalLimits.recordsPerAppend) is the limit")
        }
        for row in rows {
            try WorkCheck.check(row)
        }
        let numbers = Box()
        try await self.writer().perform(.takeAlerts(rows) { taken in numbers.value.withLock { $0 = taken } })
        return numbers.value.withLock { $0 }
    }

    /// Writes down that no run comes of them, and why.
    package func answerAlerts(_ numbers: [Int64], _ answer: String) async throws(StoreError) {
        try WorkCheck.check(setting: "answer", answer)
        try await self.writer().perform(.answerAlerts(numbers, answer))
    }

    /// Answers whatever about these subjects has no answer.
    package func resolveAlerts(_ subjects: [String], _ answer: String) async throws(StoreError) {
        try WorkCheck.check(setting: "answer", answer)
        try await self.writer().perform(.resolveAlerts(subjects, answer))
    }

    /// Forgets alerts with an answer that came before a moment.
    package func forgetAlerts(before moment: Int64) async throws(StoreError) {
        try await self.writer().perform(.forgetAlerts(before: moment))
    }

    /// Every alert without an answer, in the order in which they came.
    package func waitingAlerts() async throws(StoreError) -> [WaitingAlert] {
        try await self.read { database in
            try Row.fetchAll(
                database,
                sql: "SELECT number, runbook, subject, began, at, body FROM alert WHERE answer IS NULL ORDER BY number"
            ).map { row in
                WaitingAlert(
                    number: row[0],
                    row: AlertRow(runbook: row[1], subject: row[2], began: row[3], at: row[4], body: row[5])
                )
            }
        }
    }

    /// What the alert was about that a run answers, by the run's identifier.
    package func alertSubjects() async throws(StoreError) -> [String: String] {
        try await self.read { database in
            let rows = try Row.fetchAll(
                database,
                sql: "SELECT run, subject FROM alert WHERE run IS NOT NULL ORDER BY number DESC LIMIT ?",
                arguments: [JournalLimits.runsPerListing]
            )
            return Dictionary(rows.map { ($0[0] as String, $0[1] as String) }) { first, _ in first }
        }
    }

    private final class Box: Sendable {
        let value = Mutex<[Int64?]>([])
    }
}

/// The table of alerts, as the writer sees it.
enum AlertInbox {
    static func take(_ rows: [AlertRow], in database: Database) throws -> [Int64?] {
        let insert = try database.cachedStatement(
            sql: """
                INSERT INTO alert (runbook, subject, began, at, body) VALUES (?, ?, ?, ?, ?)
                ON CONFLICT (runbook, subject, began) DO NOTHING
                """
        )
        return try rows.map { row in
            insert.setUncheckedArguments([row.runbook, row.subject, row.began, row.at, row.body])
            try insert.execute()
            return database.changesCount == 1 ? database.lastInsertedRowID : nil
        }
    }

    /// Says whether it was without an answer, and so is answered by the run now.
    static func answer(_ number: Int64, by run: String, in database: Database) throws -> Bool {
        try database.execute(
            sql: "UPDATE alert SET run = ?, answer = 'run' WHERE number = ? AND answer IS NULL",
            arguments: [run, number]
        )
        return database.changesCount == 1
    }

    static func answer(_ numbers: [Int64], _ answer: String, in database: Database) throws {
        for number in numbers {
            try database.execute(
                sql: "UPDATE alert SET answer = ? WHERE number = ? AND answer IS NULL",
                arguments: [answer, number]
            )
        }
    }

    static func resolve(_ subjects: [String], _ answer: String, in database: Database) throws {
        for subject in subjects {
            try database.execute(
                sql: "UPDATE alert SET answer = ? WHERE subject = ? AND answer IS NULL",
                arguments: [answer, subject]
            )
        }
    }

    /// So many at a time, so that nobody waits for long.
    static func forget(before moment: Int64, in database: Database) throws {
        try database.execute(
            sql: """
                DELETE FROM alert WHERE number IN
                    (SELECT number FROM alert WHERE at < ? AND answer IS NOT NULL LIMIT ?)
                """,
            arguments: [moment, JournalLimits.recordsPerTransaction]
        )
    }
}
