// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import Testing

extension IntegrationTests {
    /// Ctrl-C, kill -9, and what becomes of the processes on the hosts.
    @Suite(.lab) struct InterruptTests {
        private let lab: SharedLab

        init() throws {
            self.lab = try #require(SharedLab.current)
        }

        /// A command that writes down its pid and stays; with `stubborn` it does not listen to TERM.
        private func staying(_ name: String, repeats: String = "guarded", isStubborn: Bool = false) throws -> String {
            let trap = isStubborn ? "trap '' TERM; " : ""
            let file = "\(self.lab.folder)/\(name).pid"
            return try self.lab.runbook(
                name,
                """
                  - id: stay
                    run:
                      targets: "[brokers[0]]"
                      command: [sh, -c, "\(trap)echo $$ >\(file).new; mv \(file).new \(file); echo staying; while :; do sleep 1; done"]
                      effect: changes
                      repeat: \(repeats)
                    timeout: 2m
                """
            )
        }

        private func pid(_ name: String) throws -> pid_t {
            let text = try String(contentsOfFile: "\(self.lab.folder)/\(name).pid", encoding: .utf8)
            return try #require(pid_t(text.trimmingCharacters(in: .whitespacesAndNewlines)))
        }

        private func lives(_ pid: pid_t) -> Bool {
            kill(pid, 0) == 0
        }

        private func run(_ name: String, _ configuration: String, isStubborn: Bool = false) async throws -> Running {
            let runbook = try self.staying(name, isStubborn: isStubborn)
            let engine = try Running(["run", runbook, "--config", configuration])
            try await engine.says("│ staying")
            return engine
        }

        @Test func `Ctrl-C during a wait cancels the run`() async throws {
            let configuration = try self.lab.configuration("waiting")
            let runbook = try self.lab.runbook(
                "waiting",
                """
                  - id: never
                    wait: { targets: ensemble, zookeeper: { ask: [srvr] }, until: "size(results) > 99", every: 1s }
                    timeout: 5m
                """
            )
            let engine = try Running(["run", runbook, "--config", configuration])
            try await engine.says("never waits")
            engine.signal(SIGINT)
            let end = try await engine.end()
            #expect(end.status == 1, "\(end)")
            #expect(end.output.contains("cancelled"))
            #expect(end.complaint.contains("nothing is in flight"))
        }

        @Test func `Ctrl-C during a command stops it on the host before the run ends`() async throws {
            let configuration = try self.lab.configuration("flying")
            let engine = try await self.run("flying", configuration)
            let pid = try self.pid("flying")
            #expect(self.lives(pid))
            engine.signal(SIGINT)
            let end = try await engine.end()
            #expect(end.status == 1, "\(end)")
            #expect(end.complaint.contains("being stopped:"), "\(end)")
            #expect(!self.lives(pid))
        }

        @Test func `a cancel during the pause between two hosts ends the run, and the next host is not touched`()
            async throws
        {
            let configuration = try self.lab.configuration("pausing")
            let touched = "\(self.lab.folder)/pausing.touched"
            let runbook = try self.lab.runbook(
                "pausing",
                """
                  - id: one_by_one
                    run:
                      targets: brokers
                      command: [sh, -c, "echo touched >>\(touched)"]
                      effect: changes
                      batch: { size: 1, pause: 1h }
                    timeout: 1m
                """
            )
            let engine = try Running(["run", runbook, "--config", configuration])
            let end = ContinuousClock.now + Selfheal.patience
            var shown = ""
            while !shown.contains("effect.ended") {
                try #require(ContinuousClock.now < end, "\(shown)")
                try await Task.sleep(for: .milliseconds(50))
                if FileManager.default.fileExists(atPath: touched) {
                    let run = try await self.onlyRun(configuration)
                    shown = try await Selfheal.run("show", run, "--format", "json", "--config", configuration).output
                }
            }
            let cancel = try await Selfheal.run(
                "cancel",
                try await self.onlyRun(configuration),
                "--config",
                configuration
            )
            #expect(cancel.status == 0, "\(cancel)")
            let outcome = try await engine.end()
            #expect(outcome.status == 1 && outcome.output.contains("cancelled"), "\(outcome)")
            #expect(try String(contentsOfFile: touched, encoding: .utf8) == "touched\n")
        }

        @Test func `a second Ctrl-C leaves the run to be resumed, and the cancel is not forgotten`() async throws {
            let configuration = try self.lab.configuration("twice")
            let engine = try await self.run("twice", configuration, isStubborn: true)
            let pid = try self.pid("twice")
            engine.signal(SIGINT)
            try await engine.says("Ctrl-C again")
            engine.signal(SIGINT)
            let end = try await engine.end()
            #expect(end.status == 130, "\(end)")
            let resume = try await Selfheal.run("resume", "--config", configuration)
            #expect(resume.status == 1, "\(resume)")
            #expect(resume.output.contains("cancelled"))
            #expect(!self.lives(pid))
        }

        @Test func `a command goes on without its engine, and the next engine waits for it`() async throws {
            let configuration = try self.lab.configuration("orphan")
            let engine = try await self.run("orphan", configuration)
            let pid = try self.pid("orphan")
            engine.signal(SIGKILL)
            _ = try await engine.end()
            #expect(self.lives(pid), "a lost connection ends nothing")
            let next = try Running(["resume", "--config", configuration])
            try await next.says("what became of it?")
            #expect(self.lives(pid))
            next.signal(SIGINT)
            let end = try await next.end()
            #expect(end.status == 1, "\(end)")
            #expect(!self.lives(pid))
            #expect(try self.pid("orphan") == pid, "it was not started a second time")
        }

        @Test(arguments: [true, false])
        func `what leaves no receipt is in doubt after a crash, and a person settles it`(happened: Bool) async throws {
            let name = "doubt-\(happened)"
            let configuration = try self.lab.configuration(name)
            let runbook = try self.staying(name, repeats: "never")
            let engine = try Running(["run", runbook, "--config", configuration])
            try await self.appears(name)
            let pid = try self.pid(name)
            engine.signal(SIGKILL)
            _ = try await engine.end()
            let next = try Running(["resume", "--config", configuration])
            try await next.says("in doubt")
            let run = try await self.onlyRun(configuration)
            let wrong = try await Selfheal.run(
                "settle",
                run,
                "stay",
                "--happened",
                "--because",
                "x",
                "--target",
                "kafka2",
                "--config",
                configuration
            )
            #expect(wrong.status == 1, "\(wrong)")
            let word = happened ? "--happened" : "--not-happened"
            let settle = try await Selfheal.run(
                "settle",
                run,
                "stay",
                word,
                "--because",
                "I looked",
                "--config",
                configuration
            )
            #expect(settle.status == 0, "\(settle)")
            let end = try await next.end()
            #expect(end.status == (happened ? 0 : 1), "\(end)")
            #expect(try self.pid(name) == pid, "an engine never repeats it by itself")
            kill(pid, SIGKILL)
        }

        // Goal: a cancel must not hide that a command may still be running.
        @Test func `what a cancelled run left in doubt is shown, holds the next run back, and is settled`() async throws
        {
            let name = "hidden"
            let configuration = try self.lab.configuration(name)
            let runbook = try self.staying(name, repeats: "never")
            let engine = try Running(["run", runbook, "--config", configuration])
            try await self.appears(name)
            let pid = try self.pid(name)
            engine.signal(SIGINT)
            let end = try await engine.end()
            #expect(end.status == 1 && end.output.contains("cancelled"), "\(end)")
            let run = try await self.onlyRun(configuration)
            #expect(end.complaint.contains("selfheal settle \(run) stay --happened (or --not-happened)"), "\(end)")
            let runs = try await Selfheal.run("runs", "--config", configuration)
            #expect(runs.output.contains("cancelled, in doubt"), "\(runs)")
            let next = try await Selfheal.run("run", runbook, "--config", configuration)
            #expect(next.status == 2 && next.complaint.contains("left in doubt"), "\(next)")
            let settle = try await Selfheal.run(
                ["settle", run, "stay", "--happened", "--comment", "I looked", "--config", configuration]
            )
            #expect(settle.status == 0, "\(settle)")
            let shown = try await Selfheal.run("show", run, "--absolute", "--config", configuration)
            #expect(shown.output.contains("UTC") && shown.output.contains("settled by"), "\(shown)")
            let after = try await Selfheal.run("runs", "--config", configuration)
            #expect(!after.output.contains("in doubt") && after.output.contains("cancelled"), "\(after)")
            kill(pid, SIGKILL)
        }

        private func onlyRun(_ configuration: String) async throws -> String {
            let runs = try await Selfheal.run("runs", "--config", configuration)
            return String(try #require(runs.output.firstMatch(of: /\d{8}-\d{6}-[a-z0-9]{4}/)?.output))
        }

        /// The command's file is there; it tells nothing to us, because nothing streams without a receipt.
        private func appears(_ name: String) async throws {
            let end = ContinuousClock.now + Selfheal.patience
            while (try? self.pid(name)) == nil {
                try #require(ContinuousClock.now < end)
                try await Task.sleep(for: .milliseconds(20))
            }
        }
    }
}
