// Selfheal
// SPDX-License-Identifier: Apache-2.0

import CELExpressions
import RunPlan
import RunVocabulary

/// Carries one step from its guard to its outcome.
///
/// ```
///     enter ─▶ guarding ─▶ preparing ─▶ working ─▶ completion
///                 │            │           │
///                 └ skipped,   └ refused   └ deadline or cancel: stopping ─▶ completion
///                   refused
/// ```
///
/// *Guarding* and *preparing* wait for facts that `when`, targets and conditions read; they are passed through without an event
/// when the facts are fresh. What *working* means depends on the verb.
struct StepMachine: Hashable, Sendable {
    enum Phase: Hashable, Sendable {
        /// Waits for the facts that `when` reads.
        case guarding(RequestID)
        /// Waits for the facts that the verb's own expressions read.
        case preparing(RequestID)
        case probing(RequestID, ProbeOrder)
        case watching(WatchMachine)
        case commanding(CommandMachine)
        case asking(ApprovalGate)
        case telling(Notice)
        case pausing(until: Instant)
        case looping(LoopMachine)
        case branching(ParallelMachine)
        case calling(CallMachine)
        case over
    }

    let key: StepKey
    let state: StateID
    private let enteredAt: Instant
    var phase: Phase = .over
    /// The timeout and the pause, where they are worked out when the step begins.
    private(set) var timeout: Milliseconds?
    private(set) var pause: Milliseconds?
    /// Why the step is being stopped before its end; decides its outcome once nothing is in flight.
    private var stopping: StepCompletion?

    var isStopping: Bool {
        self.stopping != nil
    }

    init(key: StepKey, state: StateID, enteredAt: Instant) {
        self.key = key
        self.state = state
        self.enteredAt = enteredAt
    }

    // MARK: Entry and exit

    mutating func enter(_ context: inout RunContext) -> StepCompletion? {
        let state = context.plan[self.state]
        guard let guardExpression = state.when else {
            return self.prepare(&context)
        }
        let stale = context.staleNodes(for: guardExpression)
        guard stale.isEmpty else {
            self.phase = .guarding(self.observe(stale, &context))
            return nil
        }
        return self.passGuard(&context)
    }

    mutating func handle(_ event: RunEvent, _ context: inout RunContext) -> StepCompletion? {
        if case .clockReached = event, self.stopping == nil, let deadline = self.deadline(context),
            context.now >= deadline
        {
            return self.stop(as: .timedOut, reason: "its deadline passed", &context)
        }
        switch (self.phase, event) {
        case (.guarding(let request), .observed(let answered, let reports, _)) where request == answered:
            return context.observe(reports, answering: request) ? self.passGuard(&context) : self.enter(&context)
        case (.preparing(let request), .observed(let answered, let reports, _)) where request == answered:
            return context.observe(reports, answering: request) ? self.work(&context) : self.prepare(&context)
        case (.probing(let request, let order), .probed(let answered, let reports, _)) where request == answered:
            return self.finishProbe(order, reports, context)
        case (.telling(let notice), .told(let id, let deliveries, _)) where notice.id == id:
            return self.finishTelling(deliveries)
        case (.pausing(let until), .clockReached):
            return context.now >= until ? StepCompletion(.succeeded) : nil
        case (.asking, .voted(let step, let vote, _)) where step == self.key:
            return self.count(vote, &context)
        case (.asking(let gate), .clockReached):
            return context.now >= gate.gate.deadline ? self.closeGate(.silence, &context) : nil
        default:
            return self.moveNested(.handle(event), &context)
        }
    }

    /// A step that is being stopped ends for the reason it is stopped for, unless something is left in doubt.
    func adjusted(_ completion: StepCompletion?) -> StepCompletion? {
        guard var completion, let stopping, completion.outcome != .inDoubt else {
            return completion
        }
        completion.outcome = stopping.outcome
        completion.reason = stopping.reason
        completion.finish = nil
        return completion
    }

    /// Ends the step early; returns nothing while commands have to be stopped first.
    mutating func stop(as outcome: Outcome, reason: String, _ context: inout RunContext) -> StepCompletion? {
        let completion = StepCompletion(outcome, reason: reason)
        guard self.stopping == nil else {
            // A cancel that comes while a deadline is being enforced is the stronger word.
            self.stopping = outcome == .cancelled ? completion : self.stopping
            return nil
        }
        self.stopping = completion
        switch self.phase {
        case .asking:
            context.ask(for: .closeGate(self.key))
            return completion
        case .commanding, .looping, .branching, .calling:
            return self.moveNested(.stop, &context)
        case .guarding, .preparing, .probing, .watching, .telling, .pausing, .over:
            return completion
        }
    }

    /// Says that the step is being stopped, before ``resume(_:)`` acts upon it.
    mutating func markStopping(as outcome: Outcome, reason: String, _ context: RunContext) {
        self.stopping = self.stopping ?? StepCompletion(outcome, reason: reason)
        self.markNestedStopping(context)
    }

    /// Asks again for everything that was open, unless the step's deadline passed while no engine was there.
    mutating func resume(_ context: inout RunContext) -> StepCompletion? {
        if self.stopping == nil, let deadline = self.deadline(context), context.now >= deadline {
            self.markStopping(as: .timedOut, reason: "its deadline passed", context)
        }
        let state = context.plan[self.state]
        switch self.phase {
        case .asking(let gate) where self.stopping == nil && context.now >= gate.gate.deadline:
            return self.closeGate(.silence, &context)
        case .asking where self.stopping != nil:
            context.ask(for: .closeGate(self.key))
            return self.stopping
        case .guarding, .preparing, .probing, .telling, .pausing, .watching:
            if let stopping {
                return stopping
            }
        case .asking, .commanding, .looping, .branching, .calling, .over: break
        }
        switch self.phase {
        case .guarding(let request):
            self.ask(again: request, for: state.when.map { [$0] } ?? [], &context)
        case .preparing(let request):
            self.ask(again: request, for: self.preparedExpressions(context), &context)
        case .probing(let request, let order): context.ask(for: .probe(request, order))
        case .asking(let gate): context.ask(for: .openGate(gate.gate))
        case .telling(let notice): context.ask(for: .tell(notice))
        case .pausing, .over: break
        case .watching, .commanding, .looping, .branching, .calling: return self.moveNested(.resume, &context)
        }
        return nil
    }

    private func ask(again request: RequestID, for expressions: [Expression], _ context: inout RunContext) {
        var nodes: [NodeName] = []
        for node in expressions.flatMap({ context.staleNodes(for: $0) }) where !nodes.contains(node) {
            nodes.append(node)
        }
        context.ask(for: .observe(request, nodes: nodes.sorted()))
    }

    /// When a clock event is due, or nothing.
    var wakeAt: Instant? {
        switch self.phase {
        case .guarding, .preparing, .probing, .telling, .over: nil
        case .watching(let watch): watch.wakeAt
        case .commanding(let command): command.wakeAt
        case .asking(let gate): gate.gate.deadline
        case .pausing(let until): until
        case .looping(let loop): loop.wakeAt
        case .branching(let parallel): parallel.wakeAt
        case .calling(let call): call.wakeAt
        }
    }

    func deadline(_ context: RunContext) -> Instant? {
        context.plan[self.state].deadline.map { self.enteredAt + $0 }
    }

    func visit(_ body: (StepMachine) -> Void) {
        body(self)
        switch self.phase {
        case .looping(let loop): loop.visit(body)
        case .branching(let parallel): parallel.visit(body)
        case .calling(let call): call.visit(body)
        case .guarding, .preparing, .probing, .watching, .commanding, .asking, .telling, .pausing, .over: break
        }
    }

    /// The step's own deadline, as long as it is still to be enforced.
    func pendingDeadline(_ context: RunContext) -> Instant? {
        self.isStopping ? nil : self.deadline(context)
    }

    // MARK: Guarding and preparing

    private func observe(_ nodes: [NodeName], _ context: inout RunContext) -> RequestID {
        let request = context.nextRequest()
        context.ask(for: .observe(request, nodes: nodes))
        return request
    }

    private mutating func passGuard(_ context: inout RunContext) -> StepCompletion? {
        guard let guardExpression = context.plan[self.state].when else {
            return self.prepare(&context)
        }
        switch context.verdict(on: guardExpression) {
        case .holds: return self.prepare(&context)
        case .fails: return StepCompletion(.skipped, reason: "'\(guardExpression.text)' does not hold")
        case .unknown(let reason):
            return StepCompletion(.refused, reason: "'\(guardExpression.text)' cannot be told: \(reason)")
        }
    }

    /// What decides when the step begins; at a gate it is what the steps behind it would touch.
    private func preparedExpressions(_ context: RunContext) -> [Expression] {
        let state = context.plan[self.state]
        guard case .approve = state.action else {
            return state.preparedExpressions
        }
        return state.preparedExpressions + GateReach(of: self.state, in: context.plan).expressions()
    }

    private mutating func prepare(_ context: inout RunContext) -> StepCompletion? {
        var stale: [NodeName] = []
        for expression in self.preparedExpressions(context) {
            for node in context.staleNodes(for: expression) where !stale.contains(node) {
                stale.append(node)
            }
        }
        guard stale.isEmpty else {
            self.phase = .preparing(self.observe(stale.sorted(), &context))
            return nil
        }
        return self.work(&context)
    }

    private mutating func work(_ context: inout RunContext) -> StepCompletion? {
        let state = context.plan[self.state]
        for (expression, place) in [(state.timeout, \Self.timeout), (state.pause, \Self.pause)] {
            guard let expression else {
                continue
            }
            guard case .duration(let length) = context.evaluate(expression), length.nanoseconds > 0 else {
                return StepCompletion(.refused, reason: "'\(expression.text)' is no known duration above zero")
            }
            self[keyPath: place] = Milliseconds(nanoseconds: length.nanoseconds)
        }
        switch state.action {
        case .probe(let action): return self.begin(action, &context)
        case .wait(let action): return self.begin(action, &context)
        case .run(let action): return self.begin(action, &context)
        case .request: return self.beginRequest(&context)
        case .approve(let action): return self.begin(action, state, &context)
        case .notify(let action): return self.begin(action, &context)
        case .choose(let action): return self.choose(action, &context)
        case .forEach(let action): return self.begin(action, &context)
        case .parallel(let action): return self.begin(action, &context)
        case .call(let action): return self.begin(action, &context)
        case .set(let values): return self.set(values, context)
        case .pause(let length): return self.begin(pause: length, context)
        case .finish(let outcome, let message):
            var completion = StepCompletion(.succeeded, reason: message.map { context.text(of: $0) })
            completion.finish = outcome
            return completion
        }
    }
}
