// Selfheal
// SPDX-License-Identifier: Apache-2.0

import ClusterWatch
import RunCore
import RunPlan
import RunVocabulary

/// The daemon's watch in a rehearsal, and what it is told of the runs that it starts.
struct RehearsedWatch: Sendable {
    var machine: WatchMachine
    /// How long it goes on when a run has ended.
    let afterwards: Milliseconds
    /// The alarm that counts.
    var alarm: Instant?
    var hasBegun = false
    var lastDecision: Decision.Kind?
    /// By which monitor each node was last looked at; the nodes of a scenario have one each.
    var asked: [NodeName: String] = [:]
    /// What each node was last seen like.
    var seen: [NodeName: [String: Fact]] = [:]
    var runCount = 0
    /// How many alerts there were.
    var lastAlert: Int64 = 0
    var isAsking = false
    /// How the last run ended, and when, until the next one begins.
    var lastEnd: (ending: RehearsalResult.Ending, at: Instant)?

    /// Whether something asks for the runbook, and a guard rail is why it does not start.
    var isHeldBack: Bool {
        self.lastDecision == .held || self.lastDecision == .refused
    }
}

/// Looks, triggers and guard rails as a live engine has them, and one run after the other.
extension Rehearsal {
    // MARK: Time

    mutating func beginWatch() {
        guard let watch = self.scenario.watch else {
            return
        }
        let settings = self.scenario.watchSettings(watch)
        let inventory = self.world.inventory.pretendingClusters(of: self.plan)
        let runbook = WatchedRunbook(
            plan: self.plan,
            parameters: self.parameters,
            inventory: inventory,
            settings: settings
        )
        let machine = WatchMachine(settings: settings, inventory: inventory, runbooks: [runbook])
        self.watch = RehearsedWatch(machine: machine, afterwards: watch.afterwards, alarm: self.now)
        self.queue.add(.watchWakes(self.now), at: self.now)
    }

    mutating func wakeWatch(_ alarm: Instant) {
        guard let watch = self.watch, watch.alarm == alarm else {
            return
        }
        self.watch?.alarm = nil
        self.watch?.hasBegun = true
        self.tellWatch(watch.hasBegun ? .clockReached(at: self.now) : .began(at: self.now))
    }

    private mutating func tellWatch(_ event: WatchEvent) {
        for effect in self.watch?.machine.handle(event) ?? [] {
            self.perform(effect)
        }
        guard let watch = self.watch, let wake = watch.machine.wakeAt, watch.alarm.map({ wake < $0 }) ?? true else {
            return
        }
        let alarm = max(wake, self.now)
        self.watch?.alarm = alarm
        self.queue.add(.watchWakes(alarm), at: alarm)
    }

    // MARK: Looks

    mutating func finishLook(at node: NodeName, isSilent: Bool) {
        guard isSilent || !self.world.isSilent(node, to: self.world.monitorQuestion(of: node)) else {
            let moment = self.now + self.scenario.monitors.timeout
            self.queue.add(.monitored(node, silent: true), at: moment)
            return
        }
        let facts = isSilent ? PretendProcess.silence : self.world.observedFacts(of: node)
        self.watch?.seen[node] = facts
        let monitor = self.watch?.asked[node] ?? ""
        self.tellWatch(.looked([ProbeReport(target: node, facts: facts)], by: monitor, at: self.now))
    }

    // MARK: Decisions

    private mutating func perform(_ effect: WatchEffect) {
        switch effect {
        case .look(let node, let monitor):
            self.watch?.asked[node] = monitor
            self.queue.add(.monitored(node, silent: false), at: self.now + self.latency())
        case .start(let launch): self.start(launch)
        case .accept(let wishes): self.accept(wishes)
        case .answer(_, let text): self.note(.trigger, text)
        case .tell(let notice): self.note(.notice, "\(notice.severity.rawValue) by the watch: \(notice.message)")
        case .note(let note): self.record(note)
        case .decided(let decision): self.record(decision)
        }
    }

    private mutating func start(_ launch: Launch) {
        let runbook = launch.plan.runbook
        guard self.machine == nil else {
            let reason = "a rehearsal carries out one run at a time"
            self.tellWatch(.startFailed(runbook: runbook, subject: launch.subject, reason: reason, at: self.now))
            return
        }
        let number = (self.watch?.runCount ?? 0) + 1
        let run: RunID = number == 1 ? "rehearsal" : RunID("rehearsal-\(number)")
        self.watch?.runCount = number
        self.watch?.lastEnd = nil
        self.note(.trigger, "fired: \(runbook) starts\(launch.plan == self.plan ? "" : " if people agree")")
        self.tellWatch(.runBegan(run, runbook: runbook, subject: launch.subject, at: self.now))
        self.start(run, of: launch.plan, launch.parameters)
    }

    /// What comes at a time of the runbook, as the store would number it.
    private mutating func accept(_ wishes: [Wish]) {
        let first = (self.watch?.lastAlert ?? 0) + 1
        self.watch?.lastAlert += Int64(wishes.count)
        let alerts = wishes.enumerated().map { offset, wish in
            AcceptedAlert(number: first + Int64(offset), runbook: wish.runbook, alert: wish.alert, at: self.now)
        }
        self.tellWatch(.alerted(alerts, at: self.now))
    }

    private mutating func record(_ note: WatchNote) {
        switch note {
        case .health(let node, let news, _):
            let isHalfAlive = news == .down && self.watch?.seen[node]?["answered"] == .bool(true)
            self.note(.monitor, target: node, isHalfAlive ? "answers and does not serve" : news.text)
        case .blind(let unseen, let all):
            self.note(.monitor, "\(unseen) of \(all) nodes cannot be seen: nothing is started")
        case .sighted: self.note(.monitor, "more than half of the nodes can be seen again")
        case .flapping(_, let text): self.note(.monitor, text)
        case .steady(let node): self.note(.monitor, target: node, "is steady again")
        case .cleared(_, let text): self.note(.trigger, "\(text); the run goes on")
        case .missed(_, let text): self.note(.trigger, text)
        case .frozen(let freeze): self.note(.trigger, freeze.text)
        case .thawed(let person): self.note(.trigger, "\(person) lifts the freeze")
        }
    }

    private mutating func record(_ decision: Decision) {
        let last = self.watch?.lastDecision
        self.watch?.lastDecision = decision.kind
        switch (last, decision.kind) {
        case (_, .holding), (.holding, .unknown): self.note(.trigger, decision.reason)
        case (.holding, .quiet): self.note(.trigger, "it does not hold any more")
        case (_, .observed):
            self.note(.trigger, "fired; \(decision.reason)")
            self.finish(.notStarted(reason: decision.reason))
        case (_, .held): self.note(.trigger, "waits: \(decision.reason)")
        case (_, .refused): self.note(.trigger, "does not start: \(decision.reason)")
        case (_, .started), (_, .quiet), (_, .unknown): break
        }
    }

    // MARK: Runs

    /// The run has come to its end; under a watch others may follow.
    mutating func endRun(_ ending: RehearsalResult.Ending) {
        guard let watch = self.watch else {
            self.finish(ending)
            return
        }
        self.watch?.lastEnd = (ending, self.now)
        self.queue.add(.watchEnds(afterRun: watch.runCount), at: self.now + watch.afterwards)
    }

    mutating func endWatch(afterRun run: Int) {
        if let watch = self.watch, watch.runCount == run, let last = watch.lastEnd {
            self.finish(last.ending)
        }
    }

    /// Says whether the run waits for people, and that it has ended.
    mutating func tellWatchOfRun() {
        guard let watch = self.watch, let machine = self.machine else {
            return
        }
        let run = machine.binding.run
        if let outcome = machine.outcome {
            self.forgetRun()
            self.tellWatch(.runEnded(run, outcome, at: self.now))
        } else if machine.openGates.isEmpty == watch.isAsking {
            self.watch?.isAsking.toggle()
            self.tellWatch(.runWaits(run, !watch.isAsking, at: self.now))
        }
    }

    /// What was on its way to the run reaches nobody: the next one numbers its questions anew.
    private mutating func forgetRun() {
        self.machine = nil
        self.watch?.isAsking = false
        self.looks = [:]
        self.acts = [:]
        self.gates = [:]
        self.verbs = [:]
        self.choice = nil
        self.queue.removeAll { happening in
            switch happening {
            case .looked, .silence, .answered, .begins, .ends, .votes, .told: true
            case .fault, .start, .monitorRound, .watchWakes, .watchEnds, .monitored: false
            }
        }
    }
}
