// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Foundation
import RunVocabulary
import Testing

/// The real engine, ended wherever it can end, in worlds that seeds draw.
///
/// Any number of seeds is tried with `SELFHEAL_SEEDS=1000`, and every place of every runbook with `SELFHEAL_CRASHES=all`.
@Suite struct EngineSimulationTests {
    private static var crashesEverywhere: Bool {
        ProcessInfo.processInfo.environment["SELFHEAL_CRASHES"] == "all"
    }

    private static var seeds: UInt64 {
        ProcessInfo.processInfo.environment["SELFHEAL_SEEDS"].flatMap { UInt64($0) } ?? 1
    }

    private func expectNoViolation(_ stage: EngineStage, _ trial: Trial, _ name: String) async {
        let verdict = await stage.run(trial)
        guard !verdict.violations.isEmpty else {
            return
        }
        let (least, why) = await stage.shrink(trial)
        let story = why.transcript.suffix(60).joined(separator: "\n")
        Issue.record("\(name), \(least): \(why.violations.joined(separator: "; "))\n\(story)")
    }

    @Test(arguments: Shipped.names)
    func `a run that nobody disturbs ends, and the same seed gives the same`(name: String) async throws {
        let stage = try Shipped.stage(name)
        let first = await stage.run(Trial(seed: 1))
        #expect(first.violations.isEmpty, "\(first.violations)\n\(first.transcript.joined(separator: "\n"))")
        #expect(first.outcome != nil)
        let second = await stage.run(Trial(seed: 1))
        #expect(first.transcript == second.transcript)
        #expect(first.jobs == second.jobs)
    }

    // Goal: no act twice, none lost, no wrong word about one, whatever job the engine ends before.
    @Test(arguments: Shipped.names)
    func `an engine that ends before any of its jobs does no harm`(name: String) async throws {
        let stage = try Shipped.stage(name)
        let whole = await stage.run(Trial(seed: 1))
        let jobs = try #require(whole.jobs.first)
        let stride = Self.crashesEverywhere ? 1 : max(1, jobs / 6)
        for job in Swift.stride(from: stride, through: jobs, by: stride) {
            for tears in Self.crashesEverywhere ? [false, true] : [job / stride % 2 == 0] {
                await self.expectNoViolation(stage, Trial(seed: 1, crashes: [job], tears: tears), name)
            }
        }
    }

    // Goal: the same with two crashes, words that come twice, answers in any order, torn tails and cancels.
    @Test(arguments: Shipped.names)
    func `bad luck that a seed draws does no harm`(name: String) async throws {
        let stage = try Shipped.stage(name)
        for seed in 1...Self.seeds {
            let trial = Trial.drawn(seed: seed, jobs: 400)
            await self.expectNoViolation(stage, trial, name)
        }
    }
}
