// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import Testing

extension IntegrationTests {
    /// The daemon, and what people say to it.
    @Suite(.lab) struct WatchTests {
        private let lab: SharedLab

        init() throws {
            self.lab = try #require(SharedLab.current)
        }

        private static let head = """
            triggers:
              - condition: brokers.exists(b, b.health == 'down')
                for: 2s
                cooldown: 1s
            autonomy: AUTONOMY
            """

        private static let steps = """
              - id: start_them
                run: { targets: "brokers.filter(b, b.health == 'down')", service: kafka, do: start }
                timeout: 1m
            """

        private func runbook(_ name: String, autonomy: String) throws -> String {
            let head = Self.head.replacingOccurrences(of: "AUTONOMY", with: autonomy)
            return try self.lab.runbook(name, Self.steps, head: head)
        }

        /// Stops a broker as somebody else's doing would.
        private func breakBroker(_ name: String) async throws {
            let configuration = try self.lab.configuration("break")
            let steps = """
                  - id: stop_it
                    run: { targets: "[brokers[0]]", service: kafka, do: stop }
                    timeout: 1m
                """
            let stopped = try await Selfheal.run("run", try self.lab.runbook(name, steps), "--config", configuration)
            #expect(stopped.status == 0, "\(stopped)")
        }

        private func run(_ configuration: String) async throws -> String {
            let runs = try await Selfheal.run("runs", "--format", "json", "--config", configuration)
            let list = try JSONSerialization.jsonObject(with: Data(runs.output.utf8)) as? [[String: Any]]
            return try #require(list?.first?["run"] as? String)
        }

        @Test func `a failure is seen, asked about, outlives the daemon's death, and is healed`() async throws {
            let configuration = try self.lab.configuration("watch")
            let runbook = try self.runbook("start_brokers", autonomy: "approve")
            let first = try Running(["serve", runbook, "--config", configuration])
            try await first.writes("start_brokers: quiet")
            try await self.breakBroker("stop_a_broker")
            try await first.writes("may_it_start: waits for 1 of role:sre")
            let ledger = self.lab.ledger.count
            let run = try await self.run(configuration)
            first.signal(SIGKILL)
            _ = try await first.end()

            let second = try Running(["serve", runbook, "--format", "json", "--config", configuration])
            try await second.writes("run \(run) of 'start_brokers' is taken up again")
            try await second.writes("is down")
            #expect(self.lab.ledger.count == ledger, "nobody has agreed yet")
            let approval = try await Selfheal.run(
                "approve",
                run,
                "may_it_start",
                "--as",
                "dana",
                "--config",
                configuration
            )
            #expect(approval.status == 0, "\(approval)")
            try await second.writes("run \(run) ended succeeded")
            #expect(self.lab.ledger.dropFirst(ledger) == ["kafka1 kafka start"])
            try await second.writes("kafka1 is up")
            let why = try await Selfheal.run("why", "--config", configuration)
            #expect(why.output.contains("start_brokers: "), "\(why)")
            let stranger = try await Selfheal.run("why", "nothing_of_the_sort", "--config", configuration)
            #expect(stranger.status == 1)
            #expect(stranger.complaint.contains("is not watched"))
            second.signal(SIGTERM)
            let end = try await second.end()
            #expect(end.status == 0, "\(end)")
            for line in end.output.split(separator: "\n") {
                _ = try JSONSerialization.jsonObject(with: Data(line.utf8))
            }
        }

        @Test func `a freeze holds everything back, and what still is broken is healed when it is lifted`() async throws
        {
            let configuration = try self.lab.configuration("frozen")
            let runbook = try self.runbook("start_at_once", autonomy: "automatic")
            let frozen = try await Selfheal.run("freeze", "--because", "a change", "--config", configuration)
            #expect(frozen.status == 0, "\(frozen)")
            let daemon = try Running(["serve", runbook, "--config", configuration])
            try await daemon.writes("start_at_once: quiet")
            try await self.breakBroker("stop_it_again")
            try await daemon.writes("start_at_once: held: ")
            let why = try await Selfheal.run("why", "start_at_once", "--config", configuration)
            #expect(why.output.contains("frozen by you: a change"), "\(why)")
            let ledger = self.lab.ledger.count
            let lifted = try await Selfheal.run("unfreeze", "--config", configuration)
            #expect(lifted.status == 0, "\(lifted)")
            try await daemon.writes("ended succeeded")
            #expect(self.lab.ledger.dropFirst(ledger) == ["kafka1 kafka start"])
            let again = try await Selfheal.run("unfreeze", "--config", configuration)
            #expect(again.status == 1)
            daemon.signal(SIGTERM)
            _ = try await daemon.end()
        }

        @Test func `a run in the foreground sends nothing while there is a freeze`() async throws {
            let configuration = try self.lab.configuration("cold")
            _ = try await Selfheal.run("freeze", "--because", "an exercise", "--config", configuration)
            let before = self.lab.ledger.count
            let steps = """
                  - id: restart
                    run: { targets: "[brokers[1]]", service: kafka, do: restart }
                    timeout: 1m
                """
            let run = try await Selfheal.run("run", try self.lab.runbook("cold", steps), "--config", configuration)
            #expect(run.status == 1, "\(run)")
            #expect(run.complaint.contains("frozen by you: an exercise"), "\(run)")
            #expect(self.lab.ledger.count == before)
        }

        @Test func `what cannot be watched is said before anything is`() async throws {
            let configuration = try self.lab.configuration("misfit")
            let runbook = try self.lab.runbook("untriggered", Self.steps)
            let serve = try await Selfheal.run("serve", runbook, "--config", configuration)
            #expect(serve.status == 2, "\(serve)")
            #expect(serve.complaint.contains("it has no 'triggers:'"), "\(serve)")
            #expect(serve.complaint.contains("nothing is watched until that is mended"))
        }
    }
}
