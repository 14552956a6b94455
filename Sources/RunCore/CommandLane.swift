// Selfheal
// SPDX-License-Identifier: Apache-2.0

import CELExpressions
import RunPlan
import RunVocabulary

/// Carries the command to one target: condition, act, proof, retry.
///
/// ```
///     begin ─▶ queued ─▶ checking ─▶ acting ──ended──▶ proving ──▶ over(succeeded)
///                           │ refused    │ failed          │ not shown
///                           ▼            ▼                 ▼
///                         over        resting ─▶ queued    (retry)
///                                        │ in doubt: proving alone, else over(in_doubt), else asking a person
/// ```
///
/// A new effect is sent only after the one before is settled: failed, confirmed gone, or decided by a person.
///
/// A command with `require` that changes the world waits in the queue while another command of the run is under way: looked for, sent,
/// proved or in doubt. No look could be sure to show what that one does, and two could pass on the same facts.
struct CommandLane: Hashable, Sendable {
    enum Phase: Hashable, Sendable {
        case idle
        /// Waits until no other command is under way.
        case queued
        /// Waits for the facts that `require` reads.
        case checking(RequestID)
        case acting(Act, hasBegun: Bool)
        /// Waits for the probe of `verify`. *Alone*: the act itself is in doubt.
        case proving(Proof, RequestID)
        case betweenProofs(Proof, until: Instant)
        case resting(until: Instant)
        /// Nothing but a person can tell what happened.
        case undecided(Act, Doubt)
        case over(Outcome, reason: String?)
        /// Never begun, because the step was halted before.
        case leftAlone
    }

    struct Doubt: Hashable, Sendable {
        let reason: String
        /// Whether it may be running, or may yet begin: to see no trace of it proves nothing then.
        let mayStillRun: Bool

        func with(_ more: String) -> Doubt {
            Doubt(reason: "\(self.reason); \(more)", mayStillRun: self.mayStillRun)
        }
    }

    struct Proof: Hashable, Sendable {
        let act: Act
        let until: Instant
        /// Why the act is in doubt, when it is.
        let doubt: Doubt?
        var last = "it was not looked at"
        /// Whether the last look could tell.
        var isKnown = false
    }

    let target: NodeName?
    private(set) var phase: Phase = .idle
    var attempt = 0
    /// When the first attempt began.
    private var firstAt: Instant?
    /// Sendings that a crash of the engine kept from leaving; they are no tries of the command.
    private(set) var unsent = 0
    /// Whether the command under way began in an earlier life of the engine.
    var isInquiring = false
    private(set) var report: CommandReport?
    private var lastAct: Act?
    private(set) var isStopping = false

    /// How much of each stream is kept.
    private let outputLimit: Int

    init(target: NodeName?, outputLimit: Int) {
        self.target = target
        self.outputLimit = outputLimit
    }

    var isOver: Bool {
        switch self.phase {
        case .over, .leftAlone: true
        case .idle, .queued, .checking, .acting, .proving, .betweenProofs, .resting, .undecided: false
        }
    }

    var isQueued: Bool {
        if case .queued = self.phase { true } else { false }
    }

    /// Whether nothing was sent to the target.
    var isUntouched: Bool {
        self.attempt == 0 && (self.phase == .queued || self.phase == .leftAlone || self.phase == .idle)
    }

    var outcome: Outcome? {
        if case .over(let outcome, _) = self.phase { outcome } else { nil }
    }

    var reason: String? {
        if case .over(_, let reason) = self.phase { reason } else { nil }
    }

    /// The reason with the target it is about.
    var explanation: String {
        "\(self.target?.text ?? "the engine's machine"): \(self.reason ?? "it did not succeed")"
    }

    var isFailure: Bool {
        switch self.outcome {
        case .failed, .timedOut, .refused, .inDoubt, .cancelled: true
        case .succeeded, .skipped, nil: false
        }
    }

    var doubt: String? {
        if case .undecided(_, let doubt) = self.phase { doubt.reason } else { nil }
    }

    var inFlight: Act? {
        if case .acting(let act, hasBegun: true) = self.phase { act } else { nil }
    }

    var wakeAt: Instant? {
        switch self.phase {
        case .resting(let until), .betweenProofs(_, let until): until
        case .idle, .queued, .checking, .acting, .proving, .undecided, .over, .leftAlone: nil
        }
    }

    func name(_ step: StepMachine) -> TouchedWorld.Lane {
        TouchedWorld.Lane(step: step.key, target: self.target)
    }

    mutating func move(to phase: Phase, _ step: StepMachine, _ context: inout RunContext) {
        self.phase = phase
        guard let action = context.plan[step.state].action.acting, action.effect.changesTheWorld else {
            return
        }
        switch phase {
        case .checking, .acting, .proving, .betweenProofs, .undecided:
            context.place(self.name(step), .underWay)
        case .queued: context.place(self.name(step), .queued)
        case .idle, .resting, .over, .leftAlone: context.place(self.name(step), nil)
        }
    }

    // MARK: Input

    /// Whether the beginning or end of that effect is certain to be about another lane: each lane is asked this for each of them.
    func isDeaf(to effect: EffectID) -> Bool {
        guard let attempt = self.lastAct?.attempt else {
            return true
        }
        // Of earlier attempts a late end is still noted.
        return attempt <= 1 && self.lastAct?.effect != effect
    }

    mutating func begin(_ step: StepMachine, _ context: inout RunContext) {
        self.check(step, &context)
    }

    mutating func handle(_ event: RunEvent, _ step: StepMachine, _ context: inout RunContext) {
        switch (self.phase, event) {
        case (.checking(let request), .observed(let answered, let reports, _)) where request == answered:
            if context.observe(reports, answering: request) {
                self.checkRequirement(step, &context)
            } else {
                self.check(step, &context)
            }
        case (.queued, _) where context.isAlone(self.name(step)):
            self.check(step, &context)
        case (.acting(let act, _), .began(let effect, _)) where act.effect == effect:
            if act.effectClass.changesTheWorld {
                context.worldChanged()
            }
            self.move(to: .acting(act, hasBegun: true), step, &context)
        case (.acting(let act, _), .ended(let effect, let report, _)) where act.effect == effect:
            self.end(act, report, step, &context)
        case (.proving(let proof, let request), .probed(let answered, let reports, _)) where request == answered:
            self.judge(proof, reports, step, &context)
        case (.betweenProofs(let proof, let until), .clockReached) where context.now >= until:
            self.prove(proof, step, &context)
        case (.resting(let until), .clockReached) where context.now >= until:
            self.check(step, &context)
        case (.undecided(let act, _), .settled(let key, let settlement, _))
        where key == step.key && (settlement.target == nil || settlement.target == self.target):
            self.settle(act, settlement, step, &context)
        case (.undecided(let act, _), .ended(let effect, let report, _)) where act.effect == effect:
            // The next engine asked the host again.
            self.end(act, report, step, &context)
        default: self.noteStrayEnd(event, step, &context)
        }
    }

    /// Says that the end of an earlier sending came when nobody waited for it any more.
    private func noteStrayEnd(_ event: RunEvent, _ step: StepMachine, _ context: inout RunContext) {
        guard case .ended(let effect, _, _) = event, let last = self.lastAct else {
            return
        }
        // Every lane of a batch hears of every end, so the names of earlier sendings are made only where there were some.
        let attempts = effect == last.effect ? [last.attempt] : Array(1..<max(last.attempt, 1))
        for attempt in attempts
        where effect == EffectID(run: context.binding.run, step: step.key, target: self.target, attempt: attempt) {
            let place = self.target.map { " on \($0)" } ?? ""
            let what = "the end of '\(last.summary)'\(place), attempt \(attempt), came after it was settled"
            context.note(.ignored(.notWaitedFor(what)))
        }
    }

    /// Leaves the target alone when nothing was sent to it yet.
    mutating func leaveAlone(_ step: StepMachine, _ context: inout RunContext) {
        if self.isUntouched {
            self.move(to: .leftAlone, step, &context)
        }
    }

    /// Says that the lane is being stopped, before ``resume(_:_:)`` acts upon it.
    mutating func markStopping() {
        self.isStopping = true
    }

    mutating func stop(_ step: StepMachine, _ context: inout RunContext) {
        self.isStopping = true
        switch self.phase {
        case .acting(let act, hasBegun: true): context.ask(for: .stop(act.effect))
        case .acting(_, hasBegun: false): self.finish(.cancelled, reason: "stopped before it was sent", step, &context)
        case .proving(let proof, _), .betweenProofs(let proof, _):
            if let doubt = proof.doubt {
                self.finish(.inDoubt, reason: doubt.reason, step, &context)
            } else {
                self.finish(.cancelled, reason: "stopped before it was verified", step, &context)
            }
        case .undecided(_, let doubt): self.finish(.inDoubt, reason: doubt.reason, step, &context)
        case .idle, .queued, .checking, .resting: self.finish(.cancelled, reason: nil, step, &context)
        case .over, .leftAlone: break
        }
    }

    // MARK: Act

    mutating func act(_ step: StepMachine, _ context: inout RunContext) {
        guard let action = context.plan[step.state].action.acting else {
            return
        }
        self.attempt += 1
        self.firstAt = self.firstAt ?? context.now
        let effect = EffectID(run: context.binding.run, step: step.key, target: self.target, attempt: self.attempt)
        switch ActRendering.render(context.plan[step.state].action, on: self.target, context) {
        case .refused(let reason): self.finish(.refused, reason: reason, step, &context)
        case .command(let command, let summary):
            let setting: Act.Setting
            switch ActRendering.setting(of: context.plan[step.state].action, on: self.target, context) {
            case .refused(let reason): return self.finish(.refused, reason: reason, step, &context)
            case .setting(let known): setting = known
            }
            let act = Act(
                effect: effect,
                step: step.key,
                target: self.target,
                attempt: self.attempt,
                command: command,
                summary: summary,
                effectClass: action.effect,
                repeating: action.repeating,
                timeout: step.timeout ?? action.timeout,
                setting: setting,
                outputLimit: self.outputLimit,
                askedAt: context.now
            )
            self.move(to: .acting(act, hasBegun: false), step, &context)
            self.isInquiring = false
            self.lastAct = act
            context.ask(for: .act(act))
        }
    }

    private mutating func end(
        _ act: Act,
        _ report: CommandReport,
        _ step: StepMachine,
        _ context: inout RunContext
    ) {
        self.report = report
        if act.effectClass.changesTheWorld {
            context.worldChanged()
        }
        switch report.ending {
        case .exited(let status) where act.isDone(with: status):
            self.proveOrFinish(act, doubt: nil, step, &context)
        case .exited(let status) where act.isLeftInDoubt(by: status):
            let doubt = Doubt(reason: act.words(for: status, report), mayStillRun: true)
            self.doubt(act, doubt, step, &context)
        case .exited(let status): self.fail(.failed, reason: act.words(for: status, report), step, &context)
        case .signalled(let name): self.fail(.failed, reason: "ended by signal \(name)", step, &context)
        case .timedOut: self.fail(.timedOut, reason: "not done within \(act.timeout); it was stopped", step, &context)
        case .stopped: self.finish(.cancelled, reason: "stopped", step, &context)
        case .notSent(let reason) where self.isInquiring && !self.isStopping:
            self.sendAnew(reason, step, &context)
        case .notSent(let reason): self.fail(.failed, reason: "not sent: \(reason)", step, &context)
        case .inDoubt(let reason, let mayStillRun):
            self.doubt(act, Doubt(reason: reason, mayStillRun: mayStillRun), step, &context)
        }
    }

    /// The engine ended between *began* and the first byte, and the host makes sure that this sending never happens.
    ///
    /// Nothing was tried, so it is no failure: condition and all are gone through again, for a new effect. There is one of these for a
    /// crash at most.
    private mutating func sendAnew(_ reason: String, _ step: StepMachine, _ context: inout RunContext) {
        self.unsent += 1
        let why = "the engine ended before it was sent: \(reason)"
        context.note(.retrying(step.key, self.target, attempt: self.attempt + 1, at: context.now, reason: why))
        self.check(step, &context)
    }

    private mutating func doubt(_ act: Act, _ doubt: Doubt, _ step: StepMachine, _ context: inout RunContext) {
        guard let action = context.plan[step.state].action.acting else {
            return
        }
        if action.verify != nil, !self.isStopping {
            self.proveOrFinish(act, doubt: doubt, step, &context)
        } else if act.repeating == .safe, !doubt.mayStillRun {
            self.fail(.failed, reason: "in doubt, and safe to repeat: \(doubt.reason)", step, &context)
        } else {
            self.undecided(act, doubt, step, &context)
        }
    }

    /// Leaves the decision to a person, unless the runbook has a route for it.
    mutating func undecided(
        _ act: Act,
        _ doubt: Doubt,
        _ step: StepMachine,
        _ context: inout RunContext
    ) {
        context.note(.inDoubt(step.key, self.target, reason: doubt.reason))
        if context.plan[step.state].routes.inDoubt != nil || self.isStopping {
            self.finish(.inDoubt, reason: doubt.reason, step, &context)
        } else {
            self.move(to: .undecided(act, doubt), step, &context)
        }
    }

    private mutating func settle(
        _ act: Act,
        _ settlement: Settlement,
        _ step: StepMachine,
        _ context: inout RunContext
    ) {
        if act.effectClass.changesTheWorld {
            context.worldChanged()
        }
        let said = "\(settlement.by) says that it \(settlement.happened ? "happened" : "did not happen")"
        let reason = "\(said): \(settlement.because)"
        if settlement.happened {
            self.finish(.succeeded, reason: reason, step, &context)
        } else {
            self.fail(.failed, reason: reason, step, &context)
        }
    }

    // MARK: Retry and end

    mutating func fail(
        _ outcome: Outcome,
        reason: String,
        _ step: StepMachine,
        _ context: inout RunContext
    ) {
        let state = context.plan[step.state]
        guard let action = state.action.acting else {
            return
        }
        guard
            !self.isStopping, action.repeating != .never,
            let retry = state.retry, self.attempt - self.unsent < retry.attempts
        else {
            self.finish(self.isStopping ? .cancelled : outcome, reason: reason, step, &context)
            return
        }
        let longest = retry.wait(before: self.attempt - self.unsent + 1)
        let wait =
            retry.jitter
            ? Jitter.shorten(longest, by: "\(step.key).\(self.target?.text ?? "").\(self.attempt)") : longest
        let moment = context.now + wait
        if let within = retry.within, let first = self.firstAt, moment > first + within {
            self.finish(outcome, reason: "\(reason); no further attempt fits within \(within)", step, &context)
            return
        }
        context.note(.retrying(step.key, self.target, attempt: self.attempt + 1, at: moment, reason: reason))
        self.move(to: .resting(until: moment), step, &context)
    }

    mutating func finish(
        _ outcome: Outcome,
        reason: String?,
        _ step: StepMachine,
        _ context: inout RunContext
    ) {
        self.move(to: .over(outcome, reason: reason), step, &context)
        let isAct = context.plan[step.state].action.acting?.effect.changesTheWorld ?? false
        if outcome == .inDoubt || outcome == .succeeded, isAct {
            context.leave(step.key, on: self.target, inDoubt: outcome == .inDoubt ? reason ?? "" : nil)
        }
        context.note(.targetEnded(step.key, self.target, outcome, reason: reason))
    }
}
