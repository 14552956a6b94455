// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunCore
import RunPlan
import RunVocabulary
import Testing

/// What one may pick from, whether by dice or by counting through everything.
protocol Picker {
    mutating func pick(below bound: Int) -> Int
}

/// A small world around one run: it answers what the run asks for, in any order and with any answer that is possible, remembers what
/// it really did, and checks after every event what must always hold.
struct World {
    var run: Transcript
    /// Commands that were sent and whose end has not been told.
    private(set) var running: [Act] = []
    private var crashesLeft: Int
    private var cancelsLeft: Int
    /// Whether answers come in any order, or the oldest question is answered first.
    private let isUnordered: Bool

    init(_ run: Transcript, crashes: Int, cancels: Int, isUnordered: Bool) {
        self.run = run
        self.crashesLeft = crashes
        self.cancelsLeft = cancels
        self.isUnordered = isUnordered
    }

    /// The world as it is after these events: commands that began and have not ended are still running.
    init(after events: [RunEvent], of run: Transcript) throws {
        self.init(run, crashes: 0, cancels: 0, isUnordered: false)
        for event in events {
            try self.run.send(event)
        }
        var ended: Set<EffectID> = []
        var began: [EffectID] = []
        for event in events {
            switch event {
            case .began(let effect, _): began.append(effect)
            case .ended(let effect, _, _): ended.insert(effect)
            default: break
            }
        }
        self.running = began.filter { !ended.contains($0) }.compactMap { effect in
            self.run.acts.first { $0.effect == effect }
        }
    }

    private enum Move {
        case answer(Int)
        case end(Int)
        case clock
        case settle(RunMachine.Doubt)
        case cancel
        case crash
    }

    private var moves: [Move] {
        // An engine records that a command begins together with what made it begin; all that can come between is its end.
        if let act = self.run.open.firstIndex(where: { if case .act = $0 { true } else { false } }) {
            return [.answer(act)] + (self.crashesLeft > 0 ? [.crash] : [])
        }
        let answers = self.run.open.indices.map { Move.answer($0) }
        let ends = self.running.indices.filter { !self.isAskedAbout(self.running[$0]) }.map { Move.end($0) }
        var moves = self.isUnordered ? answers + ends : Array((answers + ends).prefix(1))
        if self.run.machine.wakeAt != nil, self.isUnordered || moves.isEmpty {
            moves.append(.clock)
        }
        if self.isUnordered || moves.isEmpty {
            moves += self.run.machine.doubts.map { .settle($0) }
        }
        if self.cancelsLeft > 0 {
            moves.append(.cancel)
        }
        if self.crashesLeft > 0 {
            moves.append(.crash)
        }
        return moves
    }

    private func isAskedAbout(_ act: Act) -> Bool {
        self.run.open.contains { $0 == .inquire(act) || $0 == .stop(act.effect) }
    }

    /// Lets one thing happen.
    ///
    /// - Returns: whether the run is still on its way.
    mutating func step(_ picker: inout some Picker) throws -> Bool {
        guard self.run.machine.outcome == nil else {
            return false
        }
        let moves = self.moves
        try #require(!moves.isEmpty, "the run waits for nothing: \(self.run.events)")
        switch moves[picker.pick(below: moves.count)] {
        case .answer(let index): try self.answer(self.run.open[index], &picker)
        case .end(let index): try self.end(self.running[index], &picker)
        case .clock: try self.run.wake()
        case .settle(let doubt):
            try self.run.settle(doubt.step, happened: picker.pick(below: 2) == 0, target: doubt.target)
        case .cancel:
            self.cancelsLeft -= 1
            try self.run.cancel()
        case .crash:
            self.crashesLeft -= 1
            try self.run.restart(after: picker.pick(below: 2) == 0 ? .zero : .minutes(3))
        }
        try self.checkAlways()
        return true
    }

    private mutating func answer(_ effect: RunEffect, _ picker: inout some Picker) throws {
        switch effect {
        case .probe(let request, let order):
            let facts = self.facts(&picker)
            let reports = order.targets.map { ProbeReport(target: $0, facts: facts) }
            self.run.close(effect)
            try self.run.send(.probed(request, reports: reports, at: self.run.now))
        case .observe(let request, let nodes):
            let facts = self.facts(&picker)
            self.run.close(effect)
            try self.run.send(
                .observed(request, reports: nodes.map { ProbeReport(target: $0, facts: facts) }, at: self.run.now)
            )
        case .act(let act):
            let bound = self.isUnordered ? 4 : 2
            if picker.pick(below: bound) == bound - 1 {
                try self.run.ended(act, .notSent(reason: "no connection"))
            } else {
                self.run.close(effect)
                self.running.append(act)
                try self.run.send(.began(act.effect, at: self.run.now))
            }
        case .inquire(let act): try self.end(act, &picker)
        case .stop(let effect): try self.stop(effect, &picker)
        case .openGate(let gate):
            let all: [(PersonName, Vote.Decision)] = [("lin", .granted), ("max", .granted), ("bo", .denied)]
            let granted = self.run.machine.openGates.first { $0.gate == gate }?.grantedBy ?? []
            let people = all.filter { !granted.contains($0.0) }
            let (person, decision) = people[picker.pick(below: people.count)]
            let vote = Vote(person: person, roles: ["sre"], decision: decision, digest: gate.digest, comment: "")
            try self.run.send(.voted(gate.step, vote, at: self.run.now))
        case .tell(let notice):
            self.run.close(effect)
            let failure = picker.pick(below: 2) == 0 ? nil : "no route"
            let deliveries = notice.channels.map { Delivery(channel: $0, failure: failure) }
            try self.run.send(.told(notice.id, deliveries: deliveries, at: self.run.now))
        case .closeGate, .note, .finish: break
        }
    }

    private mutating func facts(_ picker: inout some Picker) -> [String: Fact] {
        switch picker.pick(below: 3) {
        case 0: ["answered": .bool(true), "serving": .bool(true), "open": .bool(true)]
        case 1: ["answered": .bool(false), "serving": .bool(false), "open": .bool(false)]
        default: ["problem": .string("no answer")]
        }
    }

    private mutating func end(_ act: Act, _ picker: inout some Picker) throws {
        let endings: [CommandReport.Ending] = [
            .exited(status: 0), .exited(status: 1), .inDoubt(reason: "the link broke"), .timedOut,
        ]
        self.running.removeAll { $0 == act }
        try self.run.ended(act, endings[picker.pick(below: self.isUnordered ? 4 : 3)])
    }

    private mutating func stop(_ effect: EffectID, _ picker: inout some Picker) throws {
        let act = try #require(
            self.run.acts.first { $0.effect == effect },
            "a command that was never asked for is stopped"
        )
        guard self.running.contains(act) else {
            try self.run.ended(act, .notSent(reason: "stopped before it was sent"))
            return
        }
        let endings: [CommandReport.Ending] = [.stopped, .exited(status: 0), .inDoubt(reason: "the host is gone")]
        self.running.removeAll { $0 == act }
        try self.run.ended(act, endings[picker.pick(below: endings.count)])
    }

    // MARK: What always holds

    private func checkAlways() throws {
        self.checkThatNothingIsSentTwice()
        try self.checkThatTheClockMovesOn()
    }

    /// A command that began is never to be sent again, and no target has two commands at once.
    private func checkThatNothingIsSentTwice() {
        let began =
            self.run.began + self.run.events.compactMap { if case .began(let effect, _) = $0 { effect } else { nil } }
        for case .act(let act) in self.run.open {
            #expect(!began.contains(act.effect), "\(act.line) began and is to be sent again")
            #expect(!self.running.contains { $0.target == act.target }, "two commands on \(act.target?.text ?? "")")
        }
    }

    /// A driver that sends the clock event that is asked for must not be asked for the same moment again and again.
    private func checkThatTheClockMovesOn() throws {
        var machine = self.run.machine
        var rounds = 0
        while let moment = machine.wakeAt, moment <= self.run.now {
            _ = try machine.handle(.clockReached(at: self.run.now))
            rounds += 1
            try #require(rounds < 20, "the machine asks for \(moment) again and again")
        }
    }
}

extension Transcript {
    /// A runbook that has everything in it that can be under way at once.
    static func ofEverything() throws -> Transcript {
        try Transcript(
            runbook(
                """
                  - id: look
                    max_visits: 2
                    probe: { targets: ensemble, zookeeper: { ask: [srvr] } }
                  - id: route
                    choose:
                      - { when: "steps.look.results.all(r, r.serving)", next: announce }
                      - otherwise: ask
                      - if_unknown: ask
                  - id: ask
                    approve: { message: "May I?", from: [role:sre], needed: 2, timeout: 5m, on_timeout: refused }
                    if_refused: announce
                  - id: each
                    deadline: 10m
                    for_each: { as: node, in: ensemble, serial: 2, pause: 5s, stop_after_failures: 2 }
                    steps:
                      - id: start
                        require: ensemble.exists(n, n.answered) || node.id < 3
                        run: { targets: "[node]", service: zookeeper, do: start }
                        timeout: 1m
                        deadline: 4m
                        retry: { attempts: 2, initial: 2s, jitter: true }
                        verify: { tcp: { port: client }, expect: result.open, every: 20s }
                      - id: up
                        wait: { targets: "[node]", zookeeper: {}, until: result.serving && node.answered, every: 20s }
                        timeout: 1m
                        if_timed_out: rest
                      - id: rest
                        pause: 1s
                  - id: brokers_too
                    run: { targets: brokers, service: kafka, do: start, batch: { size: 1, pause: 5s, max_failures: 1 } }
                    if_failed: look
                    if_in_doubt: announce
                  - id: announce
                    notify: { channels: [oncall], message: "${{ run.reason }}" }
                """,
                head: "deadline: 30m"
            ) + """
                on_failure:
                  - id: tell
                    notify: { channels: [oncall], message: "${{ run.step }}" }
                  - id: undo
                    run: { local: true, command: [tidy], effect: changes }
                    timeout: 1m
                finally:
                  - id: last
                    when: ensemble.exists(n, n.answered)
                    notify: { channels: [log], message: over }

                """
        )
    }
}
