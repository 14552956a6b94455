// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// Something that wants to be woken at a time that it may change its mind about.
protocol Sleeper: AnyObject {
    /// When to wake it, or `nil`; the queue reads this again before it wakes anybody.
    var wakeAt: BootTime? { get }

    func wake(now: BootTime)
}

/// A binary heap of wake-up times.
///
/// Entries are never removed when a sleeper changes its mind: the sleeper's own `wakeAt` is what counts,
/// and an entry that no longer fits is dropped when it comes up. ``rebuild(from:)`` keeps the heap from
/// filling with such entries.
struct DeadlineQueue {
    typealias SleeperID = UInt64

    private struct Entry {
        let moment: BootTime
        let sleeper: SleeperID
    }

    private var heap: [Entry] = []

    var earliest: BootTime? { self.heap.first?.moment }
    var count: Int { self.heap.count }

    mutating func insert(_ sleeper: SleeperID, at moment: BootTime) {
        self.heap.append(Entry(moment: moment, sleeper: sleeper))
        var child = self.heap.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            guard self.heap[child].moment < self.heap[parent].moment else { break }
            self.heap.swapAt(child, parent)
            child = parent
        }
    }

    /// Takes out the earliest entry if its time has come.
    mutating func popDue(now: BootTime) -> SleeperID? {
        guard let first = self.heap.first, first.moment <= now else { return nil }
        let last = self.heap.removeLast()
        if !self.heap.isEmpty {
            self.heap[0] = last
            self.sink()
        }
        return first.sleeper
    }

    mutating func rebuild(from entries: some Sequence<(SleeperID, BootTime)>) {
        self.heap.removeAll(keepingCapacity: true)
        for (sleeper, moment) in entries {
            self.insert(sleeper, at: moment)
        }
    }

    private mutating func sink() {
        var parent = 0
        while true {
            let left = 2 * parent + 1
            guard left < self.heap.count else { return }
            let right = left + 1
            let isRightEarlier = right < self.heap.count && self.heap[right].moment < self.heap[left].moment
            let child = isRightEarlier ? right : left
            guard self.heap[child].moment < self.heap[parent].moment else { return }
            self.heap.swapAt(child, parent)
            parent = child
        }
    }
}
