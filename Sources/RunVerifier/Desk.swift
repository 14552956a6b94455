// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunCore
import RunPlan
import RunVocabulary

/// A run with everything that it waits for: all of a state but the world and the luck.
///
/// Answers come by their place in ``asks``, so that the same answer can be given to two runs whose requests are numbered differently.
struct Desk: Sendable {
    /// What the run asked for and has not been answered.
    enum Ask: Hashable, Sendable {
        case look(RequestID, ProbeOrder)
        case observe(RequestID, [NodeName])
        /// Decided, and not yet written down as begun.
        case act(Act)
        case running(Act, isStopping: Bool)
        /// It began in an earlier life of the engine.
        case inquiry(Act, isStopping: Bool)
        case gate(Gate)
        case notice(Notice)
    }

    /// What comes to the run.
    enum Event: Hashable, Sendable {
        case started
        case resumed
        case cancelled
        case answer(Int, [ProbeReport])
        case began(Int)
        case ended(Int, CommandReport)
        case granted(Int)
        case denied(Int)
        case told(Int, isDelivered: Bool)
        case timer
        case limit(Int)
        case deadline(Int)
        case settled(Int, happened: Bool)
    }

    private(set) var machine: RunMachine
    private(set) var asks: [Ask] = []
    private(set) var memory: PathMemory
    private(set) var now = Instant(milliseconds: 0)
    /// What the last event brought about, for readers and properties.
    private(set) var notes: [RunNote] = []
    private(set) var findings: [Finding] = []
    private(set) var hasBegun = false
    /// The act whose end is being handled.
    private var ending: Act?

    init(_ binding: RunBinding) {
        self.machine = RunMachine(binding: binding, digest: "verified")
        self.memory = PathMemory()
    }

    var outcome: RunOutcome? {
        self.machine.outcome
    }

    func fingerprint(_ view: PlanRelevance) -> StateFingerprint {
        var fingerprint = self.machine.fingerprint(view)
        self.memory.mix(into: &fingerprint)
        for ask in self.asks {
            ask.mix(into: &fingerprint)
        }
        return fingerprint
    }

    /// Drops what only the one who gave it its last event wants to know.
    mutating func forget() {
        self.notes = []
        self.findings = []
    }

    // MARK: Events

    /// - Throws: only when the verifier broke the contract of the machine.
    mutating func handle(_ event: Event, _ rules: PropertyRules) throws(ReplayError) {
        self.notes = []
        self.findings = []
        let news = self.news(of: event)
        if case .started = event {
            self.hasBegun = true
        }
        if case .ended(_, let report) = event, let act = self.ending {
            self.memory.end(act, report, rules)
        }
        let effects = try self.machine.handle(news)
        if case .resumed = event {
            // The machine asks again for everything that it still wants.
            self.asks = []
        }
        self.memory.take(event, rules, &self.findings)
        for effect in effects {
            self.take(effect, rules)
        }
    }

    /// The event as the machine gets it, with what was asked taken off the desk.
    private mutating func news(of event: Event) -> RunEvent {
        switch event {
        case .started: return .started(at: self.now)
        case .resumed: return .resumed(at: self.now)
        case .cancelled: return .cancelRequested(by: "somebody", because: "", at: self.now)
        case .answer(let index, let reports):
            // What is seen is seen after what was done: never at the same instant.
            self.now = self.now + Milliseconds(1)
            return self.answer(self.asks.remove(at: index), reports)
        case .began(let index):
            guard case .act(let act) = self.asks[index] else {
                preconditionFailure("only what was asked for begins")
            }
            self.asks[index] = .running(act, isStopping: false)
            return .began(act.effect, at: self.now)
        case .ended(let index, let report):
            self.now = self.now + .seconds(1)
            let act = self.act(self.asks.remove(at: index))
            self.ending = act
            return .ended(act.effect, report, at: self.now)
        case .granted(let index): return self.vote(at: index, .granted)
        case .denied(let index): return self.vote(at: index, .denied)
        case .told(let index, let isDelivered):
            guard case .notice(let notice) = self.asks.remove(at: index) else {
                preconditionFailure("only notices are delivered")
            }
            let failure = isDelivered ? nil : "not delivered"
            let deliveries = notice.channels.map { Delivery(channel: $0, failure: failure) }
            return .told(notice.id, deliveries: deliveries, at: self.now)
        case .timer: return self.clock(self.machine.clocks.timers.first)
        case .limit(let index): return self.clock(self.machine.clocks.limits[index])
        case .deadline(let index): return self.clock(self.machine.clocks.deadlines[index].at)
        case .settled(let index, let happened):
            let doubt = self.machine.doubts[index]
            let settlement = Settlement(target: doubt.target, happened: happened, by: "somebody", because: "looked")
            return .settled(doubt.step, settlement, at: self.now)
        }
    }

    private mutating func clock(_ moment: Instant?) -> RunEvent {
        self.now = max(self.now, moment ?? self.now)
        return .clockReached(at: self.now)
    }

    private func answer(_ ask: Ask, _ reports: [ProbeReport]) -> RunEvent {
        switch ask {
        case .look(let request, _): return .probed(request, reports: reports, at: self.now)
        case .observe(let request, _): return .observed(request, reports: reports, at: self.now)
        case .act, .running, .inquiry, .gate, .notice: preconditionFailure("only looks are answered by reports")
        }
    }

    private func act(_ ask: Ask) -> Act {
        switch ask {
        case .act(let act), .running(let act, _), .inquiry(let act, _): return act
        case .look, .observe, .gate, .notice: preconditionFailure("only acts end")
        }
    }

    /// People take half of the time they are given: what was seen before they were asked is old by then.
    private mutating func vote(at index: Int, _ decision: Vote.Decision) -> RunEvent {
        guard case .gate(let gate) = self.asks[index] else {
            preconditionFailure("people are asked at gates")
        }
        let left = gate.deadline.elapsed(since: self.now)
        self.now = self.now + Milliseconds(left.count / 2)
        let earlier = self.machine.openGates.first { $0.gate.step == gate.step }?.grantedBy ?? []
        var person = PersonName("person-\(earlier.count + 1)")
        var roles: [String] = []
        for approver in gate.from {
            switch approver {
            case .role(let role): roles.append(role)
            case .person(let name) where !earlier.contains(name): person = name
            case .person: break
            }
        }
        let vote = Vote(person: person, roles: roles, decision: decision, digest: gate.digest, comment: "")
        return .voted(gate.step, vote, at: self.now)
    }

    // MARK: Effects

    private mutating func take(_ effect: RunEffect, _ rules: PropertyRules) {
        switch effect {
        case .observe(let request, let nodes): self.asks.append(.observe(request, nodes))
        case .probe(let request, let order): self.asks.append(.look(request, order))
        case .act(let act):
            self.asks.append(.act(act))
            self.findings += self.memory.decide(act, self.machine, rules)
        case .inquire(let act): self.asks.append(.inquiry(act, isStopping: false))
        case .stop(let effect):
            for (index, ask) in self.asks.enumerated() {
                if case .running(let act, _) = ask, act.effect == effect {
                    self.asks[index] = .running(act, isStopping: true)
                }
                if case .inquiry(let act, _) = ask, act.effect == effect {
                    self.asks[index] = .inquiry(act, isStopping: true)
                }
            }
        case .openGate(let gate): self.asks.append(.gate(gate))
        case .closeGate(let step):
            self.asks.removeAll { if case .gate(let gate) = $0 { gate.step == step } else { false } }
        case .tell(let notice):
            self.asks.append(.notice(notice))
            self.memory.tell(notice, rules)
        case .note(let note):
            self.notes.append(note)
            self.memory.take(note, rules)
            if case .targetEnded(let step, let target, .cancelled, _) = note {
                self.asks.removeAll { ask in
                    if case .act(let act) = ask { act.step == step && act.target == target } else { false }
                }
            }
        case .finish(let outcome, _):
            self.asks.removeAll()
            self.findings += self.memory.finish(outcome, rules)
        }
    }
}

extension Desk.Ask {
    func mix(into fingerprint: inout StateFingerprint) {
        switch self {
        case .look(_, let order):
            fingerprint.mix(1)
            for target in order.targets {
                fingerprint.mix(target.text)
            }
            if case .ssh(let words) = order.question {
                for word in words {
                    fingerprint.mix(word)
                }
            }
        case .observe(_, let nodes):
            fingerprint.mix(2)
            for node in nodes {
                fingerprint.mix(node.text)
            }
        case .act(let act): act.mix(3, false, into: &fingerprint)
        case .running(let act, let isStopping): act.mix(4, isStopping, into: &fingerprint)
        case .inquiry(let act, let isStopping): act.mix(5, isStopping, into: &fingerprint)
        case .gate(let gate):
            fingerprint.mix(6)
            fingerprint.mix(gate.step.text)
        case .notice(let notice):
            fingerprint.mix(7)
            fingerprint.mix(notice.step?.text ?? "")
        }
    }
}

extension Act {
    fileprivate func mix(_ kind: UInt64, _ isStopping: Bool, into fingerprint: inout StateFingerprint) {
        fingerprint.mix(kind << 1 | (isStopping ? 1 : 0))
        fingerprint.mix(self.step.text)
        fingerprint.mix(self.target?.text ?? "")
        fingerprint.mix(UInt64(self.attempt))
    }
}
