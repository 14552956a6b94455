// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// Minutes that come again, in the five fields of cron: minute, hour, day of the month, month, day of the week.
///
/// When both days are given, either of them is enough, as cron has always had it; a field counts as given unless it begins with `*`.
package struct CronSchedule: Hashable, Sendable {
    /// What is wrong with a text, and where: bytes from its beginning.
    package struct Mistake: Error, Hashable, Sendable {
        package let message: String
        package let help: String
        package let place: Range<Int>
    }

    struct Field {
        let name: String
        let range: ClosedRange<Int>
        var words: [String] = []
    }

    private static let months = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
    private static let weekdays = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]

    static let fields = [
        Field(name: "minute", range: 0...59), Field(name: "hour", range: 0...23), Field(name: "day", range: 1...31),
        Field(name: "month", range: 1...12, words: Self.months),
        Field(name: "weekday", range: 0...7, words: Self.weekdays),
    ]

    /// With one blank between two fields.
    package let text: String
    let minutes: [Int]
    let hours: [Int]
    /// Whether it goes by time that passes rather than by what clocks show: then it comes in both of two hours that are the same.
    let isEveryHour: Bool
    private let days: Set<Int>
    private let months: Set<Int>
    private let weekdays: Set<Int>
    private let isEitherDay: Bool

    package init(_ text: String) throws(Mistake) {
        let bytes = Array(text.utf8)
        if bytes.first == UInt8(ascii: "@") {
            throw Mistake(
                message: "'\(text)' is no time in five fields",
                help: "write minute, hour, day, month and weekday: '0 0 * * *' is every midnight",
                place: 0..<bytes.count
            )
        }
        let words = Self.split(bytes, 0..<bytes.count) { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }
            .filter { !$0.isEmpty }
        guard words.count == Self.fields.count else {
            throw Mistake(
                message: "it has \(words.count) field\(words.count == 1 ? "" : "s"), and a time takes five",
                help: "write minute, hour, day, month and weekday, such as '30 3 * * sun'",
                place: words.count > Self.fields.count
                    ? words[Self.fields.count].lowerBound..<bytes.count : 0..<bytes.count
            )
        }
        var sets: [Set<Int>] = []
        for (field, place) in zip(Self.fields, words) {
            sets.append(try Self.values(of: field, bytes, place))
        }
        let isFree = words.map { bytes[$0.lowerBound] == UInt8(ascii: "*") }
        self.text = words.map { String(decoding: bytes[$0], as: UTF8.self) }.joined(separator: " ")
        self.minutes = sets[0].sorted()
        self.hours = sets[1].sorted()
        self.isEveryHour = sets[1].count == 24
        self.days = sets[2]
        self.months = sets[3]
        self.weekdays = Set(sets[4].map { $0 % 7 })
        self.isEitherDay = !isFree[2] && !isFree[4]
        guard self.isEitherDay || self.months.contains(where: { Self.has(month: $0, self.days) }) else {
            throw Mistake(
                message: "this never comes: no such month has such a day",
                help: "30 February is the classic one; '0 0 28 2 *' comes every year",
                place: words[2].lowerBound..<words[3].upperBound
            )
        }
    }

    private static func has(month: Int, _ days: Set<Int>) -> Bool {
        days.contains { $0 <= CivilTime.longest(month: month) }
    }

    // MARK: Reading

    private static func split(_ bytes: [UInt8], _ place: Range<Int>, by isBlank: (UInt8) -> Bool) -> [Range<Int>] {
        var parts: [Range<Int>] = []
        var begin = place.lowerBound
        for index in place where isBlank(bytes[index]) {
            parts.append(begin..<index)
            begin = index + 1
        }
        return parts + [begin..<place.upperBound]
    }

    private static func values(of field: Field, _ bytes: [UInt8], _ place: Range<Int>) throws(Mistake) -> Set<Int> {
        var values: Set<Int> = []
        for part in self.split(bytes, place, by: { $0 == UInt8(ascii: ",") }) {
            values.formUnion(try self.range(of: field, bytes, part))
        }
        return values
    }

    /// `*`, `5`, `mon-fri`, `*/15` or `8-18/2`.
    private static func range(of field: Field, _ bytes: [UInt8], _ place: Range<Int>) throws(Mistake) -> [Int] {
        let halves = self.split(bytes, place) { $0 == UInt8(ascii: "/") }
        let ends = self.split(bytes, halves[0]) { $0 == UInt8(ascii: "-") }
        let isAll = bytes[halves[0]].elementsEqual("*".utf8)
        guard halves.count <= 2, ends.count <= 2 else {
            throw self.unreadable(field, bytes, place)
        }
        let low = isAll ? field.range.lowerBound : try self.number(field, bytes, ends[0])
        // Without this, '*' would be Sunday twice.
        var high = isAll ? (field.words == self.weekdays ? 6 : field.range.upperBound) : low
        if ends.count == 2 {
            high = try self.number(field, bytes, ends[1])
            // A week may end with its Sunday.
            high = field.words == self.weekdays && high == 0 && low > 0 ? 7 : high
        }
        guard low <= high else {
            throw Mistake(
                message: "a range goes upwards, and this one goes from \(low) to \(high)",
                help: "write two ranges with a comma between them",
                place: halves[0]
            )
        }
        guard halves.count == 2 else {
            return Array(low...high)
        }
        guard isAll || ends.count == 2 else {
            throw Mistake(
                message: "a step needs a range to go through",
                help: "write '\(low)-\(field.range.upperBound)/…', or '*/…'",
                place: place
            )
        }
        let step = self.decimal(bytes[halves[1]]) ?? 0
        guard step > 0, step <= field.range.upperBound - field.range.lowerBound else {
            throw Mistake(
                message: "'\(String(decoding: bytes[halves[1]], as: UTF8.self))' is no step for the \(field.name)",
                help: "a step is a number from 1 to \(field.range.upperBound - field.range.lowerBound)",
                place: halves[1]
            )
        }
        return Array(stride(from: low, through: high, by: step))
    }

    private static func number(_ field: Field, _ bytes: [UInt8], _ place: Range<Int>) throws(Mistake) -> Int {
        let word = String(decoding: bytes[place], as: UTF8.self).lowercased()
        if let index = field.words.firstIndex(of: word) {
            return index + field.range.lowerBound
        }
        guard let number = self.decimal(bytes[place]), field.range.contains(number) else {
            throw self.unreadable(field, bytes, place)
        }
        return number
    }

    private static func decimal(_ digits: ArraySlice<UInt8>) -> Int? {
        let isNumber = digits.allSatisfy { $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") }
        return isNumber && (1...2).contains(digits.count) ? Int(String(decoding: digits, as: UTF8.self)) : nil
    }

    private static func unreadable(_ field: Field, _ bytes: [UInt8], _ place: Range<Int>) -> Mistake {
        let words = field.words.isEmpty ? "" : ", or \(field.words[0]) to \(field.words[field.words.count - 1])"
        return Mistake(
            message: "'\(String(decoding: bytes[place], as: UTF8.self))' is no \(field.name)",
            help:
                "the \(field.name) is \(field.range.lowerBound) to \(field.range.upperBound)\(words); "
                + "also '*', '*/2', and lists and ranges with ',' and '-'",
            place: place
        )
    }

    // MARK: Days

    func comes(on day: Int64) -> Bool {
        let date = CivilTime.date(day)
        guard self.months.contains(date.month) else {
            return false
        }
        let isDay = self.days.contains(date.day)
        let isWeekday = self.weekdays.contains(CivilTime.weekday(day))
        return self.isEitherDay ? isDay || isWeekday : isDay && isWeekday
    }
}
