// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunCore
import RunPlan
import RunVocabulary

/// Gives two machines the same records, until they decide differently.
struct SideBySide {
    /// A question of the changed runbook that has no answer yet.
    struct Open {
        let effect: RunEffect
        let history: EvidenceBook.History
        let at: Instant
        /// Of a command: whether it was sent.
        var isBegun = false
    }

    private let recording: Recording
    private var recorded: RunMachine
    private(set) var changed: RunMachine
    private(set) var parting: ChangedReplay.Parting?
    /// The record that comes next, counted from one.
    private(set) var record = 1
    private(set) var now: Instant
    private(set) var open: [Open] = []
    private(set) var history: EvidenceBook.History = [:]
    /// What the changed machine decided at the parting.
    private(set) var step: ReplayStep?
    private var recordedLimits: [EffectID: Milliseconds] = [:]

    /// Wakings of the changed machine alone that may follow one another.
    private static let wakingLimit = 1_000

    init(_ recording: Recording, _ binding: RunBinding) {
        self.recording = recording
        self.recorded = RunMachine(binding: recording.binding)
        self.changed = RunMachine(binding: binding)
        self.now = recording.start
    }

    var start: Instant {
        self.recording.start
    }

    /// The next record that both take the same way; nothing at the end, and where they part.
    mutating func next() throws(ReplayError) -> ReplayStep? {
        guard self.parting == nil, self.record <= self.recording.events.count else {
            return nil
        }
        let event = self.recording.events[self.record - 1]
        if case .resumed = event {
            self.forgetQuestions()
        } else if self.partsByClock(before: event.moment) {
            return nil
        }
        if let reason = self.limitReached(by: event) {
            self.part(nil, [], [], reason: reason)
            return nil
        }
        let recordedEffects = try self.recorded.handle(event)
        for case .act(let act) in recordedEffects {
            self.recordedLimits[act.effect] = act.timeout
        }
        let decided = recordedEffects.compactMap { Decision($0) }
        self.now = max(self.now, event.moment)
        let effects: [RunEffect]
        do {
            effects = try self.changed.handle(self.translated(event))
        } catch {
            self.part(self.record, decided, [], reason: "the changed runbook cannot take it: \(error.message)")
            return nil
        }
        self.follow(event, effects)
        let step = ReplayStep(
            record: self.record,
            at: self.sinceStart,
            event: event,
            decisions: effects.compactMap { Decision($0) }
        )
        self.record += 1
        guard step.decisions == decided else {
            self.step = step
            self.part(step.record, decided, step.decisions, reason: nil)
            return nil
        }
        return step
    }

    private var sinceStart: Milliseconds {
        self.now.elapsed(since: self.recording.start)
    }

    private mutating func part(
        _ record: Int?,
        _ recorded: [Decision],
        _ changed: [Decision],
        reason: String?
    ) {
        let same = zip(recorded, changed).prefix { $0 == $1 }.count
        self.parting = ChangedReplay.Parting(
            at: self.sinceStart,
            record: record,
            recorded: Array(recorded.dropFirst(same)),
            changed: Array(changed.dropFirst(same)),
            reason: reason
        )
    }

    /// Wakes the changed machine where it wants to be woken earlier than the recorded one was.
    private mutating func partsByClock(before moment: Instant) -> Bool {
        for _ in 0..<Self.wakingLimit {
            guard let wake = self.changed.wakeAt, wake < moment, wake < self.recorded.wakeAt ?? moment else {
                return false
            }
            let event = RunEvent.clockReached(at: wake)
            guard let effects = try? self.changed.handle(event) else {
                return false
            }
            self.now = max(self.now, wake)
            self.follow(event, effects)
            let decisions = effects.compactMap { Decision($0) }
            if !decisions.isEmpty {
                self.step = ReplayStep(record: nil, at: self.sinceStart, event: event, decisions: decisions)
                self.part(nil, [], decisions, reason: nil)
                return true
            }
            if self.changed.wakeAt == wake {
                return false
            }
        }
        return false
    }

    /// Why the end of a command is no evidence, where the changed runbook gives the command another time.
    private mutating func limitReached(by event: RunEvent) -> String? {
        guard case .ended(let effect, let report, let at) = event, let before = self.recordedLimits[effect],
            let (act, sentAt) = self.openAct(effect), act.timeout != before
        else {
            return nil
        }
        let took = at.elapsed(since: sentAt)
        guard report.ending == .timedOut || took > act.timeout else {
            return nil
        }
        self.now = max(self.now, min(at, sentAt + act.timeout))
        return "\(act.shown) took \(took) of the \(before) that it had; now it has \(act.timeout)"
    }

    private func openAct(_ effect: EffectID) -> (Act, Instant)? {
        for open in self.open {
            if case .act(let act) = open.effect, act.effect == effect {
                return (act, open.at)
            }
        }
        return nil
    }

    /// A vote quotes the digest of what its voter saw: here it is taken for a vote on what the changed runbook asks.
    private func translated(_ event: RunEvent) -> RunEvent {
        guard case .voted(let step, var vote, let at) = event,
            let gate = self.changed.openGates.first(where: { $0.gate.step == step })
        else {
            return event
        }
        vote.digest = gate.gate.digest
        return .voted(step, vote, at: at)
    }

    /// What the engine that ended had asked is asked again by the next.
    private mutating func forgetQuestions() {
        self.open.removeAll { open in
            switch open.effect {
            case .act, .openGate: false
            default: true
            }
        }
    }

    private mutating func follow(_ event: RunEvent, _ effects: [RunEffect]) {
        self.open.removeAll { $0.effect.isAnswered(by: event) }
        if case .began(let began, _) = event {
            for index in self.open.indices where self.open[index].effect.isAct(began) {
                self.open[index].isBegun = true
            }
        }
        for effect in effects {
            switch effect {
            case .act:
                self.open.append(Open(effect: effect, history: self.history, at: event.moment))
                self.history.add(effect.keys)
            case .observe, .probe, .tell, .openGate:
                self.open.append(Open(effect: effect, history: self.history, at: event.moment))
            case .closeGate(let step):
                self.open.removeAll { if case .openGate(let gate) = $0.effect { gate.step == step } else { false } }
            case .inquire, .stop, .note, .finish: break
            }
        }
    }
}

extension RunEffect {
    fileprivate func isAct(_ effect: EffectID) -> Bool {
        if case .act(let act) = self { act.effect == effect } else { false }
    }

    fileprivate func isAnswered(by event: RunEvent) -> Bool {
        switch (self, event) {
        case (.observe(let asked, _), .observed(let request, _, _)): asked == request
        case (.probe(let asked, _), .probed(let request, _, _)): asked == request
        case (.act(let act), .ended(let effect, _, _)): act.effect == effect
        case (.tell(let notice), .told(let id, _, _)): notice.id == id
        default: false
        }
    }
}
