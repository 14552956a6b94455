// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunCore
import RunPlan
import RunVocabulary
import Testing

/// What a run does not know of its own acts when it ends, and what people say of it afterwards.
@Suite struct LeftInDoubtTests {
    private static let act =
        "run: { targets: ensemble, command: [x], effect: changes, repeat: never, batch: { size: 2 } }"

    /// Two commands were under way, and nobody knows of either whether it is gone.
    private func cancelled() throws -> Transcript {
        var run = try Transcript(runbook("  - id: a\n    \(Self.act)"))
        try run.start()
        let acts = [try run.begin(on: "zk1"), try run.begin(on: "zk2")]
        try run.cancel()
        for act in acts {
            try run.ended(act, .inDoubt(reason: "it leaves no receipt"))
        }
        #expect(run.finish?.outcome == .cancelled)
        return run
    }

    @Test func `a cancelled run still knows what is in doubt, and people settle it one by one`() throws {
        var run = try self.cancelled()
        #expect(run.machine.doubts.isEmpty, "it waits for nothing any more")
        #expect(run.machine.leftInDoubt.map(\.target) == ["zk1", "zk2"])
        #expect(run.machine.leftInDoubt.first?.reason == "it leaves no receipt")
        try run.settle("a", happened: true, target: "zk2")
        #expect(run.machine.leftInDoubt.map(\.target) == ["zk1"])
        try run.settle("a", happened: false)
        #expect(run.machine.leftInDoubt.isEmpty)
        #expect(run.machine.outcome == .cancelled, "how it came out does not change")
        try run.settle("a", happened: true)
        #expect(run.notes.last == .ignored(.settlement("a", reason: "nothing is in doubt there")))
    }

    @Test func `a word about something else settles nothing`() throws {
        var run = try self.cancelled()
        try run.settle("a", happened: true, target: "zk3")
        try run.settle("b", happened: true)
        #expect(run.machine.leftInDoubt.count == 2)
    }

    @Test func `the reason names every host that is in doubt`() throws {
        let run = try self.cancelled()
        let reason = try #require(run.finish?.reason)
        #expect(reason.contains("zk1: it leaves no receipt; zk2: it leaves no receipt"))
    }

    @Test func `a run that came out well after all has left nothing`() throws {
        let steps = """
              - id: a
                run: { targets: "[ensemble[0]]", command: [x], effect: changes, repeat: never }
                if_in_doubt: make_good
              - { id: done, finish: { outcome: succeeded } }
              - id: make_good
                run: { targets: "[ensemble[0]]", command: [y], effect: changes }
              - { id: fine, finish: { outcome: OUTCOME } }
            """
        for (outcome, left) in [("succeeded", 0), ("escalated", 1)] {
            var run = try Transcript(runbook(steps.replacing("OUTCOME", with: outcome)))
            try run.start()
            try run.carryOut(.inDoubt(reason: "the line went dead"))
            try run.carryOut()
            #expect(run.finish?.outcome.rawValue == outcome)
            #expect(run.machine.leftInDoubt.count == left)
        }
    }

    @Test func `a denial's comment is in the reason`() throws {
        let steps = """
              - id: ask
                approve: { message: May I?, from: [role:sre], timeout: 15m, on_timeout: refused }
              - id: touch
                run: { targets: ensemble, command: [x], effect: changes }
            """
        var run = try Transcript(runbook(steps))
        try run.start()
        let gate = try #require(run.machine.openGates.first?.gate)
        let vote = Vote(
            person: "lin",
            roles: ["sre"],
            decision: .denied,
            digest: gate.digest,
            comment: "the change window has closed"
        )
        try run.send(.voted(gate.step, vote, at: run.now))
        #expect(run.finish?.reason.contains("denied by lin: the change window has closed") == true)
    }

    @Test func `the reason names three of the hosts that failed, and counts the others`() throws {
        let action = "run: { targets: all_nodes, command: [x], effect: changes, batch: { size: 5 } }"
        let five = "  all_nodes: { nodes: [zk1, zk2, zk3, b1, b2] }\n  none:"
        var run = try Transcript(runbook("  - id: a\n    \(action)").replacing("  none:", with: five))
        try run.start()
        let nodes = run.acts.compactMap(\.target)
        try #require(nodes.count == 5)
        for node in nodes {
            try run.carryOut(.exited(status: 7), on: node)
        }
        let reason = try #require(run.finish?.reason)
        for node in nodes.prefix(3) {
            #expect(reason.contains("\(node): "), "\(reason)")
        }
        #expect(reason.hasSuffix("; and 2 more"), "\(reason)")
    }
}
