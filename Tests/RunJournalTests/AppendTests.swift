// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Dispatch
import RunJournal
import Synchronization
import Testing

@Suite struct AppendTests {
    @Test func `records come back in order and with their bytes`() async throws {
        let place = TemporaryStore()
        let store = try place.open()
        try await store.createRun(.sample("r1"), first: [.sample("r1", 1, #"{"name":"änderung ☃"}"#)])
        try await store.append([.sample("r1", 2), .sample("r1", 3, "")])
        #expect(
            try await store.records(of: "r1") == [
                .sample("r1", 1, #"{"name":"änderung ☃"}"#), .sample("r1", 2), .sample("r1", 3, ""),
            ]
        )
        #expect(try await store.records(of: "r1", from: 2, limit: 1) == [.sample("r1", 2)])
        #expect(try await store.records(of: "r1", from: 4).isEmpty)
        #expect(try await store.records(of: "r1", from: 40).isEmpty)
    }

    @Test func `records outlive the engine, and the next one goes on behind them`() async throws {
        let place = TemporaryStore()
        let first = try place.open()
        try await first.createRun(.sample("r1"))
        try await first.append([.sample("r1", 1), .sample("r1", 2)])
        await first.close()
        let second = try place.open()
        try await second.append([.sample("r1", 3)])
        #expect(try await second.records(of: "r1").map(\.sequence) == [1, 2, 3])
    }

    // Goal: callers that share transactions get every record in, each run in its own order.
    // Method: 64 runs append one record at a time, all at once, and the whole journal is read back.
    @Test func `sixty-four concurrent appenders lose nothing and mix nothing up`() async throws {
        let place = TemporaryStore()
        let commits = Atomic(0)
        let store = try place.open(
            faults: StoreFaults(beforeCommit: { commits.add(1, ordering: .relaxed) })
        )
        let runs = (1...64).map { "run-\($0)" }
        let recordsPerRun: Int64 = 50
        try await withThrowingTaskGroup(of: Void.self) { group in
            for run in runs {
                group.addTask {
                    try await store.createRun(.sample(run))
                    for sequence in 1...recordsPerRun {
                        try await store.append([.sample(run, sequence, #"{"run":"\#(run)"}"#)])
                    }
                }
            }
            try await group.waitForAll()
        }
        for run in runs {
            let expected = (1...recordsPerRun).map { JournalRecord.sample(run, $0, #"{"run":"\#(run)"}"#) }
            #expect(try await store.records(of: run) == expected)
        }
        #expect(commits.load(ordering: .relaxed) < runs.count * Int(recordsPerRun), "nothing was grouped")
    }

    @Test(arguments: [[2], [4], [1, 3], [1, 1], [0]] as [[Int64]])
    func `a gap or a repetition is refused, and nothing of the batch is written`(sequences: [Int64]) async throws {
        let place = TemporaryStore()
        let store = try place.open()
        try await store.createRun(.sample("r1"))
        let batch = sequences.map { JournalRecord.sample("r1", $0) }
        let error = await #expect(throws: StoreError.self) { try await store.append(batch) }
        guard case .sequenceConflict(run: "r1", _, _) = error?.code else {
            Issue.record("unexpected: \(String(describing: error))")
            return
        }
        #expect(try await store.records(of: "r1").isEmpty)
        try await store.append([.sample("r1", 1)])
    }

    @Test func `one run's conflict does not touch the others of its transaction`() async throws {
        let place = TemporaryStore()
        let store = try place.open()
        for run in ["good", "bad"] {
            try await store.createRun(.sample(run), first: [.sample(run, 1)])
        }
        async let good: Void = store.append([.sample("good", 2)])
        await #expect(throws: StoreError.self) { try await store.append([.sample("bad", 1)]) }
        try await good
        #expect(try await store.records(of: "good").count == 2)
        #expect(try await store.records(of: "bad").count == 1)
    }

    @Test func `an update changes the run together with its records`() async throws {
        let place = TemporaryStore()
        let store = try place.open()
        try await store.createRun(.sample("r1"))
        let update = RunUpdate(run: "r1", state: "ended", outcome: "succeeded", updatedAt: 5_000)
        try await store.append([.sample("r1", 1)], runUpdate: update)
        let run = try await store.run("r1").summary
        #expect(run.state == "ended")
        #expect(run.outcome == "succeeded")
        #expect(run.updatedAt == 5_000)
        #expect(run.recordCount == 1)
        try await store.append([], runUpdate: RunUpdate(run: "r1", state: "seen", outcome: "failed", updatedAt: 6_000))
        #expect(try await store.run("r1").summary.outcome == "failed")
        try await store.append([.sample("r1", 2)])
    }

    @Test func `an unknown run and a second run of one name are refused`() async throws {
        let place = TemporaryStore()
        let store = try place.open()
        try await store.createRun(.sample("r1"))
        #expect(await Self.code { try await store.createRun(.sample("r1")) } == .duplicateRun("r1"))
        #expect(await Self.code { try await store.append([.sample("r2", 1)]) } == .unknownRun("r2"))
        #expect(await Self.code { _ = try await store.records(of: "r2") } == .unknownRun("r2"))
    }

    @Test func `what could not come back unchanged is refused before it is queued`() async throws {
        let place = TemporaryStore()
        let store = try place.open()
        try await store.createRun(.sample("r1"))
        var huge = JournalRecord.sample("r1", 1)
        huge.body = [UInt8](repeating: 0x20, count: JournalLimits.bodyBytes + 1)
        var broken = JournalRecord.sample("r1", 1)
        broken.body = [0xC3, 0x28]
        var cut = JournalRecord.sample("r1", 1)
        cut.body = [0x22, 0x00, 0x22]
        var nameless = JournalRecord.sample("r1", 1)
        nameless.kind = ""
        let many = (1...Int64(JournalLimits.recordsPerAppend + 1)).map { JournalRecord.sample("r1", $0) }
        let mixed = [JournalRecord.sample("r1", 1), .sample("r2", 1)]
        for batch in [[huge], [broken], [cut], [nameless], many, mixed] {
            #expect(await Self.code { try await store.append(batch) } == .invalid)
        }
        huge.body.removeLast()
        try await store.append([huge])
        #expect(try await store.records(of: "r1") == [huge])
    }

    @Test func `a read returns no more than its limit, and goes on from there`() async throws {
        let place = TemporaryStore()
        let store = try place.open()
        try await store.createRun(.sample("r1"))
        for start in stride(from: Int64(1), to: 2_500, by: 500) {
            try await store.append((start..<start + 500).map { .sample("r1", $0) })
        }
        var seen: [Int64] = []
        while case let page = try await store.records(of: "r1", from: Int64(seen.count + 1), limit: 999), !page.isEmpty
        {
            seen += page.map(\.sequence)
        }
        #expect(seen == Array(1...2_500))
    }

    // Goal: more callers than the queue holds are served all the same.
    // Method: the first commit waits until everybody has started.
    @Test func `callers beyond the queue's limit wait for room`() async throws {
        let place = TemporaryStore()
        let gate = DispatchSemaphore(value: 0)
        let isFirst = Atomic(true)
        let store = try place.open(
            faults: StoreFaults(beforeCommit: {
                if isFirst.exchange(false, ordering: .relaxed) {
                    gate.wait()
                }
            })
        )
        let callers = JournalLimits.pendingCalls + 2_000
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<callers {
                group.addTask { try await store.setSetting("key-\(number)", to: "\(number)") }
            }
            gate.signal()
            try await group.waitForAll()
        }
        for number in [0, JournalLimits.pendingCalls, callers - 1] {
            #expect(try await store.setting("key-\(number)") == "\(number)")
        }
    }

    @Test func `large batches are split over transactions and large reads over calls`() async throws {
        let place = TemporaryStore()
        let store = try place.open()
        try await store.createRun(.sample("r1"))
        let body = "\"" + String(repeating: "x", count: JournalLimits.bodyBytes - 2) + "\""
        let batch = (1...17).map { JournalRecord.sample("r1", $0, body) }
        #expect(await Self.code { try await store.append(batch) } == .invalid)
        for start in stride(from: Int64(1), to: 70, by: 10) {
            try await store.append((start..<start + 10).map { .sample("r1", $0, body) })
        }
        let first = try await store.records(of: "r1")
        #expect(first.count == 64)
        #expect(try await store.records(of: "r1", from: 65).map(\.sequence) == [65, 66, 67, 68, 69, 70])
    }

    static func code(_ body: () async throws -> Void) async -> StoreError.Code? {
        do {
            try await body()
            return nil
        } catch {
            return (error as? StoreError)?.code
        }
    }
}
