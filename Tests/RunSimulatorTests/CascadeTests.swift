// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunPlan
import RunSimulator
import RunVocabulary
import Testing

/// What the runbook against cascades refuses, and where it stops.
@Suite struct CascadeTests {
    static func rehearse(_ rest: String, cluster: String = "{ zookeeper: 3, brokers: 5 }") throws -> RehearsalResult {
        let text = """
            scenario: cascade
            cluster: \(cluster)
            start: { at: 2m }
            \(rest)
            """
        return try Rehearsing.run(Rehearsing.plan("cascade_failure"), in: Rehearsing.scenario(text: text))
    }

    @Test func `no broker is started while ZooKeeper has no quorum`() throws {
        let result = try Self.rehearse(
            "timeline: [{ at: 1m, kill: [kafka1, kafka2, kafka3] }, { at: 1m, kill: [zk1, zk2] }]"
        )
        #expect(result.outcome == .escalated)
        #expect(result.commands == [])
        #expect(try result.entry(.notice, "ZooKeeper has no quorum").text.contains("zookeeper_quorum_loss"))
    }

    @Test func `a quorum that is lost between two brokers stops the recovery`() throws {
        let result = try Self.rehearse(
            "timeline: [{ at: 1m, kill: [kafka1, kafka2, kafka3] }, { at: 5m, kill: [zk1, zk2] }]"
        )
        #expect(result.outcome == .escalated)
        #expect(result.commands == ["kafka1: start kafka"])
        #expect(result.path.contains("recover_brokers[1]/start_broker"))
    }

    @Test func `at most half of the brokers down is no cascade`() throws {
        let result = try Self.rehearse("timeline: [{ at: 1m, kill: [kafka1, kafka2] }]")
        #expect(result.outcome == .notNeeded)
        #expect(result.commands == [])
    }

    @Test func `brokers that cannot be seen are left alone`() throws {
        let result = try Self.rehearse("timeline: [{ at: 1m, cut: [kafka1, kafka2, kafka3] }]")
        #expect(result.outcome == .escalated)
        #expect(result.path == ["look", "is_it_a_cascade", "cannot_tell", "stop_unseen"])
    }

    @Test func `a further broker that falls while one waits hands over`() throws {
        let result = try Self.rehearse(
            "timeline: [{ at: 1m, kill: [kafka1, kafka2, kafka3] }, { at: 130s, kill: kafka4 }]"
        )
        #expect(result.outcome == .escalated)
        #expect(result.commands == [])
        #expect(result.path.suffix(2) == ["hand_over", "give_up"])
    }

    @Test func `brokers that come back by themselves are not touched`() throws {
        let result = try Self.rehearse(
            """
            timeline: [{ at: 1m, kill: [kafka1, kafka2, kafka3] }, { at: 122s, start: [kafka1, kafka2] }]
            durations: { start_broker: 10s }
            """
        )
        #expect(result.outcome == .notNeeded)
        #expect(result.commands == [])
    }

    @Test func `the first broker that does not come back ends the recovery`() throws {
        let result = try Self.rehearse(
            """
            timeline: [{ at: 1m, kill: [kafka1, kafka2, kafka3] }]
            commands: [{ do: start, on: kafka2, fails: always, says: No space left on device }]
            """
        )
        #expect(result.outcome == .escalated)
        #expect(
            result.commands == [
                "kafka1: start kafka", "kafka2: start kafka", "kafka2: start kafka (attempt 2)",
            ]
        )
        #expect(try result.entry(.notice, "Stopped at recover_brokers").text.contains("No space left on device"))
    }

    @Test func `a cluster of which every broker fell is recovered too`() throws {
        let result = try Self.rehearse("timeline: [{ at: 1m, kill: [kafka1, kafka2, kafka3, kafka4, kafka5] }]")
        #expect(result.outcome == .succeeded)
        #expect(result.commands.count == 5)
    }
}
