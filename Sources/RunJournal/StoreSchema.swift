// Selfheal
// SPDX-License-Identifier: Apache-2.0

import GRDB

/// The tables, and how an older store becomes a newer one.
///
/// A released step is never edited; a change is a new step at the end.
enum StoreSchema {
    /// Marks the file as ours (`file selfheal.db` shows it): the letters `SHRB`.
    static let applicationID = 0x5348_5242

    /// What each version adds to the one before it; the first makes version 1.
    static let steps: [String] = [
        """
        CREATE TABLE store (
            only INTEGER PRIMARY KEY CHECK (only = 1),
            term INTEGER NOT NULL
        ) STRICT;
        INSERT INTO store (only, term) VALUES (1, 0);

        CREATE TABLE setting (
            key TEXT PRIMARY KEY,
            value TEXT NOT NULL
        ) STRICT, WITHOUT ROWID;

        CREATE TABLE run (
            number INTEGER PRIMARY KEY,
            id TEXT NOT NULL UNIQUE,
            runbook TEXT NOT NULL,
            title TEXT NOT NULL,
            plan_digest TEXT NOT NULL,
            requested_by TEXT NOT NULL,
            created_at INTEGER NOT NULL,
            parameters TEXT NOT NULL,
            locks TEXT NOT NULL,
            state TEXT NOT NULL,
            outcome TEXT,
            updated_at INTEGER NOT NULL,
            sequence INTEGER NOT NULL,
            checksum INTEGER NOT NULL
        ) STRICT;
        CREATE INDEX run_unfinished ON run (number) WHERE outcome IS NULL;

        CREATE TABLE run_text (
            run INTEGER PRIMARY KEY REFERENCES run (number),
            plan TEXT NOT NULL,
            source TEXT NOT NULL
        ) STRICT;

        CREATE TABLE record (
            number INTEGER PRIMARY KEY,
            run INTEGER NOT NULL REFERENCES run (number),
            sequence INTEGER NOT NULL,
            at INTEGER NOT NULL,
            kind TEXT NOT NULL,
            body TEXT NOT NULL,
            checksum INTEGER NOT NULL
        ) STRICT;
        CREATE UNIQUE INDEX record_order ON record (run, sequence);
        """,
        """
        CREATE TABLE alert (
            number INTEGER PRIMARY KEY,
            runbook TEXT NOT NULL,
            subject TEXT NOT NULL,
            began TEXT NOT NULL,
            at INTEGER NOT NULL,
            body TEXT NOT NULL,
            run TEXT,
            answer TEXT,
            UNIQUE (runbook, subject, began)
        ) STRICT;
        CREATE INDEX alert_waiting ON alert (number) WHERE answer IS NULL;
        CREATE INDEX alert_subject ON alert (subject) WHERE answer IS NULL;
        CREATE INDEX alert_at ON alert (at);
        """,
    ]

    static var version: Int { steps.count }

    /// Brings an empty or older database to the version this engine knows, in one transaction.
    static func migrate(_ database: Database, path: String) throws {
        try database.inTransaction(.immediate) {
            let found = try self.inspect(database, path: path)
            guard found < self.version else {
                return .commit
            }
            for step in self.steps[found...] {
                try database.execute(sql: step)
            }
            try database.execute(sql: "PRAGMA application_id = \(self.applicationID)")
            try database.execute(sql: "PRAGMA user_version = \(self.version)")
            return .commit
        }
    }

    /// The version found: 0 for an empty file, an error for one that is not ours or newer than we are.
    static func inspect(_ database: Database, path: String) throws -> Int {
        let application = try Int.fetchOne(database, sql: "PRAGMA application_id") ?? 0
        let found = try Int.fetchOne(database, sql: "PRAGMA user_version") ?? 0
        guard application == self.applicationID else {
            let tables = try Int.fetchOne(database, sql: "SELECT count(*) FROM sqlite_schema") ?? 0
            guard application == 0, found == 0, tables == 0 else {
                throw StoreError(.foreignFile, "\(path) is a SQLite database, but not a Selfheal store")
            }
            return 0
        }
        guard (0...self.version).contains(found) else {
            throw StoreError(
                .schemaTooNew(found: found, known: self.version),
                "\(path) was written by a newer Selfheal (schema \(found), this one knows \(self.version)); "
                    + "use that version, nothing was changed"
            )
        }
        return found
    }

    /// Begins a new engine's term.
    static func startTerm(_ database: Database) throws -> UInt64 {
        try database.execute(sql: "UPDATE store SET term = term + 1")
        return try self.term(database)
    }

    static func term(_ database: Database) throws -> UInt64 {
        guard let term = try Int64.fetchOne(database, sql: "SELECT term FROM store") else {
            throw StoreError(.foreignFile, "the store has lost its term; restore it from a backup")
        }
        return UInt64(bitPattern: term)
    }
}
