// Selfheal
// SPDX-License-Identifier: Apache-2.0

import PracticeBrokers
import Probes
import TestSupport
import Testing

@testable import ProbeKafka

/// Brokers that are slow, broken, of another kind or hostile.
@Suite(.timeLimit(.minutes(10))) struct KafkaTroubleTests {
    let prober: SocketProber

    init() throws {
        self.prober = try SocketProber()
    }

    private static var scene: KafkaScene {
        var scene = KafkaScene(alive: [1, 2], controller: 1)
        scene.topics["orders"] = [.init(leader: 1, replicas: [1, 2])]
        return scene
    }

    private func ask(_ port: UInt16, timeout: Duration = .seconds(60)) async -> KafkaReport {
        let probe = KafkaProbe(
            endpoint: KafkaEndpoint(address: "127.0.0.1", port: port),
            brokerID: 1,
            timeout: timeout,
            now: 1_790_000_000_000
        )
        return await probe.ask([.metadata, .replication], using: self.prober)
    }

    private func ask(
        with trouble: KafkaStage.Trouble,
        at api: Int16,
        timeout: Duration = .seconds(60)
    ) async throws
        -> KafkaReport
    {
        let stage = try KafkaStage(Self.scene, brokers: [1, 2])
        defer { stage.stop() }
        stage.trouble(1, api, trouble)
        return await self.ask(stage.port(1), timeout: timeout)
    }

    @Test func `a refused connection is a definite answer`() async throws {
        let stage = try KafkaStage(Self.scene, brokers: [1])
        let port = stage.port(1)
        stage.stop()
        // The listener closes on a thread of its own.
        var report = await self.ask(port)
        while report.answered != false { report = await self.ask(port) }
        #expect(report.serving == false && report.controller == nil && report.offline == nil)
    }

    @Test(arguments: [18, 3, 32, 46] as [Int16]) func `silence makes nothing false`(api: Int16) async throws {
        let report = try await self.ask(with: .silence, at: api, timeout: .milliseconds(700))
        #expect(report.answered != false && report.serving != false && report.controller != false)
        #expect(report.atMinISR == nil && report.problem != nil)
        if api == 18 {
            #expect(
                report
                    == {
                        var none = KafkaReport()
                        none.problems = report.problems
                        return none
                    }()
            )
        }
        if [18, 3].contains(api) { #expect(report.offline == nil) }
    }

    @Test(arguments: [18, 3] as [Int16]) func `half an answer is none`(api: Int16) async throws {
        for count in [1, 3, 4, 7, 20] {
            let cut = try await self.ask(with: .cut(after: count), at: api)
            #expect(cut.serving == nil && cut.offline == nil && cut.problem?.contains("closed the connection") == true)
        }
        let stalled = try await self.ask(with: .stall(after: 15), at: api, timeout: .milliseconds(700))
        #expect(stalled.serving == nil && stalled.problem != nil)
    }

    @Test func `an answer with the wrong number is refused`() async throws {
        let report = try await self.ask(with: .wrongNumber, at: 3)
        #expect(report.answered == true && report.serving == nil)
        #expect(report.problem?.contains("an answer to request") == true)
    }

    @Test(
        arguments: [
            ([0x7F, 0xFF, 0xFF, 0xFF], "a length of 2147483647"), ([0xFF, 0xFF, 0xFF, 0xFE], "a length of -2"),
            ([0, 0, 0, 0], "a length of 0"), ([0x15, 3, 3, 0, 2, 2, 0x46], "speaks TLS"),
            (Array("HTTP/1.1 400 Bad Request\r\n\r\n".utf8), "speaks HTTP"),
            (Array("SSH-2.0-x\r\n".utf8), "speaks SSH"),
        ] as [([UInt8], String)]
    )
    func `what is no answer of Kafka is said to be that`(bytes: [UInt8], problem: String) async throws {
        let report = try await self.ask(with: .bytes(bytes), at: 18)
        #expect(report.answered == nil && report.serving == nil)
        #expect(report.problem?.contains(problem) == true, "\(report.problem ?? "no problem")")
    }

    @Test func `an old broker that refuses the version is asked in the oldest`() async throws {
        let stage = try KafkaStage(Self.scene, brokers: [1, 2])
        defer { stage.stop() }
        stage.offer(1, [3: 0...7, 18: 0...2, 32: 0...2])
        let report = await self.ask(stage.port(1))
        #expect(report.problems.isEmpty && report.underReplicated == 0)
        #expect(Array(stage.asked(of: 1).prefix(3)) == ["18v3", "18v2", "3v7"])
    }

    @Test func `a broker that hangs up on the version is asked in the oldest, once more`() async throws {
        let stage = try KafkaStage(Self.scene, brokers: [1, 2])
        defer { stage.stop() }
        stage.trouble(1, 18, .hangUp)
        let report = await self.ask(stage.port(1))
        #expect(stage.asked(of: 1) == ["18v3", "18v0"])
        #expect(report.answered == nil && report.problem?.contains("TLS or SASL") == true)
    }

    @Test func `a broker without a version in common is unknown`() async throws {
        let stage = try KafkaStage(Self.scene, brokers: [1, 2])
        defer { stage.stop() }
        stage.offer(1, [3: 13...15, 18: 0...4])
        let report = await self.ask(stage.port(1))
        #expect(report.answered == true && report.serving == nil && report.offline == nil)
        #expect(report.problem?.contains("no version of it") == true)
    }

    @Test func `another broker that is silent leaves the counts unknown and time for the answer`() async throws {
        let stage = try KafkaStage(Self.scene, brokers: [1, 2])
        defer { stage.stop() }
        stage.trouble(2, 3, .silence)
        let report = await self.ask(stage.port(1), timeout: .seconds(20))
        #expect(report.answered == true && report.clusterID == "c1" && report.serving == nil && report.offline == nil)
        #expect(report.problem != nil)
    }

    @Test func `a list of brokers that lead nowhere is no way to make us go there`() async throws {
        // Broker 2 advertises port 9, on which nothing listens, and has no say.
        let stage = try KafkaStage(Self.scene, brokers: [1])
        defer { stage.stop() }
        let report = await self.ask(stage.port(1))
        #expect(report.answered == true && report.serving == nil && report.problem?.contains("refused") == true)
    }
}
