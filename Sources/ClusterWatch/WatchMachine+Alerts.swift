// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunPlan
import RunVocabulary

/// What asks for a runbook from outside: alerts and webhooks.
///
/// An alert waits in line until its runbook may start for it. What holds back one subject does not hold back the next one; what holds back the
/// runbook holds back the line. Nothing leaves the line without an answer: a run, or a sentence in the store.
extension WatchMachine {
    mutating func take(_ alerts: [AcceptedAlert]) {
        for accepted in alerts {
            let runbook = self.runbooks.first { $0.name == accepted.runbook }
            guard let runbook, let trigger = runbook.trigger(for: accepted.alert) else {
                self.effects.append(.answer([accepted.number], "no runbook that is watched waits for it any more"))
                continue
            }
            let subject = accepted.alert.subject
            self.alerts.append(AlertQueue.Waiting(accepted: accepted, trigger: trigger, subject: subject))
        }
    }

    /// What was not begun need not be; whoever is at work is told.
    mutating func resolve(_ alerts: [Alert]) {
        let subjects = Dictionary(alerts.map { ($0.subject, $0) }) { $1 }
        for waiting in self.alerts.remove(subjects: Set(subjects.keys)) {
            let text = waiting.accepted.alert.text
            let reason = "\(text) is over before anything was begun for it"
            self.decide(Decision(runbook: waiting.accepted.runbook, kind: .quiet, at: self.now, reason: reason))
        }
        for run in self.runs where run.ended == nil {
            guard let alert = run.subject.flatMap({ subjects[$0] }) else {
                continue
            }
            self.effects.append(.note(.cleared(run.run, alert.text)))
            self.tell(
                .info,
                run.runbook,
                "What run \(run.run) of '\(run.runbook)' answers is over: \(alert.text). It goes on; 'selfheal cancel' ends it."
            )
        }
    }

    /// Starts what may start, and says whether anything waits.
    mutating func judgeAlerts(_ index: Int) -> Bool {
        let name = self.runbooks[index].name
        self.alertHoldUntil[name] = nil
        guard !self.alerts.isEmpty(for: name) else {
            return false
        }
        let busy = Set(
            self.runs.filter { $0.runbook == name && $0.ended == nil }.compactMap(\.subject)
                + self.starting.filter { $0.runbook == name }.compactMap(\.subject)
        )
        var taken = busy
        var place = 0
        while let (index, waiting) = self.alerts.next(for: name, from: place, at: self.now, busy: taken) {
            let cause = GuardRails.Cause(waiting.trigger, subject: waiting.accepted.alert.concern)
            let verdict = self.guardRails.verdict(on: self.runbooks[self.position(of: name)], cause, at: self.now)
            if case .hold(let why, let until, let onlySubject) = verdict {
                self.hold(waiting, because: why)
                guard onlySubject else {
                    self.alertHoldUntil[name] = until
                    return true
                }
                self.alerts.rest(index, for: name, until: until)
                place = index + 1
                continue
            }
            self.alerts.remove(index, for: name)
            place = index
            if self.follow(verdict, waiting) {
                taken.insert(waiting.subject)
            }
        }
        self.alertHoldUntil[name] = self.alerts.wakeAt(for: name)
        return !self.alerts.isEmpty(for: name)
    }

    private func position(of runbook: String) -> Int {
        self.runbooks.firstIndex { $0.name == runbook } ?? 0
    }

    private mutating func hold(_ waiting: AlertQueue.Waiting, because why: String) {
        let name = waiting.accepted.runbook
        let reason = "\(self.reason(waiting)); \(why)"
        let isNews = self.decisions[name]?.kind != .held
        self.decide(Decision(runbook: name, kind: .held, at: self.now, reason: reason))
        if isNews {
            self.tell(self.severity(of: name), name, "'\(name)' waits although \(reason)")
        }
    }

    /// Says whether a start was asked for.
    private mutating func follow(_ verdict: GuardRails.Verdict, _ waiting: AlertQueue.Waiting) -> Bool {
        let runbook = self.runbooks[self.position(of: waiting.accepted.runbook)]
        let reason = self.reason(waiting)
        let because: String?
        switch verdict {
        case .start: because = nil
        case .ask(let why): because = why
        case .observe:
            let text = "'autonomy: observe' tells people and starts nothing"
            self.answer(waiting, .observed, "\(reason); \(text)")
            self.tell(
                runbook.plan.severity,
                runbook.name,
                "'\(runbook.name)' would start: \(reason). It only observes."
            )
            return false
        case .refuse(let why):
            self.answer(waiting, .refused, "\(reason); \(why)")
            self.tell(.critical, runbook.name, "'\(runbook.name)' does not start although \(reason): \(why)")
            return false
        case .hold: preconditionFailure("whoever is held stays in line, which judgeAlerts sees to")
        }
        do throws(WatchedRunbook.MissingLabel) {
            let parameters = try runbook.parameters(from: waiting.accepted.alert, waiting.trigger)
            guard self.launch(runbook, parameters, for: waiting.accepted, asking: because, reason) else {
                self.effects.append(.answer([waiting.accepted.number], "people must agree, and there is nobody to ask"))
                return false
            }
            return true
        } catch {
            self.answer(waiting, .refused, "\(reason); \(error.text)")
            self.tell(.critical, runbook.name, "'\(runbook.name)' does not start although \(reason): \(error.text)")
            return false
        }
    }

    private mutating func answer(_ waiting: AlertQueue.Waiting, _ kind: Decision.Kind, _ reason: String) {
        self.decide(Decision(runbook: waiting.accepted.runbook, kind: kind, at: self.now, reason: reason))
        self.effects.append(.answer([waiting.accepted.number], reason))
    }

    private func reason(_ waiting: AlertQueue.Waiting) -> String {
        let age = self.now.elapsed(since: waiting.accepted.at).rounded
        return "\(waiting.accepted.alert.text) came \(age) ago"
    }

    private func severity(of runbook: String) -> Severity {
        self.runbooks[self.position(of: runbook)].plan.severity
    }
}
