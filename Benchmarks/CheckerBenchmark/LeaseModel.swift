// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunVerifier

/// Two healers share brokers through a lease with epochs, and brokers fence by epoch: one word per state.
struct LeaseModel {
    let brokers: Int
    let epochs: UInt64
    let faults: UInt64
    let crashes: UInt64

    struct State: StateKey {
        var word: UInt64

        static var blank: Self {
            Self(word: 0)
        }

        var spread: UInt64 {
            spreadBits(self.word)
        }

        @inline(__always) func get(_ shift: Int, _ mask: UInt64) -> UInt64 {
            (self.word >> UInt64(shift)) & mask
        }

        @inline(__always) mutating func set(_ shift: Int, _ mask: UInt64, _ value: UInt64) {
            self.word = (self.word & ~(mask << UInt64(shift))) | value << UInt64(shift)
        }
    }

    private enum Broker {
        static let up: UInt64 = 0
        static let down: UInt64 = 1
        static let restarting: UInt64 = 2
    }

    private enum Healer {
        static let idle: UInt64 = 0
        static let leader: UInt64 = 1
        static let chosen: UInt64 = 2
        static let sent: UInt64 = 3
    }

    private static let nobody: UInt64 = 2
    // Bits: five for each of four brokers, thirteen for each of two healers, then the lease and what was spent.
    private static let lease = 46
    private static let spent = 51

    static var beginning: State {
        var state = State(word: 0)
        state.set(Self.lease, 3, Self.nobody)
        return state
    }

    /// Calls `body` with each state that can come next.
    @inline(__always) func eachNext(_ state: State, _ body: (State) -> Void) {
        for healer in 0..<2 {
            self.healerMoves(state, healer, body)
        }
        for broker in 0..<self.brokers {
            self.brokerMoves(state, broker, body)
        }
    }

    @inline(__always) private func healerMoves(_ state: State, _ healer: Int, _ body: (State) -> Void) {
        let base = 20 + healer * 13
        let mode = state.get(base, 3)
        let (target, sentTo, sentEpoch) = (state.get(base + 5, 3), state.get(base + 7, 7), state.get(base + 10, 7))
        let (holder, epoch, crashes) = (
            state.get(Self.lease, 3), state.get(Self.lease + 2, 7), state.get(Self.spent + 3, 3)
        )
        if mode == Healer.idle, holder == Self.nobody, epoch < self.epochs {
            var next = state
            next.set(Self.lease + 2, 7, epoch + 1)
            next.set(Self.lease, 3, UInt64(healer))
            next.set(base + 2, 7, epoch + 1)
            next.set(base, 3, Healer.leader)
            body(next)
        }
        if holder == UInt64(healer) {
            var next = state
            next.set(Self.lease, 3, Self.nobody)
            body(next)
        }
        if mode == Healer.leader, holder != UInt64(healer) {
            body(self.idle(state, base))
        }
        if mode == Healer.chosen, sentTo == 0 {
            var next = state
            next.set(base + 7, 7, target + 1)
            next.set(base + 10, 7, state.get(base + 2, 7))
            next.set(base, 3, Healer.sent)
            body(next)
        }
        if sentTo != 0 {
            let broker = Int(sentTo - 1) * 5
            var lost = state
            lost.set(base + 7, 7, 0)
            lost.set(base + 10, 7, 0)
            var taken = lost
            if sentEpoch >= state.get(broker + 2, 7) {
                taken.set(broker + 2, 7, sentEpoch)
                taken.set(broker, 3, Broker.restarting)
            }
            body(taken)
            body(lost)
        }
        if mode == Healer.sent, sentTo == 0, state.get(Int(target) * 5, 3) != Broker.restarting {
            var next = state
            next.set(base, 3, Healer.leader)
            next.set(base + 5, 3, 0)
            body(next)
        }
        if mode != Healer.idle, crashes < self.crashes {
            var next = self.idle(state, base)
            next.set(Self.spent + 3, 3, crashes + 1)
            body(next)
        }
    }

    @inline(__always) private func idle(_ state: State, _ base: Int) -> State {
        var next = state
        next.set(base, 3, Healer.idle)
        next.set(base + 2, 7, 0)
        next.set(base + 5, 3, 0)
        return next
    }

    @inline(__always) private func brokerMoves(_ state: State, _ broker: Int, _ body: (State) -> Void) {
        let faults = state.get(Self.spent, 7)
        let mode = state.get(broker * 5, 3)
        if mode == Broker.up, faults < self.faults {
            var next = state
            next.set(Self.spent, 7, faults + 1)
            next.set(broker * 5, 3, Broker.down)
            body(next)
        }
        if mode == Broker.restarting {
            var next = state
            next.set(broker * 5, 3, Broker.up)
            body(next)
        }
        for healer in 0..<2 {
            let base = 20 + healer * 13
            if state.get(base, 3) == Healer.leader, mode == Broker.down {
                var next = state
                next.set(base + 5, 3, UInt64(broker))
                next.set(base, 3, Healer.chosen)
                body(next)
            }
        }
    }
}
