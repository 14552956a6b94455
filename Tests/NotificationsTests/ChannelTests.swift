// Selfheal
// SPDX-License-Identifier: Apache-2.0

import CurlTransfer
import Foundation
import RunVocabulary
import Synchronization
import TestSupport
import Testing

@testable import Notifications

@Suite(.timeLimit(.minutes(10))) struct ChannelTests {
    static func deliver(
        _ notice: Notice = .sample(),
        by configuration: ChannelConfiguration,
        with transfer: CurlTransfer,
        policy: NotificationService.Policy = .init(firstPause: .milliseconds(1))
    ) async throws -> DeliveryReport {
        let directory = try ChannelDirectory(["oncall": configuration], transfer: transfer) { 1_795_230_900_000 }
        let service = NotificationService(directory: directory, policy: policy)
        return try #require(await service.deliver(notice, to: ["oncall"]).first)
    }

    // MARK: Mail

    static func mail(
        _ port: UInt16,
        from: String = "Selfheal <engine@example.org>",
        to: [String] = ["ada@example.org"]
    ) -> ChannelConfiguration {
        .smtp(.init(server: "smtp://127.0.0.1:\(port)", requireTLS: .never, from: from, to: to))
    }

    @Test func `a mail is understood by somebody else's software, whatever alphabet it is in`() async throws {
        let sink = try MailSink()
        defer { sink.stop() }
        let text =
            "Zwei von drei Knoten fehlen: größer als nötig = schlecht 🧯\n.\n.zeile\n"
            + String(repeating: "long ", count: 50)
        let notice = Notice.sample(title: "Кворум потерян – größtenteils", message: text)
        try await withWorld { transfer, _ in
            let report = try await Self.deliver(
                notice,
                by: Self.mail(sink.port, to: ["Ädä <ada@example.org>", "lin@example.org"]),
                with: transfer
            )
            #expect(report.isDelivered)
            #expect(report.attempts == 1)
        }
        let mail = try sink.next()
        #expect(mail.defects == [])
        #expect(mail.from == "engine@example.org")
        #expect(mail.to == ["ada@example.org", "lin@example.org"])
        #expect(mail.header("Subject") == "[critical] Кворум потерян – größtenteils")
        #expect(mail.header("From") == "Selfheal <engine@example.org>")
        #expect(mail.header("To") == "Ädä <ada@example.org>, lin@example.org")
        #expect(mail.header("Date") == "Sat, 21 Nov 2026 03:14:15 +0000")
        #expect(mail.header("Message-ID") == "<selfheal.notice.r-7=2Fnotify=2F1@example.org>")
        #expect(mail.header("Auto-Submitted") == "auto-generated")
        let body = mail.body.replacing("\r\n", with: "\n")
        #expect(body.contains(text))
        #expect(body.contains("\nrun: r-7\nstep: hand_over\nat: 2026-11-21T03:14:15.926Z\nleader: zk2\n"))
    }

    @Test func `nothing in a notice can add a header or a recipient`() async throws {
        let sink = try MailSink()
        defer { sink.stop() }
        let attack = "x\r\nBcc: eve@example.org\r\n\r\nbody\r\n.\r\nMAIL FROM:<eve@example.org>"
        var notice = Notice.sample(id: attack, title: attack, message: attack, facts: [.init(attack, attack)])
        notice.run = attack
        notice.runbook = attack
        notice.step = attack
        try await withWorld { [notice] transfer, _ in
            let report = try await Self.deliver(notice, by: Self.mail(sink.port), with: transfer)
            #expect(report.isDelivered)
        }
        let mail = try sink.next()
        #expect(mail.to == ["ada@example.org"])
        #expect(mail.header("Bcc") == nil)
        #expect(mail.defects == [])
        #expect(
            mail.headers.map { $0[0] } == [
                "From", "To", "Subject", "Date", "Message-ID", "References", "X-Selfheal-Notice", "X-Selfheal-Run",
                "X-Selfheal-Severity", "Importance", "Auto-Submitted", "MIME-Version", "Content-Type",
                "Content-Transfer-Encoding",
            ]
        )
        #expect(mail.header("Message-ID")?.contains("\n") == false)
    }

    @Test func `a second delivery is the same mail to the byte`() async throws {
        let sink = try MailSink()
        defer { sink.stop() }
        try await withWorld { transfer, _ in
            for _ in 0..<2 { _ = try await Self.deliver(by: Self.mail(sink.port), with: transfer) }
            _ = try await Self.deliver(.sample(id: "r-7/notify/2"), by: Self.mail(sink.port), with: transfer)
        }
        let (first, second, other) = (try sink.next(), try sink.next(), try sink.next())
        #expect(first == second)
        #expect(first.header("Message-ID") != other.header("Message-ID"))
        #expect(first.header("References") == other.header("References"))
    }

    @Test func `a mail server's no for ever is not repeated, and its no for now is`() async throws {
        let sink = try MailSink()
        defer { sink.stop() }
        try await withWorld { transfer, _ in
            let refused = try await Self.deliver(by: Self.mail(sink.port, to: ["nobody@example.org"]), with: transfer)
            #expect(refused.attempts == 1)
            guard case .failed(let message) = refused.outcome else { return #expect(Bool(false)) }
            #expect(message.contains("550"))
            let later = try await Self.deliver(by: Self.mail(sink.port, from: "hasty@example.org"), with: transfer)
            #expect(later.attempts == 3)
            #expect(!later.isDelivered)
        }
    }

    @Test func `a recipient whom the server does not know is remarked upon`() async throws {
        let sink = try MailSink()
        defer { sink.stop() }
        try await withWorld { transfer, _ in
            let report = try await Self.deliver(
                by: Self.mail(sink.port, to: ["ada@example.org", "nobody@example.org"]),
                with: transfer
            )
            #expect(report.isDelivered)
            #expect(report.remark == "the server took it, but not for nobody@example.org (550 5.1.1 no such mailbox)")
        }
    }

    @Test func `a server that never answers costs no more than the budget`() async throws {
        let server = try ScriptedServer { connection, _ in connection.waitUntilClosed() }
        defer { server.stop() }
        try await withWorld { transfer, _ in
            let policy = NotificationService.Policy(
                attempts: 2,
                budget: .seconds(20),
                attemptTimeout: .milliseconds(200),
                firstPause: .milliseconds(1)
            )
            let report = try await Self.deliver(by: Self.mail(server.port), with: transfer, policy: policy)
            #expect(report.attempts == 2)
            #expect(report.duration < .seconds(20))
            #expect(!report.isDelivered)
            #expect(!report.mayHaveArrived)
        }
    }

    // MARK: HTTP

    @Test func `a webhook gets stable JSON, a key and a signature that can be checked`() async throws {
        let requests = Mutex<[ScriptedConnection.Request]>([])
        let server = try ScriptedServer { connection, _ in
            while let request = connection.request() {
                requests.withLock { $0.append(request) }
                connection.answer("200 OK")
            }
        }
        defer { server.stop() }
        let hook = ChannelConfiguration.webhook(
            .init(
                url: Secret("http://127.0.0.1:\(server.port)/hooks/T0KEN"),
                headers: [("Authorization", Secret("Bearer s3cret"))],
                signingKey: Secret("k3y")
            )
        )
        try await withWorld { transfer, _ in
            for _ in 0..<2 {
                let report = try await Self.deliver(.sample(message: "größe \"x\""), by: hook, with: transfer)
                #expect(report.isDelivered)
            }
        }
        let seen = requests.withLock { $0 }
        let request = try #require(seen.first)
        #expect(request.head[0] == "POST /hooks/T0KEN HTTP/1.1")
        #expect(request.header("authorization") == "Bearer s3cret")
        #expect(request.header("content-type") == "application/json; charset=utf-8")
        #expect(seen.map { $0.header("idempotency-key") } == ["r-7/notify/1", "r-7/notify/1"])
        #expect(
            request.text == """
                {"version":1,"id":"r-7/notify/1","run":"r-7","runbook":"zookeeper_quorum_loss","step":"hand_over",\
                "severity":"critical","title":"Restore a quorum","message":"größe \\"x\\"",\
                "facts":[{"name":"leader","value":"zk2"}],"at":"2026-11-21T03:14:15.926Z"}
                """
        )
        #expect(request.header("x-selfheal-timestamp") == "1795230900")
        #expect(
            request.header("x-selfheal-signature")
                == MessageSignature.header(key: Secret("k3y"), unixSeconds: 1_795_230_900, body: request.body)
        )
    }

    @Test func `chat gets text in which nobody can be called by accident`() async throws {
        let requests = Mutex<[ScriptedConnection.Request]>([])
        let server = try ScriptedServer { connection, _ in
            while let request = connection.request() {
                requests.withLock { $0.append(request) }
                connection.answer("200 OK", body: "ok")
            }
        }
        defer { server.stop() }
        try await withWorld { transfer, _ in
            let slack = ChannelConfiguration.slack(.init(url: Secret("http://127.0.0.1:\(server.port)/services/T/B/X")))
            let report = try await Self.deliver(.sample(message: "<!channel> & co"), by: slack, with: transfer)
            #expect(report.isDelivered)
        }
        let text = try #require(requests.withLock { $0.first?.text })
        #expect(text.hasPrefix(#"{"text":"[critical] Restore a quorum\n\n&lt;!channel&gt; &amp; co\n\nrunbook: "#))
    }

    @Test(arguments: [500, 503, 429, 408])
    func `what may pass is sent again under the same key`(status: Int) async throws {
        let keys = Mutex<[String?]>([])
        let server = try ScriptedServer { connection, _ in
            while let request = connection.request() {
                let isFirst = keys.withLock { keys in
                    keys.append(request.header("idempotency-key"))
                    return keys.count == 1
                }
                connection.answer(isFirst ? "\(status) Busy" : "204 No Content")
            }
        }
        defer { server.stop() }
        try await withWorld { transfer, _ in
            let hook = ChannelConfiguration.webhook(.init(url: Secret("http://127.0.0.1:\(server.port)/")))
            let report = try await Self.deliver(by: hook, with: transfer)
            #expect(report.isDelivered)
            #expect(report.attempts == 2)
        }
        #expect(keys.withLock { $0 } == ["r-7/notify/1", "r-7/notify/1"])
    }

    @Test(arguments: [400, 401, 404, 302])
    func `what will not pass is not sent again`(status: Int) async throws {
        let server = try ScriptedServer { connection, _ in
            while let request = connection.request() {
                connection.answer("\(status) No", body: "bad \(request.header("authorization") ?? "")\u{1b}[2J")
            }
        }
        defer { server.stop() }
        let url = "http://ada:hunter2@127.0.0.1:\(server.port)/hooks/T0KEN"
        let hook = ChannelConfiguration.webhook(
            .init(url: Secret(url), headers: [("Authorization", Secret("Bearer s3cret"))])
        )
        try await withWorld { transfer, _ in
            let report = try await Self.deliver(by: hook, with: transfer)
            #expect(report.attempts == 1)
            guard case .failed(let message) = report.outcome else { return #expect(Bool(false)) }
            #expect(message.hasPrefix("http://127.0.0.1:\(server.port) answered \(status) ('bad <secret> [2J'); "))
            for secret in ["hunter2", "T0KEN", "s3cret"] { #expect(!String(reflecting: report).contains(secret)) }
        }
    }

    @Test func `nobody listening is tried again and then reported`() async throws {
        let server = try ScriptedServer { _, _ in }
        server.stop()
        try await withWorld { transfer, _ in
            let slack = ChannelConfiguration.slack(.init(url: Secret("http://127.0.0.1:\(server.port)/services/T0KEN")))
            let report = try await Self.deliver(by: slack, with: transfer)
            #expect(report.attempts == 3)
            #expect(!report.mayHaveArrived)
            guard case .failed(let message) = report.outcome else { return #expect(Bool(false)) }
            #expect(message.contains("refused the connection"))
            #expect(!message.contains("T0KEN"))
        }
    }

    @Test func `a cancelled delivery ends at once and is not repeated`() async throws {
        let (events, says) = AsyncStream.makeStream(of: String.self)
        let server = try ScriptedServer { connection, _ in
            _ = connection.request()
            says.yield("request")
            connection.waitUntilClosed()
        }
        defer { server.stop() }
        let hook = ChannelConfiguration.webhook(.init(url: Secret("http://127.0.0.1:\(server.port)/")))
        try await withWorld { transfer, _ in
            let task = Task { try await Self.deliver(by: hook, with: transfer) }
            var seen = events.makeAsyncIterator()
            #expect(await seen.next() == "request")
            task.cancel()
            let report = try await task.value
            #expect(report.attempts == 1)
            #expect(report.mayHaveArrived)
            #expect(!report.isDelivered)
        }
    }

    // MARK: File

    @Test func `a file gets one line of JSON for each notice`() async throws {
        try await withWorld { transfer, folder in
            let path = "\(folder)/notices.jsonl"
            for number in 1...2 {
                let report = try await Self.deliver(
                    .sample(id: "n\(number)", message: "two\nlines"),
                    by: .file(path: path),
                    with: transfer
                )
                #expect(report.isDelivered)
            }
            let lines = try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n")
            #expect(try lines.map { try JSON(parsing: String($0))["id"]?.stringValue } == ["n1", "n2"])
        }
    }

    @Test func `a file that cannot be written is reported with its path`() async throws {
        try await withWorld { transfer, folder in
            let report = try await Self.deliver(by: .file(path: "\(folder)/none/notices.jsonl"), with: transfer)
            guard case .failed(let message) = report.outcome else { return #expect(Bool(false)) }
            #expect(message.contains("\(folder)/none/notices.jsonl' (No such file or directory)"))
            #expect(report.attempts == 1)
        }
    }

    // MARK: Configuration

    @Test func `every mistake is found before anything is sent`() async throws {
        let transfer = CurlTransfer()
        let configurations: [String: ChannelConfiguration] = [
            "a": .smtp(.init(server: "mail.example.org", from: "engine@example.org", to: ["ada@example.org"])),
            "b": .smtp(.init(server: "smtp://mail.example.org", from: "engine", to: ["ada@example.org"])),
            "c": .smtp(
                .init(server: "smtp://mail.example.org", from: "e@example.org", to: ["a@example.org", "x\r\ny"])
            ),
            "d": .smtp(.init(server: "smtp://mail.example.org", from: "e@example.org", to: [])),
            "e": .smtp(
                .init(
                    server: "smtp://mail.example.org",
                    requireTLS: .opportunistic,
                    credentials: .init(user: "engine", password: Secret("hunter2")),
                    from: "e@example.org",
                    to: ["a@example.org"]
                )
            ),
            "f": .webhook(.init(url: Secret("ftp://example.org/T0KEN"))),
            "g": .webhook(.init(url: Secret("https://example.org/"), headers: [("X", Secret("a\r\nb"))])),
            "h": .webhook(.init(url: Secret("https://example.org/"), headers: [("Idempotency-Key", Secret("a"))])),
            "i": .slack(.init(url: Secret("not a url"))),
            "j": .file(path: "relative.jsonl"),
            "k": .file(path: "/tmp/fine.jsonl"),
        ]
        let invalid = #expect(throws: ChannelDirectory.Invalid.self) {
            try ChannelDirectory(configurations, transfer: transfer) { 0 }
        }
        await transfer.shutdown()
        #expect(invalid?.problems.map(\.channel) == ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"])
        let text = String(describing: try #require(invalid))
        #expect(text.contains("channel 'c': recipient 2 is not an address"))
        #expect(text.contains("channel 'e': the mail for smtp://mail.example.org cannot be sent: user and password"))
        for secret in ["hunter2", "T0KEN"] { #expect(!text.contains(secret)) }
    }
}
