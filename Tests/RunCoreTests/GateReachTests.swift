// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunPlan
import RunVocabulary
import Testing

@testable import RunCore

/// What people agree to have touched, and what is refused because they did not.
@Suite struct GateReachTests {
    private static func text(_ targets: String, before: String = "", between: String = "") -> String {
        runbook(
            """
            \(before)
              - id: ask
                approve: { message: May I?, from: [role:sre], timeout: 15m, on_timeout: refused }
            \(between)
              - id: touch
                run: { targets: "\(targets)", command: [x], effect: changes, batch: { size: 3 } }
                if_refused: strange
              - { id: done, finish: { outcome: succeeded } }
              - { id: strange, finish: { outcome: escalated, message: "${{ run.reason }}" } }
            """
        )
    }

    private static let down = "ensemble.filter(n, !n.serving)"

    @Test func `a gate looks at what is behind it, and shows the nodes`() throws {
        var run = try Transcript(Self.text(Self.down))
        #expect(try run.start() == ["observe zk1 zk2 zk3"])
        #expect(
            try run.observed(serving("zk1", down: ["zk2", "zk3"]))
                == ["ask ask 1: May I?\nIt touches nothing but:\n  touch: changes zk2, zk3"]
        )
        #expect(try run.vote("lin") == ["close ask", "act x on zk2", "act x on zk3"])
    }

    // Goal: an approval means these nodes and no others.
    @Test func `a node that failed after people agreed is not touched`() throws {
        var run = try Transcript(Self.text(Self.down))
        try run.start()
        try run.observed(serving("zk1", "zk3", down: ["zk2"]))
        run.now = run.now + .minutes(5)
        #expect(try run.vote("lin") == ["close ask", "observe zk1 zk2 zk3"])
        let end = try run.observed(serving("zk1", down: ["zk2", "zk3"]))
        #expect(
            end == ["finish escalated: people approved this step for zk2, and now it would touch zk3; ask again"]
        )
        #expect(run.acts.isEmpty)
    }

    @Test func `fewer nodes than people agreed to are touched`() throws {
        var run = try Transcript(Self.text(Self.down))
        try run.start()
        try run.observed(serving("zk1", down: ["zk2", "zk3"]))
        run.now = run.now + .minutes(5)
        try run.vote("lin")
        #expect(try run.observed(serving("zk1", "zk2", down: ["zk3"])) == ["act x on zk3"])
    }

    @Test func `what is found out behind the gate cannot be told at it, and is said to be so`() throws {
        let look = "  - id: look\n    probe: { targets: ensemble, tcp: { port: client } }"
        let targets = "steps.look.results.filter(r, !r.open).map(r, r.target)"
        var run = try Transcript(Self.text(targets, between: look))
        let line = "touch: changes what '\(targets)' is then"
        #expect(try run.start() == ["ask ask 1: May I?\nCannot be told yet:\n  \(line)"])
        try run.vote("lin")
        try run.probed(["zk1": ["open": .bool(true)], "zk2": ["open": .bool(true)], "zk3": ["open": .bool(false)]])
        #expect(run.acts.map(\.target) == ["zk3"])
    }

    @Test func `a whole selection is shown with its nodes, and results of before do not change`() throws {
        var plain = try Transcript(Self.text("ensemble"))
        #expect(try plain.start() == ["ask ask 1: May I?\nIt touches nothing but:\n  touch: changes zk1, zk2, zk3"])
        let look = "  - id: look\n    probe: { targets: ensemble, tcp: { port: client } }"
        var run = try Transcript(Self.text("steps.look.results.filter(r, !r.open).map(r, r.target)", before: look))
        try run.start()
        let shown = try run.probed([
            "zk1": ["open": .bool(true)], "zk2": ["open": .bool(false)], "zk3": ["open": .bool(true)],
        ])
        #expect(shown == ["ask ask 1: May I?\nIt touches nothing but:\n  touch: changes zk2"])
        #expect(try run.vote("lin") == ["close ask", "act x on zk2"])
    }

    @Test func `a loop behind the gate is bound in all its iterations`() throws {
        let loop = """
              - id: ask
                approve: { message: May I?, from: [role:sre], timeout: 15m, on_timeout: refused }
              - id: each
                for_each: { as: node, in: "ensemble.filter(n, !n.serving)" }
                steps:
                  - id: touch
                    run: { targets: "[node]", command: [x], effect: changes }
            """
        var run = try Transcript(runbook(loop))
        try run.start()
        let asked = try run.observed(serving("zk1", down: ["zk2", "zk3"]))
        #expect(asked == ["ask ask 1: May I?\nIt touches nothing but:\n  touch: changes zk2, zk3"])
        run.now = run.now + .minutes(5)
        try run.vote("lin")
        try run.observed(serving("zk3", down: ["zk1", "zk2"]))
        #expect(run.acts.isEmpty)
        #expect(run.left.contains { $0.contains("people approved this step for zk2, zk3") && $0.contains("zk1") })
    }

    @Test func `each iteration's gate binds its own, and the next gate binds anew`() throws {
        let loop = """
              - id: each
                for_each: { as: node, in: ensemble, serial: 3 }
                steps:
                  - id: ask
                    approve: { message: "${{ node.name }}?", from: [role:sre], timeout: 15m, on_timeout: refused }
                  - id: touch
                    run: { targets: "[node]", command: [x], effect: changes }
            """
        var run = try Transcript(runbook(loop))
        try run.start()
        for number in [2, 0, 1] {
            let step = StepKey("each[\(number)]/ask")
            let gate = try #require(run.machine.openGates.first { $0.gate.step == step }?.gate)
            #expect(
                gate.message
                    == "zk\(number + 1)?\nIn its list of steps it touches nothing but:\n  touch: changes zk\(number + 1)"
            )
            try run.vote("lin", digest: gate.digest, step: step)
        }
        #expect(run.acts.map(\.target) == ["zk3", "zk1", "zk2"])
    }

    // Goal: whoever reads the list must not be surprised by an act that is not on it.
    @Test func `every act that can follow is named, and what only looks is not`() throws {
        let steps = """
              - id: ask
                approve: { message: May I?, from: [role:sre], timeout: 15m, on_timeout: refused }
              - id: nudge
                for_each: { as: b, in: "brokers.filter(n, n.name == 'b1')" }
                steps:
                  - id: nudge_one
                    run: { targets: "[b]", service: kafka, do: start }
              - id: look
                run: { targets: brokers, command: [df], effect: reads }
              - id: here
                run: { local: true, command: [x], effect: changes }
              - id: call_it
                request: { method: POST, url: "http://127.0.0.1:1/x", effect: moves_data, repeat: never }
              - id: stop_all
                run: { targets: ensemble, service: zookeeper, do: stop }
                timeout: 1m
            on_failure:
              - id: bring_back
                run: { targets: ensemble, service: zookeeper, do: start }
              - id: by_sight
                run: { targets: "ensemble.filter(n, !n.serving)", service: zookeeper, do: restart }
            """
        var run = try Transcript(runbook(steps))
        let lines = [
            "It touches:", "  nudge_one: starts b1", "  here: changes the engine's own machine",
            "  call_it: moves data what a POST request reaches", "  stop_all: stops zk1, zk2, zk3",
            "  bring_back (on_failure): starts zk1, zk2, zk3", "Cannot be told yet:",
            "  by_sight (on_failure): restarts what 'ensemble.filter(n, !n.serving)' is then",
        ]
        #expect(try run.start() == ["ask ask 1: May I?\n" + lines.joined(separator: "\n")])
    }

    // Goal: an empty list at the gate is a promise as well.
    @Test func `a loop that has nothing to do at the gate does nothing later`() throws {
        let loop = """
              - id: ask
                approve: { message: May I?, from: [role:sre], timeout: 15m, on_timeout: refused }
              - id: each
                for_each: { as: node, in: "ensemble.filter(n, !n.serving)" }
                steps:
                  - id: touch
                    run: { targets: "[node]", command: [x], effect: changes }
            """
        var run = try Transcript(runbook(loop))
        try run.start()
        let asked = try run.observed(serving("zk1", "zk2", "zk3"))
        #expect(asked == ["ask ask 1: May I?\nIt touches nothing but:\n  touch: changes nothing"])
        run.now = run.now + .minutes(5)
        try run.vote("lin")
        try run.observed(serving("zk2", "zk3", down: ["zk1"]))
        #expect(run.acts.isEmpty)
    }

    @Test func `a vote is for these nodes`() throws {
        func digest(_ facts: [NodeName: [String: Fact]]) throws -> String {
            var run = try Transcript(Self.text(Self.down))
            try run.start()
            try run.observed(facts)
            return try #require(run.machine.openGates.first?.gate.digest)
        }
        let one = try digest(serving("zk1", "zk2", down: ["zk3"]))
        #expect(try digest(serving("zk1", down: ["zk2", "zk3"])) != one)
        #expect(try digest(serving("zk1", "zk2", down: ["zk3"])) == one)
    }

    @Test func `what was agreed survives the engine`() throws {
        var run = try Transcript(Self.text(Self.down))
        try run.start()
        try run.observed(serving("zk1", "zk3", down: ["zk2"]))
        run.now = run.now + .minutes(5)
        try run.vote("lin")
        try run.restart()
        try run.observed(serving("zk1", down: ["zk2", "zk3"]))
        #expect(run.acts.isEmpty)
        #expect(run.finish?.outcome == .escalated)
    }
}
