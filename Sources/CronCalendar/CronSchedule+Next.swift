// Selfheal
// SPDX-License-Identifier: Apache-2.0

package import RunVocabulary

/// When a schedule comes.
///
/// Clocks are set twice a year in many places. A time that is skipped comes when clocks have been set; a time that clocks show twice comes
/// the first time. What comes in every hour (`*` in its field) goes by time that passes instead: no hour is skipped, and of two hours that
/// are the same each has its own.
extension CronSchedule {
    /// Between two 29 Februaries that fall on the same weekday, with a year that ends a century between them, lie forty years.
    private static let daysToLook = Int64(15_000)
    /// What was missed is counted up to here.
    private static let missedLimit = 1_000

    /// The first time after a moment; nothing when there is none within forty years.
    package func next(after moment: Instant, in zone: ZoneRules) -> Instant? {
        let seconds = CivilTime.floor(moment.milliseconds, by: 1_000)
        let today = Self.day(seconds, in: zone)
        for day in (today - 1)..<(today + Self.daysToLook) where self.comes(on: day) {
            // What is skipped at the end of a day comes on the next, which may have a time of its own.
            let times = self.times(on: day, in: zone) + self.times(on: day + 1, in: zone)
            if let first = times.filter({ $0 > seconds }).min() {
                return Instant(milliseconds: first * 1_000)
            }
        }
        return nil
    }

    package struct Due: Hashable, Sendable {
        package var last: Instant
        /// How many times there were; no more than a thousand are counted.
        package var count: Int
    }

    /// The times after one moment, up to and with another.
    package func due(after begin: Instant, through end: Instant, in zone: ZoneRules) -> Due? {
        guard let first = self.next(after: begin, in: zone), first <= end else {
            return nil
        }
        var due = Due(last: first, count: 1)
        while due.count < Self.missedLimit, let next = self.next(after: due.last, in: zone), next <= end {
            due = Due(last: next, count: due.count + 1)
        }
        if due.count == Self.missedLimit, let last = self.last(through: end, in: zone) {
            due.last = max(due.last, last)
        }
        return due
    }

    private func last(through end: Instant, in zone: ZoneRules) -> Instant? {
        let seconds = CivilTime.floor(end.milliseconds, by: 1_000)
        let today = Self.day(seconds, in: zone)
        for day in stride(from: today + 1, to: today - Self.daysToLook, by: -1) {
            let times = self.times(on: day, in: zone) + self.times(on: day - 1, in: zone)
            if let last = times.filter({ $0 <= seconds }).max() {
                return Instant(milliseconds: last * 1_000)
            }
        }
        return nil
    }

    private static func day(_ seconds: Int64, in zone: ZoneRules) -> Int64 {
        CivilTime.floor(seconds + zone.offset(at: seconds), by: CivilTime.secondsPerDay)
    }

    /// Seconds since 1970 at which it comes for a day; some may fall on the next one.
    private func times(on day: Int64, in zone: ZoneRules) -> [Int64] {
        guard self.comes(on: day) else {
            return []
        }
        let begin = day * CivilTime.secondsPerDay
        let civil = self.hours.flatMap { hour in self.minutes.map { begin + Int64(hour) * 3_600 + Int64($0) * 60 } }
        let stretch = zone.stretch(from: begin, through: begin + CivilTime.secondsPerDay)
        if let offset = stretch.constantOffset {
            return civil.map { $0 - offset }
        }
        return civil.flatMap { time -> [Int64] in
            let moments = stretch.moments(of: time)
            if self.isEveryHour {
                return moments
            }
            return (moments.first ?? stretch.endOfGap(over: time)).map { [$0] } ?? []
        }
    }
}
