// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

extension IntegrationTests {
    /// `selfheal test`, as an author and a server for continuous integration call it.
    @Suite struct TestCommandTests {
        private static let runbook = """
            runbook: pause
            title: pause
            steps:
              - id: rest
                pause: 1s

            """

        private static func tests(_ outcome: String) -> String {
            """
            tests: pause.yaml
            cases:
              - case: it ends
                cluster: { brokers: 1 }
                start: { at: 0s }
                expect: { outcome: \(outcome) }

            """
        }

        private static func inFolder(_ body: (String) async throws -> Void) async throws {
            let folder = "/tmp/selfheal-it-\(UUID().uuidString.prefix(8))"
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            defer { try? FileManager.default.removeItem(atPath: folder) }
            _ = try Selfheal.write(Self.runbook, "pause.yaml", in: folder)
            try await body(folder)
        }

        @Test func `tests that pass, that fail, and that are wrong end with 0, 1 and 2`() async throws {
            try await Self.inFolder { folder in
                let path = try Selfheal.write(Self.tests("succeeded"), "pause.test.yaml", in: folder)
                // The file itself, the runbook that it stands beside, and its folder all mean it.
                for name in [path, "\(folder)/pause.yaml", folder] {
                    let passed = try await Selfheal.run("test", "--strict", name)
                    #expect(passed.status == 0, "\(passed)")
                    #expect(passed.output.contains("1 of 1 cases passed, none failed"), "\(passed)")
                }
                _ = try Selfheal.write(Self.tests("failed"), "pause.test.yaml", in: folder)
                let failed = try await Selfheal.run("test", "--junit", "\(folder)/report.xml", path)
                #expect(failed.status == 1, "\(failed)")
                #expect(failed.output.contains("expected the outcome failed, and it was succeeded"), "\(failed)")
                let report = try String(contentsOfFile: "\(folder)/report.xml", encoding: .utf8)
                #expect(report.contains("failures=\"1\""), "\(report)")
                _ = try Selfheal.write(Self.tests("done"), "pause.test.yaml", in: folder)
                let wrong = try await Selfheal.run("test", path)
                #expect(wrong.status == 2, "\(wrong)")
                #expect(wrong.complaint.contains("pause.test.yaml:6:24: error[RB0603]"), "\(wrong)")
                let checked = try await Selfheal.run("check", path)
                #expect(checked.status == 1 && checked.output.contains("error[RB0603]"), "\(checked)")
            }
        }

        @Test func `what is not there is asked wrongly, with the place and the cure`() async throws {
            try await Self.inFolder { folder in
                let none = try await Selfheal.run("test", folder)
                #expect(none.status == 2 && none.complaint.contains("no '*.test.yaml'"), "\(none)")
                let beside = try await Selfheal.run("test", "\(folder)/pause.yaml")
                #expect(beside.status == 2 && beside.complaint.contains("pause.test.yaml' beside it"), "\(beside)")
                let missing = try await Selfheal.run("test", "\(folder)/other.test.yaml")
                #expect(missing.status == 2 && missing.complaint.contains("cannot be read"), "\(missing)")
                let text = Self.tests("succeeded").replacing("pause.yaml", with: "puase.yaml")
                let path = try Selfheal.write(text, "pause.test.yaml", in: folder)
                let stray = try await Selfheal.run("test", path)
                #expect(stray.status == 2 && stray.complaint.contains("error[RB0640]"), "\(stray)")
            }
        }

        @Test func `a transition that nobody walked fails a strict test alone`() async throws {
            try await Self.inFolder { folder in
                let more =
                    Self.runbook + "on_failure:\n  - id: tell\n    notify: { channels: [oncall], message: alas }\n"
                _ = try Selfheal.write(more, "pause.yaml", in: folder)
                let path = try Selfheal.write(Self.tests("succeeded"), "pause.test.yaml", in: folder)
                let lenient = try await Selfheal.run("test", path)
                #expect(lenient.status == 0 && lenient.output.contains("1 transition was never walked"), "\(lenient)")
                let strict = try await Selfheal.run("test", "--strict", path)
                #expect(strict.status == 1 && strict.output == lenient.output, "\(strict)")
                let some = try await Selfheal.run("test", "--strict", "--only", "ends", path)
                #expect(some.status == 0 && !some.output.contains("transition"), "\(some)")
                let nothing = try await Selfheal.run("test", "--only", "begins", path)
                #expect(nothing.status == 2, "\(nothing)")
            }
        }

        @Test func `the report for programs is JSON`() async throws {
            let tested = try await Selfheal.run("test", "--format", "json", "examples/first_runbook.yaml")
            #expect(tested.status == 0, "\(tested)")
            let report = try JSONSerialization.jsonObject(with: Data(tested.output.utf8)) as? [String: Any]
            #expect(report?["failed"] as? Int == 0)
            #expect(report?["never_walked"] as? Int == 0)
        }

        @Test func `tests are run again when the runbook changes`() async throws {
            try await Self.inFolder { folder in
                let path = try Selfheal.write(Self.tests("succeeded"), "pause.test.yaml", in: folder)
                let life = try Running(["test", "--watch", path])
                try await life.says("watching 2 files")
                let spoilt = Self.runbook.replacing("pause: 1s", with: "finish: { outcome: failed }")
                _ = try Selfheal.write(spoilt, "pause.yaml", in: folder)
                try await life.says("watching 2 files", times: 2)
                // The thread that started it has every other signal blocked, which the program inherits.
                life.signal(SIGKILL)
                let outcome = try await life.end()
                let rounds = outcome.output.components(separatedBy: "cases passed")
                #expect(rounds.count > 2, "\(outcome)")
                #expect(rounds[1].hasPrefix(", none failed") && rounds[2].hasPrefix(", 1 failed"), "\(outcome)")
            }
        }
    }
}

extension IntegrationTests {
    /// `selfheal simulate --runs`.
    @Suite struct ManyRehearsalTests {
        private static let scenario = "examples/scenarios/quorum_down.yaml"
        private static let runbook = "runbooks/zookeeper_quorum_loss.yaml"

        @Test func `many rehearsals show the distribution, the same each time`() async throws {
            let words = ["simulate", Self.runbook, "--scenario", Self.scenario, "--runs", "20"]
            let first = try await Selfheal.run(words)
            #expect(first.status == 0 && first.output.contains("ended well    20 (100.0 %)"), "\(first)")
            #expect(first.output.contains("P50 ") && first.output.contains("P99 "), "\(first)")
            let second = try await Selfheal.run(words)
            #expect(second.output == first.output)
            let compared = try await Selfheal.run(words + ["--compare", Self.runbook])
            #expect(compared.status == 0 && compared.output.contains("\nP95"), "\(compared)")
        }

        @Test func `the output and the picture are the same whatever the number of cores`() async throws {
            let folder = "/tmp/selfheal-it-\(UUID().uuidString.prefix(8))"
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            defer { try? FileManager.default.removeItem(atPath: folder) }
            var seen: Set<String> = []
            for jobs in ["1", "2", "7"] {
                let words = ["simulate", Self.runbook, "--scenario", Self.scenario, "--runs", "100"]
                let outcome = try await Selfheal.run(words + ["--jobs", jobs, "--svg", "\(folder)/runs.svg"])
                #expect(outcome.status == 0, "\(outcome)")
                let picture = try String(contentsOfFile: "\(folder)/runs.svg", encoding: .utf8)
                #expect(picture.contains(">P95 ") && picture.hasSuffix("</svg>\n"))
                seen.insert(outcome.output + picture)
            }
            #expect(seen.count == 1)
            let nowhere = try await Selfheal.run(
                ["simulate", Self.runbook, "--scenario", Self.scenario, "--runs", "2", "--svg", "\(folder)/none/x.svg"]
            )
            #expect(nowhere.status == 2 && nowhere.complaint.contains("cannot be written"), "\(nowhere)")
        }

        @Test func `numbers that make no sense are asked wrongly`() async throws {
            for words in [
                ["--runs", "0"], ["--compare", Self.runbook], ["--svg", "x.svg"], ["--runs", "2", "--jobs", "0"],
            ] {
                let outcome = try await Selfheal.run(["simulate", Self.runbook, "--scenario", Self.scenario] + words)
                #expect(outcome.status == 2, "\(outcome)")
            }
        }
    }
}
