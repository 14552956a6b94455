// Selfheal
// SPDX-License-Identifier: Apache-2.0

import CELExpressions
import RunPlan
import RunVocabulary

/// Carries the command to one target: condition, act, proof, retry.
///
/// ```
///     begin ─▶ checking ─▶ acting ──ended──▶ proving ──▶ over(succeeded)
///                │ refused    │ failed          │ not shown
///                ▼            ▼                 ▼
///              over        resting ─▶ checking  (retry)
///                             │ in doubt: proving alone, else over(in_doubt), else asking a person
/// ```
///
/// A new effect is sent only after the one before is settled: failed, confirmed gone, or decided by a person.
struct CommandLane: Hashable, Sendable {
    private enum Phase: Hashable, Sendable {
        case idle
        /// Waits for the facts that `require` reads.
        case checking(RequestID)
        case acting(Act, hasBegun: Bool)
        /// Waits for the probe of `verify`. *Alone*: the act itself is in doubt.
        case proving(Proof, RequestID)
        case betweenProofs(Proof, until: Instant)
        case resting(until: Instant)
        /// Nothing but a person can tell what happened.
        case undecided(Act, reason: String)
        case over(Outcome, reason: String?)
    }

    private struct Proof: Hashable, Sendable {
        let act: Act
        let until: Instant
        /// Why the act is in doubt, when it is.
        let doubt: String?
        var last = "it was not looked at"
        /// Whether the last look could tell.
        var isKnown = false
    }

    let target: NodeName?
    private var phase: Phase = .idle
    private var attempt = 0
    /// Sendings that a crash of the engine kept from leaving; they are no tries of the command.
    private var unsent = 0
    /// Whether the command under way began in an earlier life of the engine.
    private var isInquiring = false
    private var report: CommandReport?
    private var isStopping = false

    init(target: NodeName?) {
        self.target = target
    }

    var isOver: Bool {
        if case .over = self.phase { true } else { false }
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
        if case .undecided(_, let reason) = self.phase { reason } else { nil }
    }

    var inFlight: Act? {
        if case .acting(let act, hasBegun: true) = self.phase { act } else { nil }
    }

    var wakeAt: Instant? {
        switch self.phase {
        case .resting(let until), .betweenProofs(_, let until): until
        case .idle, .checking, .acting, .proving, .undecided, .over: nil
        }
    }

    // MARK: Input

    mutating func begin(_ step: StepMachine, _ context: inout RunContext) {
        self.check(step, &context)
    }

    mutating func handle(_ event: RunEvent, _ step: StepMachine, _ context: inout RunContext) {
        switch (self.phase, event) {
        case (.checking(let request), .observed(let answered, let reports, _)) where request == answered:
            context.observe(reports)
            self.checkRequirement(step, &context)
        case (.acting(let act, _), .began(let effect, _)) where act.effect == effect:
            if act.effectClass.changesTheWorld {
                context.worldChanged()
            }
            self.phase = .acting(act, hasBegun: true)
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
        default: break
        }
    }

    /// Asks again for what was open.
    ///
    /// A command that did not begin is as good as never decided: however long the engine was away, its condition is looked at
    /// again, and it is not sent at all when the step is being stopped.
    mutating func resume(_ step: StepMachine, _ context: inout RunContext) {
        switch self.phase {
        case .acting(let act, hasBegun: true):
            self.isInquiring = true
            context.ask(for: .inquire(act))
            if self.isStopping {
                context.ask(for: .stop(act.effect))
            }
        case .acting(_, hasBegun: false) where self.isStopping:
            self.finish(.cancelled, reason: "stopped before it was sent", step, &context)
        case .checking, .proving, .betweenProofs, .resting, .undecided:
            self.isStopping ? self.stop(step, &context) : self.goOn(step, &context)
        case .acting, .idle, .over: self.goOn(step, &context)
        }
    }

    private mutating func goOn(_ step: StepMachine, _ context: inout RunContext) {
        switch self.phase {
        case .checking: self.check(step, &context)
        case .acting:
            // The same attempt is made again, so that it has the same effect id.
            self.attempt -= 1
            self.check(step, &context)
        case .proving(let proof, _): self.prove(proof, step, &context)
        case .undecided(_, let reason): context.note(.inDoubt(step.key, self.target, reason: reason))
        case .idle, .betweenProofs, .resting, .over: break
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
                self.finish(.inDoubt, reason: doubt, step, &context)
            } else {
                self.finish(.cancelled, reason: "stopped before it was verified", step, &context)
            }
        case .undecided(_, let reason): self.finish(.inDoubt, reason: reason, step, &context)
        case .idle, .checking, .resting: self.finish(.cancelled, reason: nil, step, &context)
        case .over: break
        }
    }

    // MARK: Condition

    private mutating func check(_ step: StepMachine, _ context: inout RunContext) {
        guard let requirement = context.plan[step.state].require else {
            self.act(step, &context)
            return
        }
        let stale = context.staleNodes(for: requirement)
        guard stale.isEmpty else {
            let request = context.nextRequest()
            self.phase = .checking(request)
            context.ask(for: .observe(request, nodes: stale))
            return
        }
        self.checkRequirement(step, &context)
    }

    private mutating func checkRequirement(_ step: StepMachine, _ context: inout RunContext) {
        guard let requirement = context.plan[step.state].require else {
            return
        }
        switch context.verdict(on: requirement) {
        case .holds: self.act(step, &context)
        case .fails: self.finish(.refused, reason: "'\(requirement.text)' does not hold", step, &context)
        case .unknown(let why):
            self.finish(.refused, reason: "'\(requirement.text)' cannot be told: \(why)", step, &context)
        }
    }

    // MARK: Act

    private mutating func act(_ step: StepMachine, _ context: inout RunContext) {
        guard case .run(let action) = context.plan[step.state].action else {
            return
        }
        self.attempt += 1
        let effect = EffectID(run: context.binding.run, step: step.key, target: self.target, attempt: self.attempt)
        switch ActRendering.render(action, on: self.target, context) {
        case .refused(let reason): self.finish(.refused, reason: reason, step, &context)
        case .command(let command, let summary):
            let act = Act(
                effect: effect,
                step: step.key,
                target: self.target,
                attempt: self.attempt,
                command: command,
                summary: summary,
                effectClass: action.effect,
                repeating: action.repeating,
                timeout: action.timeout
            )
            self.phase = .acting(act, hasBegun: false)
            self.isInquiring = false
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
        case .exited(status: 0):
            self.proveOrFinish(act, doubt: nil, step, &context)
        case .exited(let status):
            self.fail(.failed, reason: "exit status \(status)\(report.lastWords)", step, &context)
        case .signalled(let name): self.fail(.failed, reason: "ended by signal \(name)", step, &context)
        case .timedOut: self.fail(.timedOut, reason: "not done within \(act.timeout); it was stopped", step, &context)
        case .stopped: self.finish(.cancelled, reason: "stopped", step, &context)
        case .notSent(let reason) where self.isInquiring && !self.isStopping:
            self.sendAnew(reason, step, &context)
        case .notSent(let reason): self.fail(.failed, reason: "not sent: \(reason)", step, &context)
        case .inDoubt(let reason): self.doubt(act, reason, step, &context)
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

    private mutating func doubt(_ act: Act, _ reason: String, _ step: StepMachine, _ context: inout RunContext) {
        guard case .run(let action) = context.plan[step.state].action else {
            return
        }
        if action.verify != nil, !self.isStopping {
            self.proveOrFinish(act, doubt: reason, step, &context)
        } else if act.repeating == .safe {
            self.fail(.failed, reason: "in doubt, and safe to repeat: \(reason)", step, &context)
        } else {
            self.undecided(act, reason, step, &context)
        }
    }

    /// Leaves the decision to a person, unless the runbook has a route for it.
    private mutating func undecided(
        _ act: Act,
        _ reason: String,
        _ step: StepMachine,
        _ context: inout RunContext
    ) {
        context.note(.inDoubt(step.key, self.target, reason: reason))
        if context.plan[step.state].routes.inDoubt != nil || self.isStopping {
            self.finish(.inDoubt, reason: reason, step, &context)
        } else {
            self.phase = .undecided(act, reason: reason)
        }
    }

    private mutating func settle(
        _ act: Act,
        _ settlement: Settlement,
        _ step: StepMachine,
        _ context: inout RunContext
    ) {
        let said = "\(settlement.by) says that it \(settlement.happened ? "happened" : "did not happen")"
        let reason = "\(said): \(settlement.because)"
        if settlement.happened {
            self.finish(.succeeded, reason: reason, step, &context)
        } else {
            self.fail(.failed, reason: reason, step, &context)
        }
    }

    // MARK: Proof

    private mutating func proveOrFinish(
        _ act: Act,
        doubt: String?,
        _ step: StepMachine,
        _ context: inout RunContext
    ) {
        guard case .run(let action) = context.plan[step.state].action, action.verify != nil else {
            self.finish(.succeeded, reason: nil, step, &context)
            return
        }
        guard !self.isStopping else {
            self.finish(.cancelled, reason: "done, and stopped before it was verified", step, &context)
            return
        }
        self.prove(Proof(act: act, until: context.now + action.timeout, doubt: doubt), step, &context)
    }

    private mutating func prove(_ proof: Proof, _ step: StepMachine, _ context: inout RunContext) {
        guard case .run(let action) = context.plan[step.state].action, let verify = action.verify else {
            return
        }
        let targets = self.target.map { [$0] } ?? []
        let timeout = min(max(verify.every, .seconds(1)), .seconds(5))
        guard let order = ProbeOrder(verify.probe, targets: targets, timeout: timeout, context) else {
            self.giveUp(proof, step, &context)
            return
        }
        let request = context.nextRequest()
        self.phase = .proving(proof, request)
        context.ask(for: .probe(request, order))
    }

    private mutating func judge(
        _ proof: Proof,
        _ reports: [ProbeReport],
        _ step: StepMachine,
        _ context: inout RunContext
    ) {
        guard case .run(let action) = context.plan[step.state].action, let verify = action.verify else {
            return
        }
        let results = verify.probe.results(from: reports, for: self.target.map { [$0] } ?? [], context)
        let result = results.first ?? .null
        var proof = proof
        switch context.verdict(on: verify.expect, with: ["result": result, "results": .list(results)]) {
        case .holds:
            self.finish(.succeeded, reason: proof.doubt.map { "\($0); verified" }, step, &context)
            return
        case .fails:
            proof.last = "'\(verify.expect.text)' does not hold"
            proof.isKnown = true
        case .unknown(let why):
            proof.last = "'\(verify.expect.text)' cannot be told: \(why)"
            proof.isKnown = false
        }
        guard context.now + verify.every < proof.until else {
            self.giveUp(proof, step, &context)
            return
        }
        self.phase = .betweenProofs(proof, until: context.now + verify.every)
    }

    /// The time for the proof is up.
    ///
    /// An act that is in doubt and whose absence was seen did not happen.
    private mutating func giveUp(_ proof: Proof, _ step: StepMachine, _ context: inout RunContext) {
        guard let doubt = proof.doubt else {
            self.fail(.timedOut, reason: "done, but not verified: \(proof.last)", step, &context)
            return
        }
        if proof.isKnown {
            self.fail(.failed, reason: "\(doubt); it did not happen: \(proof.last)", step, &context)
        } else {
            self.undecided(proof.act, "\(doubt); \(proof.last)", step, &context)
        }
    }

    // MARK: Retry and end

    private mutating func fail(
        _ outcome: Outcome,
        reason: String,
        _ step: StepMachine,
        _ context: inout RunContext
    ) {
        let state = context.plan[step.state]
        guard case .run(let action) = state.action else {
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
        context.note(.retrying(step.key, self.target, attempt: self.attempt + 1, at: moment, reason: reason))
        self.phase = .resting(until: moment)
    }

    private mutating func finish(
        _ outcome: Outcome,
        reason: String?,
        _ step: StepMachine,
        _ context: inout RunContext
    ) {
        self.phase = .over(outcome, reason: reason)
        context.note(.targetEnded(step.key, self.target, outcome, reason: reason))
    }

    /// What expressions see of this target; a target that was never touched has the empty outcome.
    func result(_ context: RunContext) -> CELValue {
        var facts: [String: Fact] = [
            "outcome": .string(self.outcome?.rawValue ?? ""),
            "succeeded": .bool(self.outcome == .succeeded),
            "attempts": .int(Int64(self.attempt)),
            "stdout": .string(self.report?.standardOutput ?? ""),
            "stderr": .string(self.report?.standardError ?? ""),
            "problem": .string(self.reason ?? ""),
        ]
        if case .exited(let status) = self.report?.ending {
            facts["exit_status"] = .int(Int64(status))
        }
        return NodeValue.result(ResultTypes.command, target: self.target, facts: facts, in: context)
    }
}

extension CommandReport {
    /// The last line of what it complained about, for a reason.
    var lastWords: String {
        let text = self.standardError.isEmpty ? self.standardOutput : self.standardError
        guard let line = text.split(whereSeparator: \.isNewline).last else {
            return ""
        }
        return ": \(line.prefix(200))"
    }
}

// MARK: - What the verifier reads

extension CommandLane {
    /// Reasons are left out: they are for readers.
    func mix(into fingerprint: inout StateFingerprint) {
        fingerprint.mix(self.target?.text ?? "")
        fingerprint.mix(UInt64(self.attempt) << 32 | UInt64(self.unsent))
        fingerprint.mix(self.isInquiring)
        fingerprint.mix(self.isStopping)
        fingerprint.mix(self.report)
        switch self.phase {
        case .idle: fingerprint.mix(0)
        case .checking: fingerprint.mix(1)
        case .acting(let act, let hasBegun):
            fingerprint.mix(hasBegun ? 2 : 3)
            fingerprint.mix(UInt64(act.attempt))
        case .proving(let proof, _):
            fingerprint.mix(4)
            fingerprint.mix(proof.doubt != nil)
        case .betweenProofs(let proof, _):
            fingerprint.mix(5)
            fingerprint.mix(proof.doubt != nil)
            fingerprint.mix(proof.isKnown)
        case .resting: fingerprint.mix(6)
        case .undecided: fingerprint.mix(7)
        case .over(let outcome, _):
            fingerprint.mix(8)
            fingerprint.mix(outcome.rawValue)
        }
    }

    /// When the proof of what was done is given up, while it rests between two looks.
    var givesUpAt: Instant? {
        if case .betweenProofs(let proof, _) = self.phase { proof.until } else { nil }
    }
}
