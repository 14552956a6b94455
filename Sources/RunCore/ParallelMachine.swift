// Selfheal
// SPDX-License-Identifier: Apache-2.0

import CELExpressions
import RunPlan
import RunVocabulary

/// Walks the branches of a `parallel`, all at the same time.
///
/// ```
///     begin ──▶ branches under way ──as many succeeded as the join needs──▶ the others are stopped ──▶ succeeded
///                    │ the last one ended before that ──────────────────────────────────────────▶ failed
///                    └ a `finish` in one: the others are stopped ──▶ finished
/// ```
///
/// A branch that fails stops no other one: a branch is written to be walked to its end, and half of it may be worse than none. What makes
/// the others needless is success.
struct ParallelMachine: Hashable, Sendable {
    private struct Running: Hashable, Sendable {
        let index: Int
        var sequence: SequenceMachine
    }

    private struct Finish: Hashable, Sendable {
        let outcome: RunOutcome
        let reason: String
    }

    private var running: [Running] = []
    private var outcomes: [Int: Outcome] = [:]
    private var failures: [String] = []
    private var finish: Finish?
    /// The whole step is being stopped, not only branches that are not needed.
    private var isStopping = false
    /// Enough have succeeded, or a `finish` was reached: the branches under way have been told to stop.
    private var isDecided = false

    mutating func begin(_ step: StepMachine, _ context: inout RunContext) -> StepCompletion? {
        guard case .parallel(let action) = context.plan[step.state].action else {
            return nil
        }
        for (index, branch) in action.branches.enumerated() where !self.isDecided {
            var sequence = SequenceMachine(region: branch.body, prefix: "\(step.key)[\(branch.name)]/")
            if let ending = sequence.enter(&context) {
                self.end(index, ending, action)
            } else {
                self.running.append(Running(index: index, sequence: sequence))
            }
        }
        return self.goOn(action, &context)
    }

    mutating func handle(
        _ event: RunEvent,
        _ step: StepMachine,
        _ context: inout RunContext
    ) -> StepCompletion? {
        self.move(.handle(event), step, &context)
    }

    mutating func resume(_ step: StepMachine, _ context: inout RunContext) -> StepCompletion? {
        self.move(.resume(isOverdue: false), step, &context)
    }

    mutating func stop(_ step: StepMachine, _ context: inout RunContext) -> StepCompletion? {
        self.isStopping = true
        return self.move(.cancel, step, &context)
    }

    /// Says that the step is being stopped, before ``resume(_:_:)`` acts upon it.
    mutating func markStopping(_ context: RunContext) {
        self.isStopping = true
        for position in self.running.indices {
            self.running[position].sequence.markCancelling(context)
        }
    }

    var wakeAt: Instant? {
        self.running.compactMap(\.sequence.wakeAt).min()
    }

    func visit(_ body: (StepMachine) -> Void) {
        for branch in self.running {
            branch.sequence.visit(body)
        }
    }

    private mutating func move(
        _ move: RunbookMachine.Move,
        _ step: StepMachine,
        _ context: inout RunContext
    ) -> StepCompletion? {
        guard case .parallel(let action) = context.plan[step.state].action else {
            return nil
        }
        self.moveAll(move, action, &context)
        return self.goOn(action, &context)
    }

    private mutating func moveAll(
        _ move: RunbookMachine.Move,
        _ action: ParallelAction,
        _ context: inout RunContext
    ) {
        var position = 0
        while position < self.running.count {
            if let ending = self.running[position].sequence.make(move, &context) {
                self.end(self.running.remove(at: position).index, ending, action)
            } else {
                position += 1
            }
        }
    }

    private mutating func end(_ index: Int, _ ending: SequenceMachine.Ending, _ action: ParallelAction) {
        let name = action.branches[index].name
        switch ending {
        case .completed: self.outcomes[index] = .succeeded
        case .cancelled: self.outcomes[index] = .cancelled
        case .finished(let outcome, let reason):
            self.outcomes[index] = .succeeded
            self.finish = self.finish ?? Finish(outcome: outcome, reason: reason)
        case .failed(let key, let outcome, let reason):
            self.outcomes[index] = outcome
            self.failures.append("branch '\(name)': \(key): \(reason)")
        }
    }

    private func isEnough(_ action: ParallelAction) -> Bool {
        let succeeded = self.outcomes.values.count { $0 == .succeeded }
        return self.finish != nil || succeeded >= action.join.needed(of: action.branches.count)
    }

    private mutating func goOn(_ action: ParallelAction, _ context: inout RunContext) -> StepCompletion? {
        if !self.isDecided, !self.isStopping, self.isEnough(action) {
            self.isDecided = true
            self.moveAll(.cancel, action, &context)
        }
        return self.running.isEmpty ? self.completion(action) : nil
    }

    private func completion(_ action: ParallelAction) -> StepCompletion {
        let reason = self.failures.isEmpty ? nil : self.failures.joined(separator: "; ")
        var completion: StepCompletion
        if self.outcomes.values.contains(.inDoubt) {
            // However the others came out: what was left in doubt while stopping is neither done nor not done.
            completion = StepCompletion(.inDoubt, reason: reason)
        } else if self.isStopping {
            completion = StepCompletion(.cancelled, reason: reason ?? "stopped")
        } else if let finish = self.finish {
            completion = StepCompletion(.succeeded, reason: finish.reason)
            completion.finish = finish.outcome
        } else {
            completion = StepCompletion(self.isEnough(action) ? .succeeded : .failed, reason: reason)
        }
        completion.branches = action.branches.enumerated().map { index, branch in
            BranchRecord(name: branch.name, outcome: self.outcomes[index])
        }
        return completion
    }
}

// MARK: - What the verifier reads

extension ParallelMachine {
    func mix(into fingerprint: inout StateFingerprint, _ view: PlanRelevance, _ context: RunContext) {
        for branch in self.running {
            fingerprint.mix(UInt64(branch.index))
            branch.sequence.mix(into: &fingerprint, view, context, isOutermost: false)
        }
        for index in self.outcomes.keys.sorted() {
            fingerprint.mix(UInt64(index))
            fingerprint.mix(self.outcomes[index]?.rawValue ?? "")
        }
        if view.readsReason {
            for failure in self.failures {
                fingerprint.mix(failure)
            }
        }
        fingerprint.mix(self.finish?.outcome.rawValue ?? "")
        fingerprint.mix(self.isStopping)
        fingerprint.mix(self.isDecided)
    }
}
