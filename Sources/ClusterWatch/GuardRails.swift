// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunPlan
import RunVocabulary

/// Decides whether what a trigger asks for may begin; no runbook can switch this off.
struct GuardRails {
    enum Verdict: Hashable {
        case start
        /// People are asked first, and told why.
        case ask(because: String)
        /// Not now.
        case hold(because: String, until: Instant?)
        /// Not for this firing.
        case refuse(because: String)
        case observe
    }

    let settings: WatchSettings
    let freeze: Freeze?
    /// Every run that the watch started lately.
    let runs: [TriggeredRun]
    /// How many starts were asked for and have not become runs yet.
    let starting: Int
    let health: HealthModel
    /// How many nodes are watched at all.
    let watched: Int

    /// Whether the trouble may be ours: of two nodes or more, we see less than half.
    var isBlind: Bool {
        self.watched > 1 && self.health.count(.unknown) * 2 > self.watched
    }

    func verdict(on runbook: WatchedRunbook, _ trigger: PlanTrigger, at moment: Instant) -> Verdict {
        if let freeze = self.freeze {
            return .hold(because: freeze.text, until: nil)
        }
        if self.isBlind {
            return .hold(
                because:
                    "\(self.health.count(.unknown)) of \(self.watched) nodes cannot be seen; the trouble may be our own connection",
                until: nil
            )
        }
        if let hold = self.holdForOtherRuns(runbook) {
            return hold
        }
        let lately = self.lately(runbook, at: moment)
        if lately.count >= WatchSettings.startsBeforeRefusing {
            return .refuse(
                because:
                    "it has started \(lately.count.counted("time")) within \(WatchSettings.brakeWindow) (\(Self.list(lately))); "
                    + "what keeps coming back needs a person"
            )
        }
        if let hold = self.holdForPauses(runbook, trigger, at: moment) {
            return hold
        }
        return self.verdict(on: runbook, after: lately)
    }

    private func holdForOtherRuns(_ runbook: WatchedRunbook) -> Verdict? {
        if let own = self.runs.first(where: { $0.runbook == runbook.name && $0.ended == nil }) {
            return .hold(because: "run \(own.run) of it has not ended", until: nil)
        }
        let busy = self.runs.filter { $0.ended == nil && !$0.isWaiting }
        let count = busy.count + self.starting
        guard count >= self.settings.concurrentRuns else {
            return nil
        }
        let names = busy.isEmpty ? "" : " (\(Self.list(busy)))"
        let limit = self.settings.concurrentRuns
        return .hold(
            because: "triggered runs under way: \(count)\(names), and no more than \(limit) may be at once",
            until: nil
        )
    }

    private func holdForPauses(_ runbook: WatchedRunbook, _ trigger: PlanTrigger, at moment: Instant) -> Verdict? {
        let own = self.runs.filter { $0.runbook == runbook.name }
        let cooldown = trigger.cooldown ?? self.settings.cooldown
        if let last = own.map(\.last).max(), moment < last + cooldown {
            let left = (last + cooldown).elapsed(since: moment)
            return .hold(
                because:
                    "its last run ended \(moment.elapsed(since: last).rounded) ago, and it rests for \(cooldown): \(left.rounded) more",
                until: last + cooldown
            )
        }
        guard let limit = trigger.limit, let window = trigger.limitWindow else {
            return nil
        }
        let within = own.filter { moment.elapsed(since: $0.began) < window }.sorted { $0.began < $1.began }
        guard within.count >= limit, let first = within.dropLast(limit - 1).last else {
            return nil
        }
        return .hold(
            because: "it has started \(within.count.counted("time")) within \(window), and its limit is \(limit)",
            until: first.began + window
        )
    }

    private func verdict(on runbook: WatchedRunbook, after lately: [TriggeredRun]) -> Verdict {
        let scope = runbook.scope
        let down = scope.count { self.health.health(of: $0) == .down }
        let isPanic = down * 100 > scope.count * self.settings.panicThreshold
        let share =
            "\(down) of its \(scope.count.counted("node")) are down, above the panic threshold of \(self.settings.panicThreshold) %"
        if isPanic, !runbook.plan.isForMassFailure {
            return .hold(because: "\(share), and it is not written for that ('mass_failure: true')", until: nil)
        }
        switch runbook.plan.autonomy {
        case .observe: return .observe
        case .approve: return .ask(because: "'autonomy: approve'")
        case .automatic:
            if isPanic {
                return .ask(because: share)
            }
            if lately.count >= WatchSettings.startsBeforeAsking {
                return .ask(
                    because: "it has started within \(WatchSettings.brakeWindow) already (\(Self.list(lately)))"
                )
            }
            return .start
        }
    }

    private func lately(_ runbook: WatchedRunbook, at moment: Instant) -> [TriggeredRun] {
        self.runs.filter {
            // What was not needed, or what nobody agreed to, has touched nothing.
            $0.runbook == runbook.name && $0.outcome != .notNeeded && $0.outcome != .cancelled
                && moment.elapsed(since: $0.began) < WatchSettings.brakeWindow
        }
    }

    private static func list(_ runs: [TriggeredRun]) -> String {
        runs.map(\.run.text).joined(separator: ", ")
    }
}
