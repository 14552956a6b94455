// Selfheal
// SPDX-License-Identifier: Apache-2.0

import CELExpressions
package import RunPlan
import RunVocabulary

/// Which parts of a run's memory can still decide something.
///
/// Worked out once from the plan: what a later condition, target or command reads is told apart, the rest is not. The texts of
/// messages decide nothing. A field counts as read when its name stands anywhere in a deciding expression, which is more than is read
/// and never less. (Two whole results that are compared with `==` would be compared by all their fields; nodes, which are compared,
/// have an identity.)
package struct PlanRelevance: Sendable {
    struct Names: Hashable, Sendable {
        var steps: [StepName] = []
        var variables: [String] = []
    }

    private var live: [StateID: Names] = [:]
    private(set) var liveAtTheEnd = Names()
    private(set) var liveAnywhere = Names()
    private(set) var readsReason = false
    private(set) var readsElapsed = false
    private(set) var readsStaleFacts = false
    /// Whether what was known of a node when a result came in is read from the result.
    private(set) var readsTargetFacts = false
    /// What `quorum` and `best` read besides.
    private var fields: Set<String> = ["voter", "epoch", "zxid"]
    private var regionsEnteredAgain: Set<RegionID> = []

    package init(of plan: Plan) {
        var reads: [StateID: Reads] = [:]
        for (id, state) in plan.states {
            reads[id] = self.reads(of: state, in: plan)
            if state.destinations.contains(where: { $0 <= id.index }) {
                self.regionsEnteredAgain.insert(id.region)
            }
        }
        let atTheEnd = [plan.onFailure, plan.finally].compactMap { $0 }.map { Self.all(in: $0, plan, reads) }
        var end = Reads()
        for part in atTheEnd {
            end.join(part)
        }
        self.liveAtTheEnd = end.names(in: plan)
        self.addLive(in: Plan.main, after: end, plan, reads)
        for region in [plan.onFailure, plan.finally].compactMap({ $0 }) {
            self.addLive(in: region, after: end, plan, reads)
        }
        var everything = Reads()
        for part in reads.values {
            everything.join(part)
        }
        self.liveAnywhere = everything.names(in: plan)
    }

    func live(at state: StateID) -> Names {
        self.live[state] ?? self.liveAnywhere
    }

    func isRead(field name: String) -> Bool {
        self.fields.contains(name)
    }

    /// Whether a state of the region can be come to again, so that its count of visits matters.
    func isEnteredAgain(_ region: RegionID) -> Bool {
        self.regionsEnteredAgain.contains(region)
    }

    // MARK: What is read

    /// The roots that expressions read, and of `steps` which.
    private struct Reads {
        var steps: Set<String> = []
        var roots: Set<String> = []

        mutating func join(_ other: Self) {
            self.steps.formUnion(other.steps)
            self.roots.formUnion(other.roots)
        }

        func names(in plan: Plan) -> Names {
            // `steps` without a name after it reads them all.
            let steps = self.steps.contains("") ? plan.states.map(\.state.step) : self.steps.map { StepName($0) }
            return Names(steps: Set(steps).sorted(), variables: self.roots.sorted())
        }
    }

    private mutating func reads(of state: PlanState, in plan: Plan) -> Reads {
        var reads = Reads()
        for expression in [state.when, state.require].compactMap({ $0 }) + state.action.decidingExpressions {
            self.add(expression.cel, to: &reads)
        }
        for template in state.action.decidingTemplates {
            for interpolation in template.cel.interpolations {
                self.add(interpolation.expression, to: &reads)
            }
        }
        if case .run(let action) = state.action, let verify = action.verify, !verify.expect.reads.isEmpty {
            self.readsStaleFacts = true
        }
        return reads
    }

    private mutating func add(_ expression: CELExpression, to reads: inout Reads) {
        for reference in expression.referencedPaths {
            reads.roots.insert(reference.root)
            if reference.root == "steps" {
                reads.steps.insert(reference.path.count > 1 ? reference.path[1] : "")
            }
            if reference.root == "run", reference.path.count > 1 {
                self.readsReason = self.readsReason || ["reason", "step"].contains(reference.path[1])
                self.readsElapsed = self.readsElapsed || reference.path[1] == "elapsed"
            }
        }
        let words = expression.text.split { !($0.isLetter || $0.isNumber || $0 == "_" || $0 == ".") }
        for word in words {
            let parts = word.split(separator: ".").map { String($0) }
            self.fields.formUnion(parts)
            for (part, next) in zip(parts, parts.dropFirst())
            where part == "target" && (ResultTypes.observedFieldNames.contains(next) || next == "observed_at") {
                self.readsTargetFacts = true
            }
        }
    }

    // MARK: What is read later

    private static func all(in region: RegionID, _ plan: Plan, _ reads: [StateID: Reads]) -> Reads {
        var all = Reads()
        for (index, state) in plan[region].states.enumerated() {
            all.join(reads[StateID(region: region, index: index)] ?? Reads())
            for inner in state.action.bodies {
                all.join(self.all(in: inner, plan, reads))
            }
        }
        return all
    }

    private mutating func addLive(in region: RegionID, after: Reads, _ plan: Plan, _ reads: [StateID: Reads]) {
        let states = plan[region].states
        for start in states.indices {
            var live = after
            var reached: Set<Int> = []
            var waiting = [start]
            while let index = waiting.popLast() {
                guard reached.insert(index).inserted else {
                    continue
                }
                live.join(reads[StateID(region: region, index: index)] ?? Reads())
                for body in states[index].action.bodies {
                    live.join(Self.all(in: body, plan, reads))
                }
                waiting += states[index].destinations
            }
            self.live[StateID(region: region, index: start)] = live.names(in: plan)
            for body in states[start].action.bodies {
                self.addLive(in: body, after: live, plan, reads)
            }
        }
    }
}

extension PlanAction {
    /// The regions inside it.
    var bodies: [RegionID] {
        switch self {
        case .forEach, .parallel, .call: self.regions
        case .probe, .wait, .run, .request, .approve, .notify, .choose, .set, .pause, .finish: []
        }
    }

    /// Every expression whose value decides what is done.
    fileprivate var decidingExpressions: [Expression] {
        switch self {
        case .wait(let action): self.preparedExpressions + [action.until]
        case .run(let action): self.preparedExpressions + (action.verify.map { [$0.expect] } ?? [])
        case .request(let action): self.preparedExpressions + (action.verify.map { [$0.expect] } ?? [])
        case .probe, .approve, .notify, .choose, .parallel, .forEach, .call, .set, .pause, .finish:
            self.preparedExpressions
        }
    }

    /// The templates that become part of a command or of a probe.
    fileprivate var decidingTemplates: [Template] {
        switch self {
        case .probe(let action): action.probe.templates
        case .wait(let action): action.probe.templates
        case .run(let action):
            action.command.templates + (action.verify?.probe.templates ?? [])
        case .request(let action):
            [action.url] + action.headers.map(\.value) + (action.body.map { [$0] } ?? [])
                + (action.verify?.probe.templates ?? [])
        case .approve, .notify, .choose, .parallel, .forEach, .call, .set, .pause, .finish: []
        }
    }
}

extension CommandSpecification {
    fileprivate var templates: [Template] {
        switch self {
        case .service: []
        case .command(let words): words
        case .script(_, let environment): environment.map(\.value)
        }
    }
}

extension ProbeSpecification {
    fileprivate var templates: [Template] {
        switch self {
        case .tcp, .zookeeper, .kafka: []
        case .http(let question): [question.url, question.path].compactMap { $0 }
        case .tls(let question): question.texts
        case .prometheus(let question): question.texts
        case .dns(let question): question.texts
        case .jmx(let question): question.texts
        case .ssh(let command): command
        }
    }
}

extension PlanState {
    /// The states of its region that it can lead to.
    var destinations: [Int] {
        var all: [Destination] = [self.routes.failed, self.routes.timedOut, self.routes.refused]
        all += self.routes.inDoubt.map { [$0] } ?? []
        switch self.action {
        case .choose(let action):
            all += action.branches.map(\.next) + [action.otherwise] + (action.ifUnknown.map { [$0] } ?? [])
        case .finish: break
        case .probe, .wait, .run, .request, .approve, .notify, .parallel, .forEach, .call, .set, .pause:
            all.append(self.routes.succeeded)
        }
        // A 'when' that does not hold goes on as if the step had succeeded, whatever the step is.
        if self.when != nil {
            all.append(self.routes.succeeded)
        }
        return all.compactMap { if case .state(let index) = $0 { index } else { nil } }
    }
}
