// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunSimulator
import RunVocabulary
import Testing

/// The runbooks for ordinary repairs and planned changes, rehearsed in the scenarios that we ship.
@Suite struct EverydayRunbookTests {
    @Test func `an empty member of a serving ensemble is started and nothing is moved`() throws {
        let result = try Rehearsing.run(
            Rehearsing.plan("zookeeper_member_lost"),
            in: Rehearsing.scenario("member_wiped")
        )
        #expect(result.outcome == .succeeded)
        #expect(result.harms == [])
        #expect(result.commands == ["zk2: start zookeeper"])
        #expect(!result.path.contains("allow_rebuild"))
        #expect(try result.entry(.world, "zk2 follows zk3").text.contains("137 znodes"))
    }

    @Test func `a member that is down is started, with evidence kept first`() throws {
        let result = try Rehearsing.run(
            Rehearsing.plan("restart_service"),
            in: Rehearsing.scenario("member_down")
        )
        #expect(result.outcome == .succeeded)
        #expect(result.commands == ["zk2: script", "zk2: start zookeeper", "zk2: start zookeeper (attempt 2)"])
        #expect(result.path.last == "done")
    }

    @Test func `a roll restarts every member once, and the leader last`() throws {
        let result = try Rehearsing.run(
            Rehearsing.plan("rolling_restart_zookeeper"),
            in: Rehearsing.scenario("roll")
        )
        #expect(result.outcome == .succeeded)
        #expect(result.harms == [])
        #expect(result.commands == (1...5).map { "zk\($0): restart zookeeper" })
        // The members vote again only once: when the leader goes.
        let elections = result.timeline.filter { $0.kind == .world && $0.text.contains("is elected leader") }
        let last = try #require(
            result.timeline.last { $0.kind == .act && $0.target == "zk5" && $0.text == "restart zookeeper" }
        )
        #expect(elections.filter { $0.at > Instant(milliseconds: 0) }.allSatisfy { $0.at > last.at })
        #expect(!elections.isEmpty)
    }

    @Test func `a roll ends at the first member that does not come back`() throws {
        let result = try Rehearsing.run(
            Rehearsing.plan("rolling_restart_zookeeper"),
            in: Rehearsing.scenario("roll_member_stays_down")
        )
        #expect(result.outcome == .escalated)
        #expect(result.commands == ["zk1: restart zookeeper", "zk2: restart zookeeper"])
        #expect(result.path.suffix(2) == ["hand_over", "give_up"])
    }
}
