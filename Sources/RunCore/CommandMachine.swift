// Selfheal
// SPDX-License-Identifier: Apache-2.0

import CELExpressions
import RunPlan
import RunVocabulary

/// Runs one command on many targets, batch by batch.
///
/// ```
///     begin ─▶ batch under way ──all lanes over──▶ resting ──▶ next batch …
///                    │ more failures than allowed, or a refusal: halted
///                    └──────────────────────────────────────▶ completion
/// ```
///
/// Failures are counted over the whole step. Once halted, no further target is touched, nor one of the batch that still waits for its turn;
/// the lanes under way are carried to their end.
struct CommandMachine: Hashable, Sendable {
    private var lanes: [CommandLane]
    private let batch: Batch
    /// The lanes of the batch under way.
    private var active: Range<Int> = 0..<0
    private var batchesBegun = 0
    private var restUntil: Instant?
    private var haltReason: String?
    private var isStopping = false

    init(targets: [NodeName?], batch: Batch, outputLimit: Int) {
        self.lanes = targets.map { CommandLane(target: $0, outputLimit: outputLimit) }
        self.batch = batch
    }

    mutating func begin(_ step: StepMachine, _ context: inout RunContext) -> StepCompletion? {
        self.beginBatch(step, &context)
        return self.goOn(step, &context)
    }

    mutating func handle(
        _ event: RunEvent,
        _ step: StepMachine,
        _ context: inout RunContext
    ) -> StepCompletion? {
        if case .clockReached = event, let rest = self.restUntil, context.now >= rest {
            self.restUntil = nil
            self.beginBatch(step, &context)
        }
        let effect = event.effect
        var hasEnded = false
        for index in self.active where !self.lanes[index].isOver && !self.lanes[index].isQueued {
            if let effect, self.lanes[index].isDeaf(to: effect) {
                continue
            }
            self.lanes[index].handle(event, step, &context)
            hasEnded = hasEnded || self.lanes[index].isOver
        }
        if hasEnded {
            self.judgeHalt(step, &context)
        }
        // Who waits for a turn hears of it after the others: one of them may just have halted the step.
        for index in self.active where self.lanes[index].isQueued {
            self.lanes[index].handle(event, step, &context)
            self.judgeHalt(after: index, step, &context)
        }
        return self.goOn(step, &context)
    }

    mutating func resume(_ step: StepMachine, _ context: inout RunContext) -> StepCompletion? {
        for index in self.active where !self.lanes[index].isOver {
            self.lanes[index].resume(step, &context)
            self.judgeHalt(after: index, step, &context)
        }
        return self.goOn(step, &context)
    }

    /// Says that the command is being stopped, before ``resume(_:_:)`` acts upon it.
    mutating func markStopping() {
        self.isStopping = true
        self.restUntil = nil
        for index in self.active {
            self.lanes[index].markStopping()
        }
    }

    /// Begins no further target, and stops the commands under way.
    mutating func stop(_ step: StepMachine, _ context: inout RunContext) -> StepCompletion? {
        self.isStopping = true
        self.restUntil = nil
        for index in self.active where !self.lanes[index].isOver {
            self.lanes[index].stop(step, &context)
        }
        return self.goOn(step, &context)
    }

    var wakeAt: Instant? {
        var earliest = self.restUntil
        for index in self.active {
            if let moment = self.lanes[index].wakeAt {
                earliest = min(moment, earliest ?? moment)
            }
        }
        return earliest
    }

    /// The targets whose last command is in doubt.
    var doubts: [(target: NodeName?, reason: String)] {
        self.lanes.indices.compactMap { index in
            self.lanes[index].doubt.map { (self.lanes[index].target, $0) }
        }
    }

    /// The commands that began and have not ended.
    var inFlight: [Act] {
        self.lanes.compactMap(\.inFlight)
    }

    private mutating func beginBatch(_ step: StepMachine, _ context: inout RunContext) {
        let first = self.active.upperBound
        let size = self.batch.size(ofBatch: self.batchesBegun, of: self.lanes.count)
        self.batchesBegun += 1
        self.active = first..<min(first + size, self.lanes.count)
        for index in self.active where self.haltReason == nil {
            self.lanes[index].begin(step, &context)
            self.judgeHalt(after: index, step, &context)
        }
    }

    private mutating func judgeHalt(after index: Int, _ step: StepMachine, _ context: inout RunContext) {
        if self.lanes[index].isOver {
            self.judgeHalt(step, &context)
        }
    }

    private mutating func goOn(_ step: StepMachine, _ context: inout RunContext) -> StepCompletion? {
        while self.restUntil == nil, self.active.allSatisfy({ self.lanes[$0].isOver }) {
            self.judgeHalt(step, &context)
            guard !self.isStopping, self.haltReason == nil, self.active.upperBound < self.lanes.count else {
                return self.completion(step, context)
            }
            guard self.batch.pause == .zero else {
                self.restUntil = context.now + self.batch.pause
                return nil
            }
            self.beginBatch(step, &context)
        }
        return nil
    }

    private mutating func judgeHalt(_ step: StepMachine, _ context: inout RunContext) {
        guard !self.isStopping else {
            return
        }
        // By number: this is looked at after every event, and there may be a thousand lanes to copy.
        let bad = self.lanes.indices.filter { self.lanes[$0].isFailure }
        let allowed = self.batch.maxFailures.resolved(of: self.lanes.count)
        // What is refused or in doubt halts whatever may fail: the next target would not be safer.
        let refused =
            bad.first { self.lanes[$0].outcome == .refused } ?? bad.first { self.lanes[$0].outcome == .inDoubt }
        guard refused != nil || bad.count > allowed, let worst = refused ?? bad.last else {
            return
        }
        let wasHalted = self.haltReason != nil
        self.haltReason = self.lanes[worst].explanation
        guard !wasHalted else {
            return
        }
        for index in self.active {
            self.lanes[index].leaveAlone(step, &context)
        }
        let untouched = self.lanes.count { $0.isUntouched }
        if untouched > 0, let reason = self.haltReason {
            context.note(.halted(step.key, reason: "\(reason); \(untouched) more are left alone"))
        }
    }

    private func completion(_ step: StepMachine, _ context: RunContext) -> StepCompletion {
        let outcomes = self.lanes.compactMap(\.outcome)
        let outcome = self.outcome(of: outcomes)
        var completion = StepCompletion(outcome, reason: outcome == .succeeded ? nil : self.explanation)
        completion.results = self.lanes.map { $0.result(step, context) }
        return completion
    }

    /// How many targets a reason names.
    private static let namedTargets = 3

    /// Why it did not succeed: what halted it, with the other targets that failed or are in doubt.
    private var explanation: String? {
        let bad = self.lanes.filter { lane in
            self.haltReason == nil ? lane.outcome == .inDoubt : lane.isFailure && lane.outcome != .cancelled
        }
        guard !bad.isEmpty else {
            return self.haltReason
        }
        // What halts whatever may fail comes first.
        let ranked = [.refused, .inDoubt, nil].flatMap { (rank: Outcome?) in
            bad.filter { lane in
                rank == nil ? lane.outcome != .refused && lane.outcome != .inDoubt : lane.outcome == rank
            }
        }
        let more = ranked.count - Self.namedTargets
        let named = ranked.prefix(Self.namedTargets).map(\.explanation) + (more > 0 ? ["and \(more) more"] : [])
        return named.joined(separator: "; ")
    }

    private func outcome(of outcomes: [Outcome]) -> Outcome {
        if self.isStopping {
            return outcomes.contains(.inDoubt) ? .inDoubt : .cancelled
        }
        // However many targets may fail: what is in doubt is neither failed nor done.
        if outcomes.contains(.inDoubt) {
            return .inDoubt
        }
        guard self.haltReason != nil else {
            return .succeeded
        }
        if outcomes.contains(.refused) {
            return .refused
        }
        let failures = outcomes.filter { $0 != .succeeded }
        return failures.allSatisfy { $0 == .timedOut } ? .timedOut : .failed
    }
}

// MARK: - What the verifier reads

extension CommandMachine {
    func mix(into fingerprint: inout StateFingerprint) {
        for lane in self.lanes {
            lane.mix(into: &fingerprint)
        }
        fingerprint.mix(UInt64(self.active.lowerBound) << 32 | UInt64(self.active.upperBound))
        fingerprint.mix(self.restUntil != nil)
        fingerprint.mix(self.haltReason != nil)
        fingerprint.mix(self.isStopping)
    }

    var givesUpAt: [Instant] {
        self.lanes.compactMap(\.givesUpAt)
    }

    var wakeUps: [Instant] {
        self.lanes.compactMap(\.wakeAt) + (self.restUntil.map { [$0] } ?? [])
    }
}
