// Selfheal
// SPDX-License-Identifier: Apache-2.0

package import RunPlan
package import RunVocabulary

/// Decides everything about one run.
///
/// ```
///     ready ──started──▶ main ──ends──────────────────────▶ finally ──▶ over
///                         │ fails ──▶ on_failure ──ends──────▲
///                         └ cancel ──────────────────────────┘
/// ```
///
/// The daemon, the foreground run, the simulator, recovery and replay all drive this one value. It reads no clock and draws no random
/// number: both arrive inside events. Between two events the driver looks at ``wakeAt`` to know when to send `clockReached`.
package struct RunMachine: Hashable, Sendable {
    private enum Stage: Hashable, Sendable {
        case ready
        case main(SequenceMachine)
        case onFailure(SequenceMachine)
        case finally(SequenceMachine)
        case over(RunOutcome)
    }

    private var context: RunContext
    private var stage: Stage = .ready
    /// How the run will have come out, once the lists at its end are walked.
    private var verdict: RunOutcome = .succeeded
    private var isCancelled = false
    private var isDeadlineEnforced = false

    /// The digest of the binding may be given where it is known or does not matter; else it is worked out when the first gate opens.
    package init(binding: RunBinding, digest: String? = nil) {
        self.context = RunContext(binding: binding, digest: digest)
    }

    package var binding: RunBinding {
        self.context.binding
    }

    /// How the run came out, once it is over.
    package var outcome: RunOutcome? {
        if case .over(let outcome) = self.stage { outcome } else { nil }
    }

    package var reason: String {
        self.context.reason
    }

    /// When the driver must send `clockReached`, at the latest.
    package var wakeAt: Instant? {
        let inside: Instant? =
            switch self.stage {
            case .main(let sequence), .onFailure(let sequence), .finally(let sequence): sequence.wakeAt
            case .ready, .over: nil
            }
        let deadlines = self.deadlines
        return ([inside].compactMap { $0 } + deadlines).min()
    }

    private var deadlines: [Instant] {
        var moments: [Instant] = []
        if case .main = self.stage, let deadline = self.runDeadline, !self.isCancelled, !self.isDeadlineEnforced {
            moments.append(deadline)
        }
        self.visit { step in
            if let deadline = step.pendingDeadline(self.context) {
                moments.append(deadline)
            }
        }
        return moments
    }

    private var runDeadline: Instant? {
        self.context.plan.deadline.map { self.context.startedAt + $0 }
    }

    /// Takes one event and says what should be done.
    ///
    /// - Throws: ``ReplayError`` when history says that the event cannot be; the run stops, the daemon does not.
    package mutating func handle(_ event: RunEvent) throws(ReplayError) -> [RunEffect] {
        // Wall clocks are set back now and then; the run's own time then stands still until they catch up.
        self.context.now = max(self.context.now, event.moment)
        switch (self.stage, event) {
        case (.ready, .started):
            self.start()
        case (.ready, _):
            throw ReplayError("a run begins with 'started'")
        case (.over, _):
            self.context.note(.ignored(.alreadyEnded))
        case (_, .started):
            throw ReplayError("the run was started twice")
        case (_, .cancelRequested(let person, let because, _)):
            self.cancel(by: person, because: because)
        case (_, .resumed):
            self.resume()
        case (.main, .clockReached) where self.hasPassedDeadline:
            self.enforceDeadline()
        default:
            self.refuseStray(event)
            self.move { sequence, context in sequence.handle(event, &context) }
        }
        return self.context.takeEffects()
    }

    /// Calls `body` with every step that is under way, loops before what they hold.
    private func visit(_ body: (StepMachine) -> Void) {
        switch self.stage {
        case .main(let sequence), .onFailure(let sequence), .finally(let sequence): sequence.visit(body)
        case .ready, .over: break
        }
    }

    // MARK: Stages

    private mutating func start() {
        self.context.startedAt = self.context.now
        self.context.resolveSelections()
        self.stage = .main(SequenceMachine(region: Plan.main))
        self.move { sequence, context in sequence.enter(&context) }
    }

    private mutating func move(
        _ body: (inout SequenceMachine, inout RunContext) -> SequenceMachine.Ending?
    ) {
        switch self.stage {
        case .main(var sequence):
            self.stage = .ready
            let ending = body(&sequence, &self.context)
            self.stage = .main(sequence)
            if let ending {
                self.endMain(ending, scope: sequence.finalScope)
            }
        case .onFailure(var sequence):
            self.stage = .ready
            let ending = body(&sequence, &self.context)
            self.stage = .onFailure(sequence)
            if let ending {
                self.endOnFailure(ending)
            }
        case .finally(var sequence):
            self.stage = .ready
            let ending = body(&sequence, &self.context)
            self.stage = .finally(sequence)
            if ending != nil {
                self.end()
            }
        case .ready, .over: break
        }
    }

    private mutating func endMain(_ ending: SequenceMachine.Ending, scope: Scope) {
        // What comes after the main list still sees what it did.
        self.context.scopes = [scope]
        switch ending {
        case .completed:
            self.verdict = .succeeded
            // Why an earlier step went another way is no reason for a run that came out well.
            self.context.reason = ""
            self.enterFinally()
        case .finished(let outcome, let reason):
            self.verdict = outcome
            if !reason.isEmpty || outcome == .succeeded || outcome == .notNeeded {
                self.context.reason = reason
            }
            self.enterFinally()
        case .cancelled where self.isCancelled:
            self.verdict = .cancelled
            self.enterFinally()
        case .failed(let key, let outcome, let why) where self.isCancelled || self.isDeadlineEnforced:
            // What was left in doubt while stopping must be told besides why it was stopped.
            self.context.reason += "; \(key) is \(outcome.rawValue): \(why)"
            self.verdict = self.isCancelled ? .cancelled : .failed
            self.isCancelled ? self.enterFinally() : self.enterOnFailure()
        case .failed, .cancelled:
            self.verdict = .failed
            self.enterOnFailure()
        }
    }

    private mutating func enterOnFailure() {
        guard let region = self.context.plan.onFailure else {
            self.enterFinally()
            return
        }
        self.stage = .onFailure(SequenceMachine(region: region, prefix: "on_failure/"))
        self.move { sequence, context in sequence.enter(&context) }
    }

    private mutating func endOnFailure(_ ending: SequenceMachine.Ending) {
        if case .finished(let outcome, _) = ending {
            self.verdict = outcome
        }
        self.enterFinally()
    }

    private mutating func enterFinally() {
        guard let region = self.context.plan.finally else {
            self.end()
            return
        }
        self.stage = .finally(SequenceMachine(region: region, prefix: "finally/"))
        self.move { sequence, context in sequence.enter(&context) }
    }

    private mutating func end() {
        self.stage = .over(self.verdict)
        self.context.ask(for: .finish(self.verdict, reason: self.context.reason))
    }

    // MARK: Stopping

    private mutating func cancel(by person: PersonName, because: String) {
        guard !self.isCancelled else {
            self.context.note(.ignored(.notWaitedFor("the run is being cancelled already")))
            return
        }
        if case .finally = self.stage {
            self.context.note(.ignored(.notWaitedFor("the run is at its end: only 'finally' is left")))
            return
        }
        var reason = "cancelled by \(person)" + (because.isEmpty ? "" : ": \(because)")
        if case .onFailure = self.stage {
            reason = "\(self.context.reason); \(reason)"
        }
        self.isCancelled = true
        self.stopEverything(reason)
    }

    private var hasPassedDeadline: Bool {
        !self.isCancelled && !self.isDeadlineEnforced && self.runDeadline.map { self.context.now >= $0 } ?? false
    }

    private mutating func enforceDeadline() {
        self.isDeadlineEnforced = true
        self.stopEverything(Self.deadlineReason)
    }

    private static let deadlineReason = "the run's deadline passed"

    private mutating func stopEverything(_ reason: String) {
        self.announceStop(reason)
        self.move { sequence, context in sequence.cancel(&context) }
    }

    private mutating func announceStop(_ reason: String) {
        var place = self.context.failedStep
        self.visit { place = $0.key.text }
        self.context.failedStep = place
        self.context.reason = reason
        self.context.note(.stopping(reason: reason))
    }

    /// Takes the run up again; a deadline that passed while no engine was there is enforced before anything is asked for.
    private mutating func resume() {
        var isOverdue = false
        if case .main = self.stage, self.hasPassedDeadline {
            isOverdue = true
            self.isDeadlineEnforced = true
            self.announceStop(Self.deadlineReason)
        }
        self.move { sequence, context in
            if isOverdue {
                sequence.markCancelling(context)
            }
            return sequence.resume(&context)
        }
    }

    /// Says why a vote or a decision found nobody waiting for it.
    private mutating func refuseStray(_ event: RunEvent) {
        switch event {
        case .voted(let key, let vote, _):
            var isOpen = false
            self.visit { step in
                if case .asking = step.phase, step.key == key { isOpen = true }
            }
            if !isOpen {
                self.context.note(.ignored(.vote(key, vote.person, .gateNotOpen)))
            }
        case .settled(let key, let settlement, _):
            let isInDoubt = self.doubts.contains { doubt in
                doubt.step == key && (settlement.target == nil || doubt.target == settlement.target)
            }
            if !isInDoubt {
                self.context.note(.ignored(.settlement(key, reason: "nothing is in doubt there")))
            }
        default: break
        }
    }
}

// MARK: - What an operator can ask

extension RunMachine {
    package struct Doubt: Hashable, Sendable {
        package let step: StepKey
        package let target: NodeName?
        package let reason: String
    }

    /// The gates that wait for people.
    package var openGates: [ApprovalGate] {
        var gates: [ApprovalGate] = []
        self.visit { step in
            if case .asking(let gate) = step.phase {
                gates.append(gate)
            }
        }
        return gates
    }

    /// What only a person can decide.
    package var doubts: [Doubt] {
        var doubts: [Doubt] = []
        self.visit { step in
            if case .commanding(let command) = step.phase {
                doubts += command.doubts.map { Doubt(step: step.key, target: $0.target, reason: $0.reason) }
            }
        }
        return doubts
    }

    /// The commands that began and whose end is not known.
    package var inFlight: [Act] {
        var acts: [Act] = []
        self.visit { step in
            if case .commanding(let command) = step.phase {
                acts += command.inFlight
            }
        }
        return acts
    }

    /// The steps under way, the innermost last.
    package var stepsUnderWay: [StepKey] {
        var keys: [StepKey] = []
        self.visit { keys.append($0.key) }
        return keys
    }
}

/// The journal contradicts the plan: that run stops, with the record named by whoever replays.
package struct ReplayError: Error, Hashable, Sendable {
    package let message: String

    package init(_ message: String) {
        self.message = message
    }
}

// MARK: - What the verifier reads

extension RunMachine {
    func mixState(into fingerprint: inout StateFingerprint, _ view: PlanRelevance) {
        switch self.stage {
        case .ready: fingerprint.mix(0)
        case .main(let sequence):
            fingerprint.mix(1)
            sequence.mix(into: &fingerprint, view, self.context, isOutermost: true)
        case .onFailure(let sequence):
            fingerprint.mix(2)
            sequence.mix(into: &fingerprint, view, self.context, isOutermost: true)
        case .finally(let sequence):
            fingerprint.mix(3)
            sequence.mix(into: &fingerprint, view, self.context, isOutermost: true)
        case .over(let outcome):
            fingerprint.mix(4)
            fingerprint.mix(outcome.rawValue)
            return
        }
        fingerprint.mix(self.verdict.rawValue)
        fingerprint.mix(self.isCancelled)
        fingerprint.mix(self.isDeadlineEnforced)
        self.context.mix(into: &fingerprint, view, isAfterMain: !self.isInMain)
    }

    /// Whether the main list is being walked: there alone the run's deadline counts.
    package var isInMain: Bool {
        if case .main = self.stage { true } else { false }
    }

    /// Calls `body` with every step under way, for what is read and never for what is decided.
    func eachStep(_ body: (StepMachine) -> Void) {
        self.visit(body)
    }

    /// The moment at which the run's deadline would be enforced, if it still can be.
    var openRunDeadline: Instant? {
        guard self.isInMain, !self.isCancelled, !self.isDeadlineEnforced else {
            return nil
        }
        return self.runDeadline
    }

    var knowledge: RunContext {
        self.context
    }
}
