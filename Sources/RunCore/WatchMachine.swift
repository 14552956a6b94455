// Selfheal
// SPDX-License-Identifier: Apache-2.0

import CELExpressions
import RunPlan
import RunVocabulary

/// Looks again and again until a condition has held often enough in a row, or the time is up.
///
/// ```
///     looking ──reports──▶ judged ──held often enough──▶ succeeded
///        ▲                   │
///        └── every ◀─────────┤ (time left)
///                            └ time up ──▶ timed out
/// ```
struct WatchMachine: Hashable, Sendable {
    private enum Phase: Hashable, Sendable {
        case looking(RequestID)
        /// The reports are in; facts that `until` reads besides them are being fetched.
        case observing(RequestID)
        case resting(until: Instant)
    }

    private let order: ProbeOrder
    private let until: Instant
    private var phase: Phase = .resting(until: Instant(milliseconds: 0))
    private var streak = 0
    private var reports: [ProbeReport] = []
    private var lastReason = "nothing was seen"

    init(order: ProbeOrder, until: Instant) {
        self.order = order
        self.until = until
    }

    mutating func look(_ context: inout RunContext) {
        let request = context.nextRequest()
        self.phase = .looking(request)
        context.ask(for: .probe(request, self.order))
    }

    mutating func handle(
        _ event: RunEvent,
        _ step: StepMachine,
        _ context: inout RunContext
    ) -> StepCompletion? {
        guard case .wait(let action) = context.plan[step.state].action else {
            return nil
        }
        switch (self.phase, event) {
        case (.looking(let request), .probed(let answered, let reports, _)) where request == answered:
            self.reports = reports
            let stale = context.staleNodes(for: action.until)
            guard stale.isEmpty else {
                let observation = context.nextRequest()
                self.phase = .observing(observation)
                context.ask(for: .observe(observation, nodes: stale))
                return nil
            }
            return self.judge(action, step, &context)
        case (.observing(let request), .observed(let answered, let reports, _)) where request == answered:
            guard context.observe(reports, answering: request) else {
                self.look(&context)
                return nil
            }
            return self.judge(action, step, &context)
        case (.resting(let moment), .clockReached) where context.now >= moment:
            guard context.now < self.until else {
                return self.giveUp(action, step, context)
            }
            self.look(&context)
            return nil
        default:
            return nil
        }
    }

    mutating func resume(_ context: inout RunContext) {
        switch self.phase {
        case .looking: self.look(&context)
        case .observing: self.look(&context)
        case .resting: break
        }
    }

    var wakeAt: Instant? {
        guard case .resting(let moment) = self.phase else {
            return nil
        }
        return moment
    }

    private mutating func judge(
        _ action: WaitAction,
        _ step: StepMachine,
        _ context: inout RunContext
    ) -> StepCompletion? {
        let results = action.probe.results(from: self.reports, for: self.order.targets, context)
        let verdict = action.verdict(on: results, context)
        switch verdict {
        case .holds: self.streak += 1
        case .fails, .unknown: self.streak = 0
        }
        guard self.streak < action.consecutive else {
            var completion = StepCompletion(.succeeded)
            completion.results = results
            return completion
        }
        let reason =
            switch verdict {
            case .holds: "held \(self.streak) of \(action.consecutive) times"
            case .fails: "'\(action.until.text)' does not hold"
            case .unknown(let why): "'\(action.until.text)' cannot be told: \(why)"
            }
        if reason != self.lastReason {
            self.lastReason = reason
            context.note(.waiting(step.key, nil, reason: reason))
        }
        guard context.now < self.until else {
            return self.giveUp(action, step, context)
        }
        self.phase = .resting(until: min(context.now + action.every, self.until))
        return nil
    }

    private func giveUp(_ action: WaitAction, _ step: StepMachine, _ context: RunContext) -> StepCompletion {
        let timeout = step.timeout ?? action.timeout
        var completion = StepCompletion(.timedOut, reason: "not within \(timeout): \(self.lastReason)")
        completion.results = action.probe.results(from: self.reports, for: self.order.targets, context)
        return completion
    }
}

extension WaitAction {
    /// A condition on `result` must hold for each target; one on `results` is asked once.
    func verdict(on results: [CELValue], _ context: RunContext) -> Verdict {
        guard self.until.cel.referencedPaths.contains(where: { $0.root == "result" }) else {
            return context.verdict(on: self.until, with: ["results": .list(results)])
        }
        var unknown: String?
        for result in results {
            switch context.verdict(on: self.until, with: ["result": result, "results": .list(results)]) {
            case .holds: continue
            case .fails: return .fails
            case .unknown(let reason): unknown = unknown ?? reason
            }
        }
        return unknown.map { .unknown(reason: $0) } ?? .holds
    }
}

// MARK: - What the verifier reads

extension WatchMachine {
    /// How long it has waited is left out: from any look on, the time may be up.
    func mix(into fingerprint: inout StateFingerprint, _ view: PlanRelevance) {
        switch self.phase {
        case .looking: fingerprint.mix(1)
        case .observing:
            fingerprint.mix(2)
            fingerprint.mix(self.reports)
        case .resting:
            fingerprint.mix(3)
            // The last reports are the step's results when the time is up.
            fingerprint.mix(self.reports)
        }
        fingerprint.mix(UInt64(self.streak))
        fingerprint.mix(self.order)
    }

    /// When it gives up, while it rests between two looks.
    var givesUpAt: Instant? {
        if case .resting = self.phase { self.until } else { nil }
    }
}
