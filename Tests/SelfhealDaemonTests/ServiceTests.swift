// Selfheal
// SPDX-License-Identifier: Apache-2.0

import ClusterWatch
import Foundation
import Glibc
import Notifications
import RunPlan
import RunVocabulary
import SelfhealConfiguration
import SelfhealEngine
import TestSupport
import Testing

@testable import SelfhealDaemon

/// The daemon as others see it over HTTP.
@Suite(.serialized) struct ServiceTests {
    private static func message(_ events: [String], status: String = "firing") -> String {
        let alerts = events.map { event in
            #"{"status":"\#(status)","labels":{"alertname":"Down","event_id":"\#(event)"},"startsAt":"t"}"#
        }
        return #"{"version":"4","status":"\#(status)","alerts":[\#(alerts.joined(separator: ","))]}"#
    }

    private static func wait(for ledger: [String], in folder: String) async throws {
        _ = try await Service.wait("wrote \(ledger)") { Service.ledger(folder).count >= ledger.count ? true : nil }
        #expect(Service.ledger(folder) == ledger.sorted())
    }

    @Test func `an alert is acted upon once, however often it is sent`() async throws {
        let folder = try Service.folder()
        let service = try await Service(folder)
        for round in 0..<3 {
            let answer = try await RawClient.post(port: service.port, "/alertmanager", Self.message(["a", "b"]))
            #expect(answer.status == 200)
            #expect(answer.text == (round == 0 ? "taken: 2, known: 0, over: 0\n" : "taken: 0, known: 2, over: 0\n"))
        }
        let strange = #"{"version":"4","alerts":[{"status":"firing","labels":{"alertname":"Other"}}]}"#
        #expect(try await RawClient.post(port: service.port, "/alertmanager", strange).status == 200)
        try await Self.wait(for: ["a", "b"], in: folder)
        try await service.stop()
        #expect(Service.ledger(folder) == ["a", "b"])
        try FileManager.default.removeItem(atPath: folder)
    }

    // Goal: what was answered with 200 is acted upon by the next daemon, and not by both.
    // Method: write alerts down as the first one does before it answers, and nothing else: that is what a kill leaves at the worst moment.
    @Test func `what one daemon took, the next one acts upon, once`() async throws {
        let folder = try Service.folder()
        let alerts = ["a", "b", "c"].map { event in
            let labels = ["alertname": "Down", "event_id": event]
            return (
                runbook: "write_down",
                alert: Alert(kind: .alert, name: "Down", labels: labels, isFiring: true, began: "t")
            )
        }
        let engine = try Engine.open(try Service.configuration(folder))
        _ = try await engine.take(alerts)
        await engine.close()
        for _ in 0..<2 {
            let service = try await Service(folder)
            try await Self.wait(for: ["a", "b", "c"], in: folder)
            let answer = try await RawClient.post(port: service.port, "/alertmanager", Self.message(["a", "b", "c"]))
            #expect(answer.text == "taken: 0, known: 3, over: 0\n")
            try await service.stop()
        }
        #expect(Service.ledger(folder) == ["a", "b", "c"])
        try FileManager.default.removeItem(atPath: folder)
    }

    @Test func `a webhook wants its key`() async throws {
        let folder = try Service.folder()
        let service = try await Service(folder)
        let body = #"{"event_id":"w"}"#
        func post(_ path: String, _ headers: [String: String]) async throws -> Int {
            try await RawClient.post(port: service.port, path, body, headers: headers).status
        }
        #expect(try await post("/webhooks/told", [:]) == 401)
        #expect(try await post("/webhooks/told", ["Authorization": "Bearer \(Service.token)x"]) == 401)
        #expect(try await post("/webhooks/told", ["Authorization": "Bearer "]) == 401)
        #expect(try await post("/webhooks/nobody", ["Authorization": "Bearer \(Service.token)"]) == 404)
        let right = ["Authorization": "Bearer \(Service.token)", "Idempotency-Key": "one"]
        #expect(try await post("/webhooks/told", right) == 200)
        #expect(try await post("/webhooks/told", right) == 200)
        try await Self.wait(for: ["w"], in: folder)
        try await service.stop()
        try FileManager.default.removeItem(atPath: folder)
    }

    @Test func `a signed message counts once, and not when it is old or was changed`() async throws {
        let folder = try Service.folder()
        let service = try await Service(folder)
        let body = #"{"event_id":"s"}"#
        let now = Int64(Date.now.timeIntervalSince1970)
        func post(_ seconds: Int64, signing text: String) async throws -> (status: Int, text: String) {
            let signature = MessageSignature.header(
                key: Secret(Service.signingKey),
                unixSeconds: seconds,
                body: Array(text.utf8)
            )
            let headers = ["X-Selfheal-Timestamp": "\(seconds)", "X-Selfheal-Signature": signature]
            return try await RawClient.post(port: service.port, "/webhooks/signed", body, headers: headers)
        }
        #expect(try await post(now, signing: "{}").status == 401)
        #expect(try await post(now - 3_600, signing: body).text.contains("compare the clocks"))
        #expect(try await post(now, signing: body).text == "taken: 1, known: 0, over: 0\n")
        #expect(try await post(now, signing: body).text == "taken: 0, known: 1, over: 0\n")
        #expect(try await RawClient.post(port: service.port, "/webhooks/signed", body).status == 401)
        try await Self.wait(for: ["s"], in: folder)
        try await service.stop()
        try FileManager.default.removeItem(atPath: folder)
    }

    @Test func `what is too long, too deep or nothing is refused, and the others are served on`() async throws {
        let folder = try Service.folder()
        let service = try await Service(folder)
        let port = service.port
        let deep = #"{"version":"4","alerts":"# + String(repeating: "[", count: 100_000)
        #expect(try await RawClient.post(port: port, "/alertmanager", deep).status == 400)
        #expect(try await RawClient.post(port: port, "/alertmanager", "\u{1}\u{2}").status == 400)
        let long = String(repeating: "x", count: 2 << 20)
        #expect(try await RawClient.post(port: port, "/alertmanager", long).status == 413)
        #expect(try await RawClient.get(port: port, "/alertmanager").status == 405)
        #expect(try await RawClient.get(port: port, "/nothing").status == 404)
        #expect(try await RawClient.get(port: port, "/health").status == 200)
        let metrics = try await RawClient.get(port: port, "/metrics").text
        #expect(metrics.contains("selfheal_alerts_total{result=\"refused\"} 2\n"))
        try await service.stop()
        try FileManager.default.removeItem(atPath: folder)
    }

    @Test func `it is well, ready after the first round, and counts what it does`() async throws {
        let folder = try Service.folder()
        let service = try await Service(folder)
        _ = try await Service.wait("is ready") {
            try await RawClient.get(port: service.port, "/ready").status == 200 ? true : nil
        }
        #expect(try await RawClient.get(port: service.port, "/health").status == 200)
        _ = try await RawClient.post(port: service.port, "/alertmanager", Self.message(["m"]))
        let metrics = try await Service.wait("counted the command") {
            let text = try await RawClient.get(port: service.port, "/metrics").text
            return text.contains("kafka_healing_recovery_success_total{") && text.contains("outcome=\"succeeded\"")
                ? text : nil
        }
        for line in [
            #"kafka_healing_health_checks_total{node_id="k1",node_type="kafka_broker",method="socket"}"#,
            #"kafka_healing_health_check_duration_seconds_bucket{node_id="k1",method="socket",le="+Inf"}"#,
            #"kafka_healing_node_health_status{node_id="k1",node_type="kafka_broker"} 0"#,
            #"kafka_healing_recovery_attempts_total{node_id="engine",action_type="changes"} 1"#,
            #"kafka_healing_recovery_success_total{node_id="engine",action_type="changes"} 1"#,
            "kafka_healing_active_monitors 1", #"selfheal_runs_total{runbook="write_down",outcome="succeeded"} 1"#,
            #"selfheal_alerts_total{result="accepted"} 1"#, "selfheal_frozen 0",
            #"selfheal_node_flapping{node_id="k1"} 0"#,
            "selfheal_round_timestamp_seconds ",
        ] {
            #expect(metrics.contains(line), "\(line) is not in\n\(metrics)")
        }
        #expect(try Self.promtool(metrics) == "")
        try await service.stop()
        try FileManager.default.removeItem(atPath: folder)
    }

    /// What Prometheus' own tool has to say about a page.
    private static func promtool(_ page: String) throws -> String {
        let (input, output) = (Pipe(), Pipe())
        let tool = Process()
        tool.executableURL = URL(filePath: "/usr/bin/promtool")
        tool.arguments = ["check", "metrics"]
        tool.standardInput = input
        tool.standardOutput = output
        tool.standardError = output
        try tool.run()
        try input.fileHandleForWriting.write(contentsOf: Data(page.utf8))
        try input.fileHandleForWriting.close()
        let text = try output.fileHandleForReading.readToEnd() ?? Data()
        // It is silent when nothing is wrong. Its end is not waited for: who runs commands in this process hears of it before Foundation does.
        return String(decoding: text, as: UTF8.self)
    }

    @Test func `a good change is live without a restart, and a bad one changes nothing and is told`() async throws {
        let folder = try Service.folder()
        let service = try await Service(folder)
        service.change { throw Service.NotHappened(description: "it is wrong") }
        #expect(try await service.logs("configuration_kept").contains("the earlier one is kept"))
        _ = try await RawClient.post(port: service.port, "/alertmanager", Self.message(["a"]))
        try await Self.wait(for: ["a"], in: folder)
        service.change {
            (try Service.configuration(folder, watch: "cooldown: 1m"), [try Service.runbook(folder, named: "other")])
        }
        #expect(try await service.logs("configuration").contains("may start: other"))
        #expect(service.engine.configuration.watch.cooldown == .minutes(1))
        // It is another runbook, so the same alert is new to it.
        _ = try await RawClient.post(port: service.port, "/alertmanager", Self.message(["a"]))
        try await Self.wait(for: ["a", "a"], in: folder)
        try await service.stop()
        try FileManager.default.removeItem(atPath: folder)
    }

    @Test func `another store is refused while the engine works`() async throws {
        let folder = try Service.folder()
        let service = try await Service(folder)
        service.change {
            (try Service.configuration("\(folder)/elsewhere"), [try Service.runbook(folder)])
        }
        #expect(try await service.logs("configuration_kept").contains("takes a restart"))
        try await service.stop()
        try FileManager.default.removeItem(atPath: folder)
    }

    @Test func `texts are compared as a whole`() {
        #expect(ServiceDesk.areSame("abc", "abc"))
        for other in ["", "ab", "abd", "abcd", "ABC"] {
            #expect(!ServiceDesk.areSame("abc", other))
        }
    }

    @Test func `a watch that does nothing, or sees nothing come back, is not well`() {
        var reading = Pulse.Reading()
        reading.handled = Instant(milliseconds: 100_000)
        reading.looked = Instant(milliseconds: 100_000)
        func trouble(_ seconds: Int64, nodes: Int = 1) -> String? {
            reading.trouble(at: Instant(milliseconds: seconds * 1_000), nodes: nodes, staleAfter: .seconds(30))
        }
        #expect(trouble(105) == nil)
        #expect(trouble(111) == "the watch has done nothing for 11s")
        reading.handled = Instant(milliseconds: 145_000)
        #expect(trouble(145) == "no look at a node has come to an end for 45s")
        #expect(trouble(145, nodes: 0) == nil)
    }

    @Test func `a port that closes by itself is opened again, and that is told`() async throws {
        let folder = try Service.folder()
        let service = try await Service(folder)
        let before = try RawClient(port: service.port)
        #expect(ListeningSocket.fail(port: service.port))
        let ended = try await service.logs("listening_ended")
        #expect(ended.contains("does not listen on 127.0.0.1, port \(service.port) any more"))
        let answer = try await Service.wait("listens again") {
            try? await RawClient.get(port: service.port, "/metrics")
        }
        #expect(answer.text.contains("selfheal_listener_closings_total 1\n"))
        #expect(try await RawClient.post(port: service.port, "/alertmanager", Self.message(["late"])).status == 200)
        try await Self.wait(for: ["late"], in: folder)
        _ = before
        try await service.stop()
        try FileManager.default.removeItem(atPath: folder)
    }

    // Goal: a time that came while no daemon ran is acted upon by the next one, once, and the run after it too.
    // Method: leave behind a daemon that watched until an hour ago, with a runbook for every minute that catches up.
    @Test func `a time that was missed is caught up with once, whoever starts and ends`() async throws {
        let folder = try Service.folder()
        let engine = try Engine.open(try Service.configuration(folder))
        let longAgo = Int64(Date.now.timeIntervalSince1970) - 400 * 86_400
        try await engine.setWatchedUntil(Instant(milliseconds: longAgo * 1_000))
        await engine.close()
        for _ in 0..<2 {
            let service = try await Service(folder, triggers: "- { cron: \"0 0 1 1 *\", catch_up: once, cooldown: 0s }")
            try await Self.wait(for: ["none"], in: folder)
            // Until it is on disk that somebody watches, the next one finds the same time again, and knows it.
            try await service.stop()
        }
        #expect(Service.ledger(folder) == ["none"])
        try FileManager.default.removeItem(atPath: folder)
    }

    @Test func `systemd is told by the socket that it names`() throws {
        let path = "/tmp/selfheal-notify-\(UUID().uuidString.prefix(8))"
        let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
        defer {
            close(descriptor)
            unlink(path)
        }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        #expect(result == 0)
        let manager = ServiceManager(
            environment: ["NOTIFY_SOCKET": path, "WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "17"],
            process: 17
        )
        #expect(manager.watchdog == .seconds(30))
        #expect(manager.say("READY=1"))
        var bytes = [UInt8](repeating: 0, count: 64)
        let count = recv(descriptor, &bytes, bytes.count, 0)
        #expect(String(decoding: bytes.prefix(max(0, count)), as: UTF8.self) == "READY=1")
        #expect(!ServiceManager(environment: [:], process: 17).say("READY=1"))
        #expect(ServiceManager(environment: ["WATCHDOG_USEC": "1", "WATCHDOG_PID": "4"], process: 17).watchdog == nil)
    }
}
