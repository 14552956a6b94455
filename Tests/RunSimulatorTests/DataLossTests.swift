// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Foundation
import RunPlan
import RunSimulator
import RunVocabulary
import Testing

/// The order in which members start decides whether the last copy of the data survives.
@Suite struct DataLossTests {
    /// Starts whatever is down, the empty members first: what a page that knows nothing of histories would say.
    static let naive = """
        runbook: naive
        title: Start every member that is down
        targets:
          ensemble: { role: zookeeper }
        steps:
          - id: look
            probe: { targets: ensemble, zookeeper: { ask: [srvr, disk_epoch] } }
          - id: start_all
            for_each:
              as: node
              in: "steps.look.results.filter(r, !r.answered).sortBy(r, r.data == 'lost' ? 0 : 1).map(r, r.target)"
              stop_after_failures: 1
            steps:
              - id: start_member
                run: { targets: "[node]", service: zookeeper, do: start }
                timeout: 1m
                verify: { zookeeper: { ask: [srvr] }, expect: result.answered }
              - id: let_it_join
                pause: 5s
        """

    static func survivor(epoch: Int) -> String {
        """
        scenario: survivor
        cluster:
          zookeeper:
            zk1: { state: down, epoch: \(epoch) }
            zk2: { state: down, data: lost }
            zk3: { state: down, data: lost }
        start: { at: 0s }
        """
    }

    @Test func `empty members that start first cut the survivor back, and everything looks well`() throws {
        let scenario = try Rehearsing.scenario(text: Self.survivor(epoch: 1))
        let result = try Rehearsing.run(Rehearsing.plan(text: Self.naive), in: scenario)
        #expect(result.outcome == .succeeded)
        #expect(
            result.harms.map(\.text) == [
                "zk3 begins an empty history and serves it, while zk1 still holds 137 znodes",
                "zk1 is cut back to the empty history of zk3: 137 znodes gone",
                "the znodes of the ensemble are gone: no member holds them any more",
            ]
        )
        #expect(!result.isWell)
        #expect(result.verdict.contains("harm was done 3 times"))
    }

    @Test func `a survivor of a higher epoch is locked out of the empty history, and keeps its data`() throws {
        let scenario = try Rehearsing.scenario(text: Self.survivor(epoch: 2))
        let result = try Rehearsing.run(Rehearsing.plan(text: Self.naive), in: scenario)
        #expect(result.harms.count == 1)
        _ = try result.entry(.world, "zk1 cannot follow zk3: its epoch 2 is above 1")
    }

    /// Each order of the three members: the first two are wiped in turn, the third survives.
    static let orders = [
        ["zk1", "zk2", "zk3"], ["zk1", "zk3", "zk2"], ["zk2", "zk1", "zk3"],
        ["zk2", "zk3", "zk1"], ["zk3", "zk1", "zk2"], ["zk3", "zk2", "zk1"],
    ]

    /// All six orders under each seed take a minute; by default the seeds take the orders in turn.
    static let isLong = ProcessInfo.processInfo.environment["SELFHEAL_SIMULATION"] == "long"

    // Goal: the shipped runbook never loses or forks data, whoever survives and however long everything takes.
    // Method: wipe two of three members in every order, under 200 seeds; the survivor runs on, is killed too, or fails its first start.
    @Test(arguments: 0..<6)
    func `the shipped runbook never harms data`(index: Int) throws {
        let plan = try Rehearsing.plan("zookeeper_quorum_loss")
        for seed in UInt64(1)...200 where Self.isLong || seed % 6 == UInt64(index) {
            let result = try Rehearsing.run(plan, in: Self.loss(Self.orders[index], variant: seed / 6 % 3), seed: seed)
            try #require(result.isWell, "seed \(seed) of \(Self.orders[index]) came out otherwise:\n\(result.text)")
        }
    }

    private static func loss(_ order: [String], variant: UInt64) throws -> Scenario {
        let survivor = order[2]
        let more =
            switch variant {
            case 0: ""
            case 1: "  - { at: 25s, kill: \(survivor) }"
            default: "  - { at: 25s, kill: \(survivor) }\ncommands: [{ do: start, on: \(survivor), fails: 1 }]"
            }
        return try Rehearsing.scenario(
            text: """
                scenario: data_loss
                cluster: { zookeeper: 3, brokers: 1 }
                monitors: { every: 1m }
                start: { at: 30s }
                parameters: { settle_time: 1s, broker_pause: 1s }
                durations:
                  start_member: { min: 500ms, max: 20s }
                  election: { min: 100ms, max: 5s }
                people:
                  ada: { roles: [sre], after: { min: 10s, max: 7m } }
                  bo: { roles: [sre], after: { min: 10s, max: 7m } }
                timeline:
                  - { at: 10s, wipe: \(order[0]) }
                  - { at: 20s, wipe: \(order[1]) }
                \(more)
                """
        )
    }
}
