// Selfheal
// SPDX-License-Identifier: Apache-2.0

import ClusterWatch
import RunCore
import RunPlan
import RunTestSupport
import RunVocabulary
import Testing

@Suite struct EntryGateTests {
    private static let text = """
        runbook: two_ways
        steps:
          - id: which
            choose:
              - when: "1 + 1 == 2"
                next: right
              - otherwise: wrong
          - id: wrong
            finish: { outcome: failed }
          - id: right
            finish: { outcome: succeeded }
        """

    private static func machine(voting: Vote.Decision?) throws -> RunMachine {
        let plan = try PlanFixture.plan(self.text)
            .asking([.role("on_call")], for: .minutes(5), telling: ["oncall"], because: "May it? ${{ 1 + 1 }}")
        let inventory = PlanFixture.inventory()
        var machine = RunMachine(
            binding: RunBinding(run: "r", plan: plan, parameters: [:], inventory: inventory, requestedBy: "selfheal")
        )
        let at = { (seconds: Int64) in Instant(milliseconds: seconds * 1_000) }
        _ = try machine.handle(.started(at: at(0)))
        let gate = try #require(machine.openGates.first?.gate)
        #expect(gate.message == "May it? ${{ 1 + 1 }}")
        if let voting {
            let vote = Vote(person: "ada", roles: ["on_call"], decision: voting, digest: gate.digest, comment: "")
            _ = try machine.handle(.voted(gate.step, vote, at: at(1)))
        } else {
            _ = try machine.handle(.clockReached(at: at(301)))
        }
        return machine
    }

    @Test func `agreed to, the plan goes on as it was written, its jumps included`() throws {
        #expect(try Self.machine(voting: .granted).outcome == .succeeded)
    }

    @Test(arguments: [Vote.Decision.denied, nil])
    func `refused or not answered, none of its steps is walked`(decision: Vote.Decision?) throws {
        #expect(try Self.machine(voting: decision).outcome == .cancelled)
    }
}
