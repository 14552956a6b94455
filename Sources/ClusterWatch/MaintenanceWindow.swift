// Selfheal
// SPDX-License-Identifier: Apache-2.0

package import CronCalendar
package import RunVocabulary

/// A time in which people work on the cluster: what would start waits until it is over.
package struct MaintenanceWindow: Hashable, Sendable {
    package enum Times: Hashable, Sendable {
        /// From one time to another, as clocks of the zone show them.
        case once(from: ClockTime, to: ClockTime)
        /// Again and again, each time for so long.
        case recurring(CronSchedule, lasts: Milliseconds)
    }

    package var times: Times
    /// `UTC`, or a name such as `Europe/Berlin`.
    package var timezone: String
    /// The runbooks that wait; nothing when all of them do.
    package var runbooks: [String]?
    package var because: String

    package init(times: Times, timezone: String = "UTC", runbooks: [String]? = nil, because: String = "") {
        self.times = times
        self.timezone = timezone
        self.runbooks = runbooks
        self.because = because
    }

    /// No window of a series is longer, so that each has an end that people know.
    package static let longest = Milliseconds.minutes(7 * 24 * 60)
    package static let limit = 100

    /// When it ends, if a moment lies in it.
    func end(at moment: Instant, in zone: ZoneRules) -> Instant? {
        let (begin, end): (Instant, Instant)
        switch self.times {
        case .once(let from, let to): (begin, end) = (zone.moment(of: from), zone.moment(of: to))
        case .recurring(let schedule, let lasts):
            let earliest = Instant(milliseconds: moment.milliseconds - lasts.count)
            guard let due = schedule.due(after: earliest, through: moment, in: zone) else {
                return nil
            }
            (begin, end) = (due.last, due.last + lasts)
        }
        return begin <= moment && moment < end ? end : nil
    }

    func concerns(_ runbook: String) -> Bool {
        self.runbooks?.contains(runbook) ?? true
    }
}

/// All windows, with the zones that they go by.
struct Maintenance: Hashable, Sendable {
    let windows: [MaintenanceWindow]
    let zones: [String: ZoneRules]

    /// What holds back a runbook for the longest time, in words, and until when.
    func hold(_ runbook: String, at moment: Instant) -> (text: String, until: Instant)? {
        let open = self.windows.filter { $0.concerns(runbook) }.compactMap {
            window -> (MaintenanceWindow, ZoneRules, Instant)? in
            let zone = window.timezone == "UTC" ? ZoneRules.utc : self.zones[window.timezone]
            return zone.flatMap { zone in window.end(at: moment, in: zone).map { (window, zone, $0) } }
        }
        guard let (window, zone, end) = open.max(by: { $0.2 < $1.2 }) else {
            return nil
        }
        let why = window.because.isEmpty ? "" : ": \(window.because)"
        let left = end.elapsed(since: moment).rounded
        return ("maintenance until \(zone.text(end)) (\(window.timezone)), \(left) more\(why)", end)
    }
}
