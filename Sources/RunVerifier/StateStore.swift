// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// What tells two states of a search apart: a few words without references.
package protocol StateKey: Hashable, BitwiseCopyable, Sendable {
    /// Spread over all 64 bits.
    var spread: UInt64 { get }
}

/// Spreads a word over all its bits.
@inlinable package func spreadBits(_ word: UInt64) -> UInt64 {
    var word = word
    word = (word ^ (word >> 32)) &* 0xd6e8_feb8_6659_fd93
    word = (word ^ (word >> 32)) &* 0xd6e8_feb8_6659_fd93
    return word ^ (word >> 32)
}

/// The states that a search has seen, each with the way back to its beginning.
///
/// Open addressing over indices, linear probing, at most half full. A state is a key and the price at which it was reached; a key may be
/// there several times at prices that cannot be compared.
package struct StateStore<Key: StateKey> {
    @usableFromInline package struct Entry: BitwiseCopyable {
        @usableFromInline let key: Key
        @usableFromInline let price: UInt32
        /// The state it was reached from; itself for a beginning.
        @usableFromInline let parent: UInt32
        /// Which of the parent's choices led here.
        @usableFromInline let choice: UInt32

        @inlinable init(key: Key, price: UInt32, parent: UInt32, choice: UInt32) {
            self.key = key
            self.price = price
            self.parent = parent
            self.choice = choice
        }
    }

    @usableFromInline var entries: ContiguousArray<Entry> = []
    @usableFromInline var table: ContiguousArray<UInt32>
    @usableFromInline var mask: Int
    @usableFromInline static var free: UInt32 { .max }

    @inlinable package init() {
        self.mask = (1 << 10) - 1
        self.table = ContiguousArray(repeating: .max, count: 1 << 10)
    }

    @inlinable package var count: Int {
        self.entries.count
    }

    @inlinable package func key(at index: Int) -> Key {
        self.entries[index].key
    }

    @inlinable package func price(at index: Int) -> UInt32 {
        self.entries[index].price
    }

    @inlinable package func origin(of index: Int) -> (parent: Int, choice: Int) {
        (Int(self.entries[index].parent), Int(self.entries[index].choice))
    }

    /// Bytes that the store takes for a state, the free half of its table included.
    package var bytesPerState: Int {
        guard !self.entries.isEmpty else {
            return 0
        }
        let bytes = self.entries.capacity * MemoryLayout<Entry>.stride + self.table.count * MemoryLayout<UInt32>.stride
        return bytes / self.entries.count
    }

    /// Adds a state unless the same one is there at a price that is as good.
    ///
    /// - Returns: its index, or nothing when it is covered.
    @inlinable package mutating func add(
        _ key: Key,
        price: UInt32,
        parent: Int?,
        choice: Int,
        isCovered: (_ old: UInt32, _ new: UInt32) -> Bool
    ) -> Int? {
        if self.entries.count * 2 >= self.table.count {
            self.grow()
        }
        var slot = Int(truncatingIfNeeded: key.spread) & self.mask
        while self.table[slot] != Self.free {
            let index = Int(self.table[slot])
            if self.entries[index].key == key, isCovered(self.entries[index].price, price) {
                return nil
            }
            slot = (slot + 1) & self.mask
        }
        let index = self.entries.count
        self.table[slot] = UInt32(index)
        self.entries.append(
            Entry(key: key, price: price, parent: UInt32(parent ?? index), choice: UInt32(choice))
        )
        return index
    }

    @inlinable mutating func grow() {
        self.mask = self.mask * 2 + 1
        self.table = ContiguousArray(repeating: .max, count: self.mask + 1)
        for (index, entry) in self.entries.enumerated() {
            var slot = Int(truncatingIfNeeded: entry.key.spread) & self.mask
            while self.table[slot] != Self.free {
                slot = (slot + 1) & self.mask
            }
            self.table[slot] = UInt32(index)
        }
    }
}
