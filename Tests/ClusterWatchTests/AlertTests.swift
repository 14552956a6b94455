// Selfheal
// SPDX-License-Identifier: Apache-2.0

import ClusterWatch
import RunPlan
import RunTestSupport
import RunVocabulary
import Testing

/// Runbooks that are started by what is sent to us.
@Suite struct AlertTests {
    private static func plan(_ autonomy: String = "automatic", trigger: String = "") throws -> Plan {
        try PlanFixture.plan(
            """
            runbook: heal
            parameters:
              broker: { type: string }
              count: { type: int, default: 1 }
            targets:
              nodes: { role: node }
            triggers:
              - alert: Down
                labels: { severity: critical }
                parameters: { broker: instance, count: count }
                \(trigger)
            autonomy: \(autonomy)
            mass_failure: true
            steps:
              - id: tell
                notify: { channels: [oncall], message: "${{ parameters.broker }} ${{ string(parameters.count) }}" }
            """
        )
    }

    private static func alert(_ instance: String?, count: String? = nil, severity: String = "critical") -> Alert {
        var labels = ["alertname": "Down", "severity": severity]
        labels["instance"] = instance
        labels["count"] = count
        return Alert(kind: .alert, name: "Down", labels: labels, isFiring: true, began: "t")
    }

    private static func accepted(_ number: Int64, _ alert: Alert) -> AcceptedAlert {
        AcceptedAlert(number: number, runbook: "heal", alert: alert, at: Instant(milliseconds: 0))
    }

    private static func watching(_ plan: Plan, _ change: (inout WatchSettings) -> Void = { _ in }) -> Watching {
        Watching([plan], settings: Watching.settings(change))
    }

    @Test func `an alert starts its runbook at once, with its labels as parameters`() throws {
        var watching = Self.watching(try Self.plan())
        watching.send(.alerted([Self.accepted(7, Self.alert("k1:9092", count: "3"))], at: watching.now))
        let launch = try #require(watching.launches.first)
        #expect(launch.parameters == ["broker": .string("k1:9092"), "count": .int(3)])
        #expect(launch.alert?.number == 7)
        #expect(watching.machine.waitingAlerts == 0)
        #expect(watching.decision()?.kind == .started)
    }

    @Test func `a label that is missing, or no value, is an answer that names it`() throws {
        var watching = Self.watching(try Self.plan())
        watching.send(.alerted([Self.accepted(1, Self.alert(nil))], at: watching.now))
        watching.send(.alerted([Self.accepted(2, Self.alert("k1", count: "many"))], at: watching.now))
        #expect(watching.launches.isEmpty)
        #expect(watching.answered.map(\.number) == [1, 2])
        #expect(watching.answered[0].text.contains("no label 'instance'"))
        #expect(watching.answered[1].text.contains("its label 'count' is no value of 'count'"))
        #expect(watching.told.count == 2)
    }

    @Test func `what nobody watches any more is answered, and not kept for ever`() throws {
        var watching = Self.watching(try Self.plan())
        watching.send(.alerted([Self.accepted(1, Self.alert("k1", severity: "info"))], at: watching.now))
        #expect(watching.answered.map(\.number) == [1])
        #expect(watching.machine.waitingAlerts == 0)
    }

    @Test func `two subjects run beside each other, the same one after itself`() throws {
        var watching = Self.watching(try Self.plan()) { $0.cooldown = .minutes(1) }
        let (one, two) = (Self.alert("k1"), Self.alert("k2"))
        watching.send(
            .alerted([Self.accepted(1, one), Self.accepted(2, two), Self.accepted(3, one)], at: watching.now)
        )
        #expect(watching.launches.compactMap { $0.alert?.number } == [1, 2])
        #expect(watching.machine.waitingAlerts == 1)
        watching.end(1)
        #expect(watching.launches.count == 2, "it rests")
        watching.wait(.minutes(2))
        #expect(watching.launches.compactMap { $0.alert?.number } == [1, 2, 3])
        // The second about the same within the hour is asked about.
        #expect(watching.launches.last?.plan.states.first?.state.step.text == "may_it_start")
    }

    @Test func `no more than so many begin, however many come`() throws {
        var watching = Self.watching(try Self.plan()) { settings in
            settings.concurrentRuns = 100
            settings.limit = 5
        }
        let alerts = (1...2_000).map { Self.accepted(Int64($0), Self.alert("k\($0)")) }
        watching.send(.alerted(alerts, at: watching.now))
        #expect(watching.launches.count == 5)
        #expect(watching.machine.waitingAlerts == 1_995)
        #expect(watching.decision()?.reason.contains("the limit of all together is 5") == true)
        #expect(watching.told.count == 1, "\(watching.told)")
        watching.wait(.minutes(61))
        #expect(watching.launches.count == 10)
    }

    @Test func `a freeze holds alerts, and lets them go when it is lifted`() throws {
        var watching = Self.watching(try Self.plan())
        watching.send(.froze(Freeze(by: "ada", because: "change", since: watching.now), at: watching.now))
        watching.send(.alerted([Self.accepted(1, Self.alert("k1"))], at: watching.now))
        #expect(watching.launches.isEmpty)
        #expect(watching.decision()?.reason.contains("frozen by ada") == true)
        watching.send(.thawed(by: "ada", at: watching.now))
        #expect(watching.launches.count == 1)
    }

    @Test func `what is over is not begun, and a run under way is spoken of`() throws {
        var watching = Self.watching(try Self.plan()) { $0.concurrentRuns = 1 }
        let (one, two) = (Self.alert("k1"), Self.alert("k2"))
        watching.send(.alerted([Self.accepted(1, one), Self.accepted(2, two)], at: watching.now))
        #expect(watching.launches.count == 1)
        watching.send(.resolved([one, two], at: watching.now))
        #expect(watching.machine.waitingAlerts == 0)
        #expect(watching.notes.contains(.cleared("run-1", one.text)))
        #expect(watching.told.contains { $0.contains("is over") })
        watching.end(1)
        watching.wait(.minutes(90))
        #expect(watching.launches.count == 1)
    }

    @Test func `observing starts nothing and is an answer`() throws {
        var watching = Self.watching(try Self.plan("observe"))
        watching.send(.alerted([Self.accepted(1, Self.alert("k1"))], at: watching.now))
        #expect(watching.launches.isEmpty)
        #expect(watching.answered.map(\.number) == [1])
        #expect(watching.decision()?.kind == .observed)
    }

    @Test func `what an earlier life left waiting starts in the next`() throws {
        let plan = try Self.plan()
        let inventory = Watching.inventory(nodes: 3)
        let settings = Watching.settings()
        var machine = WatchMachine(
            settings: settings,
            inventory: inventory,
            runbooks: [WatchedRunbook(plan: plan, parameters: [:], inventory: inventory, settings: settings)],
            alerts: [Self.accepted(4, Self.alert("k1"))]
        )
        let launches = machine.handle(.began(at: Instant(milliseconds: 0))).compactMap { effect in
            if case .start(let launch) = effect { launch.alert?.number } else { nil }
        }
        #expect(launches == [4])
    }

    // MARK: Reading

    private static func message(_ alerts: String, version: String = "4") -> [UInt8] {
        Array(#"{"version":"\#(version)","status":"firing","alerts":[\#(alerts)]}"#.utf8)
    }

    @Test func `Alertmanager's message is read, firing and resolved`() throws {
        let one = #"{"status":"firing","labels":{"alertname":"Down","a":"b"},"startsAt":"2026-01-01T00:00:00Z"}"#
        let two = #"{"status":"resolved","labels":{"alertname":"Down","a":"b"},"startsAt":"2026-01-01T00:00:00Z"}"#
        let alerts = try AlertReader.alertmanager(Self.message("\(one),\(two)"))
        #expect(alerts.map(\.isFiring) == [true, false])
        #expect(alerts[0].subject == alerts[1].subject)
        #expect(alerts[0].label("a") == "b")
        #expect(alerts[0].began == "2026-01-01T00:00:00Z")
    }

    @Test(arguments: [
        ("", "not JSON"), ("[]", "not an object"), (#"{"version":"3","alerts":[]}"#, "version 4"),
        (#"{"version":"4"}"#, "'alerts' is not there"), (#"{"version":"4","alerts":[{}]}"#, "alerts[0]: 'status'"),
        (#"{"version":"4","alerts":[{"status":"firing","labels":{}}]}"#, "no label 'alertname'"),
        (#"{"version":"4","alerts":[{"status":"firing","labels":{"alertname":1}}]}"#, "is no string"),
        (#"{"version":"4","alerts":[{"status":"firing","labels":{"alertname":"A","b":"\u0000"}}]}"#, "zero byte"),
    ])
    func `what is no such message is refused in words`(text: String, words: String) {
        let refusal = #expect(throws: AlertReader.Refusal.self) { try AlertReader.alertmanager(Array(text.utf8)) }
        #expect(refusal?.message.contains(words) == true, "\(refusal?.message ?? "")")
    }

    @Test func `what is deep, long or much costs little`() {
        let deep = String(repeating: "[", count: 100_000)
        let many = Array(repeating: #"{"status":"firing","labels":{"alertname":"A"}}"#, count: 1_001).joined(
            separator: ","
        )
        let wide = (0..<70).map { #""l\#($0)":"v""# }.joined(separator: ",")
        let long = String(repeating: "x", count: 5_000)
        for text in [
            deep, #"{"version":"4","alerts":[\#(many)]}"#,
            #"{"version":"4","alerts":[{"status":"firing","labels":{"alertname":"A",\#(wide)}}]}"#,
            #"{"version":"4","alerts":[{"status":"firing","labels":{"alertname":"\#(long)"}}]}"#,
        ] {
            #expect(throws: AlertReader.Refusal.self) { try AlertReader.alertmanager(Array(text.utf8)) }
        }
    }

    @Test func `a webhook's texts, numbers and truth values are labels`() throws {
        let body = #"{"service":"shop","count":3,"late":true,"more":{"a":1},"status":"firing"}"#
        let alert = try AlertReader.webhook("deploy", Array(body.utf8), identifier: "i")
        #expect(alert.labels.map { "\($0.name)=\($0.value)" } == ["count=3", "late=true", "service=shop"])
        #expect(alert.isFiring)
        #expect(!(try AlertReader.webhook("deploy", Array(#"{"status":"resolved"}"#.utf8), identifier: "i").isFiring))
        #expect(try AlertReader.webhook("deploy", [], identifier: "i").labels.isEmpty)
    }
}
