// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunCore
import RunPlan
import RunVocabulary
import Synchronization

@testable import RunSimulator

/// What happens on hosts and with people, and whether it may.
extension EngineWorld {
    // MARK: Hosts

    /// The command begins on its host, if it is the first time that the host hears of it.
    func claim(_ act: Act, by life: Int) {
        self.state.withLock { state in
            if !Self.hasBegun(act.effect, state) {
                Self.complain("'\(act.effect)' was sent before its beginning was on the disk", &state)
            }
            guard state.receipts[act.effect] == nil else {
                if state.receipts[act.effect] != .sealed {
                    Self.complain("'\(act.effect)' was sent twice", &state)
                }
                return
            }
            self.expectNoOpenTwin(of: act, &state)
            let performance = state.cluster.send(act)
            var report = performance.report
            var length = performance.length ?? act.timeout
            if performance.length.map({ $0 > act.timeout }) ?? true {
                length = act.timeout
                report = CommandReport(.timedOut)
            }
            state.reports[act.effect] = report
            if case .notSent = report.ending {
                state.receipts[act.effect] = .sealed
                return
            }
            state.receipts[act.effect] = .running
            state.ledger.append(Entry(act: act, life: life))
            if performance.happens, report.ending != .timedOut {
                state.happens.insert(act.effect)
            }
            Self.tell("\(act.target?.text ?? "here") carries out '\(act.summary)' (\(act.effect))", &state)
            state.queue.add(.ends(act.effect), at: state.now + length)
        }
    }

    private static func hasBegun(_ effect: EffectID, _ state: State) -> Bool {
        state.flushed.contains { record in
            if record.kind == "effect.began", case .began(effect, _)? = try? RunEvent(record) { true } else { false }
        }
    }

    /// Nothing is sent to a target at a step while it is unknown what became of the same before.
    private func expectNoOpenTwin(of act: Act, _ state: inout State) {
        let twins = state.ledger.filter { $0.act.step == act.step && $0.act.target == act.target }
        let events = state.flushed.compactMap { try? RunEvent($0) }
        for twin in twins {
            let isSettled = events.contains { event in
                switch event {
                case .ended(twin.act.effect, _, _): true
                case .settled(act.step, let settlement, _):
                    settlement.target == nil || settlement.target == act.target
                default: false
                }
            }
            if !isSettled {
                Self.complain("'\(act.effect)' was sent while nobody knew what became of '\(twin.act.effect)'", &state)
            }
        }
    }

    func waitForEnd(of effect: EffectID, _ life: Int) async -> Bool {
        await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
            let isOver = self.state.withLock { state in
                guard !state.isDead, state.life == life, state.receipts[effect] == .running else {
                    return true
                }
                state.lastCall += 1
                state.calls[state.lastCall] = continuation
                state.waiters[effect, default: []].append(state.lastCall)
                return false
            }
            if isOver {
                continuation.resume()
            }
        }
        return self.lives(life)
    }

    func stop(_ effect: EffectID) {
        self.state.withLock { state in
            guard state.receipts[effect] == .running else {
                if state.receipts[effect] == nil {
                    state.receipts[effect] = .sealed
                    state.reports[effect] = CommandReport(.notSent(reason: "it was stopped before it began"))
                }
                return
            }
            state.happens.remove(effect)
            state.reports[effect] = CommandReport(.stopped)
            state.queue.add(.ends(effect), at: state.now + Milliseconds(100))
        }
    }

    /// A command comes to its end on its host, whoever still wants to know.
    func end(_ effect: EffectID) {
        let calls = self.state.withLock { state -> [CheckedContinuation<Void, Never>] in
            guard state.receipts[effect] == .running, let report = state.reports[effect] else {
                return []
            }
            state.receipts[effect] = .done(report.ending)
            if state.happens.contains(effect), let entry = state.ledger.first(where: { $0.act.effect == effect }) {
                state.cluster.complete(entry.act)
            }
            return (state.waiters.removeValue(forKey: effect) ?? []).compactMap { state.calls.removeValue(forKey: $0) }
        }
        for call in calls {
            call.resume()
        }
    }

    // MARK: Truth

    /// What a journal says of a command is what its host knows.
    func checkTruth(of records: [EventRecord], _ state: inout State) {
        for record in records where record.kind == "effect.ended" {
            guard case .ended(let effect, let report, _)? = try? RunEvent(record) else {
                continue
            }
            let happened = state.ledger.contains { $0.act.effect == effect }
            switch report.ending {
            case .notSent where happened:
                Self.complain("'\(effect)' was carried out, and the journal says that it was not sent", &state)
            case .exited, .signalled, .stopped, .timedOut:
                let isSo = state.receipts[effect] == .done(report.ending)
                if !isSo {
                    let really = state.receipts[effect].map { "\($0)" } ?? "never sent"
                    Self.complain("'\(effect)' is \(really), and the journal says \(report.ending)", &state)
                }
            case .notSent, .inDoubt: break
            }
        }
    }

    /// What was taken from people is in the journal.
    func checkPromises() {
        self.state.withLock { state in
            let texts = Set(state.flushed.map { "\($0.kind) \(String(decoding: $0.body, as: UTF8.self))" })
            for promise in state.promised where !texts.contains(promise) {
                Self.complain("this was taken, and is not in the journal: \(promise)", &state)
            }
        }
    }

    // MARK: People

    func open(_ gate: Gate, _ state: inout State) {
        state.gates[gate.step] = gate
        for person in self.scenario.people where person.answer != .never && person.isAsked(at: gate) {
            let length = state.generator.length(in: person.after)
            state.queue.add(.votes(gate.step, person), at: state.now + length)
            if self.trial.duplicates {
                state.queue.add(.votes(gate.step, person), at: state.now + length)
            }
        }
    }

    func cancelIfDue() {
        self.state.withLock { state in
            guard let after = self.trial.cancelsAfter, !state.isCancelAsked, state.flushed.count >= after else {
                return
            }
            state.isCancelAsked = true
            state.queue.add(.cancels, at: state.now)
        }
    }
}

extension Scenario.Person {
    fileprivate func isAsked(at gate: Gate) -> Bool {
        gate.from.contains { approver in
            switch approver {
            case .role(let role): self.roles.contains(role)
            case .person(let name): self.name == name
            }
        }
    }
}
