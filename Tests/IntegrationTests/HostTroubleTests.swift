// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import Testing

extension IntegrationTests {
    /// Hosts and disks that are not as they should be: a clear word, a truthful state, and nothing half done.
    @Suite(.lab) struct HostTroubleTests {
        private let lab: SharedLab

        init() throws {
            self.lab = try #require(SharedLab.current)
        }

        private static let restart = """
              - id: restart
                run: { targets: "[brokers[0]]", service: kafka, do: restart }
                timeout: 60s
            """

        /// A part of kafka1's line in the lab's configuration.
        private func broker(_ pattern: Regex<Substring>) throws -> String {
            let text = try String(contentsOfFile: self.lab.configuration, encoding: .utf8)
            let line = try #require(text.split(separator: "\n").first { $0.contains("name: kafka1") })
            return String(try #require(line.firstMatch(of: pattern)?.output))
        }

        private func expectNothingDone(
            _ name: String,
            replacing changes: [String: String],
            says words: String,
            sourceLocation: SourceLocation = #_sourceLocation
        ) async throws {
            let configuration = try self.lab.configuration(name, replacing: changes)
            let before = self.lab.ledger
            let runbook = try self.lab.runbook("restart", Self.restart)
            let run = try await Selfheal.run("run", runbook, "--config", configuration)
            #expect(run.status == 1, "\(run)", sourceLocation: sourceLocation)
            #expect(run.complaint.contains(words), "\(run)", sourceLocation: sourceLocation)
            #expect(run.complaint.contains("kafka1"), "\(run)", sourceLocation: sourceLocation)
            let shown = try await Selfheal.run("show", "--format", "json", "--config", configuration)
            #expect(shown.output.contains("\"not_sent\""), "\(shown)", sourceLocation: sourceLocation)
            #expect(self.lab.ledger == before, sourceLocation: sourceLocation)
        }

        @Test func `a host whose key is not pinned is not spoken to`() async throws {
            let key = try self.broker(/host_key: "[^"]*"/)
            try await self.expectNothingDone("unknown-key", replacing: [", " + key: ""], says: "host key")
        }

        @Test func `a host whose key has changed is not spoken to`() async throws {
            let key = try self.broker(/host_key: "[^"]*"/)
            let line = try String(contentsOfFile: "\(self.lab.folder)/id_ed25519.pub", encoding: .utf8)
            let other = line.split(separator: " ").prefix(2).joined(separator: " ")
            try await self.expectNothingDone("changed-key", replacing: [key: "host_key: \"\(other)\""], says: "key")
        }

        @Test func `a key that the host refuses is said to be refused`() async throws {
            let path = "\(self.lab.folder)/other-key"
            let keygen = Process()
            keygen.executableURL = URL(fileURLWithPath: "/usr/bin/ssh-keygen")
            keygen.arguments = ["-q", "-t", "ed25519", "-N", "", "-f", path]
            try keygen.run()
            keygen.waitUntilExit()
            let identity = "identity_file: \"\(self.lab.folder)/id_ed25519\""
            try await self.expectNothingDone(
                "refused-key",
                replacing: [identity: "identity_file: \"\(path)\""],
                says: "refused"
            )
        }

        @Test func `a host that does not listen is said not to`() async throws {
            let host = try self.broker(/host: [0-9.]+/)
            try await self.expectNothingDone(
                "no-listener",
                replacing: [host + ",": "host: 127.66.66.66,"],
                says: "refused"
            )
        }

        @Test func `a service command that is missing fails with its status`() async throws {
            let service = "\(self.lab.folder)/bin/service"
            let configuration = try self.lab.configuration("no-command", replacing: [service: "/no/such/service"])
            let before = self.lab.ledger
            let runbook = try self.lab.runbook("restart", Self.restart)
            let run = try await Selfheal.run("run", runbook, "--config", configuration)
            #expect(run.status == 1, "\(run)")
            #expect(run.complaint.contains("exit status 127"), "\(run)")
            #expect(self.lab.ledger == before)
        }

        @Test func `a service that the inventory does not know is refused before anything is sent`() async throws {
            let configuration = try self.lab.configuration("no-service")
            let runbook = try self.lab.runbook(
                "no-service",
                """
                  - id: restart
                    run: { targets: "[brokers[0]]", service: solr, do: restart }
                    timeout: 60s
                """
            )
            let run = try await Selfheal.run("run", runbook, "--config", configuration)
            #expect(run.status == 2, "\(run)")
            #expect(run.complaint.contains("no command to restart 'solr' on kafka1"), "\(run)")
            #expect(
                !FileManager.default.fileExists(atPath: "\(self.lab.folder)/store-no-service"),
                "nothing was started"
            )
        }

        @Test func `a dry run shows what would be done and changes nothing`() async throws {
            let configuration = try self.lab.configuration("dry")
            let broken = try await Selfheal.run("lab", "break", "quorum", "--folder", self.lab.folder)
            #expect(broken.status == 0)
            let before = self.lab.ledger
            let runbook = "\(Selfheal.repository)/runbooks/zookeeper_quorum_loss.yaml"
            let run = try await Selfheal.run("run", runbook, "--dry-run", "--config", configuration)
            #expect(run.status == 0, "\(run)")
            #expect(run.output.contains("would do on zk2:"), "\(run)")
            #expect(self.lab.ledger == before)
            #expect(
                !FileManager.default.fileExists(atPath: "\(self.lab.folder)/store-dry"),
                "not even a journal is kept"
            )
            let healed = try await Selfheal.run("lab", "heal", "--folder", self.lab.folder)
            #expect(healed.status == 0, "\(healed)")
        }

        // MARK: Disks

        @Test func `a store that cannot be made is named`() async throws {
            let file = try Selfheal.write("", "not-a-folder", in: self.lab.folder)
            let configuration = try self.lab.configuration(
                "no-store",
                replacing: ["\(self.lab.folder)/store": file + "/store"]
            )
            let runbook = try self.lab.runbook("restart", Self.restart)
            let run = try await Selfheal.run("run", runbook, "--config", configuration)
            #expect(run.status == 3, "\(run)")
            #expect(run.complaint.contains(file), "\(run)")
        }

        @Test(.enabled(if: geteuid() == 0, "only root can mount a disk that is soon full"))
        func `a full disk stops the run before the next act, and the run goes on when there is room`() async throws {
            let disk = "\(self.lab.folder)/small-disk"
            try FileManager.default.createDirectory(atPath: disk, withIntermediateDirectories: true)
            guard mount("tmpfs", disk, "tmpfs", 0, "size=2m") == 0 else {
                try Test.cancel("this root may not mount: \(String(cString: strerror(errno)))")
            }
            defer { umount2(disk, Int32(MNT_DETACH)) }
            let configuration = try self.lab.configuration(
                "full",
                replacing: ["\(self.lab.folder)/store": "\(disk)/store"]
            )
            let runbook = try self.lab.runbook(
                "full",
                """
                  - id: allow
                    approve: { message: May we?, from: [role:sre], needed: 1, timeout: 5m, on_timeout: refused }
                \(Self.restart)
                """
            )
            let engine = try Running(["run", runbook, "--config", configuration])
            try await engine.says("allow: waits for 1")
            let before = self.lab.ledger.count
            let filler = "\(disk)/filler"
            let descriptor = open(filler, O_WRONLY | O_CREAT, 0o600)
            let block = [UInt8](repeating: 0, count: 4_096)
            while write(descriptor, block, block.count) > 0 {}
            close(descriptor)
            let runs = try await Selfheal.run("runs", "--config", configuration)
            let run = String(try #require(runs.output.firstMatch(of: /\d{8}-\d{6}-[a-z0-9]{4}/)?.output))
            let vote = try await Selfheal.run("approve", run, "allow", "--as", "dana", "--config", configuration)
            #expect(vote.status != 0, "what is not durable was not taken: \(vote)")
            let end = try await engine.end()
            #expect(end.status == 3, "\(end)")
            #expect(end.complaint.contains("full"), "\(end)")
            #expect(end.complaint.contains("'selfheal resume \(run)'"), "\(end)")
            #expect(self.lab.ledger.count == before)
            try FileManager.default.removeItem(atPath: filler)
            let next = try Running(["resume", run, "--config", configuration])
            try await next.says("allow: waits for 1")
            let again = try await Selfheal.run("approve", run, "allow", "--as", "dana", "--config", configuration)
            #expect(again.status == 0, "\(again)")
            let done = try await next.end()
            #expect(done.status == 0, "\(done)")
            #expect(self.lab.ledger.dropFirst(before) == ["kafka1 kafka restart"])
        }
    }
}
