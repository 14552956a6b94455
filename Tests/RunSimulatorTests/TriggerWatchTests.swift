// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunCore
import RunPlan
import RunVocabulary
import TestSupport
import Testing

@Suite struct TriggerWatchTests {
    static let mostAreDown = "size(brokers.filter(b, b.health == 'down')) * 2 > size(brokers)"

    static func watch(_ condition: String = Self.mostAreDown, holdsFor: String = "30s") throws -> TriggerWatch {
        let plan = try Rehearsing.plan(
            text: """
                runbook: watched
                targets:
                  brokers: { role: kafka_broker }
                triggers:
                  - condition: "\(condition)"
                    for: \(holdsFor)
                autonomy: automatic
                steps:
                  - id: done
                    finish: { outcome: succeeded }
                """
        )
        let nodes = (1...3).map { Node(name: NodeName("b\($0)"), host: "b\($0)", roles: ["kafka_broker"]) }
        return TriggerWatch(
            trigger: try #require(plan.triggers.first),
            of: plan,
            parameters: [:],
            inventory: Inventory(clusterName: "c", clusterID: "", nodes: nodes, services: []),
            staleAfter: .seconds(60)
        )
    }

    static func at(_ seconds: Int64) -> Instant {
        Instant(milliseconds: seconds * 1_000)
    }

    static func reports(_ health: String...) -> [ProbeReport] {
        health.enumerated().map { index, health in
            let facts: [String: Fact] = health == "?" ? ["problem": .string("timed out")] : ["health": .string(health)]
            return ProbeReport(target: NodeName("b\(index + 1)"), facts: facts)
        }
    }

    @Test func `it fires once when the condition has held for its time`() throws {
        var watch = try Self.watch()
        #expect(watch.observe(Self.reports("up", "down", "up"), at: Self.at(0)) == .quiet)
        #expect(watch.wakeAt == nil)
        let holding = TriggerWatch.Finding.holding(since: Self.at(10), until: Self.at(40))
        #expect(watch.observe(Self.reports("up", "down", "down"), at: Self.at(10)) == holding)
        #expect(watch.wakeAt == Self.at(40))
        #expect(watch.clockReached(at: Self.at(39)) == holding)
        #expect(watch.clockReached(at: Self.at(40)) == .fired(since: Self.at(10)))
        #expect(watch.wakeAt == nil)
        #expect(watch.observe(Self.reports("up", "down", "down"), at: Self.at(50)) == .spent(since: Self.at(10)))
        #expect(watch.observe(Self.reports("up", "up", "down"), at: Self.at(60)) == .quiet)
        _ = watch.observe(Self.reports("down", "down", "down"), at: Self.at(70))
        #expect(watch.clockReached(at: Self.at(100)) == .fired(since: Self.at(70)))
    }

    @Test func `a condition without a time fires at once`() throws {
        var watch = try Self.watch(holdsFor: "0s")
        #expect(watch.observe(Self.reports("down", "down", "up"), at: Self.at(5)) == .fired(since: Self.at(5)))
    }

    @Test func `nodes that were never seen leave the condition unknown`() throws {
        var watch = try Self.watch()
        let finding = watch.observe([ProbeReport(target: "b1", facts: ["health": .string("down")])], at: Self.at(0))
        guard case .unknown(let reason) = finding else {
            Issue.record("\(finding)")
            return
        }
        #expect(reason.contains("b2 has not been observed"))
    }

    @Test func `unknown neither starts the clock nor lets it run on`() throws {
        var watch = try Self.watch()
        _ = watch.observe(Self.reports("down", "down", "up"), at: Self.at(0))
        guard case .unknown = watch.observe(Self.reports("down", "?", "up"), at: Self.at(20)) else {
            Issue.record("one down and one unseen of three may be a majority")
            return
        }
        #expect(watch.wakeAt == nil)
        let again = watch.observe(Self.reports("down", "down", "up"), at: Self.at(25))
        #expect(again == .holding(since: Self.at(25), until: Self.at(55)))
    }

    @Test func `an unknown that cannot change the answer does not matter`() throws {
        var watch = try Self.watch()
        _ = watch.observe(Self.reports("down", "down", "?"), at: Self.at(0))
        #expect(watch.clockReached(at: Self.at(30)) == .fired(since: Self.at(0)))
    }

    @Test func `what was last seen too long ago is unknown`() throws {
        var watch = try Self.watch(holdsFor: "90s")
        _ = watch.observe(Self.reports("down", "down", "up"), at: Self.at(0))
        guard case .unknown(let reason) = watch.clockReached(at: Self.at(90)) else {
            Issue.record("nobody looked for a minute and a half")
            return
        }
        #expect(reason.contains("it was last seen 1m30s ago"))
    }

    // Goal: what is kept from one look to the next is never another thing than what is seen.
    // Method: random looks at single nodes; after each, a new watch that sees the same all at once must find the same.
    @Test(arguments: [
        Self.mostAreDown, "brokers.exists(b, b.problem.contains('odd'))",
        "size(brokers.filter(b, b.serving)) < quorum(brokers)",
        "brokers.exists(b, b.zxid > 1) && !brokers.all(b, b.mode == 'leader')",
        "brokers.all(b, b.rack == '' && b.node_count >= 0)",
        "brokers.exists(a, brokers.exists(b, a != b && a.health == b.health && a.host != 'b1'))",
        "brokers.all(b, b.observed_at > timestamp(70))",
    ])
    func `looks at one node after the other find what a look at all of them finds`(condition: String) throws {
        var generator = SeededGenerator(seed: 11)
        var watch = try Self.watch(condition, holdsFor: "0s")
        var reports: [ProbeReport] = []
        for second in 0..<300 as Range<Int64> {
            let node = NodeName("b\(Int.random(in: 1...3, using: &generator))")
            let report = ProbeReport(target: node, facts: Self.facts(&generator))
            let found = watch.observe([report], at: Self.at(60))
            reports = reports.filter { $0.target != node } + [report]
            var other = try Self.watch(condition, holdsFor: "0s")
            #expect(
                Self.kind(found) == Self.kind(other.observe(reports, at: Self.at(60))),
                "look \(second): \(reports)"
            )
        }
    }

    private static func facts(_ generator: inout SeededGenerator) -> [String: Fact] {
        var facts: [String: Fact] = [:]
        func maybe(_ name: String, _ values: Fact...) {
            facts[name] = Int.random(in: 0..<4, using: &generator) == 0 ? nil : values.randomElement(using: &generator)
        }
        maybe("health", .string("up"), .string("down"))
        maybe("serving", .bool(true), .bool(false))
        maybe("mode", .string("leader"), .string("follower"))
        maybe("zxid", .int(1), .int(2))
        maybe("node_count", .int(0), .int(5))
        maybe("problem", .string(""), .string("odd"), .string("even"))
        return facts
    }

    /// A condition that holds on fires once, and what nobody can tell is so for a reason.
    private static func kind(_ finding: TriggerWatch.Finding) -> String {
        switch finding {
        case .fired, .spent: "holds"
        case .unknown(let reason): "unknown: \(reason)"
        case .quiet, .holding: "\(finding)"
        }
    }
}
