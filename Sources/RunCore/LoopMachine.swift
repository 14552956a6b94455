// Selfheal
// SPDX-License-Identifier: Apache-2.0

import CELExpressions
import RunPlan
import RunVocabulary

/// Walks the body of a `for_each` once for each element, at most `serial` at a time.
///
/// After `stop_after_failures` failed iterations no further one begins, and those under way are stopped. So they are after a `finish`
/// inside the body, which ends the run once they are at their end; of two the first counts. What is left in doubt is the stronger word.
struct LoopMachine: Hashable, Sendable {
    private struct Iteration: Hashable, Sendable {
        let index: Int
        var sequence: SequenceMachine
    }

    private struct Finish: Hashable, Sendable {
        let outcome: RunOutcome
        let reason: String
    }

    private let elements: [CELValue]
    private var next = 0
    private var running: [Iteration] = []
    private var outcomes: [Int: Outcome] = [:]
    private var failures = 0
    private var lastFailure: String?
    private var restUntil: Instant?
    private var isStopping = false
    /// Whether the iterations under way were told to stop.
    private var hasToldToStop = false
    private var finish: Finish? {
        didSet { self.isStopping = self.isStopping || self.finish != nil }
    }

    init(elements: [CELValue]) {
        self.elements = elements
    }

    mutating func begin(_ step: StepMachine, _ context: inout RunContext) -> StepCompletion? {
        guard !self.elements.isEmpty else {
            return StepCompletion(.skipped, reason: "there is nothing to do it for")
        }
        return self.fill(step, &context)
    }

    mutating func handle(
        _ event: RunEvent,
        _ step: StepMachine,
        _ context: inout RunContext
    ) -> StepCompletion? {
        if case .clockReached = event, let rest = self.restUntil, context.now >= rest {
            self.restUntil = nil
        }
        self.eachRunning(step, &context) { sequence, context in
            sequence.handle(event, &context)
        }
        return self.fill(step, &context)
    }

    mutating func resume(_ step: StepMachine, _ context: inout RunContext) -> StepCompletion? {
        self.eachRunning(step, &context) { sequence, context in
            sequence.resume(&context)
        }
        return self.fill(step, &context)
    }

    /// Says that the loop is being stopped, before ``resume(_:_:)`` acts upon it.
    mutating func markStopping(_ context: RunContext) {
        self.isStopping = true
        for position in self.running.indices {
            self.running[position].sequence.markCancelling(context)
        }
    }

    mutating func stop(_ step: StepMachine, _ context: inout RunContext) -> StepCompletion? {
        self.isStopping = true
        self.hasToldToStop = true
        self.eachRunning(step, &context) { sequence, context in
            sequence.cancel(&context)
        }
        return self.running.isEmpty ? self.completion(context) : nil
    }

    var wakeAt: Instant? {
        let inside = self.running.compactMap(\.sequence.wakeAt).min()
        guard let rest = self.restUntil else {
            return inside
        }
        return min(rest, inside ?? rest)
    }

    func visit(_ body: (StepMachine) -> Void) {
        for iteration in self.running {
            iteration.sequence.visit(body)
        }
    }

    /// Moves every running iteration and takes out those that ended.
    private mutating func eachRunning(
        _ step: StepMachine,
        _ context: inout RunContext,
        _ body: (inout SequenceMachine, inout RunContext) -> SequenceMachine.Ending?
    ) {
        var position = 0
        while position < self.running.count {
            if let ending = body(&self.running[position].sequence, &context) {
                let index = self.running.remove(at: position).index
                self.end(index, ending, step, &context)
            } else {
                position += 1
            }
        }
    }

    private mutating func end(
        _ index: Int,
        _ ending: SequenceMachine.Ending,
        _ step: StepMachine,
        _ context: inout RunContext
    ) {
        guard case .forEach(let action) = context.plan[step.state].action else {
            return
        }
        switch ending {
        case .completed: self.outcomes[index] = .succeeded
        case .cancelled: self.outcomes[index] = .cancelled
        case .finished(let outcome, let reason):
            self.outcomes[index] = .succeeded
            self.finish = self.finish ?? Finish(outcome: outcome, reason: reason)
        case .failed(let key, let outcome, let reason):
            self.outcomes[index] = outcome
            self.failures += 1
            if !self.hasToldToStop || outcome == .inDoubt {
                self.lastFailure = "\(key): \(reason)"
            }
            if !self.isStopping, self.failures >= action.stopAfterFailures, self.next < self.elements.count {
                context.note(.halted(step.key, reason: self.lastFailure ?? ""))
            }
        }
        let pause = step.pause ?? action.pause
        if pause > .zero, self.next < self.elements.count {
            self.restUntil = context.now + pause
        }
    }

    private mutating func fill(_ step: StepMachine, _ context: inout RunContext) -> StepCompletion? {
        guard case .forEach(let action) = context.plan[step.state].action else {
            return nil
        }
        let width = max(1, action.serial.resolved(of: self.elements.count))
        while self.running.count < width, self.mayBegin(action) {
            let index = self.next
            self.next += 1
            var sequence = SequenceMachine(
                region: action.body,
                prefix: "\(step.key)[\(index)]/",
                variables: [action.name: self.elements[index]],
                width: self.elements.count
            )
            if let ending = sequence.enter(&context) {
                self.end(index, ending, step, &context)
            } else {
                self.running.append(Iteration(index: index, sequence: sequence))
            }
        }
        self.stopOthers(action, step, &context)
        let isOver = self.running.isEmpty && self.restUntil == nil || self.running.isEmpty && self.isHalted(action)
        return isOver ? self.completion(context) : nil
    }

    /// Stops the iterations under way once one of them has decided that the loop ends.
    private mutating func stopOthers(_ action: ForEachAction, _ step: StepMachine, _ context: inout RunContext) {
        guard !self.hasToldToStop, self.finish != nil || self.failures >= action.stopAfterFailures else {
            return
        }
        self.hasToldToStop = true
        self.eachRunning(step, &context) { sequence, context in
            sequence.cancel(&context)
        }
    }

    private func isHalted(_ action: ForEachAction) -> Bool {
        self.isStopping || self.failures >= action.stopAfterFailures || self.next >= self.elements.count
    }

    private func mayBegin(_ action: ForEachAction) -> Bool {
        !self.isHalted(action) && self.restUntil == nil
    }

    private func completion(_ context: RunContext) -> StepCompletion {
        var completion = StepCompletion(self.failures > 0 ? .failed : .succeeded, reason: self.lastFailure)
        if self.isStopping, self.finish == nil {
            completion = StepCompletion(.cancelled, reason: self.lastFailure ?? "stopped")
        }
        if self.outcomes.values.contains(.inDoubt) {
            completion.outcome = .inDoubt
        } else if let finish = self.finish {
            completion.finish = finish.outcome
            completion.reason = finish.reason
        }
        completion.items = self.elements.indices.map { index in
            .record(
                CELRecord(
                    ResultTypes.item.name,
                    fields: [
                        .init("value", self.elements[index]),
                        .init("outcome", .string(self.outcomes[index]?.rawValue ?? "")),
                        .init("succeeded", .bool(self.outcomes[index] == .succeeded)),
                    ]
                )
            )
        }
        return completion
    }
}

// MARK: - What the verifier reads

extension LoopMachine {
    func mix(into fingerprint: inout StateFingerprint, _ view: PlanRelevance, _ context: RunContext) {
        fingerprint.mix(self.elements, view)
        fingerprint.mix(UInt64(self.next) << 32 | UInt64(self.failures))
        for index in self.outcomes.keys.sorted() {
            fingerprint.mix(UInt64(index))
            fingerprint.mix(self.outcomes[index]?.rawValue ?? "")
        }
        fingerprint.mix(self.restUntil != nil)
        fingerprint.mix(self.isStopping)
        fingerprint.mix(self.finish?.outcome.rawValue ?? "")
        for iteration in self.running {
            fingerprint.mix(UInt64(iteration.index))
            iteration.sequence.mix(into: &fingerprint, view, context, isOutermost: false)
        }
    }

    var restsUntil: Instant? {
        self.restUntil
    }
}
