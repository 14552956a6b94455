// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunCore
import RunPlan
package import RunVocabulary

/// What the machine asks for, carried out in the pretend world.
extension Rehearsal {
    mutating func perform(_ effect: RunEffect) {
        switch effect {
        case .observe(let request, let nodes): self.observe(request, nodes: nodes)
        case .probe(let request, let order): self.ask(request, order)
        case .act(let act): self.queue.add(.begins(act), at: self.now)
        case .inquire(let act):
            preconditionFailure("the engine of a rehearsal has one life and never asks after \(act.effect)")
        case .stop(let effect): self.stop(effect)
        case .openGate(let gate): self.open(gate)
        case .closeGate(let step): self.gates[step] = nil
        case .tell(let notice): self.tell(notice)
        case .note(let note): self.record(note)
        case .finish(let outcome, let reason):
            // A run that succeeded may still remember why it once took a turn; that is no reason for its success.
            let why = reason.isEmpty || outcome == .succeeded ? "" : ": \(reason)"
            self.note(.end, outcome.rawValue + why)
            self.endRun(.ended(outcome, reason: reason))
        }
    }

    // MARK: Acts

    mutating func begin(_ act: Act) {
        self.handle(.began(act.effect, at: self.now))
        self.trace(.sent(act.step, act.target, act.summary))
        self.note(.act, step: act.step, target: act.target, act.line)
        let performance = self.world.send(act)
        var underWay = ActUnderWay(act: act, report: performance.report, happens: performance.happens)
        var length = performance.length ?? act.timeout
        if length >= act.timeout, performance.length.map({ $0 > act.timeout }) ?? true {
            length = act.timeout
            underWay.report = CommandReport(.timedOut)
            underWay.happens = false
        }
        self.acts[act.effect] = underWay
        self.queue.add(.ends(act.effect), at: self.now + length)
    }

    mutating func end(_ effect: EffectID) {
        guard let underWay = self.acts.removeValue(forKey: effect) else {
            return
        }
        if underWay.happens {
            self.world.complete(underWay.act)
        }
        self.handle(.ended(effect, underWay.report, at: self.now))
    }

    private mutating func stop(_ effect: EffectID) {
        guard var underWay = self.acts[effect] else {
            return
        }
        underWay.report = CommandReport(.stopped)
        underWay.happens = false
        self.acts[effect] = underWay
        let moment = self.now + self.generator.length(in: self.scenario.durations.command)
        self.queue.add(.ends(effect), at: moment)
    }

    // MARK: People

    private mutating func open(_ gate: Gate) {
        self.gates[gate.step] = gate
        let from = gate.from.map(\.text).joined(separator: ", ")
        let deadline = gate.deadline.elapsed(since: self.now)
        let votes = gate.needed == 1 ? "1 approval" : "\(gate.needed) approvals"
        self.note(.gate, step: gate.step, "asks for \(votes) by \(from) within \(deadline): \(gate.message)")
        for person in self.scenario.people where person.answer != .never && person.mayAnswer(gate) {
            let moment = self.now + self.generator.length(in: person.after)
            self.queue.add(.votes(gate.step, person), at: moment)
        }
    }

    mutating func vote(at step: StepKey, _ person: Scenario.Person) {
        // Whoever comes too late finds the gate closed and does not answer.
        guard let gate = self.gates[step] else {
            return
        }
        let vote = Vote(
            person: person.name,
            roles: person.roles,
            decision: person.answer == .deny ? .denied : .granted,
            digest: gate.digest,
            comment: ""
        )
        self.handle(.voted(step, vote, at: self.now))
    }

    private mutating func tell(_ notice: Notice) {
        let channels = notice.channels.joined(separator: ", ")
        self.trace(.told(notice.channels, notice.severity, notice.message))
        self.note(.notice, step: notice.step, "\(notice.severity.rawValue) to \(channels): \(notice.message)")
        self.queue.add(.told(notice), at: self.now + self.generator.length(in: self.scenario.durations.notice))
    }

    // MARK: Notes

    private mutating func record(_ note: RunNote) {
        switch note {
        case .entered(let key, let verb, let title): self.enter(key, verb, title)
        case .left(let key, let outcome, let reason): self.leave(key, outcome, reason)
        case .targetEnded(let key, let target, let outcome, let reason):
            let why = reason.map { ": \($0)" } ?? ""
            self.note(.act, step: key, target: target, "\(outcome.rawValue)\(why)")
        case .retrying(let key, let target, let attempt, let moment, let reason):
            let wait = moment.elapsed(since: self.now).rounded
            self.note(.note, step: key, target: target, "attempt \(attempt) in \(wait), because of \(reason)")
        // What is waited for was said when the step was entered.
        case .waiting: break
        case .halted(let key, let reason): self.note(.note, step: key, "halts: \(reason)")
        case .chose(let key, let branch): self.choice = (key, branch)
        case .voteCounted(let key, let vote, let have, let needed):
            self.note(.gate, step: key, "\(vote.person) approves (\(have) of \(needed))")
        case .inDoubt(let key, let target, let reason):
            self.note(.note, step: key, target: target, "in doubt: \(reason)")
        case .stopping(let reason): self.note(.note, "stops: \(reason)")
        case .ignored(let ignored): self.record(ignored)
        }
    }

    private mutating func record(_ ignored: Ignored) {
        switch ignored {
        case .vote(let key, let person, let refusal):
            self.note(.gate, step: key, "\(person)'s answer does not count: \(refusal.rawValue)")
        case .alreadyEnded, .notWaitedFor, .settlement, .earlyClock: break
        }
    }

    private mutating func enter(_ key: StepKey, _ verb: String, _ title: String?) {
        if let choice = self.choice {
            self.choice = nil
            self.note(.step, step: choice.step, "leads to \(key), because \(choice.because)")
        }
        self.path.append(key)
        self.trace(.entered(key))
        self.verbs[key] = (verb, self.now)
        switch verb {
        // What these do is said by a line of its own.
        case "choose", "notify", "finish", "set": break
        case "run" where title == nil: break
        case "wait" where title == nil: self.note(.step, step: key, self.awaited(at: key))
        case "probe" where title == nil: self.note(.step, step: key, "looks")
        case "pause" where title == nil: self.note(.step, step: key, "pauses")
        default: self.note(.step, step: key, title ?? verb)
        }
    }

    private func awaited(at key: StepKey) -> String {
        for (_, state) in self.plan.states where state.step == key.stepName {
            if case .wait(let action) = state.action {
                return "waits until '\(action.until.text)'"
            }
        }
        return "waits"
    }

    private mutating func leave(_ key: StepKey, _ outcome: Outcome, _ reason: String?) {
        let entered = self.verbs.removeValue(forKey: key)
        let chosen = self.choice?.step == key ? self.choice?.because : nil
        self.trace(.left(key, outcome, chosen: chosen, isAnswered: self.isHandlingVote))
        if outcome == .skipped, let last = self.timeline.last, last.step == key, last.kind == .step {
            self.timeline.removeLast()
        }
        let why = reason.map { ": \($0)" } ?? ""
        switch (outcome, entered?.verb) {
        case (.succeeded, "wait"):
            let length = self.now.elapsed(since: entered?.since ?? self.now).rounded
            self.note(.step, step: key, "holds after \(length)")
        case (.succeeded, "approve"): self.note(.gate, step: key, reason ?? "granted")
        case (.succeeded, _): break
        default: self.note(.step, step: key, "\(outcome.rawValue)\(why)")
        }
    }
}

extension Act {
    fileprivate var line: String {
        self.attempt == 1 ? self.summary : "\(self.summary) (attempt \(self.attempt))"
    }
}

extension StepKey {
    /// The step's own name, without the loops around it and the count of visits.
    package var stepName: StepName {
        let last = self.text.split(separator: "/").last ?? ""
        return StepName(String(last.prefix { $0 != "#" }))
    }
}

extension Scenario.Person {
    fileprivate func mayAnswer(_ gate: Gate) -> Bool {
        gate.from.contains { approver in
            switch approver {
            case .role(let role): self.roles.contains(role)
            case .person(let name): self.name == name
            }
        }
    }
}
