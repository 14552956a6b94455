// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

extension IntegrationTests {
    /// `selfheal config`, and a daemon whose configuration is more than one file.
    @Suite struct ConfigCommandTests {
        private let folder = "/tmp/selfheal-it-\(UUID().uuidString.prefix(8))"

        /// A cluster at an address where nothing listens, in three files.
        private func write() throws -> String {
            _ = try Selfheal.write(
                "cluster: { nodes: [{ name: edge, host: 127.0.0.1, port: 1 }] }\n",
                "nodes.yaml",
                in: self.folder
            )
            _ = try Selfheal.write("monitoring: { interval: 7s }\n", "selfheal.production.yaml", in: self.folder)
            let text = """
                include: nodes.yaml
                store: { folder: store }
                notifications:
                  channels:
                    log: { kind: console }
                    chat: { kind: slack, url: "${file:chat}" }

                """
            return try Selfheal.write(text, "selfheal.yaml", in: self.folder)
        }

        private func config(_ words: String..., environment: [String: String] = [:]) async throws -> Selfheal.Outcome {
            try await Selfheal.run(["config"] + words, environment: environment)
        }

        @Test func `check looks at every file, and names what lacks its secret`() async throws {
            let path = try self.write()
            defer { try? FileManager.default.removeItem(atPath: self.folder) }
            let fine = try await self.config("check", "--config", path)
            #expect(fine.status == 0, "\(fine)")
            #expect(fine.complaint.contains("1 node"), "\(fine)")
            #expect(fine.complaint.contains("chat (file:\(self.folder)/chat)"), "\(fine)")
            let wrong = try await self.config(
                "check",
                "--config",
                path,
                "--environment",
                "production",
                "--set",
                "monitoring.timeout=8s",
                "--format",
                "json"
            )
            #expect(wrong.status == 1, "\(wrong)")
            #expect(wrong.output.contains("\"RB0534\""), "\(wrong)")
            #expect(wrong.output.contains("\"path\": \"--set\""), "\(wrong)")
            #expect(wrong.output.contains("\"path\": \"\(self.folder)/selfheal.production.yaml\""), "\(wrong)")
            let text = try await self.config("check", "--config", path, "--set", "monitoring.timout=1s")
            #expect(text.output.contains("--set:1:12: error[RB0102]"), "\(text)")
            #expect(text.output.contains("monitoring.timout=1s\n"), "the line itself is shown: \(text)")
            let missing = try await self.config("check", "--config", "\(self.folder)/other.yaml")
            #expect(missing.status == 2, "\(missing)")
        }

        @Test func `show prints origins, and the environment may be a variable`() async throws {
            let path = try self.write()
            defer { try? FileManager.default.removeItem(atPath: self.folder) }
            _ = try Selfheal.write("https://chat.example.com/sesame\n", "chat", in: self.folder)
            let shown = try await self.config(
                "show",
                "--effective",
                "--config",
                path,
                environment: ["SELFHEAL_ENVIRONMENT": "production"]
            )
            #expect(shown.status == 0, "\(shown)")
            #expect(!shown.description.contains("sesame"))
            for (value, origin) in [
                ("interval: 7s", "selfheal.production.yaml:1"), ("host: 127.0.0.1", "nodes.yaml:1"),
                ("cooldown: 10m", "default"), ("environment: production", "--environment"),
                ("url: \"***\"", "from ${file:chat}"),
            ] {
                let line = shown.output.split(separator: "\n").first { $0.contains(value) }
                #expect(line?.hasSuffix(origin) == true, "\(value): \(shown)")
            }
            let json = try await self.config("show", "--config", path, "--format", "json")
            let parsed = try JSONSerialization.jsonObject(with: Data(json.output.utf8)) as? [String: Any]
            #expect((parsed?["files"] as? [String])?.count == 2, "\(json)")
            #expect(parsed?["environment"] is NSNull)
        }

        @Test func `every command that reads the configuration reads all of its layers`() async throws {
            let path = try self.write()
            defer { try? FileManager.default.removeItem(atPath: self.folder) }
            let runs = try await Selfheal.run("runs", "--config", path, "--set", "store.folder=\(self.folder)/other")
            #expect(runs.complaint.contains("\(self.folder)/other") || runs.status == 0, "\(runs)")
            let wrong = try await Selfheal.run("runs", "--config", path, "--environment", "staging")
            #expect(wrong.status == 1, "\(wrong)")
            #expect(wrong.complaint.contains("RB0563"), "\(wrong)")
        }

        @Test(arguments: ["RB0575", "RB0576"])
        func `a window's names are checked, and the page's fix is one`(code: String) async throws {
            defer { try? FileManager.default.removeItem(atPath: self.folder) }
            let page = try String(contentsOfFile: "\(Selfheal.repository)/docs/diagnostics/\(code).md", encoding: .utf8)
            let parts = page.components(separatedBy: "```")
            for (text, expected) in [(parts[1], Int32(1)), (parts[3], 0)] {
                let yaml = String(text.dropFirst("yaml\n".count))
                let path = try Selfheal.write(yaml, "selfheal.yaml", in: self.folder)
                let outcomes = [
                    try await self.config("check", "--config", path), try await Selfheal.run("check", path),
                ]
                for outcome in outcomes {
                    #expect(outcome.status == expected, "\(outcome)")
                    #expect(outcome.output.contains(code) == (expected == 1), "\(outcome)")
                }
            }
        }

        @Test func `check lays upon a configuration what the daemon does`() async throws {
            let path = try self.write()
            defer { try? FileManager.default.removeItem(atPath: self.folder) }
            let fine = try await Selfheal.run("check", path)
            #expect(fine.status == 0, "\(fine)")
            let wrong = try await Selfheal.run(
                "check",
                path,
                "--environment",
                "production",
                "--set",
                "monitoring.timeout=8s"
            )
            #expect(wrong.status == 1 && wrong.output.contains("RB0534"), "\(wrong)")
        }

        @Test func `a look by every monitor of a node says what each of them thinks`() async throws {
            let path = try self.write()
            defer { try? FileManager.default.removeItem(atPath: self.folder) }
            let monitors = "monitoring.monitors=[socket, { name: page, http: { port: main } }]"
            let looked = try await Selfheal.run("probe", "monitors", "edge", "--config", path, "--set", monitors)
            #expect(looked.status == 1, "\(looked)")
            for text in [
                "monitor           socket", "monitor           page", "health            down", "connection refused",
            ] {
                #expect(looked.output.contains(text), "\(text): \(looked)")
            }
        }

        @Test func `a plan for programs has the limits, and the first target that they would stop`() async throws {
            defer { try? FileManager.default.removeItem(atPath: self.folder) }
            let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"
            let nodes = (1...3).map { "{ name: n\($0), host: 127.0.0.\($0), ssh: { host_key: \"\(key)\" } }" }
            let configuration = """
                cluster: { nodes: [\(nodes.joined(separator: ", "))] }
                ssh: { user: nobody, identity_file: none }
                services: { app: { start: ["true"] } }

                """
            let path = try Selfheal.write(configuration, "selfheal.yaml", in: self.folder)
            let runbook = try Selfheal.write(
                """
                runbook: touch_all
                targets: { all: { nodes: [n1, n2, n3] } }
                steps:
                  - id: begin
                    run: { targets: all, service: app, do: start }
                    timeout: 1m
                """,
                "touch_all.yaml",
                in: self.folder
            )
            let plan = ["plan", runbook, "--config", path, "--format", "json"]
            let free = try await Selfheal.run(plan)
            #expect(try self.limits(of: free)["targets_per_run"] is NSNull, "\(free)")
            #expect(try self.limits(of: free)["stops_at"] is NSNull, "\(free)")
            let bound = try await Selfheal.run(plan + ["--set", "watch.touch.per_run=2"])
            let limits = try self.limits(of: bound)
            #expect(limits["targets_per_run"] as? Int == 2, "\(bound)")
            let stop = try #require(limits["stops_at"] as? [String: Any])
            #expect(stop["step"] as? String == "begin" && stop["target"] as? String == "n3", "\(bound)")
        }

        private func limits(of outcome: Selfheal.Outcome) throws -> [String: Any] {
            let plan = try JSONSerialization.jsonObject(with: Data(outcome.output.utf8)) as? [String: Any]
            return try #require(plan?["limits"] as? [String: Any], "\(outcome)")
        }

        @Test func `who needs the store alone is not held up by a mistake elsewhere`() async throws {
            let path = try self.write()
            defer { try? FileManager.default.removeItem(atPath: self.folder) }
            let people = ["--set", "people=[{ name: me, unix_user: \(NSUserName()) }]"]
            let wrong = ["--config", path, "--set", "monitoring.intervall=5s"] + people
            let freeze = try await Selfheal.run(["freeze", "--because", "the file is wrong"] + wrong)
            #expect(freeze.status == 0, "\(freeze)")
            #expect(freeze.complaint.contains("RB0102"), "\(freeze)")
            #expect(freeze.complaint.contains("\(self.folder)/store"), "\(freeze)")
            let runs = try await Selfheal.run(["runs"] + wrong)
            #expect(runs.status == 0 && runs.complaint.contains("there are no runs yet"), "\(runs)")
            // Where the store is must be certain: neither a guess nor another one.
            for lost in [["--set", "store.foldr=x"], ["--environment", "staging"]] {
                let refused = try await Selfheal.run(["runs", "--config", path] + lost)
                #expect(refused.status == 1, "\(refused)")
            }
            let unfreeze = try await Selfheal.run(["unfreeze"] + wrong)
            #expect(unfreeze.status == 1, "what lets things go wants a whole configuration: \(unfreeze)")
            _ = try Selfheal.write("https://127.0.0.1:1/x\n", "chat", in: self.folder)
            let right = try await Selfheal.run(["unfreeze", "--config", path] + people)
            #expect(right.status == 0 && right.output.contains("the file is wrong"), "\(right)")
        }

        @Test func `a daemon takes up a change of any file, and keeps what it had when one is wrong`() async throws {
            let path = try self.write()
            defer { try? FileManager.default.removeItem(atPath: self.folder) }
            _ = try Selfheal.write("https://127.0.0.1:1/x\n", "chat", in: self.folder)
            let daemon = try Running([
                "serve", "--config", path, "--environment", "production", "--set", "watch.cooldown=1m",
            ])
            defer { daemon.signal(SIGKILL) }
            try await daemon.says("watching 1 node of kafka every 7s")
            // It has looked twice by then, and waits for changes.
            try await daemon.writes("edge is down")
            let second = "cluster: { nodes: [{ name: edge, host: 127.0.0.1, port: 1, rak: a }] }\n"
            _ = try Selfheal.write(second, "nodes.yaml", in: self.folder)
            try await daemon.says("nodes.yaml:1:60: error[RB0102]")
            try await daemon.writes("the earlier one is kept")
            let third = "cluster: { nodes: [{ name: edge, host: 127.0.0.1, port: 1, rack: a }] }\n"
            _ = try Selfheal.write(third, "nodes.yaml", in: self.folder)
            try await daemon.writes("the configuration was read again")
        }
    }
}
