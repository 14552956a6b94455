// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunCore
import RunExecutor
import RunPlan
import RunPorts
import RunTestSupport
import RunVocabulary
import Testing

/// What people and clocks say to a run that an engine drives.
@Suite struct HandleTests {
    private func vote(_ person: PersonName, for gate: Gate) -> Vote {
        Vote(person: person, roles: ["sre"], decision: .granted, digest: gate.digest, comment: "")
    }

    private func openGate(_ life: Life) async throws -> Gate {
        await life.witness.wait { if case .openGate = $0 { true } else { false } }
        return try #require(await life.driver.handle.snapshot()?.openGates.first?.gate)
    }

    @Test func `votes open the gate, and each is durable when its voter is answered`() async throws {
        let life = Life(try PlanFixture.binding(Sample.gate, nodes: 1), clock: ManualClock())
        async let outcome = life.run()
        let gate = try await self.openGate(life)
        #expect(life.journal.status?.state == .waitingForApproval)
        let first = self.vote("ada", for: gate)
        #expect(await life.submit { .voted("allow", first, at: $0) })
        #expect(life.journal.holds { if case .voted("allow", first, _) = $0 { true } else { false } })
        #expect(await life.submit { .voted("allow", first, at: $0) }, "a vote given twice is taken, and does not count")
        #expect(life.hosts.ledger.isEmpty)
        let second = self.vote("lin", for: gate)
        #expect(await life.submit { .voted("allow", second, at: $0) })
        #expect(try await outcome == .succeeded)
        #expect(life.hosts.ledger.map(\.summary) == ["act"])
    }

    @Test func `that its trigger is over is on record, also for later versions, and the run goes on`() async throws {
        let life = Life(try PlanFixture.binding(Sample.gate, nodes: 1), clock: ManualClock())
        async let outcome = life.run()
        let gate = try await self.openGate(life)
        #expect(await life.submit { .triggerCleared(what: "alert Down", at: $0) })
        let event = try #require(life.journal.events.last)
        #expect(event == .triggerCleared(what: "alert Down", at: event.moment))
        #expect(event.record.kind == "run.trigger_cleared")
        #expect(event.record.body == Array(#"{"what":"alert Down"}"#.utf8))
        #expect(try RunEvent(event.record) == event)
        for person in ["ada", "lin"] as [PersonName] {
            let vote = self.vote(person, for: gate)
            #expect(await life.submit { .voted("allow", vote, at: $0) })
        }
        #expect(try await outcome == .succeeded)
    }

    @Test func `a gate that nobody answers closes by the clock`() async throws {
        let clock = ManualClock()
        let life = Life(try PlanFixture.binding(Sample.gate, nodes: 1), clock: clock)
        async let outcome = life.run()
        let gate = try await self.openGate(life)
        #expect(await clock.nextAlarm() == gate.deadline)
        clock.advance(by: .minutes(14))
        #expect(life.journal.events.count == 1)
        clock.advance(by: .minutes(1))
        #expect(try await outcome == .failed)
        #expect(life.hosts.ledger.isEmpty)
    }

    @Test func `a wall clock set back delays a wake, and one set forward brings it at once`() async throws {
        let clock = ManualClock()
        let life = Life(try PlanFixture.binding(Sample.gate, nodes: 1), clock: clock)
        async let outcome = life.run()
        _ = try await self.openGate(life)
        _ = await clock.nextAlarm()
        let start = clock.now
        clock.set(start + .seconds(-3_600))
        #expect(life.journal.events.count == 1)
        clock.set(start + .minutes(24 * 60))
        #expect(try await outcome == .failed)
    }

    @Test func `a cancel stops what is in flight, and the run ends when the host has said so`() async throws {
        let life = Life(try PlanFixture.binding(Sample.oneCommand(), nodes: 3), clock: ManualClock())
        life.hosts.hold("act")
        async let outcome = life.run()
        await life.hosts.waitForLedger(1)
        #expect(await life.submit { .cancelRequested(by: "me", because: "enough", at: $0) })
        #expect(try await outcome == .cancelled)
        #expect(life.hosts.stops == life.hosts.ledger.map(\.effect))
        #expect(life.hosts.ledger.count == 1, "no further host is touched")
        let ended = life.journal.events.compactMap { if case .ended(_, let report, _) = $0 { report } else { nil } }
        #expect(ended.map(\.ending) == [.stopped])
    }

    @Test func `a cancel outlives the engine that took it`() async throws {
        let binding = try PlanFixture.binding(Sample.oneCommand(), nodes: 1)
        let first = Life(binding, clock: ManualClock(), fault: .crashAfter(record: 3))
        first.hosts.hold("act")
        let running = Task { try await first.run() }
        await first.hosts.waitForLedger(1)
        #expect(await first.submit { .cancelRequested(by: "me", because: "", at: $0) } == false, "its engine ended")
        _ = try? await running.value
        let second = Life(binding, hosts: first.hosts, clock: ManualClock(), history: first.journal.events)
        #expect(try await second.run() == .cancelled)
        #expect(first.hosts.ledger.count == 1)
        #expect(first.hosts.stops.count == 1)
    }

    @Test func `an ended run takes nothing more`() async throws {
        let life = Life(try PlanFixture.binding(Sample.oneCommand(), nodes: 1))
        _ = try await life.run()
        let events = life.journal.events
        #expect(await life.submit { .cancelRequested(by: "me", because: "", at: $0) } == false)
        #expect(life.journal.events == events)
    }

    // Goal: an inbox has an end, and whoever comes after it is told so at once.
    // Method: before the run takes anything, more people speak than it has room for.
    @Test func `who looks before the run begins sees it begun, and afterwards how it ended`() async throws {
        let life = Life(try PlanFixture.binding(Sample.gate, nodes: 1), clock: ManualClock())
        async let early = life.driver.handle.snapshot()
        async let outcome = life.run()
        #expect(await early?.outcome == nil)
        _ = try await self.openGate(life)
        #expect(await life.submit { .cancelRequested(by: "me", because: "enough", at: $0) })
        #expect(try await outcome == .cancelled)
        #expect(await life.driver.handle.snapshot()?.outcome == .cancelled)
    }

    @Test func `a run whose journal failed shows nothing, for what it took may be lost`() async throws {
        let life = Life(try PlanFixture.binding(Sample.gate, nodes: 1), clock: ManualClock(), fault: .refuse(record: 1))
        await #expect(throws: MemoryJournal.Failure.self) { try await life.run() }
        #expect(await life.driver.handle.snapshot() == nil)
    }

    @Test func `a full inbox refuses, and keeps what it took`() async throws {
        let room = 10_000
        let life = Life(try PlanFixture.binding(Sample.gate, nodes: 1), clock: ManualClock())
        let answers = await withTaskGroup(of: Bool?.self) { group in
            for _ in 0..<room + 5 {
                group.addTask { await life.submit { .cancelRequested(by: "me", because: "", at: $0) } }
            }
            var answers: [Bool] = []
            while answers.count < 5, let answer = await group.next() {
                answers += answer.map { [$0] } ?? []
            }
            #expect(answers == [false, false, false, false, false])
            group.addTask {
                _ = try? await life.run()
                return nil
            }
            while let answer = await group.next() {
                answers += answer.map { [$0] } ?? []
            }
            return answers
        }
        #expect(answers.filter { $0 }.count == room)
        #expect(life.journal.events.count == room + 1)
    }

    @Test func `what is in doubt waits for a person, across engines`() async throws {
        let binding = try PlanFixture.binding(Sample.oneCommand("effect: changes, repeat: never"), nodes: 1)
        for happened in [true, false] {
            let first = Life(binding, fault: .crashAfter(record: 2))
            _ = try? await first.run()
            let second = Life(binding, hosts: first.hosts, clock: ManualClock(), history: first.journal.events)
            async let outcome = second.run()
            await second.witness.wait { if case .note(.inDoubt) = $0 { true } else { false } }
            #expect(second.journal.status?.state == .inDoubt)
            let word = Settlement(target: nil, happened: happened, by: "ada", because: "I looked")
            #expect(await second.submit { .settled("act", word, at: $0) })
            #expect(try await outcome == (happened ? .succeeded : .failed))
            #expect(first.hosts.ledger.isEmpty, "an engine never repeats it by itself")
        }
    }

    @Test func `a gate that was open when the engine ended is open again, with its votes`() async throws {
        let binding = try PlanFixture.binding(Sample.gate, nodes: 1)
        let clock = ManualClock()
        let first = Life(binding, clock: clock, fault: .refuse(record: 3))
        let running = Task { try await first.run() }
        let gate = try await self.openGate(first)
        let ada = self.vote("ada", for: gate)
        #expect(await first.submit { .voted("allow", ada, at: $0) })
        let lin = self.vote("lin", for: gate)
        #expect(await first.submit { .voted("allow", lin, at: $0) } == false, "it is not durable, so it was not taken")
        _ = try? await running.value
        let second = Life(binding, hosts: first.hosts, clock: clock, history: first.journal.events)
        async let outcome = second.run()
        #expect(try await self.openGate(second) == gate)
        #expect(await second.submit { .voted("allow", lin, at: $0) })
        #expect(try await outcome == .succeeded)
    }
}
