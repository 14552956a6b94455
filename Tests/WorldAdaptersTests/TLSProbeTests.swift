// Selfheal
// SPDX-License-Identifier: Apache-2.0

import CurlTransfer
import Foundation
import RunCore
import RunPlan
import RunVocabulary
import TestSupport
import Testing

@testable import WorldAdapters

/// Handshakes with OpenSSL's own server, and with what only says that it is one.
@Suite struct TLSProbeTests {
    private static func question(_ port: UInt16, name: String? = nil) -> ProbeOrder.Question {
        .tls(TLSQuestion(address: "127.0.0.1:\(port)", port: nil, name: name))
    }

    /// A server of OpenSSL's with a certificate that vouches for itself.
    static func serving(
        _ options: [String] = [],
        days: String = "40",
        _ work: (_ port: UInt16, _ certificate: String) async throws -> Void
    ) async throws {
        try await ProbeBench.inFolder { folder in
            let (certificate, key) = ("\(folder)/certificate.pem", "\(folder)/key.pem")
            let status = try runProgram(
                "/usr/bin/openssl",
                [
                    "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                    "-days", days, "-subj", "/O=Ex, DNS:forged.example/CN=localhost", "-addext",
                    "subjectAltName=DNS:localhost,DNS:*.kafka.example,IP:127.0.0.1,email:a@b.example",
                    "-keyout", key, "-out", certificate,
                ]
            )
            try #require(status == 0)
            let port = try TestServer.freePort()
            try await ProbeBench.serving(
                port,
                "/usr/bin/openssl",
                ["s_server", "-accept", "127.0.0.1:\(port)", "-cert", certificate, "-key", key, "-quiet"] + options
            ) {
                try await work(port, certificate)
            }
        }
    }

    @Test func `a certificate that is vouched for is told with its time and its names`() async throws {
        try await Self.serving { port, certificate in
            let facts = try await ProbeBench.look(Self.question(port), trusting: certificate)
            #expect(facts["answered"] == .bool(true), "\(facts)")
            #expect(facts["trusted"] == .bool(true))
            #expect(facts["problem"] == .string(""))
            #expect(facts["days_left"] == .int(39))
            #expect(facts["names"] == .strings(["localhost", "*.kafka.example", "127.0.0.1"]))
            #expect(facts["protocol"] == .string("TLSv1.3"))
            #expect(facts["latency"] != nil)
            guard case .string(let subject) = facts["subject"], case .moment(let end) = facts["not_after"] else {
                Issue.record("\(facts)")
                return
            }
            #expect(subject.contains("CN = localhost") && facts["issuer"] == .string(subject))
            let left = end.milliseconds - Int64(Date.now.timeIntervalSince1970 * 1_000)
            #expect((39 * 86_400_000...40 * 86_400_000).contains(left))
        }
    }

    @Test func `of a stranger one learns who he says he is, and that nobody vouches for him`() async throws {
        try await Self.serving { port, certificate in
            let stranger = try await ProbeBench.look(Self.question(port))
            #expect(stranger["answered"] == .bool(true), "\(stranger)")
            #expect(stranger["trusted"] == .bool(false))
            #expect(stranger["days_left"] == .int(39))
            #expect(stranger.problemText.contains("self-signed"))

            let other = try await ProbeBench.look(Self.question(port, name: "other.example"), trusting: certificate)
            #expect(other["trusted"] == .bool(false) && other["days_left"] == .int(39), "\(other)")
            #expect(other.problemText.contains("other.example"))

            let named = try await ProbeBench.look(Self.question(port, name: "a.kafka.example"), trusting: certificate)
            #expect(named["trusted"] == .bool(true), "\(named)")
        }
    }

    @Test func `an older version is told, and a port of the node is asked at its host`() async throws {
        try await Self.serving(["-tls1_2"]) { port, certificate in
            var node = ProbeBench.node()
            node.ports["secure"] = Int(port)
            let question = ProbeOrder.Question.tls(TLSQuestion(address: nil, port: "secure", name: nil))
            let facts = try await ProbeBench.look(question, at: node, trusting: certificate)
            #expect(facts["trusted"] == .bool(true) && facts["protocol"] == .string("TLSv1.2"), "\(facts)")
        }
    }

    @Test func `a server that ends the handshake has answered, and no more is known`() async throws {
        // Both sides want a version that the other has not.
        try await Self.serving(["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"]) { port, certificate in
            let facts = try await ProbeBench.look(Self.question(port), trusting: certificate)
            #expect(facts["answered"] == .bool(true), "\(facts)")
            #expect(facts["trusted"] == nil && facts["days_left"] == nil)
            #expect(facts.problemText.contains("alert"))
        }
    }

    @Test func `what is no TLS is a definite answer, and what hangs up is none`() async throws {
        let plain = try ScriptedServer { connection, _ in
            _ = connection.bytes(5)
            connection.send("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
            connection.waitUntilClosed()
        }
        defer { plain.stop() }
        let facts = try await ProbeBench.look(Self.question(plain.port))
        #expect(facts["answered"] == .bool(false), "\(facts)")
        #expect(facts.problemText.contains("not TLS"))

        let rude = try ScriptedServer { connection, _ in _ = connection.bytes(5) }
        defer { rude.stop() }
        let nothing = try await ProbeBench.look(Self.question(rude.port))
        #expect(nothing["answered"] == nil && !nothing.problemText.isEmpty, "\(nothing)")
    }

    @Test func `silence is unknown, and a refused connection is not`() async throws {
        let silent = try ScriptedServer { connection, _ in connection.waitUntilClosed() }
        defer { silent.stop() }
        let nothing = try await ProbeBench.look(Self.question(silent.port), timeout: Milliseconds(300))
        #expect(nothing["answered"] == nil && !nothing.problemText.isEmpty, "\(nothing)")

        try await ProbeBench.withClosedPort { port in
            let facts = try await ProbeBench.look(Self.question(port))
            #expect(facts["answered"] == .bool(false), "\(facts)")
            #expect(facts["problem"] == .string("connection refused"))
        }
    }

    @Test(arguments: ["", "127.0.0.1", "127.0.0.1:0", "a b:1", "a/b:1", "2001:db8::1:443", "a:+1", "user@a:1"])
    func `an address that is none is not asked`(address: String) async throws {
        let facts = try await ProbeBench.look(.tls(TLSQuestion(address: address, port: nil, name: nil)))
        #expect(facts["answered"] == nil && facts.problemText.contains("no host with a port"), "\(facts)")
    }

    @Test func `days left are whole days, and below zero when it is over`() {
        var peer = TLSHandshake.Peer()
        func left(_ seconds: Int64) -> Fact? {
            peer.notAfter = 1_000_000 + seconds
            let now = Instant(milliseconds: 1_000_000_000)
            return LiveProbeRunner.facts(.met(peer, distrust: "over"), now: now)["days_left"]
        }
        #expect(left(86_400) == .int(1) && left(86_399) == .int(0) && left(0) == .int(0))
        #expect(left(-1) == .int(-1) && left(-86_400) == .int(-1) && left(-86_401) == .int(-2))
    }
}
