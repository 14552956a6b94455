// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// What tells two states of a search apart: a few words without references.
package protocol StateKey: Hashable, BitwiseCopyable, Sendable {
    /// Spread over all 64 bits.
    var spread: UInt64 { get }
    /// Any key, for places that hold none.
    static var blank: Self { get }
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
/// Open addressing with linear probing, at most two thirds full. The keys lie in the table itself, so that most questions cost one look at
/// memory, which is what a search spends its time on; in the order in which they came they lie once more, with their origins. A state is a
/// key and the price at which it was reached; a key may be there several times at prices that cannot be compared.
package struct StateStore<Key: StateKey>: Sendable {
    @usableFromInline package struct Entry: BitwiseCopyable, Sendable {
        @usableFromInline let key: Key
        /// The state it was reached from; itself for a beginning.
        @usableFromInline let parent: UInt32
        @usableFromInline let price: UInt16
        /// Which of the parent's choices led here.
        @usableFromInline let choice: UInt16

        @inlinable init(key: Key, parent: UInt32, price: UInt16, choice: UInt16) {
            self.key = key
            self.parent = parent
            self.price = price
            self.choice = choice
        }
    }

    @usableFromInline package struct Slot: BitwiseCopyable, Sendable {
        @usableFromInline let key: Key
        @usableFromInline let price: UInt16
        @usableFromInline let isTaken: Bool

        @inlinable init(key: Key, price: UInt16, isTaken: Bool) {
            self.key = key
            self.price = price
            self.isTaken = isTaken
        }

        @inlinable static var free: Self {
            Self(key: .blank, price: 0, isTaken: false)
        }
    }

    @usableFromInline var entries: ContiguousArray<Entry> = []
    @usableFromInline var table: ContiguousArray<Slot>
    @usableFromInline var mask: Int
    @usableFromInline var warmth: UInt16 = 0

    /// More choices than this cannot be told apart.
    package static var choiceLimit: Int { Int(UInt16.max) }
    /// More states than this cannot be numbered.
    package static var stateLimit: Int { Int(UInt32.max) - 1 }

    @inlinable package init() {
        self.mask = (1 << 10) - 1
        self.table = ContiguousArray(repeating: .free, count: 1 << 10)
    }

    @inlinable package var count: Int {
        self.entries.count
    }

    @inlinable package func key(at index: Int) -> Key {
        self.entries[index].key
    }

    @inlinable package func price(at index: Int) -> UInt16 {
        self.entries[index].price
    }

    @inlinable package func origin(of index: Int) -> (parent: Int, choice: Int) {
        (Int(self.entries[index].parent), Int(self.entries[index].choice))
    }

    /// Bytes that the store takes for a state, the free part of its table included.
    package var bytesPerState: Int {
        guard !self.entries.isEmpty else {
            return 0
        }
        let bytes = self.entries.capacity * MemoryLayout<Entry>.stride + self.table.count * MemoryLayout<Slot>.stride
        return bytes / self.entries.count
    }

    /// Fetches the place of a key, so that it is near when the key is added soon.
    ///
    /// Fetches do not depend on each other and overlap; additions do not.
    @inlinable package mutating func warm(_ key: Key) {
        self.warmth ^= self.table[Int(truncatingIfNeeded: key.spread) & self.mask].price
    }

    /// Adds a state unless the same one is there at a price that is as good.
    ///
    /// - Returns: its index, or nothing when it is covered.
    @inlinable package mutating func add(
        _ key: Key,
        price: UInt16,
        parent: Int?,
        choice: Int,
        isCovered: (_ old: UInt16, _ new: UInt16) -> Bool
    ) -> Int? {
        var slot = Int(truncatingIfNeeded: key.spread) & self.mask
        while self.table[slot].isTaken {
            if self.table[slot].key == key, isCovered(self.table[slot].price, price) {
                return nil
            }
            slot = (slot + 1) & self.mask
        }
        let index = self.entries.count
        self.table[slot] = Slot(key: key, price: price, isTaken: true)
        self.entries.append(
            Entry(key: key, parent: UInt32(parent ?? index), price: price, choice: UInt16(choice))
        )
        if self.entries.count * 3 >= self.table.count * 2 {
            self.grow()
        }
        return index
    }

    @inlinable mutating func grow() {
        let old = self.table
        self.mask = self.mask * 2 + 1
        self.table = ContiguousArray(repeating: .free, count: self.mask + 1)
        for taken in old where taken.isTaken {
            var slot = Int(truncatingIfNeeded: taken.key.spread) & self.mask
            while self.table[slot].isTaken {
                slot = (slot + 1) & self.mask
            }
            self.table[slot] = taken
        }
    }
}
