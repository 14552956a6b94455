// Selfheal
// SPDX-License-Identifier: Apache-2.0

import GRDB

/// How the two kinds of connection are set up.
enum Connection {
    /// The one connection that writes and checkpoints.
    static func writing(to path: String, pageLimit: Int?) throws -> DatabaseQueue {
        var configuration = self.common(label: "selfheal.journal")
        configuration.journalMode = .wal
        let database = try DatabaseQueue(path: path, configuration: configuration)
        try database.writeWithoutTransaction { database in
            // Only now: turning on WAL makes GRDB lower this to NORMAL, whatever it was before, and then a
            // commit is not flushed.
            try database.execute(sql: "PRAGMA synchronous = FULL")
            try database.execute(sql: "PRAGMA wal_autocheckpoint = \(JournalLimits.checkpointPages)")
            if let pageLimit {
                try database.execute(sql: "PRAGMA max_page_count = \(pageLimit)")
            }
            try Durability.read(database).require(at: path)
            try StoreSchema.migrate(database, path: path)
        }
        return database
    }

    /// A connection that cannot write and never checkpoints, so it may stand beside an engine's.
    static func reading(from path: String) throws -> DatabaseQueue {
        var configuration = self.common(label: "selfheal.reader")
        configuration.readonly = true
        configuration.prepareDatabase { try $0.execute(sql: "PRAGMA query_only = 1") }
        let database = try DatabaseQueue(path: path, configuration: configuration)
        let found = try database.read { try StoreSchema.inspect($0, path: path) }
        guard found > 0 else {
            throw StoreError(.noStore, "\(path) is empty; an engine fills it when it starts")
        }
        guard found == StoreSchema.version else {
            throw StoreError(
                .schemaTooOld(found: found, known: StoreSchema.version),
                "\(path) has the older schema \(found); start the engine once, it brings the store up to date"
            )
        }
        return database
    }

    private static func common(label: String) -> Configuration {
        var configuration = Configuration()
        configuration.label = label
        configuration.busyMode = .timeout(JournalLimits.busySeconds)
        // Mapped files turn an I/O error into a signal, and were part of a corruption seen with WAL.
        configuration.prepareDatabase { try $0.execute(sql: "PRAGMA mmap_size = 0") }
        return configuration
    }
}

/// The settings that durability rests on, as SQLite reports them.
package struct Durability: Hashable, Sendable {
    package var journalMode: String
    /// 2 is FULL: the log is flushed with every commit.
    package var synchronous: Int
    package var mappedBytes: Int

    package init(journalMode: String, synchronous: Int, mappedBytes: Int) {
        self.journalMode = journalMode
        self.synchronous = synchronous
        self.mappedBytes = mappedBytes
    }

    static func read(_ database: Database) throws -> Durability {
        Durability(
            journalMode: try String.fetchOne(database, sql: "PRAGMA journal_mode") ?? "unknown",
            synchronous: try Int.fetchOne(database, sql: "PRAGMA synchronous") ?? -1,
            mappedBytes: try Int.fetchOne(database, sql: "PRAGMA mmap_size") ?? 0
        )
    }

    func require(at path: String) throws(StoreError) {
        guard self == Durability(journalMode: "wal", synchronous: 2, mappedBytes: 0) else {
            throw StoreError(
                .notDurable,
                "SQLite refused the settings that make \(path) durable: journal_mode \(self.journalMode), "
                    + "synchronous \(self.synchronous), mmap_size \(self.mappedBytes); use a local disk"
            )
        }
    }
}
