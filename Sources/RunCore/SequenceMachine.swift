// Selfheal
// SPDX-License-Identifier: Apache-2.0

import CELExpressions
import RunPlan
import RunVocabulary

/// Walks the states of one region: the main steps, one iteration of a loop, a branch, `on_failure`, `finally` or an undo.
///
/// ```
///     enter ──▶ step ──outcome──▶ next step … ──▶ ended(completed)
///                 │ finish                        ended(finished)
///                 │ an outcome without a route    ended(failed)
///                 └ cancel                        ended(cancelled)
/// ```
struct SequenceMachine: Hashable, Sendable {
    enum Ending: Hashable, Sendable {
        case completed
        case finished(RunOutcome, reason: String)
        case failed(StepKey, Outcome, reason: String)
        case cancelled
    }

    private let region: RegionID
    /// What the keys of its steps begin with.
    private let prefix: String
    /// What its step is called in place of its own name, where that would not tell it from others.
    private let name: String?
    private var scope: Scope
    private var visits: [Int: Int] = [:]
    private var step: StepMachine?
    /// No further step is entered.
    private var isCancelling = false

    init(
        region: RegionID,
        prefix: String = "",
        name: String? = nil,
        variables: [String: CELValue] = [:],
        width: Int = 1
    ) {
        self.region = region
        self.prefix = prefix
        self.name = name
        self.scope = Scope(variables: variables, width: width)
    }

    /// What its steps left behind, for the scopes of regions that come after it.
    var finalScope: Scope {
        self.scope
    }

    mutating func make(_ move: RunbookMachine.Move, _ context: inout RunContext) -> Ending? {
        switch move {
        case .enter: return self.enter(&context)
        case .handle(let event): return self.handle(event, &context)
        case .cancel: return self.cancel(&context)
        case .resume(let isOverdue):
            if isOverdue {
                self.markCancelling(context)
            }
            return self.resume(&context)
        }
    }

    mutating func enter(_ context: inout RunContext) -> Ending? {
        self.inScope(&context) { machine, context in
            machine.go(to: context.plan[machine.region].states.isEmpty ? .end : .state(0), from: nil, &context)
        }
    }

    mutating func handle(_ event: RunEvent, _ context: inout RunContext) -> Ending? {
        self.inScope(&context) { machine, context in
            machine.follow(machine.step?.handle(event, &context), &context)
        }
    }

    /// Asks again for everything that was open when the engine before this one ended.
    mutating func resume(_ context: inout RunContext) -> Ending? {
        self.inScope(&context) { machine, context in
            machine.follow(machine.step?.resume(&context), &context)
        }
    }

    /// Says that the sequence is being cancelled, before ``resume(_:)`` acts upon it.
    mutating func markCancelling(_ context: RunContext) {
        self.isCancelling = true
        self.step?.markStopping(as: .cancelled, reason: "cancelled", context)
    }

    mutating func cancel(_ context: inout RunContext) -> Ending? {
        self.isCancelling = true
        return self.inScope(&context) { machine, context in
            guard let completion = machine.step?.stop(as: .cancelled, reason: "cancelled", &context) else {
                return machine.step == nil ? .cancelled : nil
            }
            return machine.follow(completion, &context)
        }
    }

    var wakeAt: Instant? {
        self.step?.wakeAt
    }

    func visit(_ body: (StepMachine) -> Void) {
        self.step?.visit(body)
    }

    private mutating func inScope(
        _ context: inout RunContext,
        _ body: (inout Self, inout RunContext) -> Ending?
    ) -> Ending? {
        context.scopes.append(Scope())
        swap(&context.scopes[context.scopes.count - 1], &self.scope)
        let ending = body(&self, &context)
        swap(&context.scopes[context.scopes.count - 1], &self.scope)
        context.scopes.removeLast()
        return ending
    }

    private mutating func follow(_ completion: StepCompletion?, _ context: inout RunContext) -> Ending? {
        var completion = completion
        while let done = completion {
            guard let step = self.step else {
                return nil
            }
            self.step = nil
            let state = context.plan[step.state]
            self.record(done, of: state, in: &context)
            self.remember(done, of: step, state, in: &context)
            context.note(.left(step.key, done.outcome, reason: done.reason))
            if let finish = done.finish {
                return .finished(finish, reason: done.reason ?? "")
            }
            if done.outcome == .cancelled || self.isCancelling {
                let isInDoubt = done.outcome == .inDoubt
                return isInDoubt ? .failed(step.key, .inDoubt, reason: done.reason ?? "") : .cancelled
            }
            let destination = done.next ?? state.routes.destination(of: done.outcome)
            if done.outcome != .succeeded, done.outcome != .skipped, !self.isHarmless(destination, after: state) {
                context.failedStep = step.key.text
                context.reason = done.reason ?? done.outcome.rawValue
            }
            switch self.enterState(destination, from: (step.key, done), &context) {
            case .left(let next): completion = next
            case .right(let ending): return ending
            }
        }
        return nil
    }

    /// A notice that was not delivered keeps nothing from going on, so it must not hide why the run is where it is.
    private func isHarmless(_ destination: Destination, after state: PlanState) -> Bool {
        if case .notify = state.action { destination == state.routes.succeeded } else { false }
    }

    private mutating func go(
        to destination: Destination,
        from source: (StepKey, StepCompletion)?,
        _ context: inout RunContext
    ) -> Ending? {
        switch self.enterState(destination, from: source, &context) {
        case .left(let completion): self.follow(completion, &context)
        case .right(let ending): ending
        }
    }

    private enum Entered {
        case left(StepCompletion?)
        case right(Ending)
    }

    private mutating func enterState(
        _ destination: Destination,
        from source: (key: StepKey, completion: StepCompletion)?,
        _ context: inout RunContext
    ) -> Entered {
        switch destination {
        case .end: return .right(.completed)
        case .fail:
            let key = source?.key ?? StepKey("")
            let completion = source?.completion
            return .right(
                .failed(key, completion?.outcome ?? .failed, reason: completion?.reason ?? "it did not succeed")
            )
        case .state(let index):
            let id = StateID(region: self.region, index: index)
            let state = context.plan[id]
            let visit = (self.visits[index] ?? 0) + 1
            self.visits[index] = visit
            let name = self.prefix + (self.name ?? state.step.text)
            let key = StepKey(visit == 1 ? name : "\(name)#\(visit)")
            guard visit <= state.maxVisits else {
                let times = state.maxVisits == 1 ? "once" : "\(state.maxVisits) times"
                let reason = "it was entered \(times), which is its max_visits"
                context.failedStep = key.text
                context.reason = reason
                return .right(.failed(key, .failed, reason: reason))
            }
            var step = StepMachine(key: key, state: id, enteredAt: context.now)
            context.note(.entered(key, verb: state.action.verb, title: state.title))
            let completion = step.enter(&context)
            self.step = step
            return .left(completion)
        }
    }

    private func record(_ completion: StepCompletion, of state: PlanState, in context: inout RunContext) {
        let last = context.scopes.count - 1
        let isSingle = if case .request = state.action { true } else { false }
        context.scopes[last].records[state.step] = StepRecord(
            outcome: completion.outcome,
            runOutcome: completion.runOutcome,
            results: completion.results,
            items: completion.items,
            branches: completion.branches,
            isSingle: isSingle
        )
        for (name, value) in completion.values {
            context.scopes[last].variables[name] = value
        }
    }
}

/// How a step came out, with what it leaves to the steps after it.
struct StepCompletion: Hashable, Sendable {
    var outcome: Outcome
    var reason: String?
    var results: [CELValue] = []
    var items: [CELValue] = []
    var branches: [BranchRecord] = []
    var values: [String: CELValue] = [:]
    /// How the runbook that was called came out.
    var runOutcome: RunOutcome?
    /// Where `choose` leads, instead of the state's routes.
    var next: Destination?
    var finish: RunOutcome?

    init(_ outcome: Outcome, reason: String? = nil) {
        self.outcome = outcome
        self.reason = reason
    }
}

// MARK: - What the verifier reads

extension SequenceMachine {
    func mix(
        into fingerprint: inout StateFingerprint,
        _ view: PlanRelevance,
        _ context: RunContext,
        isOutermost: Bool
    ) {
        fingerprint.mix(UInt64(self.region.index))
        fingerprint.mix(self.prefix)
        fingerprint.mix(self.isCancelling)
        if view.isEnteredAgain(self.region) {
            for index in self.visits.keys.sorted() {
                fingerprint.mix(UInt64(index) << 32 | UInt64(self.visits[index] ?? 0))
            }
        }
        let live = self.step.map { view.live(at: $0.state) } ?? view.liveAnywhere
        self.scope.mix(into: &fingerprint, view, live: live)
        guard let step = self.step else {
            fingerprint.mix(0)
            return
        }
        step.mix(into: &fingerprint, view, context)
    }
}
