// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunCore
import RunPlan
import RunVocabulary

/// Drives the changed runbook from the parting on, by the evidence of the record and in virtual time.
///
/// It stops at the first question that has no answer: whatever it did from there would be made up.
struct OnwardWalk {
    private struct Coming {
        let at: Instant
        /// What comes at the same moment comes in the order in which it was asked for.
        let order: Int
        let event: RunEvent
        let record: Int?
    }

    private static let stepLimit = 100_000

    private(set) var machine: RunMachine
    private(set) var steps: [ReplayStep] = []
    private(set) var gaps: [ChangedReplay.Gap] = []
    private(set) var assumptions: [String] = []
    private let evidence: EvidenceBook
    private let start: Instant
    private let fresh: Milliseconds
    private var now: Instant
    private var history: EvidenceBook.History
    private var coming: [Coming] = []
    private var count = 0
    private var current: StepKey?

    init(from walk: SideBySide, _ evidence: EvidenceBook) {
        self.machine = walk.changed
        self.evidence = evidence
        self.start = walk.start
        self.now = walk.now
        self.history = walk.history
        self.fresh = walk.changed.binding.plan.fresh
        for word in evidence.words where word.record >= walk.record {
            self.expect(word.event.moved(to: max(self.now, self.start + word.at)), record: word.record)
        }
        for open in walk.open {
            self.answer(open.effect, after: open.history, askedAt: open.at)
        }
        if let step = walk.step {
            self.steps.append(step)
            self.notice(step.decisions)
        }
        self.begin(walk.open.filter { !$0.isBegun }.map(\.effect))
    }

    mutating func run() {
        for _ in 0..<Self.stepLimit {
            guard self.gaps.isEmpty, self.machine.outcome == nil else {
                return
            }
            let next = self.coming.min { ($0.at, $0.order) < ($1.at, $1.order) }
            if let wake = self.machine.wakeAt, wake <= next?.at ?? wake {
                self.take(.clockReached(at: max(wake, self.now)), record: nil)
            } else if let next {
                self.coming.removeAll { $0.order == next.order }
                self.take(next.event.moved(to: max(next.at, self.now)), record: next.record)
            } else {
                self.miss(nil, "anything that goes on", "nothing is under way any more")
                return
            }
        }
        self.miss(nil, "an end", "the changed runbook has not ended after \(Self.stepLimit) steps")
    }

    private var sinceStart: Milliseconds {
        self.now.elapsed(since: self.start)
    }

    private mutating func expect(_ event: RunEvent, record: Int?) {
        self.count += 1
        self.coming.append(Coming(at: event.moment, order: self.count, event: event, record: record))
    }

    private mutating func miss(_ step: StepKey?, _ wanted: String, _ reason: String) {
        self.gaps.append(ChangedReplay.Gap(at: self.sinceStart, step: step, wanted: wanted, reason: reason))
    }

    private mutating func assume(_ text: String) {
        if !self.assumptions.contains(text) {
            self.assumptions.append(text)
        }
    }

    private mutating func take(_ event: RunEvent, record: Int?) {
        self.now = max(self.now, event.moment)
        let before = self.history
        let effects: [RunEffect]
        do {
            effects = try self.machine.handle(event)
        } catch {
            self.miss(self.current, "the next event", error.message)
            return
        }
        let decisions = effects.compactMap { Decision($0) }
        if !decisions.isEmpty || record != nil {
            self.steps.append(ReplayStep(record: record, at: self.sinceStart, event: event, decisions: decisions))
        }
        self.notice(decisions)
        var history = before
        for effect in effects {
            self.answer(effect, after: history, askedAt: self.now)
            if case .act = effect {
                history.add(effect.keys)
            }
        }
        self.history = history
        self.begin(effects)
    }

    /// As the executor does it: at once, behind the event that asked for them.
    private mutating func begin(_ effects: [RunEffect]) {
        for case .act(let act) in effects {
            self.take(.began(act.effect, at: self.now), record: nil)
        }
    }

    /// The step that a question without a name of its own belongs to.
    private mutating func notice(_ decisions: [Decision]) {
        for decision in decisions where decision.kind == .entered {
            self.current = decision.step
        }
    }

    // MARK: Answers

    private mutating func answer(
        _ effect: RunEffect,
        after history: EvidenceBook.History,
        askedAt: Instant
    ) {
        switch effect {
        case .observe(let request, let nodes):
            if let (reports, at, record) = self.facts(effect, about: nodes, after: history, askedAt) {
                self.expect(.observed(request, reports: reports, at: at), record: record)
            }
        case .probe(let request, let order):
            let targets: [NodeName?] = order.targets.isEmpty ? [nil] : order.targets
            if let (reports, at, record) = self.facts(effect, about: targets, after: history, askedAt) {
                self.expect(.probed(request, reports: reports, at: at), record: record)
            }
        case .act(let act): self.end(act, after: history, askedAt)
        case .inquire(let act): self.end(act, after: history, askedAt)
        case .stop(let effect):
            self.coming.removeAll { if case .ended(effect, _, _) = $0.event { true } else { false } }
            self.miss(self.current, "how '\(effect)' ends when it is stopped", "the recorded run did not stop it there")
        case .openGate(let gate): self.vote(at: gate, openedAt: askedAt)
        case .tell(let notice):
            let deliveries = notice.channels.map { channel in
                guard let known = self.evidence.deliveries[channel] else {
                    self.assume("a notice to '\(channel)' arrives: the recorded run sent none there")
                    return Delivery(channel: channel, failure: nil)
                }
                return known
            }
            self.expect(.told(notice.id, deliveries: deliveries, at: self.now), record: nil)
        case .closeGate, .note, .finish: break
        }
    }

    private mutating func facts(
        _ effect: RunEffect,
        about targets: [NodeName?],
        after history: EvidenceBook.History,
        _ askedAt: Instant
    ) -> (reports: [ProbeReport], at: Instant, record: Int?)? {
        var reports: [ProbeReport] = []
        var took = Milliseconds.zero
        var record: Int?
        for (target, key) in zip(targets, effect.keys) {
            let moment = askedAt.elapsed(since: self.start)
            switch self.evidence.answer(to: key, after: history, at: moment, fresh: self.fresh) {
            case .missing(let reason):
                let wanted = Decision(effect)?.text ?? "\(effect)"
                self.miss(self.current, "\(wanted) (\(target?.text ?? "this machine"))", reason)
                return nil
            case .found(let answer):
                guard case .facts(let facts) = answer.content else {
                    return nil
                }
                reports.append(ProbeReport(target: target, facts: facts))
                took = max(took, answer.took)
                record = max(record ?? 0, answer.record)
                self.assumeNothingMoved(between: moment, and: answer)
            }
        }
        return (reports, max(self.now, askedAt + took), record)
    }

    private mutating func assumeNothingMoved(between moment: Milliseconds, and answer: EvidenceBook.Answer) {
        let distance = abs(answer.askedAt.count - moment.count)
        guard distance > self.fresh.count else {
            return
        }
        let seen = Milliseconds(answer.askedAt.count / 1_000 * 1_000)
        let asked = Milliseconds(moment.count / 1_000 * 1_000)
        self.assume("what was seen at T+\(seen) (record \(answer.record)) was so at T+\(asked) already")
    }

    private mutating func end(_ act: Act, after history: EvidenceBook.History, _ askedAt: Instant) {
        let key = EvidenceBook.Key.command(act.command, act.target)
        let moment = askedAt.elapsed(since: self.start)
        switch self.evidence.answer(to: key, after: history, at: moment, fresh: self.fresh) {
        case .missing(let reason): self.miss(act.step, "how it ends: \(act.shown)", reason)
        case .found(let answer):
            guard case .report(let report, let limit) = answer.content else {
                return
            }
            guard report.ending != .timedOut || limit == act.timeout else {
                let reason = "the recorded one had \(limit) and was not done; now it has \(act.timeout)"
                self.miss(act.step, "how it ends: \(act.shown)", reason)
                return
            }
            let isLate = answer.took > act.timeout
            let ended = isLate ? CommandReport(.timedOut) : report
            let at = max(self.now, askedAt + (isLate ? act.timeout : answer.took))
            self.expect(.ended(act.effect, ended, at: at), record: answer.record)
        }
    }

    private mutating func vote(at gate: Gate, openedAt: Instant) {
        guard let ballots = self.evidence.ballots[gate.step] else {
            self.miss(gate.step, "who answers: \(gate.message)", "nobody was asked there in the recorded run")
            return
        }
        self.assume("people answer at '\(gate.step)' as they did, though it is another runbook that asks")
        for ballot in ballots {
            var vote = ballot.vote
            vote.digest = gate.digest
            self.expect(.voted(gate.step, vote, at: max(self.now, openedAt + ballot.delay)), record: ballot.record)
        }
    }
}

extension RunEvent {
    /// The same at another time.
    func moved(to moment: Instant) -> RunEvent {
        switch self {
        case .started: .started(at: moment)
        case .refused(let reason, _): .refused(reason: reason, at: moment)
        case .resumed: .resumed(at: moment)
        case .observed(let request, let reports, _): .observed(request, reports: reports, at: moment)
        case .probed(let request, let reports, _): .probed(request, reports: reports, at: moment)
        case .began(let effect, _): .began(effect, at: moment)
        case .ended(let effect, let report, _): .ended(effect, report, at: moment)
        case .voted(let step, let vote, _): .voted(step, vote, at: moment)
        case .told(let notice, let deliveries, _): .told(notice, deliveries: deliveries, at: moment)
        case .clockReached: .clockReached(at: moment)
        case .cancelRequested(let person, let because, _):
            .cancelRequested(by: person, because: because, at: moment)
        case .settled(let step, let settlement, _): .settled(step, settlement, at: moment)
        case .triggerCleared(let what, _): .triggerCleared(what: what, at: moment)
        }
    }
}
