// Selfheal
// SPDX-License-Identifier: Apache-2.0

import CELExpressions
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

/// Looks of monitors at real servers: what counts as healthy, and what is said when it does not.
@Suite struct MonitorLookTests {
    private static func condition(_ text: String) throws -> RunPlan.Expression {
        RunPlan.Expression(try #require(CELExpression.parse(text).0), place: Place(line: 1, column: 1))
    }

    private static func template(_ text: String) throws -> Template {
        Template(try #require(CELTemplate.parse(text).0), place: Place(line: 1, column: 1))
    }

    /// One look of all the node's monitors.
    private static func observe(
        _ node: Node,
        by monitors: [NodeMonitor],
        trusting authorities: String? = nil
    ) async throws -> [String: Fact] {
        var node = node
        node.monitors = monitors
        node.monitor = monitors.first?.probe
        let (prober, client, transfer) = (try SocketProber(), try SSHClient(), CurlTransfer())
        let runner = LiveProbeRunner(
            prober: prober,
            client: client,
            transfer: transfer,
            trustedAuthorities: authorities,
            observationTimeout: .minutes(5)
        )
        let inventory = Inventory(clusterName: "practice", clusterID: "", nodes: [node], services: [])
        let reports = await runner.observe([node.name], in: inventory)
        let single = await runner.look(at: node.name, by: monitors[0].name, in: inventory)
        await transfer.shutdown()
        await client.shutDown()
        await prober.shutdown()
        let report = try #require(reports.first)
        #expect(monitors.count > 1 || single.facts["serving"] == report.facts["serving"])
        return report.facts
    }

    /// A server that says of itself how it is, under two paths.
    private static func withPages(_ work: (_ node: Node) async throws -> Void) async throws {
        let server = try ScriptedServer { connection, _ in
            let isWell = connection.request()?.head.first?.hasPrefix("GET /well/here ") ?? false
            connection.answer(isWell ? "200 OK" : "503 Busy", body: isWell ? "lag=3" : "lag=90")
        }
        defer { server.stop() }
        var node = ProbeBench.node()
        node.ports["http"] = Int(server.port)
        try await work(node)
    }

    private static func page(_ path: String, name: String = "", healthy: String? = nil) throws -> NodeMonitor {
        NodeMonitor(
            name: name,
            probe: .http(HTTPQuestion(url: nil, port: "http", path: try self.template(path))),
            healthy: try healthy.map(self.condition)
        )
    }

    @Test func `a page is healthy by its status, or by what it says`() async throws {
        try await Self.withPages { node in
            let well = try await Self.observe(node, by: [Self.page("/well/${{ target.name }}")])
            #expect(well["serving"] == .bool(true) && well["health"] == .string("up"), "\(well)")
            let busy = try await Self.observe(node, by: [Self.page("/busy")])
            #expect(busy["serving"] == .bool(false) && busy["health"] == .string("down"), "\(busy)")
            #expect(busy["problem"] == .string("it answers with status 503"))
            let rule = "result.status == 503 && result.body == 'lag=90'"
            let meant = try await Self.observe(node, by: [Self.page("/busy", healthy: rule)])
            #expect(meant["serving"] == .bool(true), "\(meant)")
            let slow = try await Self.observe(node, by: [Self.page("/busy", healthy: "result.body == 'lag=0'")])
            #expect(slow["serving"] == .bool(false))
            #expect(slow["problem"] == .string("'result.body == 'lag=0'' does not hold (body is lag=90)"))
        }
    }

    @Test func `of several one that says down is enough, and is named`() async throws {
        try await Self.withPages { node in
            let socket = NodeMonitor(name: "socket", probe: .tcp(port: "http"))
            let monitors = [socket, try Self.page("/well/here", name: "well"), try Self.page("/busy", name: "busy")]
            let facts = try await Self.observe(node, by: monitors)
            #expect(facts["serving"] == .bool(false) && facts["answered"] == .bool(true))
            #expect(facts["problem"] == .string("busy: it answers with status 503"))
            let up = try await Self.observe(node, by: Array(monitors.prefix(2)))
            #expect(up["serving"] == .bool(true) && up["problem"] == .string(""))
        }
    }

    @Test func `what the node refuses is down, and what somebody else refuses says nothing of it`() async throws {
        try await ProbeBench.withClosedPort { port in
            var node = ProbeBench.node()
            node.ports["http"] = Int(port)
            let own = try await Self.observe(node, by: [Self.page("/")])
            #expect(own["serving"] == .bool(false) && own["problem"] == .string("connection refused"))
            node.host = "127.0.0.2"
            let url = try Self.template("http://127.0.0.1:\(port)/")
            let page = NodeMonitor(probe: .http(HTTPQuestion(url: url, port: nil, path: nil)))
            let query = PrometheusQuestion(url: try Self.template("http://127.0.0.1:\(port)"), query: url)
            let metrics = NodeMonitor(probe: .prometheus(query), healthy: try Self.condition("result.value > 0.0"))
            for monitor in [page, metrics] {
                let facts = try await Self.observe(node, by: [monitor])
                #expect(facts["serving"] == nil && facts["health"] == nil && facts["answered"] == nil, "\(facts)")
                #expect(facts["problem"] == .string("connection refused"))
            }
        }
    }

    @Test func `who speaks TLS is up, and its certificate is for the condition`() async throws {
        try await TLSProbeTests.serving { port, certificate in
            var node = ProbeBench.node()
            node.ports["tls"] = Int(port)
            let probe = ProbeSpecification.tls(TLSQuestion(address: nil, port: "tls", name: nil))
            let stranger = try await Self.observe(node, by: [NodeMonitor(probe: probe)])
            #expect(stranger["serving"] == .bool(true), "\(stranger)")
            let rule = try Self.condition("result.trusted && result.days_left > 60")
            let old = NodeMonitor(probe: probe, healthy: rule)
            let facts = try await Self.observe(node, by: [old], trusting: certificate)
            #expect(facts["serving"] == .bool(false), "\(facts)")
            let reason = "'\(rule.text)' does not hold (trusted is true, days_left is 39)"
            #expect(facts["problem"] == .string(reason))
        }
    }

    @Test func `a command is healthy by its status, or by what it prints`() async throws {
        let server = try TestServer()
        let key = try String(contentsOf: server.file("host_ed25519.pub"), encoding: .utf8)
        var node = ProbeBench.node()
        node.ssh = SSHAccess(
            address: "127.0.0.1",
            port: Int(server.port),
            user: NSUserName(),
            hostKeys: [key.split(separator: " ").prefix(2).joined(separator: " ")],
            identityFile: server.file("user").path
        )
        let monitor = { (words: [String], healthy: String?) throws -> NodeMonitor in
            NodeMonitor(
                probe: .ssh(command: try words.map(Self.template)),
                healthy: try healthy.map(Self.condition)
            )
        }
        let fine = try await Self.observe(node, by: [monitor(["true"], nil)])
        #expect(fine["serving"] == .bool(true), "\(fine)")
        let wrong = try await Self.observe(node, by: [monitor(["sh", "-c", "exit 3"], nil)])
        #expect(wrong["serving"] == .bool(false), "\(wrong)")
        #expect(wrong["problem"] == .string("the command ended with status 3"))
        let printed = try await Self.observe(
            node,
            by: [monitor(["echo", "it's ${{ target.name }}"], "result.stdout == \"it's here\\n\"")]
        )
        #expect(printed["serving"] == .bool(true), "\(printed)")
        // Where nobody answers, nothing is known of the node's health.
        node.ssh?.port = Int(try TestServer.freePort())
        let silent = try await Self.observe(node, by: [monitor(["true"], nil)])
        #expect(silent["serving"] == nil && !silent.problemText.isEmpty, "\(silent)")
    }
}
