// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// Random numbers that are the same for the same seed on every machine, so that a failure can be had again.
///
/// The algorithm is SplitMix64, which passes through every state once.
package struct SeededGenerator: RandomNumberGenerator, Sendable {
    private var state: UInt64

    package init(seed: UInt64) {
        self.state = seed
    }

    package mutating func next() -> UInt64 {
        self.state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = self.state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }

    package mutating func pick(below bound: Int) -> Int {
        precondition(bound > 0, "there is nothing to choose from")
        return Int(self.next() % UInt64(bound))
    }

    package mutating func chance(_ percent: Int) -> Bool {
        self.pick(below: 100) < percent
    }
}
