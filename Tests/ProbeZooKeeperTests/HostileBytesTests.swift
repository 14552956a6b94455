// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Probes
import Testing

@testable import ProbeZooKeeper

/// Bytes from the network never trap, whatever they are.
@Suite struct HostileBytesTests {
    private static let disk = """
        selfheal-zookeeper-disk 1
        directory data ok
        directory log ok
        myid 1
        directory data-version-2 ok
        directory log-version-2 ok
        currentEpoch 1
        log log.1 20
        bytes log log.1 0 3
        AAAA
        end
        count log 1
        done

        """

    @Test func `changed bytes are read or refused, and nothing else`() {
        // Goal: no answer of a target can stop the engine.
        // Method: change, cut and repeat parts of good answers, with the same random numbers each time.
        var random = Numbers(state: 8_412)
        let seeds: [[UInt8]] = [
            Captured.srvrLeader.bytes, Captured.mntrLeader.bytes, Captured.conf.bytes,
            AdminServerTests.zabState.bytes, AdminServerTests.statistics.bytes,
            DiskWriter.log(1...3) + [0, 0, 0], DiskWriter.snapshot(), Self.disk.bytes,
        ]
        var understood = 0
        for round in 0..<4_000 {
            var bytes = seeds[round % seeds.count]
            for _ in 0...Int.random(in: 0..<4, using: &random) {
                let place = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0..<4, using: &random) {
                case 0: bytes[place] = .random(in: 0...255, using: &random)
                case 1: bytes[place] = UInt8(ascii: "9")
                case 2: bytes.insert(contentsOf: [UInt8](repeating: UInt8(ascii: "9"), count: 18), at: place)
                default: bytes.removeSubrange(place..<min(bytes.count, place + 5))
                }
                if bytes.isEmpty { bytes = [0] }
            }
            understood += self.readEverything(bytes) ? 1 : 0
        }
        // Had all been refused, or none, the changes would have tried nothing.
        #expect((1..<4_000).contains(understood))
    }

    /// Whether they make a summary of a server; the rest is tried, too.
    private func readEverything(_ bytes: [UInt8]) -> Bool {
        let text = String(decoding: bytes, as: UTF8.self)
        let summary = try? ServerSummary(parsing: text)
        if let monitor = try? ServerMonitor(parsing: text) { _ = monitor.quorumMargin }
        _ = try? ServerConfiguration(parsing: text)
        _ = TransactionLog(whole: bytes)
        _ = TransactionLog(lastPart: bytes)
        _ = SnapshotFile.check(head: bytes, tail: nil)
        _ = ZooKeeperDiskState(scriptOutput: bytes)
        _ = try? ConnectReply(bytes)
        let length = AdminAnswer(
            HTTPProbe.answer(from: self.reply("HTTP/1.1 200 OK\r\nContent-Length: ".bytes + bytes))
        )
        _ = ZooKeeperReport(merging: ZooKeeperAnswers(srvr: .text(text), mntr: .text(text), zabState: length))
        let body = AdminAnswer(HTTPProbe.answer(from: self.reply("HTTP/1.1 200 OK\r\n\r\n".bytes + bytes)))
        if case .object(let json) = body {
            _ = try? ZabState(json)
            _ = try? AdminStatistics(json)
            _ = try? VotingView(json)
        }
        return summary != nil
    }

    private func reply(_ bytes: [UInt8]) -> SocketReply {
        SocketReply(outcome: .completed, bytes: bytes, totalDuration: .zero)
    }

    /// A small generator, so that a failure can be repeated.
    private struct Numbers: RandomNumberGenerator {
        var state: UInt64

        mutating func next() -> UInt64 {
            self.state = self.state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            let mixed = (self.state ^ (self.state >> 31)) &* 0x9E37_79B9_7F4A_7C15
            return mixed ^ (mixed >> 29)
        }
    }
}
