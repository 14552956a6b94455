// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunJournal
import Synchronization
import Testing

private struct PowerFailure: Error {}

/// Old runs are forgotten, wherever the engine ends while it does so.
@Suite struct ForgettingTests {
    /// Records of the large run: more than three slices delete.
    private static let many = Int64(650)

    /// Five runs; all but the last have ended, each a thousand milliseconds after the one before it.
    private static func filled() async throws -> TemporaryStore {
        let place = TemporaryStore()
        let store = try place.open()
        for number in 1...5 {
            try await store.createRun(.sample("run-\(number)"))
            let count = number == 2 ? Self.many : 3
            var next = Int64(1)
            while next <= count {
                let last = min(count, next + 499)
                try await store.append((next...last).map { .sample("run-\(number)", $0) })
                next = last + 1
            }
            if number < 5 {
                let end = RunUpdate(
                    run: "run-\(number)",
                    state: "ended",
                    outcome: "succeeded",
                    updatedAt: Int64(number) * 1_000
                )
                try await store.append([], runUpdate: end)
            }
        }
        await store.close()
        return place
    }

    private static func sweep(_ store: RunStore, _ rule: ForgettingRule) async throws -> [String] {
        var gone: [String] = []
        while true {
            let slice = try await store.forgetSomeRuns(rule)
            gone += slice.forgotten
            if slice.isDone {
                return gone
            }
        }
    }

    @Test(arguments: [
        (ForgettingRule(endedBefore: 10_000, olderThan: 2_500), ["run-1", "run-2"]),
        (ForgettingRule(endedBefore: 2_000, olderThan: 10_000), ["run-1"]),
        (ForgettingRule(endedBefore: 10_000, keeping: 2), ["run-1", "run-2", "run-3"]),
        (ForgettingRule(endedBefore: 3_000, keeping: 0), ["run-1", "run-2"]),
        (ForgettingRule(endedBefore: 10_000, olderThan: 10_000), ["run-1", "run-2", "run-3", "run-4"]),
        (ForgettingRule(endedBefore: 10_000), []), (ForgettingRule(endedBefore: 10_000, keeping: 9), []),
    ])
    func `what is old or one too many goes, and what has not ended stays`(
        rule: ForgettingRule,
        expected: [String]
    ) async throws {
        let place = try await Self.filled()
        let store = try place.open()
        #expect(try await Self.sweep(store, rule) == expected)
        let left = (1...5).map { "run-\($0)" }.filter { !expected.contains($0) }
        #expect(try await store.runs(.latest(10)).map(\.id) == left.reversed())
        for run in left {
            #expect(try await store.records(of: run).count == (run == "run-2" ? Int(Self.many) : 3))
            #expect(try await store.endOfForgottenRun(run) == nil)
        }
        for run in expected {
            #expect(await AppendTests.code { _ = try await store.run(run) } == .unknownRun(run))
            let number = Int64(run.dropFirst(4)) ?? 0
            #expect(try await store.endOfForgottenRun(run) == number * 1_000)
        }
        // A number that is free again brings nothing back.
        try await store.createRun(.sample("later"))
        #expect(try await store.records(of: "later").isEmpty)
        await store.close()
    }

    // Goal: wherever the engine ends, a run is either whole or not to be seen, and the next sweep goes on.
    // Method: fail the sweep's transactions one after the other, each in a store of its own, and open it again.
    @Test func `an engine that ends in between leaves nothing that anybody trips over`() async throws {
        let rule = ForgettingRule(endedBefore: 10_000, olderThan: 2_500)
        var cut = 0
        while true {
            let place = try await Self.filled()
            let left = Mutex(cut)
            let faults = StoreFaults(beforeCommit: {
                let isNow = left.withLock { left in
                    left -= 1
                    return left < 0
                }
                if isNow {
                    throw PowerFailure()
                }
            })
            let store = try place.open(faults: faults)
            let isWhole = (try? await Self.sweep(store, rule)) != nil
            await store.close()
            let reader = try place.open(.readOnly)
            for run in try await reader.runs(.latest(10)) {
                #expect(try await reader.records(of: run.id).count == Int(run.recordCount), "cut at \(cut)")
                _ = try await reader.run(run.id)
            }
            await reader.close()
            let next = try place.open()
            _ = try await Self.sweep(next, rule)
            #expect(try await next.runs(.latest(10)).map(\.id) == ["run-5", "run-4", "run-3"], "cut at \(cut)")
            #expect(try await next.endOfForgottenRun("run-2") == 2_000)
            await next.close()
            if isWhole {
                break
            }
            cut += 1
        }
        // One for the first run, four for the large one, one for old tombstones.
        #expect(cut == 6)
    }

    @Test func `a tombstone goes when nobody can ask for it any more`() async throws {
        let place = try await Self.filled()
        let store = try place.open()
        _ = try await Self.sweep(store, ForgettingRule(endedBefore: 10_000, olderThan: 2_500))
        let year: Int64 = 400 * 86_400_000
        _ = try await Self.sweep(store, ForgettingRule(endedBefore: year + 1_500, olderThan: 0))
        #expect(try await store.endOfForgottenRun("run-1") == nil)
        #expect(try await store.endOfForgottenRun("run-2") == 2_000)
        try await store.setSetting("freeze", to: "on")
        #expect(try await store.setting("freeze") == "on")
        await store.close()
    }
}
