// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// Walks every path through a program that makes bounded choices.
///
/// Write the scenario as if choices were random; ``Choices`` instead counts through all of them, the way an odometer does,
/// and stops when every combination has been seen.
package struct Choices {
    private struct Wheel {
        var value: Int
        var bound: Int
    }

    private var wheels: [Wheel] = []
    private var position = 0
    private var isFirst = true

    package init() {}

    /// Moves to the next unseen path, or returns `false` once all have been walked.
    package mutating func advance() -> Bool {
        defer { self.position = 0 }
        if self.isFirst {
            self.isFirst = false
            return true
        }
        while let last = self.wheels.popLast() {
            if last.value + 1 < last.bound {
                self.wheels.append(Wheel(value: last.value + 1, bound: last.bound))
                return true
            }
        }
        return false
    }

    /// Picks a number in `0..<bound`.
    package mutating func pick(below bound: Int) -> Int {
        precondition(bound > 0, "there is nothing to choose from")
        if self.position == self.wheels.count {
            self.wheels.append(Wheel(value: 0, bound: bound))
        }
        precondition(self.wheels[self.position].bound == bound, "the scenario is not deterministic")
        defer { self.position += 1 }
        return self.wheels[self.position].value
    }

    package mutating func take<Element>(from pool: inout [Element]) -> Element {
        pool.remove(at: self.pick(below: pool.count))
    }

    /// What was picked on this path, to name it in a failure.
    package var path: [Int] {
        self.wheels.prefix(self.position).map(\.value)
    }
}
