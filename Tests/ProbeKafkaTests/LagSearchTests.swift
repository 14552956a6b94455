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

        /// What the search is to find, worked out by looking at every record.
        func age(of offset: Int64) -> Int64? {
            self.records.first { $0.offset >= offset }.map { max(0, LagSearchTests.now - $0.timestamp) }
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
        guard let expected = log.age(of: committed) else {
            #expect(result == .nothingUnread)
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

    @Test func `a mark of a transaction at the end is nothing unread`() {
        // Record 10 is such a mark: it has an offset and is never read.
        let log = Log(records: [(8, Self.now - 9_000_000), (9, Self.now - 8_000_000)])
        #expect(self.search(log, 10).result == .nothingUnread)
    }

    @Test func `a gap of days before a young record does not make it old`() {
        let log = Log(records: [(9, Self.now - 400_000_000), (15, Self.now - 5_000)])
        #expect(self.search(log, 10).result == .age(5_000))
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

    @Test func `records without a time are said to be that`() {
        let log = Log(records: [(0, -1), (1, -1)])
        var search = LagSearch(offset: 1, now: Self.now)
        search.take((offset: 0, timestamp: -1))
        #expect(search.result == .timeless && log.records.count == 2)
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
