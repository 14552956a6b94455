// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// A moment as calendars write it, in UTC.
///
/// Seconds and the proleptic Gregorian calendar; what it is given decides the moment, no clock is read here.
struct CivilTime: Hashable, Sendable {
    let year: Int
    let month: Int
    let day: Int
    let hour: Int
    let minute: Int
    let second: Int
    let millisecond: Int
    /// Days since Sunday.
    let weekday: Int

    init(unixMilliseconds: Int64) {
        let (days, rest) = Self.divide(Int(unixMilliseconds), by: 86_400_000)
        self.hour = rest / 3_600_000
        self.minute = rest / 60_000 % 60
        self.second = rest / 1000 % 60
        self.millisecond = rest % 1000
        // 1 January 1970 was a Thursday.
        self.weekday = Self.divide(days + 4, by: 7).remainder

        // Years that begin in March have their leap day at the end, and months of regular lengths before it. Counted
        // in eras of 400 years, from 1 March of the year 0.
        let (era, dayOfEra) = Self.divide(days + 719_468, by: 146_097)
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let marchMonth = (5 * dayOfYear + 2) / 153
        self.day = dayOfYear - (153 * marchMonth + 2) / 5 + 1
        self.month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9
        self.year = yearOfEra + era * 400 + (self.month <= 2 ? 1 : 0)
    }

    /// As logs and JSON have it: `2026-11-21T03:14:15.926Z`.
    var rfc3339: String {
        let date = "\(Self.digits(self.year, 4))-\(Self.digits(self.month, 2))-\(Self.digits(self.day, 2))"
        return "\(date)T\(self.clock).\(Self.digits(self.millisecond, 3))Z"
    }

    /// As mail has it: `Sat, 21 Nov 2026 03:14:15 +0000`.
    var rfc5322: String {
        let names = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        let weekdays = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
        let date = "\(weekdays[self.weekday]), \(self.day) \(names[self.month - 1]) \(Self.digits(self.year, 4))"
        return "\(date) \(self.clock) +0000"
    }

    private var clock: String {
        "\(Self.digits(self.hour, 2)):\(Self.digits(self.minute, 2)):\(Self.digits(self.second, 2))"
    }

    private static func digits(_ number: Int, _ count: Int) -> String {
        let text = String(number)
        return String(repeating: "0", count: max(0, count - text.count)) + text
    }

    /// Division that rounds down, for moments before 1970.
    private static func divide(_ number: Int, by divisor: Int) -> (quotient: Int, remainder: Int) {
        let (quotient, remainder) = number.quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
    }
}
