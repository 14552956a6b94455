// Selfheal
// SPDX-License-Identifier: Apache-2.0

import ClusterWatch
import RunCore
import RunPlan
import RunTestSupport
import RunVocabulary
import Testing

/// Nodes with several monitors, each at its own pace.
@Suite struct MonitorTests {
    private static let up: [String: Fact] = ["serving": .bool(true), "answered": .bool(true)]
    private static let down: [String: Fact] = ["serving": .bool(false), "problem": .string("status 503")]
    private static let silent: [String: Fact] = ["problem": .string("timed out")]

    private static func machine(
        optional: Bool = false,
        condition: String = "nodes.exists(n, n.health == 'down')"
    ) throws -> WatchMachine {
        var node = Node(name: "n1", host: "n1", roles: ["node"])
        node.monitor = .tcp(port: "app")
        node.monitors = [
            NodeMonitor(name: "socket", probe: .tcp(port: "app")),
            NodeMonitor(
                name: "page",
                probe: .http(HTTPQuestion(url: nil, port: "app", path: nil)),
                every: .seconds(30),
                timeout: .seconds(1),
                isOptional: optional
            ),
        ]
        let inventory = Inventory(clusterName: "c", clusterID: "", nodes: [node], services: [])
        let settings = Watching.settings()
        let plan = try PlanFixture.plan(
            """
            runbook: heal
            targets: { nodes: { role: node } }
            triggers: [{ condition: "\(condition)" }]
            autonomy: automatic
            mass_failure: true
            steps: [{ id: done, finish: { outcome: succeeded } }]
            """
        )
        var machine = WatchMachine(
            settings: settings,
            inventory: inventory,
            runbooks: [WatchedRunbook(plan: plan, parameters: [:], inventory: inventory, settings: settings)]
        )
        _ = machine.handle(.began(at: Instant(milliseconds: 0)))
        return machine
    }

    private static func look(
        _ machine: inout WatchMachine,
        _ monitor: String,
        _ facts: [String: Fact],
        at second: Int64
    ) -> [WatchEffect] {
        machine.handle(
            .looked([ProbeReport(target: "n1", facts: facts)], by: monitor, at: Instant(milliseconds: second * 1_000))
        )
    }

    @Test func `each looks at its own pace, and not again before it was answered`() throws {
        var machine = try Self.machine()
        // The first round of looks was taken by the beginning.
        _ = Self.look(&machine, "page", Self.up, at: 0)
        var looks: [(String, Int64)] = []
        for second in Int64(0)...60 {
            for effect in machine.handle(.clockReached(at: Instant(milliseconds: second * 1_000))) {
                if case .look(_, let monitor) = effect {
                    looks.append((monitor, second))
                    // Half a minute long, nobody answers on the socket.
                    if monitor == "page" || second > 30 {
                        _ = Self.look(&machine, monitor, Self.up, at: second)
                    }
                }
            }
            if second == 30 {
                _ = Self.look(&machine, "socket", Self.silent, at: second)
            }
        }
        #expect(looks.filter { $0.0 == "page" }.map(\.1) == [30, 60])
        #expect(looks.filter { $0.0 == "socket" }.map(\.1) == [40, 50, 60])
    }

    @Test func `one that says down is enough, after as many looks of its own as it takes`() throws {
        var machine = try Self.machine()
        _ = Self.look(&machine, "socket", Self.up, at: 1)
        #expect(machine.health(of: "n1") == nil && !machine.hasSeenAll)
        _ = Self.look(&machine, "page", Self.up, at: 2)
        #expect(machine.health(of: "n1") == .up && machine.hasSeenAll)
        _ = Self.look(&machine, "page", Self.down, at: 30)
        // What the others say in between does not count for it, and not against it.
        _ = Self.look(&machine, "socket", Self.up, at: 31)
        #expect(machine.health(of: "n1") == .up)
        let effects = Self.look(&machine, "page", Self.down, at: 60)
        #expect(machine.health(of: "n1") == .down)
        #expect(effects.contains(.note(.health("n1", .down, problem: "page: status 503"))))
        #expect(effects.contains { if case .start = $0 { true } else { false } })
    }

    @Test(arguments: [(false, HealthModel.Health.unknown), (true, .up)])
    func `silence of one is not down, and counts for nothing where it is optional`(
        isOptional: Bool,
        health: HealthModel.Health
    ) throws {
        var machine = try Self.machine(optional: isOptional)
        _ = Self.look(&machine, "page", Self.silent, at: 1)
        _ = Self.look(&machine, "socket", Self.up, at: 2)
        #expect(machine.health(of: "n1") == health)
    }

    @Test func `a word counts until the next is overdue`() throws {
        var machine = try Self.machine(condition: "nodes.exists(n, !n.serving)")
        _ = Self.look(&machine, "page", Self.up, at: 0)
        for second in stride(from: Int64(0), through: 90, by: 10) {
            _ = Self.look(&machine, "socket", Self.up, at: second)
        }
        #expect(machine.decision(on: "heal")?.kind == .quiet)
        // Three times its interval and its timeout are over.
        _ = Self.look(&machine, "socket", Self.up, at: 92)
        let decision = try #require(machine.decision(on: "heal"))
        #expect(decision.kind == .unknown)
        #expect(decision.reason.contains("page: it last said something "), "\(decision.reason)")
    }

    @Test func `a monitor that is gone says nothing any more`() throws {
        var machine = try Self.machine()
        _ = Self.look(&machine, "socket", Self.up, at: 1)
        _ = Self.look(&machine, "page", Self.down, at: 1)
        #expect(machine.health(of: "n1") == .down)
        var node = Node(name: "n1", host: "n1", roles: ["node"])
        node.monitor = .tcp(port: "app")
        node.monitors = [NodeMonitor(name: "socket", probe: .tcp(port: "app"))]
        let inventory = Inventory(clusterName: "c", clusterID: "", nodes: [node], services: [])
        _ = machine.reconfigure(
            settings: Watching.settings(),
            inventory: inventory,
            runbooks: [],
            at: Instant(milliseconds: 5_000)
        )
        _ = Self.look(&machine, "socket", Self.up, at: 11)
        #expect(machine.health(of: "n1") == .up)
    }
}
