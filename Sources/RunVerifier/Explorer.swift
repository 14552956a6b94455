// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunCore
import RunPlan
import RunVocabulary

/// One state of the search, in forty bytes: which desk, which world.
struct SearchState: StateKey {
    private let words: (UInt64, UInt64, UInt64, UInt64)
    let desk: UInt32

    init(desk: UInt32, world: AbstractWorld) {
        let words = unsafeBitCast(world.nodes, to: SIMD4<UInt64>.self)
        self.words = (words[0], words[1], words[2], words[3])
        self.desk = desk
    }

    var world: AbstractWorld {
        var world = AbstractWorld()
        let words = SIMD4(self.words.0, self.words.1, self.words.2, self.words.3)
        world.nodes = unsafeBitCast(words, to: SIMD16<UInt16>.self)
        return world
    }

    var spread: UInt64 {
        spreadBits(UInt64(self.desk) &* 0x9e37_79b9_7f4a_7c15 ^ self.world.spread)
    }

    static func == (left: Self, right: Self) -> Bool {
        left.desk == right.desk && left.words == right.words
    }

    func hash(into hasher: inout Hasher) {
        hasher.combine(self.spread)
    }
}

/// Goes through every state of plan × world within the assumptions, least bad luck first.
struct Explorer: Sendable {
    struct Violation: Sendable {
        var property: Property
        var text: String
        /// The state before the last move, and the move.
        var state: Int
        var choice: Int
    }

    private struct Step {
        var desk: UInt32
        var findings: [Finding]
    }

    private struct StepKey: Hashable {
        var desk: UInt32
        var low: UInt64
        var high: UInt64
    }

    let binding: RunBinding
    let assumptions: Assumptions
    let rules: WorldRules
    let properties: PropertyRules
    let oracle: Oracle
    private let view: PlanRelevance
    private var desks: [Desk] = []
    private var cards: [DeskCard] = []
    private var numbers: [StateFingerprint: UInt32] = [:]
    private var steps: [StepKey: Step] = [:]
    /// By property of `at_most`: the nodes it is about.
    private var limited: [(property: Property, most: Int, nodes: [Int])] = []
    private(set) var store = StateStore<SearchState>()
    private var queue = SearchQueue()
    private(set) var transitions = 0
    private(set) var violations: [Property: Violation] = [:]
    private(set) var reached: Set<StepName> = []
    private(set) var outcomes: [RunOutcome: Int] = [:]
    private(set) var isComplete = true
    private(set) var machineSteps = 0

    init(_ binding: RunBinding, _ assumptions: Assumptions, passing: [StepName?: Bool]) {
        self.binding = binding
        self.assumptions = assumptions
        self.rules = WorldRules(binding.inventory)
        self.properties = PropertyRules(binding.plan)
        self.oracle = Oracle(binding.plan, passing: passing)
        self.view = PlanRelevance(of: binding.plan)
    }

    var deskCount: Int {
        self.desks.count
    }

    // MARK: Search

    mutating func explore(from worlds: [AbstractWorld]) {
        let first = self.intern(Desk(self.binding))
        for world in worlds {
            self.add(SearchState(desk: first, world: world), Luck(), parent: nil, choice: 0, depth: 0)
        }
        self.beginLimits()
        while let (index, depth) = self.queue.next() {
            guard self.store.count < self.assumptions.stateLimit else {
                self.isComplete = false
                return
            }
            self.expand(index, depth)
        }
    }

    private mutating func beginLimits() {
        var desk = Desk(self.binding)
        try? desk.handle(.started, self.properties)
        for (index, property) in self.binding.plan.properties.enumerated() {
            if case .atMost(let most, let selection) = property {
                let nodes = desk.machine.nodes(selectedBy: selection).compactMap { self.rules.index(of: $0) }
                self.limited.append((.own(index), most, nodes))
            }
        }
    }

    private mutating func add(_ state: SearchState, _ luck: Luck, parent: Int?, choice: Int, depth: Int) {
        let index = self.store.add(state, price: luck.packed, parent: parent, choice: choice) { old, new in
            Luck(packed: old).leavesAsMuch(as: Luck(packed: new))
        }
        if let index {
            self.queue.add(index, luck: luck.total, depth: depth)
        }
    }

    private mutating func expand(_ index: Int, _ depth: Int) {
        let state = self.store.key(at: index)
        let luck = Luck(packed: self.store.price(at: index))
        var moves: [(move: Move, luck: Luck)] = []
        let world = state.world
        MoveList.fill(&moves, self.cards[Int(state.desk)], world, luck, self)
        if moves.isEmpty, self.cards[Int(state.desk)].outcome == nil {
            self.record(Finding(property: .everyPathEnds, text: "nothing can happen any more"), index, 0)
        }
        for (choice, (move, luck)) in moves.enumerated() {
            self.transitions += 1
            let (next, findings) = self.follow(move, from: state, world)
            for finding in findings {
                self.record(finding, index, choice)
            }
            self.add(next, luck, parent: index, choice: choice, depth: depth + 1)
        }
    }

    private mutating func record(_ finding: Finding, _ state: Int, _ choice: Int) {
        if self.violations[finding.property] == nil {
            self.violations[finding.property] = Violation(
                property: finding.property,
                text: finding.text,
                state: state,
                choice: choice
            )
        }
    }

    // MARK: Moves

    /// The moves of a state in the order in which the search numbers them.
    func moves(of index: Int) -> [(move: Move, luck: Luck)] {
        var moves: [(move: Move, luck: Luck)] = []
        let state = self.store.key(at: index)
        let luck = Luck(packed: self.store.price(at: index))
        MoveList.fill(&moves, self.cards[Int(state.desk)], state.world, luck, self)
        return moves
    }

    private mutating func follow(
        _ move: Move,
        from state: SearchState,
        _ before: AbstractWorld
    ) -> (SearchState, [Finding]) {
        var world = before
        self.change(&world, by: move, at: state.desk)
        var findings = self.worldFindings(before, world)
        if move.isOfTheWorld {
            return (SearchState(desk: state.desk, world: world), findings)
        }
        if case .began(let ask) = move {
            findings += self.truthFindings(state.desk, ask, world)
        }
        let step = self.step(move, from: state.desk, before)
        return (SearchState(desk: step.desk, world: world), findings + step.findings)
    }

    /// What the move does to the world.
    func change(_ world: inout AbstractWorld, by move: Move, at desk: UInt32) {
        switch move {
        case .fault(let fault, let node): self.rules.strike(fault, at: node, in: &world)
        case .progress(let progress): self.rules.happen(progress, in: &world)
        case .ended(let ask, let ending):
            let card = self.cards[Int(desk)].asks[ask]
            if ending.takesEffect, let target = card.targets.first {
                self.rules.complete(card.effect, at: target, in: &world)
            }
        case .started, .resumed, .cancelled, .answer, .began, .granted, .denied, .told, .timer, .limit, .deadline,
            .settled:
            break
        }
    }

    func worldFindings(_ before: AbstractWorld, _ after: AbstractWorld) -> [Finding] {
        guard before != after else {
            return []
        }
        var findings: [Finding] = []
        for (property, most, nodes) in self.limited {
            let down = nodes.filter { after[$0].isDownByUs }
            if down.count > most {
                let names = down.map { self.rules.name($0).text }.joined(separator: ", ")
                findings.append(Finding(property: property, text: "\(names) are down by our own doing"))
            }
        }
        for index in self.rules.members where after[index].isHarmedByUs && !before[index].isHarmedByUs {
            let what =
                before[index].holdsData
                ? "\(self.rules.name(index)) is cut back to data that others began anew"
                : "\(self.rules.name(index)) begins an empty history while another member holds the data"
            findings.append(
                Finding(property: .noDataIsLostByUs, text: "\(what), after an act of ours started an empty member")
            )
        }
        return findings
    }

    private func truthFindings(_ desk: UInt32, _ ask: Int, _ world: AbstractWorld) -> [Finding] {
        guard self.properties.nevers.contains(where: \.isAboutTruth),
            case .act(let act) = self.desks[Int(desk)].asks[ask]
        else {
            return []
        }
        return self.properties.truthFindings(act, self.desks[Int(desk)].machine, self.rules, world)
    }

    // MARK: Desks

    /// What the move makes of the desk: worked out once by the machine, looked up from then on.
    private mutating func step(_ move: Move, from number: UInt32, _ world: AbstractWorld) -> Step {
        var fingerprint = StateFingerprint()
        move.mix(into: &fingerprint)
        self.mixView(of: move, at: number, world, into: &fingerprint)
        let key = StepKey(desk: number, low: fingerprint.low, high: fingerprint.high)
        if let known = self.steps[key] {
            return known
        }
        var desk = self.desks[Int(number)]
        let event = EventMaker(rules: self.rules, oracle: self.oracle).event(for: move, at: desk, world)
        do {
            try desk.handle(event, self.properties)
        } catch {
            preconditionFailure("the verifier gave the machine an event that cannot be: \(error.message)")
        }
        self.machineSteps += 1
        self.observe(desk)
        let findings = desk.findings
        let step = Step(desk: self.intern(desk), findings: findings)
        self.steps[key] = step
        return step
    }

    /// What the desk sees of the world by this move.
    private func mixView(
        of move: Move,
        at desk: UInt32,
        _ world: AbstractWorld,
        into fingerprint: inout StateFingerprint
    ) {
        guard case .answer(let ask, _, let lie) = move else {
            return
        }
        let card = self.cards[Int(desk)].asks[ask]
        for (position, target) in card.targets.enumerated() {
            var node = world[target]
            if let lie, lie.target == position {
                node = self.rules.guises(of: target, in: world)[lie.guise].state
            }
            fingerprint.mix(UInt64(node.visible))
        }
        if card.showsReplication {
            for broker in self.rules.brokers {
                fingerprint.mix(UInt64(world[broker].visible))
            }
        }
    }

    private mutating func intern(_ desk: Desk) -> UInt32 {
        let fingerprint = desk.fingerprint(self.view)
        if let number = self.numbers[fingerprint] {
            return number
        }
        let number = UInt32(self.desks.count)
        self.numbers[fingerprint] = number
        self.desks.append(desk)
        self.cards.append(DeskCard(of: desk, self.rules, self.properties, self.oracle))
        return number
    }

    private mutating func observe(_ desk: Desk) {
        for note in desk.notes {
            if case .entered(let key, _, _) = note {
                self.reached.insert(key.step)
            }
        }
        if let outcome = desk.outcome {
            self.outcomes[outcome, default: 0] += 1
        }
    }

    func fingerprint(of state: Int) -> StateFingerprint {
        self.desks[Int(self.store.key(at: state).desk)].fingerprint(self.view)
    }

    func fingerprint(of desk: Desk) -> StateFingerprint {
        desk.fingerprint(self.view)
    }
}

extension Move {
    var isOfTheWorld: Bool {
        switch self {
        case .fault, .progress: true
        case .started, .resumed, .cancelled, .answer, .began, .ended, .granted, .denied, .told, .timer, .limit,
            .deadline, .settled:
            false
        }
    }
}

/// States to be expanded: by bad luck, then by length.
struct SearchQueue: Sendable {
    private var buckets: [[[UInt32]]] = []
    private var luck = 0
    private var depth = 0
    private var position = 0

    mutating func add(_ index: Int, luck: Int, depth: Int) {
        while self.buckets.count <= luck {
            self.buckets.append([])
        }
        while self.buckets[luck].count <= depth {
            self.buckets[luck].append([])
        }
        self.buckets[luck][depth].append(UInt32(index))
    }

    mutating func next() -> (index: Int, depth: Int)? {
        while self.luck < self.buckets.count {
            while self.depth < self.buckets[self.luck].count {
                if self.position < self.buckets[self.luck][self.depth].count {
                    defer { self.position += 1 }
                    return (Int(self.buckets[self.luck][self.depth][self.position]), self.depth)
                }
                self.buckets[self.luck][self.depth] = []
                self.depth += 1
                self.position = 0
            }
            self.luck += 1
            self.depth = 0
            self.position = 0
        }
        return nil
    }
}
