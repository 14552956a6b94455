// Selfheal
// SPDX-License-Identifier: Apache-2.0

import ClusterWatch
import CronCalendar
import RunPlan
import RunVocabulary
import Testing

/// Windows in which nothing starts.
@Suite struct MaintenanceTests {
    private static let down: [String: Fact] = ["serving": .bool(false), "problem": .string("connection refused")]

    private static func window(_ from: String, _ to: String, runbooks: [String]? = nil) throws -> MaintenanceWindow {
        MaintenanceWindow(
            times: .once(from: try #require(ClockTime(from)), to: try #require(ClockTime(to))),
            runbooks: runbooks,
            because: "new kernels"
        )
    }

    private static func watching(_ windows: [MaintenanceWindow], at moment: Instant) throws -> Watching {
        Watching(
            [try Watching.plan(trigger: "for: 0s")],
            settings: Watching.settings { $0.maintenance = windows },
            at: moment
        )
    }

    private static func minute(_ count: Int64) -> Instant {
        Instant(milliseconds: count * 60_000)
    }

    @Test func `what would start in a window waits until it is over, and why says until when`() throws {
        var watching = try Self.watching([try Self.window("1970-01-01 01:00", "1970-01-01 03:00")], at: Self.minute(90))
        watching.answer(Self.down, from: "n1")
        watching.wait(.minutes(30))
        #expect(watching.launches.isEmpty)
        #expect(watching.decision()?.kind == .held)
        let text = "maintenance until 1970-01-01 03:00 (UTC), "
        #expect(watching.decision()?.reason.contains(text) == true)
        #expect(watching.decision()?.reason.hasSuffix(" more: new kernels") == true)
        #expect(watching.told.count == 1)
        watching.wait(.minutes(61))
        #expect(watching.launches.count == 1)
    }

    @Test func `what is over before the window is starts nothing`() throws {
        var watching = try Self.watching([try Self.window("1970-01-01 01:00", "1970-01-01 03:00")], at: Self.minute(90))
        watching.answer(Self.down, from: "n1")
        watching.wait(.minutes(30))
        watching.answer(["serving": .bool(true)], from: "n1")
        watching.wait(.minutes(120))
        #expect(watching.launches.isEmpty)
    }

    @Test func `a window for another runbook holds nothing back, and neither does one that is over or not yet begun`()
        throws
    {
        var watching = try Self.watching(
            [
                try Self.window("1970-01-01 01:00", "1970-01-01 03:00", runbooks: ["other"]),
                try Self.window("1970-01-01 00:00", "1970-01-01 01:30"),
                try Self.window("1970-01-01 01:40", "1970-01-01 01:50"),
            ],
            at: Self.minute(90)
        )
        watching.answer(Self.down, from: "n1")
        watching.wait(.minutes(2))
        #expect(watching.launches.count == 1)
    }

    @Test func `a series of windows comes again, and of two that are open the later end counts`() throws {
        let series = MaintenanceWindow(times: .recurring(try CronSchedule("0 2 * * *"), lasts: .minutes(90)))
        let other = try Self.window("1970-01-02 03:00", "1970-01-02 05:00")
        let spans: [(begin: Int64, end: Int64)] = [(120, 210), (1_561, 1_740), (1_630, 1_740)]
        for (begin, end) in spans {
            var watching = try Self.watching([series, other], at: Self.minute(begin))
            watching.answer(Self.down, from: "n1")
            watching.wait(.minutes(end - begin - 1))
            #expect(watching.launches.isEmpty, "from \(begin)")
            watching.wait(.minutes(2))
            #expect(watching.launches.count == 1, "from \(begin)")
        }
    }

    // Goal: a window goes by the clock of its zone, also where clocks are set within it.
    @Test func `a window in a zone whose clocks are set lasts as long as its clock says`() throws {
        // A zone that goes from UTC+1 to UTC+2 on the last Sunday of March 1970, the 29th, at 02:00.
        let zone = try ZoneRules(name: "Test/Zone", file: Self.zoneFile("AAA-1BBB,M3.5.0,M10.5.0/3"))
        let from = try #require(ClockTime("1970-03-29 01:00"))
        let to = try #require(ClockTime("1970-03-29 04:00"))
        #expect(zone.moment(of: to).elapsed(since: zone.moment(of: from)) == .minutes(120))
        #expect(zone.text(zone.moment(of: to)) == "1970-03-29 04:00")
        // 02:30 is never shown; it stands for the moment at which clocks are set.
        let never = try #require(ClockTime("1970-03-29 02:30"))
        #expect(zone.text(zone.moment(of: never)) == "1970-03-29 03:00")
    }

    /// A file with nothing but a rule.
    private static func zoneFile(_ rule: String) -> [UInt8] {
        let head = Array("TZif2".utf8) + [UInt8](repeating: 0, count: 15)
        let empty: [UInt8] = [UInt8](repeating: 0, count: 24)
        let one: [UInt8] = [UInt8](repeating: 0, count: 16) + [0, 0, 0, 1, 0, 0, 0, 4]
        return head + empty + head + one + [0, 0, 14, 16, 0, 0] + Array("AAA\0\n\(rule)\n".utf8)
    }

    // MARK: That somebody watches

    @Test func `people hear that somebody watches, as often as they asked for`() throws {
        var watching = Watching([], settings: Watching.settings { $0.heartbeat = .minutes(60) })
        watching.answer(Self.down, from: "n1")
        watching.wait(.minutes(59))
        #expect(watching.told.isEmpty)
        watching.wait(.minutes(121))
        #expect(watching.told.count == 3)
        #expect(
            watching.told.first
                == "Somebody watches: of 3 nodes there are 2 up, 1 down, 0 unknown. Triggered runs since the last such word: 0. "
                + "The next one comes in 1h."
        )
        watching.reconfigure([], settings: Watching.settings())
        watching.wait(.minutes(180))
        #expect(watching.told.count == 3)
    }

    @Test func `a round is complete when every node has answered once more`() throws {
        var watching = Watching([], nodes: 5)
        watching.wait(.seconds(7))
        #expect(watching.machine.lastRound == nil)
        watching.wait(.seconds(2))
        #expect(watching.machine.lastRound == Instant(milliseconds: 8_000))
        watching.wait(.seconds(10))
        #expect(watching.machine.lastRound == Instant(milliseconds: 18_000))
    }

    // MARK: Flapping

    @Test func `a node that changes too often counts as unknown until it is steady, which is said once`() throws {
        var watching = Watching(
            [try Watching.plan(trigger: "for: 60s")],
            settings: Watching.settings { settings in
                settings.downAfter = 1
                settings.upAfter = 1
                settings.flapChanges = 4
                settings.flapWindow = .minutes(10)
            }
        )
        watching.wait(.seconds(10))
        for round in 0..<8 {
            watching.answer(round % 2 == 0 ? Self.down : ["serving": .bool(true)], from: "n2")
            watching.wait(.seconds(10))
        }
        #expect(watching.machine.flappingNodes == ["n2"])
        let text = "n2 flaps: it has changed more than 4 times within 10m"
        #expect(watching.notes.filter { if case .flapping = $0 { true } else { false } } == [.flapping("n2", text)])
        #expect(watching.told.count == 1)
        watching.answer(Self.down, from: "n2")
        watching.wait(.seconds(120))
        #expect(watching.launches.isEmpty)
        #expect(watching.decision()?.kind == .unknown)
        #expect(watching.machine.outlook(of: "heal") == text)
        // Down for half of the window is down.
        watching.wait(.minutes(5))
        #expect(watching.notes.last == .steady("n2"))
        #expect(watching.machine.flappingNodes.isEmpty)
        #expect(watching.launches.count == 1)
    }

    @Test func `another node that is down is healed while one flaps`() throws {
        var watching = Watching(
            [try Watching.plan(trigger: "for: 60s")],
            settings: Watching.settings { settings in
                settings.downAfter = 1
                settings.upAfter = 1
            }
        )
        watching.wait(.seconds(10))
        for round in 0..<8 {
            watching.answer(round % 2 == 0 ? Self.down : ["serving": .bool(true)], from: "n2")
            watching.wait(.seconds(10))
        }
        #expect(watching.machine.flappingNodes == ["n2"])
        #expect(watching.launches.isEmpty)
        watching.answer(Self.down, from: "n3")
        watching.wait(.seconds(90))
        #expect(watching.launches.count == 1)
    }

    @Test func `few changes in a long time are no flapping`() throws {
        var watching = Watching([], settings: Watching.settings { $0.downAfter = 1 })
        for round in 0..<20 {
            watching.answer(round % 2 == 0 ? Self.down : ["serving": .bool(true)], from: "n2")
            watching.wait(.minutes(4))
        }
        #expect(watching.machine.flappingNodes.isEmpty)
    }
}
