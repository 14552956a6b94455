// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// A moment, in milliseconds.
///
/// In a live run the count starts at 1970 UTC and comes from the executor; in a rehearsal it starts at the beginning of the
/// rehearsal. The core never asks for it: moments arrive inside events.
package struct Instant: Hashable, Comparable, Sendable {
    package let milliseconds: Int64

    package init(milliseconds: Int64) {
        self.milliseconds = milliseconds
    }

    package static func < (left: Instant, right: Instant) -> Bool {
        left.milliseconds < right.milliseconds
    }

    /// The moment `span` later; saturates instead of overflowing, so that "for ever" stays for ever.
    package static func + (moment: Instant, span: Milliseconds) -> Instant {
        let (sum, overflow) = moment.milliseconds.addingReportingOverflow(span.count)
        return Instant(milliseconds: overflow ? .max : sum)
    }

    /// How long after `earlier` this is; never negative, because clocks step back and ages do not.
    package func elapsed(since earlier: Instant) -> Milliseconds {
        Milliseconds(Swift.max(0, self.milliseconds &- earlier.milliseconds))
    }
}

extension Instant: Codable {
    package init(from decoder: any Decoder) throws {
        self.milliseconds = try decoder.singleValueContainer().decode(Int64.self)
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(self.milliseconds)
    }
}

/// A length of time in whole milliseconds, the finest grain a runbook can ask for.
package struct Milliseconds: Hashable, Comparable, Sendable {
    package let count: Int64

    package init(_ count: Int64) {
        self.count = count
    }

    package static let zero = Milliseconds(0)

    package static func seconds(_ count: Int64) -> Milliseconds {
        Milliseconds(count * 1_000)
    }

    package static func minutes(_ count: Int64) -> Milliseconds {
        Milliseconds(count * 60_000)
    }

    package static func < (left: Milliseconds, right: Milliseconds) -> Bool {
        left.count < right.count
    }

    /// The sum, saturating at the largest length there is.
    package static func + (left: Milliseconds, right: Milliseconds) -> Milliseconds {
        let (sum, overflow) = left.count.addingReportingOverflow(right.count)
        return Milliseconds(overflow ? .max : sum)
    }

    /// The product, saturating at the largest length there is.
    package static func * (left: Milliseconds, factor: Int) -> Milliseconds {
        let (product, overflow) = left.count.multipliedReportingOverflow(by: Int64(factor))
        return Milliseconds(overflow ? .max : product)
    }

    package var duration: Duration {
        .milliseconds(self.count)
    }

    package init(_ duration: Duration) {
        let (seconds, attoseconds) = duration.components
        self.count = seconds * 1_000 + attoseconds / 1_000_000_000_000_000
    }
}

extension Milliseconds: Codable {
    package init(from decoder: any Decoder) throws {
        self.count = try decoder.singleValueContainer().decode(Int64.self)
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(self.count)
    }
}

extension Milliseconds: CustomStringConvertible {
    private static let units: [(suffix: String, milliseconds: Int64)] = [
        ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000),
    ]

    /// The length as a runbook would write it: `1m30s`, `250ms`, `0s`.
    package var description: String {
        guard self.count != 0 else {
            return "0s"
        }
        var rest = self.count.magnitude
        var text = self.count < 0 ? "-" : ""
        for unit in Self.units where rest >= UInt64(unit.milliseconds) {
            text += "\(rest / UInt64(unit.milliseconds))\(unit.suffix)"
            rest %= UInt64(unit.milliseconds)
        }
        return rest > 0 ? text + "\(rest)ms" : text
    }

    /// The length for a reader in a hurry: one decimal below ten seconds, whole units above.
    package var rounded: String {
        switch self.count {
        case ..<1_000: return "\(self.count)ms"
        case ..<10_000: return "\(self.count / 1_000).\(self.count % 1_000 / 100)s"
        case ..<60_000: return "\(self.count / 1_000)s"
        default:
            let seconds = self.count / 1_000
            return Milliseconds(seconds * 1_000).description
        }
    }

    /// Reads `500ms`, `30s`, `5m`, `2h`, `1d` and their concatenations in falling order (`1m30s`).
    ///
    /// - Returns: `nil` when the text is no duration: no unit, an unknown one, a sign, or more than Int64 holds.
    package init?(text: String) {
        var total: Int64 = 0
        var largestAllowed = Int64.max
        let bytes = text.utf8
        var index = bytes.startIndex
        guard index < bytes.endIndex else {
            return nil
        }
        while index < bytes.endIndex {
            var number: Int64?
            while index < bytes.endIndex, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(bytes[index]) {
                let (product, tooLong) = (number ?? 0).multipliedReportingOverflow(by: 10)
                let (sum, tooLongInAll) = product.addingReportingOverflow(Int64(bytes[index] - UInt8(ascii: "0")))
                guard !tooLong, !tooLongInAll else {
                    return nil
                }
                number = sum
                index = bytes.index(after: index)
            }
            guard let number, let (unit, next) = Self.unit(in: bytes, at: index), unit < largestAllowed else {
                return nil
            }
            index = next
            largestAllowed = unit
            let (product, tooLong) = number.multipliedReportingOverflow(by: unit)
            let (sum, tooLongInAll) = total.addingReportingOverflow(product)
            guard !tooLong, !tooLongInAll else {
                return nil
            }
            total = sum
        }
        self.count = total
    }

    /// The unit that is written at a place, and where it ends.
    private static func unit(
        in bytes: String.UTF8View,
        at start: String.UTF8View.Index
    ) -> (unit: Int64, end: String.UTF8View.Index)? {
        guard start < bytes.endIndex else {
            return nil
        }
        let next = bytes.index(after: start)
        let second = next < bytes.endIndex ? bytes[next] : 0
        let isLong = (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(second)
        switch (bytes[start], isLong) {
        case (UInt8(ascii: "d"), false): return (86_400_000, next)
        case (UInt8(ascii: "h"), false): return (3_600_000, next)
        case (UInt8(ascii: "m"), false): return (60_000, next)
        case (UInt8(ascii: "s"), false): return (1_000, next)
        case (UInt8(ascii: "m"), true) where second == UInt8(ascii: "s"):
            // Were it the first two letters of a longer word, digits would be missing behind it.
            return (1, bytes.index(after: next))
        default: return nil
        }
    }
}
