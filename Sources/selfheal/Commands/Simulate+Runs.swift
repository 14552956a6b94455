// Selfheal
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Glibc
import RunPlan
import RunSimulator
import RunVocabulary
import RunbookSource

/// Rehearsals with many seeds.
extension Simulate {
    /// Seeds that one core rehearses with before it takes the next part.
    private static let partSize: UInt64 = 32

    func runMany(
        _ plan: Plan,
        _ scenario: Scenario,
        _ given: [String: String],
        _ renderer: DiagnosticRenderer
    ) async throws {
        let first = try await self.statistics(of: plan, in: scenario, given, renderer)
        var second: RehearsalStatistics?
        if let path = self.compare {
            var other = try RunbookFile.loadOrExit(path)
            other.settle(as: plan)
            second = try await self.statistics(of: other, in: scenario, given, renderer)
        }
        switch (self.format, second) {
        case (.json, nil): Terminal.output(first.json.prettyText)
        case (.json, let second?): Terminal.output(JSON.array([first.json, second.json]).prettyText)
        case (.text, nil): Terminal.output(first.text)
        case (.text, let second?): Terminal.output(RehearsalStatistics.comparison(first, second))
        }
        if let path = self.svg {
            try self.write(RehearsalStatistics.svg([first, second].compactMap { $0 }), to: path)
        }
        guard [first, second ?? first].allSatisfy({ $0.wellCount == $0.count }) else {
            throw ExitCode.answerIsNo
        }
    }

    private func write(_ text: String, to path: String) throws {
        guard let file = fopen(path, "w") else {
            Terminal.say("'\(path)' cannot be written: \(String(cString: strerror(errno)))")
            throw ExitCode.askedWrongly
        }
        let bytes = Array(text.utf8)
        let count = fwrite(bytes, 1, bytes.count, file)
        guard fclose(file) == 0, count == bytes.count else {
            Terminal.say("'\(path)' could not be written as a whole: \(String(cString: strerror(errno)))")
            throw ExitCode.weFailed
        }
    }

    /// Gives each core one part of the seeds after the other, and adds up what they found in the order of the seeds.
    private func statistics(
        of plan: Plan,
        in scenario: Scenario,
        _ given: [String: String],
        _ renderer: DiagnosticRenderer
    ) async throws -> RehearsalStatistics {
        // What is wrong with runbook and scenario together is wrong with every seed, and said once.
        let (result, diagnostics) = Rehearsal.run(plan, in: scenario, seed: self.seed, given: given)
        if !diagnostics.isEmpty {
            Terminal.write(renderer.render(diagnostics), to: STDERR_FILENO)
        }
        guard result != nil else {
            throw ExitCode.answerIsNo
        }
        let end = self.seed + UInt64(self.runs)
        let parts = stride(from: self.seed, to: end, by: Int(Self.partSize)).map { start in
            start..<min(start + Self.partSize, end)
        }
        let progress = Progress(of: self.runs)
        let cores = self.jobs ?? max(1, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN))))
        return await withTaskGroup(of: RehearsalStatistics.self) { group in
            var waiting = parts.makeIterator()
            func begin(_ seeds: Range<UInt64>) {
                group.addTask {
                    var statistics = RehearsalStatistics(scenario: scenario.name, runbook: plan.source)
                    for seed in seeds {
                        if let result = Rehearsal.run(plan, in: scenario, seed: seed, given: given).result {
                            statistics.add(result)
                        }
                    }
                    return statistics
                }
            }
            for seeds in (0..<cores).compactMap({ _ in waiting.next() }) {
                begin(seeds)
            }
            var sum = RehearsalStatistics(scenario: scenario.name, runbook: plan.source)
            for await part in group {
                sum.add(part)
                progress.show(sum.count)
                if let seeds = waiting.next() {
                    begin(seeds)
                }
            }
            progress.clear()
            return sum
        }
    }
}

/// How far many rehearsals have come, on a terminal.
private struct Progress {
    private let total: Int
    private let isShown = Terminal.isInteractive && Terminal.usesColour(on: STDERR_FILENO)

    init(of total: Int) {
        self.total = total
    }

    func show(_ count: Int) {
        if self.isShown {
            Terminal.write("\r\(count) of \(self.total)\u{1B}[K", to: STDERR_FILENO)
        }
    }

    func clear() {
        if self.isShown {
            Terminal.write("\r\u{1B}[K", to: STDERR_FILENO)
        }
    }
}
