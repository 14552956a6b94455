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
        /// Not now; of the subject alone, or of everything that asks for the runbook.
        case hold(because: String, until: Instant?, onlySubject: Bool = false)
        /// Not for this firing.
        case refuse(because: String)
        case observe
    }

    /// What asks for a start.
    struct Cause: Hashable {
        /// What it is about, when it is an alert.
        ///
        /// Of two subjects one does not hold up the other; a condition and a time are about all of their runbook.
        var subject: String?
        var cooldown: Milliseconds?
        var limit: Int?
        var limitWindow: Milliseconds?

        init(_ trigger: PlanTrigger) {
            self.cooldown = trigger.cooldown
            self.limit = trigger.limit
            self.limitWindow = trigger.limitWindow
        }

        init(_ trigger: PlanAlert, subject: String?) {
            self.subject = subject
            self.cooldown = trigger.cooldown
            self.limit = trigger.limit
            self.limitWindow = trigger.limitWindow
        }

        func concerns(_ run: TriggeredRun) -> Bool {
            self.subject == nil || run.subject == nil || run.subject == self.subject
        }
    }

    let settings: WatchSettings
    let freeze: Freeze?
    /// Every run that the watch started lately.
    let runs: [TriggeredRun]
    /// The runbooks of starts that were asked for and have not become runs yet.
    let starting: [String]
    let health: HealthModel
    let maintenance: Maintenance
    /// How many nodes are watched at all.
    let watched: Int

    /// Whether the trouble may be ours: of two nodes or more, we see less than half.
    var isBlind: Bool {
        self.watched > 1 && self.health.count(.unknown) * 2 > self.watched
    }

    func verdict(on runbook: WatchedRunbook, _ cause: Cause, at moment: Instant) -> Verdict {
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
        if let (text, until) = self.maintenance.hold(runbook.name, at: moment) {
            return .hold(because: text, until: until)
        }
        if let hold = self.holdForOtherRuns(runbook, cause) {
            return hold
        }
        let lately = self.lately(runbook, cause, at: moment)
        if lately.count >= self.settings.startsBeforeRefusing {
            return .refuse(
                because:
                    "it has started \(lately.count.counted("time")) within \(self.settings.brakeWindow) (\(Self.list(lately))); "
                    + "what keeps coming back needs a person"
            )
        }
        if let hold = self.holdForPauses(runbook, cause, at: moment) {
            return hold
        }
        return self.verdict(on: runbook, after: lately)
    }

    private func holdForOtherRuns(_ runbook: WatchedRunbook, _ cause: Cause) -> Verdict? {
        let own = self.runs.first { $0.runbook == runbook.name && $0.ended == nil && cause.concerns($0) }
        if let own {
            return .hold(because: "run \(own.run) of it has not ended", until: nil, onlySubject: own.subject != nil)
        }
        if cause.subject == nil, self.starting.contains(runbook.name) {
            return .hold(because: "a run of it is about to begin", until: nil)
        }
        let busy = self.runs.filter { $0.ended == nil && !$0.isWaiting }
        let count = busy.count + self.starting.count
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

    private func holdForPauses(_ runbook: WatchedRunbook, _ cause: Cause, at moment: Instant) -> Verdict? {
        let own = self.runs.filter { $0.runbook == runbook.name }
        let cooldown = cause.cooldown ?? self.settings.cooldown
        if let last = own.filter(cause.concerns).map(\.last).max(), moment < last + cooldown {
            let left = (last + cooldown).elapsed(since: moment)
            return .hold(
                because:
                    "its last run ended \(moment.elapsed(since: last).rounded) ago, and it rests for \(cooldown): \(left.rounded) more",
                until: last + cooldown,
                onlySubject: true
            )
        }
        if let limit = cause.limit, let window = cause.limitWindow,
            let hold = Self.hold(
                limit,
                in: window,
                of: own,
                and: self.starting.count { $0 == runbook.name },
                at: moment,
                "it has started",
                "its limit is"
            )
        {
            return hold
        }
        return Self.hold(
            self.settings.limit,
            in: self.settings.limitWindow,
            of: self.runs,
            and: self.starting.count,
            at: moment,
            "triggered runs have begun",
            "the limit of all together is"
        )
    }

    /// What must wait because as many have begun within the window as may, and until when.
    private static func hold(
        _ limit: Int,
        in window: Milliseconds,
        of runs: [TriggeredRun],
        and starting: Int,
        at moment: Instant,
        _ what: String,
        _ rule: String
    ) -> Verdict? {
        let within = runs.filter { moment.elapsed(since: $0.began) < window }.sorted { $0.began < $1.began }
        let count = within.count + starting
        guard count >= limit else {
            return nil
        }
        // What begins at this moment has no end of its window yet; it is looked at again when it has begun.
        let first = within.dropLast(limit - 1).last
        return .hold(
            because: "\(what) \(count.counted("time")) within \(window), and \(rule) \(limit)",
            until: first.map { $0.began + window }
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
            if lately.count >= self.settings.startsBeforeAsking {
                return .ask(
                    because: "it has started within \(self.settings.brakeWindow) already (\(Self.list(lately)))"
                )
            }
            return .start
        }
    }

    private func lately(_ runbook: WatchedRunbook, _ cause: Cause, at moment: Instant) -> [TriggeredRun] {
        self.runs.filter {
            // What was not needed, or what nobody agreed to, has touched nothing.
            $0.runbook == runbook.name && cause.concerns($0) && $0.outcome != .notNeeded && $0.outcome != .cancelled
                && moment.elapsed(since: $0.began) < self.settings.brakeWindow
        }
    }

    private static func list(_ runs: [TriggeredRun]) -> String {
        runs.map(\.run.text).joined(separator: ", ")
    }
}
