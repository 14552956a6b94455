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
    private let now = Int64(Date().timeIntervalSince1970 * 1_000)

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
            now: self.now
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
        // It keeps no min.insync.replicas.
        #expect(report.atMinISR == nil && report.underMinISR == nil)
        #expect(report.problem?.contains("min.insync.replicas") == true, "\(report)")
    }

    @Test func `the lag of a group is measured in records and in time`() async throws {
        let broker = try await TansuBroker(using: self.prober)
        try await broker.createTopic("orders", partitions: 2)
        for number in 0..<5 as Range<Int64> {
            try await broker.append(to: "orders", 0, time: self.now - 500_000 + number * 100_000)
        }
        try await broker.append(to: "orders", 1, time: self.now - 900_000)
        try await broker.commit("billing", "orders", 0, offset: 2)
        try await broker.commit("billing", "orders", 1, offset: 1)
        let report = await self.ask(broker, [.lag])
        #expect(report.problems.isEmpty && report.lagMessages == 3 && report.lagGroup == "billing", "\(report)")
        // Record 2 was written 300 seconds ago.
        #expect(report.lagSeconds == 300)
    }

    @Test func `frozen it is unknown, and dead it is down`() async throws {
        let broker = try await TansuBroker(using: self.prober)
        broker.freeze()
        let frozen = await self.ask(broker, [.metadata, .replication, .lag], timeout: .seconds(1))
        #expect(frozen.answered == nil && frozen.serving == nil && frozen.problem != nil)
        broker.kill9()
        let dead = await self.ask(broker, [.metadata])
        #expect(dead.answered == false && dead.serving == false && dead.controller == nil)
    }
}
