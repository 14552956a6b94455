// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import Testing

extension IntegrationTests {
    /// What people say to a run from other processes, and to a store that no engine holds.
    @Suite(.lab) struct OperatorTests {
        private let lab: SharedLab

        init() throws {
            self.lab = try #require(SharedLab.current)
        }

        private static let gate = """
              - id: allow
                approve: { message: May we?, from: [role:sre], needed: 2, timeout: 5m, on_timeout: refused }
              - id: restart
                run: { targets: "[brokers[0]]", service: kafka, do: restart }
                timeout: 1m
            """

        /// An engine that waits at the gate.
        private func atGate(_ name: String, _ changes: [String: String] = [:]) async throws -> (Running, String) {
            let configuration = try self.lab.configuration(name, replacing: changes)
            let engine = try Running(["run", try self.lab.runbook("gate", Self.gate), "--config", configuration])
            try await engine.says("allow: waits for 2")
            try await engine.says("restart: restarts kafka1")
            return (engine, configuration)
        }

        private func runID(_ configuration: String) async throws -> String {
            let runs = try await Selfheal.run("runs", "--format", "json", "--config", configuration)
            let list = try JSONSerialization.jsonObject(with: Data(runs.output.utf8)) as? [[String: Any]]
            return try #require(list?.first?["run"] as? String)
        }

        @Test func `approvals from other processes reach the engine, and each person counts once`() async throws {
            let (engine, configuration) = try await self.atGate("approvals")
            let run = try await self.runID(configuration)
            let before = self.lab.ledger.count
            let wrongStep = try await Selfheal.run("approve", run, "restart", "--config", configuration)
            #expect(wrongStep.status == 1)
            #expect(wrongStep.complaint.contains("does not wait for an approval at 'restart': open is 'allow'"))
            let nobody = try await Selfheal.run("approve", run, "allow", "--as", "mallory", "--config", configuration)
            #expect(nobody.status == 1)
            #expect(nobody.complaint.contains("nobody is called 'mallory'"))
            let first = try await Selfheal.run("approve", run, "allow", "--as", "dana", "--config", configuration)
            #expect(first.status == 0, "\(first)")
            #expect(first.output.contains("dana approved 'allow': 1 of 2"))
            let again = try await Selfheal.run("approve", run, "allow", "--as", "dana", "--config", configuration)
            #expect(again.status == 1)
            #expect(again.complaint.contains("they have voted already"))
            #expect(self.lab.ledger.count == before, "one of two is not enough")
            let second = try await Selfheal.run("approve", run, "allow", "--as", "lin", "--config", configuration)
            #expect(second.status == 0, "\(second)")
            let end = try await engine.end()
            #expect(end.status == 0, "\(end)")
            #expect(self.lab.ledger.dropFirst(before) == ["kafka1 kafka restart"])
            let late = try await Selfheal.run("approve", run, "allow", "--as", "lin", "--config", configuration)
            #expect(late.status == 1)
        }

        @Test func `speaking for others has to be switched on, and strangers are refused`() async throws {
            let (engine, configuration) = try await self.atGate(
                "strangers",
                [
                    "speak_for_others: true, ": "",
                    "name: you, unix_user: \"\(NSUserName())\"": "name: you, unix_user: nobody-here",
                ]
            )
            let run = try await self.runID(configuration)
            let other = try await Selfheal.run("approve", run, "allow", "--as", "dana", "--config", configuration)
            #expect(other.status == 1)
            #expect(other.complaint.contains("speaking for somebody else is for the practice cluster alone"))
            let stranger = try await Selfheal.run("approve", run, "allow", "--config", configuration)
            #expect(stranger.status == 1)
            #expect(stranger.complaint.contains("is nobody in the configuration"), "\(stranger)")
            engine.signal(SIGINT)
            #expect(try await engine.end().status == 1)
        }

        @Test func `a second engine is refused, and told who holds the store`() async throws {
            let (engine, configuration) = try await self.atGate("second")
            let second = try await Selfheal.run(
                "run",
                try self.lab.runbook("gate", Self.gate),
                "--config",
                configuration
            )
            #expect(second.status == 3)
            #expect(second.complaint.contains("\(engine.pid)"), "\(second)")
            #expect(second.complaint.contains("help: it drives run "), "\(second)")
            #expect(second.complaint.contains("it waits for an approval"), "\(second)")
            let resume = try await Selfheal.run("resume", "--config", configuration)
            #expect(resume.status == 3)
            #expect(resume.complaint.contains("\(engine.pid)"), "\(resume)")
            let run = try await self.runID(configuration)
            let cancel = try await Selfheal.run("cancel", run, "--because", "a test", "--config", configuration)
            #expect(cancel.status == 0, "\(cancel)")
            let end = try await engine.end()
            #expect(end.status == 1)
            #expect(end.output.contains("cancelled"))
        }

        @Test func `a store that no engine holds takes votes and cancels, and a run that ended takes none`()
            async throws
        {
            let before = self.lab.ledger.count
            let (engine, configuration) = try await self.atGate("idle")
            let run = try await self.runID(configuration)
            engine.signal(SIGKILL)
            _ = try await engine.end()
            let runs = try await Selfheal.run("runs", "--config", configuration)
            #expect(runs.output.contains("(nobody drives it: selfheal resume)"), "\(runs)")
            let freeze = try await Selfheal.run("freeze", "--comment", "change 1234", "--config", configuration)
            #expect(freeze.status == 0, "\(freeze)")
            let frozen = try await Selfheal.run("runs", "--config", configuration)
            #expect(frozen.complaint.contains("change 1234; nothing that changes the world is sent"), "\(frozen)")
            let unfreeze = try await Selfheal.run("unfreeze", "--config", configuration)
            #expect(unfreeze.status == 0, "\(unfreeze)")
            for person in ["dana", "lin"] {
                let vote = try await Selfheal.run("approve", run, "allow", "--as", person, "--config", configuration)
                #expect(vote.status == 0, "\(vote)")
                #expect(vote.output.contains("'selfheal resume \(run)' goes on with it"))
            }
            let settle = try await Selfheal.run(
                "settle",
                run,
                "restart",
                "--happened",
                "--because",
                "guess",
                "--config",
                configuration
            )
            #expect(settle.status == 1)
            #expect(settle.complaint.contains("is not in doubt"), "\(settle)")
            // The act is decided, and has not begun: a cancel must keep it from ever being sent.
            let cancel = try await Selfheal.run("cancel", run, "--config", configuration)
            #expect(cancel.status == 0, "\(cancel)")
            let shown = try await Selfheal.run("show", run, "--config", configuration)
            #expect(shown.output.contains("cancelled"), "\(shown)")
            let resume = try await Selfheal.run("resume", "--config", configuration)
            #expect(resume.status == 1)
            #expect(resume.complaint.contains("every run has ended"), "\(resume)")
            let late = try await Selfheal.run("cancel", run, "--config", configuration)
            #expect(late.status == 1)
            #expect(self.lab.ledger.count == before)
        }

        @Test func `what was approved while no engine ran is done when one resumes`() async throws {
            let (engine, configuration) = try await self.atGate("later")
            let run = try await self.runID(configuration)
            engine.signal(SIGKILL)
            _ = try await engine.end()
            for person in ["dana", "lin"] {
                let vote = try await Selfheal.run("approve", run, "allow", "--as", person, "--config", configuration)
                #expect(vote.status == 0, "\(vote)")
            }
            let before = self.lab.ledger.count
            let resume = try await Selfheal.run("resume", run, "--config", configuration)
            #expect(resume.status == 0, "\(resume)")
            #expect(self.lab.ledger.dropFirst(before) == ["kafka1 kafka restart"])
        }

        @Test func `an unknown run is said to be that`() async throws {
            let (engine, configuration) = try await self.atGate("unknown")
            let unknown = try await Selfheal.run("cancel", "nope", "--config", configuration)
            #expect(unknown.status != 0)
            #expect(unknown.complaint.contains("nope"), "\(unknown)")
            engine.signal(SIGINT)
            _ = try await engine.end()
        }
    }
}
