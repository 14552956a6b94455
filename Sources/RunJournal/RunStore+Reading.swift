// Selfheal
// SPDX-License-Identifier: Apache-2.0

import GRDB

extension RunStore {
    /// A run's records from a sequence number on, oldest first, each one checked against its predecessor.
    ///
    /// At most `limit` records, and fewer at ``JournalLimits/recordsPerRead`` and ``JournalLimits/bytesPerRead``: only
    /// an empty answer means that there are no more. A record that is damaged or missing is an error that names it.
    package func records(
        of run: String,
        from first: Int64 = 1,
        limit: Int = JournalLimits.recordsPerRead
    ) async throws(StoreError) -> [JournalRecord] {
        let limit = min(limit, JournalLimits.recordsPerRead)
        guard limit > 0 else {
            return []
        }
        return try await self.read { database in
            guard let row = try Row.fetchOne(database, sql: Self.selectOne, arguments: [run]) else {
                throw StoreError.unknownRun(run)
            }
            let head = ChainHead(
                run: run,
                number: row["number"],
                sequence: row["sequence"],
                checksum: UInt64(bitPattern: row["checksum"]),
                start: RecordChecksum.start(of: Self.summary(row))
            )
            var chain = try RecordChain(head, from: max(first, 1), in: database)
            let rows = try Row.fetchCursor(
                database,
                sql: """
                    SELECT sequence, at, kind, body, checksum FROM record
                    WHERE run = ? AND sequence >= ? ORDER BY sequence LIMIT ?
                    """,
                arguments: [head.number, max(first, 1), limit]
            )
            var records: [JournalRecord] = []
            var bytes = 0
            while bytes < JournalLimits.bytesPerRead, let row = try rows.next() {
                let record = try chain.check(row)
                bytes += record.body.count
                records.append(record)
            }
            if records.count < limit, bytes < JournalLimits.bytesPerRead {
                try chain.requireEnd()
            }
            return records
        }
    }

    package func runs(_ filter: RunFilter) async throws(StoreError) -> [RunSummary] {
        try await self.read { database in
            let (condition, arguments) = Self.condition(filter)
            return try Row.fetchAll(database, sql: Self.selectRun + condition, arguments: arguments).map(Self.summary)
        }
    }

    /// One run with its plan and source.
    package func run(_ id: String) async throws(StoreError) -> RunRow {
        try await self.read { database in
            guard let row = try Row.fetchOne(database, sql: Self.selectOne, arguments: [id]) else {
                throw StoreError.unknownRun(id)
            }
            let number: Int64 = row["number"]
            guard
                let text = try Row.fetchOne(
                    database,
                    sql: "SELECT plan, source FROM run_text WHERE run = ?",
                    arguments: [number]
                )
            else {
                throw StoreError.corrupt(run: id, sequence: 0, "its plan is missing")
            }
            let plan: String = text[0]
            return RunRow(summary: Self.summary(row), plan: Array(plan.utf8), source: text[1])
        }
    }

    /// The one run whose identifier starts so; what people type is short.
    package func findRun(_ prefix: String) async throws(StoreError) -> RunSummary {
        let matches = try await self.runs(.identifierPrefix(prefix))
        if let exact = matches.first(where: { $0.id == prefix }) {
            return exact
        }
        guard let match = matches.first, !prefix.isEmpty else {
            throw .unknownRun(prefix)
        }
        guard matches.count == 1 else {
            let names = matches.prefix(Self.candidatesShown).map(\.id).joined(separator: ", ")
            let more = matches.count > Self.candidatesShown ? ", …" : ""
            throw StoreError(
                .ambiguousRun(prefix: prefix),
                "'\(prefix)' is the start of \(matches.count) runs: \(names)\(more); write more of it"
            )
        }
        return match
    }

    package func setting(_ key: String) async throws(StoreError) -> String? {
        try await self.read { database in
            try String.fetchOne(database, sql: "SELECT value FROM setting WHERE key = ?", arguments: [key])
        }
    }

    private static let candidatesShown = 5

    private static let selectRun = """
        SELECT number, id, runbook, title, plan_digest, requested_by, created_at, parameters, locks, state, outcome,
            updated_at, sequence, checksum
        FROM run
        """

    /// Not one that is being forgotten, of which there may be only a part.
    private static let selectOne = selectRun + " WHERE id = ? AND state <> 'forgotten'"

    private static func condition(_ filter: RunFilter) -> (sql: String, arguments: StatementArguments) {
        switch filter {
        case .unfinished:
            (" WHERE outcome IS NULL ORDER BY number", [])
        case .inState(let state):
            (" WHERE state = ? ORDER BY number", [state])
        case .latest(let count):
            (
                " WHERE state <> 'forgotten' ORDER BY number DESC LIMIT ?",
                [max(0, min(count, JournalLimits.runsPerListing))]
            )
        case .identifierPrefix(let prefix):
            // The greatest Unicode scalar sorts behind every way to go on.
            (
                " WHERE id >= ? AND id < ? AND state <> 'forgotten' ORDER BY number DESC LIMIT ?",
                [prefix, prefix + "\u{10FFFF}", JournalLimits.runsPerListing]
            )
        }
    }

    private static func summary(_ row: Row) -> RunSummary {
        let locks: String = row["locks"]
        var run = RunSummary(
            id: row["id"],
            runbook: row["runbook"],
            title: row["title"],
            planDigest: row["plan_digest"],
            requestedBy: row["requested_by"],
            createdAt: row["created_at"],
            parameters: row["parameters"],
            locks: locks.split(separator: "\n").map(String.init),
            state: row["state"],
            outcome: row["outcome"],
            updatedAt: row["updated_at"]
        )
        run.recordCount = row["sequence"]
        return run
    }

    /// Runs on the reader's own queue, in a snapshot: an engine that writes meanwhile is neither seen nor stopped.
    func read<Value: Sendable>(
        _ body: @escaping @Sendable (Database) throws -> Value
    ) async throws(StoreError) -> Value {
        guard self.gate.enter() else {
            throw .closed(self.path)
        }
        defer { self.gate.leave() }
        do {
            return try await self.reader.read(body)
        } catch {
            throw .reading(from: self.path, error)
        }
    }
}
