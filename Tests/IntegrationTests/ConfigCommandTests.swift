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
