// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Foundation
import RunCore
import RunPlan
import RunVerifier
import RunVocabulary
import Testing

// Goal: the mistake that a property of a shipped runbook is there for breaks it; some safeguard that is left out is missed in each of them;
// every trace is short and real.
// Method: make every mistake of `MutantGenerator` in the runbooks named here. Where the runbook makes up for a mistake, that is said below.
@Suite struct GeneratedMutantTests {
    /// All of them take minutes; `make torture` tries them all, and every run of the tests these few.
    static let runbooks =
        ProcessInfo.processInfo.environment["SELFHEAL_TORTURE"] == nil
        ? ["cascade_failure", "rolling_restart_zookeeper", "zookeeper_member_lost"]
        : [
            "broker_disk_full", "cascade_failure", "kraft_quorum_loss", "multi_dc_failback", "multi_dc_failover",
            "rolling_restart_kafka", "rolling_restart_zookeeper", "under_replicated_partitions",
            "zookeeper_member_lost",
            "zookeeper_quorum_loss",
        ]

    /// A property that holds although the step that comes first is passed over: without it, the act is not come to.
    struct Spared: Sendable {
        var property: String
        /// What breaks in its stead, if anything does.
        var instead: String?
    }

    private static let success = "it is possible to end succeeded"

    /// By runbook.
    ///
    /// A property of this list that breaks all the same is a mistake in the list.
    static let spared: [String: [Spared]] = [
        // 'still_falling' goes on by what the second look saw. Having seen nothing it starts nothing, so a cascade is not healed.
        "cascade_failure": [Spared(property: "'look_again' before 'start_broker'", instead: success)],
        // 'is_it_whole' wants one leader among the results, and 'roll' goes through them: of none, no member is restarted.
        "rolling_restart_zookeeper": [Spared(property: "'look' before 'restart_member'", instead: success)],
        // 'start_brokers' goes through what 'has_it_room' found closed: of none, nothing is started, and 'all_replicas' is waited for.
        "broker_disk_full": [Spared(property: "'has_it_room' before 'start_broker'")],
        // Programs of a site print nothing in the pretend cluster. 'suspect' is read from what one prints: it is nobody, and a restart of
        // nobody is refused. Who is down is read from 'which_are_missed': without it nobody is, and no start heals anything either.
        "under_replicated_partitions": [
            Spared(property: "'may_i_restart' before 'restart_broker'"),
            Spared(property: "'which_are_missed' before 'restart_broker'", instead: success),
        ],
    ]

    /// By property: parameters without which the act is not come to in the runbook as it is shipped, either.
    static let parameters: [String: [String: Fact]] = [
        // No topic is named unless somebody names one.
        "'may_records_go' before 'let_records_go'": ["topic": .string("orders")]
    ]

    /// What a property says so plainly that nothing else in the runbook makes up for it, but for what is `spared`.
    @Test(arguments: runbooks)
    func `the mistake that a property is there for breaks it`(runbook: String) throws {
        let generator = try MutantGenerator(runbook, Prover.plan(Prover.shipped(runbook)))
        var spared = Self.spared[runbook] ?? []
        for mutant in generator.mutants {
            guard let broken = mutant.breaks else {
                continue
            }
            var prover = MutantTests.prover(runbook)
            prover.parameters = Self.parameters[broken] ?? [:]
            let report = try prover.report(on: mutant.plan)
            #expect(report.areTracesReal, "\(mutant)")
            guard let index = spared.firstIndex(where: { $0.property == broken }) else {
                #expect(report.violated.contains(broken), "\(mutant): \(report.violated)")
                continue
            }
            #expect(report.exploration.isComplete, "\(mutant)")
            #expect(!report.violated.contains(broken), "\(mutant) is not spared: \(report.violated)")
            if let instead = spared.remove(at: index).instead {
                #expect(report.violated.contains(instead), "\(mutant): \(report.violated)")
            }
        }
        #expect(spared.isEmpty, "no such mistake was made: \(spared)")
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
