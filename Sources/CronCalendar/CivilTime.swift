// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// Days and minutes as people write them, without a zone; a day is counted from 1 January 1970.
package enum CivilTime {
    package struct Date: Hashable, Sendable {
        package var year: Int64
        /// 1 to 12.
        package var month: Int
        /// 1 to 31.
        package var day: Int

        package init(year: Int64, month: Int, day: Int) {
            self.year = year
            self.month = month
            self.day = day
        }
    }

    static let secondsPerDay = Int64(86_400)
    /// After so many years the calendar repeats, weekdays included.
    private static let daysPerEra = Int64(146_097)
    private static let yearsPerEra = Int64(400)
    /// From 1 March of the year 0 to 1 January 1970.
    private static let daysBefore1970 = Int64(719_468)

    /// Rounds towards the past.
    static func floor(_ value: Int64, by divisor: Int64) -> Int64 {
        let quotient = value / divisor
        return value % divisor < 0 ? quotient - 1 : quotient
    }

    /// Years are counted from March, so that the leap day is the last one.
    package static func day(_ date: Date) -> Int64 {
        let year = date.month <= 2 ? date.year - 1 : date.year
        let era = self.floor(year, by: self.yearsPerEra)
        let yearOfEra = year - era * self.yearsPerEra
        let monthFromMarch = Int64((date.month + 9) % 12)
        let dayOfYear = (153 * monthFromMarch + 2) / 5 + Int64(date.day) - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return era * self.daysPerEra + dayOfEra - self.daysBefore1970
    }

    package static func date(_ day: Int64) -> Date {
        let shifted = day + self.daysBefore1970
        let era = self.floor(shifted, by: self.daysPerEra)
        let dayOfEra = shifted - era * self.daysPerEra
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthFromMarch = (5 * dayOfYear + 2) / 153
        let month = Int(monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9)
        let year = yearOfEra + era * self.yearsPerEra + (month <= 2 ? 1 : 0)
        return Date(year: year, month: month, day: Int(dayOfYear - (153 * monthFromMarch + 2) / 5 + 1))
    }

    /// 0 is Sunday.
    package static func weekday(_ day: Int64) -> Int {
        Int((day % 7 + 11) % 7)
    }

    /// The most days that a month can have.
    static func longest(month: Int) -> Int {
        switch month {
        case 2: 29
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    static func isLeap(_ year: Int64) -> Bool {
        year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
    }
}
