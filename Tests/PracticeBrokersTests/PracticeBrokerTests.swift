// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Foundation
import PracticeBrokers
import ProbeKafka
import Probes
import TestSupport
import Testing

/// The brokers of the practice cluster, as the program's own probe sees them.
@Suite(.timeLimit(.minutes(5))) struct PracticeBrokerTests {
    private let prober: SocketProber
    private let folder = "/tmp/selfheal-brokers-\(UUID().uuidString.prefix(8))"

    init() throws {
        self.prober = try SocketProber()
    }

    private func setting(_ id: Int32, _ places: [Int32: KafkaPlace]) -> PracticeBroker.Setting {
        PracticeBroker.Setting(id: id, clusterID: "-practice", folder: self.folder, places: places)
    }

    /// Brokers with the ids from 1 on; ports that somebody else takes in between are chosen anew.
    private func start(_ count: Int32) throws -> (brokers: [Int32: PracticeBroker], places: [Int32: KafkaPlace]) {
        for _ in 0..<20 {
            let listeners = try (1...count).map { _ in try ScriptedServer { _, _ in } }
            let places = Dictionary(
                uniqueKeysWithValues: zip(1...count, listeners).map {
                    ($0, KafkaPlace(host: "127.0.0.1", port: $1.port))
                }
            )
            for listener in listeners {
                listener.stop()
            }
            var brokers: [Int32: PracticeBroker] = [:]
            for id in 1...count {
                brokers[id] = try? PracticeBroker(self.setting(id, places))
            }
            if brokers.count == Int(count) {
                return (brokers, places)
            }
            for broker in brokers.values {
                broker.stop()
            }
        }
        throw BrokerHall.Refusal(description: "no free ports were found")
    }

    private func ask(_ id: Int32, _ places: [Int32: KafkaPlace]) async throws -> KafkaReport {
        let probe = KafkaProbe(
            endpoint: KafkaEndpoint(address: "127.0.0.1", port: try #require(places[id]).port),
            brokerID: id,
            clusterID: "-practice",
            timeout: .seconds(60),
            now: 0
        )
        return await probe.ask([.metadata, .replication], using: self.prober)
    }

    @Test func `whole, without one, and with it again`() async throws {
        var (brokers, places) = try self.start(3)
        defer {
            for broker in brokers.values {
                broker.stop()
            }
            try? FileManager.default.removeItem(atPath: self.folder)
        }
        let whole = try await self.ask(2, places)
        #expect(whole.problems.isEmpty && whole.serving == true && whole.brokers == 3 && whole.controller == false)
        #expect(whole.underReplicated == 0 && whole.offline == 0 && whole.atMinISR == 0)

        // The one that controls: another takes over.
        try #require(brokers[1]).stop()
        let hurt = try await self.ask(2, places)
        #expect(hurt.problems.isEmpty && hurt.serving == true && hurt.controller == true && hurt.brokers == 2)
        #expect(hurt.underReplicated == 10 && hurt.offline == 0 && hurt.atMinISR == 10)
        #expect(try await self.ask(1, places).answered == false)

        brokers[1] = try PracticeBroker(self.setting(1, places))
        let healed = try await self.ask(1, places)
        #expect(healed.serving == true && healed.controller == false && healed.brokers == 3)
        #expect(healed.underReplicated == 0 && healed.offline == 0)
        #expect(try await self.ask(2, places).controller == true)
    }

    @Test func `with most of five gone, partitions are offline, and come back one broker after the other`() async throws
    {
        var (brokers, places) = try self.start(5)
        defer {
            for broker in brokers.values {
                broker.stop()
            }
            try? FileManager.default.removeItem(atPath: self.folder)
        }
        for id in [2, 3, 4] as [Int32] {
            try #require(brokers[id]).stop()
        }
        let fallen = try await self.ask(1, places)
        #expect(fallen.serving == true && fallen.brokers == 2)
        // Of five neighbours in a ring the partitions of 2, 3 and 4 have nobody left: one of six, and one of four.
        #expect(fallen.offline == 2 && fallen.underReplicated == 10)
        var last = fallen
        for id in [2, 3, 4] as [Int32] {
            brokers[id] = try PracticeBroker(self.setting(id, places))
            let next = try await self.ask(id, places)
            let (before, now) = (last.underReplicated ?? 0, try #require(next.underReplicated))
            #expect(next.serving == true && next.offline == 0 && now <= before)
            last = next
        }
        #expect(last.underReplicated == 0 && last.brokers == 5)
    }

    @Test func `an id is given once, and a place that is taken refuses`() throws {
        let (brokers, places) = try self.start(1)
        defer { try? FileManager.default.removeItem(atPath: self.folder) }
        let taken = #expect(throws: BrokerHall.Refusal.self) { try PracticeBroker(self.setting(1, places)) }
        #expect(taken?.description.contains("cannot listen on 127.0.0.1") == true)
        let other = try ScriptedServer { _, _ in }
        other.stop()
        let twin = #expect(throws: BrokerHall.Refusal.self) {
            try PracticeBroker(self.setting(1, [1: KafkaPlace(host: "127.0.0.1", port: other.port)]))
        }
        #expect(twin?.description == "another process is the broker 1")
        #expect(BrokerHall(folder: self.folder, brokers: [1, 2]).alive == [1])
        try #require(brokers[1]).stop()
        #expect(BrokerHall(folder: self.folder, brokers: [1, 2]).alive.isEmpty)
        #expect(BrokerHall(folder: self.folder, brokers: [1, 2]).controller(of: []) == -1)
    }

    @Test func `what is no request is hung up on, and the others are served on`() async throws {
        let (brokers, places) = try self.start(1)
        defer {
            brokers[1]?.stop()
            try? FileManager.default.removeItem(atPath: self.folder)
        }
        let port = try #require(places[1]).port
        for bytes in [[0x7F, 0xFF, 0xFF, 0xFF], [0, 0, 0, 2, 1, 2], [0, 0, 0, 0]] as [[UInt8]] {
            let reply = await self.prober.exchange(
                SocketExchange(address: "127.0.0.1", port: port, send: bytes, until: .end, timeout: .seconds(60))
            )
            #expect(reply.bytes.isEmpty && reply.outcome != .timedOut(phase: .reply))
        }
        #expect(try await self.ask(1, places).serving == true)
    }
}
