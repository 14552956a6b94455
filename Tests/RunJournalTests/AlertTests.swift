// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunJournal
import Testing

/// What is sent to us, on disk.
@Suite struct AlertTests {
    private static func row(_ subject: String, runbook: String = "drain", began: String = "1") -> AlertRow {
        AlertRow(runbook: runbook, subject: subject, began: began, at: 1_000, body: "{}")
    }

    @Test func `the same is taken once, and known after a restart`() async throws {
        let place = TemporaryStore()
        let store = try place.open()
        let first = try await store.takeAlerts([Self.row("a"), Self.row("b"), Self.row("a")])
        #expect(first == [1, 2, nil])
        await store.close()
        let again = try place.open()
        let second = try await again.takeAlerts([
            Self.row("a"), Self.row("a", runbook: "tell"), Self.row("a", began: "2"),
        ])
        #expect(second.map { $0 == nil } == [true, false, false])
        #expect(try await again.waitingAlerts().map(\.row.subject) == ["a", "b", "a", "a"])
        await again.close()
    }

    // Goal: nothing is acted upon twice, whatever dies in between.
    // Method: the run and the alert's answer are one transaction, so a second run for the same alert must fail and leave nothing.
    @Test func `a run is the one answer of an alert`() async throws {
        let place = TemporaryStore()
        let store = try place.open()
        let number = try #require(try await store.takeAlerts([Self.row("a")])[0])
        try await store.createRun(.sample("r-1"), answering: number)
        #expect(try await store.waitingAlerts().isEmpty)
        #expect(try await store.alertSubjects() == ["r-1": "a"])
        let error = await #expect(throws: StoreError.self) {
            try await store.createRun(.sample("r-2"), answering: number)
        }
        #expect(error?.code == .alertAnswered)
        #expect(try await store.runs(.latest(9)).map(\.id) == ["r-1"])
        // It was a no, and not a failure: the store goes on.
        try await store.createRun(.sample("r-3"))
        await store.close()
    }

    @Test func `a name that is taken leaves the alert without an answer`() async throws {
        let place = TemporaryStore()
        let store = try place.open()
        let number = try #require(try await store.takeAlerts([Self.row("a")])[0])
        try await store.createRun(.sample("r-1"))
        await #expect(throws: StoreError.self) { try await store.createRun(.sample("r-1"), answering: number) }
        #expect(try await store.waitingAlerts().map(\.number) == [number])
        await store.close()
    }

    @Test func `what is over or answered waits no more, and is forgotten in time`() async throws {
        let place = TemporaryStore()
        let store = try place.open()
        let numbers = try await store.takeAlerts([Self.row("a"), Self.row("b"), Self.row("c")]).compactMap { $0 }
        try await store.answerAlerts([numbers[0]], "refused")
        try await store.resolveAlerts(["b"], "over")
        #expect(try await store.waitingAlerts().map(\.row.subject) == ["c"])
        try await store.forgetAlerts(before: 2_000)
        // What waits is never forgotten; what was answered is new again.
        #expect(try await store.takeAlerts([Self.row("a"), Self.row("c")]).map { $0 == nil } == [false, true])
        await store.close()
    }
}
