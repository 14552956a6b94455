// Selfheal
// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing

@testable import ProbeKafka

/// The age of the oldest unread record, found by asking for offsets by time.
@Suite struct LagSearchTests {
    private static let now: Int64 = 1_790_000_000_000

    private struct Log {
        var records: [(offset: Int64, timestamp: Int64)]

        func first(since moment: Int64) -> (offset: Int64, timestamp: Int64)? {
            self.records.first { $0.timestamp >= moment }
        }
    }

    private func search(_ log: Log, _ offset: Int64) -> (result: LagSearch.Result?, questions: Int) {
        var search = LagSearch(offset: offset, now: Self.now)
        var questions = 0
        while let moment = search.question, questions < 100 {
            search.take(log.first(since: moment))
            questions += 1
        }
        return (search.result, questions)
    }

    @Test(arguments: 0..<400)
    func `the age is found within its grain, whatever the log is like`(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        var time = Self.now - Int64(random.pick(below: 30 * 86_400_000))
        var offset = Int64(random.pick(below: 1_000))
        var log = Log(records: [])
        // Busy, quiet and bursty logs; with gaps in the offsets, as transactions and compaction leave them.
        let pace = [1, 50, 1_000, 600_000, 86_400_000][random.pick(below: 5)]
        for _ in 0..<(1 + random.pick(below: 400)) {
            log.records.append((offset, min(time, Self.now)))
            offset += random.pick(below: 5) == 0 ? 1 + Int64(random.pick(below: 6)) : 1
            time += Int64(random.pick(below: random.pick(below: 20) == 0 ? 50 * pace : pace + 1))
        }
        let first = try #require(log.records.first?.offset)
        let committed = first + Int64(random.pick(below: Int(offset - first) + 1))
        let (result, questions) = self.search(log, committed)
        let unread = log.records.first { $0.offset >= committed }
        let read = log.records.last { $0.offset < committed }
        let expected = unread.map { Self.now - $0.timestamp } ?? 0
        if case .unclear(let most)? = result {
            #expect(most >= expected)
            // Only where an offset has no record, or two records have one time.
            #expect(unread?.offset != committed || unread?.timestamp == read?.timestamp)
            return
        }
        guard case .age(let age)? = result else {
            Issue.record("\(String(describing: result)) instead of \(expected) ms")
            return
        }
        // Never younger than it is, and hardly older.
        #expect(age >= expected && age <= expected + max(1_000, age / 32), "\(age) instead of \(expected)")
        #expect(questions <= 90)
    }

    @Test func `what may be a mark of a transaction or an unread record is not guessed`() {
        // Record 10 is such a mark: it has an offset and is never read. Then a young record comes behind it.
        let ending = Log(records: [(8, Self.now - 9_000_000), (9, Self.now - 8_000_000)])
        #expect(self.search(ending, 10).result == .unclear(most: 8_000_000))
        let going = Log(records: [(9, Self.now - 8_000_000), (11, Self.now - 5_000)])
        #expect(self.search(going, 10).result == .unclear(most: 8_000_000))
        // Where records are close together it makes no difference.
        let busy = Log(records: [(9, Self.now - 8_000_000), (11, Self.now - 7_999_500), (12, Self.now)])
        #expect(self.search(busy, 10).result == .age(8_000_000))
    }

    @Test func `a young record after days of silence is young`() {
        let log = Log(records: [(9, Self.now - 400_000_000), (10, Self.now - 5_000)])
        let (result, questions) = self.search(log, 10)
        #expect(result == .age(5_000) && questions < 5)
    }

    @Test func `everything unread is as old as the first record`() {
        let log = Log(records: [(0, Self.now - 70_000), (1, Self.now - 60_000)])
        let (result, questions) = self.search(log, 0)
        #expect(result == .age(70_000) && questions == 1)
    }

    @Test func `records from a clock that is ahead have no age`() {
        let log = Log(records: [(0, Self.now + 1_000), (1, Self.now + 40_000), (2, Self.now + 50_000)])
        #expect(self.search(log, 2).result == .age(0))
    }

    @Test func `times out of order end the search all the same`() {
        for seed in 0..<200 as Range<UInt64> {
            var random = SeededGenerator(seed: seed)
            let log = Log(
                records: (0..<50).map { (Int64($0), Self.now - Int64(random.pick(below: 1_000_000))) }
            )
            let (result, questions) = self.search(log, Int64(random.pick(below: 50)))
            #expect(result != nil && questions < 100)
        }
    }
}
