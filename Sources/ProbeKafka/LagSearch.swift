// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// When the oldest record that a group has not read was written, found by asking for offsets by time.
///
/// The log answers "the first record at or after this moment". What is wanted is the first record at or after an *offset*, so the
/// moment is narrowed down: by halves of the age, and between them by one step beyond the youngest record known to be read,
/// which crosses a gap without records at once. Only offsets and times are asked for, never what a record says.
/// Records are taken to be in the order of their times, as a log appended to by the broker's clock is; where
/// producers set times of their own, the answer is as good as those.
struct LagSearch: Hashable, Sendable {
    /// Good enough: a second, or a sixty-fourth of the age.
    private static let grain: Int64 = 1_000
    private static let fraction: Int64 = 64

    enum Result: Hashable, Sendable {
        /// Milliseconds.
        case age(Int64)
        /// There is no record at all.
        case nothingUnread
        /// Unread records of the same millisecond as one that was read cannot be told from marks of transactions, which are
        /// never read: so the age is at most this, and may be anything less.
        case unclear(most: Int64)
    }

    /// The first offset that was not read.
    let offset: Int64
    let now: Int64
    /// A record that was read has this time; nothing until one is known.
    private(set) var read: Int64?
    /// No record at or after this moment was read.
    private(set) var unread: Int64
    /// The time of the oldest record known to be unread.
    private(set) var oldestUnread: Int64?
    private(set) var result: Result?
    private var isStepNext = false

    init(offset: Int64, now: Int64) {
        self.offset = offset
        self.now = now
        // A producer's clock may be ahead of ours.
        self.unread = now &+ 86_400_000
    }

    /// The moment to ask about next, `nil` once there is a result.
    var question: Int64? {
        guard self.result == nil else { return nil }
        guard let read = self.read else { return 0 }
        if self.isStepNext { return read &+ 1 }
        guard read < self.now &- 2 else { return read &+ max(1, (self.unread &- read) / 2) }
        let young = max(1, self.now &- self.unread)
        let old = max(young, self.now &- read)
        // The middle of two ages by their ratio: from a week to ten seconds it is as far as from ten seconds to a few.
        let middle = Int64((Double(young) * Double(old)).squareRoot())
        return min(max(self.now &- middle, read &+ 1), self.unread &- 1)
    }

    /// Takes the answer to `question`: the first record at or after that moment, `nil` for none.
    mutating func take(_ record: (offset: Int64, timestamp: Int64)?) {
        guard let asked = self.question else { return }
        self.isStepNext = self.read != nil && !self.isStepNext
        if let record, record.offset < self.offset {
            // Time may not seem to stand still, or the search would.
            self.read = max(self.read ?? 0, record.timestamp, asked)
        } else {
            if let record { self.oldestUnread = record.timestamp }
            if record?.offset == self.offset || self.read == nil {
                // The very first question is for everything, so this is the oldest record of all.
                self.result = self.oldestUnread.map { .age(max(0, self.now &- $0)) } ?? .nothingUnread
                return
            }
            self.unread = asked
        }
        self.conclude()
    }

    private mutating func conclude() {
        guard let read = self.read else { return }
        // What is unread was written between these two, or in the same millisecond as the older one.
        let age = max(0, self.now &- read)
        let least = self.oldestUnread.map { max(0, self.now &- $0) } ?? 0
        if age &- least <= max(Self.grain, age / Self.fraction), self.oldestUnread != nil {
            self.result = .age(age)
        } else if read &+ 1 >= self.unread {
            self.result = .unclear(most: age)
        }
    }

    /// The age is at most this, as far as known.
    var upperBound: Int64? { self.read.map { max(0, self.now &- $0) } }
}
