// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunCore

/// What the machine made of an answer, by desk and by what could be seen.
///
/// Open addressing with linear probing, at most two thirds full. Keys are 128 bits that were mixed from all that tells two answers apart.
struct AnswerTable: Sendable {
    private struct Slot: BitwiseCopyable, Sendable {
        var low: UInt64 = 0
        var high: UInt64 = 0
        var step: UInt32 = AnswerTable.unknown
    }

    static let unknown = UInt32.max

    private var slots = ContiguousArray(repeating: Slot(), count: 1 << 10)
    private var count = 0

    var bytes: Int {
        self.slots.count * MemoryLayout<Slot>.stride
    }

    func step(for key: StateFingerprint) -> UInt32 {
        self.slots[self.place(of: key)].step
    }

    mutating func set(_ step: UInt32, for key: StateFingerprint) {
        self.slots[self.place(of: key)] = Slot(low: key.low, high: key.high, step: step)
        self.count += 1
        if self.count * 3 >= self.slots.count * 2 {
            let old = self.slots
            self.slots = ContiguousArray(repeating: Slot(), count: old.count * 2)
            for slot in old where slot.step != Self.unknown {
                self.slots[self.place(low: slot.low, high: slot.high)] = slot
            }
        }
    }

    private func place(of key: StateFingerprint) -> Int {
        self.place(low: key.low, high: key.high)
    }

    private func place(low: UInt64, high: UInt64) -> Int {
        let mask = self.slots.count - 1
        var place = Int(truncatingIfNeeded: low ^ (low >> 32)) & mask
        while self.slots[place].step != Self.unknown, self.slots[place].low != low || self.slots[place].high != high {
            place = (place + 1) & mask
        }
        return place
    }
}
