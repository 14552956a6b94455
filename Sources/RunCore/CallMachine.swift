// Selfheal
// SPDX-License-Identifier: Apache-2.0

import CELExpressions
import RunPlan
import RunVocabulary

/// Walks the runbook that a `call` names, as one step.
///
/// The called runbook sees its own parameters, settings and selections and nothing of its caller. Its `on_failure` and `finally` are walked as in
/// a run of its own, and a `finish` in it ends it alone.
struct CallMachine: Hashable, Sendable {
    private enum Opening {
        case frame(Frame)
        case refused(String)
    }

    /// A machine that holds steps, which may hold machines like this one.
    private indirect enum Inside: Hashable, Sendable {
        case nothing
        case runbook(RunbookMachine)
    }

    private var inside = Inside.nothing
    private var isStopping = false
    /// What the caller's `run.reason` and `run.step` said before.
    private var reason = ""
    private var failedStep = ""

    mutating func begin(_ step: StepMachine, _ context: inout RunContext) -> StepCompletion? {
        guard case .call(let action) = context.plan[step.state].action else {
            return nil
        }
        switch Self.open(action, context) {
        case .refused(let reason): return StepCompletion(.refused, reason: reason)
        case .frame(let frame):
            self.reason = context.reason
            self.failedStep = context.failedStep
            var runbook = RunbookMachine(
                action.regions,
                prefix: "\(step.key)/",
                frame: frame,
                startedAt: context.now
            )
            let ending = runbook.begin(&context)
            self.inside = .runbook(runbook)
            return ending.map { self.completion($0, &context) }
        }
    }

    mutating func handle(
        _ event: RunEvent,
        _ step: StepMachine,
        _ context: inout RunContext
    ) -> StepCompletion? {
        self.move(&context) { $0.handle(event, &$1) }
    }

    mutating func resume(_ step: StepMachine, _ context: inout RunContext) -> StepCompletion? {
        self.move(&context) { $0.resume(&$1) }
    }

    mutating func stop(_ step: StepMachine, _ context: inout RunContext) -> StepCompletion? {
        self.isStopping = true
        return self.move(&context) { $0.cancel(because: nil, &$1) }
    }

    /// Says that the step is being stopped, before ``resume(_:_:)`` acts upon it.
    mutating func markStopping(_ context: RunContext) {
        self.isStopping = true
        guard case .runbook(var runbook) = self.inside else {
            return
        }
        runbook.markCancelling(context)
        self.inside = .runbook(runbook)
    }

    var wakeAt: Instant? {
        if case .runbook(let runbook) = self.inside { runbook.wakeAt } else { nil }
    }

    func visit(_ body: (StepMachine) -> Void) {
        if case .runbook(let runbook) = self.inside {
            runbook.visit(body)
        }
    }

    private mutating func move(
        _ context: inout RunContext,
        _ body: (inout RunbookMachine, inout RunContext) -> RunbookMachine.Ending?
    ) -> StepCompletion? {
        guard case .runbook(var runbook) = self.inside else {
            return nil
        }
        self.inside = .nothing
        let ending = body(&runbook, &context)
        self.inside = .runbook(runbook)
        return ending.map { self.completion($0, &context) }
    }

    private func completion(_ ending: RunbookMachine.Ending, _ context: inout RunContext) -> StepCompletion {
        let reason = context.reason
        var completion: StepCompletion
        switch ending.outcome {
        case .succeeded, .notNeeded:
            completion = StepCompletion(.succeeded, reason: reason.isEmpty ? nil : reason)
            context.reason = self.reason
            context.failedStep = self.failedStep
        case .failed: completion = StepCompletion(.failed, reason: reason)
        case .escalated: completion = StepCompletion(.failed, reason: "escalated: \(reason)")
        case .cancelled: completion = StepCompletion(.cancelled, reason: reason)
        }
        if ending.isInDoubt {
            completion.outcome = .inDoubt
        }
        completion.runOutcome = ending.outcome
        return completion
    }

    /// Works out what the called runbook sees; what cannot be told is not given.
    private static func open(_ action: CallAction, _ context: RunContext) -> Opening {
        var frame = Frame(parameters: [:], settings: action.settings ?? [], fresh: action.fresh)
        for parameter in action.parameters {
            guard let argument = action.arguments.first(where: { $0.name == parameter.name }) else {
                frame.parameters[parameter.name] = parameter.defaultValue?.value
                continue
            }
            if parameter.kind == .secret {
                guard let secret = context.secret(argument.value.cel) else {
                    return .refused("the parameter '\(parameter.name)' is given no secret")
                }
                frame.secrets[parameter.name] = secret
                frame.parameters[parameter.name] = .secret(parameter.name)
                continue
            }
            let value = context.evaluate(argument.value)
            if let why = value.uncertainty {
                return .refused("the parameter '\(parameter.name)' cannot be told: \(why)")
            }
            guard parameter.kind.admits(value) else {
                return .refused("'\(value.text)' is no value of the parameter '\(parameter.name)'")
            }
            frame.parameters[parameter.name] = value
        }
        var inside = context
        frame.selections = inside.within(Scope(frame: frame)) { $0.resolve(action.selections) }
        return .frame(frame)
    }
}

// MARK: - What the verifier reads

extension CallMachine {
    /// When the called runbook's deadline would be enforced, if it has one and it still can be.
    var openDeadline: Instant? {
        if case .runbook(let runbook) = self.inside { runbook.openDeadline } else { nil }
    }

    func mix(into fingerprint: inout StateFingerprint, _ view: PlanRelevance, _ context: RunContext) {
        fingerprint.mix(self.isStopping)
        if view.readsReason {
            fingerprint.mix(self.reason)
            fingerprint.mix(self.failedStep)
        }
        switch self.inside {
        case .nothing: fingerprint.mix(0)
        case .runbook(let runbook): runbook.mix(into: &fingerprint, view, context, isCalled: true)
        }
    }
}

extension PlanParameter.Kind {
    /// Whether `value` may be given for a parameter of this kind.
    func admits(_ value: CELValue) -> Bool {
        switch (self, value) {
        case (.string, .string), (.int, .int), (.bool, .bool), (.duration, .duration): true
        case (.choice(let values), .string(let text)): values.contains(text)
        case (.string, _), (.int, _), (.bool, _), (.duration, _), (.choice, _), (.secret, _): false
        }
    }
}

extension CELValue {
    /// What an expression sees of a secret: nothing that it could tell anyone.
    static func secret(_ name: String) -> CELValue {
        .unknown(CELUnknown("'\(name)' is a secret"))
    }
}
