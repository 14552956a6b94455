// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Foundation
import RunCore
import RunJournal
import RunPlan
import RunTestSupport
import RunVocabulary
import SelfhealConfiguration
import SelfhealEngine
import Testing

/// The engine over a real store, with commands on this machine.
@Suite struct EngineTests {
    private func binding(_ text: String, _ fixture: Fixture, run: RunID = "run-1") throws -> RunBinding {
        RunBinding(
            run: run,
            plan: try PlanFixture.plan(text),
            parameters: [:],
            inventory: fixture.configuration.inventory,
            requestedBy: "requester"
        )
    }

    @Test func `one engine holds a store, and the second is told which process that is`() async throws {
        let fixture = Fixture()
        let first = try Engine.open(fixture.configuration)
        let error = #expect(throws: EngineError.self) {
            try Engine.open(fixture.configuration)
        }
        #expect(error?.message.contains("\(getpid())") == true)
        await first.close()
        let second = try Engine.open(fixture.configuration)
        await second.close()
    }

    @Test func `a run is carried out, kept, and not carried out again`() async throws {
        let fixture = Fixture()
        let engine = try Engine.open(fixture.configuration)
        try await engine.create(try self.binding(Fixture.here, fixture), source: "")
        #expect(try await engine.unfinished().map(\.id) == ["run-1"])
        let witness = Witness()
        #expect(try await engine.drive("run-1", observer: witness) == .succeeded)
        #expect(try await engine.unfinished().isEmpty)
        let again = Witness()
        #expect(try await engine.drive("run-1", observer: again) == .succeeded)
        #expect(again.events.isEmpty)
        await engine.close()
    }

    @Test func `a run that never began takes no word before an engine begins it`() async throws {
        let fixture = Fixture()
        let engine = try Engine.open(fixture.configuration)
        try await engine.create(try self.binding(Fixture.here, fixture), source: "")
        await engine.close()
        let line = OperatorLine(configuration: fixture.configuration)
        let error = await #expect(throws: EngineError.self) {
            _ = try await line.send(.cancel(run: "run-1", because: ""))
        }
        #expect(error?.message == "run run-1 has not begun: 'selfheal resume run-1' begins it")
    }

    @Test func `an operator's word reaches the engine through the socket, and the idle store without one`() async throws
    {
        let fixture = Fixture()
        let line = OperatorLine(configuration: fixture.configuration)
        let first = try Engine.open(fixture.configuration)
        try await first.create(try self.binding(Fixture.gate, fixture), source: "")
        let witness = Witness()
        let driving = Task { try await first.drive("run-1", observer: witness) }
        await witness.wait { if case .openGate = $0 { true } else { false } }
        let vote = OperatorRequest.vote(
            run: "run-1",
            step: "allow",
            decision: .granted,
            digest: nil,
            comment: "",
            speakingFor: nil
        )
        let counted = try await line.send(vote)
        #expect(counted == .done("you approved 'allow': 1 of 2"))
        let cancelled = try await line.send(.cancel(run: "run", because: "enough"))
        #expect(cancelled.isDone)
        #expect(try await driving.value == .cancelled)
        await first.close()
        let late = try await line.send(.cancel(run: "run-1", because: ""))
        #expect(late == .refused("run run-1 has ended: cancelled"))
    }

    @Test func `an unknown run is refused by name`() async throws {
        let fixture = Fixture()
        let engine = try Engine.open(fixture.configuration)
        let line = OperatorLine(configuration: fixture.configuration)
        let answer = try? await line.send(.cancel(run: "nope", because: ""))
        #expect(answer?.isDone != true)
        await engine.close()
    }
}
