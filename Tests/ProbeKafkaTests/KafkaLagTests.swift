// Selfheal
// SPDX-License-Identifier: Apache-2.0

import PracticeBrokers
import Probes
import TestSupport
import Testing

@testable import ProbeKafka

/// How far behind groups are, told by the coordinator and the leaders together.
@Suite(.timeLimit(.minutes(10))) struct KafkaLagTests {
    private static let now: Int64 = 1_790_000_000_000

    let prober: SocketProber

    init() throws {
        self.prober = try SocketProber()
    }

    /// Two partitions on two leaders with a record every ten seconds, the youngest written just now.
    private static var scene: KafkaScene {
        var scene = KafkaScene(alive: [1, 2], controller: 1)
        scene.topics["orders"] = (0..<2).map { index in
            var partition = KafkaScene.Partition(leader: Int32(index) + 1, replicas: [1, 2])
            partition.end = 1_000
            partition.records = (0..<1_000).map { ($0, self.now - (999 - $0) * 10_000) }
            return partition
        }
        scene.groups["billing"] = (1, ["orders": [0: 1_000, 1: 940]])
        scene.groups["audit"] = (2, ["orders": [0: 1_000, 1: 1_000]])
        return scene
    }

    private func ask(_ stage: KafkaStage, _ id: Int32, timeout: Duration = .seconds(120)) async -> KafkaReport {
        let probe = KafkaProbe(
            endpoint: KafkaEndpoint(address: "127.0.0.1", port: stage.port(id)),
            brokerID: id,
            timeout: timeout,
            now: Self.now
        )
        return await probe.ask([.lag], using: self.prober)
    }

    @Test func `each broker tells of the groups it coordinates`() async throws {
        let stage = try KafkaStage(Self.scene, brokers: [1, 2])
        defer { stage.stop() }
        let first = await self.ask(stage, 1)
        #expect(first.problems.isEmpty && first.lagMessages == 60 && first.lagSeconds == 590)
        #expect(first.lagGroup == "billing")
        let second = await self.ask(stage, 2)
        #expect(second.problems.isEmpty && second.lagMessages == 0 && second.lagSeconds == 0)
    }

    @Test(arguments: KafkaAPI.listOffsets.versions) func `every version of the offsets shows the same`(
        version: Int16
    ) async throws {
        let stage = try KafkaStage(Self.scene, brokers: [1, 2])
        defer { stage.stop() }
        for id in [1, 2] as [Int32] {
            stage.offer(
                id,
                [2: version...version, 3: 1...8, 9: min(version + 1, 7)...7, 16: 0...(version - 1) / 2, 18: 0...2]
            )
        }
        let report = await self.ask(stage, 1)
        #expect(report.problems.isEmpty && report.lagMessages == 60 && report.lagSeconds == 590)
    }

    @Test func `a leader that cannot be asked leaves the lag unknown`() async throws {
        let stage = try KafkaStage(Self.scene, brokers: [1, 2])
        defer { stage.stop() }
        stage.trouble(2, 2, .hangUp)
        let report = await self.ask(stage, 1)
        #expect(report.serving == true && report.lagMessages == nil && report.lagSeconds == nil)
        #expect(report.problem?.contains("ListOffsets") == true)
    }

    @Test func `a leader that moved on leaves the lag unknown`() async throws {
        let stage = try KafkaStage(Self.scene, brokers: [1, 2])
        defer { stage.stop() }
        // Broker 2 knows already that it leads no more, and broker 1 does not.
        stage.cutOff(1)
        stage.change { $0.topics["orders"]?[1].leader = 1 }
        let report = await self.ask(stage, 1)
        #expect(report.lagMessages == nil && report.problem?.contains("NOT_LEADER_OR_FOLLOWER") == true)
    }

    @Test func `offsets of a deleted topic, and records deleted unread, are no lag`() async throws {
        var scene = Self.scene
        scene.topics["orders"]?[1].start = 995
        scene.groups["billing"] = (1, ["orders": [1: 3], "gone": [0: 7]])
        let stage = try KafkaStage(scene, brokers: [1, 2])
        defer { stage.stop() }
        let report = await self.ask(stage, 1)
        #expect(report.problems.isEmpty && report.lagMessages == 5 && report.lagSeconds == 40)
    }

    @Test func `a group ahead of the log's end is none behind it`() async throws {
        var scene = Self.scene
        scene.groups["billing"] = (1, ["orders": [0: 2_000]])
        let stage = try KafkaStage(scene, brokers: [1, 2])
        defer { stage.stop() }
        let report = await self.ask(stage, 1)
        #expect(report.problems.isEmpty && report.lagMessages == 0 && report.lagSeconds == 0)
    }

    @Test func `offsets without a record behind them have a number and no age`() async throws {
        var scene = Self.scene
        scene.topics["orders"]?[1].records = []
        let stage = try KafkaStage(scene, brokers: [1, 2])
        defer { stage.stop() }
        let report = await self.ask(stage, 1)
        #expect(report.problems.isEmpty && report.lagMessages == 60 && report.lagSeconds == 0)
    }

    @Test func `records without a time leave the age unknown and the number known`() async throws {
        var scene = Self.scene
        scene.topics["orders"]?[1].hidesTimes = true
        let stage = try KafkaStage(scene, brokers: [1, 2])
        defer { stage.stop() }
        let report = await self.ask(stage, 1)
        #expect(report.lagMessages == 60 && report.lagSeconds == nil)
        #expect(report.problem?.contains("UNSUPPORTED_FOR_MESSAGE_FORMAT") == true)
    }

    @Test func `silence while looking for times ends with the time allowed`() async throws {
        let stage = try KafkaStage(Self.scene, brokers: [1, 2])
        defer { stage.stop() }
        stage.trouble(1, 9, .silence)
        let report = await self.ask(stage, 1, timeout: .seconds(2))
        #expect(report.lagMessages == nil && report.lagSeconds == nil && report.problem != nil)
    }
}
