// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunPlan
import RunSimulator
import RunVocabulary
import Testing

@Suite struct StatisticsTests {
    private static func result(
        seed: UInt64,
        took seconds: Int64,
        _ ending: RehearsalResult.Ending = .ended(.succeeded, reason: ""),
        path: [StepKey] = ["look", "each", "each[0]/start", "each[1]/start", "done"],
        harm: Bool = false
    ) -> RehearsalResult {
        let end = Instant(milliseconds: seconds * 1_000)
        return RehearsalResult(
            scenario: "storm",
            runbook: "mend",
            seed: seed,
            ending: ending,
            timeline: harm ? [TimelineEntry(at: end, .harm, "data is gone")] : [],
            path: path,
            moments: [],
            startedAt: Instant(milliseconds: 0),
            endedAt: end
        )
    }

    @Test func `percentiles are times that were taken, and only of what ended well`() {
        var statistics = RehearsalStatistics(scenario: "storm", runbook: "mend")
        #expect(statistics.percentile(50) == nil)
        for second in (1...100).reversed() {
            statistics.add(Self.result(seed: UInt64(second), took: Int64(second)))
        }
        statistics.add(Self.result(seed: 101, took: 9_999, .ended(.escalated, reason: "")))
        statistics.add(Self.result(seed: 102, took: 9_999, harm: true))
        #expect(
            [50, 95, 99, 100].map { statistics.percentile($0) } == [
                .seconds(50), .seconds(95), .seconds(99), .seconds(100),
            ]
        )
        #expect(statistics.count == 102 && statistics.wellCount == 100)
        #expect(statistics.harmCount == 1 && statistics.firstHarmfulSeed == 102)
        #expect(statistics.histogram(bars: 12).reduce(0) { $0 + $1.count } == 100)
    }

    @Test func `ways are counted by the steps they take and how they end`() {
        var statistics = RehearsalStatistics(scenario: "storm", runbook: "mend")
        statistics.add(Self.result(seed: 7, took: 3, .ended(.escalated, reason: ""), path: ["look", "give_up"]))
        for seed in UInt64(8)...10 {
            statistics.add(Self.result(seed: seed, took: 3))
        }
        #expect(statistics.paths.map(\.steps) == [["look", "each", "start", "done"], ["look", "give_up"]])
        #expect(statistics.paths.map(\.count) == [3, 1])
        #expect(statistics.paths.map(\.firstSeed) == [8, 7])
        #expect(statistics.paths.map(\.ending) == ["succeeded", "escalated"])
        #expect(statistics.text.contains("75.0 %  succeeded: look each start done  (--seed 8)"), "\(statistics.text)")
    }

    @Test func `many rehearsals of a shipped runbook give the same bytes, whatever the order of dictionaries`() throws {
        func report() throws -> String {
            let plan = try Rehearsing.plan("zookeeper_quorum_loss")
            let scenario = try Rehearsing.scenario("quorum_down")
            var statistics = RehearsalStatistics(scenario: scenario.name, runbook: plan.source)
            for seed in UInt64(1)...10 {
                statistics.add(try Rehearsing.run(plan, in: scenario, seed: seed))
            }
            #expect(statistics.wellCount == 10)
            return statistics.text + statistics.json.text + RehearsalStatistics.comparison(statistics, statistics)
        }
        #expect(try report() == report())
    }
}
