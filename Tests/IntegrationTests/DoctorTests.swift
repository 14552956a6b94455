// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

extension IntegrationTests {
    /// How things are, and what is refused before anything starts.
    @Suite(.lab) struct DoctorTests {
        private let lab: SharedLab

        init() throws {
            self.lab = try #require(SharedLab.current)
        }

        /// A part of a node's line in the lab's configuration.
        private func part(of node: String, _ pattern: Regex<Substring>) throws -> String {
            let text = try String(contentsOfFile: self.lab.configuration, encoding: .utf8)
            let line = try #require(text.split(separator: "\n").first { $0.contains("name: \(node)") })
            return String(try #require(line.firstMatch(of: pattern)?.output))
        }

        @Test func `nothing is wrong in the practice cluster`() async throws {
            let before = self.lab.ledger
            let doctor = try await Selfheal.run("doctor", "--config", self.lab.configuration)
            #expect(doctor.status == 0, "\(doctor)")
            #expect(doctor.output.contains("nothing is wrong"), "\(doctor)")
            for host in ["zk1", "zk2", "zk3", "kafka1", "kafka2", "kafka3"] {
                #expect(doctor.output.contains("\(host) "), "\(doctor)")
            }
            #expect(self.lab.ledger == before)
        }

        @Test func `every check of every host is in the table and in the report for programs`() async throws {
            let text = try await Selfheal.run("doctor", "--config", self.lab.configuration)
            let head = try #require(text.output.split(separator: "\n").first { $0.hasPrefix("HOST ") }, "\(text)")
            let columns = ["NAME", "TCP", "KEY", "LOGIN", "SHELL", "NEEDS", "RECEIPTS", "SPACE", "CLOCK"]
            #expect(columns.allSatisfy { head.contains($0) }, "\(head)")
            let report = try await Selfheal.run("doctor", "--config", self.lab.configuration, "--format", "json")
            let object = try #require(
                try JSONSerialization.jsonObject(with: Data(report.output.utf8)) as? [String: Any],
                "\(report)"
            )
            let hosts = try #require(object["hosts"] as? [[String: Any]])
            #expect(hosts.count == 6)
            for host in hosts {
                let checks = try #require(host["checks"] as? [String: Any])
                for column in columns {
                    let check = try #require(checks[column.lowercased()] as? [String: Any], "\(column) in \(host)")
                    #expect(check["grade"] as? String == "fine", "\(column) in \(host)")
                }
            }
        }

        @Test func `each thing that is wrong is named with what to do, and spoils no other`() async throws {
            let address = try self.part(of: "kafka1", /host: [0-9.]+,/)
            let key = try self.part(of: "kafka2", /host_key: "[^"]*"/)
            let line = try String(contentsOfFile: "\(self.lab.folder)/id_ed25519.pub", encoding: .utf8)
            let other = line.split(separator: " ").prefix(2).joined(separator: " ")
            let configuration = try self.lab.configuration(
                "ill",
                replacing: [
                    address: "host: 127.66.66.66,", key: "host_key: \"\(other)\"",
                    "channels: {": "channels: { pager: { kind: slack, url: \"${NO_SUCH_VARIABLE}\" },",
                ]
            )
            let doctor = try await Selfheal.run("doctor", "--config", configuration, "--format", "json")
            #expect(doctor.status == 1, "\(doctor)")
            #expect(doctor.output.contains("\"problems\": 3"), "\(doctor)")
            for words in ["check that sshd runs there", "another host key", "NO_SUCH_VARIABLE"] {
                #expect(doctor.output.contains(words), "\(words)\n\(doctor)")
            }
            // Who only reads does without the channel.
            let runs = try await Selfheal.run("runs", "--config", configuration)
            #expect(runs.status == 1 && runs.complaint.contains("there are no runs yet"), "\(runs)")
        }

        @Test func `without a configuration the libraries are looked at`() async throws {
            let names = ["libssh", "libcurl", "libyaml", "SQLite", "OpenSSL"]
            let text = try await Selfheal.run("doctor")
            for name in names {
                // Name, version, the package's revision, and what of its defects is fixed.
                let line = try #require(
                    text.output.split(separator: "\n").first { $0.hasPrefix("\(name) ") },
                    "\(text)"
                )
                #expect(line.contains(/\ \d+\.\d+.+\ \d+\ of\ \d+\ fixed/), "\(line)")
            }
            let report = try await Selfheal.run("doctor", "--format", "json")
            #expect(report.status == 0, "\(report)")
            let object = try #require(
                try JSONSerialization.jsonObject(with: Data(report.output.utf8)) as? [String: Any],
                "\(report)"
            )
            let libraries = try #require(object["libraries"] as? [[String: Any]])
            #expect(libraries.compactMap { $0["library"] as? String }.sorted() == names.sorted())
            for library in libraries {
                #expect(library["version"] is String && library["revision"] is String, "\(library)")
                #expect((library["defects"] as? [Any])?.isEmpty == false, "\(library)")
            }
        }

        @Test func `all that does not fit is told before anything starts`() async throws {
            let configuration = try self.lab.configuration("misfit")
            let runbook = try self.lab.runbook(
                "misfit",
                """
                  - id: ask
                    approve: { message: go?, from: [role:boss], timeout: 5m, on_timeout: refused, channels: [pager] }
                  - id: restart
                    run: { targets: brokers, service: solr, do: restart }
                    timeout: 20s
                """
            )
            for command in ["run", "plan"] {
                let run = try await Selfheal.run(command, runbook, "--config", configuration)
                #expect(run.status == 2, "\(run)")
                for words in ["role 'boss'", "'pager'", "'solr' on kafka1, kafka2, kafka3", "misfit.yaml:10:"] {
                    #expect(run.complaint.contains(words), "\(words)\n\(run)")
                }
            }
            #expect(!FileManager.default.fileExists(atPath: "\(self.lab.folder)/store-misfit"))
        }

        @Test func `a second run of a runbook waits for the first, and so does taking the cluster down`() async throws {
            let configuration = try self.lab.configuration("twice")
            let runbook = try self.lab.runbook(
                "twice",
                """
                  - id: ask
                    approve: { message: go?, from: [role:sre], timeout: 5m, on_timeout: refused }
                """
            )
            let first = try Running(["run", runbook, "--config", configuration])
            try await first.says("waits for 1 of role:sre")
            first.signal(SIGKILL)
            _ = try await first.end()
            let second = try await Selfheal.run("run", runbook, "--config", configuration)
            #expect(second.status == 2, "\(second)")
            #expect(
                second.complaint.contains("has not ended") && second.complaint.contains("selfheal resume"),
                "\(second)"
            )
            let doctor = try await Selfheal.run("doctor", "--config", configuration)
            #expect(doctor.status == 1 && doctor.output.contains("a run has not ended"), "\(doctor)")
            let third = try Running(["run", runbook, "--anyway", "--config", configuration])
            try await third.says("waits for 1 of role:sre")
            let beside = try await Selfheal.run("doctor", "--config", configuration)
            #expect(beside.output.contains("engine: process \(third.pid)"), "\(beside)")
            third.signal(SIGINT)
            _ = try await third.end()
        }

        @Test func `a cluster on which an engine is at work is not taken down`() async throws {
            let runbook = try self.lab.runbook(
                "held",
                """
                  - id: ask
                    approve: { message: go?, from: [role:sre], timeout: 5m, on_timeout: refused }
                """
            )
            let run = try Running(["run", runbook, "--config", self.lab.configuration])
            try await run.says("waits for 1 of role:sre")
            let down = try await Selfheal.run("lab", "down", "--folder", self.lab.folder)
            #expect(down.status == 2 && down.complaint.contains("process \(run.pid)"), "\(down)")
            #expect(FileManager.default.fileExists(atPath: self.lab.configuration))
            run.signal(SIGINT)
            let end = try await run.end()
            #expect(end.complaint.contains("cancelled by you"), "\(end)")
        }

        @Test(arguments: [(["chek"], "selfheal check"), (["lab", "upp"], "selfheal lab up")])
        func `a command that is misspelt is guessed`(words: [String], meant: String) async throws {
            let outcome = try await Selfheal.run(words)
            #expect(outcome.status == 2 && outcome.complaint.contains("did you mean '\(meant)'?"), "\(outcome)")
        }

        @Test func `a configuration is checked as one`() async throws {
            let check = try await Selfheal.run("check", self.lab.configuration)
            #expect(check.status == 0 && check.complaint.contains("a configuration, 6 nodes, no errors"), "\(check)")
        }

        @Test func `where there is no practice cluster the hint names the folder`() async throws {
            let status = try await Selfheal.run("lab", "status", "--folder", "/tmp/no-lab-here")
            #expect(status.status == 2 && status.complaint.contains("lab up --folder /tmp/no-lab-here"), "\(status)")
        }
    }
}
