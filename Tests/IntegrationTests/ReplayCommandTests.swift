// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

extension IntegrationTests {
    /// `selfheal replay`, on runs that the program itself carried out and recorded.
    @Suite struct ReplayCommandTests {
        private static let runbook = """
            runbook: said
            title: Say a word
            severity: warning
            owner: us
            parameters:
              word: { type: string, default: hello }
            steps:
              - id: say
                run: { local: true, command: [echo, "${{ parameters.word }}"], effect: changes }
                timeout: 1m
                if_failed: give_up
              - id: rest
                pause: 1s
              - id: done
                finish: { outcome: succeeded }
              - id: give_up
                finish: { outcome: failed }

            """

        private static let configuration = """
            cluster:
              name: practice
              nodes:
                - { name: n1, host: 127.0.0.1, roles: [node] }
            store: { folder: ./store }

            """

        /// A folder with a runbook, a configuration and one run of it in the store.
        private static func afterOneRun(_ body: (_ folder: String, _ words: [String]) async throws -> Void) async throws
        {
            let folder = "/tmp/selfheal-it-\(UUID().uuidString.prefix(8))"
            defer { try? FileManager.default.removeItem(atPath: folder) }
            let runbook = try Selfheal.write(Self.runbook, "said.yaml", in: folder)
            let configuration = try Selfheal.write(Self.configuration, "selfheal.yaml", in: folder)
            let run = try await Selfheal.run("run", runbook, "--param", "word=morning", "--config", configuration)
            try #require(run.status == 0, "\(run)")
            let name = try #require(run.output.split(separator: " ").first)
            try await body(folder, ["replay", "\(name)", "--config", configuration])
        }

        @Test func `a run is decided again as it was, with what was seen beside it`() async throws {
            try await Self.afterOneRun { _, words in
                let text = try await Selfheal.run(words)
                #expect(text.status == 0, "\(text)")
                #expect(text.output.contains("→ sends echo morning to this machine"), "\(text)")
                #expect(text.output.contains("exit status 0, printed 'morning'"), "\(text)")
                #expect(text.output.contains("the same decisions, in all of 4 records; it ends succeeded"), "\(text)")
                let json = try await Selfheal.run(words + ["--format", "json"])
                let object = try JSONSerialization.jsonObject(with: Data(json.output.utf8)) as? [String: Any]
                #expect(object?["same"] as? Bool == true)
                #expect((object?["steps"] as? [[String: Any]])?.count == 4)
            }
        }

        @Test func `a changed runbook has the run's parameters, and is followed until it wants to know more`()
            async throws
        {
            try await Self.afterOneRun { folder, words in
                let same = try await Selfheal.run(words + ["--with", "\(folder)/said.yaml"])
                #expect(same.status == 0, "\(same)")
                #expect(same.output.contains("decides the same in all of 4 records; both end succeeded"), "\(same)")

                let slower = Self.runbook.replacingOccurrences(of: "pause: 1s", with: "pause: 3s")
                let path = try Selfheal.write(slower, "slower.yaml", in: folder)
                let parted = try await Selfheal.run(words + ["--with", path])
                #expect(parted.status == 1, "\(parted)")
                #expect(parted.output.contains("recorded  rest succeeded"), "\(parted)")
                #expect(parted.output.contains("it ends succeeded; the recorded run ended succeeded"), "\(parted)")

                let gap = try await Selfheal.run(words + ["--with", "\(folder)/said.yaml", "--param", "word=evening"])
                #expect(gap.status == 1, "\(gap)")
                #expect(
                    gap.output.contains("missing evidence at T+0s at say: how it ends: echo evening to this machine"),
                    "\(gap)"
                )
            }
        }

        @Test func `what cannot be replayed is refused with the place and the cure`() async throws {
            try await Self.afterOneRun { folder, words in
                let unknown = try await Selfheal.run(["replay", "nope"] + words.dropFirst(2))
                #expect(unknown.status == 1 && unknown.complaint.contains("no run 'nope'"), "\(unknown)")

                let wrong = try Selfheal.write("runbook: wrong\n", "wrong.yaml", in: folder)
                let mistaken = try await Selfheal.run(words + ["--with", wrong])
                #expect(
                    mistaken.status == 1 && mistaken.complaint.contains("wrong.yaml:1:1: error[RB0103]"),
                    "\(mistaken)"
                )

                let absent = try await Selfheal.run(words + ["--with", "\(folder)/absent.yaml"])
                #expect(absent.status == 2 && absent.complaint.contains("RB0100"), "\(absent)")

                let lost = try await Selfheal.run(words + ["--param", "word=x"])
                #expect(lost.status == 2 && lost.complaint.contains("--with FILE"), "\(lost)")

                let stray = try await Selfheal.run(words + ["--with", "\(folder)/said.yaml", "--param", "wrod=x"])
                #expect(stray.status == 2 && stray.complaint.contains("has no parameter 'wrod'"), "\(stray)")
            }
        }

        @Test func `a run that an engine is still driving is replayed as far as it is recorded`() async throws {
            let folder = "/tmp/selfheal-it-\(UUID().uuidString.prefix(8))"
            defer { try? FileManager.default.removeItem(atPath: folder) }
            let text = Self.runbook.replacingOccurrences(of: "pause: 1s", with: "pause: 10m")
            let runbook = try Selfheal.write(text, "said.yaml", in: folder)
            let configuration = try Selfheal.write(Self.configuration, "selfheal.yaml", in: folder)
            let engine = try Running(["run", runbook, "--config", configuration])
            try await engine.says("▶ rest")
            let list = try await Selfheal.run("runs", "--format", "json", "--config", configuration)
            let runs = try JSONSerialization.jsonObject(with: Data(list.output.utf8)) as? [[String: Any]]
            let name = try #require(runs?.first?["run"] as? String)
            let replay = try await Selfheal.run("replay", name, "--config", configuration)
            #expect(replay.status == 0, "\(replay)")
            #expect(replay.output.contains("the run is still going on, at rest"), "\(replay)")
            engine.signal(SIGINT)
            _ = try await engine.end()
        }
    }
}
