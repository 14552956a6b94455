// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Probes
import TestSupport
import Testing

@testable import ProbeKafka

/// The probe against a broker that nobody here wrote.
@Suite(
    .serialized,
    .timeLimit(.minutes(10)),
    .enabled(if: TansuBroker.isInstalled, "scripts/packages test installs the broker")
)
struct TansuTests {
    let prober: SocketProber
    private static var clock: Int64 { Int64(Date().timeIntervalSince1970 * 1_000) }

    init() throws {
        self.prober = try SocketProber()
    }

    private func ask(
        _ broker: TansuBroker,
        _ questions: Set<KafkaQuestion>,
        timeout: Duration = .seconds(120)
    ) async -> KafkaReport {
        let probe = KafkaProbe(
            endpoint: KafkaEndpoint(address: "127.0.0.1", port: broker.port),
            timeout: timeout,
            now: Self.clock
        )
        return await probe.ask(questions, using: self.prober)
    }

    @Test func `a real broker is known by its answers`() async throws {
        let broker = try await TansuBroker(using: self.prober)
        let report = await self.ask(broker, [.metadata])
        #expect(report.problems.isEmpty)
        #expect(report.answered == true && report.serving == true && report.controller == true)
        #expect(report.id == 111 && report.clusterID == "tansu_cluster" && report.brokers == 1)
    }

    @Test func `its partitions are counted, and what it does not tell is unknown`() async throws {
        let broker = try await TansuBroker(using: self.prober)
        try await broker.createTopic("orders", partitions: 3)
        let report = await self.ask(broker, [.metadata, .replication])
        #expect(report.underReplicated == 0 && report.offline == 0)
        #expect(report.reassigning == 0)
        // Tansu 0.6.0 hangs up when it is asked for one setting.
        #expect(report.atMinISR == nil && report.underMinISR == nil)
        #expect(report.problem?.contains("DescribeConfigs") == true, "\(report)")
    }

    @Test func `the lag of a group is measured in records and in time`() async throws {
        let broker = try await TansuBroker(using: self.prober)
        try await broker.createTopic("orders", partitions: 2)
        // It goes by the time at which a record arrived, so each gets a millisecond of its own.
        var moments: [ClosedRange<Int64>] = []
        for partition in [0, 0, 0, 0, 0, 1] as [Int32] {
            let start = Self.clock
            try await broker.append(to: "orders", partition, time: start)
            moments.append(start...Self.clock)
            while Self.clock == moments.last?.upperBound { await Task.yield() }
        }
        let now = Self.clock + 300_000
        var connection = try await KafkaConnection.open(
            KafkaEndpoint(address: "127.0.0.1", port: broker.port),
            by: ContinuousClock.now + .seconds(120),
            using: self.prober
        )
        let lag = try await LeaderLag(
            of: [
                TopicPartition(topic: "orders", partition: 0): [("audit", 4), ("billing", 2)],
                TopicPartition(topic: "orders", partition: 1): [("billing", 1)],
            ],
            now: now,
            over: &connection
        )
        #expect(lag.timeProblem == nil && lag.mostUnclear == 0)
        #expect(lag.messages == 4 && lag.worst.group == "billing")
        // The oldest that was not read is record 2.
        let (least, most) = (now - moments[2].upperBound, now - moments[2].lowerBound)
        #expect(lag.worst.age >= least && lag.worst.age <= most + 300_000 / 64)
    }

    @Test func `a group is listed, and without one there is no lag`() async throws {
        let broker = try await TansuBroker(using: self.prober)
        let none = await self.ask(broker, [.lag])
        #expect(none.problems.isEmpty && none.lagMessages == 0 && none.lagSeconds == 0)
        try await broker.createTopic("orders", partitions: 2)
        try await broker.commit("billing", "orders", 0, offset: 0)
        var connection = try await KafkaConnection.open(
            KafkaEndpoint(address: "127.0.0.1", port: broker.port),
            by: ContinuousClock.now + .seconds(120),
            using: self.prober
        )
        let listed = try await connection.ask(ListGroupsRequest())
        #expect(listed.groups == [ListGroupsRequest.Group(id: "billing", protocolType: "consumer")])
        // Tansu 0.6.0 leaves the end out when it is asked for every topic: what was not told is unknown.
        let some = await self.ask(broker, [.lag])
        #expect(some.lagMessages == nil && some.lagSeconds == nil && some.problem?.contains("OffsetFetch") == true)
    }

    @Test func `frozen it is unknown, and dead it is down`() async throws {
        let broker = try await TansuBroker(using: self.prober)
        try await broker.freeze()
        let frozen = await self.ask(broker, [.metadata, .replication, .lag], timeout: .seconds(1))
        #expect(frozen.answered == nil && frozen.serving == nil && frozen.problem != nil)
        broker.kill9()
        let dead = await self.ask(broker, [.metadata])
        #expect(dead.answered == false && dead.serving == false && dead.controller == nil)
    }
}
