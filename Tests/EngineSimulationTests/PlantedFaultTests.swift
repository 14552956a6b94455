// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunVocabulary
import Testing

/// Faults planted in the engine: each is found, and shrinks to a transcript.
@Suite struct PlantedFaultTests {
    /// Every place at which the engine of a small run can end, and then what seeds draw for all runbooks.
    private static func trials() async throws -> [(name: String, trial: Trial)] {
        let small = "restart_service"
        let jobs = try #require(await Shipped.stage(small).run(Trial(seed: 1)).jobs.first)
        let sweep = (1...jobs).map { (name: small, trial: Trial(seed: 1, crashes: [$0])) }
        let drawn = (1...UInt64(30)).map { seed in
            (name: Shipped.names[Int(seed) % Shipped.names.count], trial: Trial.drawn(seed: seed, jobs: 200))
        }
        return sweep + drawn
    }

    private static func patience(_ fault: PlantedFault) -> Double {
        // An engine that nobody wakes is waited for; any other wakes at once.
        fault == .loseWake ? 0.3 : 60
    }

    // The canary: should these checks ever stop seeing anything, this test says so.
    @Test(arguments: PlantedFault.allCases)
    func `a fault in the engine is found, and told with as little bad luck as it takes`(
        fault: PlantedFault
    ) async throws {
        let trials = try await Self.trials()
        for (name, trial) in trials {
            let stage = try Shipped.stage(name)
            let patience = Self.patience(fault)
            let verdict = await stage.run(trial, planted: fault, patience: patience)
            guard !verdict.violations.isEmpty else {
                continue
            }
            let (least, why) = await stage.shrink(trial, planted: fault, patience: patience)
            #expect(!why.violations.isEmpty)
            #expect(least.crashes.count <= trial.crashes.count)
            #expect(why.transcript.contains { $0.contains("✗") })
            return
        }
        Issue.record("\(fault.rawValue) was not found in \(trials.count) trials")
    }
}
