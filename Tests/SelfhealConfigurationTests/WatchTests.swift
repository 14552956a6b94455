// Selfheal
// SPDX-License-Identifier: Apache-2.0

import ClusterWatch
import CronCalendar
import RunPlan
import RunVocabulary
import RunbookSource
import SelfhealConfiguration
import TestSupport
import Testing

/// `monitoring:` and `watch:`.
@Suite struct WatchTests {
    private static let people = "people: [{ name: ada, roles: [on_call] }]\n"
    private static let channels = "notifications: { channels: { oncall: { kind: console } } }\n"

    @Test func `everything that is said is kept, and the rest is as it is by default`() throws {
        let loaded = Loaded.withCluster(
            Self.people + Self.channels + """
                monitoring: { interval: 5s, timeout: 2s, down_after: 3, up_after: 1 }
                watch:
                  runbooks: [books/a.yaml, /srv/b.yaml]
                  channels: oncall
                  ask: { from: ["role:on_call", "person:ada"], timeout: 10m }
                  cooldown: 20m
                  concurrent_runs: 1
                  panic_threshold: 50
                  limit: { runs: 7, within: 30m }
                  brake: { ask_after: 3, refuse_after: 4, within: 2h }
                  flap: { changes: 9, within: 20m }
                  heartbeat: 24h
                  touch: { per_run: 5, per_failure_domain: 2 }
                  maintenance:
                    - { from: 2026-11-22 01:00, to: 2026-11-22 03:00, timezone: Europe/Berlin, because: kernels }
                    - { cron: 0 2 * * sun, lasts: 2h, runbooks: [a, b] }
                """
        )
        #expect(loaded.diagnostics == [])
        let configuration = try #require(loaded.configuration)
        var expected = WatchSettings()
        expected.every = .seconds(5)
        expected.timeout = .seconds(2)
        expected.downAfter = 3
        expected.upAfter = 1
        expected.channels = ["oncall"]
        expected.askFrom = [.role("on_call"), .person("ada")]
        expected.askFor = .minutes(10)
        expected.cooldown = .minutes(20)
        expected.concurrentRuns = 1
        expected.panicThreshold = 50
        expected.limit = 7
        expected.limitWindow = .minutes(30)
        expected.startsBeforeAsking = 3
        expected.startsBeforeRefusing = 4
        expected.brakeWindow = .minutes(120)
        expected.touch = TouchLimits(perRun: 5, perDomain: 2)
        expected.flapChanges = 9
        expected.heartbeat = .minutes(24 * 60)
        expected.flapWindow = .minutes(20)
        expected.maintenance = [
            MaintenanceWindow(
                times: .once(
                    from: try #require(ClockTime("2026-11-22 01:00")),
                    to: try #require(ClockTime("2026-11-22 03:00"))
                ),
                timezone: "Europe/Berlin",
                because: "kernels"
            ),
            MaintenanceWindow(
                times: .recurring(try CronSchedule("0 2 * * sun"), lasts: .minutes(120)),
                runbooks: ["a", "b"]
            ),
        ]
        #expect(configuration.watch == expected)
        #expect(configuration.watchedRunbooks.map(\.value) == ["/etc/selfheal/books/a.yaml", "/srv/b.yaml"])
        #expect(Loaded.withCluster("").configuration?.watch == WatchSettings())
        #expect(Loaded.withCluster("monitoring: { interval: 2s }").configuration?.watch.timeout == Milliseconds(1_600))
    }

    @Test func `seconds are seconds, and a method that fits no node is named`() {
        let loaded = Loaded.withCluster(
            "monitoring: { interval_seconds: 30, timeout_seconds: 15, methods: [socket, jmx] }"
        )
        #expect(loaded.configuration?.watch.every == .seconds(30))
        #expect(loaded.configuration?.watch.timeout == .seconds(15))
        #expect(loaded.diagnostics.map(\.code.number) == [570])
    }

    @Test(arguments: [
        ("monitoring: { interval: ❶10❶ }", UInt16(533)), ("monitoring: { interval: ❶500ms❶ }", 533),
        ("monitoring: { interval: 5s, timeout: ❶5s❶ }", 534),
        ("monitoring: { interval: 5s, interval_seconds: ❶5❶ }", 522), ("monitoring: { down_after: ❶0❶ }", 106),
        ("watch: { ask: { from: [❶sre❶] } }", 535), ("watch: { ask: { from: [❶'role:sre'❶] } }", 536),
        ("watch: { channels: [❶pager❶] }", 537), ("watch: { cooldown: ❶-5s❶ }", 533),
        ("watch: { limit: { runs: ❶1001❶ } }", 106), ("watch: { brake: { refuse_after: ❶0❶ } }", 106),
        ("watch: { heartbeat: ❶10s❶ }", 533), ("watch: { flap: { changes: ❶0❶ } }", 106),
        ("watch: { flap: { within: ❶0s❶ } }", 533),
        ("watch: { maintenance: [❶{ from: 2026-11-22 01:00 }❶] }", 544), ("watch: { maintenance: [❶{}❶] }", 544),
        ("watch: { maintenance: [❶{ cron: 0 3 * * * }❶] }", 544),
        ("watch: { maintenance: [{ from: 2026-11-22 01:00, to: ❶2026-11-22 01:00❶ }] }", 544),
        ("watch: { maintenance: [{ from: ❶2026-02-30 01:00❶, to: 2026-11-22 01:00 }] }", 545),
        ("watch: { maintenance: [{ from: ❶tomorrow❶, to: 2026-11-22 01:00 }] }", 545),
        ("watch: { maintenance: [{ cron: 0 3 * * ❶funday❶, lasts: 2h }] }", 546),
        ("watch: { maintenance: [{ cron: 0 3 * * *, lasts: ❶8d❶ }] }", 544),
        ("watch: { maintenance: [{ cron: 0 3 * * *, lasts: ❶soon❶ }] }", 533),
        ("http: { listen: ❶localhost:80❶ }", 540), ("http: { listen: ❶'127.0.0.1'❶ }", 540),
        ("http: { listen: ❶'127.0.0.256:80'❶ }", 540), ("http: { listen: ❶'[::1:80'❶ }", 540),
        ("http: { listen: '127.0.0.1:80', webhooks: { a: ❶{}❶ } }", 541),
        ("http: { listen: ❶'0.0.0.0:80'❶ }", 542),
    ])
    func `a mistake is named at its place`(text: String, code: UInt16) {
        let loaded = Loaded.withCluster(Self.people + Self.channels + text)
        #expect(loaded.diagnostics.map(\.code.number) == [code])
        #expect(loaded.diagnostics.map(\.span) == [loaded.source["❶"]])
    }

    @Test func `whom the service believes is kept, and never shown`() throws {
        let loaded = Loaded.withCluster(
            """
            http:
              listen: "[::1]:9480"
              alertmanager: { token: "${TOKEN}" }
              webhooks: { told: { signing_key: "${KEY}" } }
            """,
            environment: ["TOKEN": "0123456789abcdef", "KEY": "fedcba9876543210"]
        )
        #expect(loaded.diagnostics == [])
        let http = try #require(loaded.configuration?.http)
        #expect(http.address == "::1")
        #expect(http.port == 9_480)
        #expect(http.alertmanager == .token(Secret("0123456789abcdef")))
        #expect(http.webhooks == [HTTPSettings.Webhook(name: "told", key: .signature(Secret("fedcba9876543210")))])
        #expect(!"\(http)".contains("0123"))
        #expect(Loaded.withCluster("").configuration?.http == nil)
    }
}
