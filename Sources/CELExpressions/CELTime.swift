// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// A span of time in whole nanoseconds, up to about 292 years either way.
package struct CELDuration: Hashable, Comparable, Sendable {
    package let nanoseconds: Int64

    package init(nanoseconds: Int64) {
        self.nanoseconds = nanoseconds
    }

    package init?(seconds: Int64, nanoseconds: Int64 = 0) {
        let (product, overflowed) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        let (sum, overflowedAgain) = product.addingReportingOverflow(nanoseconds)
        guard !overflowed, !overflowedAgain else {
            return nil
        }
        self.nanoseconds = sum
    }

    package static func < (left: Self, right: Self) -> Bool {
        left.nanoseconds < right.nanoseconds
    }

    func adding(_ other: Self) -> Self? {
        let (sum, overflowed) = self.nanoseconds.addingReportingOverflow(other.nanoseconds)
        return overflowed ? nil : Self(nanoseconds: sum)
    }

    func subtracting(_ other: Self) -> Self? {
        let (difference, overflowed) = self.nanoseconds.subtractingReportingOverflow(other.nanoseconds)
        return overflowed ? nil : Self(nanoseconds: difference)
    }
}

/// A moment between the years 1 and 9999, in whole nanoseconds.
package struct CELTimestamp: Hashable, Comparable, Sendable {
    /// Since 1970-01-01T00:00:00Z, rounded down.
    package let seconds: Int64
    /// Within the second: `0..<1_000_000_000`.
    package let nanoseconds: Int32

    private static let range: ClosedRange<Int64> = -62_135_596_800...253_402_300_799

    /// Fails outside the years 1 to 9999; `nanoseconds` may be anything and is carried over.
    package init?(seconds: Int64, nanoseconds: Int64 = 0) {
        let fraction = nanoseconds.flooredRemainder(by: 1_000_000_000)
        let (whole, overflowed) = seconds.addingReportingOverflow((nanoseconds - fraction) / 1_000_000_000)
        guard !overflowed, Self.range.contains(whole) else {
            return nil
        }
        self.seconds = whole
        self.nanoseconds = Int32(fraction)
    }

    package static func < (left: Self, right: Self) -> Bool {
        (left.seconds, left.nanoseconds) < (right.seconds, right.nanoseconds)
    }

    func adding(_ duration: CELDuration) -> Self? {
        let fraction = duration.nanoseconds.flooredRemainder(by: 1_000_000_000)
        let whole = (duration.nanoseconds - fraction) / 1_000_000_000
        return Self(seconds: self.seconds + whole, nanoseconds: Int64(self.nanoseconds) + fraction)
    }

    func subtracting(_ duration: CELDuration) -> Self? {
        let fraction = duration.nanoseconds.flooredRemainder(by: 1_000_000_000)
        let whole = (duration.nanoseconds - fraction) / 1_000_000_000
        return Self(seconds: self.seconds - whole, nanoseconds: Int64(self.nanoseconds) - fraction)
    }

    func subtracting(_ other: Self) -> CELDuration? {
        CELDuration(
            seconds: self.seconds - other.seconds,
            nanoseconds: Int64(self.nanoseconds) - Int64(other.nanoseconds)
        )
    }
}

extension Int64 {
    /// The remainder that is never negative, for a positive divisor.
    fileprivate func flooredRemainder(by divisor: Int64) -> Int64 {
        let remainder = self % divisor
        return remainder < 0 ? remainder + divisor : remainder
    }
}

/// A moment as a calendar shows it, in the proleptic Gregorian calendar.
struct CELCalendarDate: Hashable, Sendable {
    var year: Int64
    /// One-based.
    var month: Int64
    /// One-based.
    var day: Int64
    /// Zero is Sunday.
    var weekday: Int64
    /// Zero-based.
    var dayOfYear: Int64
    /// Seconds since midnight.
    var secondOfDay: Int64

    init(secondsSinceEpoch seconds: Int64) {
        self.secondOfDay = seconds.flooredRemainder(by: 86_400)
        let days = (seconds - self.secondOfDay) / 86_400
        self.weekday = (days + 4).flooredRemainder(by: 7)
        // Eras of 400 years that begin on 1 March, so that the leap day is the last of its year.
        let shifted = days + 719_468
        let dayOfEra = shifted.flooredRemainder(by: 146_097)
        let era = (shifted - dayOfEra) / 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayFromMarch = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthFromMarch = (5 * dayFromMarch + 2) / 153
        self.day = dayFromMarch - (153 * monthFromMarch + 2) / 5 + 1
        self.month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
        self.year = yearOfEra + era * 400 + (self.month <= 2 ? 1 : 0)
        self.dayOfYear = days - Self.daysSinceEpoch(year: self.year, month: 1, day: 1)
    }

    static func daysSinceEpoch(year: Int64, month: Int64, day: Int64) -> Int64 {
        let shiftedYear = month <= 2 ? year - 1 : year
        let yearOfEra = shiftedYear.flooredRemainder(by: 400)
        let era = (shiftedYear - yearOfEra) / 400
        let monthFromMarch = month > 2 ? month - 3 : month + 9
        let dayFromMarch = (153 * monthFromMarch + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayFromMarch
        return era * 146_097 + dayOfEra - 719_468
    }

    static func daysInMonth(_ month: Int64, of year: Int64) -> Int64 {
        switch month {
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }
}
