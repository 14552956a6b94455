// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Foundation
import RunCore
import RunPlan
import RunTestSupport
import RunVocabulary
import SelfhealConfiguration
import SelfhealEngine
import Testing

/// An operator's cancel, in each state that a run can be in, with real processes on this machine.
@Suite struct CancelTests {
    private static let head = """
        runbook: stay
        title: Something that lasts
        severity: warning
        owner: us
        steps:

        """

    private static func staying(_ folder: String, _ keys: String = "") -> String {
        """
          - id: stay
            run: { local: true, script: "echo $$ >\(folder)/pid; trap '' TERM; while :; do sleep 1; done", effect: changes\(keys) }
            timeout: 10m
        """
    }

    private func cancel(
        _ steps: String,
        in fixture: Fixture,
        when isThere: @escaping @Sendable (RunEffect) -> Bool,
        and started: () -> Bool = { true }
    ) async throws -> (outcome: RunOutcome, witness: Witness) {
        let engine = try Engine.open(fixture.configuration)
        let binding = RunBinding(
            run: "run-1",
            plan: try PlanFixture.plan(Self.head + steps),
            parameters: [:],
            inventory: fixture.configuration.inventory,
            requestedBy: "requester"
        )
        try await engine.create(binding, source: "")
        let witness = Witness()
        let driving = Task { try await engine.drive("run-1", observer: witness) }
        await witness.wait(for: isThere)
        let end = ContinuousClock.now + .seconds(90)
        while !started() {
            try #require(ContinuousClock.now < end)
            try await Task.sleep(for: .milliseconds(5))
        }
        let answer = try await OperatorLine(configuration: fixture.configuration).send(
            .cancel(run: "run-1", because: "wrong")
        )
        #expect(answer.isDone)
        let outcome = try await driving.value
        await engine.close()
        return (outcome, witness)
    }

    @Test(arguments: ["", ", repeat: never"])
    func `a command under way is stopped, and gone`(keys: String) async throws {
        let fixture = Fixture()
        let folder = fixture.folder
        let (outcome, witness) = try await self.cancel(
            Self.staying(folder, keys),
            in: fixture,
            when: { if case .act = $0 { true } else { false } },
            and: { FileManager.default.contents(atPath: "\(folder)/pid").map { !$0.isEmpty } ?? false }
        )
        #expect(outcome == .cancelled)
        let endings = witness.events.compactMap { if case .ended(_, let report, _) = $0 { report.ending } else { nil } }
        #expect(endings == [.stopped])
        let text = try String(contentsOfFile: "\(folder)/pid", encoding: .utf8)
        let pid = try #require(pid_t(text.trimmingCharacters(in: .whitespacesAndNewlines)))
        #expect(kill(pid, 0) != 0)
    }

    @Test func `a wait is given up`() async throws {
        let wait = """
              - id: never
                wait: { http: { url: "http://127.0.0.1:1/" }, until: "result.status == 200", every: 1s }
                timeout: 10m
            """
        let (outcome, _) = try await self.cancel(wait, in: Fixture()) { if case .probe = $0 { true } else { false } }
        #expect(outcome == .cancelled)
    }

    @Test func `a gate is closed`() async throws {
        let gate = """
              - id: allow
                approve: { message: May we?, from: [role:sre], timeout: 15m, on_timeout: refused }
            """
        let (outcome, witness) = try await self.cancel(gate, in: Fixture()) {
            if case .openGate = $0 { true } else { false }
        }
        #expect(outcome == .cancelled)
        #expect(witness.effects.contains { if case .closeGate = $0 { true } else { false } })
    }

    @Test func `the pause between two iterations ends, and no further one begins`() async throws {
        let fixture = Fixture()
        let loop = """
              - id: each
                for_each: { as: number, in: "[1, 2]", pause: 1h }
                steps:
                  - id: count
                    run: { local: true, command: ["true"], effect: changes }
                    timeout: 1m
            """
        let (outcome, witness) = try await self.cancel(loop, in: fixture) {
            if case .note(.targetEnded) = $0 { true } else { false }
        }
        #expect(outcome == .cancelled)
        #expect(witness.effects.count { if case .act = $0 { true } else { false } } == 1)
    }
}
