// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunVocabulary
import RunbookSource
import RunbookYAML
import SelfhealConfiguration
import TestSupport
import Testing

@Suite struct ChannelTests {
    static func channel(_ text: String, environment: [String: String] = ["P": "hunter2"]) -> Loaded {
        Loaded.withCluster("notifications: { channels: { oncall: { \(text) } } }\n", environment: environment)
    }

    static func mail(_ text: String, environment: [String: String] = ["P": "hunter2"]) -> Loaded {
        self.channel("kind: smtp, from: a@example.com, to: [b@example.com], \(text)", environment: environment)
    }

    @Test func `every kind of channel loads`() throws {
        let loaded = Loaded.withCluster(
            """
            notifications:
              channels:
                mail:
                  kind: smtp
                  server: smtps://mail.example.com:465
                  user: u
                  password: ${P}
                  from: Selfheal <a@example.com>
                  to: b@example.com
                  ca_file: ca.pem
                hook:
                  kind: webhook
                  url: https://hooks.example.com/x
                  headers: { Authorization: "Bearer ${P}", X-Team: kafka }
                  signing_key: ${P}
                chat: { kind: slack, url: "https://chat.example.com/${P}" }
                record: { kind: file, path: notices.jsonl }
                here: { kind: console }
            """,
            environment: ["P": "hunter2"]
        )
        #expect(loaded.diagnostics == [])
        let channels = try #require(loaded.configuration).channels
        #expect(channels.map(\.name) == ["mail", "hook", "chat", "record", "here"])
        guard case .smtp(let mail) = channels[0].kind, case .webhook(let hook) = channels[1].kind else {
            Issue.record("a channel is of another kind than it says")
            return
        }
        #expect(mail.server == "smtps://mail.example.com:465")
        #expect(mail.from == "Selfheal <a@example.com>")
        #expect(mail.to == ["b@example.com"])
        #expect(mail.credentials?.password.reveal() == "hunter2")
        #expect(mail.trustedAuthorities == "/etc/selfheal/ca.pem")
        #expect(hook.url.reveal() == "https://hooks.example.com/x")
        #expect(hook.headers.map(\.name) == ["Authorization", "X-Team"])
        #expect(hook.headers[0].value.reveal() == "Bearer hunter2")
        #expect(hook.signingKey?.reveal() == "hunter2")
        #expect(channels[2].kind == .slack(url: Secret("https://chat.example.com/hunter2")))
        #expect(channels[3].kind == .file(path: "/etc/selfheal/notices.jsonl"))
        #expect(channels[4].kind == .console)
    }

    @Test(arguments: [
        ("host: mail.example.com", "smtp://mail.example.com"),
        ("host: mail.example.com, port: 25", "smtp://mail.example.com:25"),
        ("host: mail.example.com, port: 465", "smtps://mail.example.com:465"),
        ("host: \"fe80::1\", port: 25", "smtp://[fe80::1]:25"),
        ("server: \"smtp://[::1]:25\"", "smtp://[::1]:25"),
        ("server: smtp://mail.example.com", "smtp://mail.example.com"),
    ])
    func `a mail server is an address, or a host and a port`(text: String, server: String) throws {
        let loaded = Self.mail(text)
        #expect(loaded.diagnostics == [])
        guard case .smtp(let mail) = try #require(loaded.configuration).channels[0].kind else {
            Issue.record("no mail")
            return
        }
        #expect(mail.server == server)
    }

    @Test(arguments: [
        ("host: localhost", Channel.Mail.Encryption.opportunistic), ("host: 127.0.0.1", .opportunistic),
        ("host: mail.example.com", .required), ("host: mail.example.com, tls: never", .never),
    ])
    func `mail that leaves this machine is encrypted unless told otherwise`(
        text: String,
        encryption: Channel.Mail.Encryption
    ) throws {
        guard case .smtp(let mail) = try #require(Self.mail(text).configuration).channels[0].kind else {
            Issue.record("no mail")
            return
        }
        #expect(mail.encryption == encryption)
    }

    @Test(arguments: ["mail.example.com", "http://mail.example.com", "smtp://", "smtp://a:0", "smtp://a:x", "smtp:/a"])
    func `what is no mail server is refused`(server: String) {
        let loaded = Self.mail("server: ❶\"\(server)\"❶")
        #expect(loaded.diagnostics == [.badMailServer(server, at: loaded.source["❶"])])
    }

    @Test(arguments: ["ops", "@example.com", "ops@", "a@b@c", "a@example.com\\r\\nBcc: x"])
    func `what is no mail address is refused`(address: String) {
        let loaded = Self.channel("kind: smtp, host: h, from: a@example.com, to: [❶\"\(address)\"❶]")
        #expect(loaded.diagnostics.map(\.code.number) == [518])
        #expect(loaded.diagnostics.map(\.span) == [loaded.source["❶"]])
    }

    @Test func `a mail channel says what it lacks`() {
        let loaded = Self.channel("kind: smtp")
        #expect(
            loaded.diagnostics.map(\.message) == [
                "channel 'oncall' needs 'server'", "channel 'oncall' needs 'from'", "channel 'oncall' needs 'to'",
            ]
        )
        #expect(Self.mail("host: h, user: u").diagnostics.map(\.message) == ["channel 'oncall' needs 'password'"])
        #expect(
            Self.mail("host: h, password: \"${P}\"").diagnostics.map(\.message) == ["channel 'oncall' needs 'user'"]
        )
        let nobody = Self.channel("kind: smtp, host: h, from: a@example.com, to: ❶[]❶")
        #expect(nobody.diagnostics == [.noRecipients(at: nobody.source["❶"])])
    }

    @Test(arguments: ["never", "opportunistic"]) func `no password travels in the open`(tls: String) {
        let secrets = "user: u, password: \"${P}\""
        let loaded = Self.mail("host: mail.example.com, tls: ❶\(tls)❶, \(secrets)")
        #expect(loaded.diagnostics == [.passwordInTheOpen(at: loaded.source["❶"])])
        #expect(Self.mail("host: localhost, tls: \(tls), \(secrets)").diagnostics == [])
        #expect(Self.mail("server: smtps://mail.example.com, tls: \(tls), \(secrets)").diagnostics == [])
    }

    @Test func `an unknown kind is one mistake`() {
        let loaded = Self.channel("kind: ❶pagerduty❶, routing_key: x")
        let kinds = ["smtp", "webhook", "slack", "file", "console"]
        #expect(
            loaded.diagnostics == [.unknownWord("pagerduty", for: "kind", at: loaded.source["❶"], known: kinds)]
        )
        #expect(Self.channel("path: x").diagnostics.map(\.message) == ["channel 'oncall' needs 'kind'"])
    }

    @Test(arguments: ["hooks.example.com", "ftp://hooks.example.com", "https://", "https://a b"])
    func `what is no web address is refused`(url: String) {
        let loaded = Self.channel("kind: webhook, url: ❶\"\(url)\"❶")
        #expect(loaded.diagnostics == [.badWebAddress(in: "channel 'oncall'", at: loaded.source["❶"])])
    }

    @Test func `two channels cannot be called 'smtp'`() {
        let loaded = Loaded.withCluster(
            """
            notifications:
              channels: { smtp: { kind: console } }
              ❶smtp❶: { host: h, from: a@example.com, to: [b@example.com] }
            """
        )
        #expect(loaded.diagnostics == [.duplicateChannel("smtp", at: loaded.source["❶"])])
    }

    // MARK: Secrets

    @Test func `a secret in the file is warned about, wherever one can be`() {
        let loaded = Loaded.withCluster(
            """
            notifications:
              channels:
                mail: { kind: smtp, host: h, user: u, password: ❶p❶, from: a@example.com, to: [b@example.com] }
                hook: { kind: webhook, url: "https://h/x", signing_key: ❷k❷, headers: { Authorization: ❸t❸, X-Team: a } }
                chat: { kind: slack, url: ❹"https://h/y"❹ }
            """
        )
        let source = loaded.source
        #expect(
            loaded.diagnostics == [
                .secretInFile("password", at: source["❶"]), .secretInFile("signing_key", at: source["❷"]),
                .secretInFile("Authorization", at: source["❸"]), .secretInFile("url", at: source["❹"]),
            ]
        )
        #expect(loaded.configuration != nil)
    }

    @Test func `a secret shows in no diagnostic and in no description`() throws {
        let wrong = Self.channel("kind: slack, url: \"${P}\"")
        #expect(wrong.diagnostics.count == 1)
        #expect(!wrong.diagnostics.contains { wrong.source.render($0).contains("hunter2") })
        let right = Self.mail("host: h, user: u, password: \"${P}\"")
        let configuration = try #require(right.configuration)
        var dumped = "\(configuration)"
        dump(configuration, to: &dumped)
        #expect(!dumped.contains("hunter2"))
        #expect(dumped.contains("<secret>"))
    }
}
