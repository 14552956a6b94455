// Selfheal
// SPDX-License-Identifier: Apache-2.0

import CronCalendar
import Foundation
import RunVocabulary
import Synchronization
import Testing

@Suite struct CronScheduleTests {
    // MARK: Reading

    @Test(arguments: [
        ("", 0..<0, "0 fields"), ("30 3 * *", 0..<8, "4 fields"), ("0 30 3 * * sun", 11..<14, "6 fields"),
        ("@daily", 0..<6, "five fields"), ("60 3 * * *", 0..<2, "no minute"), ("5 24 * * *", 2..<4, "no hour"),
        ("5 3 0 * *", 4..<5, "no day"), ("5 3 * 13 *", 6..<8, "no month"), ("5 3 * * 8", 8..<9, "no weekday"),
        ("5 3 * * funday", 8..<14, "no weekday"), ("5 3 * jan,foo *", 10..<13, "no month"),
        ("5,,7 3 * * *", 2..<2, "no minute"), ("-5 3 * * *", 0..<0, "no minute"), ("5- 3 * * *", 2..<2, "no minute"),
        ("9-5 3 * * *", 0..<3, "upwards"), ("1-2-3 3 * * *", 0..<5, "no minute"), ("*/0 3 * * *", 2..<3, "no step"),
        ("*/60 3 * * *", 2..<4, "no step"), ("*/ 3 * * *", 2..<2, "no step"), ("5/10 3 * * *", 0..<4, "a range"),
        ("0 3 30 feb *", 4..<10, "never"), ("0 3 31 4,6,9,11 *", 4..<15, "never"), ("0 3 ? * *", 4..<5, "no day"),
        ("0 3 L * *", 4..<5, "no day"), ("0 003 * * *", 2..<5, "no hour"), ("１ 3 * * *", 0..<3, "no minute"),
    ])
    func `a mistake is named at its place`(text: String, place: Range<Int>, words: String) {
        do throws(CronSchedule.Mistake) {
            let schedule = try CronSchedule(text)
            Issue.record("'\(schedule.text)' was read")
        } catch {
            #expect(error.place == place)
            #expect(error.message.contains(words))
            #expect(!error.help.isEmpty)
        }
    }

    @Test(arguments: [
        ("30  3 *\t* sun", "2026-11-21T00:00:00Z", "2026-11-22T03:30:00Z"),
        ("0 0 1 jan *", "2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z"),
        ("0 12 29 2 *", "2026-01-01T00:00:00Z", "2028-02-29T12:00:00Z"),
        ("0 12 29 2 *", "2097-01-01T00:00:00Z", "2104-02-29T12:00:00Z"),
        ("*/15 8-18/2 * * mon-fri", "2026-11-20T18:45:00Z", "2026-11-23T08:00:00Z"),
        // Of two days that are given, either is enough; of one, it alone counts.
        ("0 0 13 * fri", "2026-11-21T00:00:00Z", "2026-11-27T00:00:00Z"),
        ("0 0 13 * *", "2026-11-21T00:00:00Z", "2026-12-13T00:00:00Z"),
        ("0 0 * * 7", "2026-11-21T00:00:00Z", "2026-11-22T00:00:00Z"),
        ("0 0 * * SAT-SUN", "2026-11-23T00:00:00Z", "2026-11-28T00:00:00Z"),
        ("0 0 * * fri-sun", "2026-11-21T00:00:00Z", "2026-11-22T00:00:00Z"),
    ])
    func `the next time is the first that fits`(text: String, after: String, expected: String) throws {
        let next = try CronSchedule(text).next(after: try Zones.moment(after), in: .utc)
        #expect(next == (try Zones.moment(expected)))
    }

    // MARK: When clocks are set

    @Test func `a time that is skipped comes when clocks have been set, and one that is shown twice comes once`() throws
    {
        let berlin = try Zones.rules("Europe/Berlin")
        let schedule = try CronSchedule("30 2 * * *")
        // On 29 March 2026 clocks go from 2:00 to 3:00, on 25 October from 3:00 back to 2:00.
        #expect(
            schedule.next(after: try Zones.moment("2026-03-28T12:00:00Z"), in: berlin)
                == (try Zones.moment("2026-03-29T01:00:00Z"))
        )
        #expect(
            schedule.next(after: try Zones.moment("2026-03-29T01:00:00Z"), in: berlin)
                == (try Zones.moment("2026-03-30T00:30:00Z"))
        )
        #expect(
            schedule.next(after: try Zones.moment("2026-10-24T12:00:00Z"), in: berlin)
                == (try Zones.moment("2026-10-25T00:30:00Z"))
        )
        #expect(
            schedule.next(after: try Zones.moment("2026-10-25T00:30:00Z"), in: berlin)
                == (try Zones.moment("2026-10-26T01:30:00Z"))
        )
        // What comes in every hour goes by time that passes.
        let hourly = try CronSchedule("30 * * * *")
        let begin = try Zones.moment("2026-10-24T22:00:00Z")
        let end = try Zones.moment("2026-10-25T03:00:00Z")
        #expect(hourly.due(after: begin, through: end, in: berlin)?.count == 5)
    }

    /// A field as its text and the numbers that it means, made apart from the reader.
    private static func field(
        _ range: ClosedRange<Int>,
        _ dice: inout Dice
    ) -> (text: String, values: Set<Int>, isFree: Bool) {
        switch Int.random(in: 0..<5, using: &dice) {
        case 0: return ("*", Set(range), true)
        case 1:
            let step = Int.random(in: 2...6, using: &dice)
            return ("*/\(step)", Set(range.filter { ($0 - range.lowerBound) % step == 0 }), true)
        case 2:
            let values = Set((0..<3).map { _ in Int.random(in: range, using: &dice) })
            return (values.map(String.init).joined(separator: ","), values, false)
        case 3:
            let low = Int.random(in: range, using: &dice)
            let high = Int.random(in: low...range.upperBound, using: &dice)
            return ("\(low)-\(high)", Set(low...high), false)
        default:
            let value = Int.random(in: range, using: &dice)
            return ("\(value)", [value], false)
        }
    }

    // Goal: the next time is right wherever clocks are set, whatever the fields.
    // Method: walk three days minute by minute around a change, with Foundation to say what clocks show, and write down what comes by the rules
    // of the page; then ask for one time after the other.
    @Test(arguments: Zones.names)
    func `times are those that a walk minute by minute finds`(name: String) throws {
        let rules = try Zones.rules(name)
        let zone = try #require(TimeZone(identifier: name))
        var dice = Dice(state: UInt64(name.utf8.reduce(0) { $0 + Int($1) }))
        var found = 0
        let rounds = ProcessInfo.processInfo.environment["SELFHEAL_TORTURE"] == nil ? 6 : 40
        for round in 0..<rounds {
            let around = Date(timeIntervalSince1970: Double.random(in: 1_300_000_000...2_500_000_000, using: &dice))
            let change = zone.nextDaylightSavingTimeTransition(after: around) ?? around
            let begin = Int64(change.timeIntervalSince1970) / 60 * 60 - 86_400
            let clock = Walk(from: begin - 86_400, minutes: 4 * 1_440, zone)
            let fields = [0...59, 0...23, 1...31, 1...12, 0...6].map { Self.field($0, &dice) }
            // Most days do not fit three fields by chance, and there would be nothing to compare.
            let isAnyDay = round % 2 == 0
            let text = fields.enumerated().map { isAnyDay && $0 > 1 ? "*" : $1.text }.joined(separator: " ")
            guard let schedule = try? CronSchedule(text) else {
                continue
            }
            let all = clock.times(isEveryHour: fields[1].values.count == 24) { shown in
                let isEither = !isAnyDay && !fields[2].isFree && !fields[4].isFree
                guard fields[0].values.contains(shown.minute), fields[1].values.contains(shown.hour) else {
                    return false
                }
                let isDay = isAnyDay || fields[2].values.contains(shown.day)
                let isWeekday = isAnyDay || fields[4].values.contains(shown.weekday)
                return isAnyDay
                    || fields[3].values.contains(shown.month) && (isEither ? isDay || isWeekday : isDay && isWeekday)
            }
            let wanted = all.filter { $0 > begin && $0 <= begin + 2 * 86_400 }
            found += wanted.count
            var times: [Int64] = []
            var moment = Instant(milliseconds: begin * 1_000)
            while let next = schedule.next(after: moment, in: rules), next.milliseconds <= (begin + 2 * 86_400) * 1_000
            {
                times.append(next.milliseconds / 1_000)
                moment = next
            }
            #expect(times == wanted, "'\(text)' in \(name) from \(begin)")
            let due = schedule.due(
                after: Instant(milliseconds: begin * 1_000),
                through: Instant(milliseconds: (begin + 2 * 86_400) * 1_000),
                in: rules
            )
            #expect(due?.last.milliseconds == wanted.last.map { $0 * 1_000 }, "'\(text)' in \(name) from \(begin)")
            #expect((due?.count ?? 0) == min(1_000, wanted.count))
        }
        #expect(found > rounds)
    }
}

/// Month, day and weekday, asked of Foundation once for each day.
private enum Days {
    private static let calendar = {
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = .gmt
        return calendar
    }()
    private static let known = Mutex<[Int64: DateComponents]>([:])

    static func parts(of day: Int64) -> DateComponents {
        self.known.withLock { known in
            if let parts = known[day] {
                return parts
            }
            let date = Date(timeIntervalSince1970: Double(day) * 86_400)
            let parts = self.calendar.dateComponents([.month, .day, .weekday], from: date)
            known[day] = parts
            return parts
        }
    }
}

/// What clocks show, minute by minute.
private struct Walk {
    struct Shown: Hashable {
        /// Minutes, counted as if clocks there were UTC.
        let civil: Int64

        private var parts: DateComponents { Days.parts(of: self.civil / 1_440) }

        var minute: Int { Int(self.civil % 60) }
        var hour: Int { Int(self.civil / 60 % 24) }
        var day: Int { self.parts.day ?? 0 }
        var month: Int { self.parts.month ?? 0 }
        var weekday: Int { (self.parts.weekday ?? 1) - 1 }
    }

    private var minutes: [(at: Int64, civil: Int64)] = []

    init(from begin: Int64, minutes count: Int, _ zone: TimeZone) {
        self.minutes = (0..<count).map { index in
            let at = begin + Int64(index) * 60
            let offset = Int64(zone.secondsFromGMT(for: Date(timeIntervalSince1970: Double(at))))
            return (at, (at + offset) / 60)
        }
    }

    func times(isEveryHour: Bool, where fits: (Shown) -> Bool) -> [Int64] {
        var times: [Int64] = []
        var latest = Int64.min
        var answers: [Int64: Bool] = [:]
        func comes(_ civil: Int64) -> Bool {
            let answer = answers[civil] ?? fits(Shown(civil: civil))
            answers[civil] = answer
            return answer
        }
        for minute in self.minutes {
            if isEveryHour {
                if comes(minute.civil) {
                    times.append(minute.at)
                }
                continue
            }
            let skipped = latest == .min || minute.civil <= latest + 1 ? [] : Array((latest + 1)..<minute.civil)
            if minute.civil > latest && comes(minute.civil) || skipped.contains(where: comes) {
                times.append(minute.at)
            }
            latest = max(latest, minute.civil)
        }
        return times
    }
}
