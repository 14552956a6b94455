// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunCore
import RunPlan
import RunVocabulary

/// What the search needs to know of a desk, without opening it: everything that can come next, short of what the world decides.
struct DeskCard: Sendable {
    /// One thing that can happen, without references.
    struct Draft: Sendable {
        enum Kind: Sendable {
            /// It leads where the desk's edge leads.
            case edge(slot: Int)
            /// Where it leads depends on what the look sees of the world.
            case answer(look: Int)
            /// Likewise, and one node is seen as it is not: a draft for all of its guises.
            case lies(look: Int, node: Int)
        }

        var kind: Kind
        var move: Move
        /// What luck it takes.
        var price: UInt16 = 0
        /// Whether it is so only while this node is cut off, or only while it is not.
        var needs: (node: Int, isCut: Bool)?
        /// What our act does to the world when the move happens.
        var completes: (effect: EffectClass, number: UInt16, node: Int)?
    }

    /// What an answer shows of the world.
    struct Look: Sendable {
        /// The visible bits of every node that shows.
        var mask = SIMD16<UInt16>(repeating: 0)
        /// Whether the nodes show in the answers of others, so that a lie about one stands beside the truth.
        var isShared = false
    }

    private(set) var drafts: [Draft] = []
    private(set) var looks: [Look] = []
    private(set) var slots = 0
    let outcome: RunOutcome?
    /// The nodes whose state can make a difference to what is under way, a bit each.
    private(set) var readNodes: UInt16 = 0
    /// Whether it looks at or acts on brokers, so that who leads makes a difference while one of them starts.
    private(set) var readsBrokers = false

    /// More combinations of answers than this are not tried for one look.
    static let variantLimit = 256

    init(of desk: Desk, _ setting: SearchSetting) {
        self.outcome = desk.outcome
        let rules = setting.rules
        guard desk.outcome == nil else {
            // Elections go on after the run: what it did may come out only then.
            self.readNodes = rules.mask(rules.members)
            return
        }
        guard desk.hasBegun else {
            self.addEdge(.started)
            return
        }
        var read: [Int] = []
        for (index, ask) in desk.asks.enumerated() {
            read += self.add(ask, index, setting)
        }
        self.addClocks(desk, setting)
        for index in desk.machine.doubts.indices {
            self.addEdge(.settled(index, happened: true))
            self.addEdge(.settled(index, happened: false))
        }
        if setting.assumptions.crashes > 0 {
            self.addEdge(.resumed, price: Luck.crash)
        }
        if setting.assumptions.cancels > 0 {
            self.addEdge(.cancelled, price: Luck.cancel)
        }
        self.readsBrokers = read.contains { rules.kinds[$0] == .broker }
        self.readNodes =
            setting.assumptions.isReduced
            ? rules.mask(rules.neighbours(of: read)) : rules.mask(rules.kinds.indices)
    }

    private mutating func addClocks(_ desk: Desk, _ setting: SearchSetting) {
        let clocks = desk.machine.clocks
        if let timer = clocks.timers.first {
            let isGate = desk.asks.contains { if case .gate(let gate) = $0 { gate.deadline == timer } else { false } }
            if !isGate || setting.assumptions.approvals.contains(.expired) {
                self.addEdge(.timer)
            }
        }
        for index in clocks.limits.indices {
            self.addEdge(.limit(index))
        }
        for (index, deadline) in clocks.deadlines.enumerated() where setting.oracle.canPass(deadline) {
            self.addEdge(.deadline(index))
        }
    }

    private mutating func addEdge(
        _ move: Move,
        price: UInt16 = 0,
        needs: (node: Int, isCut: Bool)? = nil,
        completes: (effect: EffectClass, number: UInt16, node: Int)? = nil
    ) {
        self.drafts.append(
            Draft(kind: .edge(slot: self.slots), move: move, price: price, needs: needs, completes: completes)
        )
        self.slots += 1
    }

    // MARK: What was asked for

    /// - Returns: the nodes that it reads.
    private mutating func add(_ ask: Desk.Ask, _ index: Int, _ setting: SearchSetting) -> [Int] {
        let rules = setting.rules
        switch ask {
        case .look(_, let order):
            let targets = order.targets.map { rules.index(of: $0) }
            var isShared = false
            if case .kafka = order.question {
                isShared = true
            }
            let options = setting.oracle.options(for: order.question)
            var variants = 1
            // The engine itself asks once.
            for _ in 0..<max(order.targets.count, 1) {
                variants = min(variants * options, Self.variantLimit)
            }
            self.addLook(index, targets, variants, isShared: isShared, mayLie: options == 1 || isShared, setting)
            return targets.compactMap { $0 }
        case .observe(_, let nodes):
            let targets = nodes.map { rules.index(of: $0) }
            self.addLook(index, targets, 1, isShared: false, mayLie: true, setting)
            return targets.compactMap { $0 }
        case .act:
            self.addEdge(.began(ask: index))
            return setting.judgesTruth ? Array(rules.kinds.indices) : []
        case .running(let act, let isStopping): return self.addEndings(act, index, isStopping, setting)
        case .inquiry(let act, let isStopping):
            self.addEdge(.ended(ask: index, .neverSent))
            let read = self.addEndings(act, index, isStopping, setting)
            if act.repeating != .guarded {
                self.addEnding(.doubtful, act, index, setting)
                self.addEnding(.doubtfulAndDone, act, index, setting)
            }
            return read
        case .gate:
            if setting.assumptions.approvals.contains(.granted) {
                self.addEdge(.granted(ask: index))
            }
            if setting.assumptions.approvals.contains(.denied) {
                self.addEdge(.denied(ask: index))
            }
            return []
        case .notice:
            self.addEdge(.told(ask: index, isDelivered: true))
            if setting.assumptions.faults > 0 {
                self.addEdge(.told(ask: index, isDelivered: false), price: Luck.fault)
            }
            return []
        }
    }

    private mutating func addLook(
        _ index: Int,
        _ targets: [Int?],
        _ variants: Int,
        isShared: Bool,
        mayLie: Bool,
        _ setting: SearchSetting
    ) {
        var look = Look()
        look.isShared = isShared
        let others = isShared ? setting.rules.brokers + setting.rules.controllers : []
        for node in targets.compactMap({ $0 }) + others {
            look.mask[node] = NodeState.visibleBits
        }
        self.looks.append(look)
        let number = self.looks.count - 1
        for variant in 0..<variants {
            self.drafts.append(
                Draft(kind: .answer(look: number), move: .answer(ask: index, variant: variant, lie: nil))
            )
        }
        guard mayLie, setting.assumptions.lies > 0 else {
            return
        }
        for (position, target) in targets.enumerated() {
            if let target {
                let lie = Move.Lie(target: position, guise: 0)
                self.drafts.append(
                    Draft(
                        kind: .lies(look: number, node: target),
                        move: .answer(ask: index, variant: 0, lie: lie),
                        price: Luck.lie
                    )
                )
            }
        }
    }

    private mutating func addEndings(
        _ act: Act,
        _ index: Int,
        _ isStopping: Bool,
        _ setting: SearchSetting
    ) -> [Int] {
        let target = act.target.flatMap { setting.rules.index(of: $0) }
        if let target {
            self.addEdge(.ended(ask: index, .unreachable), needs: (target, true))
        }
        let needs = target.map { (node: $0, isCut: false) }
        self.addEnding(.done, act, index, setting, needs: needs)
        if isStopping {
            self.addEnding(.stopped, act, index, setting, needs: needs)
        }
        if setting.assumptions.faults > 0 {
            let bad: [Move.Ending] =
                act.effectClass.changesTheWorld
                ? [.failed, .timedOut, .timedOutAfterwards, .doubtfulAndDone, .doubtful]
                : [.failed, .timedOut, .doubtful]
            for ending in bad {
                self.addEnding(ending, act, index, setting, price: Luck.fault, needs: needs)
            }
        }
        return target.map { [$0] } ?? []
    }

    private mutating func addEnding(
        _ ending: Move.Ending,
        _ act: Act,
        _ index: Int,
        _ setting: SearchSetting,
        price: UInt16 = 0,
        needs: (node: Int, isCut: Bool)? = nil
    ) {
        var completes: (effect: EffectClass, number: UInt16, node: Int)?
        if ending.takesEffect, let node = act.target.flatMap({ setting.rules.index(of: $0) }) {
            let number = EffectClass.allCases.firstIndex(of: act.effectClass) ?? 0
            completes = (act.effectClass, UInt16(number), node)
        }
        self.addEdge(.ended(ask: index, ending), price: price, needs: needs, completes: completes)
    }
}
