// Selfheal
// SPDX-License-Identifier: Apache-2.0

package import RunPlan
package import RunVocabulary

/// Decides everything about one run.
///
/// ```
///     ready ──started──▶ walking the runbook ──▶ over
///       └ refused ────────────────────────────────▲
/// ```
///
/// The daemon, the foreground run, the simulator, recovery and replay all drive this one value. It reads no clock and draws no random
/// number: both arrive inside events. Between two events the driver looks at ``wakeAt`` to know when to send `clockReached`.
package struct RunMachine: Hashable, Sendable {
    private enum Stage: Hashable, Sendable {
        case ready
        case walking(RunbookMachine)
        case over(RunOutcome)
    }

    private var context: RunContext
    private var stage: Stage = .ready

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
        guard case .walking(let runbook) = self.stage else {
            return nil
        }
        var moments = [runbook.wakeAt].compactMap { $0 }
        runbook.visit { step in
            if let deadline = step.pendingDeadline(self.context) {
                moments.append(deadline)
            }
        }
        return moments.min()
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
        case (.ready, .refused(let reason, _)):
            self.context.startedAt = self.context.now
            self.context.reason = reason
            self.stage = .over(.failed)
            self.context.ask(for: .finish(.failed, reason: reason))
        case (.ready, _):
            throw ReplayError("a run begins with 'started'")
        case (.over, .settled(let key, let settlement, _)):
            self.settleWhatIsLeft(key, settlement)
        case (.over, _):
            self.context.note(.ignored(.alreadyEnded))
        case (.walking, .started), (.walking, .refused):
            throw ReplayError("the run was started twice")
        case (.walking, .cancelRequested(let person, let because, _)):
            self.cancel(by: person, because: because)
        // For the record: whether it matters is for the run's own looks, and for people.
        case (.walking, .triggerCleared): break
        case (.walking, .resumed):
            self.move { runbook, context in runbook.resume(&context) }
        case (.walking, _):
            self.refuseStray(event)
            self.move { runbook, context in runbook.handle(event, &context) }
        }
        while self.context.hasFreeTurn() {
            // Whoever waited for a command to be over may stand before it in order, and has not heard of it.
            self.move { $0.handle(.clockReached(at: $1.now), &$1) }
        }
        return self.context.takeEffects()
    }

    /// Calls `body` with every step that is under way, loops before what they hold.
    private func visit(_ body: (StepMachine) -> Void) {
        if case .walking(let runbook) = self.stage {
            runbook.visit(body)
        }
    }

    private mutating func start() {
        self.context.startedAt = self.context.now
        self.context.resolveSelections()
        self.stage = .walking(RunbookMachine(self.context.plan.runbookRegions, startedAt: self.context.now))
        self.move { runbook, context in runbook.begin(&context) }
    }

    private mutating func move(_ body: (inout RunbookMachine, inout RunContext) -> RunbookMachine.Ending?) {
        guard case .walking(var runbook) = self.stage else {
            return
        }
        // Let go of it, so that it is changed in place.
        self.stage = .ready
        let ending = body(&runbook, &self.context)
        self.stage = .walking(runbook)
        if let ending {
            self.stage = .over(ending.outcome)
            if ending.outcome == .succeeded || ending.outcome == .notNeeded {
                self.context.forgetDoubts()
            }
            self.context.ask(for: .finish(ending.outcome, reason: self.context.reason))
        }
    }

    private mutating func cancel(by person: PersonName, because: String) {
        guard case .walking(let runbook) = self.stage else {
            return
        }
        guard !runbook.isCancelled else {
            self.context.note(.ignored(.notWaitedFor("the run is being cancelled already")))
            return
        }
        guard !runbook.isAtItsEnd else {
            self.context.note(.ignored(.notWaitedFor("the run is at its end: only 'finally' is left")))
            return
        }
        var reason = "cancelled by \(person)" + (because.isEmpty ? "" : ": \(because)")
        if runbook.isFailing {
            reason = "\(self.context.reason); \(reason)"
        }
        self.move { runbook, context in runbook.cancel(because: reason, &context) }
    }

    /// Nothing follows from it any more but that it is known.
    private mutating func settleWhatIsLeft(_ key: StepKey, _ settlement: Settlement) {
        let left = self.context.leftInDoubt.filter { doubt in
            doubt.step == key && (settlement.target == nil || doubt.target == settlement.target)
        }
        guard !left.isEmpty else {
            self.context.note(.ignored(.settlement(key, reason: "nothing is in doubt there")))
            return
        }
        for doubt in left {
            self.context.leave(key, on: doubt.target, inDoubt: nil)
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

    /// What was in doubt when the run ended and has not been settled since; nothing while it goes on, or when it came out well.
    package var leftInDoubt: [Doubt] {
        if case .over = self.stage { self.context.leftInDoubt } else { [] }
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
        case .walking(let runbook): runbook.mix(into: &fingerprint, view, self.context)
        case .over(let outcome):
            fingerprint.mix(4)
            fingerprint.mix(outcome.rawValue)
            return
        }
        self.context.mix(into: &fingerprint, view, isAfterMain: !self.isInMain)
    }

    /// Whether the main list is being walked: there alone the run's deadline counts.
    package var isInMain: Bool {
        if case .walking(let runbook) = self.stage { runbook.isInMain } else { false }
    }

    /// Calls `body` with every step under way, for what is read and never for what is decided.
    func eachStep(_ body: (StepMachine) -> Void) {
        self.visit(body)
    }

    /// The moment at which the run's deadline would be enforced, if it still can be.
    var openRunDeadline: Instant? {
        if case .walking(let runbook) = self.stage { runbook.openDeadline } else { nil }
    }

    var knowledge: RunContext {
        self.context
    }
}
