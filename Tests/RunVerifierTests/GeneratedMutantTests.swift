// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunVerifier
import RunVocabulary
import Testing

// Goal: a safeguard that is left out of a shipped runbook is missed by a property, and every trace of it is short and real.
// Method: make every mistake of `MutantGenerator` in every shipped runbook.
@Suite struct GeneratedMutantTests {
    static let runbooks = [
        "broker_disk_full", "cascade_failure", "kraft_quorum_loss", "multi_dc_failback", "multi_dc_failover",
        "rolling_restart_kafka", "rolling_restart_zookeeper", "under_replicated_partitions", "zookeeper_member_lost",
        "zookeeper_quorum_loss",
    ]

    /// What a property says so plainly that nothing else in the runbook makes up for it.
    @Test(arguments: runbooks)
    func `the mistake that a property is there for breaks it`(runbook: String) throws {
        let generator = try MutantGenerator(runbook, Prover.plan(Prover.shipped(runbook)))
        let prover = MutantTests.prover(runbook)
        for mutant in generator.mutants {
            guard let broken = mutant.breaks else {
                continue
            }
            let report = try prover.report(on: mutant.plan)
            #expect(report.violated.contains(broken), "\(mutant): \(report.violated)")
            #expect(report.areTracesReal, "\(mutant)")
        }
    }

    @Test(arguments: runbooks)
    func `no mistake leads to a trace that is long or cannot be carried out again`(runbook: String) throws {
        let generator = try MutantGenerator(runbook, Prover.plan(Prover.shipped(runbook)))
        let prover = MutantTests.prover(runbook)
        var caught = 0
        for mutant in generator.mutants where mutant.breaks == nil {
            let report = try prover.report(on: mutant.plan)
            #expect(report.areTracesReal, "\(mutant)")
            caught += report.violated.isEmpty ? 0 : 1
        }
        #expect(caught > 0, "not one of \(generator.mutants.count) mistakes was noticed")
    }
}
