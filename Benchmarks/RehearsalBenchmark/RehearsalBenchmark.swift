// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunPlan
import RunSimulator
import RunVocabulary
import RunbookCompiler
import RunbookSource
import RunbookYAML

#if canImport(Glibc)
import Glibc
#endif

/// Says how fast the simulator is, one JSON line for each question.
///
/// - `hours RUNBOOK HOURS`: simulated hours per second of six nodes that are looked at every 10 s while nothing happens, every look driven;
/// - `quiet RUNBOOK HOURS`: the same with the looks passed over that show nothing new;
/// - `watch RUNBOOK HOURS`: the same under the daemon's watch, every look driven;
/// - `runs RUNBOOK SCENARIO COUNT`: rehearsals per second, each with a seed of its own;
/// - `same RUNBOOK SCENARIO COUNT`: as many rehearsals with one seed, and how many different results there are.
@main enum RehearsalBenchmark {
    static func main() {
        let words = Array(CommandLine.arguments.dropFirst())
        guard let last = words.last, let count = UInt64(last), count > 0 else {
            self.leave(self.usage)
        }
        switch (words.first, words.count) {
        case ("hours", 3): self.hours(self.plan(words[1]), count, skipsQuietTime: false)
        case ("quiet", 3): self.hours(self.plan(words[1]), count, skipsQuietTime: true)
        case ("watch", 3): self.hours(self.plan(words[1]), count, skipsQuietTime: false, watch: "watch: {}")
        case ("runs", 4): self.runs(self.plan(words[1]), self.scenario(self.read(words[2])), count)
        case ("same", 4): self.same(self.plan(words[1]), self.scenario(self.read(words[2])), count)
        default: self.leave(self.usage)
        }
    }

    private static let usage =
        "usage: RehearsalBenchmark hours|quiet|watch RUNBOOK HOURS | runs|same RUNBOOK SCENARIO COUNT"

    private static func hours(_ plan: Plan, _ hours: UInt64, skipsQuietTime: Bool, watch: String = "") {
        let scenario = self.scenario(
            """
            scenario: quiet
            cluster: { zookeeper: 3, brokers: 3 }
            monitors: { every: 10s, timeout: 3s }
            until: \(hours)h
            \(watch)
            """
        )
        let seconds = self.measure {
            guard let result = Rehearsal.run(plan, in: scenario, seed: 1, skipsQuietTime: skipsQuietTime).result,
                result.outcome == nil, result.endedAt.milliseconds == Int64(hours) * 3_600_000
            else {
                self.leave("the runbook started although nothing happened, or these are too many hours")
            }
        }
        print("{\"hours\": \(hours), \"s\": \(seconds), \"hours_s\": \(Double(hours) / seconds)}")
    }

    private static func runs(_ plan: Plan, _ scenario: Scenario, _ count: UInt64) {
        var well = 0
        let seconds = self.measure {
            for seed in 1...count {
                well += Rehearsal.run(plan, in: scenario, seed: seed).result?.isWell == true ? 1 : 0
            }
        }
        print("{\"runs\": \(count), \"well\": \(well), \"s\": \(seconds), \"runs_s\": \(Double(count) / seconds)}")
    }

    private static func same(_ plan: Plan, _ scenario: Scenario, _ count: UInt64) {
        var digests: Set<String> = []
        let seconds = self.measure {
            for _ in 1...count {
                let text = Rehearsal.run(plan, in: scenario, seed: 1).result?.json.text ?? ""
                digests.insert(ContentDigest(of: Array(text.utf8)).description)
            }
        }
        let first = digests.sorted().first ?? ""
        print("{\"runs\": \(count), \"hashes\": \(digests.count), \"hash\": \"\(first)\", \"s\": \(seconds)}")
    }

    private static func measure(_ body: () -> Void) -> Double {
        let clock = ContinuousClock()
        let took = clock.measure(body)
        return Double(took.components.seconds) + Double(took.components.attoseconds) / 1e18
    }

    private static func plan(_ path: String) -> Plan {
        guard let plan = CheckedRunbook(path: path, text: self.read(path)).plan else {
            self.leave("'\(path)' has mistakes")
        }
        return plan
    }

    private static func scenario(_ text: String) -> Scenario {
        let document = YAMLDocument.parse(SourceFile(path: "scenario.yaml", text: text))
        guard let scenario = document.root.flatMap({ ScenarioReader.read($0).scenario }) else {
            self.leave("the scenario has mistakes")
        }
        return scenario
    }

    private static func read(_ path: String) -> String {
        guard let file = fopen(path, "r") else {
            self.leave("'\(path)' cannot be read")
        }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        while case let byte = fgetc(file), byte != EOF {
            bytes.append(UInt8(truncatingIfNeeded: byte))
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func leave(_ message: String) -> Never {
        print(message)
        exit(2)
    }
}
