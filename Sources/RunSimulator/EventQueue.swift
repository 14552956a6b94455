// Selfheal
// SPDX-License-Identifier: Apache-2.0

package import RunVocabulary

/// What is going to happen, ordered by moment and, within a moment, by when it was put in.
///
/// A binary heap; the sequence number makes the order total, so that two rehearsals never differ.
package struct EventQueue<Event: Sendable>: Sendable {
    private struct Entry: Sendable {
        let moment: Instant
        let sequence: Int
        let event: Event

        func isBefore(_ other: Entry) -> Bool {
            (self.moment, self.sequence) < (other.moment, other.sequence)
        }
    }

    private var heap: [Entry] = []
    private var lastSequence = 0

    package init() {}

    package var nextMoment: Instant? {
        self.heap.first?.moment
    }

    package var isEmpty: Bool {
        self.heap.isEmpty
    }

    package mutating func add(_ event: Event, at moment: Instant) {
        self.lastSequence += 1
        self.heap.append(Entry(moment: moment, sequence: self.lastSequence, event: event))
        var child = self.heap.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            guard self.heap[child].isBefore(self.heap[parent]) else {
                return
            }
            self.heap.swapAt(child, parent)
            child = parent
        }
    }

    package mutating func take() -> (moment: Instant, event: Event)? {
        guard let first = self.heap.first else {
            return nil
        }
        let last = self.heap.removeLast()
        if !self.heap.isEmpty {
            self.heap[0] = last
            self.sink()
        }
        return (first.moment, first.event)
    }

    /// What is left keeps its order.
    package mutating func removeAll(where isGone: (Event) -> Bool) {
        self.heap.removeAll { isGone($0.event) }
        // A sorted array is a heap.
        self.heap.sort { $0.isBefore($1) }
    }

    /// The moment of the first event that is `wanted`.
    package func nextMoment(where wanted: (Event) -> Bool) -> Instant? {
        self.heap.filter { wanted($0.event) }.map(\.moment).min()
    }

    private mutating func sink() {
        var parent = 0
        while true {
            let left = 2 * parent + 1
            guard left < self.heap.count else {
                return
            }
            let right = left + 1
            let child = right < self.heap.count && self.heap[right].isBefore(self.heap[left]) ? right : left
            guard self.heap[child].isBefore(self.heap[parent]) else {
                return
            }
            self.heap.swapAt(child, parent)
            parent = child
        }
    }
}
