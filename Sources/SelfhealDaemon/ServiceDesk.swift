// Selfheal
// SPDX-License-Identifier: Apache-2.0

import ClusterWatch
import HTTPService
import Notifications
import RunPlan
import RunVocabulary
import SelfhealConfiguration
import SelfhealEngine
import WorldAdapters

/// What the daemon says to those who ask over HTTP, and what it takes from them.
///
/// Who sent something is known before it is read. What is answered with 200 is on disk.
struct ServiceDesk: Sendable {
    let engine: Engine
    let current: CurrentWatch
    let metrics: WatchMetrics
    let pulse: Pulse
    /// Hands over to the watch.
    let send: @Sendable (WatchEvent) -> Void
    let nextIdentifier: @Sendable () -> String

    /// How far the clocks of a sender and us may be apart; an older message is one that somebody recorded.
    static let replayWindow = Int64(300)

    private var runbooks: [WatchedRunbook] {
        self.current.watched
    }

    /// Without the section, nobody is believed any more until the restart that closes the port.
    private var settings: HTTPSettings? {
        self.engine.configuration.http
    }

    func answer(_ request: HTTPRequest) async -> HTTPAnswer {
        let parts = request.path.split(separator: "/", omittingEmptySubsequences: true)
        switch (parts.first.map(String.init), parts.count) {
        case ("metrics", 1): return self.reading(request) { self.page() }
        case ("health", 1): return self.reading(request) { self.health() }
        case ("ready", 1): return self.reading(request) { self.readiness() }
        case ("alertmanager", 1): return await self.writing(request) { await self.alertmanager(request) }
        case ("webhooks", 2): return await self.writing(request) { await self.webhook(String(parts[1]), request) }
        default:
            return HTTPAnswer(404, "there are /metrics, /health, /ready, /alertmanager and /webhooks/NAME\n")
        }
    }

    private func reading(_ request: HTTPRequest, _ body: () -> HTTPAnswer) -> HTTPAnswer {
        guard ["GET", "HEAD"].contains(request.method) else {
            return HTTPAnswer(405, "GET this\n", headers: [HTTPHeader("Allow", "GET, HEAD")])
        }
        return body()
    }

    private func writing(_ request: HTTPRequest, _ body: () async -> HTTPAnswer) async -> HTTPAnswer {
        guard request.method == "POST" else {
            return HTTPAnswer(405, "POST this\n", headers: [HTTPHeader("Allow", "POST")])
        }
        return await body()
    }

    // MARK: How we are

    private func page() -> HTTPAnswer {
        let reading = self.pulse.now
        let text = self.metrics.text(
            WatchMetrics.Moment(
                waitingAlerts: reading.waitingAlerts + reading.arriving,
                isFrozen: reading.isFrozen,
                heartbeat: Double(reading.handled.milliseconds) / 1_000,
                lastRound: reading.lastRound.map { Double($0.milliseconds) / 1_000 }
            )
        )
        return HTTPAnswer(200, text, contentType: "text/plain; version=0.0.4; charset=utf-8")
    }

    /// Why the daemon is not well, if it is not.
    var trouble: String? {
        let configuration = self.engine.configuration
        return self.pulse.now.trouble(
            at: self.engine.clock.now,
            nodes: configuration.inventory.nodes.count { $0.monitor != nil },
            staleAfter: configuration.watch.lifetime(watching: configuration.inventory)
        )
    }

    private func health() -> HTTPAnswer {
        self.trouble.map { HTTPAnswer(503, $0 + "\n") } ?? HTTPAnswer(200, "the watch makes progress\n")
    }

    private func readiness() -> HTTPAnswer {
        if let trouble = self.trouble {
            return HTTPAnswer(503, trouble + "\n")
        }
        // Heard by whoever was connected before.
        if let deafness = self.pulse.now.deafness {
            return HTTPAnswer(503, deafness + "\n")
        }
        return self.pulse.now.hasSeenAll
            ? HTTPAnswer(200, "every node has been looked at\n")
            : HTTPAnswer(503, "not every node has been looked at yet\n")
    }

    // MARK: What is sent to us

    private func alertmanager(_ request: HTTPRequest) async -> HTTPAnswer {
        guard let settings = self.settings else {
            return self.refused(HTTPAnswer(404, "alerts are not taken any more\n"))
        }
        if let key = settings.alertmanager, let refusal = self.refusal(of: request, key) {
            return self.refused(refusal)
        }
        do throws(AlertReader.Refusal) {
            return await self.take(try AlertReader.alertmanager(request.body))
        } catch {
            return self.refused(HTTPAnswer(400, error.message + "\n"))
        }
    }

    private func webhook(_ name: String, _ request: HTTPRequest) async -> HTTPAnswer {
        guard let webhook = self.settings?.webhooks.first(where: { $0.name == name }) else {
            return self.refused(HTTPAnswer(404, "there is no webhook of this name\n"))
        }
        if let refusal = self.refusal(of: request, webhook.key) {
            return self.refused(refusal)
        }
        let identifier: String
        switch webhook.key {
        // Signed once, taken once: whoever repeats a message repeats its signature.
        case .signature: identifier = request.header(Self.signatureHeader) ?? ""
        case .token: identifier = request.header("idempotency-key").map { "key:\($0)" } ?? self.nextIdentifier()
        }
        guard identifier.utf8.count <= 100, !identifier.utf8.contains(0) else {
            return self.refused(HTTPAnswer(400, "an Idempotency-Key has at most 96 bytes\n"))
        }
        do throws(AlertReader.Refusal) {
            return await self.take([try AlertReader.webhook(name, request.body, identifier: identifier)])
        } catch {
            return self.refused(HTTPAnswer(400, error.message + "\n"))
        }
    }

    private func refused(_ answer: HTTPAnswer) -> HTTPAnswer {
        self.metrics.alerts(.refused)
        return answer
    }

    private static let signatureHeader = "x-selfheal-signature"

    /// Why we do not believe who sent it, if we do not.
    private func refusal(of request: HTTPRequest, _ key: HTTPSettings.Key) -> HTTPAnswer? {
        switch key {
        case .token(let secret):
            let given = request.header("authorization") ?? ""
            let isRight = Self.areSame("Bearer \(secret.reveal())", given)
            return isRight
                ? nil
                : HTTPAnswer(
                    401,
                    "send the token: Authorization: Bearer …\n",
                    headers: [HTTPHeader("WWW-Authenticate", "Bearer")]
                )
        case .signature(let secret):
            guard let text = request.header("x-selfheal-timestamp"), let seconds = Int64(text),
                let given = request.header(Self.signatureHeader)
            else {
                return HTTPAnswer(401, "sign the message: X-Selfheal-Timestamp and X-Selfheal-Signature\n")
            }
            let expected = MessageSignature.header(key: secret, unixSeconds: seconds, body: request.body)
            guard Self.areSame(expected, given) else {
                return HTTPAnswer(401, "the signature is not that of this message\n")
            }
            let now = self.engine.clock.now.milliseconds / 1_000
            guard (now - Self.replayWindow...now + Self.replayWindow).contains(seconds) else {
                return HTTPAnswer(
                    401,
                    "the message is older or newer than \(Self.replayWindow) seconds; compare the clocks\n"
                )
            }
            return nil
        }
    }

    /// Takes as long for a wrong text as for the right one, so that nobody can find it letter by letter.
    static func areSame(_ expected: String, _ given: String) -> Bool {
        let (left, right) = (ContentDigest(of: expected.utf8).bytes, ContentDigest(of: given.utf8).bytes)
        return zip(left, right).reduce(UInt8(0)) { $0 | ($1.0 ^ $1.1) } == 0
    }

    private func take(_ alerts: [Alert]) async -> HTTPAnswer {
        let over = alerts.filter { !$0.isFiring }
        let firing = alerts.filter(\.isFiring)
        let wanted = firing.flatMap { alert in
            self.runbooks.filter { $0.trigger(for: alert) != nil }.map { (runbook: $0.plan.runbook, alert: alert) }
        }
        guard wanted.count <= AlertReader.alertLimit else {
            return self.refused(HTTPAnswer(413, "that asks for \(wanted.count) runs; send less at once\n"))
        }
        guard self.pulse.admit(wanted.count, limit: WatchSettings.alertLimit) else {
            self.metrics.alerts(.refused, firing.count)
            return HTTPAnswer(
                503,
                "\(WatchSettings.alertLimit) alerts wait already; send it again\n",
                headers: [HTTPHeader("Retry-After", "5")]
            )
        }
        do {
            let taken = try await wanted.isEmpty ? [] : self.engine.take(wanted)
            if !over.isEmpty {
                try await self.engine.resolve(over)
            }
            self.pulse.update { $0.arriving -= wanted.count - taken.count }
            self.count(firing, over, wanted.count, taken.count)
            if !over.isEmpty {
                self.send(.resolved(over, at: self.engine.clock.now))
            }
            if !taken.isEmpty {
                self.send(.alerted(taken, at: self.engine.clock.now))
            }
            return HTTPAnswer(200, "taken: \(taken.count), known: \(wanted.count - taken.count), over: \(over.count)\n")
        } catch {
            self.pulse.update { $0.arriving -= wanted.count }
            self.metrics.alerts(.refused, alerts.count)
            return HTTPAnswer(503, "it could not be written down: \(EngineError(describing: error).message)\n")
        }
    }

    private func count(_ firing: [Alert], _ over: [Alert], _ wanted: Int, _ taken: Int) {
        let unwatched = firing.count { alert in !self.runbooks.contains { $0.trigger(for: alert) != nil } }
        self.metrics.alerts(.accepted, taken)
        self.metrics.alerts(.repeated, wanted - taken)
        self.metrics.alerts(.unwatched, unwatched)
        self.metrics.alerts(.resolved, over.count)
    }
}
