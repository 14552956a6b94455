// Selfheal
// SPDX-License-Identifier: Apache-2.0

import PracticeBrokers
import Probes
import TestSupport
import Testing

@testable import ProbeKafka

/// Brokers that answer by a script, over real sockets.
@Suite(.timeLimit(.minutes(10))) struct KafkaProbeTests {
    private static let now: Int64 = 1_790_000_000_000

    let prober: SocketProber

    init() throws {
        self.prober = try SocketProber()
    }

    private static var scene: KafkaScene {
        var scene = KafkaScene(alive: [1, 2, 3], controller: 2)
        scene.topics["orders"] = (0..<6).map { index in
            let first = Int32(index % 3)
            let replicas = [first + 1, (first + 1) % 3 + 1, (first + 2) % 3 + 1]
            return .init(leader: replicas[0], replicas: replicas)
        }
        scene.leastInSync["orders"] = 2
        return scene
    }

    private func ask(
        _ stage: KafkaStage,
        _ id: Int32 = 1,
        _ questions: Set<KafkaQuestion> = [.metadata, .replication],
        knowsID: Bool = true,
        clusterID: String? = nil,
        timeout: Duration = .seconds(120)
    ) async -> KafkaReport {
        let probe = KafkaProbe(
            endpoint: KafkaEndpoint(address: "127.0.0.1", port: stage.port(id)),
            brokerID: knowsID ? id : nil,
            clusterID: clusterID,
            timeout: timeout,
            now: Self.now
        )
        return await probe.ask(questions, using: self.prober)
    }

    // MARK: Well-behaved brokers

    @Test func `a whole cluster is seen whole from each broker`() async throws {
        let stage = try KafkaStage(Self.scene, brokers: [1, 2, 3])
        defer { stage.stop() }
        for id in 1...3 as ClosedRange<Int32> {
            let report = await self.ask(stage, id)
            #expect(report.problems.isEmpty)
            #expect(report.answered == true && report.serving == true && report.controller == (id == 2))
            #expect(report.id == id && report.clusterID == "c1" && report.brokers == 3)
            #expect(report.underReplicated == 0 && report.offline == 0 && report.reassigning == 0)
            #expect(report.atMinISR == 0 && report.underMinISR == 0)
            #expect(report.lagSeconds == nil && report.quorumSize == nil)
        }
    }

    @Test func `partitions are counted by what they lack`() async throws {
        var scene = Self.scene
        scene.alive = [1, 2]
        scene.topics["orders"]?[0].inSync = [1, 2]
        scene.topics["orders"]?[1].inSync = [2]
        scene.topics["orders"]?[2].inSync = [1]
        scene.topics["orders"]?[2].leader = -1
        scene.topics["orders"]?[2].error = 5
        // A single replica of which two must be in sync never takes such a write.
        scene.topics["alone"] = [.init(leader: 1, replicas: [1])]
        scene.leastInSync["alone"] = 2
        let stage = try KafkaStage(scene, brokers: [1, 2])
        defer { stage.stop() }
        let report = await self.ask(stage)
        #expect(report.problems.isEmpty)
        #expect(report.underReplicated == 3 && report.offline == 1 && report.brokers == 2)
        #expect(report.atMinISR == 1 && report.underMinISR == 3)
    }

    @Test func `a replica that is being added is not missed yet`() async throws {
        var scene = Self.scene
        scene.topics["orders"]?[0].replicas = [1, 2, 3, 4]
        scene.topics["orders"]?[0].adding = [4]
        scene.topics["orders"]?[1].inSync = [2]
        let stage = try KafkaStage(scene, brokers: [1, 2, 3])
        defer { stage.stop() }
        // Only the controller, which is 2, knows of moves.
        for id in [1, 2] as [Int32] {
            let report = await self.ask(stage, id)
            #expect(report.underReplicated == 1 && report.reassigning == 1)
        }
    }

    @Test func `metadata alone asks for no partition`() async throws {
        let stage = try KafkaStage(Self.scene, brokers: [1, 2, 3])
        defer { stage.stop() }
        let report = await self.ask(stage, 1, [.metadata])
        #expect(report.serving == true && report.offline == nil && report.underReplicated == nil)
        #expect(stage.asked(of: 1) == ["18v3", "3v12"] && stage.asked(of: 2) == ["18v3", "3v12"])
    }

    @Test(arguments: KafkaAPI.metadata.versions) func `every version of Metadata shows the same`(
        version: Int16
    ) async throws {
        var scene = Self.scene
        scene.topics["orders"]?[3].inSync = [1, 3]
        let stage = try KafkaStage(scene, brokers: [1, 2, 3])
        defer { stage.stop() }
        for id in [1, 2, 3] as [Int32] {
            stage.offer(id, [3: version...version, 18: 0...4, 32: 1...Int16(1 + version % 4)])
        }
        let report = await self.ask(stage)
        #expect(report.problems.isEmpty && report.underReplicated == 1 && report.atMinISR == 1)
        #expect(report.clusterID == (version >= 2 ? "c1" : nil) && report.reassigning == nil)
    }

    @Test func `five thousand partitions are counted`() async throws {
        var scene = Self.scene
        for number in 0..<50 {
            scene.topics["topic-\(number)"] = (0..<100).map { index in
                .init(leader: 1, replicas: [1, 2, 3], inSync: index < 7 ? [1] : [1, 2, 3])
            }
            scene.leastInSync["topic-\(number)"] = 2
        }
        let stage = try KafkaStage(scene, brokers: [1, 2, 3])
        defer { stage.stop() }
        let report = await self.ask(stage)
        #expect(report.underReplicated == 350 && report.underMinISR == 350 && report.atMinISR == 0)
    }

    // MARK: Views that cannot be believed

    @Test func `a broker cut off from its controller is not believed`() async throws {
        let stage = try KafkaStage(Self.scene, brokers: [1, 2, 3])
        defer { stage.stop() }
        stage.cutOff(1)
        stage.change { scene in
            scene.alive = [2, 3]
            scene.topics["orders"]?[0].inSync = [2, 3]
        }
        let report = await self.ask(stage)
        #expect(report.answered == true && report.serving == nil && report.controller == nil)
        #expect(report.underReplicated == nil && report.offline == nil && report.brokers == nil)
        #expect(report.problem?.contains("it counts the brokers 2, 3, and this broker 1, 2, 3") == true)
    }

    @Test func `partitions on which two brokers disagree are unknown, and the rest is known`() async throws {
        let stage = try KafkaStage(Self.scene, brokers: [1, 2, 3])
        defer { stage.stop() }
        stage.cutOff(1)
        stage.change { $0.topics["orders"]?[0].inSync = [2, 3] }
        let report = await self.ask(stage)
        #expect(report.serving == true && report.controller == false)
        #expect(report.underReplicated == nil && report.offline == nil && report.atMinISR == nil)
        #expect(report.problem?.contains("1 partitions under-replicated and 0 offline, and this broker 0") == true)
    }

    @Test func `a controller that others have replaced is not believed`() async throws {
        let stage = try KafkaStage(Self.scene, brokers: [1, 2, 3])
        defer { stage.stop() }
        stage.cutOff(2)
        stage.change { $0.controller = 3 }
        let report = await self.ask(stage, 2, [.metadata])
        #expect(report.controller == nil && report.serving == nil)
        #expect(report.problem?.contains("its controller is 3, and this broker's 2") == true)
    }

    @Test func `what a dead controller would have to confirm is unknown`() async throws {
        let stage = try KafkaStage(Self.scene, brokers: [1, 2, 3])
        defer { stage.stop() }
        stage.kill(2)
        let report = await self.ask(stage)
        #expect(report.answered == true && report.serving == nil && report.offline == nil)
        #expect(report.problem?.contains("connection refused") == true)
    }

    @Test func `a broker that the others do not count is not serving`() async throws {
        var scene = Self.scene
        scene.alive = [2, 3]
        let stage = try KafkaStage(scene, brokers: [1, 2, 3])
        defer { stage.stop() }
        let report = await self.ask(stage)
        #expect(report.answered == true && report.serving == false && report.controller == false)
    }

    @Test func `the only one alive is believed`() async throws {
        var scene = Self.scene
        scene.alive = [1]
        scene.controller = 1
        for index in 0..<6 {
            scene.topics["orders"]?[index].leader = 1
            scene.topics["orders"]?[index].inSync = [1]
        }
        let stage = try KafkaStage(scene, brokers: [1])
        defer { stage.stop() }
        let report = await self.ask(stage)
        #expect(report.serving == true && report.controller == true)
        #expect(report.underReplicated == 6 && report.offline == 0 && report.underMinISR == 6)
    }

    @Test func `without a controller nothing is said of the cluster`() async throws {
        var scene = Self.scene
        scene.controller = -1
        let stage = try KafkaStage(scene, brokers: [1, 2, 3])
        defer { stage.stop() }
        let report = await self.ask(stage)
        #expect(report.answered == true && report.serving == nil && report.controller == nil && report.offline == nil)
        #expect(report.problem?.contains("no controller") == true)
    }

    @Test func `another broker behind the address, or another cluster, is noticed`() async throws {
        let stage = try KafkaStage(Self.scene, brokers: [1, 2, 3])
        defer { stage.stop() }
        var probe = KafkaProbe(
            endpoint: KafkaEndpoint(address: "127.0.0.1", port: stage.port(1)),
            brokerID: 3,
            timeout: .seconds(60),
            now: Self.now
        )
        let other = await probe.ask([.metadata], using: self.prober)
        #expect(other.answered == true && other.serving == nil && other.controller == nil)
        #expect(other.problem?.contains("it is the broker 1, and not 3") == true)
        // Behind an address that nobody advertises it is asked.
        probe.endpoint.address = "localhost"
        let hidden = await probe.ask([.metadata], using: self.prober)
        #expect(hidden.serving == nil && hidden.problem?.contains("it is not the broker 3") == true)
        probe.brokerID = 1
        #expect(await probe.ask([.metadata], using: self.prober).serving == true)
        stage.trouble(1, 32, .hangUp)
        #expect(await probe.ask([.metadata], using: self.prober).serving == true)
        probe.clusterID = "c2"
        let foreign = await probe.ask([.metadata, .replication], using: self.prober)
        #expect(foreign.clusterID == "c1" && foreign.serving == nil && foreign.offline == nil)
        #expect(foreign.problem?.contains("the configuration says 'c2'") == true)
    }

    @Test func `without an id in the configuration the advertised address tells which broker it is`() async throws {
        let stage = try KafkaStage(Self.scene, brokers: [1, 2, 3])
        defer { stage.stop() }
        let told = await self.ask(stage, 2, knowsID: false)
        #expect(told.id == 2 && told.controller == true)
        let probe = KafkaProbe(
            endpoint: KafkaEndpoint(address: "localhost", port: stage.port(2)),
            timeout: .seconds(60),
            now: Self.now
        )
        let untold = await probe.ask([.metadata, .replication], using: self.prober)
        #expect(untold.id == nil && untold.serving == nil && untold.controller == nil)
        #expect(untold.offline == 0 && untold.problem?.contains("give its 'id'") == true)
    }

    // MARK: A quorum of controllers

    @Test func `the active controller is who leads the quorum`() async throws {
        var scene = Self.scene
        scene.voters = [(1, 0), (2, 100), (3, 60_000)]
        scene.controller = 1
        let stage = try KafkaStage(scene, brokers: [1, 2, 3])
        defer { stage.stop() }
        for id in [1, 2] as [Int32] {
            let report = await self.ask(stage, id, [.metadata, .replication, .quorum])
            #expect(report.problems.isEmpty && report.serving == true && report.controller == (id == 1))
            #expect(report.quorumLeader == 1 && report.quorumSize == 3 && report.syncedVoters == 2)
            #expect(report.offline == 0)
        }
    }

    @Test func `a quorum without a leader leaves the cluster unknown`() async throws {
        var scene = Self.scene
        scene.voters = [(1, 0), (2, 100), (3, 60_000)]
        scene.controller = -1
        let stage = try KafkaStage(scene, brokers: [1, 2, 3])
        defer { stage.stop() }
        let report = await self.ask(stage, 1, [.metadata, .replication, .quorum])
        #expect(report.answered == true && report.serving == nil && report.controller == nil)
        #expect(report.quorumLeader == nil && report.offline == nil && report.problem?.contains("no leader") == true)
    }

    @Test func `a controller's own listener is asked for the quorum`() async throws {
        var scene = Self.scene
        scene.voters = [(1, 0), (2, 100), (3, 200)]
        scene.controller = 3
        let stage = try KafkaStage(scene, brokers: [1])
        defer { stage.stop() }
        stage.offer(1, [18: 0...4, 55: 0...2, 60: 0...1])
        let report = await self.ask(stage, 1, [.quorum], clusterID: "c1")
        #expect(report.problems.isEmpty && report.controller == false && report.serving == true)
        #expect(report.quorumLeader == 3 && report.syncedVoters == 3 && report.clusterID == "c1")
    }

    @Test func `where ZooKeeper elects the controller there is no quorum to ask`() async throws {
        let stage = try KafkaStage(Self.scene, brokers: [1, 2, 3])
        defer { stage.stop() }
        let report = await self.ask(stage, 1, [.quorum])
        #expect(report.serving == true && report.quorumSize == nil)
        #expect(report.problem?.contains("ZooKeeper elects") == true)
    }
}
