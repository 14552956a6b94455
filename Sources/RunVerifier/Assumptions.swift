// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// What the world may throw at a run while it is explored; every bound that a proof depends on.
package struct Assumptions: Hashable, Sendable {
    /// Nodes that die, lose their data, are cut off or come back; commands that fail, hang or end without a word; notices that get lost.
    package var faults = 1
    /// Answers of probes that are wrong or do not come.
    package var lies = 1
    /// Deaths of the engine, each followed by a `resume`.
    package var crashes = 1
    /// Times that a person cancels the run.
    package var cancels = 0
    /// By selection: how its nodes may be when the run begins.
    package var begin: [String: [Beginning]] = [:]
    /// How far the search may go.
    package var stateLimit = 4_000_000
    /// Leaves out what provably makes no difference; off in the tests that show it.
    package var isReduced = true

    package init() {}

    /// How a node is when the run begins.
    package enum Beginning: String, Hashable, Sendable, CaseIterable {
        case up
        case down
        /// Down, and behind the others.
        case behind
        /// Down, and its disk is empty.
        case lost
        /// Nobody reaches it.
        case cut
    }
}

/// How much of the bad luck has been used.
package struct Luck: Hashable, Sendable {
    package var faults: UInt8 = 0
    package var lies: UInt8 = 0
    package var crashes: UInt8 = 0
    package var cancels: UInt8 = 0

    package var total: Int {
        Int(self.faults) + Int(self.lies) + Int(self.crashes) + Int(self.cancels)
    }

    var packed: UInt32 {
        UInt32(self.faults) << 24 | UInt32(self.lies) << 16 | UInt32(self.crashes) << 8 | UInt32(self.cancels)
    }

    init() {}

    init(packed: UInt32) {
        self.faults = UInt8(truncatingIfNeeded: packed >> 24)
        self.lies = UInt8(truncatingIfNeeded: packed >> 16)
        self.crashes = UInt8(truncatingIfNeeded: packed >> 8)
        self.cancels = UInt8(truncatingIfNeeded: packed)
    }

    /// Whether whoever used this much can still do all that one who used `other` can.
    func leavesAsMuch(as other: Luck) -> Bool {
        self.faults <= other.faults && self.lies <= other.lies && self.crashes <= other.crashes
            && self.cancels <= other.cancels
    }
}
