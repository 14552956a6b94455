// Selfheal
// SPDX-License-Identifier: Apache-2.0

import CELExpressions
import RunPlan
import RunVocabulary

/// What the steps behind a gate would touch, worked out when the gate opens: people agree to those nodes, and to no others.
///
/// Behind a gate are the steps of its list that can be come to from it without passing another gate, and those in lists inside them. A step
/// whose targets rest on something that is only found out there cannot be told; people see its expression instead, and it is bound by
/// nothing but the inventory. People are shown as well what they do not bind: what a called runbook does, and the lists at the run's end.
struct GateReach {
    struct Touch: Hashable, Sendable {
        enum Place: Hashable, Sendable {
            case nodes([NodeName])
            /// Something else than nodes, in words.
            case elsewhere(String)
            /// It cannot be told yet; these words say on what it rests.
            case later(String)
        }

        let state: StateID
        /// As people are told: the step, and where it stands if that is not behind the gate.
        let name: String
        /// What is done to them; nothing for a called runbook, which does several things.
        let effect: EffectClass?
        let place: Place
        /// Whether people bind it by what they agree to.
        var isBound = true

        /// Nothing when they cannot be told yet, or when it is about no nodes.
        var nodes: [NodeName]? {
            if case .nodes(let nodes) = self.place { nodes } else { nil }
        }
    }

    private let plan: Plan
    private let behind: [StateID]
    /// The lists at the run's end that can be come to from the gate.
    private let atTheEnd: [RegionID]
    private let canUndo: Bool
    /// What is found out behind the gate: an expression that names it cannot be told at it.
    private var laterSteps: Set<String> = []
    private var laterNames: Set<String> = []

    init(of gate: StateID, in plan: Plan) {
        self.plan = plan
        var behind: [StateID] = []
        var waiting = Self.destinations(of: plan[gate].routes.succeeded)
        while let index = waiting.popLast() {
            let id = StateID(region: gate.region, index: index)
            guard !behind.contains(id), id != gate else {
                continue
            }
            behind.append(id)
            waiting += plan[id].nextWithoutApproval
        }
        self.behind = behind.sorted { $0.index < $1.index }
        let isInMain = gate.region == Plan.main
        self.atTheEnd = isInMain ? [plan.onFailure, plan.finally].compactMap { $0 } : []
        self.canUndo = isInMain && plan.undoesOnFailure ?? false && plan.states.contains { $0.state.undo != nil }
        for id in self.behind + self.atTheEnd.flatMap({ self.states(of: $0) }) {
            self.note(id)
        }
    }

    private static func destinations(of destination: Destination) -> [Int] {
        if case .state(let index) = destination { [index] } else { [] }
    }

    private mutating func note(_ id: StateID) {
        let state = self.plan[id]
        self.laterSteps.insert(state.step.text)
        if case .set(let values) = state.action {
            self.laterNames.formUnion(values.map(\.name))
        }
        for region in state.action.regionsInside {
            for index in self.plan[region].states.indices {
                self.note(StateID(region: region, index: index))
            }
        }
    }

    // MARK: What can be told

    /// The expressions whose facts must be fresh for it.
    func expressions() -> [Expression] {
        var expressions: [Expression] = []
        self.collect(self.behind, into: &expressions)
        return expressions.filter { !$0.reads.isEmpty && self.canBeTold($0, without: []) }
    }

    private func collect(_ states: [StateID], into expressions: inout [Expression]) {
        for id in states {
            switch self.plan[id].action {
            case .run(let action) where action.effect.changesTheWorld:
                expressions += action.targets.map { [$0.nodes] } ?? []
            case .forEach(let action): expressions.append(action.elements)
            default: break
            }
            for region in self.plan[id].action.regionsInside {
                self.collect(self.states(of: region), into: &expressions)
            }
        }
    }

    private func states(of region: RegionID) -> [StateID] {
        self.plan[region].states.indices.map { StateID(region: region, index: $0) }
    }

    private func canBeTold(_ expression: Expression, without unknown: Set<String>) -> Bool {
        !expression.cel.referencedPaths.contains { reference in
            switch reference.root {
            case "steps": reference.path.count < 2 || self.laterSteps.contains(reference.path[1])
            case "run": true
            default: self.laterNames.contains(reference.root) || unknown.contains(reference.root)
            }
        }
    }

    // MARK: What is touched

    /// Every act that can follow, in the order of the file; the lists at the run's end come last.
    func touches(_ context: RunContext) -> [Touch] {
        var touches: [Touch] = []
        self.add(self.behind, context, unknown: [], to: &touches)
        for region in self.atTheEnd {
            var there: [Touch] = []
            self.add(self.states(of: region), context, unknown: [], isBound: false, to: &there)
            touches += there.map { $0.named("\($0.name) (\(self.plan[region].role.rawValue))") }
        }
        return touches
    }

    private func add(
        _ states: [StateID],
        _ context: RunContext,
        unknown: Set<String>,
        isBound: Bool = true,
        to touches: inout [Touch]
    ) {
        for id in states {
            let state = self.plan[id]
            func touch(_ effect: EffectClass?, _ place: Touch.Place) {
                let touch = Touch(state: id, name: state.step.text, effect: effect, place: place, isBound: isBound)
                touches.merge(touch)
            }
            switch state.action {
            case .run(let action) where action.effect.changesTheWorld:
                guard let targets = action.targets else {
                    touch(action.effect, .elsewhere("the engine's own machine"))
                    continue
                }
                let nodes = self.list(targets.nodes, context, unknown, isBound).flatMap { Self.nodes($0, context) }
                touch(action.effect, nodes.map { .nodes($0) } ?? .later("what '\(targets.nodes.text)' is then"))
            case .request(let action) where action.effect.changesTheWorld:
                touch(action.effect, .elsewhere("what a \(action.method) request reaches"))
            case .call(let action) where self.acts(action.regions):
                touch(nil, .later("does what the runbook '\(action.runbook)' says"))
            case .forEach(let action): self.add(action, context, unknown: unknown, isBound: isBound, to: &touches)
            case .parallel(let action):
                for branch in action.branches {
                    self.add(self.states(of: branch.body), context, unknown: unknown, isBound: isBound, to: &touches)
                }
            case .run, .request, .call, .probe, .wait, .approve, .notify, .choose, .set, .pause, .finish: break
            }
        }
    }

    /// What the steps of a loop touch in all its iterations together.
    private func add(
        _ loop: ForEachAction,
        _ context: RunContext,
        unknown: Set<String>,
        isBound: Bool,
        to touches: inout [Touch]
    ) {
        let body = self.states(of: loop.body)
        guard let elements = self.list(loop.elements, context, unknown, isBound) else {
            self.add(body, context, unknown: unknown.union([loop.name]), isBound: isBound, to: &touches)
            return
        }
        guard !elements.isEmpty else {
            // Nothing as it stands; a step that would find something later must ask again.
            var never: [Touch] = []
            self.add(body, context, unknown: unknown.union([loop.name]), isBound: isBound, to: &never)
            for touch in never {
                touches.merge(touch.canBeBound ? touch.placed(.nodes([])) : touch)
            }
            return
        }
        for element in elements {
            var inside = context
            inside.scopes.append(Scope(variables: [loop.name: element]))
            self.add(body, inside, unknown: unknown.subtracting([loop.name]), isBound: isBound, to: &touches)
        }
    }

    /// Whether anything that is done there changes the world.
    private func acts(_ regions: RunbookRegions) -> Bool {
        var waiting = [regions.main] + [regions.onFailure, regions.finally].compactMap { $0 }
        while let region = waiting.popLast() {
            for state in self.plan[region].states {
                if state.action.acting?.effect.changesTheWorld ?? false {
                    return true
                }
                if case .call(let inner) = state.action {
                    let atTheEnd = [inner.regions.onFailure, inner.regions.finally]
                    waiting += [inner.regions.main] + atTheEnd.compactMap { $0 }
                }
                waiting += state.action.regionsInside
            }
        }
        return false
    }

    /// What is not bound must not rest on how the world is now.
    private func list(
        _ expression: Expression,
        _ context: RunContext,
        _ unknown: Set<String>,
        _ isBound: Bool
    ) -> [CELValue]? {
        guard self.canBeTold(expression, without: unknown), isBound || expression.reads.isEmpty,
            case .list(let list) = context.evaluate(expression)
        else {
            return nil
        }
        return list.contains { $0.uncertainty != nil } ? nil : list
    }

    private static func nodes(_ list: [CELValue], _ context: RunContext) -> [NodeName]? {
        var nodes: [NodeName] = []
        for element in list {
            guard let node = NodeValue.names(in: element).first else {
                return nil
            }
            if !nodes.contains(node) {
                nodes.append(node)
            }
        }
        return nodes
    }
}

// MARK: - For people

extension GateReach {
    /// What stands below the question, each act with its nodes; nothing where no act can follow.
    func text(_ touches: [Touch], isWhole: Bool) -> String {
        let told = touches.filter { !$0.isLater }.map(\.line)
        let later = touches.filter(\.isLater).map(\.line)
        var lines: [String] = []
        if !told.isEmpty {
            let place = isWhole ? "It touches" : "In its list of steps it touches"
            let isAll = later.isEmpty && !self.canUndo
            lines.append((["\(place)\(isAll ? " nothing but" : ""):"] + told).paragraph)
        }
        if !later.isEmpty {
            lines.append((["Cannot be told yet:"] + later).paragraph)
        }
        if self.canUndo {
            lines.append("If it fails, what was done is undone.")
        }
        return lines.map { "\n\($0)" }.joined()
    }
}

extension [String] {
    /// A heading with its lines indented below it.
    fileprivate var paragraph: String {
        self.joined(separator: "\n  ")
    }
}

extension [GateReach.Touch] {
    /// A step that is come to several times touches all of it.
    fileprivate mutating func merge(_ touch: GateReach.Touch) {
        if let index = self.firstIndex(where: { $0.state == touch.state && $0.isBound == touch.isBound }) {
            self[index] = self[index].joined(with: touch)
        } else {
            self.append(touch)
        }
    }
}

extension GateReach.Touch {
    fileprivate var isLater: Bool {
        if case .later = self.place { true } else { false }
    }

    /// Whether it is about nodes that people can agree to; a call is not, nor what is about no nodes.
    fileprivate var canBeBound: Bool {
        if case .elsewhere = self.place { false } else { self.effect != nil }
    }

    fileprivate func placed(_ place: Place) -> Self {
        Self(state: self.state, name: self.name, effect: self.effect, place: place, isBound: self.isBound)
    }

    fileprivate func named(_ name: String) -> Self {
        Self(state: self.state, name: name, effect: self.effect, place: self.place, isBound: self.isBound)
    }

    fileprivate func joined(with other: Self) -> Self {
        guard let own = self.nodes, let others = other.nodes else {
            return self.isLater ? self : other
        }
        return self.placed(.nodes(own + others.filter { !own.contains($0) }))
    }

    /// How many names a line shows.
    private static let shownNodes = 12

    /// A line for people.
    fileprivate var line: String {
        let verb = self.effect.map { "\($0.rawValue.replacing("_", with: " ")) " } ?? ""
        switch self.place {
        case .later(let words), .elsewhere(let words): return "\(self.name): \(verb)\(words)"
        case .nodes(let nodes):
            let names = nodes.prefix(Self.shownNodes).map(\.text).joined(separator: ", ")
            let more = nodes.count > Self.shownNodes ? " and \(nodes.count - Self.shownNodes) more" : ""
            return "\(self.name): \(verb)\(nodes.isEmpty ? "nothing" : names)\(more)"
        }
    }
}

extension RunContext {
    /// Takes down what people agreed to, for the steps of this list and those inside them.
    mutating func approve(_ touches: [GateReach.Touch]) {
        for touch in touches where touch.isBound {
            self.scopes[self.scopes.count - 1].approved[touch.state] = touch.nodes
        }
    }

    /// Why a step must not touch these nodes: people agreed to others.
    func refusal(of nodes: [NodeName], at state: StateID) -> String? {
        guard let approved = self.scopes.last(where: { $0.approved[state] != nil })?.approved[state] else {
            return nil
        }
        let strangers = nodes.filter { !approved.contains($0) }
        guard !strangers.isEmpty else {
            return nil
        }
        let names = strangers.map(\.text).joined(separator: ", ")
        let agreed = approved.isEmpty ? "none" : approved.map(\.text).joined(separator: ", ")
        return "people approved this step for \(agreed), and now it would touch \(names); ask again"
    }
}

extension PlanAction {
    /// The lists of steps in it, called runbooks left out: they see nothing of what is around them.
    fileprivate var regionsInside: [RegionID] {
        switch self {
        case .forEach(let action): [action.body]
        case .parallel(let action): action.branches.map(\.body)
        case .probe, .wait, .run, .request, .approve, .notify, .choose, .call, .set, .pause, .finish: []
        }
    }
}

extension PlanState {
    /// The states that come after it, but for those that a gate opens; one that `when` may skip holds nobody up.
    fileprivate var nextWithoutApproval: [Int] {
        guard case .approve = self.action, self.when == nil else {
            return self.destinations
        }
        var closed = self
        closed.routes.succeeded = .end
        return closed.destinations
    }
}
