// Selfheal
// SPDX-License-Identifier: Apache-2.0

package import RunVocabulary

/// What clocks of a time zone show, as its file in the system's database says.
///
/// Seconds count from 1970 UTC. *Civil* seconds are what a clock there shows, counted as if it were UTC.
package struct ZoneRules: Hashable, Sendable {
    /// As in `Europe/Berlin`.
    package let name: String
    /// Before the first transition.
    private let first: Int64
    private let transitions: [Transition]
    /// What holds after the last transition.
    private let tail: YearlyRule?

    struct Transition: Hashable, Sendable {
        let at: Int64
        /// Seconds east of UTC from then on.
        let offset: Int64
    }

    /// A moment at which clocks are set.
    struct Change: Hashable, Sendable {
        let at: Int64
        let before: Int64
        let after: Int64
    }

    package static let utc = ZoneRules(name: "UTC", first: 0, transitions: [], tail: nil)

    init(name: String, first: Int64, transitions: [Transition], tail: YearlyRule?) {
        self.name = name
        self.first = first
        self.transitions = transitions
        self.tail = tail
    }

    /// No clock is further from UTC than this.
    private static let reach = Int64(26 * 3_600)

    func offset(at seconds: Int64) -> Int64 {
        guard let last = self.transitions.last else {
            return self.tail?.offset(at: seconds) ?? self.first
        }
        if let tail = self.tail, seconds >= last.at {
            return tail.offset(at: seconds)
        }
        let next = self.firstTransition(after: seconds)
        return next == 0 ? self.first : self.transitions[next - 1].offset
    }

    private func firstTransition(after seconds: Int64) -> Int {
        var (low, high) = (0, self.transitions.count)
        while low < high {
            let middle = (low + high) / 2
            if self.transitions[middle].at <= seconds {
                low = middle + 1
            } else {
                high = middle
            }
        }
        return low
    }

    /// Every time that clocks are set within a span, in order.
    private func changes(from begin: Int64, through end: Int64) -> [Change] {
        var moments = self.transitions[self.firstTransition(after: begin - 1)..<self.firstTransition(after: end)].map(
            \.at
        )
        if let tail = self.tail {
            let years = CivilTime.date(CivilTime.floor(begin, by: CivilTime.secondsPerDay)).year - 1
            let last = CivilTime.date(CivilTime.floor(end, by: CivilTime.secondsPerDay)).year + 1
            let known = self.transitions.last?.at ?? .min
            moments += (years...last).flatMap { tail.changes(in: $0) }.filter { $0 > known && $0 >= begin && $0 <= end }
        }
        return moments.sorted().compactMap { moment in
            let (before, after) = (self.offset(at: moment - 1), self.offset(at: moment))
            return before == after ? nil : Change(at: moment, before: before, after: after)
        }
    }

    /// What clocks do around a span of civil time.
    func stretch(from begin: Int64, through end: Int64) -> Stretch {
        Stretch(
            first: self.offset(at: begin - Self.reach),
            changes: self.changes(from: begin - Self.reach + 1, through: end + Self.reach)
        )
    }

    struct Stretch: Hashable, Sendable {
        let first: Int64
        let changes: [Change]

        /// The offset everywhere in it, if clocks are not set.
        var constantOffset: Int64? {
            self.changes.isEmpty ? self.first : nil
        }

        private func offset(at seconds: Int64) -> Int64 {
            self.changes.last { $0.at <= seconds }?.after ?? self.first
        }

        /// When clocks show a time: never when it is skipped, twice when clocks are set back over it.
        func moments(of civil: Int64) -> [Int64] {
            let offsets = Set([self.first] + self.changes.map(\.after))
            return offsets.map { civil - $0 }.filter { $0 + self.offset(at: $0) == civil }.sorted()
        }

        /// The end of the gap that a time falls into which clocks never show.
        func endOfGap(over civil: Int64) -> Int64? {
            self.changes.first { $0.at + $0.before <= civil && civil < $0.at + $0.after }?.at
        }
    }

    /// `2026-11-22 03:30`, as clocks there show it.
    package func text(_ moment: Instant) -> String {
        let seconds = CivilTime.floor(moment.milliseconds, by: 1_000)
        let civil = seconds + self.offset(at: seconds)
        let day = CivilTime.floor(civil, by: CivilTime.secondsPerDay)
        let minute = (civil - day * CivilTime.secondsPerDay) / 60
        let date = CivilTime.date(day)
        let parts = [Int64(date.month), Int64(date.day), minute / 60, minute % 60].map { $0 < 10 ? "0\($0)" : "\($0)" }
        return "\(date.year)-\(parts[0])-\(parts[1]) \(parts[2]):\(parts[3])"
    }
}
