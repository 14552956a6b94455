// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunPlan
import RunSimulator
import RunVocabulary
import Testing

/// The failback runbook: nobody moves before everything is copied, and only one side takes writes at any time.
@Suite struct FailbackTests {
    private static let moving = [
        "control1: /opt/failover/fence us-west-2",
        "mirror2: stop mirror_back",
        "control1: /opt/failover/promote us-east-1",
        "control1: /opt/failover/offsets apply us-east-1",
        "control1: /opt/failover/unfence us-east-1",
        "control1: /opt/failover/switch consumers us-east-1 10",
        "control1: /opt/failover/switch consumers us-east-1 100",
        "control1: /opt/failover/switch producers us-east-1 100",
        "mirror1: start mirror_maker",
        "control1: /opt/failover/record us-east-1 rehearsal",
        "control1: /opt/failover/resume-automation",
        "control1: /opt/failover/lock release rehearsal",
    ]
    private static let preparing = [
        "control1: /opt/failover/lock take rehearsal",
        "control1: /opt/failover/hold-automation",
        "control1: /opt/failover/reconcile us-east-1",
        "mirror2: start mirror_back",
    ]

    private static func rehearse(
        _ scenario: String = "failback",
        adding answer: String? = nil,
        seed: UInt64 = 1
    ) throws -> RehearsalResult {
        var text = try Rehearsing.text("examples/scenarios/\(scenario).yaml")
        if let answer {
            text = text.replacing("\n\npeople:", with: "\n  - \(answer)\n\npeople:")
        }
        return try Rehearsing.run(
            Rehearsing.plan("multi_dc_failback"),
            in: Rehearsing.scenario(text: text),
            seed: seed
        )
    }

    @Test(arguments: 1...10)
    func `a failback copies everything, moves the clients, and mirrors forward again`(seed: UInt64) throws {
        let result = try Self.rehearse(seed: seed)
        #expect(result.isWell && result.outcome == .succeeded, "\(result.text)")
        #expect(result.commands == Self.preparing + Self.moving)
        // Each gate was granted before what it is about.
        let gates = result.timeline.filter { $0.kind == .gate && $0.text.hasPrefix("granted") }.map(\.step)
        #expect(gates == ["may_they_go", "may_we_begin", "may_producers_stop"])
    }

    @Test func `producers go on where they were when the last records do not arrive`() throws {
        let result = try Self.rehearse("failback_does_not_drain")
        #expect(result.outcome == .escalated)
        #expect(result.commands.last == "control1: /opt/failover/unfence us-west-2")
        #expect(!result.commands.contains { $0.contains("/promote ") || $0.contains("unfence us-east-1") })
        #expect(try result.entry(.notice, "Producers go on in us-west-2").step == "went_back")
    }

    @Test func `a primary that takes writes is not copied over`() throws {
        let result = try Self.rehearse("failback_unfenced")
        #expect(result.outcome == .escalated && result.commands == [])
        #expect(result.path.suffix(2) == ["both_may_write", "stop_unfenced"])
    }

    // Goal: no change of the scenario lets the primary take writes while the secondary may, or before everything is copied.
    // Method: the scenario of a failback that goes well, with one answer added that stops it.
    @Test(arguments: [
        ("{ ssh: can-reach, on: witness2, exit_status: 1 }", "not_ready"),
        ("{ ssh: can-reach, on: witness2, silent: true }", "not_ready"),
        ("{ ssh: has-no-clients, exit_status: 1 }", "not_ready"),
        ("{ ssh: [is-fenced, us-east-1], exit_status: 2 }", "both_may_write"),
        ("{ ssh: [is-fenced, us-east-1], silent: true }", "not_ready"),
        ("{ ssh: [is-fenced, us-east-1], from: 30m, exit_status: 1 }", "both_may_write"),
        ("{ ssh: only-here, exit_status: 7 }", "not_ready"),
        ("{ ssh: only-here, from: 1h25m, exit_status: 1 }", "hand_over"),
        ("{ ssh: [lock, held], exit_status: 1 }", "hand_over"),
        ("{ kafka: { under_replicated: 3 }, on: kafka4 }", "not_ready"),
        ("{ kafka: { under_replicated: 3 }, on: kafka1, from: 4h }", "hand_over"),
        ("{ ssh: [caught-up, us-east-1], from: 5h, exit_status: 1 }", "hand_over"),
        ("{ ssh: [is-fenced, us-west-2], from: 5h20m, exit_status: 1 }", "go_back"),
        ("{ ssh: [is-fenced, us-west-2], from: 5h20m, silent: true }", "go_back"),
        ("{ ssh: mirroring-stopped, exit_status: 1 }", "go_back"),
    ])
    func `whatever is in doubt keeps the primary from taking writes`(answer: String, step: String) throws {
        let result = try Self.rehearse(adding: answer)
        #expect(result.path.contains(StepKey(step)), "\(result.text)")
        #expect(!result.commands.contains { $0.contains("/promote ") || $0.contains("unfence us-east-1") })
    }

    @Test func `nothing is begun without the people who must agree`() throws {
        let text = try Rehearsing.text("examples/scenarios/failback.yaml")
        for person in ["ada: { roles: [sre, on_call]", "edsger: { roles: [eng_vp]", "grace: { roles: [cto]"] {
            let silent = text.replacing("\(person), answer: grant", with: "\(person), answer: never")
            #expect(silent != text)
            let result = try Rehearsing.run(
                Rehearsing.plan("multi_dc_failback"),
                in: Rehearsing.scenario(text: silent)
            )
            #expect(result.outcome == .escalated && result.commands == [])
        }
    }
}
