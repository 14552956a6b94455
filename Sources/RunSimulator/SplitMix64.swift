// Selfheal
// SPDX-License-Identifier: Apache-2.0

package import RunVocabulary

/// The one source of chance in a rehearsal: the same seed draws the same for ever, on every machine.
///
/// The standard library's generator is different in every process, and its methods for ranges may change between versions; both would
/// break "same seed, same bytes".
package struct SplitMix64: Hashable, Sendable {
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

    /// As if ``next()`` had been called so often.
    package mutating func skip(_ count: UInt64) {
        self.state &+= count &* 0x9e37_79b9_7f4a_7c15
    }

    /// A number below `bound`; the bias of at most one in 2⁶⁴ / `bound` does not matter here.
    package mutating func number(below bound: UInt64) -> UInt64 {
        precondition(bound > 0, "callers draw from at least one number")
        return self.next().multipliedFullWidth(by: bound).high
    }

    /// A length within the range, both ends included; a range of one length draws nothing.
    package mutating func length(in range: ClosedRange<Milliseconds>) -> Milliseconds {
        let width = range.upperBound.count - range.lowerBound.count
        guard width > 0 else {
            return range.lowerBound
        }
        return range.lowerBound + Milliseconds(Int64(self.number(below: UInt64(width) + 1)))
    }
}
