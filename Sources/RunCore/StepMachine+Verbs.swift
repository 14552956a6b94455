// Selfheal
// SPDX-License-Identifier: Apache-2.0

import CELExpressions
import RunPlan
import RunVocabulary

/// The verbs that need no machine of their own, and the beginning of those that do.
extension StepMachine {
    mutating func begin(
        _ action: ProbeAction,
        _ context: inout RunContext
    ) -> StepCompletion? {
        switch Targeting.resolve(action.targets, context) {
        case .refused(let reason): return StepCompletion(.refused, reason: reason)
        case .nodes(let nodes):
            guard
                let order = ProbeOrder(
                    action.probe,
                    targets: nodes,
                    timeout: self.timeout ?? action.timeout,
                    context
                )
            else {
                return StepCompletion(.refused, reason: "a value in the probe cannot be told")
            }
            let request = context.nextRequest()
            self.phase = .probing(request, order)
            context.ask(for: .probe(request, order))
            return nil
        }
    }

    /// A probe has succeeded when every target gave an answer, whatever the answer is; an unanswered one is still a result.
    func finishProbe(
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

    mutating func begin(
        _ action: WaitAction,
        _ context: inout RunContext
    ) -> StepCompletion? {
        switch Targeting.resolve(action.targets, context) {
        case .refused(let reason): return StepCompletion(.refused, reason: reason)
        case .nodes(let nodes):
            guard let order = ProbeOrder(action.probe, targets: nodes, timeout: action.probeTimeout, context) else {
                return StepCompletion(.refused, reason: "a value in the probe cannot be told")
            }
            var watch = WatchMachine(order: order, until: context.now + (self.timeout ?? action.timeout))
            watch.look(&context)
            self.phase = .watching(watch)
            return nil
        }
    }

    mutating func begin(
        _ action: RunAction,
        _ context: inout RunContext
    ) -> StepCompletion? {
        switch Targeting.resolve(action.targets, context) {
        case .refused(let reason): return StepCompletion(.refused, reason: reason)
        case .nodes(let nodes):
            if let reason = context.refusal(of: nodes, at: self.state) {
                return StepCompletion(.refused, reason: reason)
            }
            var command = CommandMachine(
                targets: action.targets == nil ? [nil] : nodes,
                batch: action.batch,
                outputLimit: context.outputShare(of: nodes.count)
            )
            let completion = command.begin(self, &context)
            self.phase = .commanding(command)
            return completion
        }
    }

    /// A request is sent like a command, by the engine itself.
    mutating func beginRequest(_ context: inout RunContext) -> StepCompletion? {
        var command = CommandMachine(targets: [nil], batch: .oneByOne, outputLimit: CommandReport.outputLimit)
        let completion = command.begin(self, &context)
        self.phase = .commanding(command)
        return completion
    }

    mutating func begin(_ action: NotifyAction, _ context: inout RunContext) -> StepCompletion? {
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
    func finishTelling(_ deliveries: [Delivery]) -> StepCompletion {
        let failures = deliveries.compactMap { delivery in
            delivery.failure.map { "\(delivery.channel): \($0)" }
        }
        let reason = failures.isEmpty ? nil : failures.joined(separator: "; ")
        return StepCompletion(failures.count < deliveries.count ? .succeeded : .failed, reason: reason)
    }

    func choose(_ action: ChooseAction, _ context: inout RunContext) -> StepCompletion {
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

    func set(_ values: [NamedExpression], _ context: RunContext) -> StepCompletion {
        var completion = StepCompletion(.succeeded)
        for named in values {
            completion.values[named.name] = context.evaluate(named.value)
        }
        return completion
    }

    mutating func begin(pause length: Expression, _ context: RunContext) -> StepCompletion? {
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
}
