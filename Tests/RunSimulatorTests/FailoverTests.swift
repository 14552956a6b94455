// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunPlan
import RunSimulator
import RunVocabulary
import Testing

/// The failover runbook, walked through its decision matrix: who is asked, and that nothing happens before somebody has agreed.
@Suite struct FailoverTests {
    /// What the secondary needs until it has taken over, without its consumers.
    private static let takeover = [
        "control1: /opt/failover/lock take rehearsal",
        "control1: /opt/failover/hold-automation",
        "control1: /opt/failover/fence us-east-1",
        "mirror1: stop mirror_maker",
        "control1: /opt/failover/promote us-west-2",
        "control1: /opt/failover/offsets apply us-west-2",
    ]
    private static let conclusion = [
        "control1: /opt/failover/switch producers us-west-2 100",
        "control1: /opt/failover/record us-west-2 rehearsal",
        "control1: /opt/failover/lock release rehearsal",
    ]

    private static func switching(_ shares: [Int]) -> [String] {
        shares.map { "control1: /opt/failover/switch consumers us-west-2 \($0)" }
    }

    private static func rehearse(_ scenario: String) throws -> RehearsalResult {
        try Rehearsing.run(Rehearsing.plan("multi_dc_failover"), in: Rehearsing.scenario(scenario))
    }

    @Test func `less than five minutes are watched, and nothing is done`() throws {
        let result = try Self.rehearse("failover_short_partition")
        #expect(result.outcome == .notNeeded)
        #expect(result.path.suffix(3) == ["watch", "tell_return", "it_came_back"])
        #expect(!result.timeline.contains { $0.kind == .act || $0.kind == .gate })
        #expect(try result.entry(.notice, "us-east-1 is back; nothing was done").step == "tell_return")
    }

    @Test func `after five minutes whoever is on call is asked, and the secondary takes over`() throws {
        let result = try Self.rehearse("failover_isolated")
        #expect(result.isWell && result.outcome == .succeeded)
        #expect(result.commands == Self.takeover + Self.switching([100]) + Self.conclusion)
        try Self.expectNothingBeforeApproval(in: result, at: "ask_on_call", by: "ada")
    }

    @Test func `where records would be lost the CTO is asked, and nobody else`() throws {
        let result = try Self.rehearse("failover_data_loss")
        #expect(result.isWell && result.outcome == .succeeded)
        #expect(result.commands == Self.takeover + Self.switching([100]) + Self.conclusion)
        #expect(try result.entry(.gate, "asks for").text.contains("about 18000 records of 3 topics"))
        try Self.expectNothingBeforeApproval(in: result, at: "ask_cto", by: "grace")
    }

    @Test func `where consumers are far behind the VP is asked, and they are moved in shares`() throws {
        let result = try Self.rehearse("failover_consumer_lag")
        #expect(result.isWell && result.outcome == .succeeded)
        #expect(result.commands == Self.takeover + Self.switching([10, 50, 100]) + Self.conclusion)
        try Self.expectNothingBeforeApproval(in: result, at: "ask_eng_vp", by: "edsger")
    }

    @Test func `where nobody answers nothing is done`() throws {
        let result = try Self.rehearse("failover_refused")
        #expect(result.outcome == .escalated)
        #expect(result.commands == [])
        #expect(result.path.suffix(3) == ["ask_on_call", "declined", "stop_declined"])
        #expect(try result.entry(.notice, "0 of 1 approvals when the time was up").step == "declined")
    }

    // Goal: no change of the scenario makes the secondary primary beside a primary that may take writes.
    // Method: the scenario of a failover that goes well, with one answer added that stops it.
    @Test(arguments: [
        ("{ ssh: can-reach, on: witness2, silent: true, from: 1m }", "cannot_tell"),
        ("{ ssh: can-reach, on: witness2, exit_status: 2, from: 7m }", "cannot_tell"),
        ("{ ssh: can-reach, on: witness2, exit_status: 0, from: 7m }", "it_came_back"),
        ("{ kafka: { offline: 1 }, on: kafka4 }", "unfit"),
        ("{ kafka: {}, on: kafka4, silent: true }", "unfit"),
        ("{ ssh: [lock, held], exit_status: 1 }", "hand_over"),
        ("{ ssh: is-fenced, exit_status: 1 }", "not_fenced"),
        ("{ ssh: is-fenced, silent: true }", "not_fenced"),
        ("{ ssh: mirroring-stopped, exit_status: 1 }", "hand_over"),
    ])
    func `whatever is in doubt keeps the secondary from being promoted`(answer: String, step: String) throws {
        let text = try Rehearsing.text("examples/scenarios/failover_isolated.yaml")
            .replacing("\npeople:", with: "  - \(answer)\n\npeople:")
        let result = try Rehearsing.run(
            Rehearsing.plan("multi_dc_failover"),
            in: Rehearsing.scenario(text: text)
        )
        #expect(result.path.contains(StepKey(step)), "\(result.text)")
        #expect(!result.commands.contains { $0.contains("/promote ") || $0.contains("/offsets ") })
    }

    // Goal: nothing depends on how long probes and commands happen to take.
    @Test(arguments: 2...20)
    func `a failover comes out the same by every seed`(seed: UInt64) throws {
        let result = try Rehearsing.run(
            Rehearsing.plan("multi_dc_failover"),
            in: Rehearsing.scenario("failover_isolated"),
            seed: seed
        )
        #expect(result.commands == Self.takeover + Self.switching([100]) + Self.conclusion)
    }

    private static func expectNothingBeforeApproval(
        in result: RehearsalResult,
        at gate: StepKey,
        by person: String
    ) throws {
        let isolated = try result.entry(.fault, "cut off").at
        let asked = try result.entry(.gate, "asks for 1 approval")
        let granted = try result.entry(.gate, "granted by \(person)")
        #expect(asked.step == gate && granted.step == gate)
        #expect(asked.at.elapsed(since: isolated) > .minutes(5))
        // Nobody else was asked, and nobody else's answer counted.
        #expect(result.timeline.filter { $0.kind == .gate && $0.text.contains("approves") }.count == 1)
        #expect(result.timeline.allSatisfy { $0.kind != .gate || $0.step == gate })
        let first = try #require(result.timeline.first { $0.kind == .act })
        #expect(first.at >= granted.at)
    }
}
