// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// When clocks are set every year, as in `CET-1CEST,M3.5.0,M10.5.0/3`, the notation of POSIX for `TZ`.
struct YearlyRule: Hashable, Sendable {
    private struct Summer: Hashable, Sendable {
        let offset: Int64
        let begin: Moment
        let end: Moment
    }

    private struct Moment: Hashable, Sendable {
        enum Day: Hashable, Sendable {
            /// Week 5 is the last one of the month; day 0 is Sunday.
            case inMonth(Int, week: Int, weekday: Int)
            /// 1 to 365; 29 February is never counted.
            case withoutLeapDay(Int)
            /// 0 to 365.
            case counted(Int)
        }

        let day: Day
        /// Seconds after midnight; may be negative, or longer than a day.
        let time: Int64
    }

    private let winter: Int64
    private let summer: Summer?

    /// Nothing when the text is no such rule.
    init?(_ text: some Sequence<UInt8>) {
        var reader = Reader(rest: Array(text)[...])
        guard reader.skipName(), let winter = reader.time() else {
            return nil
        }
        self.winter = -winter
        guard !reader.rest.isEmpty else {
            self.summer = nil
            return
        }
        guard reader.skipName() else {
            return nil
        }
        let offset = reader.rest.first == UInt8(ascii: ",") ? self.winter + 3_600 : reader.time().map { -$0 }
        guard let offset, let begin = reader.moment(), let end = reader.moment(), reader.rest.isEmpty else {
            return nil
        }
        self.summer = Summer(offset: offset, begin: begin, end: end)
    }

    func offset(at seconds: Int64) -> Int64 {
        guard let summer = self.summer else {
            return self.winter
        }
        let year = CivilTime.date(CivilTime.floor(seconds + self.winter, by: CivilTime.secondsPerDay)).year
        let begin = Self.seconds(summer.begin, in: year) - self.winter
        let end = Self.seconds(summer.end, in: year) - summer.offset
        // South of the equator summer goes over the end of the year.
        let isSummer = begin < end ? seconds >= begin && seconds < end : seconds >= begin || seconds < end
        return isSummer ? summer.offset : self.winter
    }

    /// The moments of a year at which clocks are set.
    func changes(in year: Int64) -> [Int64] {
        self.summer.map { summer in
            [Self.seconds(summer.begin, in: year) - self.winter, Self.seconds(summer.end, in: year) - summer.offset]
        } ?? []
    }

    private static func seconds(_ moment: Moment, in year: Int64) -> Int64 {
        let day: Int64
        switch moment.day {
        case .inMonth(let month, let week, let weekday):
            let first = CivilTime.day(CivilTime.Date(year: year, month: month, day: 1))
            let next = CivilTime.day(
                CivilTime.Date(year: month == 12 ? year + 1 : year, month: month % 12 + 1, day: 1)
            )
            var found = first + Int64((weekday - CivilTime.weekday(first) + 7) % 7) + Int64(week - 1) * 7
            if found >= next {
                found -= 7
            }
            day = found
        case .withoutLeapDay(let number):
            let isAfterLeapDay = CivilTime.isLeap(year) && number >= 60
            day =
                CivilTime.day(CivilTime.Date(year: year, month: 1, day: 1)) + Int64(number - 1)
                + (isAfterLeapDay ? 1 : 0)
        case .counted(let number): day = CivilTime.day(CivilTime.Date(year: year, month: 1, day: 1)) + Int64(number)
        }
        return day * CivilTime.secondsPerDay + moment.time
    }

    private struct Reader {
        var rest: ArraySlice<UInt8>

        private mutating func take(_ character: Character) -> Bool {
            guard let byte = character.asciiValue, self.rest.first == byte else {
                return false
            }
            self.rest.removeFirst()
            return true
        }

        /// `CET`, or `<+03>`.
        mutating func skipName() -> Bool {
            if self.take("<") {
                guard let end = self.rest.firstIndex(of: UInt8(ascii: ">")) else {
                    return false
                }
                self.rest = self.rest[(end + 1)...]
                return true
            }
            let name = self.rest.prefix { ($0 | 0x20) >= UInt8(ascii: "a") && ($0 | 0x20) <= UInt8(ascii: "z") }
            self.rest = self.rest.dropFirst(name.count)
            return name.count >= 3
        }

        private mutating func number(through limit: Int64) -> Int64? {
            let digits = self.rest.prefix { $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") }
            guard (1...3).contains(digits.count) else {
                return nil
            }
            self.rest = self.rest.dropFirst(digits.count)
            let value = digits.reduce(Int64(0)) { $0 * 10 + Int64($1 - UInt8(ascii: "0")) }
            return value <= limit ? value : nil
        }

        /// `-1`, `5:30`, `167:00:00`: in seconds.
        mutating func time() -> Int64? {
            let isNegative = self.take("-")
            _ = isNegative || self.take("+")
            guard var seconds = self.number(through: 167).map({ $0 * 3_600 }) else {
                return nil
            }
            for unit in [Int64(60), 1] where self.take(":") {
                guard let part = self.number(through: 59) else {
                    return nil
                }
                seconds += part * unit
            }
            return isNegative ? -seconds : seconds
        }

        /// `,M3.5.0/2`.
        mutating func moment() -> Moment? {
            guard self.take(","), let day = self.day() else {
                return nil
            }
            guard self.take("/") else {
                return Moment(day: day, time: 7_200)
            }
            return self.time().map { Moment(day: day, time: $0) }
        }

        private mutating func day() -> Moment.Day? {
            if self.take("M") {
                guard let month = self.number(through: 12), month > 0, self.take("."),
                    let week = self.number(through: 5), week > 0, self.take("."), let day = self.number(through: 6)
                else {
                    return nil
                }
                return .inMonth(Int(month), week: Int(week), weekday: Int(day))
            }
            if self.take("J") {
                return self.number(through: 365).flatMap { $0 > 0 ? .withoutLeapDay(Int($0)) : nil }
            }
            return self.number(through: 365).map { .counted(Int($0)) }
        }
    }
}
