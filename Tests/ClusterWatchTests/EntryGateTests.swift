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

@Suite struct ObstacleTests {
    @Test func `a runbook that nobody could start, or agree to, is not watched`() throws {
        let settings = Watching.settings()
        let nobody = Watching.settings { $0.askFrom = [] }
        #expect(try Watching.plan().obstacleToWatching(nobody) == nil)
        #expect(try Watching.plan(autonomy: "approve").obstacleToWatching(settings) == nil)
        #expect(try Watching.plan(autonomy: "approve").obstacleToWatching(nobody)?.contains("say whom") == true)
        let asking = try Watching.plan(head: "parameters: { depth: { type: int } }")
        #expect(asking.obstacleToWatching(settings)?.contains("'depth' has no default") == true)
        let secret = try Watching.plan(head: "parameters: { token: { type: secret } }")
        #expect(secret.obstacleToWatching(settings)?.contains("'token' is a secret") == true)
        let untriggered = try PlanFixture.plan("runbook: a\nsteps: [{ id: done, finish: { outcome: succeeded } }]")
        #expect(untriggered.obstacleToWatching(settings)?.contains("'triggers:'") == true)
    }
}
