// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// A pretend cluster of at most sixteen nodes in 32 bytes: what runs, what it holds, who leads.
///
/// Each node is sixteen bits. The rules are the simulator's (`Ensemble`, `BrokerGroup`) without their lengths of time: an election needs
/// a majority of the voters and takes the highest (epoch, content, id); an empty member votes like any other; who joins a leader takes
/// over its data, unless its own epoch is higher; brokers that start need a quorum, brokers that run do not.
struct AbstractWorld: Hashable, BitwiseCopyable, Sendable {
    static let capacity = 16

    var nodes = SIMD16<UInt16>(repeating: 0)

    subscript(index: Int) -> NodeState {
        get { NodeState(bits: self.nodes[index]) }
        set { self.nodes[index] = newValue.bits }
    }

    var spread: UInt64 {
        let words = unsafeBitCast(self.nodes, to: SIMD4<UInt64>.self)
        return spreadBits(words[0] ^ spreadBits(words[1] ^ spreadBits(words[2] ^ spreadBits(words[3]))))
    }
}

/// One node: its process, its wire, and what its role adds.
struct NodeState: Hashable, BitwiseCopyable, Sendable {
    enum Phase: UInt16, Hashable, Sendable {
        case down
        /// Running, and its port is still closed.
        case starting
        case up
    }

    enum Role: UInt16, Hashable, Sendable {
        case looking
        case following
        case leading
    }

    var bits: UInt16

    init(bits: UInt16 = 0) {
        self.bits = bits
    }

    private func field(_ shift: UInt16, _ width: UInt16) -> UInt16 {
        (self.bits >> shift) & ((1 << width) - 1)
    }

    private mutating func set(_ shift: UInt16, _ width: UInt16, to value: UInt16) {
        let mask: UInt16 = ((1 << width) - 1) << shift
        self.bits = (self.bits & ~mask) | ((value << shift) & mask)
    }

    var phase: Phase {
        get { Phase(rawValue: self.field(0, 2)) ?? .down }
        set { self.set(0, 2, to: newValue.rawValue) }
    }

    /// Nobody reaches it, neither we nor its peers.
    var isCut: Bool {
        get { self.field(2, 1) == 1 }
        set { self.set(2, 1, to: newValue ? 1 : 0) }
    }

    /// Of a member: it holds data.
    ///
    /// Of a broker: it is in sync.
    var holdsData: Bool {
        get { self.field(3, 1) == 1 }
        set { self.set(3, 1, to: newValue ? 1 : 0) }
    }

    /// Its data began with an empty member, not with what everybody had.
    var isForked: Bool {
        get { self.field(4, 1) == 1 }
        set { self.set(4, 1, to: newValue ? 1 : 0) }
    }

    var epoch: UInt16 {
        get { self.field(5, 3) }
        set { self.set(5, 3, to: Swift.min(newValue, 7)) }
    }

    /// How much of what was written before the run it contains: nothing, all but the last, all.
    var content: UInt16 {
        get { self.field(8, 2) }
        set { self.set(8, 2, to: newValue) }
    }

    var role: Role {
        get { Role(rawValue: self.field(10, 2)) ?? .looking }
        set { self.set(10, 2, to: newValue.rawValue) }
    }

    /// It is down because of an act of the run.
    var isDownByUs: Bool {
        get { self.field(12, 1) == 1 }
        set { self.set(12, 1, to: newValue ? 1 : 0) }
    }

    /// An act of the run started it while its disk was empty.
    var isEmptyByUs: Bool {
        get { self.field(13, 1) == 1 }
        set { self.set(13, 1, to: newValue ? 1 : 0) }
    }

    /// Data was lost or forked here, and a member that we had started had a vote in it.
    var isHarmedByUs: Bool {
        get { self.field(14, 1) == 1 }
        set { self.set(14, 1, to: newValue ? 1 : 0) }
    }

    var isLively: Bool {
        self.phase == .up && !self.isCut
    }

    static let visibleBits: UInt16 = 0x0fff

    /// What a probe can tell: all but who did it.
    var visible: UInt16 {
        self.bits & Self.visibleBits
    }

    mutating func empty() {
        self.holdsData = false
        self.isForked = false
        self.epoch = 0
        self.content = 0
    }
}
