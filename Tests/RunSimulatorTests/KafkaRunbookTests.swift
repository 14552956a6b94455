// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunSimulator
import RunVocabulary
import Testing

/// The runbooks for brokers and KRaft controllers: what they do in the scenarios that we ship, and where they refuse.
@Suite struct KafkaRunbookTests {
    static func rehearse(
        _ runbook: String,
        _ scenario: String,
        changing changes: [(String, String)] = [],
        seed: UInt64 = 1
    ) throws -> RehearsalResult {
        var text = try Rehearsing.text("examples/scenarios/\(scenario).yaml")
        for (old, new) in changes {
            try #require(text.contains(old), "the scenario has changed: \(old)")
            text = text.replacing(old, with: new)
        }
        return try Rehearsing.run(Rehearsing.plan(runbook), in: Rehearsing.scenario(text: text), seed: seed)
    }

    // MARK: The roll

    private static func roll(_ changes: [(String, String)] = [], seed: UInt64 = 1) throws -> RehearsalResult {
        try self.rehearse("rolling_restart_kafka", "roll_brokers", changing: changes, seed: seed)
    }

    @Test(arguments: 1...5)
    func `a roll restarts every broker once, the controller last, and each only when all replicas are back`(
        seed: UInt64
    ) throws {
        let result = try Self.roll(seed: seed)
        #expect(result.isWell && result.outcome == .succeeded)
        #expect(result.commands == [2, 3, 4, 1].map { "kafka\($0): restart kafka" })
        // From one restart to the next the broker before has caught up.
        let acts = result.timeline.filter { $0.kind == .act && $0.text == "restart kafka" }
        let whole = result.timeline.filter { $0.text.contains("has caught up: 0 partitions under-replicated") }
        #expect(whole.count == 4)
        for (act, caughtUp) in zip(acts.dropFirst(), whole) {
            #expect(act.at > caughtUp.at)
        }
    }

    @Test func `a roll ends at the first broker that does not come back`() throws {
        let result = try Self.rehearse("rolling_restart_kafka", "roll_broker_stays_down")
        #expect(result.outcome == .escalated)
        #expect(result.commands == ["kafka2: restart kafka", "kafka3: restart kafka"])
        #expect(try result.entry(.notice, "No further broker is touched").text.contains("Address already in use"))
    }

    @Test(arguments: [
        ("start:", "timeline: [{ at: 0s, kill: kafka3 }]\nstart:", "not_whole"),
        ("start:", "timeline: [{ at: 0s, cut: kafka3 }]\nstart:", "not_whole"),
        ("no-moves, stdout", "no-moves, exit_status: 1, stdout", "being_moved"),
        ("no-moves, stdout", "no-moves, exit_status: 127, stdout", "being_moved"),
        ("no-moves, stdout: \"No partition reassignments found.\"", "no-moves, silent: true", "being_moved"),
    ])
    func `no roll over a cluster that is not whole, or that somebody else works on`(
        old: String,
        new: String,
        step: String
    ) throws {
        let result = try Self.roll([(old, new)])
        #expect(result.outcome == .escalated && result.path.contains(StepKey(step)), "\(result.text)")
        #expect(result.commands == [])
    }

    @Test func `two brokers are not rolled`() throws {
        let result = try Self.roll([("brokers: 4", "brokers: 2")])
        #expect(result.outcome == .failed && result.commands == [], "\(result.text)")
    }

    @Test func `a quorum that is lost in the middle of a roll stops it`() throws {
        let result = try Self.roll([("start:", "timeline: [{ at: 1m, kill: [zk1, zk2] }]\nstart:")])
        #expect(result.outcome == .escalated)
        #expect(result.commands == ["kafka2: restart kafka"])
    }

    @Test func `clients that are served worse stop a roll`() throws {
        let answers = "\n  - { ssh: canary }\n  - { ssh: canary, from: 1m, exit_status: 1 }"
        let start = "\nstart: { at: 10s }"
        let result = try Self.roll([
            ("\n\nstart: { at: 10s }", answers + start + "\nparameters: { canary: /opt/canary }")
        ])
        #expect(result.outcome == .escalated)
        #expect(result.commands == ["kafka2: restart kafka"])
        #expect(result.path.contains("roll[0]/clients_are_served"))
    }

    // MARK: Partitions without all of their replicas

    @Test func `the broker that is down is started, not the ones that complain`() throws {
        let result = try Self.rehearse("under_replicated_partitions", "broker_missed")
        #expect(result.isWell && result.outcome == .succeeded)
        #expect(result.commands == ["kafka3: script", "kafka3: start kafka"])
    }

    @Test func `the broker that every complaint misses is restarted after somebody agreed`() throws {
        let result = try Self.rehearse("under_replicated_partitions", "broker_lags")
        #expect(result.isWell && result.outcome == .succeeded)
        #expect(result.commands == ["kafka2: restart kafka"])
        let granted = try result.entry(.gate, "granted by ada").at
        #expect(try #require(result.timeline.first { $0.kind == .act }).at >= granted)
    }

    @Test func `complaints without a common cause touch nobody`() throws {
        let result = try Self.rehearse("under_replicated_partitions", "replicas_lag_everywhere")
        #expect(result.outcome == .escalated && result.commands == [])
        #expect(result.path.suffix(2) == ["no_common_cause", "stop_without_suspect"])
    }

    @Test(arguments: [
        ("ssh: no-moves }", "ssh: no-moves, exit_status: 1 }", "being_moved"),
        ("ssh: no-moves }", "ssh: no-moves, silent: true }", "cannot_tell"),
        (
            "offline: 0 } }\n  - { kafka: { under_replicated: 0", "offline: 2 } }\n  - { kafka: { under_replicated: 0",
            "without_leader"
        ),
        ("answer: grant", "answer: deny", "hand_over"),
        ("missed-by-all,", "missed-by-all, exit_status: 3,", "cannot_tell"),
        ("from: 12m", "from: 2m", "tell_recovery"),
        ("people:", "timeline: [{ at: 10s, kill: [kafka2, kafka3] }]\npeople:", "a_cascade"),
        ("people:", "timeline: [{ at: 10s, cut: kafka2 }]\npeople:", "cannot_tell"),
    ])
    func `no broker is touched when it is not known to be the one`(old: String, new: String, step: String) throws {
        let result = try Self.rehearse("under_replicated_partitions", "broker_lags", changing: [(old, new)])
        #expect(result.path.contains(StepKey(step)), "\(result.text)")
        #expect(result.commands == [])
    }

    // MARK: Full disks

    @Test func `a reserve that is given up makes room, and then the broker is started`() throws {
        let result = try Self.rehearse("broker_disk_full", "disk_full_reserve")
        #expect(result.isWell && result.outcome == .succeeded)
        #expect(result.commands == ["kafka2: script", "kafka2: start kafka"])
    }

    @Test func `records go only when their owner agrees, and their retention is set back`() throws {
        let result = try Self.rehearse("broker_disk_full", "disk_full_records_go")
        #expect(result.isWell && result.outcome == .succeeded)
        #expect(result.commands == ["kafka2: script", "kafka1: script", "kafka2: start kafka", "kafka1: script"])
        #expect(result.path.contains("finally/set_retention_back"))
        #expect(!result.timeline.contains { $0.text.hasPrefix("ada ") })
        let granted = try result.entry(.gate, "granted by dana").at
        let second = try #require(result.timeline.first { $0.kind == .act && $0.target == "kafka1" })
        #expect(second.at >= granted)
    }

    @Test func `a broker without room is not started`() throws {
        let result = try Self.rehearse("broker_disk_full", "disk_full_no_room")
        #expect(result.outcome == .escalated)
        #expect(result.commands == ["kafka2: script"])
        #expect(try result.entry(.notice, "have no room").text.contains("orders-3"))
    }

    @Test(arguments: [
        ("answer: grant, after: 4m", "answer: deny, after: 4m"), ("answer: grant, after: 4m", "answer: never"),
        ("roles: [sre, kafka_owner]", "roles: [sre]"),
    ])
    func `no record goes when the owner does not agree`(old: String, new: String) throws {
        let result = try Self.rehearse("broker_disk_full", "disk_full_records_go", changing: [(old, new)])
        #expect(result.outcome == .escalated)
        #expect(result.commands == ["kafka2: script"])
    }

    @Test func `retention is set back when records went in vain`() throws {
        let change = ("  - { ssh: has-room, on: kafka2, from: 12m, stdout: \"70 % used\\n\" }\n", "")
        let result = try Self.rehearse("broker_disk_full", "disk_full_records_go", changing: [change])
        #expect(result.outcome == .escalated)
        #expect(result.commands == ["kafka2: script", "kafka1: script", "kafka1: script"])
        #expect(result.path.contains("finally/set_retention_back"))
    }

    // MARK: Consumers

    @Test func `consumers that are down are started one at a time`() throws {
        let result = try Self.rehearse("consumer_lag", "consumers_down")
        #expect(result.isWell && result.outcome == .succeeded)
        #expect(result.commands == ["billing1: start consumer", "billing2: start consumer"])
    }

    @Test func `a group that stands still is restarted only when somebody says so`() throws {
        let refused = try Self.rehearse("consumer_lag", "consumers_stuck")
        #expect(refused.outcome == .escalated && refused.commands == [])
        let granted = try Self.rehearse(
            "consumer_lag",
            "consumers_stuck",
            changing: [
                ("answer: never", "answer: grant"),
                ("\n\npeople", "\n  - { ssh: [systemctl, is-active] }\n  - { ssh: lag-within, from: 20m }\n\npeople"),
            ]
        )
        #expect(granted.outcome == .succeeded, "\(granted.text)")
        #expect(granted.commands == ["billing1: restart consumer", "billing2: restart consumer"])
    }

    @Test(arguments: [
        ("ssh: lag-within, exit_status: 1", "ssh: lag-within, exit_status: 0", "not_needed"),
        ("ssh: lag-within, exit_status: 1", "ssh: lag-within, exit_status: 3", "cannot_tell"),
        ("ssh: lag-shrinks, exit_status: 1", "ssh: lag-shrinks, exit_status: 0", "tell_it_catches_up"),
        ("ssh: commits-move, exit_status: 1", "ssh: commits-move, exit_status: 0", "too_slow"),
        ("ssh: group-state,", "ssh: group-state, exit_status: 4,", "never_settles"),
        ("ssh: group-state,", "ssh: group-state, exit_status: 2,", "cannot_tell"),
        ("answers:", "timeline: [{ at: 5s, kill: kafka2 }]\nanswers:", "the_cluster_first"),
    ])
    func `consumers are left alone when starting them would not help`(old: String, new: String, step: String) throws {
        let result = try Self.rehearse("consumer_lag", "consumers_stuck", changing: [(old, new)])
        #expect(result.path.contains(StepKey(step)), "\(result.text)")
        #expect(result.commands == [])
    }

    // MARK: Controllers

    @Test func `controllers with their logs are started, the newest log first, and no broker is touched`() throws {
        let result = try Self.rehearse("kraft_quorum_loss", "controllers_down")
        #expect(result.isWell && result.outcome == .succeeded)
        #expect(
            result.commands == [
                "controller1: script", "controller2: script", "controller3: script",
                "controller2: start kafka_controller", "controller1: start kafka_controller",
            ]
        )
    }

    @Test(arguments: ["controllers_lost", "controllers_cut"])
    func `nothing is started where logs are lost or nobody sees the controllers`(scenario: String) throws {
        let result = try Self.rehearse("kraft_quorum_loss", scenario)
        #expect(result.outcome == .escalated && result.commands == [])
    }

    @Test(arguments: [
        ("kill: controller1 }", "kill: controller1 }\n  - { at: 40s, start: controller1 }", ""),
        ("kill: controller1", "hang: controller1", "cannot_tell"),
        ("answer: grant", "answer: deny", "hand_over"),
        ("answer: grant, after: 2m", "answer: never", "hand_over"),
        (
            "people:",
            "  - { ssh: metadata-log, on: controller1, silent: true }\n  - { ssh: metadata-log, on: controller2, exit_status: 2 }\npeople:",
            "cannot_tell"
        ),
    ])
    func `controllers are left alone when it is not known that a start helps`(
        old: String,
        new: String,
        step: String
    ) throws {
        let text = try Rehearsing.text("examples/scenarios/controllers_down.yaml")
            .replacing("\n\npeople:", with: "\npeople:").replacing("start: on_trigger", with: "start: { at: 2m }")
        let result = try Rehearsing.run(
            Rehearsing.plan("kraft_quorum_loss"),
            in: Rehearsing.scenario(text: text.replacing(old, with: new))
        )
        #expect(step.isEmpty || result.path.contains(StepKey(step)), "\(result.text)")
        #expect(result.commands == [])
    }

    @Test func `a broker that starts while controllers have no leader gives up`() throws {
        let plan = try Rehearsing.plan(
            text: """
                runbook: start_one
                title: Start a broker
                targets: { brokers: { role: kafka_broker }, controllers: { role: kraft_controller } }
                steps:
                  - id: who_leads
                    probe: { targets: controllers, kafka: { ask: [quorum] } }
                  - id: start
                    run: { targets: "brokers.filter(b, b.name == 'kafka1')", service: kafka, do: start }
                    timeout: 1m
                  - id: later
                    pause: 5m
                  - id: who_serves
                    probe: { targets: brokers, kafka: { ask: [metadata, quorum] } }
                  - id: tell
                    notify:
                      channels: [oncall]
                      message: >-
                        ${{ steps.who_leads.results.map(r, r.answered) }} ${{ steps.who_leads.results.exists(r, r.serving) }}
                        ${{ steps.who_leads.results.map(r, r.synced_voters) }} ${{ steps.who_serves.results.map(r, r.serving) }}
                """
        )
        let scenario = """
            scenario: leaderless
            cluster:
              brokers: 2
              nodes:
                c1: { roles: [kraft_controller] }
                c2: { roles: [kraft_controller], state: down }
                c3: { roles: [kraft_controller], state: STATE }
            timeline: [{ at: 0s, kill: kafka1 }]
            start: { at: 10s }
            """
        let down = try Rehearsing.run(plan, in: Rehearsing.scenario(text: scenario.replacing("STATE", with: "down")))
        #expect(try down.entry(.notice, "oncall").text.contains("[true, false, false] (unknown: c1"))
        #expect(try down.entry(.world, "gives up").text.contains("the controllers have no leader"))
        let up = try Rehearsing.run(plan, in: Rehearsing.scenario(text: scenario.replacing("STATE", with: "up")))
        #expect(try up.entry(.notice, "oncall").text.contains("[true, false, true] true"))
        #expect(try up.entry(.notice, "oncall").text.contains("[true, true]"))
    }
}
