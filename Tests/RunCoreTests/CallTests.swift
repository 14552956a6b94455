// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunCore
import RunPlan
import RunVocabulary
import Testing

@Suite struct CallTests {
    static let restart = """
        runbook: restart
        parameters:
          rest: { type: duration, default: 5s }
          how: { type: enum, values: [gently, hard], default: gently }
        targets:
          all_of_them: { role: kafka_broker }
        steps:
          - id: stop
            when: parameters.how == 'gently'
            run: { targets: all_of_them, service: kafka, do: stop, batch: { size: 2 } }
          - id: rest
            pause: parameters.rest
          - id: start
            run: { targets: all_of_them, service: kafka, do: start, batch: { size: 2 } }
        on_failure:
          - id: tell
            notify: { channels: [inner], message: "${{ run.reason }}" }
        finally:
          - id: last
            notify: { channels: [inner], message: over }
        """

    private static func run(
        _ call: String = "runbook: restart",
        keys: String = "",
        callee: String = Self.restart,
        head: String = ""
    ) throws -> Transcript {
        try Transcript(
            runbook(
                """
                  - id: heal
                    call: { \(call) }
                \(keys)
                  - id: say
                    notify: { channels: [outer], message: "${{ steps.heal.outcome }} ${{ steps.heal.succeeded }}" }
                """,
                head: head
            ),
            calling: ["restart.yaml": callee]
        )
    }

    @Test func `a called runbook is walked with its own names, and its steps have the call's name before theirs`()
        throws
    {
        var run = try Self.run("runbook: restart, with: { rest: 7s }")
        #expect(try run.start() == ["act stop kafka on b1", "act stop kafka on b2"])
        try run.carryOut(on: "b1")
        try run.carryOut(on: "b2")
        #expect(run.machine.wakeAt == run.now + .seconds(7))
        #expect(try run.wake() == ["act start kafka on b1", "act start kafka on b2"])
        try run.carryOut(on: "b1")
        #expect(try run.carryOut(on: "b2") == ["tell inner: over"])
        #expect(try run.told() == ["tell outer: succeeded true"])
        #expect(run.acts.first?.step == "heal/stop")
        #expect(
            run.left.map { $0.split(separator: " ")[0] } == [
                "heal/stop", "heal/rest", "heal/start", "heal/finally/last", "heal",
            ]
        )
    }

    @Test func `parameters are worked out by the caller`() throws {
        var run = try Self.run(
            "runbook: restart, with: { how: \"parameters.way\" }",
            head: "parameters: { way: { type: string } }"
        )
        run = try Transcript(of: run, parameters: ["way": .string("hard")])
        #expect(try run.start() == [])
        #expect(run.left == ["heal/stop skipped: 'parameters.how == 'gently'' does not hold"])
    }

    @Test func `a value that is none of an enum's is refused before anything happens`() throws {
        var run = try Self.run(
            "runbook: restart, with: { how: \"parameters.way\" }",
            head: "parameters: { way: { type: string } }"
        )
        run = try Transcript(of: run, parameters: ["way": .string("wildly")])
        #expect(
            try run.start() == ["finish failed: 'wildly' is no value of the parameter 'how'"]
        )
    }

    @Test func `its failure is walked to the end in there, then taken by the caller's route`() throws {
        var run = try Self.run(keys: "    if_failed: say")
        try run.start()
        try run.carryOut(.exited(status: 1), on: "b1")
        #expect(try run.carryOut(on: "b2") == ["tell inner: b1: exit status 1"])
        #expect(try run.told() == ["tell inner: over"])
        #expect(try run.told() == ["tell outer: failed false"])
    }

    @Test(
        arguments: [
            ("succeeded", "succeeded true", Outcome.succeeded), ("not_needed", "not_needed true", .succeeded),
            ("failed", "failed false", .failed), ("escalated", "escalated false", .failed),
        ]
    )
    func `a finish ends the called runbook alone, and its outcome is the step's`(
        word: String,
        message: String,
        outcome: Outcome
    ) throws {
        let callee = "runbook: restart\nsteps:\n  - id: end\n    finish: { outcome: \(word), message: so it is }\n"
        var run = try Self.run(keys: "    if_failed: say", callee: callee)
        #expect(try run.start() == ["tell outer: \(message)"])
        #expect(run.left.last?.hasPrefix("heal \(outcome.rawValue)") == true, "\(run.left)")
    }

    @Test func `cancel stops what it does, and its finally is walked`() throws {
        var run = try Self.run()
        try run.start()
        let acts = try [run.begin(on: "b1"), run.begin(on: "b2")]
        #expect(try run.cancel() == ["stop", "stop"])
        try run.ended(acts[0], .stopped)
        #expect(try run.ended(acts[1], .stopped) == ["tell inner: over"])
        #expect(try run.told() == ["finish cancelled: cancelled by lin: wrong cluster"])
    }

    @Test func `its own deadline ends its steps and not the caller's`() throws {
        var run = try Self.run(
            keys: "    if_failed: say",
            callee: Self.restart.replacing("parameters:", with: "deadline: 10s\nparameters:", maxReplacements: 1)
        )
        try run.start()
        let acts = try [run.begin(on: "b1"), run.begin(on: "b2")]
        #expect(run.machine.wakeAt == run.now + .seconds(10))
        #expect(try run.wake() == ["stop", "stop"])
        try run.ended(acts[0], .stopped)
        #expect(try run.ended(acts[1], .stopped) == ["tell inner: the run's deadline passed"])
        try run.told()
        #expect(try run.told() == ["tell outer: failed false"])
    }

    @Test func `another engine takes it up where it was`() throws {
        var run = try Self.run()
        try run.start()
        try run.begin(on: "b1")
        #expect(try run.restart() == ["inquire stop kafka on b1", "act stop kafka on b2"])
    }

    @Test func `what it locks, the whole run locks`() throws {
        let run = try Self.run(
            callee: Self.restart.replacing("parameters:", with: "locks: [cluster]\nparameters:", maxReplacements: 1)
        )
        #expect(run.binding.plan.locks.map(\.name) == ["cluster"])
    }
}

extension Transcript {
    /// The same plan with other parameters.
    init(of run: Transcript, parameters: [String: Fact]) throws {
        var binding = run.binding
        binding.parameters = parameters
        self.init(binding: binding)
    }
}
