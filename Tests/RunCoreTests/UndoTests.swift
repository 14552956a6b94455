// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunCore
import RunVocabulary
import Testing

@Suite struct UndoTests {
    static let stopAndFail = """
          - id: stop
            run: { targets: brokers, service: kafka, do: stop, batch: { size: 1 } }
            undo: { run: { service: kafka, do: start }, timeout: 2m }
          - id: each
            for_each: { as: node, in: ensemble }
            steps:
              - id: mark
                run: { targets: "[node]", command: [mark, "${{ node.name }}"], effect: changes }
                undo: { run: { command: [unmark, "${{ node.name }}"], effect: changes } }
          - id: fail
            run: { local: true, command: [fail], effect: changes }
        """
    static let ending = """
        on_failure:
          undo: true
          steps:
            - id: tell
              notify: { channels: [oncall], message: "${{ run.reason }}" }

        """

    private static func failing() throws -> Transcript {
        var run = try Transcript(runbook(Self.stopAndFail) + Self.ending)
        try run.start()
        for _ in 1...5 {
            try run.carryOut()
        }
        return run
    }

    @Test func `what happened is undone, the last first, one after the other`() throws {
        var run = try Self.failing()
        #expect(try run.carryOut(.exited(status: 1)) == ["act unmark zk3 on zk3"])
        #expect(try run.carryOut() == ["act unmark zk2 on zk2"])
        #expect(try run.carryOut() == ["act unmark zk1 on zk1"])
        #expect(try run.carryOut() == ["act start kafka on b2"])
        #expect(try run.carryOut() == ["act start kafka on b1"])
        #expect(try run.carryOut() == ["tell oncall: the engine's machine: exit status 1"])
        #expect(try run.told().first?.hasPrefix("finish failed") == true)
        #expect(
            run.acts.suffix(5).map(\.step) == [
                "undo/each[2]/mark", "undo/each[1]/mark", "undo/each[0]/mark", "undo/stop", "undo/stop",
            ]
        )
        #expect(Set(run.acts.map(\.effect)).count == run.acts.count)
    }

    @Test func `only where it happened`() throws {
        var run = try Transcript(runbook(Self.stopAndFail) + Self.ending)
        try run.start()
        try run.carryOut()
        #expect(try run.carryOut(.exited(status: 1)) == ["act start kafka on b1"])
    }

    @Test func `what was settled as happened is undone, and what was settled otherwise is not`() throws {
        for happened in [true, false] {
            var run = try Transcript(runbook(Self.stopAndFail) + Self.ending)
            try run.start()
            try run.carryOut(.inDoubt(reason: "the link broke"))
            try run.settle("stop", happened: happened)
            if happened {
                #expect(try run.carryOut(.exited(status: 1)) == ["act start kafka on b1"])
            } else {
                #expect(run.openLines == ["tell oncall: b1: lin says that it did not happen: I looked"])
            }
        }
    }

    @Test func `nothing is undone that a route has taken care of, or by a cancel`() throws {
        var run = try Self.failing()
        #expect(try run.cancel() == ["finish cancelled: cancelled by lin: wrong cluster"])
    }

    // Goal: half undone is a person's to look at.
    @Test func `an undo that fails stops the undoing, and the run is escalated`() throws {
        var run = try Self.failing()
        try run.carryOut(.exited(status: 1))
        try run.carryOut()
        let lines = try run.carryOut(.exited(status: 7))
        let reason =
            "the undoing stopped: undo/each[1]/mark: zk2: exit status 7; not undone: each[1]/mark, each[0]/mark, stop"
        #expect(lines == ["tell oncall: the engine's machine: exit status 1; \(reason)"])
        #expect(try run.told().first?.hasPrefix("finish escalated: ") == true)
    }

    // Goal: nothing is undone of which nobody knows whether it was done.
    @Test func `what is in doubt is not undone blindly`() throws {
        let text =
            runbook(
                """
                  - id: stop
                    run: { targets: brokers, service: kafka, do: stop, batch: { size: 2 } }
                    undo: { run: { service: kafka, do: start } }
                    if_in_doubt: fail
                  - id: fail
                    run: { local: true, command: [fail], effect: changes }
                """
            ) + Self.ending
        var run = try Transcript(text)
        try run.start()
        try run.carryOut(on: "b1")
        try run.carryOut(.inDoubt(reason: "the link broke"), on: "b2")
        #expect(try run.carryOut(.exited(status: 1)) == ["act start kafka on b1"])
        let lines = try run.carryOut()
        #expect(lines.count == 1)
        #expect(lines.first?.contains("it is in doubt whether stop happened: b2: the link broke") == true, "\(lines)")
        #expect(try run.told().first?.hasPrefix("finish escalated: ") == true)
    }

    @Test func `an undo in doubt waits for a person like any act`() throws {
        var run = try Self.failing()
        try run.carryOut(.exited(status: 1))
        #expect(try run.carryOut(.inDoubt(reason: "the link broke")) == [])
        #expect(run.machine.doubts.map(\.step) == ["undo/each[2]/mark"])
        #expect(try run.settle("undo/each[2]/mark", happened: true) == ["act unmark zk2 on zk2"])
    }

    @Test func `cancel stops the undoing`() throws {
        var run = try Self.failing()
        try run.carryOut(.exited(status: 1))
        let act = try run.begin()
        #expect(try run.cancel() == ["stop"])
        let lines = try run.ended(act, .stopped)
        #expect(lines.first?.hasPrefix("finish cancelled: ") == true, "\(lines)")
        #expect(lines.first?.contains("not undone: each[2]/mark, each[1]/mark, each[0]/mark, stop") == true)
    }

    @Test func `another engine takes the undoing up`() throws {
        var run = try Self.failing()
        try run.carryOut(.exited(status: 1))
        try run.carryOut()
        try run.begin()
        #expect(try run.restart() == ["inquire unmark zk2 on zk2"])
        let act = try #require(run.acts.last)
        #expect(try run.ended(act, .exited(status: 0)) == ["act unmark zk1 on zk1"])
    }

    static let callee = """
        runbook: drain
        targets: { them: { role: kafka_broker } }
        steps:
          - id: out
            run: { targets: them, service: kafka, do: stop, batch: { size: 2 } }
            undo: { run: { service: kafka, do: start, batch: { size: 2 } } }
        """

    private static func calling(_ keys: String = "") throws -> Transcript {
        try Transcript(
            runbook(
                """
                  - id: drain
                    call: { runbook: drain }
                \(keys)
                  - id: fail
                    run: { local: true, command: [fail], effect: changes }
                """
            ) + Self.ending,
            calling: ["drain.yaml": Self.callee]
        )
    }

    @Test func `what a called runbook did is undone by its caller, seen as it saw it`() throws {
        var run = try Self.calling()
        try run.start()
        try run.carryOut()
        try run.carryOut()
        #expect(try run.carryOut(.exited(status: 1)) == ["act start kafka on b2", "act start kafka on b1"])
        #expect(run.acts.last?.step == "undo/drain/out")
    }

    @Test func `the undo of a call takes the place of those of its steps`() throws {
        var run = try Self.calling("    undo: { run: { local: true, command: [refill], effect: changes } }")
        try run.start()
        try run.carryOut()
        try run.carryOut()
        #expect(try run.carryOut(.exited(status: 1)) == ["act refill"])
        #expect(try run.carryOut().first?.hasPrefix("tell oncall") == true)
    }
}
