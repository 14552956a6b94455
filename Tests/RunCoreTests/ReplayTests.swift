// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunCore
import RunPlan
import RunVocabulary
import TestSupport
import Testing

extension SeededGenerator: Picker {}
extension Choices: Picker {}

/// Takes the first of everything: the shortest way on.
private struct FirstPicker: Picker {
    mutating func pick(below bound: Int) -> Int { 0 }
}

/// What holds whatever the world answers, in whatever order, wherever the engine dies.
@Suite struct ReplayTests {
    private static let stepLimit = 3_000

    private static func finish(_ world: inout World, _ picker: inout some Picker) throws -> Int {
        var steps = 0
        while try world.step(&picker) {
            steps += 1
            try #require(steps < Self.stepLimit, "the run does not end")
        }
        return steps
    }

    // Goal: every run ends; nothing that began is sent again; replay gives the same state after every crash; the clock moves on.
    // Method: let dice decide what happens next, three hundred times; a failure names its seed.
    @Test(arguments: 0..<300)
    func `a run ends well whatever happens to it`(seed: Int) throws {
        var dice = SeededGenerator(seed: UInt64(seed))
        var run = try Transcript.ofEverything()
        try run.start()
        var world = World(run, crashes: seed % 4, cancels: seed % 3 == 0 ? 1 : 0, isUnordered: true)
        _ = try Self.finish(&world, &dice)
        let reason = try #require(world.run.finish).reason
        #expect(world.run.machine.outcome != .cancelled || reason.hasPrefix("cancelled by"))
        #expect(world.run.machine.wakeAt == nil)
        #expect(world.run.machine.inFlight == [])
    }

    // Goal: an engine may die behind every single record.
    // Method: record runs, replay every prefix, let another engine take it up, and answer truthfully until it ends.
    @Test(arguments: 0..<12)
    func `every prefix of a record can be taken up and brought to an end`(seed: Int) throws {
        var dice = SeededGenerator(seed: UInt64(1_000 + seed))
        let fresh = try Transcript.ofEverything()
        var run = fresh
        try run.start()
        var world = World(run, crashes: 0, cancels: seed % 2, isUnordered: true)
        _ = try Self.finish(&world, &dice)
        let events = world.run.events
        for length in 1...events.count {
            let prefix = Array(events.prefix(length))
            var resumed = try World(after: prefix, of: fresh)
            let began = Set(
                resumed.run.events.compactMap { if case .began(let effect, _) = $0 { effect } else { nil } }
            )
            let known = resumed.run.acts.count
            try resumed.run.restart()
            for act in resumed.run.acts.dropFirst(known) {
                #expect(!began.contains(act.effect), "\(act.line) began and is sent again after \(length) records")
            }
            var picker = FirstPicker()
            _ = try Self.finish(&resumed, &picker)
            #expect(resumed.run.machine.outcome != nil)
        }
    }

    // Goal: the same events give the same state, and states that differ are told apart.
    @Test func `replay gives the same state after every event`() throws {
        var dice = SeededGenerator(seed: 7)
        var run = try Transcript.ofEverything()
        try run.start()
        var world = World(run, crashes: 0, cancels: 0, isUnordered: true)
        var states = [world.run.machine]
        while try world.step(&dice) {
            states.append(world.run.machine)
        }
        var replayed = RunMachine(binding: world.run.binding)
        var position = 0
        for event in world.run.events {
            _ = try replayed.handle(event)
            while position + 1 < states.count, replayed != states[position] {
                position += 1
            }
            #expect(replayed == states[position])
            #expect(replayed.hashValue == states[position].hashValue)
        }
        #expect(replayed == world.run.machine)
    }

    // Goal: one command with a proof and a retry comes to a truthful end in every world there is.
    // Method: count through every answer and every place at which the engine can die once.
    @Test func `one command comes to an end in every small world`() throws {
        let text = runbook(
            """
              - id: act
                run: { targets: "[ensemble[0]]", service: zookeeper, do: start }
                timeout: 30s
                retry: { attempts: 2, initial: 1s }
                verify: { tcp: { port: client }, expect: result.open, every: 20s }
            """
        )
        let fresh = try Transcript(text)
        var choices = Choices()
        var worlds = 0
        var ends: Set<RunOutcome> = []
        while choices.advance() {
            var run = fresh
            try run.start()
            var world = World(run, crashes: 1, cancels: 0, isUnordered: false)
            _ = try Self.finish(&world, &choices)
            ends.insert(try #require(world.run.machine.outcome))
            worlds += 1
            try #require(worlds < 200_000, "the world is too large to be walked")
        }
        #expect(ends == [.succeeded, .failed])
        #expect(worlds > 1_000, "\(worlds)")
    }
}
