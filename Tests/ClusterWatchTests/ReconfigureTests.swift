// Selfheal
// SPDX-License-Identifier: Apache-2.0

import ClusterWatch
import RunCore
import RunPlan
import RunVocabulary
import Testing

/// A configuration that is changed while the watch watches.
@Suite struct ReconfigureTests {
    private static let down: [String: Fact] = ["serving": .bool(false), "problem": .string("connection refused")]

    @Test func `a condition that holds goes on holding when its runbook is the same`() throws {
        var watching = Watching([try Watching.plan(trigger: "for: 2m")])
        watching.wait(.seconds(60))
        watching.answer(Self.down, from: "n2")
        watching.wait(.seconds(60))
        #expect(watching.decision()?.kind == .holding)
        watching.reconfigure(
            [try Watching.plan(trigger: "for: 2m")],
            settings: Watching.settings { $0.cooldown = .zero }
        )
        watching.wait(.seconds(100))
        #expect(watching.launches.count == 1, "it began to hold before the change")
    }

    @Test func `another runbook's condition has to hold from the beginning`() throws {
        var watching = Watching([try Watching.plan(trigger: "for: 2m")])
        watching.wait(.seconds(60))
        watching.answer(Self.down, from: "n2")
        watching.wait(.seconds(60))
        watching.reconfigure([try Watching.plan(trigger: "for: 90s")])
        watching.wait(.seconds(80))
        #expect(watching.launches.isEmpty)
        watching.wait(.seconds(40))
        #expect(watching.launches.count == 1)
    }

    @Test func `nodes come and go, and what is known of the others stays`() {
        var watching = Watching([], nodes: 3)
        watching.wait(.seconds(30))
        watching.answer(["serving": .bool(true)], from: "n4")
        watching.reconfigure([], nodes: 4)
        #expect(watching.machine.health(of: "n3") == .up)
        #expect(watching.machine.health(of: "n4") == nil || watching.machine.health(of: "n4") == .up)
        watching.wait(.seconds(10))
        #expect(watching.machine.health(of: "n4") == .up)
        #expect(watching.machine.hasSeenAll)
        watching.reconfigure([], nodes: 2)
        #expect(watching.machine.health(of: "n3") == nil)
        #expect(watching.machine.hasSeenAll)
        // An answer that was under way is none of ours any more.
        watching.send(.looked([ProbeReport(target: "n3", facts: Self.down)], at: watching.now))
        #expect(watching.machine.health(of: "n3") == nil)
    }

    @Test func `a run under way still holds back the next one`() throws {
        let plan = try Watching.plan(trigger: "cooldown: 1h")
        var watching = Watching([plan])
        watching.wait(.seconds(30))
        watching.answer(Self.down, from: "n2")
        watching.wait(.seconds(30))
        #expect(watching.launches.count == 1)
        watching.reconfigure([try Watching.plan(trigger: "for: 1s")])
        watching.wait(.seconds(60))
        #expect(watching.launches.count == 1)
        #expect(watching.decision()?.reason.contains("run-1 of it has not ended") == true)
    }
}
