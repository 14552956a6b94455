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
        case over
    }

    let key: StepKey
    let state: StateID
    private let enteredAt: Instant
    private(set) var phase: Phase = .over
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
            return self.handleNested(event, &context)
        }
    }

    /// Hands an event to the machine inside: a watch, a command or a loop.
    private mutating func handleNested(_ event: RunEvent, _ context: inout RunContext) -> StepCompletion? {
        switch self.phase {
        case .watching(var watch):
            self.phase = .over
            let completion = watch.handle(event, self, &context)
            self.phase = .watching(watch)
            return completion
        case .commanding(var command):
            self.phase = .over
            let completion = command.handle(event, self, &context)
            self.phase = .commanding(command)
            return self.adjusted(completion)
        case .looping(var loop):
            self.phase = .over
            let completion = loop.handle(event, self, &context)
            self.phase = .looping(loop)
            return self.adjusted(completion)
        case .guarding, .preparing, .probing, .asking, .telling, .pausing, .over:
            return nil
        }
    }

    /// A step that is being stopped ends for the reason it is stopped for, unless something is left in doubt.
    private func adjusted(_ completion: StepCompletion?) -> StepCompletion? {
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
        case .commanding(var command):
            self.phase = .over
            let ended = command.stop(self, &context)
            self.phase = .commanding(command)
            return self.adjusted(ended)
        case .looping(var loop):
            self.phase = .over
            let ended = loop.stop(self, &context)
            self.phase = .looping(loop)
            return self.adjusted(ended)
        case .guarding, .preparing, .probing, .watching, .telling, .pausing, .over:
            return completion
        }
    }

    /// Says that the step is being stopped, before ``resume(_:)`` acts upon it.
    mutating func markStopping(as outcome: Outcome, reason: String, _ context: RunContext) {
        self.stopping = self.stopping ?? StepCompletion(outcome, reason: reason)
        switch self.phase {
        case .commanding(var command):
            command.markStopping()
            self.phase = .commanding(command)
        case .looping(var loop):
            loop.markStopping(context)
            self.phase = .looping(loop)
        case .guarding, .preparing, .probing, .watching, .asking, .telling, .pausing, .over: break
        }
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
        case .asking, .commanding, .looping, .over: break
        }
        switch self.phase {
        case .guarding(let request):
            self.ask(again: request, for: state.when.map { [$0] } ?? [], &context)
        case .preparing(let request):
            self.ask(again: request, for: state.action.preparedExpressions, &context)
        case .probing(let request, let order): context.ask(for: .probe(request, order))
        case .asking(let gate): context.ask(for: .openGate(gate.gate))
        case .telling(let notice): context.ask(for: .tell(notice))
        case .pausing, .over: break
        case .watching(var watch):
            watch.resume(&context)
            self.phase = .watching(watch)
        case .commanding(var command):
            self.phase = .over
            let completion = command.resume(self, &context)
            self.phase = .commanding(command)
            return self.adjusted(completion)
        case .looping(var loop):
            self.phase = .over
            let completion = loop.resume(self, &context)
            self.phase = .looping(loop)
            return self.adjusted(completion)
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
        }
    }

    func deadline(_ context: RunContext) -> Instant? {
        context.plan[self.state].deadline.map { self.enteredAt + $0 }
    }

    func visit(_ body: (StepMachine) -> Void) {
        body(self)
        if case .looping(let loop) = self.phase {
            loop.visit(body)
        }
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

    private mutating func prepare(_ context: inout RunContext) -> StepCompletion? {
        var stale: [NodeName] = []
        for expression in context.plan[self.state].action.preparedExpressions {
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
        switch state.action {
        case .probe(let action): return self.begin(action, state, &context)
        case .wait(let action): return self.begin(action, state, &context)
        case .run(let action): return self.begin(action, state, &context)
        case .approve(let action): return self.begin(action, state, &context)
        case .notify(let action): return self.begin(action, &context)
        case .choose(let action): return self.choose(action, &context)
        case .forEach(let action): return self.begin(action, &context)
        case .set(let values): return self.set(values, context)
        case .pause(let length): return self.begin(pause: length, context)
        case .finish(let outcome, let message):
            var completion = StepCompletion(.succeeded, reason: message.map { context.text(of: $0) })
            completion.finish = outcome
            return completion
        }
    }
}

// MARK: - Verbs without a machine of their own

extension StepMachine {
    private mutating func begin(
        _ action: ProbeAction,
        _ state: PlanState,
        _ context: inout RunContext
    ) -> StepCompletion? {
        switch Targeting.resolve(action.targets, context) {
        case .refused(let reason): return StepCompletion(.refused, reason: reason)
        case .nodes(let nodes):
            guard let order = ProbeOrder(action.probe, targets: nodes, timeout: action.timeout, context) else {
                return StepCompletion(.refused, reason: "a value in the probe cannot be told")
            }
            let request = context.nextRequest()
            self.phase = .probing(request, order)
            context.ask(for: .probe(request, order))
            return nil
        }
    }

    /// A probe has succeeded when every target gave an answer, whatever the answer is; an unanswered one is still a result.
    private func finishProbe(
        _ order: ProbeOrder,
        _ reports: [ProbeReport],
        _ context: RunContext
    ) -> StepCompletion? {
        guard case .probe(let action) = context.plan[self.state].action else {
            return nil
        }
        var completion = StepCompletion(.succeeded)
        completion.results = action.probe.results(from: reports, for: order.targets, context)
        return completion
    }

    private mutating func begin(
        _ action: WaitAction,
        _ state: PlanState,
        _ context: inout RunContext
    ) -> StepCompletion? {
        switch Targeting.resolve(action.targets, context) {
        case .refused(let reason): return StepCompletion(.refused, reason: reason)
        case .nodes(let nodes):
            guard let order = ProbeOrder(action.probe, targets: nodes, timeout: action.probeTimeout, context) else {
                return StepCompletion(.refused, reason: "a value in the probe cannot be told")
            }
            var watch = WatchMachine(order: order, until: context.now + action.timeout)
            watch.look(&context)
            self.phase = .watching(watch)
            return nil
        }
    }

    private mutating func begin(
        _ action: RunAction,
        _ state: PlanState,
        _ context: inout RunContext
    ) -> StepCompletion? {
        switch Targeting.resolve(action.targets, context) {
        case .refused(let reason): return StepCompletion(.refused, reason: reason)
        case .nodes(let nodes):
            var command = CommandMachine(targets: action.targets == nil ? [nil] : nodes, batch: action.batch)
            let completion = command.begin(self, &context)
            self.phase = .commanding(command)
            return completion
        }
    }

    private mutating func begin(
        _ action: ApproveAction,
        _ state: PlanState,
        _ context: inout RunContext
    ) -> StepCompletion? {
        let message = context.text(of: action.message)
        let gate = Gate(
            step: self.key,
            title: state.title ?? state.step.text,
            message: message,
            from: action.from,
            needed: action.needed,
            deadline: context.now + action.timeout,
            channels: action.channels,
            digest: context.approvalDigest(of: self.key, message: message)
        )
        self.phase = .asking(
            ApprovalGate(
                gate: gate,
                requester: context.binding.requestedBy,
                requesterMayApprove: context.binding.requesterMayApprove
            )
        )
        context.ask(for: .openGate(gate))
        return nil
    }

    private enum GateEnd {
        case granted(by: [PersonName])
        case denied(by: PersonName)
        case silence
    }

    private mutating func count(_ vote: Vote, _ context: inout RunContext) -> StepCompletion? {
        guard case .asking(var gate) = self.phase else {
            return nil
        }
        let answer = gate.handle(vote, at: context.now)
        self.phase = .asking(gate)
        switch answer {
        case .counted(let have):
            context.note(.voteCounted(self.key, vote, have: have, needed: gate.gate.needed))
            return nil
        case .ignored(let refusal):
            context.note(.ignored(.vote(self.key, vote.person, refusal)))
            return nil
        case .granted(let people):
            context.note(.voteCounted(self.key, vote, have: people.count, needed: gate.gate.needed))
            return self.closeGate(.granted(by: people), &context)
        case .denied(let person): return self.closeGate(.denied(by: person), &context)
        case .tooLate: return self.closeGate(.silence, &context)
        }
    }

    private func closeGate(_ end: GateEnd, _ context: inout RunContext) -> StepCompletion? {
        context.ask(for: .closeGate(self.key))
        switch end {
        case .granted(let people):
            let names = people.map(\.text).joined(separator: " and ")
            return StepCompletion(.succeeded, reason: "granted by \(names)")
        case .denied(let person): return StepCompletion(.refused, reason: "denied by \(person)")
        case .silence:
            guard case .approve(let action) = context.plan[self.state].action, case .asking(let gate) = self.phase
            else {
                return nil
            }
            let votes = "\(gate.grantedBy.count) of \(gate.gate.needed) approvals"
            let reason = "\(votes) when the time was up"
            return StepCompletion(action.onTimeout == .refused ? .refused : .timedOut, reason: reason)
        }
    }

    private mutating func begin(_ action: NotifyAction, _ context: inout RunContext) -> StepCompletion? {
        let notice = Notice(
            id: context.nextNotice(),
            step: self.key,
            channels: action.channels,
            severity: action.severity,
            message: context.text(of: action.message)
        )
        self.phase = .telling(notice)
        context.ask(for: .tell(notice))
        return nil
    }

    /// Told is told if one channel took it; a loss is recorded with its reason.
    private func finishTelling(_ deliveries: [Delivery]) -> StepCompletion {
        let failures = deliveries.compactMap { delivery in
            delivery.failure.map { "\(delivery.channel): \($0)" }
        }
        let reason = failures.isEmpty ? nil : failures.joined(separator: "; ")
        return StepCompletion(failures.count < deliveries.count ? .succeeded : .failed, reason: reason)
    }

    private func choose(_ action: ChooseAction, _ context: inout RunContext) -> StepCompletion {
        var completion = StepCompletion(.succeeded)
        for branch in action.branches {
            switch context.verdict(on: branch.when) {
            case .holds:
                completion.next = branch.next
                completion.reason = "'\(branch.when.text)' holds"
            case .fails: continue
            case .unknown(let reason):
                // Whatever comes after it may not be the first that holds.
                completion.next = action.ifUnknown ?? action.otherwise
                completion.reason = "'\(branch.when.text)' cannot be told: \(reason)"
                context.reason = completion.reason ?? ""
                context.failedStep = self.key.text
            }
            context.note(.chose(self.key, branch: completion.reason ?? ""))
            return completion
        }
        completion.next = action.otherwise
        completion.reason = "no condition holds"
        context.reason = "no condition of '\(self.key)' holds"
        context.failedStep = self.key.text
        context.note(.chose(self.key, branch: "otherwise"))
        return completion
    }

    private func set(_ values: [NamedExpression], _ context: RunContext) -> StepCompletion {
        var completion = StepCompletion(.succeeded)
        for named in values {
            completion.values[named.name] = context.evaluate(named.value)
        }
        return completion
    }

    private mutating func begin(pause length: Expression, _ context: RunContext) -> StepCompletion? {
        guard case .duration(let duration) = context.evaluate(length) else {
            return StepCompletion(.refused, reason: "'\(length.text)' is no known duration")
        }
        let until = context.now + Milliseconds(nanoseconds: duration.nanoseconds)
        guard until > context.now else {
            return StepCompletion(.succeeded)
        }
        self.phase = .pausing(until: until)
        return nil
    }

    private mutating func begin(_ action: ForEachAction, _ context: inout RunContext) -> StepCompletion? {
        guard case .list(let elements) = context.evaluate(action.elements) else {
            return StepCompletion(.refused, reason: "the elements '\(action.elements.text)' cannot be told")
        }
        var loop = LoopMachine(elements: elements)
        let completion = loop.begin(self, &context)
        self.phase = .looping(loop)
        return completion
    }
}

extension StepMachine {
    /// The step's own deadline, as long as it is still to be enforced.
    func pendingDeadline(_ context: RunContext) -> Instant? {
        self.isStopping ? nil : self.deadline(context)
    }
}
