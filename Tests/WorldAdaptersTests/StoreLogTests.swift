// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Glibc
import RunCore
import RunJournal
import RunPorts
import RunVocabulary
import Testing
import WorldAdapters

@Suite struct StoreLogTests {
    private static let run: RunID = "20261121-034210-test"

    private static func withStore(_ body: (RunStore) async throws -> Void) async throws {
        let folder = "/tmp/selfheal-store-log-\(getpid())-\(UInt32.random(in: 0 ... .max))"
        let store = try RunStore.open(folder: folder, mode: .engine)
        try await store.createRun(
            RunRow(
                summary: RunSummary(
                    id: self.run.text,
                    runbook: "wide",
                    title: "A wide step",
                    planDigest: "sha256:0",
                    requestedBy: "test",
                    createdAt: 0,
                    parameters: "{}",
                    locks: [],
                    state: RunState.running.rawValue,
                    updatedAt: 0
                ),
                plan: Array("{}".utf8),
                source: ""
            )
        )
        let result: Result<Void, any Error>
        do {
            result = .success(try await body(store))
        } catch {
            result = .failure(error)
        }
        await store.close()
        for file in ["selfheal.db", "selfheal.db-wal", "selfheal.db-shm", "engine.lock"] {
            unlink("\(folder)/\(file)")
        }
        rmdir(folder)
        try result.get()
    }

    @Test func `a step that begins more effects than one append may hold is written all the same`() async throws {
        let count = 2 * JournalLimits.recordsPerAppend + 1
        let events = (1...count).map { RunEvent.began(EffectID("effect-\($0)"), at: Instant(milliseconds: Int64($0))) }
        try await Self.withStore { store in
            let update = RunStatus(state: .waitingForApproval, outcome: nil, at: Instant(milliseconds: 7))
            try await StoreLog(store: store).append(events, to: Self.run, from: 1, update: update)
            #expect(try await store.events(of: Self.run) == events)
            let row = try await store.run(Self.run.text)
            #expect(row.summary.state == RunState.waitingForApproval.rawValue)
        }
    }

    @Test func `large outputs that do not fit one append go into the next`() async throws {
        let text = String(repeating: "x", count: CommandReport.outputLimit)
        let report = CommandReport(.exited(status: 0), standardOutput: text, standardError: text)
        let count = JournalLimits.bytesPerAppend / (2 * CommandReport.outputLimit) + 1
        let events = (1...count).map {
            RunEvent.ended(EffectID("effect-\($0)"), report, at: Instant(milliseconds: Int64($0)))
        }
        try await Self.withStore { store in
            try await StoreLog(store: store).append(events, to: Self.run, from: 1, update: nil)
            #expect(try await store.events(of: Self.run).count == count)
        }
    }

    @Test func `without news the run keeps its state`() async throws {
        try await Self.withStore { store in
            let moment = Instant(milliseconds: 5)
            try await StoreLog(store: store).append([.started(at: moment)], to: Self.run, from: 1, update: nil)
            let summary = try await store.run(Self.run.text).summary
            #expect(summary.state == RunState.running.rawValue)
            #expect(summary.updatedAt == 5)
        }
    }
}
