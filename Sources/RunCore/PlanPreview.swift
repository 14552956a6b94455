// Selfheal
// SPDX-License-Identifier: Apache-2.0

import CELExpressions
package import RunPlan
package import RunVocabulary

/// What a plan would do with an inventory, as far as it can be told without looking at the world.
///
/// It renders commands with the same code that runs use; what only a probe can tell is given as its expression and a bound.
package struct PlanPreview: Sendable {
    package struct Step: Hashable, Sendable {
        package var state: PlanState
        package var region: RegionID
        /// How many lists of steps are around it.
        package var depth: Int
        /// Whether it is what undoes the step before.
        package var isUndo: Bool
        package var targets: TargetPreview?
        package var commands: [CommandPreview]
        /// For computed targets: what each that may be among them would be sent, as far as it can be told.
        package var possible: [PossibleCommand]
        /// From entering to leaving it.
        package var best: Milliseconds
        package var worst: Milliseconds
    }

    package enum TargetPreview: Hashable, Sendable {
        case nodes([NodeName])
        /// Only a probe can tell; at most so many, and none but these.
        case computed(expression: String, atMost: Int, among: [NodeName])

        package var most: Int {
            switch self {
            case .nodes(let nodes): nodes.count
            case .computed(_, let most, _): most
            }
        }

        package var candidates: [NodeName] {
            switch self {
            case .nodes(let nodes), .computed(_, _, let nodes): nodes
            }
        }
    }

    /// One command for several targets, of which a probe will tell which are among them.
    package struct PossibleCommand: Hashable, Sendable {
        package var targets: [NodeName]
        package var command: Act.Command
    }

    package struct CommandPreview: Hashable, Sendable {
        package var target: NodeName?
        package var command: Act.Command
    }

    private let context: RunContext
    private let plan: Plan
    private var bounds: ListBound
    package private(set) var steps: [Step] = []
    /// Of the main list; the lists at the end of a run come on top.
    package private(set) var worst = Milliseconds.zero
    private var worstAtTheEnd = Milliseconds.zero
    /// The step that takes the largest part of it.
    package private(set) var dominating: StepName?

    /// The nodes that a selection names and the inventory does not have.
    package func unknownNodes(of selection: Selection) -> [NodeName] {
        self.context.unknownNodes(selectedBy: selection.name)
    }

    package init(of binding: RunBinding) {
        var context = RunContext(binding: binding)
        context.resolveSelections()
        self.context = context
        self.plan = binding.plan
        let selections = binding.plan.selections.map { selection in
            let nodes = context.nodes(selectedBy: selection.name)
            return (selection.name, ListBound.Extent(most: nodes.count, nodes: Set(nodes)))
        }
        self.bounds = ListBound(
            inventory: binding.inventory.nodes.count,
            names: Dictionary(selections) { first, _ in first }
        )
        let (worst, dominating) = self.add(Plan.main, depth: 0)
        self.worst = worst
        self.dominating = dominating
        for region in [self.plan.onFailure, self.plan.finally].compactMap({ $0 }) {
            self.worstAtTheEnd = self.worstAtTheEnd + self.add(region, depth: 0).worst
        }
    }

    /// The longest that the whole run can take: the main list, cut short by the run's deadline, then the lists at its end.
    ///
    /// What is in flight when a deadline passes is given time to stop. Waiting for a person to settle what is in doubt has no bound but
    /// the deadline.
    package var longest: Milliseconds {
        let main = self.plan.deadline.map { min(self.worst, $0 + Self.stopping) } ?? self.worst
        return main + self.worstAtTheEnd
    }

    // MARK: Regions

    private mutating func add(_ region: RegionID, depth: Int) -> (worst: Milliseconds, dominating: StepName?) {
        let states = self.plan[region].states
        var times: [Milliseconds] = []
        for state in states {
            let targets = self.targets(of: state.action)
            self.remember(state, targets)
            let index = self.steps.count
            self.steps.append(
                Step(
                    state: state,
                    region: region,
                    depth: depth,
                    isUndo: self.plan[region].role == .undo,
                    targets: targets,
                    commands: self.commands(of: state, targets),
                    possible: self.possible(of: state, targets),
                    best: .zero,
                    worst: .zero
                )
            )
            var (best, worst) = self.times(of: state, targets)
            if let inside = self.worst(inside: state, targets, depth) {
                worst = inside
                best = .zero
            }
            if let undo = state.undo {
                // Walked at the end of the run, if at all.
                _ = self.add(undo, depth: depth + 1)
            }
            if let deadline = state.deadline {
                worst = min(worst, deadline)
            }
            self.steps[index].best = best
            self.steps[index].worst = worst
            times.append(worst)
        }
        return self.longestPath(states, times)
    }

    /// The longest that the lists of steps inside an action can take; nothing when it has none.
    private mutating func worst(
        inside state: PlanState,
        _ targets: TargetPreview?,
        _ depth: Int
    ) -> Milliseconds? {
        switch state.action {
        case .forEach(let loop):
            let pause = self.length(state.pause) ?? loop.pause
            let body = self.add(loop.body, depth: depth + 1)
            let most = targets?.most ?? 0
            let width = max(loop.serial.resolved(of: most), 1)
            return (body.worst + pause) * ((most + width - 1) / width)
        case .parallel(let parallel):
            return parallel.branches.map { self.add($0.body, depth: depth + 1).worst }.max()
        case .call(let call):
            let main = self.add(call.regions.main, depth: depth + 1).worst
            let rest = [call.regions.onFailure, call.regions.finally].compactMap { $0 }
                .reduce(Milliseconds.zero) { $0 + self.add($1, depth: depth + 1).worst }
            return (call.regions.deadline.map { min($0, main) } ?? main) + rest
        case .probe, .wait, .run, .request, .approve, .notify, .choose, .set, .pause, .finish: return nil
        }
    }

    /// The longest way through a region; a region with jumps back is bounded by all its visits.
    private func longestPath(_ states: [PlanState], _ times: [Milliseconds]) -> (Milliseconds, StepName?) {
        guard !states.isEmpty else {
            return (.zero, nil)
        }
        let hasJumpsBack = states.enumerated().contains { index, state in
            state.next.contains { $0 <= index }
        }
        guard !hasJumpsBack else {
            let all = zip(states, times).reduce(Milliseconds.zero) { $0 + $1.1 * $1.0.maxVisits }
            let longest = times.indices.max { times[$0] < times[$1] }
            return (all, longest.map { states[$0].step })
        }
        var longest = [Milliseconds](repeating: .zero, count: states.count)
        var dominating = [Int](repeating: 0, count: states.count)
        for index in states.indices.reversed() {
            let next = states[index].next.max { longest[$0] < longest[$1] }
            longest[index] = times[index] + (next.map { longest[$0] } ?? .zero)
            dominating[index] = index
            if let next, times[dominating[next]] > times[index] {
                dominating[index] = dominating[next]
            }
        }
        return (longest[0], states[dominating[0]].step)
    }

    // MARK: Steps

    private func targets(of action: PlanAction) -> TargetPreview? {
        switch action {
        case .probe(let action): action.targets.map { self.nodes($0.nodes, $0.expected) }
        case .wait(let action): action.targets.map { self.nodes($0.nodes, $0.expected) }
        case .run(let action): action.targets.map { self.nodes($0.nodes, $0.expected) }
        case .forEach(let action): self.nodes(action.elements, nil)
        case .request, .approve, .notify, .choose, .parallel, .call, .set, .pause, .finish: nil
        }
    }

    private func nodes(_ expression: Expression, _ expected: ClosedRange<Int>?) -> TargetPreview {
        let knownRoots = self.plan.selections.map(\.name) + ["parameters", "settings", "cluster", "clusters"]
        let isStatic =
            expression.reads.isEmpty
            && expression.cel.referencedPaths.allSatisfy { knownRoots.contains($0.root) }
        if isStatic, case .list(let elements) = self.context.evaluate(expression) {
            return .nodes(elements.flatMap { NodeValue.names(in: $0) })
        }
        let extent = self.bounds.extent(expression.cel.root)
        let most = min(extent.most, expected?.upperBound ?? extent.most)
        let candidates = self.context.binding.inventory.nodes.map(\.name).filter { extent.nodes?.contains($0) ?? true }
        return .computed(expression: expression.text, atMost: most, among: candidates)
    }

    /// What later steps may refer to.
    private mutating func remember(_ state: PlanState, _ targets: TargetPreview?) {
        let extent = targets.map { ListBound.Extent(most: $0.most, nodes: Set($0.candidates)) }
        self.bounds.results[state.step.text] = extent
        switch state.action {
        case .set(let values):
            for value in values {
                // One name may be set at several places, and either may hold.
                let fresh = self.bounds.extent(value.value.cel.root)
                self.bounds.names[value.name] = self.bounds.names[value.name].map { $0.joined(with: fresh) } ?? fresh
            }
        case .forEach(let loop): self.bounds.names[loop.name] = extent
        case .probe, .wait, .run, .request, .approve, .notify, .choose, .parallel, .call, .pause, .finish: break
        }
    }

    private func possible(of state: PlanState, _ targets: TargetPreview?) -> [PossibleCommand] {
        guard case .run(let action) = state.action, case .computed(_, _, let candidates) = targets else {
            return []
        }
        var found: [PossibleCommand] = []
        for node in candidates {
            guard case .command(let command, _) = ActRendering.render(action, on: node, self.context) else {
                continue
            }
            if let index = found.firstIndex(where: { $0.command == command }) {
                found[index].targets.append(node)
            } else {
                found.append(PossibleCommand(targets: [node], command: command))
            }
        }
        return found
    }

    private func commands(of state: PlanState, _ targets: TargetPreview?) -> [CommandPreview] {
        guard state.action.acting != nil else {
            return []
        }
        let nodes: [NodeName?] =
            switch targets {
            case .nodes(let nodes): nodes
            case .computed: []
            case nil: [nil]
            }
        return nodes.compactMap { node in
            guard case .command(let command, _) = ActRendering.render(state.action, on: node, self.context) else {
                return nil
            }
            return CommandPreview(target: node, command: command)
        }
    }

    // MARK: Time

    /// How long a target's command may be given to end once its time is up.
    private static let stopping = Milliseconds.seconds(15)

    /// The longest that one target can take, with all attempts.
    private func longest(
        _ action: ActingSpecification,
        _ retry: Retry?,
        _ computed: Milliseconds?
    ) -> Milliseconds {
        let timeout = computed ?? action.timeout
        let attempts = retry?.attempts ?? 1
        let waits = (1..<max(attempts, 1)).reduce(Milliseconds.zero) { sum, number in
            sum + (retry?.wait(before: number + 1) ?? .zero)
        }
        let one = timeout + Self.stopping + (action.verify == nil ? .zero : timeout)
        let all = one * attempts + waits
        return retry?.within.map { min(all, $0 + one) } ?? all
    }

    /// A duration that is worked out, as far as it can be told now.
    private func length(_ expression: Expression?) -> Milliseconds? {
        guard let expression, case .duration(let duration) = self.context.evaluate(expression) else {
            return nil
        }
        return Milliseconds(nanoseconds: duration.nanoseconds)
    }

    private func times(of state: PlanState, _ targets: TargetPreview?) -> (best: Milliseconds, worst: Milliseconds) {
        let timeout = self.length(state.timeout)
        switch state.action {
        case .probe(let action): return (.zero, timeout ?? action.timeout)
        case .wait(let action):
            let least = action.every * (action.consecutive - 1)
            return (least, (timeout ?? action.timeout) + action.probeTimeout)
        case .approve(let action): return (.zero, action.timeout)
        case .pause(let length):
            guard case .duration(let duration) = self.context.evaluate(length) else {
                return (.zero, .zero)
            }
            let span = Milliseconds(nanoseconds: duration.nanoseconds)
            return (span, span)
        case .run(let action):
            let count = max(targets?.most ?? 1, 1)
            let batches = action.batch.count(of: count)
            let pauses = action.batch.pause * (batches - 1)
            let one = state.action.acting.map { self.longest($0, state.retry, timeout) } ?? .zero
            // Under a condition they go one after the other, whatever the batch.
            let isSingle = state.require != nil && action.effect.changesTheWorld
            return (pauses, one * (isSingle ? count : batches) + pauses)
        case .request: return (.zero, state.action.acting.map { self.longest($0, state.retry, timeout) } ?? .zero)
        case .notify: return (.zero, .seconds(30))
        case .choose, .set, .finish, .forEach, .parallel, .call: return (.zero, .zero)
        }
    }
}

extension PlanState {
    /// The states of its region that it can lead to.
    fileprivate var next: [Int] {
        var all: [Destination] = []
        switch self.action {
        case .choose(let action):
            all = action.branches.map(\.next) + [action.otherwise] + (action.ifUnknown.map { [$0] } ?? [])
        case .finish: return []
        default: all.append(self.routes.succeeded)
        }
        all += [self.routes.failed, self.routes.timedOut, self.routes.refused]
        all += self.routes.inDoubt.map { [$0] } ?? []
        return all.compactMap { if case .state(let index) = $0 { index } else { nil } }
    }
}
