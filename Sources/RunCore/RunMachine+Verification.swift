// Selfheal
// SPDX-License-Identifier: Apache-2.0

import CELExpressions
package import RunPlan
package import RunVocabulary

/// What the verifier asks a run: nothing here changes it.
extension RunMachine {
    /// What tells this run apart from every other that could go on differently; see ``PlanRelevance``.
    package func fingerprint(_ view: PlanRelevance) -> StateFingerprint {
        var fingerprint = StateFingerprint()
        self.mixState(into: &fingerprint, view)
        return fingerprint
    }

    /// The moments that the run waits for by itself.
    package struct Clocks: Hashable, Sendable {
        /// What comes next when nothing else does, earliest first: a look, a retry, the end of a pause or of a gate.
        package var timers: [Instant] = []
        /// When waits and proofs give up, while they rest between two looks.
        package var limits: [Instant] = []
        /// Deadlines of steps under way, outermost first.
        package var deadlines: [Deadline] = []
    }

    package struct Deadline: Hashable, Sendable {
        /// Nothing for the run's own.
        package var step: StepKey?
        package var at: Instant
    }

    package var clocks: Clocks {
        var clocks = Clocks()
        if let deadline = self.openRunDeadline {
            clocks.deadlines.append(Deadline(step: nil, at: deadline))
        }
        self.eachStep { step in
            clocks.timers += step.ownTimers
            clocks.limits += step.limits
            if let deadline = step.calledDeadline {
                clocks.deadlines.append(Deadline(step: step.key, at: deadline))
            }
            if let deadline = step.pendingDeadline(self.knowledge) {
                clocks.deadlines.append(Deadline(step: step.key, at: deadline))
            }
        }
        clocks.timers = Set(clocks.timers).sorted()
        clocks.limits = Set(clocks.limits).sorted()
        return clocks
    }

    package enum Evidence: Hashable, Sendable {
        case holds
        case fails
        case unknown(reason: String)
    }

    /// What the run knew about a condition on nodes when it asked for its last act; what it saw too long ago it does not know.
    package func evidence(for condition: Expression) -> Evidence {
        let stale = self.knowledge.nodesStaleAtLastAct(for: condition)
        guard stale.isEmpty else {
            let nodes = stale.map(\.text).joined(separator: ", ")
            return .unknown(
                reason: "\(nodes) \(stale.count == 1 ? "was" : "were") not looked at since something changed"
            )
        }
        return Evidence(self.knowledge.verdict(on: condition))
    }

    /// The same condition, if one saw the nodes as in these reports.
    package func verdict(on condition: Expression, seeing reports: [ProbeReport]) -> Evidence {
        var context = self.knowledge
        context.observe(reports)
        return Evidence(context.verdict(on: condition))
    }

    /// What the run knew of a node when it asked for its last act, and was fresh enough to decide upon.
    package func freshFacts(of node: NodeName) -> [String: Fact]? {
        self.knowledge.wasStaleAtLastAct(node) ? nil : self.knowledge.observation(of: node)?.facts
    }

    /// The nodes of a selection, once the run has started.
    package func nodes(selectedBy name: String) -> [NodeName] {
        self.knowledge.nodes(selectedBy: name)
    }
}

extension RunMachine.Evidence {
    init(_ verdict: Verdict) {
        switch verdict {
        case .holds: self = .holds
        case .fails: self = .fails
        case .unknown(let reason): self = .unknown(reason: reason)
        }
    }
}

extension StepMachine {
    /// Timers of this step, without those of the steps inside it.
    fileprivate var ownTimers: [Instant] {
        switch self.phase {
        case .guarding, .preparing, .probing, .telling, .over: []
        case .watching(let watch): watch.wakeAt.map { [$0] } ?? []
        case .commanding(let command): command.wakeUps
        case .asking(let gate): [gate.gate.deadline]
        case .pausing(let until): [until]
        case .looping(let loop): loop.restsUntil.map { [$0] } ?? []
        case .branching, .calling: []
        }
    }

    fileprivate var calledDeadline: Instant? {
        if case .calling(let call) = self.phase { call.openDeadline } else { nil }
    }

    fileprivate var limits: [Instant] {
        switch self.phase {
        case .watching(let watch): watch.givesUpAt.map { [$0] } ?? []
        case .commanding(let command): command.givesUpAt
        case .guarding, .preparing, .probing, .telling, .asking, .pausing, .looping, .branching, .calling, .over: []
        }
    }

    /// When the step was entered is left out: deadlines may pass at any time.
    func mix(into fingerprint: inout StateFingerprint, _ view: PlanRelevance, _ context: RunContext) {
        fingerprint.mix(self.key.text)
        fingerprint.mix(UInt64(self.state.region.index) << 32 | UInt64(self.state.index))
        fingerprint.mix(self.isStopping)
        switch self.phase {
        case .guarding: fingerprint.mix(1)
        case .preparing: fingerprint.mix(2)
        case .probing(_, let order):
            fingerprint.mix(3)
            fingerprint.mix(order)
        case .watching(let watch):
            fingerprint.mix(4)
            watch.mix(into: &fingerprint, view)
        case .commanding(let command):
            fingerprint.mix(5)
            command.mix(into: &fingerprint)
        case .asking(let gate):
            fingerprint.mix(6)
            for person in gate.grantedBy {
                fingerprint.mix(person.text)
            }
        case .telling: fingerprint.mix(7)
        case .pausing: fingerprint.mix(8)
        case .looping(let loop):
            fingerprint.mix(9)
            loop.mix(into: &fingerprint, view, context)
        case .over: fingerprint.mix(10)
        case .branching(let branches):
            fingerprint.mix(11)
            branches.mix(into: &fingerprint, view, context)
        case .calling(let call):
            fingerprint.mix(12)
            call.mix(into: &fingerprint, view, context)
        }
    }
}
