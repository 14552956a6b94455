// Selfheal
// SPDX-License-Identifier: Apache-2.0

import CurlTransfer
import Foundation
import Probes
import RunCore
import RunPlan
import RunVocabulary
import SSHClient
import TestSupport
import Testing

@testable import WorldAdapters

/// Looks over TLS, at a real server with a certificate of its own.
@Suite struct HTTPSProbeTests {
    /// A server that answers every GET with 418 and a word, over TLS.
    private static let program = """
        import http.server, os, ssl, sys
        class Answers(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                body = ("asked for " + self.path).encode()
                self.send_response(418)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
            def log_message(self, *words):
                pass
        server = http.server.HTTPServer(("127.0.0.1", 0), Answers)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(sys.argv[1], sys.argv[2])
        server.socket = context.wrap_socket(server.socket, server_side=True)
        with open(sys.argv[3] + ".new", "w") as port:
            port.write(str(server.server_port))
        os.rename(sys.argv[3] + ".new", sys.argv[3])
        server.serve_forever()
        """

    @Test func `an answer over TLS is one whose certificate is trusted`() async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "https-probe-\(UUID().uuidString)").path()
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let certificate = try MailSink.Certificate(in: folder)
        let place = "\(folder)/port"
        let server = try startProgram(
            "/usr/bin/python3",
            ["-c", Self.program, certificate.certificate, certificate.key, place]
        )
        defer {
            kill(server, SIGKILL)
            waitForEnd(of: server)
        }
        // The server listens before it says where.
        let end = ContinuousClock.now + .seconds(60)
        while !FileManager.default.fileExists(atPath: place), ContinuousClock.now < end {
            try await Task.sleep(for: .milliseconds(10))
        }
        let port = try #require(Int(String(contentsOfFile: place, encoding: .utf8)))

        let trusted = try await Self.look("https://127.0.0.1:\(port)/health?deep", trusting: certificate.certificate)
        #expect(trusted["answered"] == .bool(true), "\(trusted)")
        #expect(trusted["status"] == .int(418))
        #expect(trusted["body"] == .string("asked for /health?deep"))
        #expect(trusted["problem"] == .string(""))

        // Whoever it is, it is not whom we asked: nothing is known.
        let stranger = try await Self.look("https://127.0.0.1:\(port)/health", trusting: nil)
        #expect(stranger["answered"] == nil && stranger["status"] == nil, "\(stranger)")
        #expect(stranger["problem"] != .string("") && stranger["problem"] != nil)
    }

    @Test func `a refused connection is a definite answer over TLS, too`() async throws {
        try await ProbeBench.withClosedPort { port in
            let facts = try await Self.look("https://127.0.0.1:\(port)/", trusting: nil)
            #expect(facts["answered"] == .bool(false), "\(facts)")
            #expect(facts["problem"] == .string("connection refused"))
        }
    }

    private static func look(_ url: String, trusting authorities: String?) async throws -> [String: Fact] {
        let prober = try SocketProber()
        let client = try SSHClient()
        let transfer = CurlTransfer()
        let runner = LiveProbeRunner(
            prober: prober,
            client: client,
            transfer: transfer,
            trustedAuthorities: authorities
        )
        let order = ProbeOrder(question: .http(url: url, port: nil, path: "/"), targets: [], timeout: .seconds(60))
        let reports = await runner.probe(
            order,
            in: Inventory(clusterName: "practice", clusterID: "", nodes: [], services: [])
        )
        await transfer.shutdown()
        await client.shutDown()
        await prober.shutdown()
        return try #require(reports.first).facts
    }
}
