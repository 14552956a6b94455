// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import TestSupport
import Testing

extension IntegrationTests {
    /// What the daemon does when too much happens, or when it sees nothing any more.
    ///
    /// Its nodes are the practice cluster's brokers, without the rest.
    @Suite struct WatchStormTests {
        private let folder = "/tmp/selfheal-storm-\(UUID().uuidString.prefix(8))"

        private func write(_ text: String, _ name: String) throws -> String {
            try Selfheal.write(text, name, in: self.folder)
        }

        private var notices: [String] {
            let text = (try? String(contentsOfFile: "\(self.folder)/notices.jsonl", encoding: .utf8)) ?? ""
            return text.split(separator: "\n").map(String.init)
        }

        /// Waits for a message, which leaves after the log says so.
        private func heard(_ words: String) async throws {
            let end = ContinuousClock.now + .seconds(60)
            while !self.notices.contains(where: { $0.contains(words) }), ContinuousClock.now < end {
                try await Task.sleep(for: .milliseconds(20))
            }
        }

        private func configuration(
            _ ports: [Int],
            _ watch: String = "",
            http: String = "",
            interval: String = "interval: 1s, timeout: 900ms"
        ) throws -> String {
            let brokers = ports.enumerated().map { index, port in
                "    - { name: kafka\(index + 1), host: 127.0.0.1, port: \(port), id: \(index + 1) }"
            }
            let text = """
                cluster:
                  name: storm
                  kafka_brokers:
                \(brokers.joined(separator: "\n"))
                store: { folder: "\(self.folder)/store" }
                notifications: { channels: { oncall: { kind: file, path: "\(self.folder)/notices.jsonl" } } }
                monitoring: { \(interval), down_after: 1, up_after: 1 }
                watch:
                  channels: [oncall]
                \(watch)
                \(http)
                """
            return try self.write(text, "selfheal.yaml")
        }

        private static func freePorts(_ count: Int) throws -> [Int] {
            let servers = try (0..<count).map { _ in try ScriptedServer { _, _ in } }
            defer {
                for server in servers {
                    server.stop()
                }
            }
            return servers.map { Int($0.port) }
        }

        private func brokerWords(_ id: Int, _ ports: [Int]) -> [String] {
            let all = ports.enumerated().flatMap { ["--broker", "\($0 + 1)=127.0.0.1:\($1)"] }
            return ["lab", "stand-in", "--listen", "127.0.0.1:\(ports[id - 1])", "--id", "\(id)"]
                + ["--cluster", "storm", "--hall", "\(self.folder)/hall"] + all
        }

        /// Starts a broker, and waits until it takes connections.
        private func startBroker(_ id: Int, _ ports: [Int]) async throws -> Running {
            let broker = try Running(self.brokerWords(id, ports))
            let end = ContinuousClock.now + Selfheal.patience
            while ContinuousClock.now < end, (try? RawClient(port: ports[id - 1])) == nil {
                try await Task.sleep(for: .milliseconds(20))
            }
            return broker
        }

        @Test func `a node that goes up and down is held to be unknown, and nothing starts for it`() async throws {
            let ports = try Self.freePorts(3)
            let configuration = try self.configuration(ports, "  flap: { changes: 3, within: 10m }")
            let runbook = try self.write(
                """
                runbook: start_it
                targets: { brokers: { role: kafka_broker } }
                triggers:
                  - condition: brokers.exists(b, b.health == 'down')
                    for: 2m
                autonomy: automatic
                steps: [{ id: done, finish: { outcome: succeeded } }]
                """,
                "start_it.yaml"
            )
            try FileManager.default.createDirectory(atPath: "\(self.folder)/hall", withIntermediateDirectories: true)
            var brokers: [Running] = []
            for id in 1...3 {
                brokers.append(try await self.startBroker(id, ports))
            }
            let daemon = try Running(["serve", runbook, "--config", configuration])
            try await daemon.writes("start_it: quiet")
            for turn in 1...2 {
                brokers[0].signal(SIGKILL)
                _ = try await brokers[0].end()
                try await daemon.writes("kafka1 is down", times: turn)
                brokers[0] = try await self.startBroker(1, ports)
                try await daemon.writes("kafka1 is up", times: turn)
            }
            try await daemon.writes("kafka1 flaps: it has changed more than 3 times within 10m; it counts as unknown")
            brokers[0].signal(SIGKILL)
            _ = try await brokers[0].end()
            try await daemon.writes("kafka1 is down", times: 3)
            let why = try await Selfheal.run("why", "start_it", "--config", configuration)
            #expect(why.output.hasPrefix("start_it: unknown") && why.output.contains("kafka1 flaps"), "\(why)")
            #expect(!daemon.output.contains("begins"), "\(daemon.output)")
            try await self.heard("kafka1 flaps")
            #expect(self.notices.count { $0.contains("kafka1 flaps") } == 1, "\(self.notices)")
            daemon.signal(SIGTERM)
            _ = try await daemon.end()
            for broker in brokers.dropFirst() {
                broker.signal(SIGKILL)
                _ = try await broker.end()
            }
            try FileManager.default.removeItem(atPath: self.folder)
        }

        // Goal: more alerts than anybody could act upon: no more runs than the limit, no more messages than people can read, what is not taken is
        // refused aloud, and memory has an end.
        @Test func `a storm of alerts starts what the limit allows, is told in a few messages and costs little`()
            async throws
        {
            let port = try #require(try Self.freePorts(1).first)
            let configuration = try self.configuration(
                [try #require(try Self.freePorts(1).first)],
                """
                  limit: { runs: 5, within: 1h }
                  concurrent_runs: 2
                  brake: { ask_after: 1000, refuse_after: 1000 }
                """,
                http: "http: { listen: \"127.0.0.1:\(port)\" }"
            )
            let ledger = "\(self.folder)/ledger"
            let runbook = try self.write(
                """
                runbook: write_down
                parameters:
                  event: { type: string }
                triggers:
                  - alert: Down
                    parameters: { event: event_id }
                    cooldown: 0s
                    limit: 1000 per 1h
                autonomy: automatic
                steps:
                  - id: write
                    run:
                      local: true
                      script: echo "$EVENT" >>'\(ledger)'
                      env: { EVENT: "${{ parameters.event }}" }
                      effect: changes
                    timeout: 1m
                """,
                "write_down.yaml"
            )
            let daemon = try Running(["serve", runbook, "--config", configuration])
            try await daemon.writes("listening on 127.0.0.1")
            let quiet = Self.memory(of: daemon.pid)
            var answers: [Int: Int] = [:]
            for message in 0..<120 {
                let alerts = (0..<100).map { index in
                    #"{"status":"firing","labels":{"alertname":"Down","event_id":"e\#(message)x\#(index)"},"startsAt":"t"}"#
                }
                let body = #"{"version":"4","status":"firing","alerts":[\#(alerts.joined(separator: ","))]}"#
                answers[try await RawClient.post(port: port, "/alertmanager", body).status, default: 0] += 1
            }
            #expect(answers.keys.sorted() == [200, 503], "\(answers)")
            #expect((100...105).contains(answers[200] ?? 0), "ten thousand may wait: \(answers)")
            let lines = { ((try? String(contentsOfFile: ledger, encoding: .utf8)) ?? "").split(separator: "\n") }
            let end = ContinuousClock.now + Selfheal.patience
            while lines().count < 5, ContinuousClock.now < end {
                try await Task.sleep(for: .milliseconds(50))
            }
            let why = try await Selfheal.run("why", "write_down", "--config", configuration)
            #expect(why.output.contains("the limit of all together is 5"), "\(why)")
            #expect(lines().count == 5 && Set(lines()).count == 5, "\(lines())")
            #expect(self.notices.count <= 20, "\(self.notices.count) messages")
            let metrics = try await RawClient.get(port: port, "/metrics").text
            let taken = (answers[200] ?? 0) * 100 - 5
            #expect(metrics.contains("selfheal_alerts_waiting \(taken)\n"), "\(metrics)")
            #expect(try await RawClient.get(port: port, "/health").status == 200)
            let grown = Self.memory(of: daemon.pid) - quiet
            #expect(grown < 150, "\(grown) MB more than before the storm")
            daemon.signal(SIGTERM)
            _ = try await daemon.end()
            try FileManager.default.removeItem(atPath: self.folder)
        }

        /// The most that a process held, in megabytes.
        private static func memory(of pid: Int32) -> Int {
            let text = (try? String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8)) ?? ""
            let line = text.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
            return (line?.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap { Int($0) } ?? 0) / 1_024
        }

        // Goal: when the healer's own network is gone, everything looks gone; it must do nothing, and say so once.
        // Method: daemon and nodes in a network of their own, of which the loopback goes down and comes back.
        @Test(.enabled(if: geteuid() == 0 && access("/usr/sbin/ip", X_OK) == 0, "only root can make a network"))
        func `cut off from everything it does nothing, and says so once`() async throws {
            let ports = [19_091, 19_092, 19_093]
            let configuration = try self.configuration(ports, interval: "interval: 3s, timeout: 2900ms")
            let runbook = try self.write(
                """
                runbook: start_them
                targets: { brokers: { role: kafka_broker } }
                triggers:
                  - condition: size(brokers.filter(b, b.health == 'up')) < 2
                    for: 1m
                autonomy: automatic
                mass_failure: true
                steps: [{ id: done, finish: { outcome: succeeded } }]
                """,
                "start_them.yaml"
            )
            try FileManager.default.createDirectory(atPath: "\(self.folder)/hall", withIntermediateDirectories: true)
            let quoted = { (words: [String]) in words.map { "'\($0)'" }.joined(separator: " ") }
            let brokers = (1...3).map { quoted([Selfheal.path] + self.brokerWords($0, ports)) + " &" }
            let serve = quoted([Selfheal.path, "serve", runbook, "--config", configuration])
            let script = """
                ip link set lo up || exit 1
                \(brokers.joined(separator: "\n"))
                \(serve) &
                echo $! >'\(self.folder)/pid'
                wait $!
                """
            let network = ["--net", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c", script]
            let daemon = try Running(network, program: "/usr/bin/unshare")
            try await daemon.writes("start_them: quiet")
            let inside = try #require(Self.child(of: daemon.pid))
            let link = { (state: String) in
                let words = ["--target", "\(inside)", "--net", "/usr/sbin/ip", "link", "set", "lo", state]
                let outcome = try await Running(words, program: "/usr/bin/nsenter").end()
                #expect(outcome.status == 0, "\(outcome)")
            }
            try await link("down")
            try await daemon.writes(" of 3 nodes cannot be seen; nothing is started")
            let why = try await Selfheal.run("why", "start_them", "--config", configuration)
            #expect(why.output.hasPrefix("start_them: unknown"), "\(why)")
            try await link("up")
            try await daemon.writes("more than half of the nodes can be seen again")
            #expect(!daemon.output.contains("begins"), "\(daemon.output)")
            try await self.heard("can be seen again")
            #expect(self.notices.count { $0.contains("cannot be seen") } == 1, "\(self.notices)")
            #expect(self.notices.count == 2, "\(self.notices)")
            daemon.signal(SIGKILL)
            _ = try await daemon.end()
            try FileManager.default.removeItem(atPath: self.folder)
        }

        private static func child(of pid: Int32) -> Int32? {
            let text = try? String(contentsOfFile: "/proc/\(pid)/task/\(pid)/children", encoding: .utf8)
            return text?.split(separator: " ").first.flatMap { Int32($0) }
        }
    }
}
