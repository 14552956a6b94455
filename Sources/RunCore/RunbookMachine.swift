// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunPlan
import RunVocabulary

/// Walks one runbook: the run's own, or one that a `call` names.
///
/// ```
///     ready ──▶ main ──ends──────────────────────────────────────▶ finally ──▶ over
///                 │ fails ──▶ undoing ──▶ on_failure ──ends──────────▲
///                 └ cancel ─────────────────────────────────────────┘
/// ```
///
/// *Undoing* is passed through unless `on_failure` says `undo: true`. `finally` is walked at every end, and nothing stops it.
struct RunbookMachine: Hashable, Sendable {
    enum Move: Hashable, Sendable {
        case enter
        case handle(RunEvent)
        /// *Overdue*: its time was up while no engine was there.
        case resume(isOverdue: Bool)
        case cancel
    }

    struct Ending: Hashable, Sendable {
        var outcome: RunOutcome
        /// Whether something that it did is in doubt because it was stopped.
        var isInDoubt: Bool
    }

    private enum Stage: Hashable, Sendable {
        case ready
        case main(SequenceMachine)
        case undoing(UndoMachine)
        case onFailure(SequenceMachine)
        case finally(SequenceMachine)
        case over
    }

    private let regions: RunbookRegions
    /// What the keys of its steps begin with.
    private let prefix: String
    /// What stands around all of its steps; after the main list, what that one left.
    private var outer: Scope
    private let startedAt: Instant
    private var stage: Stage = .ready
    /// How it will have come out, once the lists at its end are walked.
    private var verdict: RunOutcome = .succeeded
    private var isInDoubt = false
    /// What `run.step` and `run.reason` said when the undoing began; an undo that fails has reasons of its own.
    private var failure: [String] = []
    private(set) var isCancelled = false
    private var isDeadlineEnforced = false

    init(_ regions: RunbookRegions, prefix: String = "", frame: Frame? = nil, startedAt: Instant) {
        self.regions = regions
        self.prefix = prefix
        self.outer = Scope(frame: frame)
        self.startedAt = startedAt
    }

    // MARK: Input

    mutating func begin(_ context: inout RunContext) -> Ending? {
        self.stage = .main(SequenceMachine(region: self.regions.main, prefix: self.prefix))
        return self.make(.enter, &context)
    }

    mutating func handle(_ event: RunEvent, _ context: inout RunContext) -> Ending? {
        if case .clockReached = event, self.hasPassedDeadline(context) {
            self.isDeadlineEnforced = true
            self.announceStop(Self.deadlineReason, &context)
            return self.make(.cancel, &context)
        }
        return self.make(.handle(event), &context)
    }

    /// Takes it up again; a deadline that passed while no engine was there is enforced before anything is asked for.
    mutating func resume(_ context: inout RunContext) -> Ending? {
        let isOverdue = self.hasPassedDeadline(context)
        if isOverdue {
            self.isDeadlineEnforced = true
            self.announceStop(Self.deadlineReason, &context)
        }
        return self.make(.resume(isOverdue: isOverdue), &context)
    }

    /// Stops what is under way and goes to `finally`; at its end already, it goes on.
    ///
    /// The reason is what to say; nothing when it has been said further out.
    mutating func cancel(because reason: String?, _ context: inout RunContext) -> Ending? {
        guard !self.isCancelled, !self.isAtItsEnd else {
            return nil
        }
        self.isCancelled = true
        if let reason {
            self.announceStop(reason, &context)
        }
        return self.make(.cancel, &context)
    }

    /// Says that it is being cancelled, before ``resume(_:)`` acts upon it.
    mutating func markCancelling(_ context: RunContext) {
        guard !self.isCancelled, !self.isAtItsEnd else {
            return
        }
        self.isCancelled = true
        switch self.stage {
        case .main(var sequence):
            sequence.markCancelling(context)
            self.stage = .main(sequence)
        case .undoing(var undo):
            undo.markCancelling(context)
            self.stage = .undoing(undo)
        case .onFailure(var sequence):
            sequence.markCancelling(context)
            self.stage = .onFailure(sequence)
        case .ready, .finally, .over: break
        }
    }

    // MARK: Looking

    /// Whether only `finally` is left.
    var isAtItsEnd: Bool {
        switch self.stage {
        case .finally, .over: true
        case .ready, .main, .undoing, .onFailure: false
        }
    }

    /// Whether it has failed and does what it says for that.
    var isFailing: Bool {
        switch self.stage {
        case .undoing, .onFailure: true
        case .ready, .main, .finally, .over: false
        }
    }

    var wakeAt: Instant? {
        switch self.stage {
        case .main(let sequence):
            let deadline = self.isCancelled || self.isDeadlineEnforced ? nil : self.deadline
            return [sequence.wakeAt, deadline].compactMap { $0 }.min()
        case .undoing(let undo): return undo.wakeAt
        case .onFailure(let sequence), .finally(let sequence): return sequence.wakeAt
        case .ready, .over: return nil
        }
    }

    func visit(_ body: (StepMachine) -> Void) {
        switch self.stage {
        case .main(let sequence), .onFailure(let sequence), .finally(let sequence): sequence.visit(body)
        case .undoing(let undo): undo.visit(body)
        case .ready, .over: break
        }
    }

    // MARK: Stages

    private mutating func make(_ move: Move, _ context: inout RunContext) -> Ending? {
        let outer = self.outer
        switch self.stage {
        case .main(var sequence):
            self.stage = .ready
            let ending = context.within(outer) { sequence.make(move, &$0) }
            self.stage = .main(sequence)
            return ending.flatMap { self.endMain($0, sequence.finalScope, &context) }
        case .undoing(var undo):
            self.stage = .ready
            let ending = undo.make(move, &context)
            self.stage = .undoing(undo)
            return ending.flatMap { self.endUndoing($0, &context) }
        case .onFailure(var sequence):
            self.stage = .ready
            let ending = context.within(outer) { sequence.make(move, &$0) }
            self.stage = .onFailure(sequence)
            return ending.flatMap { self.endOnFailure($0, &context) }
        case .finally(var sequence):
            self.stage = .ready
            let ending = context.within(outer) { sequence.make(move, &$0) }
            self.stage = .finally(sequence)
            return ending == nil ? nil : self.end()
        case .ready, .over: return nil
        }
    }

    private mutating func endMain(
        _ ending: SequenceMachine.Ending,
        _ scope: Scope,
        _ context: inout RunContext
    ) -> Ending? {
        // What comes after the main list still sees what it did.
        self.outer.records = scope.records
        self.outer.variables = scope.variables
        switch ending {
        case .completed:
            self.verdict = .succeeded
            // Why an earlier step went another way is no reason for a run that came out well.
            context.reason = ""
            return self.enterFinally(&context)
        case .finished(let outcome, let reason):
            self.verdict = outcome
            if !reason.isEmpty || outcome == .succeeded || outcome == .notNeeded {
                context.reason = reason
            }
            return self.enterFinally(&context)
        case .cancelled where self.isCancelled:
            self.verdict = .cancelled
            return self.enterFinally(&context)
        case .failed(let key, let outcome, let why) where self.isCancelled || self.isDeadlineEnforced:
            // What was left in doubt while stopping must be told besides why it was stopped.
            context.reason += "; \(key) is \(outcome.rawValue): \(why)"
            self.isInDoubt = outcome == .inDoubt
            self.verdict = self.isCancelled ? .cancelled : .failed
            return self.isCancelled ? self.enterFinally(&context) : self.enterUndoing(&context)
        case .failed, .cancelled:
            self.verdict = .failed
            return self.enterUndoing(&context)
        }
    }

    private mutating func enterUndoing(_ context: inout RunContext) -> Ending? {
        guard self.regions.undoes else {
            return self.enterOnFailure(&context)
        }
        let mine = context.undoable.filter { $0.key.text.hasPrefix(self.prefix) }
        context.undoable.removeAll { $0.key.text.hasPrefix(self.prefix) }
        self.failure = [context.failedStep, context.reason]
        self.stage = .undoing(UndoMachine(mine))
        return self.make(.enter, &context)
    }

    private mutating func endUndoing(_ ending: UndoMachine.Ending, _ context: inout RunContext) -> Ending? {
        if !self.isCancelled, self.failure.count == 2 {
            (context.failedStep, context.reason) = (self.failure[0], self.failure[1])
        }
        switch ending {
        case .completed: return self.enterOnFailure(&context)
        case .stopped(let reason) where self.isCancelled:
            context.reason += "; \(reason)"
            self.verdict = .cancelled
            return self.enterFinally(&context)
        case .stopped(let reason):
            context.reason += "; \(reason)"
            // Half done and half undone is for a person to look at.
            self.verdict = .escalated
            return self.enterOnFailure(&context)
        }
    }

    private mutating func enterOnFailure(_ context: inout RunContext) -> Ending? {
        guard let region = self.regions.onFailure else {
            return self.enterFinally(&context)
        }
        self.stage = .onFailure(SequenceMachine(region: region, prefix: "\(self.prefix)on_failure/"))
        return self.make(.enter, &context)
    }

    private mutating func endOnFailure(_ ending: SequenceMachine.Ending, _ context: inout RunContext) -> Ending? {
        switch ending {
        case .finished(let outcome, _): self.verdict = outcome
        case .failed(_, .inDoubt, _) where self.isCancelled: self.isInDoubt = true
        case .completed, .failed, .cancelled: break
        }
        return self.enterFinally(&context)
    }

    private mutating func enterFinally(_ context: inout RunContext) -> Ending? {
        guard let region = self.regions.finally else {
            return self.end()
        }
        self.stage = .finally(SequenceMachine(region: region, prefix: "\(self.prefix)finally/"))
        return self.make(.enter, &context)
    }

    private mutating func end() -> Ending {
        self.stage = .over
        return Ending(outcome: self.verdict, isInDoubt: self.isInDoubt)
    }

    // MARK: Stopping

    private var deadline: Instant? {
        self.regions.deadline.map { self.startedAt + $0 }
    }

    private func hasPassedDeadline(_ context: RunContext) -> Bool {
        guard case .main = self.stage, !self.isCancelled, !self.isDeadlineEnforced else {
            return false
        }
        return self.deadline.map { context.now >= $0 } ?? false
    }

    private static let deadlineReason = "the run's deadline passed"

    private func announceStop(_ reason: String, _ context: inout RunContext) {
        var place = context.failedStep
        self.visit { place = $0.key.text }
        context.failedStep = place
        context.reason = reason
        context.note(.stopping(reason: reason))
    }
}

// MARK: - What the verifier reads

extension RunbookMachine {
    func mix(
        into fingerprint: inout StateFingerprint,
        _ view: PlanRelevance,
        _ context: RunContext,
        isCalled: Bool = false
    ) {
        switch self.stage {
        case .ready: fingerprint.mix(0)
        case .main(let sequence):
            fingerprint.mix(1)
            sequence.mix(into: &fingerprint, view, context, isOutermost: true)
        // Told apart by all that it holds: the verifier refuses runbooks that have it.
        case .undoing(let undo): fingerprint.mix(UInt64(bitPattern: Int64(undo.hashValue)))
        case .onFailure(let sequence):
            fingerprint.mix(2)
            sequence.mix(into: &fingerprint, view, context, isOutermost: true)
        case .finally(let sequence):
            fingerprint.mix(3)
            sequence.mix(into: &fingerprint, view, context, isOutermost: true)
        case .over: fingerprint.mix(5)
        }
        fingerprint.mix(self.verdict.rawValue)
        fingerprint.mix(self.isInDoubt)
        fingerprint.mix(self.isCancelled)
        fingerprint.mix(self.isDeadlineEnforced)
        // What the lists at the end of a called runbook read is not told apart from what is read elsewhere.
        let seesAll = self.isInMain || isCalled
        self.outer.mix(into: &fingerprint, view, live: seesAll ? view.liveAnywhere : view.liveAtTheEnd)
    }

    var isInMain: Bool {
        if case .main = self.stage { true } else { false }
    }

    /// When its deadline would be enforced, if it still can be.
    var openDeadline: Instant? {
        guard self.isInMain, !self.isCancelled, !self.isDeadlineEnforced else {
            return nil
        }
        return self.deadline
    }
}
