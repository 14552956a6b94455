// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Foundation
import RunJournal

/// A folder for one test's store, removed with the value.
final class TemporaryStore: Sendable {
    let folder: String

    init() {
        self.folder = NSTemporaryDirectory() + "selfheal-store-\(UUID().uuidString)"
    }

    deinit {
        try? FileManager.default.removeItem(atPath: self.folder)
    }

    var database: String { "\(self.folder)/selfheal.db" }

    func open(_ mode: RunStore.Mode = .engine, faults: StoreFaults = StoreFaults()) throws -> RunStore {
        try RunStore.open(folder: self.folder, mode: mode, faults: faults)
    }

    /// Changes bytes of the closed database file behind the store's back.
    func replace(_ old: String, with new: String) throws {
        precondition(old.utf8.count == new.utf8.count)
        var file = try Data(contentsOf: URL(fileURLWithPath: self.database))
        while let range = file.range(of: Data(old.utf8)) {
            file.replaceSubrange(range, with: Data(new.utf8))
        }
        try file.write(to: URL(fileURLWithPath: self.database))
    }
}

extension RunRow {
    static func sample(_ id: String, state: String = "running", outcome: String? = nil) -> RunRow {
        RunRow(
            summary: RunSummary(
                id: id,
                runbook: "drain",
                title: "Drain a broker",
                planDigest: "sha256:00",
                requestedBy: "ada",
                createdAt: 1_000,
                parameters: #"{"node":"b1"}"#,
                locks: ["cluster", "rack:4"],
                state: state,
                outcome: outcome,
                updatedAt: 1_000
            ),
            plan: Array(#"{"states":[]}"#.utf8),
            source: "runbook: drain\n"
        )
    }
}

extension JournalRecord {
    static func sample(_ run: String, _ sequence: Int64, _ body: String = "{}") -> JournalRecord {
        JournalRecord(run: run, sequence: sequence, at: 1_000 + sequence, kind: "step_ended", body: Array(body.utf8))
    }
}
