// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunPlan
import RunVocabulary

/// The worlds that a search has come to, by number, and what becomes of each.
///
/// A search meets few worlds in many states: what can happen in one is worked out once.
struct WorldTable: Sendable {
    /// One thing that happens in a world, without references.
    struct Change: Sendable {
        var move: Move
        /// The nodes whose readers see it, a bit each.
        var seenBy: UInt16
        var world: UInt32
        /// Where in ``findings`` it is told what is wrong with it; -1 for nothing.
        var findings: Int32
    }

    private struct Outlook: Sendable {
        var start: UInt32
        var progress: UInt16
        var faults: UInt16
    }

    private struct Completion: Hashable {
        var world: UInt32
        var node: UInt16
        var effect: UInt16
    }

    private let setting: SearchSetting
    private var worlds: ContiguousArray<AbstractWorld> = []
    private var table = ContiguousArray<UInt32>(repeating: .max, count: 1 << 8)
    private var outlooks: ContiguousArray<Outlook?> = []
    private(set) var changes: ContiguousArray<Change> = []
    private var completions: [Completion: (world: UInt32, findings: Int32)] = [:]
    private(set) var findings: [[Finding]] = []
    /// By kind of node, then by its bits: how else it could look.
    private var guises: [UInt32: ContiguousArray<UInt16>] = [:]

    init(_ setting: SearchSetting) {
        self.setting = setting
    }

    var count: Int {
        self.worlds.count
    }

    subscript(number: UInt32) -> AbstractWorld {
        self.worlds[Int(number)]
    }

    mutating func number(of world: AbstractWorld) -> UInt32 {
        let mask = self.table.count - 1
        var slot = Int(truncatingIfNeeded: world.spread) & mask
        while self.table[slot] != .max {
            let number = self.table[slot]
            if self.worlds[Int(number)] == world {
                return number
            }
            slot = (slot + 1) & mask
        }
        let number = UInt32(self.worlds.count)
        self.table[slot] = number
        self.worlds.append(world)
        self.outlooks.append(nil)
        if self.worlds.count * 2 >= self.table.count {
            self.grow()
        }
        return number
    }

    private mutating func grow() {
        self.table = ContiguousArray(repeating: .max, count: self.table.count * 2)
        let mask = self.table.count - 1
        for (number, world) in self.worlds.enumerated() {
            var slot = Int(truncatingIfNeeded: world.spread) & mask
            while self.table[slot] != .max {
                slot = (slot + 1) & mask
            }
            self.table[slot] = UInt32(number)
        }
    }

    // MARK: What becomes of it

    /// Where in ``changes`` the world's own progress is, and where its faults are.
    mutating func outlook(of number: UInt32) -> (progress: Range<Int>, faults: Range<Int>) {
        let outlook = self.outlooks[Int(number)] ?? self.lookOut(from: number)
        let start = Int(outlook.start)
        let middle = start + Int(outlook.progress)
        return (start..<middle, middle..<middle + Int(outlook.faults))
    }

    private mutating func lookOut(from number: UInt32) -> Outlook {
        let (rules, world) = (self.setting.rules, self.worlds[Int(number)])
        var found: [(move: Move, seenBy: UInt16, world: AbstractWorld)] = []
        for progress in rules.progress(world) {
            var next = world
            rules.happen(progress, in: &next)
            let seenBy: UInt16 =
                switch progress {
                case .starts(let node), .joins(let node), .catchesUp(let node): 1 << UInt16(node)
                case .election: self.setting.membersMask
                }
            found.append((.progress(progress), seenBy, next))
        }
        let progress = found.count
        if self.setting.assumptions.faults > 0 {
            for node in rules.kinds.indices {
                for fault in rules.faults(at: node, in: world) {
                    var next = world
                    rules.strike(fault, at: node, in: &next)
                    found.append((.fault(fault, node: node), 1 << UInt16(node), next))
                }
            }
        }
        let start = self.changes.count
        for (move, seenBy, next) in found {
            let findings = self.note(self.setting.findings(world, next))
            let change = Change(move: move, seenBy: seenBy, world: self.number(of: next), findings: findings)
            self.changes.append(change)
        }
        let outlook = Outlook(
            start: UInt32(start),
            progress: UInt16(progress),
            faults: UInt16(found.count - progress)
        )
        self.outlooks[Int(number)] = outlook
        return outlook
    }

    /// The world after an act of ours took effect.
    mutating func complete(
        _ effect: EffectClass,
        _ effectNumber: UInt16,
        at node: Int,
        in number: UInt32
    ) -> (world: UInt32, findings: Int32) {
        let key = Completion(world: number, node: UInt16(node), effect: effectNumber)
        if let known = self.completions[key] {
            return known
        }
        let before = self.worlds[Int(number)]
        var world = before
        self.setting.rules.complete(effect, at: node, in: &world)
        let findings = self.note(self.setting.findings(before, world))
        let result = (self.number(of: world), findings)
        self.completions[key] = result
        return result
    }

    private mutating func note(_ findings: [Finding]) -> Int32 {
        guard !findings.isEmpty else {
            return -1
        }
        self.findings.append(findings)
        return Int32(self.findings.count - 1)
    }

    /// What a probe that is wrong about the node can see in place of it.
    mutating func guises(of node: Int, in number: UInt32) -> ContiguousArray<UInt16> {
        let world = self.worlds[Int(number)]
        let key = UInt32(node) << 16 | UInt32(world[node].bits)
        if let known = self.guises[key] {
            return known
        }
        let found = ContiguousArray(self.setting.rules.guises(of: node, in: world).map(\.state.visible))
        self.guises[key] = found
        return found
    }
}

extension WorldRules {
    /// A bit for each of these nodes.
    func mask(_ nodes: some Sequence<Int>) -> UInt16 {
        nodes.reduce(0) { $0 | 1 << UInt16($1) }
    }
}
