// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunVerifier
import Testing

@Suite struct StateStoreTests {
    private struct Number: StateKey {
        var value: UInt64

        static var blank: Self { Self(value: 0) }

        var spread: UInt64 {
            spreadBits(self.value)
        }
    }

    /// All keys begin their search in one slot.
    private struct Crowded: StateKey {
        var value: UInt64

        static var blank: Self { Self(value: 0) }

        var spread: UInt64 { 7 }
    }

    @Test func `a state is kept once, and found again after the table has grown`() {
        var store = StateStore<Number>()
        for round in 0..<2 {
            for value in 0..<5_000 {
                let index = store.add(Number(value: UInt64(value)), price: 0, parent: nil, choice: 0) { _, _ in true }
                #expect((index != nil) == (round == 0))
            }
        }
        #expect(store.count == 5_000)
        #expect(store.key(at: 4_321) == Number(value: 4_321))
        #expect(store.bytesPerState < 100)
    }

    @Test func `states in one slot are told apart`() {
        var store = StateStore<Crowded>()
        for value in 0..<50 {
            _ = store.add(Crowded(value: UInt64(value)), price: 0, parent: nil, choice: 0) { _, _ in true }
        }
        #expect(store.count == 50)
        #expect(store.add(Crowded(value: 49), price: 0, parent: nil, choice: 0) { _, _ in true } == nil)
    }

    @Test func `a state comes again only at a price that none before covers`() {
        var store = StateStore<Number>()
        let isCheaper: (UInt16, UInt16) -> Bool = { old, new in old <= new }
        #expect(store.add(Number(value: 1), price: 5, parent: nil, choice: 0, isCovered: isCheaper) == 0)
        #expect(store.add(Number(value: 1), price: 6, parent: nil, choice: 0, isCovered: isCheaper) == nil)
        #expect(store.add(Number(value: 1), price: 4, parent: 0, choice: 3, isCovered: isCheaper) == 1)
        #expect(store.origin(of: 1) == (0, 3))
        #expect(store.origin(of: 0) == (0, 0))
    }
}
