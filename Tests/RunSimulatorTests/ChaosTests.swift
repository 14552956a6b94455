// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Foundation
import RunPlan
import RunSimulator
import RunVocabulary
import RunbookSource
import Testing

/// Faults that nobody thought of, before and while the shipped runbook works.
@Suite struct ChaosTests {
    static let seeds: ClosedRange<UInt64> = DataLossTests.isLong ? 1...3_000 : 1...60

    // Goal: whatever fails and whenever, the runbook does not turn a loss of quorum into a loss of data.
    // Method: three to six random faults before and during the run; one copy of the data always survives them.
    @Test func `no order of faults makes the shipped runbook harm data`() throws {
        let plan = try Rehearsing.plan("zookeeper_quorum_loss")
        var outcomes: Set<RunOutcome> = []
        for seed in Self.seeds {
            let result = try #require(Rehearsal.run(plan, in: Self.scenario(seed), seed: seed).result)
            try #require(result.harms.isEmpty, "seed \(seed):\n\(result.text)")
            result.outcome.map { _ = outcomes.insert($0) }
        }
        // Situations that have to come up, or the faults are not worth their name.
        #expect(outcomes.isSuperset(of: [.succeeded, .notNeeded, .escalated]))
    }

    @Test func `the same faults catch a runbook that starts empty members first`() throws {
        let plan = try Rehearsing.plan(text: DataLossTests.naive)
        let harmed = Self.seeds.filter { seed in
            Rehearsal.run(plan, in: Self.scenario(seed), seed: seed).result?.harms.isEmpty == false
        }
        #expect(!harmed.isEmpty)
    }

    private static func scenario(_ seed: UInt64) -> Scenario {
        var generator = SplitMix64(seed: seed &* 77)
        var scenario = Scenario(name: "chaos", span: .wholeFile("chaos"))
        let size: UInt64 = generator.number(below: 3) == 0 ? 5 : 3
        scenario.cluster.members = (1...size).map { Scenario.Member(name: NodeName("zk\($0)")) }
        scenario.cluster.brokers = [Scenario.Broker(name: "kafka1")]
        scenario.durations.startMember = .seconds(1) ... .seconds(15)
        scenario.durations.election = .seconds(1) ... .seconds(4)
        scenario.people = ["ada", "bo"].map { name in
            Scenario.Person(name: name, roles: ["sre"], answer: .grant, after: .seconds(5) ... .minutes(4))
        }
        scenario.start = .at(.minutes(1))
        scenario.until = .minutes(120)
        var wiped: Set<NodeName> = []
        if seed.isMultiple(of: 2) {
            // Half of the worlds begin with the worst: a majority's disks are gone, and who has the data is down.
            let first = generator.number(below: size)
            let names = (0..<size).map { NodeName("zk\((first + $0) % size + 1)") }
            let majority = Int(size / 2 + 1)
            wiped = Set(names.prefix(majority))
            scenario.faults.append(Scenario.Fault(at: .seconds(1), .wipe, Array(names.prefix(majority))))
            scenario.faults.append(Scenario.Fault(at: .seconds(1), .kill, Array(names.dropFirst(majority))))
        }
        for index in 0..<(3 + generator.number(below: 4)) {
            let node = NodeName("zk\(1 + generator.number(below: size))")
            let moment = generator.length(in: index < 3 ? .zero ... .seconds(55) : .minutes(1) ... .minutes(8))
            let kind = generator.number(below: 6)
            if kind < 2 {
                scenario.faults.append(Scenario.Fault(at: moment, .kill, [node]))
            } else if kind < 4 {
                guard wiped.contains(node) || wiped.count < Int(size) - 1 else {
                    continue
                }
                wiped.insert(node)
                scenario.faults.append(Scenario.Fault(at: moment, .wipe, [node]))
            } else {
                let healed = moment + generator.length(in: .seconds(5) ... .minutes(2))
                scenario.faults.append(Scenario.Fault(at: moment, kind == 4 ? .cut : .hang, [node]))
                scenario.faults.append(Scenario.Fault(at: healed, .heal, [node]))
            }
        }
        scenario.faults.sort { $0.at < $1.at }
        return scenario
    }
}
