// Selfheal
// SPDX-License-Identifier: Apache-2.0

package import RunPlan
package import RunVocabulary

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
    /// What people may answer at a gate.
    package var approvals = Set(ApprovalAnswer.allCases)
    /// By selection: how its nodes may be when the run begins.
    package var begin: [String: [Beginning]] = [:]
    /// How far the search may go.
    package var stateLimit = 4_000_000
    /// Leaves out what provably makes no difference; off in the tests that show it.
    package var isReduced = true

    package init() {}

    /// What the runbook assumes, where it says something.
    package init(_ written: PlanAssumptions?) {
        self.faults = written?.faults ?? self.faults
        self.lies = written?.lies ?? self.lies
        self.crashes = written?.crashes ?? self.crashes
        self.cancels = written?.cancels ?? self.cancels
        self.approvals = written?.approvals.map { Set($0) } ?? self.approvals
        self.begin = written?.begin ?? self.begin
    }

    /// In the order of the bits of ``Luck``.
    var packed: UInt16 {
        var luck = Luck()
        luck.faults = UInt8(self.faults)
        luck.lies = UInt8(self.lies)
        luck.crashes = UInt8(self.crashes)
        luck.cancels = UInt8(self.cancels)
        return luck.packed
    }

    package typealias Beginning = NodeBeginning
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

    /// Four bits each: no more than ``limit`` of anything can be assumed.
    var packed: UInt16 {
        UInt16(self.faults) << 12 | UInt16(self.lies) << 8 | UInt16(self.crashes) << 4 | UInt16(self.cancels)
    }

    /// The most that can be assumed of each kind of bad luck.
    package static let limit = 9

    init() {}

    init(packed: UInt16) {
        self.faults = UInt8(packed >> 12)
        self.lies = UInt8(packed >> 8 & 15)
        self.crashes = UInt8(packed >> 4 & 15)
        self.cancels = UInt8(packed & 15)
    }

    /// What one piece of bad luck costs.
    static let fault: UInt16 = 1 << 12
    static let lie: UInt16 = 1 << 8
    static let crash: UInt16 = 1 << 4
    static let cancel: UInt16 = 1

    /// Whether no part of it is more than that part of `other`, both packed: whoever used it can still do all that the other can.
    @inline(__always) static func isCovered(_ old: UInt16, _ new: UInt16) -> Bool {
        old == new
            || (old & 0xf000 <= new & 0xf000 && old & 0x0f00 <= new & 0x0f00 && old & 0x00f0 <= new & 0x00f0
                && old & 0x000f <= new & 0x000f)
    }

    static func total(_ packed: UInt16) -> Int {
        Int(packed >> 12) + Int(packed >> 8 & 15) + Int(packed >> 4 & 15) + Int(packed & 15)
    }
}
