// Selfheal
// SPDX-License-Identifier: Apache-2.0

import GRDB

/// The embedded store: every run's plan, state and records in one SQLite file.
///
/// One process at a time is the *engine* of a folder and may write; any number may read, with or without an engine.
/// What ``append(_:runUpdate:)`` has returned from survives the loss of power: the log is flushed with every commit
/// (`journal_mode=WAL`, `synchronous=FULL`, both read back after opening).
package final class RunStore: Sendable {
    package enum Mode: Hashable, Sendable {
        /// Takes the folder's lock, creates or migrates the store, and starts a new term.
        case engine
        /// Changes nothing, not even by folding the log into the database.
        case readOnly
    }

    /// The database file, for messages.
    package let path: String
    package let mode: Mode
    /// The fencing number: grows by one with every engine that opens the store, and is durable before it is told.
    ///
    /// For a reader it is the term of the last engine at the time of opening.
    package let term: UInt64

    let reader: DatabaseQueue
    let gate = ReaderGate()
    private let committer: GroupCommitter?
    private let lock: EngineLock?

    private init(
        _ folder: StoreFolder,
        mode: Mode,
        term: UInt64,
        reader: DatabaseQueue,
        committer: GroupCommitter?,
        lock: EngineLock?
    ) {
        self.path = folder.database
        self.mode = mode
        self.term = term
        self.reader = reader
        self.committer = committer
        self.lock = lock
    }

    deinit {
        // The order matters: whoever takes the lock next must find the connections closed.
        try? self.reader.close()
        self.committer?.abandon()
        self.lock?.release()
    }

    /// Opens the store in a folder; an engine creates folder and store if they are missing.
    package static func open(
        folder path: String,
        mode: Mode,
        faults: StoreFaults = StoreFaults()
    ) throws(StoreError) -> RunStore {
        let folder = StoreFolder(path: path)
        switch mode {
        case .engine: return try self.openEngine(folder, faults: faults)
        case .readOnly: return try self.openReader(folder)
        }
    }

    private static func openEngine(_ folder: StoreFolder, faults: StoreFaults) throws(StoreError) -> RunStore {
        try folder.prepare()
        let lock = try EngineLock(folder)
        try folder.createDatabase()
        do {
            let database = try Connection.writing(to: folder.database, pageLimit: faults.pageLimit)
            let term = try database.write { try StoreSchema.startTerm($0) }
            return RunStore(
                folder,
                mode: .engine,
                term: term,
                reader: try Connection.reading(from: folder.database),
                committer: GroupCommitter(database, folder: folder, faults: faults),
                lock: lock
            )
        } catch {
            throw .opening(folder.database, error)
        }
    }

    private static func openReader(_ folder: StoreFolder) throws(StoreError) -> RunStore {
        try folder.inspect()
        guard folder.hasDatabase else {
            throw StoreError(.noStore, "there is no store in \(folder.path); an engine creates it when it starts")
        }
        do {
            let reader = try Connection.reading(from: folder.database)
            let term = try reader.read { try StoreSchema.term($0) }
            return RunStore(folder, mode: .readOnly, term: term, reader: reader, committer: nil, lock: nil)
        } catch {
            throw .opening(folder.database, error)
        }
    }

    /// Waits for whoever reads and for what was accepted, closes the file and gives the folder free.
    package func close() async {
        await self.gate.close()
        try? self.reader.close()
        await self.committer?.close()
        self.lock?.release()
    }
}

// MARK: - Writing

extension RunStore {
    /// Creates a run, with the records it starts with, in one transaction.
    ///
    /// With an alert, the run is its answer: both are written or neither, and an alert that has an answer gets no second one.
    package func createRun(
        _ row: RunRow,
        first: [JournalRecord] = [],
        answering alert: Int64? = nil
    ) async throws(StoreError) {
        try WorkCheck.check(row)
        try WorkCheck.check(first, of: row.summary.id)
        try await self.writer().perform(.createRun(row, first: first, answering: alert))
    }

    /// Makes records durable, together with what they change about their run, and returns then.
    ///
    /// All records belong to one run, and follow its last one without a gap; else nothing of the batch is
    /// written and the run must stop. Calls for one run must not overlap; calls for different runs share
    /// transactions. After a failed write every further call fails with the same error.
    package func append(_ batch: [JournalRecord], runUpdate: RunUpdate? = nil) async throws(StoreError) {
        guard let run = batch.first?.run ?? runUpdate?.run else {
            return
        }
        try WorkCheck.check(batch, of: run)
        if let runUpdate {
            try WorkCheck.check(runUpdate, of: run)
        }
        try await self.writer().perform(.append(batch, runUpdate))
    }

    /// Keeps a value that outlives restarts, such as the kill switch.
    package func setSetting(_ key: String, to value: String) async throws(StoreError) {
        try WorkCheck.check(setting: key, value)
        try await self.writer().perform(.setSetting(key: key, value: value))
    }

    func writer() throws(StoreError) -> GroupCommitter {
        guard let committer = self.committer else {
            throw StoreError(.readOnly, "the store \(self.path) was opened for reading only")
        }
        return committer
    }
}

// MARK: - Looking at it

extension RunStore {
    /// The engine's settings as SQLite reports them now; a reader has none.
    package func durability() async throws(StoreError) -> Durability {
        try await self.writer().durability()
    }
}
