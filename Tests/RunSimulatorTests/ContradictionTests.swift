// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunSimulator
import RunbookSource
import Testing

/// Scenarios whose world cannot be.
@Suite struct ContradictionTests {
    private func messages(_ text: String) -> [String] {
        Rehearsing.read(SourceFile(path: "scenario.yaml", text: text)).diagnostics.map {
            "\($0.code) \($0.span.start.line): \($0.message)"
        }
    }

    @Test func `data that is lost reaches nowhere`() {
        let text = """
            scenario: lost
            cluster:
              zookeeper:
                zk1: { data: lost, zxid: 12 }
                zk2: { data: lost, epoch: 2 }
                zk3: { data: stale, zxid: 12 }
            """
        #expect(
            self.messages(text) == [
                "RB0700 4: the world contradicts itself: the data of 'zk1' is lost, and 'zxid' says how far it goes",
                "RB0700 5: the world contradicts itself: the data of 'zk2' is lost, and 'epoch' says how far it goes",
            ]
        )
    }

    @Test func `somebody must vote`() {
        let text = """
            scenario: observers
            cluster: { zookeeper: { zk1: { observer: true }, zk2: { observer: true } } }
            """
        #expect(
            self.messages(text) == [
                "RB0700 2: the world contradicts itself: every ZooKeeper member is an observer, and nobody votes"
            ]
        )
    }

    @Test func `what undoes one another does not happen at one moment`() {
        let text = """
            scenario: both
            cluster: { brokers: 3 }
            timeline:
              - { at: 60s, kill: [kafka1, kafka2] }
              - { at: 1m, start: kafka2 }
              - { at: 1m, cut: kafka3 }
              - { at: 1m, hang: kafka1 }
              - { at: 2m, heal: kafka3 }
            """
        #expect(
            self.messages(text) == [
                "RB0700 5: the world contradicts itself: at 1m 'kafka2' meets both 'kill' and 'start'"
            ]
        )
    }

    @Test func `what would happen after the end is said to be too late`() {
        let text = """
            scenario: late
            cluster: { brokers: 3 }
            timeline: [{ at: 11m, kill: kafka1 }]
            until: 10m
            """
        #expect(
            self.messages(text) == ["RB0701 3: this would happen at 11m, and the rehearsal is given up at 10m"]
        )
    }

    @Test func `a watch beside a moment to start at is said to start nothing`() {
        let text = """
            scenario: by_hand
            cluster: { brokers: 3 }
            watch: {}
            start: { at: 1m }
            """
        #expect(self.messages(text) == ["RB0702 3: 'start' says when the run starts, so the watch starts nothing"])
    }
}
