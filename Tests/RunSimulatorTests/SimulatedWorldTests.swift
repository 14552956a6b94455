// Selfheal
// SPDX-License-Identifier: Apache-2.0

import CELExpressions
import RunCore
import RunPlan
import RunSimulator
import RunVocabulary
import Testing

/// The physics, by what probes see.
@Suite struct SimulatedWorldTests {
    static func world(_ cluster: String, seed: UInt64 = 1) throws -> SimulatedWorld {
        let text = "scenario: physics\ncluster: \(cluster)"
        return SimulatedWorld(try Rehearsing.scenario(text: text), seed: seed)
    }

    static func after(_ seconds: Int64) -> Instant {
        Instant(milliseconds: seconds * 1_000)
    }

    static let ask = ProbeOrder.Question.zookeeper([.srvr, .diskEpoch, .clusterID])

    @Test func `a healthy ensemble has one leader and everyone's data`() throws {
        let world = try Self.world("{ zookeeper: 3, id: abc }")
        let modes = ["zk1", "zk2", "zk3"].map { world.facts(of: NodeName($0), asking: Self.ask)["mode"] }
        #expect(modes.filter { $0 == .string("leader") }.count == 1)
        #expect(modes.filter { $0 == .string("follower") }.count == 2)
        let facts = world.facts(of: "zk1", asking: Self.ask)
        #expect(facts["cluster_id"] == .string("abc"))
        #expect(facts["node_count"] == .int(137))
        #expect(facts["data"] == .string("intact"))
        #expect(facts["epoch"] == .int(3))
    }

    @Test func `a member that is down refuses, and its disk still tells`() throws {
        var world = try Self.world("{ zookeeper: 3 }")
        world.strike(.kill, ["zk1"])
        let facts = world.facts(of: "zk1", asking: Self.ask)
        #expect(facts["answered"] == .bool(false))
        #expect(facts["serving"] == .bool(false))
        #expect(facts["mode"] == .string(""))
        #expect(facts["data"] == .string("intact"))
        world.strike(.wipe, ["zk1"])
        let wiped = world.facts(of: "zk1", asking: Self.ask)
        #expect(wiped["data"] == .string("lost"))
        #expect(wiped["epoch"] == nil)
    }

    @Test func `silence is no answer, and a frozen member's disk still tells`() throws {
        var world = try Self.world("{ zookeeper: 3, brokers: 1 }")
        world.strike(.cut, ["zk1"])
        #expect(world.facts(of: "zk1", asking: Self.ask) == ["problem": .string("timed out")])
        #expect(world.isSilent("zk1", to: Self.ask))
        world.strike(.hang, ["zk2", "kafka1"])
        let frozen = world.facts(of: "zk2", asking: Self.ask)
        #expect(frozen["answered"] == nil)
        #expect(frozen["data"] == .string("intact"))
        #expect(world.facts(of: "kafka1", asking: .tcp(port: "broker"))["open"] == .bool(true))
        #expect(world.facts(of: "kafka1", asking: .kafka([]))["answered"] == nil)
        world.strike(.heal, ["zk1", "zk2"])
        #expect(world.facts(of: "zk2", asking: Self.ask)["answered"] == .bool(true))
    }

    @Test func `without a majority members answer and do not serve, and with one they elect`() throws {
        var world = try Self.world("{ zookeeper: 3 }")
        world.strike(.kill, ["zk1", "zk2"])
        let alone = world.facts(of: "zk3", asking: Self.ask)
        #expect(alone["answered"] == .bool(true))
        #expect(alone["serving"] == .bool(false))
        world.strike(.start, ["zk2"])
        world.advance(to: Self.after(60))
        #expect(world.facts(of: "zk3", asking: Self.ask)["mode"] == .string("leader"))
        #expect(world.facts(of: "zk3", asking: Self.ask)["epoch"] == .int(4))
        #expect(!world.takeNotes().contains { $0.isHarm })
    }

    @Test func `the newest data wins an election, and stale members catch up`() throws {
        let cluster = """
            { zookeeper: { zk1: { state: down }, zk2: { state: down, data: stale }, zk3: { state: down, data: stale } } }
            """
        var world = try Self.world(cluster)
        world.strike(.start, ["zk1", "zk2"])
        world.advance(to: Self.after(60))
        #expect(world.facts(of: "zk1", asking: Self.ask)["mode"] == .string("leader"))
        world.strike(.start, ["zk3"])
        world.advance(to: Self.after(120))
        #expect(world.facts(of: "zk3", asking: Self.ask)["mode"] == .string("follower"))
        #expect(!world.takeNotes().contains { $0.isHarm })
    }

    @Test func `a newer member that comes after the stale ones is cut back`() throws {
        let cluster = """
            { zookeeper: { zk1: { state: down }, zk2: { state: down, data: stale }, zk3: { state: down, data: stale } } }
            """
        var world = try Self.world(cluster)
        world.strike(.start, ["zk2", "zk3"])
        world.advance(to: Self.after(60))
        world.strike(.start, ["zk1"])
        world.advance(to: Self.after(120))
        let harms = world.takeNotes().filter(\.isHarm).map(\.text)
        #expect(harms == ["zk1 is cut back to the older data of zk3: 20 transactions gone"])
    }

    @Test func `stopping the empty leader gives a locked-out survivor its place back`() throws {
        let cluster = """
            { zookeeper: { zk1: { epoch: 9, state: down }, zk2: { data: lost, state: down }, zk3: { data: lost, state: down } } }
            """
        var world = try Self.world(cluster)
        world.strike(.start, ["zk2", "zk3"])
        world.advance(to: Self.after(60))
        world.strike(.start, ["zk1"])
        world.advance(to: Self.after(120))
        #expect(world.facts(of: "zk1", asking: Self.ask)["serving"] == .bool(false))
        #expect(world.facts(of: "zk2", asking: Self.ask)["cluster_id"] == .string(""))
        #expect(world.facts(of: "zk2", asking: Self.ask)["node_count"] == .int(5))
        world.strike(.kill, ["zk3"])
        world.advance(to: Self.after(180))
        #expect(world.facts(of: "zk1", asking: Self.ask)["mode"] == .string("leader"))
        #expect(world.facts(of: "zk2", asking: Self.ask)["node_count"] == .int(137))
    }

    @Test func `an observer serves and counts towards no majority`() throws {
        var world = try Self.world("{ zookeeper: { zk1: {}, zk2: {}, zk3: {}, zk4: { observer: true } } }")
        #expect(world.facts(of: "zk4", asking: Self.ask)["mode"] == .string("observer"))
        world.strike(.kill, ["zk1", "zk2"])
        #expect(world.facts(of: "zk4", asking: Self.ask)["serving"] == .bool(false))
        #expect(world.inventory.nodes.filter(\.isVoter).count == 3)
    }

    @Test func `a broker serves when it has started, and is whole when it has caught up`() throws {
        var world = try Self.world("{ zookeeper: 3, brokers: 4, partitions: 40 }")
        let ask = ProbeOrder.Question.kafka([.metadata, .replication])
        #expect(world.facts(of: "kafka1", asking: ask)["under_replicated"] == .int(0))
        world.strike(.kill, ["kafka2"])
        #expect(world.facts(of: "kafka1", asking: ask)["under_replicated"] == .int(30))
        #expect(world.facts(of: "kafka1", asking: ask)["offline"] == .int(0))
        #expect(world.facts(of: "kafka2", asking: ask)["serving"] == .bool(false))
        world.strike(.kill, ["kafka3", "kafka4"])
        #expect(world.facts(of: "kafka1", asking: ask)["offline"] == .int(10))
        world.strike(.start, ["kafka2", "kafka3", "kafka4"])
        world.advance(to: Self.after(300))
        #expect(world.facts(of: "kafka2", asking: ask)["under_replicated"] == .int(0))
    }

    @Test func `a broker that starts without a quorum gives up`() throws {
        var world = try Self.world("{ zookeeper: 3, brokers: { kafka1: { state: down }, kafka2: {} } }")
        world.strike(.kill, ["zk1", "zk2"])
        world.strike(.start, ["kafka1"])
        world.advance(to: Self.after(300))
        #expect(world.facts(of: "kafka1", asking: .tcp(port: "broker"))["open"] == .bool(false))
        #expect(world.facts(of: "kafka2", asking: .tcp(port: "broker"))["open"] == .bool(true))
        #expect(world.takeNotes().contains { $0.text == "kafka1 gives up: ZooKeeper has no quorum" })
    }

    @Test func `every fact is a field of the probe's result`() throws {
        let world = try Self.world("{ zookeeper: 3, brokers: 3 }")
        let probes: [(ProbeSpecification, ProbeOrder.Question, NodeName)] = [
            (.zookeeper(ask: [.mntr]), .zookeeper(ZooKeeperQuestion.allCases), "zk3"),
            (.kafka(ask: []), .kafka(KafkaQuestion.allCases), "kafka1"),
            (.tcp(port: "broker"), .tcp(port: "broker"), "kafka1"),
        ]
        for (specification, question, node) in probes {
            let fields = ResultTypes.result(of: specification).fields.map(\.name)
            let unknown = world.facts(of: node, asking: question).keys.filter { !fields.contains($0) }
            #expect(unknown == [])
        }
        for node in world.inventory.nodes {
            let fields = ResultTypes.observedFieldNames
            #expect(world.observedFacts(of: node.name).keys.filter { !fields.contains($0) } == [])
        }
    }
}
