// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Synchronization
import TestSupport
import Testing

extension IntegrationTests {
    @Suite(.lab) struct NoticeTests {
        private let lab: SharedLab

        init() throws {
            self.lab = try #require(SharedLab.current)
        }

        private final class Received: Sendable {
            let bodies: Mutex<[String]> = Mutex([])
        }

        @Test func `mail and webhook really arrive, and a channel that fails is said to`() async throws {
            let sink = try MailSink()
            defer { sink.stop() }
            let received = Received()
            let server = try ScriptedServer { connection, _ in
                if let request = connection.request() {
                    received.bodies.withLock { $0.append(request.text) }
                    connection.answer("200 OK")
                }
            }
            defer { server.stop() }
            let oncall = "oncall: { kind: file, path: \"\(self.lab.folder)/notices.jsonl\" }"
            let channels = """
                mail: { kind: smtp, server: "smtp://127.0.0.1:\(sink.port)", from: selfheal@example.com, to: [oncall@example.com] }, \
                hook: { kind: webhook, url: "http://127.0.0.1:\(server.port)/hook" }, \
                dead: { kind: webhook, url: "http://127.0.0.1:1/hook" }
                """
            let changes = [oncall: channels, "channels: [oncall]": "channels: [mail]"]
            let configuration = try self.lab.configuration("notices", replacing: changes)
            let runbook = try self.lab.runbook(
                "notices",
                """
                  - id: tell
                    notify: { channels: [mail, hook, dead], severity: critical, message: "The quorum of ${{ cluster.name }} is lost" }
                """
            )
            let run = try await Selfheal.run("run", runbook, "--config", configuration)
            // Without that, nobody would ever send the mail that is waited for.
            try #require(run.status == 0, "told is told if one channel took it: \(run)")
            let mail = try sink.next()
            #expect(mail.to == ["oncall@example.com"])
            #expect(mail.body.contains("The quorum of lab is lost"))
            let bodies = received.bodies.withLock { $0 }
            #expect(bodies.count == 1)
            #expect(bodies.first?.contains("The quorum of lab is lost") == true)
            #expect(run.complaint.contains("dead"), "\(run)")
        }
    }
}
