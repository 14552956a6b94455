// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunCore
import RunPlan
import RunVocabulary

/// Goes through every state of plan × world within the assumptions, least bad luck first.
///
/// A state is two numbers. Behind one is a desk, the machine with all that it waits for; behind the other a world. What can happen to a
/// desk is drafted once (``DeskCard``), what can happen to a world is worked out once (``WorldTable``), and what the machine makes of an
/// event is asked of it once for each desk and event (`edges`, `answers`). From then on a step of the search looks numbers up.
struct Explorer: Sendable {
    struct Violation: Sendable {
        var property: Property
        var text: String
        /// The state before the last move, and the move.
        var state: Int
        var choice: Int
    }

    /// Why the search ended.
    enum Ending: Sendable {
        case complete
        case stateLimit
        case memoryLimit
    }

    /// One thing that can happen in a state, without references.
    struct Choice: Sendable {
        enum Step: Sendable {
            case stay
            case edge(Int)
            case answer(look: Int, lie: Lie?)
        }

        struct Lie: Sendable {
            var node: Int
            var seen: UInt16
        }

        var move: Move
        /// The luck that is spent after it.
        var price: UInt16
        var world: UInt32
        var findings: Int32
        var step: Step
    }

    /// What is known of a desk.
    private struct Place: Sendable {
        var drafts: Range<Int>
        var looks: Int
        var edges: Int
        var readNodes: UInt16
        var readsBrokers: Bool
        var isOver: Bool
    }

    let setting: SearchSetting
    private(set) var desks: [Desk] = []
    private var numbers: [StateFingerprint: UInt32] = [:]
    private var places: ContiguousArray<Place> = []
    private var drafts: ContiguousArray<DeskCard.Draft> = []
    private var looks: ContiguousArray<DeskCard.Look> = []
    /// Where a move leads: a desk's number, with ``marked`` when something is wrong with the move.
    private var edges: ContiguousArray<UInt32> = []
    private var answers = AnswerTable()
    private var findingsOfEdges: [Int: [Finding]] = [:]
    private var findingsOfAnswers: [StateFingerprint: [Finding]] = [:]
    private var worlds: WorldTable
    private(set) var store = StateStore<SearchState>()
    private var queue = SearchQueue()
    private var choices: ContiguousArray<Choice> = []
    private var nexts: ContiguousArray<SearchState> = []
    private var seenSteps: Set<StepKey> = []
    private(set) var transitions = 0
    private(set) var violations: [Property: Violation] = [:]
    private(set) var reached: Set<StepName> = []
    private(set) var outcomes: [RunOutcome: Int] = [:]
    private(set) var ending = Ending.complete
    private(set) var machineSteps = 0

    private static let unknown = AnswerTable.unknown
    private static let marked: UInt32 = 1 << 31

    init(_ binding: RunBinding, _ assumptions: Assumptions, passing: [StepName?: Bool]) {
        self.setting = SearchSetting(binding, assumptions, passing: passing)
        self.worlds = WorldTable(self.setting)
    }

    var worldCount: Int {
        self.worlds.count
    }

    // MARK: Search

    /// Asks `mayGoOn` now and then whether there is memory left.
    mutating func explore(from worlds: [AbstractWorld], while mayGoOn: () -> Bool) {
        let first = self.intern(Desk(self.setting.binding))
        for world in worlds {
            self.add(SearchState(desk: first, world: self.worlds.number(of: world)), 0, nil, 0, 0)
        }
        let limit = min(self.setting.assumptions.stateLimit, StateStore<SearchState>.stateLimit)
        var untilAsked = Self.patience
        while let (index, depth) = self.queue.next() {
            guard self.store.count < limit else {
                self.ending = .stateLimit
                return
            }
            untilAsked -= 1
            if untilAsked == 0 {
                untilAsked = Self.patience
                guard mayGoOn() else {
                    self.ending = .memoryLimit
                    return
                }
            }
            self.expand(index, depth)
        }
    }

    /// So many states are expanded between two looks at the memory.
    private static let patience = 4_096

    private mutating func add(_ state: SearchState, _ price: UInt16, _ parent: Int?, _ choice: Int, _ depth: Int) {
        let isReduced = self.setting.assumptions.isReduced
        let index = self.store.add(state, price: price, parent: parent, choice: choice) { old, new in
            isReduced ? Luck.isCovered(old, new) : old == new
        }
        if let index {
            self.queue.add(index, luck: Luck.total(price), depth: depth)
        }
    }

    private mutating func expand(_ index: Int, _ depth: Int) {
        let state = self.store.key(at: index)
        self.fill(from: state, self.store.price(at: index))
        if self.choices.isEmpty, !self.places[Int(state.desk)].isOver {
            self.record([Finding(property: .everyPathEnds, text: "nothing can happen any more")], index, 0)
        }
        precondition(self.choices.count <= StateStore<SearchState>.choiceLimit, "a desk waits for too many answers")
        self.transitions += self.choices.count
        self.nexts.removeAll(keepingCapacity: true)
        for choice in self.choices.indices {
            let next = self.follow(self.choices[choice], from: state, index, choice)
            self.store.warm(next)
            self.nexts.append(next)
        }
        for choice in self.nexts.indices {
            self.add(self.nexts[choice], self.choices[choice].price, index, choice, depth + 1)
        }
    }

    private mutating func record(_ findings: [Finding], _ state: Int, _ choice: Int) {
        for finding in findings where self.violations[finding.property] == nil {
            self.violations[finding.property] = Violation(
                property: finding.property,
                text: finding.text,
                state: state,
                choice: choice
            )
        }
    }

    // MARK: Choices

    /// The moves of a state in the order in which the search numbers them.
    func moves(of index: Int) -> [(move: Move, luck: Luck)] {
        var copy = self
        copy.fill(from: self.store.key(at: index), self.store.price(at: index))
        return copy.choices.map { ($0.move, Luck(packed: $0.price)) }
    }

    private mutating func fill(from state: SearchState, _ price: UInt16) {
        self.choices.removeAll(keepingCapacity: true)
        let place = self.places[Int(state.desk)]
        let world = self.worlds[state.world]
        let limits = self.setting.limits
        for index in place.drafts {
            let draft = self.drafts[index]
            if draft.price != 0, !Luck.isCovered(price + draft.price, limits) {
                continue
            }
            if let needs = draft.needs, world[needs.node].isCut != needs.isCut {
                continue
            }
            var choice = Choice(
                move: draft.move,
                price: price + draft.price,
                world: state.world,
                findings: -1,
                step: .stay
            )
            if let completes = draft.completes {
                let after = self.worlds.complete(
                    completes.effect,
                    completes.number,
                    at: completes.node,
                    in: state.world
                )
                choice.world = after.world
                choice.findings = after.findings
            }
            switch draft.kind {
            case .edge(let slot):
                choice.step = .edge(place.edges + slot)
                self.choices.append(choice)
            case .answer(let look):
                choice.step = .answer(look: place.looks + look, lie: nil)
                self.choices.append(choice)
            case .lies(let look, let node):
                self.addLies(choice, look: place.looks + look, about: node, in: state.world)
            }
        }
        let outlook = self.worlds.outlook(of: state.world)
        var readNodes = place.readNodes
        if place.readsBrokers, self.setting.rules.isBrokerStarting(world) {
            readNodes |= self.setting.membersMask
        }
        self.addChanges(outlook.progress, seenBy: readNodes, price, state)
        if !place.isOver, Luck.isCovered(price + Luck.fault, limits) {
            self.addChanges(outlook.faults, seenBy: readNodes, price + Luck.fault, state)
        }
    }

    private mutating func addLies(_ truth: Choice, look: Int, about node: Int, in world: UInt32) {
        guard case .answer(let ask, _, let lie?) = truth.move else {
            return
        }
        let guises = self.worlds.guises(of: node, in: world)
        for guise in guises.indices {
            var choice = truth
            choice.move = .answer(ask: ask, variant: 0, lie: Move.Lie(target: lie.target, guise: guise))
            choice.step = .answer(look: look, lie: Choice.Lie(node: node, seen: guises[guise]))
            self.choices.append(choice)
        }
    }

    /// What happens in the world is tried where somebody would see it; in between nobody can tell when it happened.
    private mutating func addChanges(
        _ range: Range<Int>,
        seenBy readNodes: UInt16,
        _ price: UInt16,
        _ state: SearchState
    ) {
        for index in range {
            let change = self.worlds.changes[index]
            if change.seenBy & readNodes != 0 {
                self.choices.append(
                    Choice(
                        move: change.move,
                        price: price,
                        world: change.world,
                        findings: change.findings,
                        step: .stay
                    )
                )
            }
        }
    }

    // MARK: Steps

    private mutating func follow(
        _ choice: Choice,
        from state: SearchState,
        _ index: Int,
        _ number: Int
    ) -> SearchState {
        if choice.findings >= 0 {
            self.record(self.worlds.findings[Int(choice.findings)], index, number)
        }
        switch choice.step {
        case .stay: return SearchState(desk: state.desk, world: choice.world)
        case .edge(let edge):
            if self.setting.judgesTruth, case .began(let ask) = choice.move {
                self.record(self.truthFindings(state.desk, ask, self.worlds[choice.world]), index, number)
            }
            var step = self.edges[edge]
            if step == Self.unknown {
                step = self.walk(choice.move, from: state) { $0.findingsOfEdges[edge] = $1 }
                self.edges[edge] = step
            }
            if step & Self.marked != 0 {
                self.record(self.findingsOfEdges[edge] ?? [], index, number)
            }
            return SearchState(desk: step & ~Self.marked, world: choice.world)
        case .answer(let look, let lie):
            let key = self.key(of: choice.move, at: state, look, lie)
            var step = self.answers.step(for: key)
            if step == Self.unknown {
                step = self.walk(choice.move, from: state) { $0.findingsOfAnswers[key] = $1 }
                self.answers.set(step, for: key)
            }
            if step & Self.marked != 0 {
                self.record(self.findingsOfAnswers[key] ?? [], index, number)
            }
            return SearchState(desk: step & ~Self.marked, world: choice.world)
        }
    }

    /// All that tells one answer from another: the desk, the question, and what it shows of the world.
    private func key(of move: Move, at state: SearchState, _ look: Int, _ lie: Choice.Lie?) -> StateFingerprint {
        guard case .answer(let ask, let variant, _) = move else {
            preconditionFailure("only looks are answered")
        }
        let look = self.looks[look]
        var seen = self.worlds[state.world].nodes & look.mask
        var key = StateFingerprint()
        key.mix(UInt64(state.desk) << 32 | UInt64(ask) << 16 | UInt64(variant))
        if let lie {
            if look.isShared {
                key.mix(UInt64(lie.node + 1) << 16 | UInt64(lie.seen))
            } else {
                seen[lie.node] = lie.seen
            }
        }
        let words = unsafeBitCast(seen, to: SIMD4<UInt64>.self)
        for word in 0..<4 {
            key.mix(words[word])
        }
        return key
    }

    /// Asks the machine what comes of the move.
    private mutating func walk(
        _ move: Move,
        from state: SearchState,
        keep: (inout Explorer, [Finding]) -> Void
    ) -> UInt32 {
        var desk = self.desks[Int(state.desk)]
        let maker = EventMaker(rules: self.setting.rules, oracle: self.setting.oracle)
        let event = maker.event(for: move, at: desk, self.worlds[state.world])
        do {
            try desk.handle(event, self.setting.properties)
        } catch {
            preconditionFailure("the verifier gave the machine an event that cannot be: \(error.message)")
        }
        self.machineSteps += 1
        self.observe(desk)
        let number = self.intern(desk)
        guard !desk.findings.isEmpty else {
            return number
        }
        keep(&self, desk.findings)
        return number | Self.marked
    }

    private func truthFindings(_ desk: UInt32, _ ask: Int, _ world: AbstractWorld) -> [Finding] {
        guard case .act(let act) = self.desks[Int(desk)].asks[ask] else {
            return []
        }
        let machine = self.desks[Int(desk)].machine
        return self.setting.properties.truthFindings(act, machine, self.setting.rules, world)
    }

    private mutating func intern(_ desk: Desk) -> UInt32 {
        let fingerprint = desk.fingerprint(self.setting.view)
        if let number = self.numbers[fingerprint] {
            return number
        }
        let number = UInt32(self.desks.count)
        precondition(number < Self.marked, "a run cannot be in so many states")
        self.numbers[fingerprint] = number
        let card = DeskCard(of: desk, self.setting)
        let place = Place(
            drafts: self.drafts.count..<self.drafts.count + card.drafts.count,
            looks: self.looks.count,
            edges: self.edges.count,
            readNodes: card.readNodes,
            readsBrokers: card.readsBrokers,
            isOver: card.outcome != nil
        )
        var kept = desk
        kept.forget()
        self.desks.append(kept)
        self.places.append(place)
        self.drafts.append(contentsOf: card.drafts)
        self.looks.append(contentsOf: card.looks)
        self.edges.append(contentsOf: repeatElement(Self.unknown, count: card.slots))
        return number
    }

    private mutating func observe(_ desk: Desk) {
        for note in desk.notes {
            if case .entered(let key, _, _) = note, self.seenSteps.insert(key).inserted {
                self.reached.insert(key.step)
            }
        }
        if let outcome = desk.outcome {
            self.outcomes[outcome, default: 0] += 1
        }
    }

    // MARK: For those who look back

    func world(of state: Int) -> AbstractWorld {
        self.worlds[self.store.key(at: state).world]
    }

    func fingerprint(of state: Int) -> StateFingerprint {
        self.desks[Int(self.store.key(at: state).desk)].fingerprint(self.setting.view)
    }

    func fingerprint(of desk: Desk) -> StateFingerprint {
        desk.fingerprint(self.setting.view)
    }
}
