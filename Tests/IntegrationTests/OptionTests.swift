// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

/// Numbers that begin with a minus are values, and not options of their own.
@Suite struct OptionTests {
    private static let scenario = ["--scenario", "examples/scenarios/quorum_down.yaml"]
    private static let runbook = "runbooks/zookeeper_quorum_loss.yaml"

    @Test(arguments: [
        (["--seed", "-1"], "-1"), (["--runs", "-1"], "'--runs -1' is no number from 1"),
        (["--jobs", "-2", "--runs", "10"], "'--jobs -2' is no number from 1"),
    ])
    func `a number that cannot be is refused as a number`(words: [String], complaint: String) async throws {
        let outcome = try await Selfheal.run(["simulate", Self.runbook] + Self.scenario + words)
        #expect(outcome.status == 2, "\(outcome)")
        #expect(outcome.complaint.contains(complaint), "\(outcome)")
        #expect(!outcome.complaint.contains("Missing value"), "\(outcome)")
    }

    @Test func `a parameter and a setting may be negative`() async throws {
        let folder = NSTemporaryDirectory() + "selfheal-options-\(UUID().uuidString)"
        let text = """
            runbook: count
            parameters: { least: { type: int, default: 1 } }
            settings: { most: { type: int, default: 1 } }
            steps:
              - id: below
                choose:
                  - { when: parameters.least < 0 && settings.most < 0, next: fine }
                  - otherwise: wrong
              - id: fine
                finish: { outcome: succeeded }
              - id: wrong
                finish: { outcome: failed }

            """
        let runbook = try Selfheal.write(text, "count.yaml", in: folder)
        let calm = "scenario: calm\ncluster: { name: c, zookeeper: 3, brokers: 3 }\nstart: { at: 1s }\nuntil: 1m\n"
        let scenario = try Selfheal.write(calm, "calm.yaml", in: folder)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let words = ["simulate", runbook, "--scenario", scenario]
        let below = try await Selfheal.run(words + ["--param", "least=-1", "--setting", "most=-1"])
        #expect(below.status == 0, "\(below)")
        let above = try await Selfheal.run(words + ["--param", "least=-1"])
        #expect(above.status == 1, "\(above)")
        let strange = try await Selfheal.run(words + ["--setting", "mots=1"])
        #expect(strange.status == 2 && strange.complaint.contains("it has most"), "\(strange)")
        let wrong = try await Selfheal.run(words + ["--setting", "most=many"])
        #expect(wrong.status == 2 && wrong.complaint.contains("a whole number"), "\(wrong)")
    }
}
