// Selfheal
// SPDX-License-Identifier: Apache-2.0

package import RunVocabulary

/// What came of one runbook in one scenario with many seeds.
package struct RehearsalStatistics: Hashable, Sendable {
    /// The way that some of the rehearsals took.
    package struct Path: Hashable, Sendable {
        /// The names of the steps, one after the other; what a loop walks again is named once.
        package var steps: [String]
        package var ending: String
        package var count: Int
        package var firstSeed: UInt64
    }

    package let scenario: String
    package let runbook: String
    package private(set) var count = 0
    /// Those that ended well, and without harm.
    package private(set) var wellCount = 0
    package private(set) var harmCount = 0
    package private(set) var firstHarmfulSeed: UInt64?
    private var counts: [Path: Int] = [:]
    private var seeds: [Path: UInt64] = [:]
    /// From the beginning of the scenario to the end of each run that ended well; sorted when it is asked for.
    private var recoveries: [Milliseconds] = []

    package init(scenario: String, runbook: String) {
        self.scenario = scenario
        self.runbook = runbook
    }

    package mutating func add(_ result: RehearsalResult) {
        self.count += 1
        if !result.harms.isEmpty {
            self.harmCount += 1
            self.firstHarmfulSeed = self.firstHarmfulSeed ?? result.seed
        }
        if result.isWell {
            self.wellCount += 1
            self.recoveries.append(result.endedAt.elapsed(since: Instant(milliseconds: 0)))
        }
        let path = Path(steps: result.stepNames, ending: result.endingText, count: 0, firstSeed: 0)
        self.counts[path, default: 0] += 1
        self.seeds[path] = self.seeds[path] ?? result.seed
    }

    /// Takes in what came of other seeds, whoever rehearsed with them: the sum is the same in whatever parts it was counted.
    package mutating func add(_ others: Self) {
        self.count += others.count
        self.wellCount += others.wellCount
        self.harmCount += others.harmCount
        self.firstHarmfulSeed = [self.firstHarmfulSeed, others.firstHarmfulSeed].compactMap { $0 }.min()
        self.recoveries += others.recoveries
        self.counts.merge(others.counts) { $0 + $1 }
        self.seeds.merge(others.seeds) { min($0, $1) }
    }

    /// The most frequent first; of those that are as frequent, the one that was met first.
    package var paths: [Path] {
        self.counts.map { path, count in
            Path(steps: path.steps, ending: path.ending, count: count, firstSeed: self.seeds[path] ?? 0)
        }
        .sorted { ($1.count, $0.firstSeed) < ($0.count, $1.firstSeed) }
    }

    /// The time that so many of a hundred recoveries took at most; nothing when nothing recovered.
    package func percentile(_ percent: Int) -> Milliseconds? {
        let sorted = self.recoveries.sorted()
        guard !sorted.isEmpty else {
            return nil
        }
        // The nearest rank: a time that was really taken.
        let rank = (sorted.count * percent + 99) / 100
        return sorted[min(max(rank, 1), sorted.count) - 1]
    }

    /// How many recoveries took how long, in as many equal parts of the time between the fastest and the slowest.
    package func histogram(bars: Int) -> [(from: Milliseconds, count: Int)] {
        guard let least = self.recoveries.min(), let most = self.recoveries.max(), bars > 0 else {
            return []
        }
        let width = max((most.count - least.count) / Int64(bars) + 1, 1)
        var counts = [Int](repeating: 0, count: bars)
        for recovery in self.recoveries {
            counts[Int((recovery.count - least.count) / width)] += 1
        }
        return counts.enumerated().map { (Milliseconds(least.count + Int64($0.offset) * width), $0.element) }
    }
}

extension RehearsalResult {
    /// The names of the steps in the order in which they were first entered.
    fileprivate var stepNames: [String] {
        var seen: Set<StepName> = []
        return self.path.map(\.stepName).filter { seen.insert($0).inserted }.map(\.text)
    }

    fileprivate var endingText: String {
        switch self.ending {
        case .ended(let outcome, _): outcome.rawValue
        case .notStarted: "not_started"
        case .unfinished: "unfinished"
        }
    }
}
