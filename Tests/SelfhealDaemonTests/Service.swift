// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Foundation
import RunCore
import RunPlan
import RunPorts
import RunTestSupport
import RunVocabulary
import RunbookSource
import RunbookYAML
import SelfhealConfiguration
import SelfhealDaemon
import SelfhealEngine
import Synchronization

/// A daemon in this process, over a store of its own and on a port that the system chose.
final class Service: Sendable {
    struct NotHappened: Error, CustomStringConvertible {
        let description: String
    }

    private struct Silent: RunObserver {
        func happened(_ event: RunEvent, in run: RunID) {}
        func decided(_ effect: RunEffect, at moment: Instant, in run: RunID) {}
        func printed(_ output: CommandOutput, in run: RunID) {}
    }

    static let token = "0123456789abcdef0123"
    static let signingKey = "fedcba9876543210fedc"

    let engine: Engine
    let port: Int
    private let task: Task<Void, any Error>
    private let journal: Journal
    /// What the daemon reads when it is told that something changed.
    private let next: Next

    private final class Next: Sendable {
        let value = Mutex<(state: Int, load: (@Sendable () throws -> (SelfhealConfiguration, [WatchDaemon.Runbook]))?)>(
            (0, nil)
        )
    }

    /// Has the daemon read this in place of its files.
    func change(_ load: @escaping @Sendable () throws -> (SelfhealConfiguration, [WatchDaemon.Runbook])) {
        self.next.value.withLock { $0 = ($0.state + 1, load) }
    }

    private final class Journal: Sendable {
        let lines = Mutex<[LogEntry]>([])
    }

    static func folder() throws -> String {
        let folder = "/tmp/selfheal-service-\(UUID().uuidString.prefix(8))"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        return folder
    }

    static func configuration(_ folder: String, watch: String = "") throws -> SelfhealConfiguration {
        let text = """
            cluster: { name: test, kafka_brokers: [{ name: k1, host: 127.0.0.1, port: 1 }] }
            store: { folder: "\(folder)/store" }
            monitoring: { interval: 1s, timeout: 500ms }
            watch:
              brake: { ask_after: 1000, refuse_after: 1000 }
              limit: { runs: 1000 }
              concurrent_runs: 100
              \(watch)
            """
        let document = YAMLDocument.parse(SourceFile(path: "selfheal.yaml", text: text), features: .configuration)
        let loaded = SelfhealConfiguration.load(document, environment: [:], baseFolder: folder)
        guard var configuration = loaded.configuration else {
            throw NotHappened(description: "\(loaded.diagnostics)")
        }
        configuration.http = HTTPSettings(
            address: "127.0.0.1",
            port: 0,
            webhooks: [
                HTTPSettings.Webhook(name: "told", key: .token(Secret(self.token))),
                HTTPSettings.Webhook(name: "signed", key: .signature(Secret(self.signingKey))),
            ]
        )
        return configuration
    }

    /// Writes what the alert is about into a ledger, one line for each time that it runs.
    static func runbook(
        _ folder: String,
        named name: String = "write_down",
        triggers: String? = nil
    ) throws -> WatchDaemon.Runbook {
        let alerts = """
              - alert: Down
                parameters: { event: event_id }
                cooldown: 0s
              - webhook: told
                parameters: { event: event_id }
                cooldown: 0s
              - webhook: signed
                parameters: { event: event_id }
                cooldown: 0s
            """
        let text = """
            runbook: \(name)
            parameters:
              event: { type: string, default: none }
            triggers:
            \(triggers.map { "  \($0)" } ?? alerts)
            autonomy: automatic
            steps:
              - id: write
                run:
                  local: true
                  script: echo "$EVENT" >>'\(folder)/ledger'
                  env: { EVENT: "${{ parameters.event }}" }
                  effect: changes
                timeout: 1m
            """
        let plan = try PlanFixture.plan(text)
        return WatchDaemon.Runbook(plan: plan, parameters: ["event": .string("none")], source: text)
    }

    static func ledger(_ folder: String) -> [String] {
        let text = (try? String(contentsOfFile: "\(folder)/ledger", encoding: .utf8)) ?? ""
        return text.split(separator: "\n").map(String.init).sorted()
    }

    init(_ folder: String, watch: String = "", triggers: String? = nil) async throws {
        let engine = try Engine.open(try Self.configuration(folder, watch: watch))
        let journal = Journal()
        let next = Next()
        let names = Mutex(0)
        let life = UUID().uuidString.prefix(6).lowercased()
        let daemon = WatchDaemon(
            engine: engine,
            runbooks: [try Self.runbook(folder, triggers: triggers)],
            surroundings: WatchDaemon.Surroundings(
                log: { entry in journal.lines.withLock { $0.append(entry) } },
                observer: { _ in Silent() },
                nextRun: {
                    let number = names.withLock { count in
                        count += 1
                        return count
                    }
                    return RunID("\(life)-\(number)")
                },
                source: WatchDaemon.Source(
                    state: { "\(next.value.withLock { $0.state })" },
                    load: {
                        guard let load = next.value.withLock({ $0.load }) else {
                            throw NotHappened(description: "nothing was changed")
                        }
                        return try load()
                    }
                )
            )
        )
        self.engine = engine
        self.journal = journal
        self.next = next
        self.task = Task { try await daemon.run() }
        let words = try await Self.wait("listens") {
            journal.lines.withLock { lines in lines.first { $0.event == "listening" }?.message }
        }
        self.port = words.split(separator: " ").last.flatMap { Int($0) } ?? 0
    }

    private var hasRunsUnderWay: Bool {
        self.journal.lines.withLock { lines in
            lines.count { ["run_began", "run_resumed"].contains($0.event) }
                > lines.count { ["run_ended", "run_stopped"].contains($0.event) }
        }
    }

    var lines: [LogEntry] {
        self.journal.lines.withLock { $0 }
    }

    /// Waits for an entry of this kind.
    func logs(_ event: String) async throws -> String {
        try await Self.wait("logs \(event)") {
            self.journal.lines.withLock { lines in lines.first { $0.event == event }?.message }
        }
    }

    /// Looks again until it is so; fails after far longer than it should take.
    static func wait<Value>(_ what: String, _ body: () async throws -> Value?) async throws -> Value {
        let end = ContinuousClock.now + .seconds(120)
        while ContinuousClock.now < end {
            if let value = try await body() {
                return value
            }
            await Task.yield()
            try await Task.sleep(for: .milliseconds(10))
        }
        throw NotHappened(description: "it never was so that it \(what)")
    }

    /// Ends the daemon when every run that began has ended: a real one is ended by a signal, which no command in flight hears of.
    func stop() async throws {
        _ = try await Self.wait("has ended its runs") { self.hasRunsUnderWay ? nil : true }
        self.task.cancel()
        _ = await self.task.result
        await self.engine.close()
    }
}
