// Selfheal
// SPDX-License-Identifier: Apache-2.0

import CELExpressions
import RunPlan
import RunVocabulary

/// What the steps behind a gate would touch, worked out when the gate opens: people agree to those nodes, and to no others.
///
/// Behind a gate are the steps of its list that can be come to from it without passing another gate, and those in lists inside them. A step
/// whose targets rest on something that is only found out there cannot be told; people see its expression instead, and it is bound by
/// nothing but the inventory.
struct GateReach {
    struct Touch: Hashable, Sendable {
        let state: StateID
        let step: StepName
        /// As the runbook writes its targets.
        let text: String
        /// Nothing when they cannot be told yet.
        let nodes: [NodeName]?
    }

    private let plan: Plan
    private let behind: [StateID]
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
        for id in self.behind {
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
            case .run(let action): expressions += action.targets.map { [$0.nodes] } ?? []
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

    /// In the order of the file; a step that touches the engine's own machine alone is not among them.
    func touches(_ context: RunContext) -> [Touch] {
        var touches: [Touch] = []
        self.add(self.behind, context, unknown: [], to: &touches)
        return touches
    }

    private func add(_ states: [StateID], _ context: RunContext, unknown: Set<String>, to touches: inout [Touch]) {
        for id in states {
            let state = self.plan[id]
            switch state.action {
            case .run(let action):
                guard let targets = action.targets else {
                    continue
                }
                let nodes = self.list(targets.nodes, context, unknown).flatMap { Self.nodes($0, context) }
                touches.append(Touch(state: id, step: state.step, text: targets.nodes.text, nodes: nodes))
            case .forEach(let action): self.add(action, context, unknown: unknown, to: &touches)
            case .parallel(let action):
                for branch in action.branches {
                    self.add(self.states(of: branch.body), context, unknown: unknown, to: &touches)
                }
            case .probe, .wait, .request, .approve, .notify, .choose, .call, .set, .pause, .finish: break
            }
        }
    }

    /// What the steps of a loop touch in all its iterations together.
    private func add(
        _ loop: ForEachAction,
        _ context: RunContext,
        unknown: Set<String>,
        to touches: inout [Touch]
    ) {
        let body = self.states(of: loop.body)
        guard let elements = self.list(loop.elements, context, unknown) else {
            self.add(body, context, unknown: unknown.union([loop.name]), to: &touches)
            return
        }
        var all: [Touch] = []
        for element in elements {
            var inside = context
            var once: [Touch] = []
            inside.scopes.append(Scope(variables: [loop.name: element]))
            self.add(body, inside, unknown: unknown.subtracting([loop.name]), to: &once)
            all = all.isEmpty ? once : zip(all, once).map { $0.joined(with: $1) }
        }
        touches += all
    }

    private func list(_ expression: Expression, _ context: RunContext, _ unknown: Set<String>) -> [CELValue]? {
        guard self.canBeTold(expression, without: unknown), case .list(let list) = context.evaluate(expression) else {
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

extension GateReach.Touch {
    fileprivate func joined(with other: Self) -> Self {
        let more = self.nodes.flatMap { own in other.nodes.map { own + $0.filter { !own.contains($0) } } }
        return Self(state: self.state, step: self.step, text: self.text, nodes: more)
    }

    /// How many names a line shows.
    private static let shownNodes = 12

    /// A line for people; none for a selection, which the message and the runbook name as it is.
    func line(_ context: RunContext) -> String? {
        guard let nodes = self.nodes else {
            return "\(self.step): what '\(self.text)' is then; it cannot be told yet"
        }
        guard nodes != context.nodes(selectedBy: self.text) else {
            return nil
        }
        let names = nodes.prefix(Self.shownNodes).map(\.text).joined(separator: ", ")
        let more = nodes.count > Self.shownNodes ? " and \(nodes.count - Self.shownNodes) more" : ""
        return "\(self.step): \(nodes.isEmpty ? "nothing" : names)\(more)"
    }
}

extension RunContext {
    /// Takes down what people agreed to, for the steps of this list and those inside them.
    mutating func approve(_ touches: [GateReach.Touch]) {
        for touch in touches {
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
