// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import Testing

extension IntegrationTests {
    /// What the daemon makes of failures that come again, come twice, come in numbers, or outlive it.
    @Suite(.lab) struct WatchedHealTests {
        private let lab: SharedLab

        init() throws {
            self.lab = try #require(SharedLab.current)
        }

        private static let downBrokers = "brokers.filter(b, b.health == 'down')"

        private static func triggered(_ condition: String, cooldown: String = "1s") -> String {
            """
            triggers:
              - condition: \(condition)
                for: 1s
                cooldown: \(cooldown)
            autonomy: automatic
            """
        }

        /// Stops brokers as somebody else's doing would, numbered from zero.
        private func stop(_ brokers: [Int], _ name: String) async throws {
            let targets = brokers.map { "brokers[\($0)]" }.joined(separator: ", ")
            let steps = """
                  - id: stop_them
                    run: { targets: "[\(targets)]", service: kafka, do: stop }
                    timeout: 1m
                """
            let configuration = try self.lab.configuration("break")
            let stopped = try await Selfheal.run("run", try self.lab.runbook(name, steps), "--config", configuration)
            #expect(stopped.status == 0, "\(stopped)")
        }

        private func runs(_ configuration: String) async throws -> [String] {
            let runs = try await Selfheal.run("runs", "--format", "json", "--config", configuration)
            let list = try JSONSerialization.jsonObject(with: Data(runs.output.utf8)) as? [[String: Any]]
            return (list ?? []).compactMap { $0["run"] as? String }
        }

        private func end(_ daemon: Running) async throws {
            daemon.signal(SIGTERM)
            _ = try await daemon.end()
        }

        @Test func `the same again within the hour is asked about, and the third time refused`() async throws {
            let configuration = try self.lab.configuration("again")
            let steps = """
                  - id: start_it
                    run: { targets: "\(Self.downBrokers)", service: kafka, do: start }
                    timeout: 1m
                """
            let head = Self.triggered("brokers.exists(b, b.health == 'down')")
            let runbook = try self.lab.runbook("start_it_again", steps, head: head)
            let daemon = try Running(["serve", runbook, "--config", configuration])
            try await daemon.writes("start_it_again: quiet")
            let before = self.lab.ledger.count
            try await self.stop([0], "fell_once")
            try await daemon.writes("ended succeeded")
            try await daemon.writes("kafka1 is up")
            #expect(self.lab.ledger.dropFirst(before) == ["kafka1 kafka stop", "kafka1 kafka start"])

            try await self.stop([1], "fell_twice")
            try await daemon.writes("may_it_start: waits for 1 of role:sre")
            #expect(self.lab.ledger.dropFirst(before + 2) == ["kafka2 kafka stop"], "nobody has agreed yet")
            let second = try #require(try await self.runs(configuration).first)
            let word = ["approve", second, "may_it_start", "--as", "dana", "--config", configuration]
            let approval = try await Selfheal.run(word)
            #expect(approval.status == 0, "\(approval)")
            try await daemon.writes("run \(second) ended succeeded")
            try await daemon.writes("kafka2 is up")

            try await self.stop([2], "fell_thrice")
            try await daemon.writes("start_it_again: refused: ")
            let why = try await Selfheal.run("why", "start_it_again", "--config", configuration)
            #expect(why.output.contains("what keeps coming back needs a person"), "\(why)")
            #expect(self.lab.ledger.dropFirst(before + 4) == ["kafka3 kafka stop"])
            #expect(try await self.runs(configuration).count == 2)
            try await self.end(daemon)
            try await self.startAll()
        }

        /// Leaves the cluster as the next test wants it.
        private func startAll() async throws {
            let steps = """
                  - id: start_all
                    run: { targets: brokers, service: kafka, do: start }
                    timeout: 1m
                """
            let configuration = try self.lab.configuration("mend")
            let started = try await Selfheal.run(
                "run",
                try self.lab.runbook("start_all", steps),
                "--config",
                configuration
            )
            #expect(started.status == 0, "\(started)")
        }

        @Test func `two that are down are not healed by what expects one`() async throws {
            let configuration = try self.lab.configuration("two")
            let steps = """
                  - id: start_the_one
                    run: { targets: "\(Self.downBrokers)", expect_targets: 1, service: kafka, do: start }
                    timeout: 1m
                """
            let head = Self.triggered("size(\(Self.downBrokers)) > 1")
            let runbook = try self.lab.runbook("start_one", steps, head: head)
            let daemon = try Running(["serve", runbook, "--config", configuration])
            try await daemon.writes("start_one: quiet")
            let before = self.lab.ledger.count
            try await self.stop([0, 1], "two_fell")
            try await daemon.writes("ended failed")
            #expect(daemon.output.contains("are 2, expected were 1"), "\(daemon.output)")
            #expect(self.lab.ledger.dropFirst(before).allSatisfy { $0.hasSuffix("stop") }, "\(self.lab.ledger)")
            try await self.end(daemon)
            try await self.startAll()
        }

        // Goal: the end of the daemon in the middle of an act changes nothing: the act goes on, happens once, and the next daemon ends the run.
        @Test func `a daemon that is killed in the middle of healing is followed by one that ends it`() async throws {
            let configuration = try self.lab.configuration("killed")
            let marks = "\(self.lab.folder)/marks"
            let steps = """
                  - id: start_slowly
                    run:
                      targets: "\(Self.downBrokers)"
                      script: |
                        echo begun >>'\(marks)'
                        until [ -e '\(marks).go' ]; do sleep 0.1; done
                        '\(self.lab.folder)/bin/service' kafka start
                        echo done >>'\(marks)'
                      effect: starts
                    timeout: 2m
                  - id: it_serves
                    wait: { targets: brokers, kafka: { ask: [replication] }, until: result.serving && result.offline == 0, every: 1s }
                    timeout: 2m
                """
            let head = Self.triggered("brokers.exists(b, b.health == 'down')", cooldown: "10m")
            let runbook = try self.lab.runbook("start_slowly", steps, head: head)
            let first = try Running(["serve", runbook, "--config", configuration])
            try await first.writes("start_slowly: quiet")
            try await self.stop([0], "fell_before_the_end")
            let words = { (try? String(contentsOfFile: marks, encoding: .utf8)) ?? "" }
            let end = ContinuousClock.now + Selfheal.patience
            while words().isEmpty, ContinuousClock.now < end {
                try await Task.sleep(for: .milliseconds(50))
            }
            #expect(words() == "begun\n")
            first.signal(SIGKILL)
            _ = try await first.end()
            let run = try #require(try await self.runs(configuration).first)

            let second = try Running(["serve", runbook, "--config", configuration])
            try await second.writes("run \(run) of 'start_slowly' is taken up again")
            #expect(FileManager.default.createFile(atPath: "\(marks).go", contents: nil))
            try await second.writes("run \(run) ended succeeded")
            try await second.writes("kafka1 is up")
            #expect(words() == "begun\ndone\n")
            #expect(try await self.runs(configuration) == [run])
            try await self.end(second)
        }

        // Goal: the shipped runbook on brokers that answer: most fall, people agree, and they come back one after the other, each validated before
        // the next one begins.
        @Test func `most brokers fall, and are brought back one at a time`() async throws {
            let shipped = try String(
                contentsOfFile: "\(Selfheal.repository)/runbooks/cascade_failure.yaml",
                encoding: .utf8
            )
            var text = shipped
            for (long, short) in [
                ("default: 30s", "default: 1s"), ("default: 120s", "default: 3s"), ("for: 15s", "for: 2s"),
                ("every: 10s", "every: 1s"), ("fresh: 5s", "fresh: 20s"),
            ] {
                try #require(text.contains(long), "the shipped runbook does not say '\(long)' any more")
                text = text.replacingOccurrences(of: long, with: short)
            }
            let runbook = try Selfheal.write(text, "cascade.yaml", in: "\(self.lab.folder)/runbooks")
            let configuration = try self.lab.configuration("cascade")
            let daemon = try Running(["serve", runbook, "--config", configuration])
            try await daemon.writes("cascade_failure: quiet")
            let before = self.rawLedger.count
            try await self.stop([0, 2], "most_fell")
            try await daemon.writes("may_it_start: waits for 1 of role:sre")
            let run = try #require(try await self.runs(configuration).first)
            let word = ["approve", run, "may_it_start", "--as", "dana", "--config", configuration]
            #expect(try await Selfheal.run(word).status == 0)
            try await daemon.writes("run \(run) ended succeeded")
            let starts = self.rawLedger.dropFirst(before).filter { $0.hasSuffix("kafka start") }
            #expect(starts.map { $0.split(separator: " ")[1] } == ["kafka1", "kafka3"], "\(starts)")
            let moments = starts.compactMap { $0.split(separator: " ").first.flatMap { Double($0) } }
            #expect(moments.count == 2 && moments[1] - moments[0] >= 3, "\(starts)")
            let notices = try String(contentsOfFile: "\(self.lab.folder)/notices.jsonl", encoding: .utf8)
            #expect(notices.contains("conservative recovery") && notices.contains("is whole again"))
            try await self.end(daemon)
        }

        private var rawLedger: [String] {
            let text = (try? String(contentsOfFile: "\(self.lab.folder)/ledger", encoding: .utf8)) ?? ""
            return text.split(separator: "\n").map(String.init)
        }
    }
}
