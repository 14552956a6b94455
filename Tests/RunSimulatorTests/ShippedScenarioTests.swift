// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunSimulator
import RunVocabulary
import Testing

/// The runbooks that we ship, rehearsed in the scenarios that we ship.
@Suite struct ShippedScenarioTests {
    @Test func `a cascade is recovered by the seeds' timeline`() throws {
        let result = try Rehearsing.run(
            Rehearsing.plan("cascade_failure"),
            in: Rehearsing.scenario("cascade_seed_timeline")
        )
        #expect(result.outcome == .succeeded)
        #expect(result.isWell)
        func time(_ kind: TimelineEntry.Kind, _ part: String) throws -> Milliseconds {
            try result.entry(kind, part).at.elapsed(since: Instant(milliseconds: 0))
        }
        let seen = result.timeline.filter { $0.kind == .monitor && $0.text == "is down" }
        #expect(seen.map { $0.at.milliseconds / 1_000 } == [0, 30, 45])
        #expect(try time(.trigger, "holds; it must for 15s").isAbout(seconds: 45))
        #expect(try time(.trigger, "fired").isAbout(seconds: 60))
        #expect(try result.moment(of: "recover_brokers[0]/start_broker").isAbout(seconds: 90))
        let validated = try #require(
            result.timeline.last { $0.step == "recover_brokers[0]/broker_recovers" && $0.text.hasPrefix("holds") }
        )
        #expect(validated.at.elapsed(since: Instant(milliseconds: 0)).isAbout(seconds: 300))
        #expect(try result.moment(of: "recover_brokers[1]/start_broker").isAbout(seconds: 420))
        #expect(result.commands == ["kafka1: start kafka", "kafka2: start kafka", "kafka3: start kafka"])
        #expect(result.path.contains("announce") && result.path.last == "done")
    }

    @Test func `members that are down are started one at a time, and brokers are left alone`() throws {
        let result = try Rehearsing.run(
            Rehearsing.plan("zookeeper_quorum_loss"),
            in: Rehearsing.scenario("quorum_down")
        )
        #expect(result.outcome == .succeeded)
        #expect(
            result.commands == [
                "zk2: start zookeeper", "zk2: start zookeeper (attempt 2)", "zk3: start zookeeper",
            ]
        )
        #expect(!result.path.contains("allow_rebuild"))
        #expect(try result.moment(of: "look").isAbout(seconds: 75))
        #expect(try #require(result.duration) < .seconds(30))
    }

    @Test func `a rebuild waits for two people and starts a holder of data before any empty member`() throws {
        let result = try Rehearsing.run(
            Rehearsing.plan("zookeeper_quorum_loss"),
            in: Rehearsing.scenario("quorum_data_lost")
        )
        #expect(result.outcome == .succeeded)
        #expect(result.harms == [])
        #expect(try result.entry(.gate, "ada approves (1 of 2)").at < result.entry(.gate, "bo approves (2 of 2)").at)
        // The developer was not asked, and nobody acted before the second approval.
        #expect(!result.timeline.contains { $0.text.hasPrefix("cy ") })
        let granted = try result.entry(.gate, "granted by ada and bo").at
        #expect(result.timeline.first { $0.kind == .act }.map { $0.at >= granted } ?? false)
        #expect(
            result.commands == [
                "kafka1: stop kafka", "kafka2: stop kafka", "kafka3: stop kafka", "zk1: script",
                "zk2: start zookeeper", "zk3: start zookeeper",
                "kafka1: start kafka", "kafka2: start kafka", "kafka3: start kafka",
            ]
        )
        #expect(try result.entry(.world, "zk1 is elected leader").text.contains("137 znodes"))
    }

    @Test func `silence of one of the two people who are needed means that nothing is done`() throws {
        let result = try Rehearsing.run(
            Rehearsing.plan("zookeeper_quorum_loss"),
            in: Rehearsing.scenario("quorum_data_lost_nobody_answers")
        )
        #expect(result.outcome == .escalated)
        #expect(result.commands == [])
        #expect(result.path.suffix(2) == ["hand_over", "give_up"])
        #expect(try #require(result.duration).isAbout(seconds: 15 * 60))
        #expect(try result.entry(.notice, "1 of 2 approvals when the time was up").text.contains("critical to oncall"))
    }

    @Test func `what nobody can see is left alone`() throws {
        let result = try Rehearsing.run(
            Rehearsing.plan("zookeeper_quorum_loss"),
            in: Rehearsing.scenario("quorum_cut")
        )
        #expect(result.outcome == .escalated)
        #expect(result.commands == [])
        #expect(result.path == ["look", "route", "cannot_tell", "stop_here"])
        // The look takes its whole time, because nobody answers.
        #expect(try #require(result.duration).isAbout(seconds: 10))
    }
}
