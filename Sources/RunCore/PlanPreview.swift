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
        /// How many loops are around it.
        package var depth: Int
        package var targets: TargetPreview?
        package var commands: [CommandPreview]
        /// From entering to leaving it.
        package var best: Milliseconds
        package var worst: Milliseconds
    }

    package enum TargetPreview: Hashable, Sendable {
        case nodes([NodeName])
        /// Only a probe can tell; at most so many.
        case computed(expression: String, atMost: Int)

        package var most: Int {
            switch self {
            case .nodes(let nodes): nodes.count
            case .computed(_, let most): most
            }
        }
    }

    package struct CommandPreview: Hashable, Sendable {
        package var target: NodeName?
        package var command: Act.Command
    }

    private let context: RunContext
    private let plan: Plan
    package private(set) var steps: [Step] = []
    /// Of the main list; the lists at the end of a run come on top.
    package private(set) var worst = Milliseconds.zero
    private var worstAtTheEnd = Milliseconds.zero
    /// The step that takes the largest part of it.
    package private(set) var dominating: StepName?

    package init(of binding: RunBinding) {
        var context = RunContext(binding: binding)
        context.resolveSelections()
        self.context = context
        self.plan = binding.plan
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
            let index = self.steps.count
            self.steps.append(
                Step(
                    state: state,
                    depth: depth,
                    targets: targets,
                    commands: self.commands(of: state, targets),
                    best: .zero,
                    worst: .zero
                )
            )
            var (best, worst) = self.times(of: state, targets)
            if case .forEach(let loop) = state.action {
                let body = self.add(loop.body, depth: depth + 1)
                let most = targets?.most ?? 0
                let rounds =
                    (most + max(loop.serial.resolved(of: most), 1) - 1) / max(loop.serial.resolved(of: most), 1)
                worst = (body.worst + loop.pause) * rounds
                best = .zero
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
        case .approve, .notify, .choose, .set, .pause, .finish: nil
        }
    }

    private func nodes(_ expression: Expression, _ expected: ClosedRange<Int>?) -> TargetPreview {
        let knownRoots = self.plan.selections.map(\.name) + ["parameters", "cluster"]
        let isStatic =
            expression.reads.isEmpty
            && expression.cel.referencedPaths.allSatisfy { knownRoots.contains($0.root) }
        if isStatic, case .list(let elements) = self.context.evaluate(expression) {
            return .nodes(elements.flatMap { NodeValue.names(in: $0) })
        }
        // An expression in brackets with one name is one node.
        let isSingle =
            expression.text.hasPrefix("[") && !expression.text.contains(",") && !expression.text.contains("+")
        let most = isSingle ? 1 : self.context.binding.inventory.nodes.count
        return .computed(expression: expression.text, atMost: min(most, expected?.upperBound ?? most))
    }

    private func commands(of state: PlanState, _ targets: TargetPreview?) -> [CommandPreview] {
        guard case .run(let action) = state.action else {
            return []
        }
        let nodes: [NodeName?] =
            switch targets {
            case .nodes(let nodes): nodes
            case .computed: []
            case nil: [nil]
            }
        return nodes.compactMap { node in
            guard case .command(let command, _) = ActRendering.render(action, on: node, self.context) else {
                return nil
            }
            return CommandPreview(target: node, command: command)
        }
    }

    // MARK: Time

    /// How long a target's command may be given to end once its time is up.
    private static let stopping = Milliseconds.seconds(15)

    private func times(of state: PlanState, _ targets: TargetPreview?) -> (best: Milliseconds, worst: Milliseconds) {
        switch state.action {
        case .probe(let action): return (.zero, action.timeout)
        case .wait(let action):
            let least = action.every * (action.consecutive - 1)
            return (least, action.timeout + action.probeTimeout)
        case .approve(let action): return (.zero, action.timeout)
        case .pause(let length):
            guard case .duration(let duration) = self.context.evaluate(length) else {
                return (.zero, .zero)
            }
            let span = Milliseconds(nanoseconds: duration.nanoseconds)
            return (span, span)
        case .run(let action):
            let count = max(targets?.most ?? 1, 1)
            let size = max(action.batch.size.resolved(of: count), 1)
            let batches = (count + size - 1) / size
            let pauses = action.batch.pause * (batches - 1)
            let attempts = state.retry?.attempts ?? 1
            let waits = (1..<max(attempts, 1)).reduce(Milliseconds.zero) { sum, number in
                sum + (state.retry?.wait(before: number + 1) ?? .zero)
            }
            let proof = action.verify == nil ? Milliseconds.zero : action.timeout
            let one = (action.timeout + Self.stopping + proof) * attempts + waits
            return (pauses, one * batches + pauses)
        case .notify: return (.zero, .seconds(30))
        case .choose, .set, .finish, .forEach: return (.zero, .zero)
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
