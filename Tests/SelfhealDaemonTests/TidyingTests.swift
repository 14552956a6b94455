// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Foundation
import RunJournal
import RunPlan
import RunVocabulary
import SelfhealConfiguration
import TestSupport
import Testing

@testable import SelfhealDaemon

/// What the daemon does by the way: looking by several monitors, and forgetting old runs.
@Suite(.serialized) struct TidyingTests {
    /// A run that ended in 1970, or one that never did.
    private static func run(_ id: String, hasEnded: Bool) -> RunRow {
        RunRow(
            summary: RunSummary(
                id: id,
                runbook: "old",
                title: "Old",
                planDigest: "sha256:00",
                requestedBy: "ada",
                createdAt: 1_000,
                parameters: "{}",
                locks: [],
                state: hasEnded ? "ended" : "stopped",
                outcome: hasEnded ? "succeeded" : nil,
                updatedAt: 1_000
            ),
            plan: Array("{}".utf8),
            source: "runbook: old\n"
        )
    }

    @Test func `old runs are forgotten when the daemon begins, and that is in the log`() async throws {
        let folder = try Service.folder()
        let store = try RunStore.open(folder: "\(folder)/store", mode: .engine)
        for number in 1...3 {
            try await store.createRun(Self.run("old-\(number)", hasEnded: number != 2))
        }
        await store.close()
        let service = try await Service(folder, watch: "\nretention: { age: 7d }")
        #expect(try await service.logs("forgotten") == "2 runs forgotten, as 'retention' says: older than 7d")
        try await service.stop()
        let left = try RunStore.open(folder: "\(folder)/store", mode: .readOnly)
        #expect(try await left.runs(.latest(10)).map(\.id) == ["old-2"])
        await left.close()
        try FileManager.default.removeItem(atPath: folder)
    }

    @Test func `a bad change is in the log once`() async throws {
        let folder = try Service.folder()
        let service = try await Service(folder)
        service.change { throw Service.NotHappened(description: "it is wrong") }
        #expect(try await service.logs("configuration_kept").contains("'selfheal config check' says it again"))
        service.change { (try Service.configuration(folder), [try Service.runbook(folder)]) }
        _ = try await service.logs("configuration")
        let lines = service.lines.filter { $0.message.contains("the earlier one is kept") }
        #expect(lines.map(\.event) == ["configuration_kept"])
        try await service.stop()
        try FileManager.default.removeItem(atPath: folder)
    }

    @Test func `each monitor looks, and the one that says down is named`() async throws {
        let server = try ScriptedServer { connection, _ in
            guard connection.request() != nil else {
                return
            }
            connection.answer("503 Busy", body: "lag")
        }
        defer { server.stop() }
        let folder = try Service.folder()
        let service = try await Service(folder)
        service.change {
            var configuration = try Service.configuration(folder)
            configuration.inventory.nodes[0].ports = ["broker": Int(server.port)]
            configuration.inventory.nodes[0].monitors = [
                NodeMonitor(name: "socket", probe: .tcp(port: "broker")),
                NodeMonitor(
                    name: "page",
                    probe: .http(HTTPQuestion(url: nil, port: "broker", path: nil)),
                    every: .seconds(2),
                    timeout: .seconds(1)
                ),
            ]
            return (configuration, [try Service.runbook(folder)])
        }
        // It was refused before, and is down for another reason now; the metrics know both ways.
        let metrics = try await Service.wait("has looked both ways") {
            let text = try await RawClient.get(port: service.port, "/metrics").text
            let isAnswered = ["socket", "page"].allSatisfy { method in
                text.contains("method=\"\(method)\",le=\"+Inf\"} ")
                    && !text.contains("method=\"\(method)\",le=\"+Inf\"} 0")
            }
            return isAnswered ? text : nil
        }
        #expect(metrics.contains("kafka_healing_active_monitors 2"))
        try await service.stop()
        try FileManager.default.removeItem(atPath: folder)
    }
}
