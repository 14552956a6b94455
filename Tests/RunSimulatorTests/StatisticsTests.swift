// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Foundation
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

    // Goal: the figures are the same whatever number of cores counted them.
    // Method: the same seeds in parts of every size, added up in another order.
    @Test func `parts that are added up are the whole, in whatever order they come`() throws {
        let plan = try Rehearsing.plan("zookeeper_quorum_loss")
        let scenario = try Rehearsing.scenario("quorum_down")
        let results = try (UInt64(1)...12).map { try Rehearsing.run(plan, in: scenario, seed: $0) }
        var whole = RehearsalStatistics(scenario: scenario.name, runbook: plan.source)
        for result in results {
            whole.add(result)
        }
        for size in 1...12 {
            let parts = stride(from: 0, to: results.count, by: size).map { start in
                var part = RehearsalStatistics(scenario: scenario.name, runbook: plan.source)
                for result in results[start..<min(start + size, results.count)] {
                    part.add(result)
                }
                return part
            }
            var sum = RehearsalStatistics(scenario: scenario.name, runbook: plan.source)
            for part in parts.reversed() {
                sum.add(part)
            }
            #expect(sum.text == whole.text && sum.json.text == whole.json.text, "parts of \(size)")
            #expect(RehearsalStatistics.svg([sum]) == RehearsalStatistics.svg([whole]), "parts of \(size)")
        }
    }

    @Test func `the picture has a bar for each part in which something ended, and the percentiles`() throws {
        var statistics = RehearsalStatistics(scenario: "a <storm>", runbook: "mend & end")
        for second in 1...100 {
            statistics.add(Self.result(seed: UInt64(second), took: Int64(second)))
        }
        let svg = RehearsalStatistics.svg([statistics])
        #expect(svg.hasPrefix("<svg xmlns=\"http://www.w3.org/2000/svg\"") && svg.hasSuffix("</svg>\n"))
        #expect(svg.contains("mend &amp; end in a &lt;storm&gt;, 100 rehearsals"))
        #expect(svg.contains(">P50 50s<") && svg.contains(">P95 1m35s<") && svg.contains(">P99 1m39s<"))
        #expect(svg.components(separatedBy: "<title>").count - 1 > 20)
        let none = RehearsalStatistics.svg([RehearsalStatistics(scenario: "s", runbook: "r")])
        #expect(none.contains("none of them ended well"))
    }

    @Test func `one seed gives one result, however often`() throws {
        let plan = try Rehearsing.plan("zookeeper_quorum_loss")
        let scenario = try Rehearsing.scenario("quorum_down")
        let first = try Rehearsing.run(plan, in: scenario, seed: 5).json.text
        for _ in 1...100 {
            #expect(try Rehearsing.run(plan, in: scenario, seed: 5).json.text == first)
        }
    }
}
