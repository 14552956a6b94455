// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunVerifier
import RunVocabulary
import Testing

// Goal: the shipped runbooks prove their properties, and a runbook with a planted mistake does not.
// Method: change the text of a shipped runbook as a tired author would, and name the property that must break.
@Suite struct MutantTests {
    struct Mutant: Sendable, CustomTestStringConvertible {
        var name: String
        var runbook: String
        var old: String
        var new: String
        var breaks: String

        var testDescription: String { "\(self.runbook): \(self.name)" }
    }

    private static let zookeeper = "zookeeper_quorum_loss"
    private static let failover = "multi_dc_failover"
    private static let cascade = "cascade_failure"
    private static let roll = "rolling_restart_kafka"
    private static let controllers = "kraft_quorum_loss"
    private static let missed = "under_replicated_partitions"
    private static let disk = "broker_disk_full"
    private static let failback = "multi_dc_failback"

    static let mutants: [Mutant] = [
        Mutant(
            name: "brokers are started without looking at the quorum",
            runbook: zookeeper,
            old: "        require: size(ensemble.filter(n, n.serving)) >= quorum(ensemble)\n        timeout: 5m",
            new: "        timeout: 5m",
            breaks: "never 'start_brokers'"
        ),
        Mutant(
            name: "nothing is backed up",
            runbook: zookeeper,
            old: "  - id: back_up_data\n",
            new: "  - id: back_up_data\n    when: 1 > 2\n",
            breaks: "'back_up_data' before 'start_empty_member'"
        ),
        Mutant(
            name: "nobody waits for a holder to lead",
            runbook: zookeeper,
            old: "  - id: trusted_member_leads\n",
            new: "  - id: trusted_member_leads\n    when: 1 > 2\n",
            breaks: "'trusted_member_leads' before 'start_other_empty_member'"
        ),
        Mutant(
            name: "giving up is not told",
            runbook: zookeeper,
            old:
                "    notify: { channels: [oncall], severity: critical, message: \"Stopped at ${{ run.step }}: ${{ run.reason }}\" }",
            new: "    set: { nothing: 1 }",
            breaks: "a person is told when it gives up"
        ),
        Mutant(
            name: "a way out is not told",
            runbook: zookeeper,
            old: "  - id: cannot_tell\n    notify:\n      channels: [oncall]\n      severity: critical\n",
            new: "  - id: cannot_tell\n    notify:\n      channels: [nobody]\n      severity: critical\n",
            breaks: "every path notifies 'oncall'"
        ),
        Mutant(
            name: "it may take a day",
            runbook: zookeeper,
            old: "deadline: 89m",
            new: "deadline: 24h",
            breaks: "every path ends within 1h30m"
        ),
        Mutant(
            name: "no deadline at all",
            runbook: zookeeper,
            old: "deadline: 89m\n",
            new: "",
            breaks: "every path ends within 1h30m"
        ),
        Mutant(
            name: "the start is not announced",
            runbook: cascade,
            old: "  - id: announce_start\n",
            new: "  - id: announce_start\n    when: 1 > 2\n",
            breaks: "'announce_start' before 'start_broker'"
        ),
        Mutant(
            name: "a broker is restarted instead of started",
            runbook: cascade,
            old: "run: { targets: \"[node]\", service: kafka, do: start }",
            new: "run: { targets: brokers, service: kafka, do: stop }",
            breaks: "at most 0 of 'brokers' down by us"
        ),
        Mutant(
            name: "the quorum is not looked at before a broker starts",
            runbook: cascade,
            old: "size(ensemble.filter(n, n.serving)) >= quorum(ensemble)\n          && brokers.filter(b,",
            new: "brokers.filter(b,",
            breaks: "never 'start_broker'"
        ),
        Mutant(
            name: "promoted without a look at the secondary",
            runbook: failover,
            old: "    require: secondary_brokers.all(n, n.serving)\n",
            new: "",
            breaks: "never 'promote_secondary'"
        ),
        Mutant(
            name: "promoted before it is fenced",
            runbook: failover,
            old: "  - id: fence_primary\n",
            new: "  - id: fence_primary\n    when: 1 > 2\n",
            breaks: "'fence_primary' before 'stop_mirroring'"
        ),
        Mutant(
            name: "nobody is asked when records would be lost",
            runbook: failover,
            old: "        next: ask_cto\n",
            new: "        next: agreed\n",
            breaks: "a person approved before anything that can lose data"
        ),
        Mutant(
            name: "a broker is restarted while another is away",
            runbook: roll,
            old: "          brokers.all(b, b.serving)\n          && (size(ensemble) == 0",
            new: "          (size(ensemble) == 0",
            breaks: "never 'restart_broker' unless brokers"
        ),
        Mutant(
            name: "logs are not copied before controllers start",
            runbook: controllers,
            old: "  - id: copy_logs\n",
            new: "  - id: copy_logs\n    when: 1 > 2\n",
            breaks: "'copy_logs' before 'start_controller'"
        ),
        Mutant(
            name: "nobody is asked before controllers start",
            runbook: controllers,
            old: "  - id: may_i_start\n",
            new: "  - id: may_i_start\n    when: 1 > 2\n",
            breaks: "'may_i_start' before 'start_controller'"
        ),
        Mutant(
            name: "what the broker had to say is not kept",
            runbook: missed,
            old: "  - id: keep_evidence\n",
            new: "  - id: keep_evidence\n    when: 1 > 2\n",
            breaks: "'keep_evidence' before 'start_broker'"
        ),
        Mutant(
            name: "nobody hears what fills the disks",
            runbook: disk,
            old: "  - id: tell_what_is_full\n",
            new: "  - id: tell_what_is_full\n    when: 1 > 2\n",
            breaks: "'tell_what_is_full' before 'give_up_reserve'"
        ),
        Mutant(
            name: "the primary is promoted while the secondary takes writes",
            runbook: failback,
            old: "  - id: writers_are_refused\n",
            new: "  - id: writers_are_refused\n    when: 1 > 2\n",
            breaks: "'writers_are_refused' before 'promote_primary'"
        ),
        Mutant(
            name: "the mirror runs in a circle",
            runbook: failback,
            old: "  - id: stop_copying_back\n",
            new: "  - id: stop_copying_back\n    when: 1 > 2\n",
            breaks: "'stop_copying_back' before 'promote_primary'"
        ),
    ]

    static func prover(_ runbook: String) -> Prover {
        switch runbook {
        case self.zookeeper: Prover(nodes: ["brokers": 1], begin: ["ensemble": [.down, .lost, .cut]])
        case self.cascade: Prover(nodes: ["brokers": 4], begin: ["brokers": [.up, .down]])
        case self.controllers: Prover(nodes: ["brokers": 1])
        case self.roll, self.missed, self.disk: Prover(nodes: ["ensemble": 1, "controllers": 1])
        default: Prover(nodes: ["primary_brokers": 1, "secondary_brokers": 1])
        }
    }

    @Test(arguments: mutants)
    func `a planted mistake is found, and its trace is real`(mutant: Mutant) throws {
        let original = try Prover.shipped(mutant.runbook)
        try #require(original.contains(mutant.old), "the runbook has changed: plant the mistake anew")
        let report = try Self.prover(mutant.runbook).report(on: original.replacing(mutant.old, with: mutant.new))
        #expect(report.violated.contains { $0.hasPrefix(mutant.breaks) }, "\(report.violated)")
        #expect(report.areTracesReal)
    }

    @Test(arguments: [zookeeper, cascade, failover, roll, controllers, missed, disk, failback])
    func `no alarm on the originals`(runbook: String) throws {
        let report = try Self.prover(runbook).report(on: Prover.shipped(runbook))
        // Without bad luck some ways out cannot be come to; that is said by `verify` with its usual assumptions.
        #expect(report.violated.filter { $0 != "every step can be reached" } == [])
        #expect(report.exploration.isComplete)
    }

    // With as many brokers as replicas, one that comes back leaves every partition under-replicated: that must not look like no progress.
    @Test func `a cascade of three brokers can be recovered`() throws {
        let report = try Prover(begin: ["brokers": [.up, .down]]).report(on: Prover.shipped(Self.cascade))
        #expect(!report.violated.contains("it is possible to end succeeded"))
        #expect(report.exploration.isComplete)
    }

    @Test func `what is left out makes no difference to the verdicts`() throws {
        let steps = """
              - id: look
                probe: { targets: ensemble, zookeeper: { ask: [srvr, disk_epoch] } }
              - id: start_all
                run: { targets: ensemble, service: zookeeper, do: start, batch: { size: 1, max_failures: 0 } }
            """
        let properties = """
              - never: { step: start_all, unless: "ensemble.exists(n, n.serving)" }
              - at_most: { down_by_us: 0, of: ensemble }
              - possible: { ends: succeeded }
              - possible: { ends: escalated }
            """
        let text = Prover.runbook(steps, properties: properties)
        let beginnings: [String: [Assumptions.Beginning]] = ["ensemble": [.up, .lost]]
        let reduced = try Prover(faults: 1, lies: 1, begin: beginnings).report(on: text)
        let full = try Prover(faults: 1, lies: 1, begin: beginnings, isReduced: false).report(on: text)
        #expect(reduced.violated == full.violated)
        #expect(reduced.exploration.states < full.exploration.states)
        #expect(reduced.exploration.outcomes == full.exploration.outcomes)
        #expect(reduced.areTracesReal && full.areTracesReal)
    }
}
