// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Foundation
import RunCore
import RunJournal
import RunPlan
import RunPorts
import RunTestSupport
import RunVocabulary
import SelfhealConfiguration
import SelfhealEngine
import Testing
import WorldAdapters

/// What a run left in doubt outlives it: in the list of runs, for who settles it, and for the next run.
@Suite struct LeftInDoubtTests {
    private func binding(_ fixture: Fixture, run: RunID) throws -> RunBinding {
        RunBinding(
            run: run,
            plan: try PlanFixture.plan(Fixture.here),
            parameters: [:],
            inventory: fixture.configuration.inventory,
            requestedBy: "requester"
        )
    }

    /// A store in which a run was cancelled while nobody could tell what became of its command.
    private func leave(in fixture: Fixture) async throws {
        let binding = try self.binding(fixture, run: "run-1")
        let engine = try Engine.open(fixture.configuration)
        try await engine.create(binding, source: "")
        await engine.close()
        var machine = RunMachine(binding: binding)
        let now = SystemWallClock().now
        var events: [RunEvent] = [.started(at: now)]
        let effects = try machine.handle(events[0])
        let act = try #require(effects.compactMap { if case .act(let act) = $0 { act } else { nil } }.first)
        events += [
            .began(act.effect, at: now), .cancelRequested(by: "ada", because: "enough", at: now),
            .ended(act.effect, CommandReport(.inDoubt(reason: "nobody answers")), at: now),
        ]
        for event in events.dropFirst() {
            _ = try machine.handle(event)
        }
        #expect(machine.outcome == .cancelled)
        let store = try RunStore.open(folder: fixture.configuration.storeFolder, mode: .engine)
        let status = RunStatus(of: machine, at: now)
        try await StoreLog(store: store).append(events, to: "run-1", from: 1, update: status)
        await store.close()
    }

    private func state(in fixture: Fixture) async throws -> String {
        let store = try RunStore.open(folder: fixture.configuration.storeFolder, mode: .readOnly)
        let run = try await store.run("run-1").summary
        await store.close()
        return "\(run.state) \(run.outcome ?? "")"
    }

    private func settle(_ step: String = "act") -> OperatorRequest {
        .settle(run: "run-1", step: step, target: nil, happened: true, because: "I looked")
    }

    @Test func `an ended run takes the word of who looked, once`() async throws {
        let fixture = Fixture()
        try await self.leave(in: fixture)
        #expect(try await self.state(in: fixture) == "ended_in_doubt cancelled")
        let line = OperatorLine(configuration: fixture.configuration)
        let wrong = try await line.send(self.settle("other"))
        #expect(wrong == .refused("'other' of run run-1 is not in doubt: in doubt is 'act'"))
        let settled = try await line.send(self.settle())
        #expect(settled == .done("'act' is settled: it happened; it has ended: cancelled"))
        #expect(try await self.state(in: fixture) == "ended cancelled")
        let again = try await line.send(self.settle())
        #expect(again == .refused("'act' of run run-1 is not in doubt: nothing of it is"))
        let late = try await line.send(.cancel(run: "run-1", because: ""))
        #expect(late == .refused("run run-1 has ended: cancelled"))
    }

    @Test func `the next run of that runbook does not begin before it is settled`() async throws {
        let fixture = Fixture()
        try await self.leave(in: fixture)
        let engine = try Engine.open(fixture.configuration)
        let left = try await engine.leftInDoubt(by: "here")
        #expect(left.map(\.run) == ["run-1"])
        #expect(try await engine.leftInDoubt(by: "another").isEmpty)
        try await engine.create(try self.binding(fixture, run: "run-2"), source: "")
        let witness = Witness()
        #expect(try await engine.drive("run-2", observer: witness) == .failed)
        #expect(witness.events.map(\.record.kind) == ["run.refused"])
        let reason = witness.effects.compactMap { if case .finish(_, let reason) = $0 { reason } else { nil } }.first
        #expect(reason?.contains("selfheal settle run-1 act --happened (or --not-happened)") == true, "\(reason ?? "")")

        try await engine.create(try self.binding(fixture, run: "run-3"), source: "")
        let knowing = try await engine.drive("run-3", observer: Witness(), despiteDoubt: true)
        #expect(knowing == .succeeded)

        let line = OperatorLine(configuration: fixture.configuration)
        #expect(try await line.send(self.settle()).isDone, "the engine is at work and takes the word")
        try await engine.create(try self.binding(fixture, run: "run-4"), source: "")
        #expect(try await engine.drive("run-4", observer: Witness()) == .succeeded)
        await engine.close()
    }
}
