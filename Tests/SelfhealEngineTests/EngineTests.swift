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

    // Goal: two runs that lock the same never act at the same time, whichever engine drives them.
    @Test func `a run waits for what another one locks, and is refused when that takes too long`() async throws {
        let fixture = Fixture()
        let engine = try Engine.open(fixture.configuration)
        let holding = Fixture.gate.replacing("steps:", with: "locks: [cluster]\nsteps:")
        let wanting = { (wait: String) in
            Fixture.here.replacing("steps:", with: "locks: [{ name: cluster, wait: \(wait) }]\nsteps:")
        }
        try await engine.create(try self.binding(holding, fixture, run: "holder"), source: "")
        let witness = Witness()
        let first = Task { try await engine.drive("holder", observer: witness) }
        await witness.wait { if case .openGate = $0 { true } else { false } }

        try await engine.create(try self.binding(wanting("0s"), fixture, run: "hasty"), source: "")
        let refused = Witness()
        #expect(try await engine.drive("hasty", observer: refused) == .failed)
        #expect(refused.events.map(\.record.kind) == ["run.refused"])
        let reason = refused.effects.compactMap { if case .finish(_, let reason) = $0 { reason } else { nil } }
        #expect(reason.first?.hasPrefix("the lock 'cluster' is still held by run holder") == true)

        try await engine.create(try self.binding(wanting("5m"), fixture, run: "patient"), source: "")
        let waiting = Task { try await engine.drive("patient", observer: Witness()) }
        let states = { try await engine.unfinished().map { "\($0.id) \($0.state)" } }
        while try await !states().contains("patient waiting_for_lock") {
            try await Task.sleep(for: .milliseconds(10))
        }
        let line = OperatorLine(configuration: fixture.configuration)
        #expect(try await line.send(.cancel(run: "holder", because: "enough")).isDone)
        #expect(try await first.value == .cancelled)
        #expect(try await waiting.value == .succeeded)
        await engine.close()
    }

    @Test func `a run that rests keeps its lock, and gives it back when it has ended without an engine`() async throws {
        let fixture = Fixture()
        let first = try Engine.open(fixture.configuration)
        let holding = Fixture.gate.replacing("steps:", with: "locks: [cluster]\nsteps:")
        let wanting = Fixture.here.replacing("steps:", with: "locks: [cluster]\nsteps:")
        try await first.create(try self.binding(holding, fixture, run: "holder"), source: "")
        let witness = Witness()
        let driving = Task { try? await first.drive("holder", observer: witness) }
        await witness.wait { if case .openGate = $0 { true } else { false } }
        await first.close()
        let second = try Engine.open(fixture.configuration)
        try await second.create(try self.binding(wanting, fixture, run: "one"), source: "")
        #expect(try await second.drive("one", observer: Witness()) == .failed)
        await second.close()
        _ = driving
        let line = OperatorLine(configuration: fixture.configuration)
        #expect(try await line.send(.cancel(run: "holder", because: "enough")).isDone)
        let third = try Engine.open(fixture.configuration)
        try await third.create(try self.binding(wanting, fixture, run: "two"), source: "")
        #expect(try await third.drive("two", observer: Witness()) == .succeeded)
        await third.close()
    }

    @Test func `a secret is read where the run says, and a run without it does not begin`() async throws {
        let fixture = Fixture()
        let text = Fixture.here.replacing("steps:", with: "parameters: { token: { type: secret } }\nsteps:")
            .replacing(
                "command: [\"true\"]",
                with: "script: test \"$TOKEN\" = sesame, env: { TOKEN: \"${{ parameters.token }}\" }"
            )
        let path = "\(fixture.folder)-token"
        var binding = try self.binding(text, fixture)
        binding.secrets = ["token": .file(path)]
        let engine = try Engine.open(fixture.configuration)
        try await engine.create(binding, source: "")
        let error = await #expect(throws: EngineError.self) {
            _ = try await engine.drive("run-1", observer: Witness())
        }
        #expect(error?.message.contains("'token': \(path) cannot be read") == true)
        try Data("sesame\n".utf8).write(to: URL(filePath: path))
        defer { try? FileManager.default.removeItem(atPath: path) }
        #expect(try await engine.drive("run-1", observer: Witness()) == .succeeded)
        await engine.close()
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
