// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunPlan
import RunVocabulary
import RunbookLanguage
import RunbookSource

/// What can be told from the arrows alone: steps nobody reaches, jumps that never end, acts on facts that may be unknown.
extension RunbookCompiler {
    /// Gives each step a bound that is walked again because of another step's `max_visits`.
    mutating func checkFlow(_ states: inout [PlanState], _ steps: [StepSyntax]) {
        guard !states.isEmpty else {
            return
        }
        let graph = StateGraph(count: states.count) { states[$0].destinations() }
        let reached = graph.reachable(from: 0)
        // Where a step leads that could not be read, or that names a step like none there is, nobody knows.
        let isWhole = !self.hasLostJump && !steps.contains { $0.mayLeadAnywhere }
        let twins = Self.twins(among: steps)
        for index in states.indices.dropFirst() where isWhole && !reached.contains(index) {
            // One message for the first of a row: the others are unreachable because of it.
            let isFirst = reached.contains(index - 1) || !graph.leads(from: index - 1, to: index)
            if isFirst, !steps[index].name.value.isEmpty, !twins.contains(steps[index].name.value) {
                self.report(.unreachableStep(steps[index].name.value, at: steps[index].name.span))
            }
        }
        self.checkUnknowns(states, steps, graph)
        self.boundLoops(&states, steps, graph, except: twins)
    }

    /// Names that several steps have, which has been reported: a jump to one of them means who knows which.
    private static func twins(among steps: [StepSyntax]) -> Set<String> {
        var seen: Set<String> = []
        return Set(steps.lazy.map(\.name.value).filter { !seen.insert($0).inserted })
    }

    /// Every cycle needs a step that says how often it may be visited; the others on it are visited that often because of it.
    private mutating func boundLoops(
        _ states: inout [PlanState],
        _ steps: [StepSyntax],
        _ graph: StateGraph,
        except twins: Set<String>
    ) {
        // Without a jump back there is no cycle.
        let jumpsBack = (0..<graph.count).contains { index in
            (0..<graph.destinationCount(index)).contains { graph.destination(index, $0) <= index }
        }
        guard jumpsBack else {
            for index in states.indices where steps[index].maxVisits == nil {
                states[index].maxVisits = 1
            }
            return
        }
        let unbounded = graph.cycles { steps[$0].maxVisits != nil }
        var reported: Set<Int> = []
        for index in states.indices where steps[index].maxVisits == nil {
            for target in (0..<graph.destinationCount(index)).map({ graph.destination(index, $0) })
            where target <= index && steps[target].maxVisits == nil {
                guard unbounded[target] == unbounded[index], !twins.contains(steps[target].name.value),
                    reported.insert(target).inserted
                else {
                    continue
                }
                self.report(
                    .unboundedLoop(
                        from: steps[index].name.value,
                        to: steps[target].name.value,
                        at: steps[index].place(ofJumpTo: steps[target].name.value) ?? steps[index].name.span,
                        target: steps[target].name.span
                    )
                )
            }
        }
        // Between two visits of a step without a bound, one with a bound is visited: more often than all of those
        // together and once more it cannot be.
        let cycles = graph.cycles()
        var visits: [Int: Int] = [:]
        for (index, cycle) in cycles.enumerated() {
            visits[cycle, default: 0] += steps[index].maxVisits?.value ?? 0
        }
        for index in states.indices where steps[index].maxVisits == nil {
            states[index].maxVisits = 1 + (visits[cycles[index]] ?? 0)
        }
    }

    /// Where `choose` can lead to an act, what to do when a condition cannot be told must be said.
    private mutating func checkUnknowns(_ states: [PlanState], _ steps: [StepSyntax], _ graph: StateGraph) {
        let chooses = states.contains { state in
            if case .choose = state.action { true } else { false }
        }
        guard chooses else {
            return
        }
        let leading = graph.leading(to: states.indices.filter { self.acts(states[$0]) })
        for index in states.indices {
            guard case .choose(let action) = states[index].action, action.ifUnknown == nil, !action.branches.isEmpty
            else {
                continue
            }
            let leadsToAct = (action.branches.map(\.next) + [action.otherwise]).contains { destination in
                if case .state(let next) = destination { leading.contains(next) } else { false }
            }
            if leadsToAct {
                self.report(.missingIfUnknown(at: steps[index].verbSpan))
            }
        }
    }

    private func acts(_ state: PlanState) -> Bool {
        switch state.action {
        case .run, .request: state.action.acting?.effect.changesTheWorld ?? false
        case .forEach, .parallel, .call:
            state.action.regions.contains { region in
                self.regions[region.index].states.contains { self.acts($0) }
            }
        case .probe, .wait, .approve, .notify, .choose, .set, .pause, .finish: false
        }
    }

    /// An act that can lose data should stand behind a gate.
    mutating func warnOfUngatedDataLoss(_ plan: Plan) {
        let regions = [Plan.main, plan.onFailure, plan.finally].compactMap { $0 }
        let dangers = regions.flatMap { Self.ungatedDangers(in: $0, plan) }
        guard !dangers.isEmpty else {
            return
        }
        var places: [StepName: SourceSpan] = [:]
        for name in self.syntax.stepNames {
            places[StepName(name.value)] = name.span
        }
        for step in dangers {
            if let place = places[step] {
                self.report(.ungatedDataLoss(step.text, at: place))
            }
        }
    }

    /// Whether there is anything to look at closely.
    private static func mayEndangerData(_ action: PlanAction) -> Bool {
        switch action {
        case .run, .request: action.acting?.effect.endangersData ?? false
        case .forEach, .parallel, .call: true
        case .probe, .wait, .approve, .notify, .choose, .set, .pause, .finish: false
        }
    }

    private static func ungatedDangers(in region: RegionID, _ plan: Plan) -> [StepName] {
        let states = plan[region].states
        guard !states.isEmpty, states.contains(where: { Self.mayEndangerData($0.action) }) else {
            return []
        }
        let graph = StateGraph(count: states.count) { index in
            // A gate is passed by its grant alone; a gate that `when` skips is none.
            guard case .approve = states[index].action, states[index].when == nil else {
                return states[index].destinations()
            }
            return states[index].destinations(withSuccess: false)
        }
        return graph.reachable(from: 0).states.flatMap { index -> [StepName] in
            switch states[index].action {
            case .run, .request:
                states[index].action.acting?.effect.endangersData ?? false ? [states[index].step] : []
            case .forEach, .parallel:
                states[index].action.regions.flatMap { self.ungatedDangers(in: $0, plan) }
            // The gates of the called runbook count; what it does without one, its caller must gate.
            case .call(let action):
                self.ungatedDangers(in: action.regions.main, plan).isEmpty ? [] : [states[index].step]
            case .probe, .wait, .approve, .notify, .choose, .set, .pause, .finish: []
            }
        }
    }
}

extension PlanState {
    /// The states of its region that it can lead to, in order, each once.
    func destinations(withSuccess: Bool = true) -> [Int] {
        let isSkippable = self.when != nil
        var all: [Int] = []
        func add(_ destination: Destination?) {
            // Mostly all of them are one and the same.
            if case .state(let index)? = destination, all.last != index {
                all.append(index)
            }
        }
        switch self.action {
        case .choose(let action):
            for branch in action.branches {
                add(branch.next)
            }
            add(action.otherwise)
            add(action.ifUnknown)
            add(isSkippable ? self.routes.succeeded : nil)
        case .finish:
            guard isSkippable else {
                return []
            }
            add(self.routes.succeeded)
        case .probe, .wait, .run, .request, .approve, .notify, .parallel, .forEach, .call, .set, .pause:
            add(withSuccess ? self.routes.succeeded : nil)
        }
        add(self.routes.failed)
        add(self.routes.timedOut)
        add(self.routes.refused)
        add(self.routes.inDoubt)
        guard all.count > 1 else {
            return all
        }
        all.sort()
        return all.indices.filter { $0 == 0 || all[$0] != all[$0 - 1] }.map { all[$0] }
    }
}

extension StepSyntax {
    /// Whether a mistake, which has been reported, hides where the step leads.
    fileprivate var mayLeadAnywhere: Bool {
        switch self.verb {
        case .invalid: true
        case .choose(let choose): choose.isIncomplete || choose.branches.contains { $0.next == nil }
        default: false
        }
    }

    /// Where the step names another one as what comes next.
    func place(ofJumpTo name: String) -> SourceSpan? {
        var places = [self.next] + self.routes.map(\.step)
        if case .choose(let choose) = self.verb {
            places += choose.branches.compactMap(\.next) + [choose.otherwise, choose.ifUnknown]
        }
        return places.compactMap { $0 }.first { $0.value == name }?.span
    }
}
