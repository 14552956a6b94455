// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunCore
import RunVocabulary
import TestSupport
import Testing

/// What must hold for branches, calls and undos too, whatever the world answers and wherever the engine dies.
@Suite struct RegionReplayTests {
    private static let stepLimit = 3_000

    static func everything() throws -> Transcript {
        let callee = """
            runbook: inner
            deadline: 20m
            parameters: { rest: { type: duration } }
            targets: { them: { role: kafka_broker } }
            steps:
              - id: out
                run: { targets: them, service: kafka, do: stop, batch: { size: 2, max_failures: 1 } }
                undo: { run: { service: kafka, do: start } }
              - id: rest
                pause: parameters.rest
            on_failure:
              - id: say
                notify: { channels: [log], message: "${{ run.reason }}" }
            finally:
              - id: look
                probe: { targets: them, tcp: { port: broker } }
            """
        let text =
            runbook(
                """
                  - id: both
                    deadline: 15m
                    parallel:
                      join: any
                      branches:
                        gentle:
                          - id: first
                            run: { targets: "ensemble.filter(n, n.id == 1)", service: zookeeper, do: start }
                            retry: { attempts: 2 }
                            undo: { run: { service: zookeeper, do: stop } }
                          - id: ask
                            approve: { message: "May I?", from: [role:sre], timeout: 5m, on_timeout: refused }
                        hard:
                          - id: others
                            run: { targets: "ensemble.filter(n, n.id > 1)", service: zookeeper, do: start }
                            undo: { run: { service: zookeeper, do: stop } }
                        inner:
                          - id: nested
                            call: { runbook: inner, with: { rest: 30s } }
                            if_failed: not_so
                          - id: not_so
                            finish: { outcome: escalated }
                            when: "!steps.nested.succeeded"
                  - id: again
                    max_visits: 2
                    call: { runbook: inner, with: { rest: "duration('2m')" } }
                    if_failed: local
                  - id: local
                    run: { local: true, command: [fail], effect: changes }
                    undo: { run: { local: true, command: [mend], effect: changes } }
                    if_failed: again
                  - id: fail
                    run: { local: true, command: [really], effect: changes }
                """,
                head: "deadline: 1h"
            ) + """
                on_failure: { undo: true, steps: [{ id: tell, notify: { channels: [oncall], message: "${{ run.reason }}" } }] }
                finally:
                  - id: last
                    notify: { channels: [log], message: over }

                """
        return try Transcript(text, calling: ["inner.yaml": callee])
    }

    private static func finish(_ world: inout World, _ picker: inout some Picker) throws {
        var steps = 0
        while try world.step(&picker) {
            steps += 1
            try #require(steps < Self.stepLimit, "the run does not end")
        }
    }

    // Goal: every run ends; nothing that began is sent again; replay gives the same state after every crash; the clock moves on.
    // Method: let dice decide what happens next; a failure names its seed.
    @Test(arguments: 0..<200)
    func `a run ends well whatever happens to it`(seed: Int) throws {
        var dice = SeededGenerator(seed: UInt64(5_000 + seed))
        var run = try Self.everything()
        try run.start()
        var world = World(run, crashes: seed % 4, cancels: seed % 3 == 0 ? 1 : 0, isUnordered: true)
        try Self.finish(&world, &dice)
        #expect(world.run.finish != nil)
        #expect(world.run.machine.wakeAt == nil)
        #expect(world.run.machine.inFlight == [])
    }

    // Goal: an engine may die behind every single record.
    // Method: record runs, replay every prefix, let another engine take it up, and answer truthfully until it ends.
    @Test(arguments: 0..<8)
    func `every prefix of a record can be taken up and brought to an end`(seed: Int) throws {
        struct First: Picker {
            mutating func pick(below bound: Int) -> Int { 0 }
        }
        var dice = SeededGenerator(seed: UInt64(9_000 + seed))
        let fresh = try Self.everything()
        var run = fresh
        try run.start()
        var world = World(run, crashes: 0, cancels: seed % 2, isUnordered: true)
        try Self.finish(&world, &dice)
        let events = world.run.events
        for length in 1...events.count {
            var resumed = try World(after: Array(events.prefix(length)), of: fresh)
            let began = Set(
                resumed.run.events.compactMap { if case .began(let effect, _) = $0 { effect } else { nil } }
            )
            let known = resumed.run.acts.count
            try resumed.run.restart()
            for act in resumed.run.acts.dropFirst(known) {
                #expect(!began.contains(act.effect), "\(act.line) began and is sent again after \(length) records")
            }
            var picker = First()
            try Self.finish(&resumed, &picker)
            #expect(resumed.run.machine.outcome != nil)
        }
    }
}
