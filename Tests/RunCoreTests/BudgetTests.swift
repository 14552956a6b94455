// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunCore
import RunPlan
import RunVocabulary
import Testing

/// Timeouts and pauses that are worked out, and retries with a budget of time.
@Suite struct BudgetTests {
    private static let head = "parameters: { limit: { type: duration }, rest: { type: duration } }"
    private static let parameters: [String: Fact] = ["limit": .span(.seconds(90)), "rest": .span(.seconds(7))]

    @Test func `a timeout is what its expression says when the step begins`() throws {
        let text = runbook(
            """
              - id: act
                run: { targets: brokers, service: kafka, do: stop }
                timeout: parameters.limit
              - id: seen
                wait: { targets: brokers, tcp: { port: broker }, until: result.open }
                timeout: parameters.limit
            """,
            head: Self.head
        )
        var run = try Transcript(text, parameters: Self.parameters)
        try run.start()
        #expect(run.acts.first?.timeout == .seconds(90))
        try run.carryOut()
        try run.carryOut()
        try run.probed(serving(down: ["b1", "b2"]))
        try run.clock(after: .seconds(89))
        try run.probed(serving(down: ["b1", "b2"]))
        #expect(run.finish == nil)
        try run.wake()
        #expect(run.finish?.reason.hasPrefix("not within 1m30s") == true)
    }

    @Test func `a timeout that is no duration above zero refuses the step`() throws {
        let text = runbook(
            "  - id: act\n    run: { targets: brokers, service: kafka, do: stop }\n    timeout: parameters.limit",
            head: Self.head
        )
        var run = try Transcript(text, parameters: ["limit": .span(.zero), "rest": .span(.zero)])
        #expect(try run.start() == ["finish failed: 'parameters.limit' is no known duration above zero"])
    }

    @Test func `a loop's pause is what its expression says`() throws {
        let text = runbook(
            """
              - id: each
                for_each: { as: node, in: brokers, pause: parameters.rest }
                steps:
                  - id: act
                    run: { targets: "[node]", service: kafka, do: stop }
            """,
            head: Self.head
        )
        var run = try Transcript(text, parameters: Self.parameters)
        try run.start()
        try run.carryOut()
        #expect(run.machine.wakeAt == run.now + .seconds(7))
    }

    @Test func `no attempt begins after the time that retries may take`() throws {
        let text = runbook(
            """
              - id: act
                run: { local: true, command: [act], effect: changes }
                retry: { within: 25s, initial: 10s }
            """
        )
        var run = try Transcript(text)
        try run.start()
        for _ in 1...2 {
            try run.carryOut(.exited(status: 1))
            #expect(run.finish == nil)
            try run.wake()
        }
        let lines = try run.carryOut(.exited(status: 1))
        #expect(run.acts.count == 3)
        #expect(
            lines == ["finish failed: the engine's machine: exit status 1; no further attempt fits within 25s"]
        )
    }
}
