// Selfheal
// SPDX-License-Identifier: Apache-2.0

package import RunVocabulary

/// A minute as a clock on the wall shows it, without saying where: `2026-11-22 03:30`.
package struct ClockTime: Hashable, Comparable, Sendable {
    /// Counted as if the clock were UTC.
    let minutes: Int64

    /// Nothing when it is no such text, or no such day.
    package init?(_ text: String) {
        let bytes = Array(text.utf8)
        let shape = Array("0000-00-00 00:00".utf8)
        let isShaped =
            bytes.count == shape.count
            && zip(bytes, shape).allSatisfy { byte, wanted in
                wanted == UInt8(ascii: "0") ? byte >= wanted && byte <= UInt8(ascii: "9") : byte == wanted
            }
        guard isShaped else {
            return nil
        }
        let number = { (range: Range<Int>) in bytes[range].reduce(0) { $0 * 10 + Int($1 - UInt8(ascii: "0")) } }
        let (month, day, hour, minute) = (number(5..<7), number(8..<10), number(11..<13), number(14..<16))
        let date = CivilTime.Date(year: Int64(number(0..<4)), month: month, day: day)
        guard (1...12).contains(month), (1...31).contains(day), hour < 24, minute < 60,
            CivilTime.date(CivilTime.day(date)) == date
        else {
            return nil
        }
        self.minutes = CivilTime.day(date) * 1_440 + Int64(hour * 60 + minute)
    }

    package static func < (left: Self, right: Self) -> Bool {
        left.minutes < right.minutes
    }
}

extension ZoneRules {
    /// When clocks there show it: the first time if they do twice, and when they have been set if they never do.
    package func moment(of time: ClockTime) -> Instant {
        let civil = time.minutes * 60
        let stretch = self.stretch(from: civil, through: civil)
        let seconds =
            stretch.moments(of: civil).first ?? stretch.endOfGap(over: civil) ?? civil - self.offset(at: civil)
        return Instant(milliseconds: seconds * 1_000)
    }
}
