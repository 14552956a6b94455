// Selfheal
// SPDX-License-Identifier: Apache-2.0

extension CELDuration {
    /// Reads `1h30m`, `-1.5s`, `20ms`, `1d`: decimal numbers with a unit, biggest first or not.
    ///
    /// Units are `d`, `h`, `m`, `s`, `ms`, `us` (or `µs`) and `ns`; `0` needs none. Digits finer than a
    /// nanosecond are dropped.
    package init?(parsing text: String) {
        var scanner = ByteScanner(text)
        let isNegative = scanner.skip(UInt8(ascii: "-"))
        if !isNegative {
            _ = scanner.skip(UInt8(ascii: "+"))
        }
        if scanner.rest == [UInt8(ascii: "0")] {
            self.init(nanoseconds: 0)
            return
        }
        guard !scanner.isAtEnd else {
            return nil
        }
        // Negative throughout, because the lowest number has no positive counterpart.
        var total: Int64 = 0
        while !scanner.isAtEnd {
            let whole = scanner.digits()
            let fraction = scanner.skip(UInt8(ascii: ".")) ? scanner.digits() : []
            guard !(whole.isEmpty && fraction.isEmpty), let unit = scanner.durationUnit(),
                let part = Self.scaled(whole: whole, fraction: fraction, unit: unit)
            else {
                return nil
            }
            let (sum, overflowed) = total.subtractingReportingOverflow(part)
            guard !overflowed else {
                return nil
            }
            total = sum
        }
        guard isNegative || total != Int64.min else {
            return nil
        }
        self.init(nanoseconds: isNegative ? total : -total)
    }

    private static func scaled(whole: [UInt8], fraction: [UInt8], unit: Int64) -> Int64? {
        var total: Int64 = 0
        for digit in whole {
            let (product, overflowed) = total.multipliedReportingOverflow(by: 10)
            let (sum, overflowedAgain) = product.addingReportingOverflow(Int64(digit - 48))
            guard !overflowed, !overflowedAgain else {
                return nil
            }
            total = sum
        }
        let (scaled, overflowed) = total.multipliedReportingOverflow(by: unit)
        guard !overflowed else {
            return nil
        }
        var finer: Int64 = 0
        var weight = unit
        for digit in fraction where weight > 0 {
            // Exact while the unit is a multiple of ten; minutes and hours lose less than a nanosecond.
            finer += Int64(digit - 48) * weight / 10
            weight /= 10
        }
        let (sum, overflowedAgain) = scaled.addingReportingOverflow(finer)
        return overflowedAgain ? nil : sum
    }

    /// For people: `1m30s`, `2h`, `250ms`, `1.5s`.
    package var text: String {
        if self.nanoseconds == 0 {
            return "0s"
        }
        let magnitude = self.nanoseconds.magnitude
        var result = self.nanoseconds < 0 ? "-" : ""
        if magnitude < 1_000 {
            return result + "\(magnitude)ns"
        }
        if magnitude < 1_000_000 {
            return result + Decimal.text(magnitude, digits: 3) + "us"
        }
        if magnitude < 1_000_000_000 {
            return result + Decimal.text(magnitude, digits: 6) + "ms"
        }
        let (minutes, rest) = magnitude.quotientAndRemainder(dividingBy: 60_000_000_000)
        let (hours, minute) = minutes.quotientAndRemainder(dividingBy: 60)
        result += hours > 0 ? "\(hours)h" : ""
        result += minute > 0 ? "\(minute)m" : ""
        result += rest > 0 ? Decimal.text(rest, digits: 9) + "s" : ""
        return result
    }

    /// What CEL's `string()` gives: seconds, such as `90s` or `-1.5s`.
    package var secondsText: String {
        (self.nanoseconds < 0 ? "-" : "") + Decimal.text(self.nanoseconds.magnitude, digits: 9) + "s"
    }
}

extension CELTimestamp {
    /// Reads RFC 3339, such as `2024-05-01T12:00:00.5+02:00`.
    package init?(parsing text: String) {
        var scanner = ByteScanner(text)
        guard let year = scanner.number(digits: 4), scanner.skip(UInt8(ascii: "-")),
            let month = scanner.number(digits: 2), scanner.skip(UInt8(ascii: "-")),
            let day = scanner.number(digits: 2), scanner.skip(UInt8(ascii: "T")) || scanner.skip(UInt8(ascii: "t")),
            let hour = scanner.number(digits: 2), scanner.skip(UInt8(ascii: ":")),
            let minute = scanner.number(digits: 2), scanner.skip(UInt8(ascii: ":")),
            let second = scanner.number(digits: 2),
            (1...12).contains(month), day >= 1, day <= CELCalendarDate.daysInMonth(month, of: year),
            hour < 24, minute < 60, second < 60
        else {
            return nil
        }
        var nanoseconds: Int64 = 0
        if scanner.skip(UInt8(ascii: ".")) {
            let digits = scanner.digits()
            guard !digits.isEmpty else {
                return nil
            }
            var weight: Int64 = 100_000_000
            for digit in digits {
                nanoseconds += Int64(digit - 48) * weight
                weight /= 10
            }
        }
        guard
            let offset = scanner.skip(UInt8(ascii: "Z")) || scanner.skip(UInt8(ascii: "z"))
                ? 0 : scanner.zoneOffset(requiresSign: true), scanner.isAtEnd
        else {
            return nil
        }
        let days = CELCalendarDate.daysSinceEpoch(year: year, month: month, day: day)
        let seconds = days * 86_400 + hour * 3_600 + minute * 60 + second - offset
        self.init(seconds: seconds, nanoseconds: nanoseconds)
    }

    /// RFC 3339 in UTC, with as many digits of the second as are needed.
    package var text: String {
        let date = CELCalendarDate(secondsSinceEpoch: self.seconds)
        let fraction =
            self.nanoseconds == 0
            ? "" : "." + Decimal.text(UInt64(self.nanoseconds), digits: 9).dropFirst(2)
        let day = "\(Decimal.padded(date.year, 4))-\(Decimal.padded(date.month, 2))-\(Decimal.padded(date.day, 2))"
        let hour = Decimal.padded(date.secondOfDay / 3_600, 2)
        let minute = Decimal.padded(date.secondOfDay / 60 % 60, 2)
        let second = Decimal.padded(date.secondOfDay % 60, 2)
        return "\(day)T\(hour):\(minute):\(second)\(fraction)Z"
    }
}

/// The offset of a time zone in seconds: `UTC` or a fixed `+01:00`, `-02:30`, `01:00`.
///
/// Named zones need a database that changes under a running engine; they are refused.
func zoneOffset(named name: String) -> Int64? {
    if name == "UTC" || name == "Z" {
        return 0
    }
    var scanner = ByteScanner(name)
    guard let offset = scanner.zoneOffset(requiresSign: false), scanner.isAtEnd else {
        return nil
    }
    return offset
}

private enum Decimal {
    /// `value / 10^digits` without trailing zeros.
    static func text(_ value: UInt64, digits: Int) -> String {
        var scale: UInt64 = 1
        for _ in 0..<digits {
            scale *= 10
        }
        let (whole, rest) = value.quotientAndRemainder(dividingBy: scale)
        guard rest > 0 else {
            return "\(whole)"
        }
        var fraction = self.padded(Int64(rest), digits)
        while fraction.utf8.last == UInt8(ascii: "0") {
            fraction.removeLast()
        }
        return "\(whole).\(fraction)"
    }

    static func padded(_ value: Int64, _ width: Int) -> String {
        let digits = "\(value)"
        return String(repeating: "0", count: max(0, width - digits.utf8.count)) + digits
    }
}

/// Reads bytes from the front.
private struct ByteScanner {
    private var bytes: ArraySlice<UInt8>

    init(_ text: String) {
        self.bytes = Array(text.utf8)[...]
    }

    var isAtEnd: Bool { self.bytes.isEmpty }
    var rest: [UInt8] { Array(self.bytes) }

    mutating func skip(_ byte: UInt8) -> Bool {
        guard self.bytes.first == byte else {
            return false
        }
        self.bytes.removeFirst()
        return true
    }

    mutating func digits() -> [UInt8] {
        let run = self.bytes.prefix { (48...57).contains($0) }
        self.bytes.removeFirst(run.count)
        return Array(run)
    }

    /// Exactly that many digits.
    mutating func number(digits count: Int) -> Int64? {
        let run = self.bytes.prefix(count)
        guard run.count == count, run.allSatisfy({ (48...57).contains($0) }) else {
            return nil
        }
        self.bytes.removeFirst(count)
        return run.reduce(0) { $0 * 10 + Int64($1 - 48) }
    }

    mutating func zoneOffset(requiresSign: Bool) -> Int64? {
        let isNegative = self.skip(UInt8(ascii: "-"))
        guard isNegative || self.skip(UInt8(ascii: "+")) || !requiresSign else {
            return nil
        }
        guard let hours = self.number(digits: 2), self.skip(UInt8(ascii: ":")), let minutes = self.number(digits: 2),
            hours < 24, minutes < 60
        else {
            return nil
        }
        return (hours * 3_600 + minutes * 60) * (isNegative ? -1 : 1)
    }

    /// In nanoseconds.
    mutating func durationUnit() -> Int64? {
        let run = self.bytes.prefix { !(48...57).contains($0) && $0 != UInt8(ascii: ".") }
        self.bytes.removeFirst(run.count)
        switch String(decoding: run, as: UTF8.self) {
        case "ns": return 1
        case "us", "µs", "μs": return 1_000
        case "ms": return 1_000_000
        case "s": return 1_000_000_000
        case "m": return 60_000_000_000
        case "h": return 3_600_000_000_000
        case "d": return 86_400_000_000_000
        default: return nil
        }
    }
}
