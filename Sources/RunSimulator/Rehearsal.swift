// Selfheal
// SPDX-License-Identifier: Apache-2.0

import ClusterWatch
import RunCore
package import RunPlan
import RunVocabulary
package import RunbookSource

/// Drives one run of a plan through a scenario, in virtual time.
///
/// It drives the ``RunMachine`` that the daemon drives, by the same rules: an event is handled before its effects begin, an act is
/// bracketed by `began` and `ended`, and `clockReached` comes when the machine asked for it. Only the world is pretended, and time
/// jumps from one event to the next. The same plan, scenario and seed give the same result, byte for byte.
///
/// What a live engine does around a run is rehearsed where the scenario has a `watch`: then the ``WatchMachine`` of the daemon starts the run, within its
/// guard rails, and people are asked first where a live engine asks them. Without one the runbook is rehearsed alone. Locks are not rehearsed.
package struct Rehearsal: Sendable {
    /// What comes to the driver, besides what the world does by itself and what the machine's clock asks for.
    enum Happening: Sendable {
        case fault(Scenario.Fault)
        case start
        case monitorRound
        /// The watch wants to be woken; an alarm that was set anew is not meant any more.
        case watchWakes(Instant)
        case watchEnds(afterRun: Int)
        case monitored(NodeName, silent: Bool)
        case looked(RequestID, NodeName)
        case silence(RequestID, NodeName)
        case answered(RequestID)
        case begins(Act)
        case ends(EffectID)
        case votes(StepKey, Scenario.Person)
        case told(Notice)
    }

    /// Far above what six hours of a second-by-second wait need.
    private static let eventLimit = 2_000_000

    let plan: Plan
    let scenario: Scenario
    let seed: UInt64
    let parameters: [String: Fact]
    var world: SimulatedWorld
    /// People, wires and monitors; apart from the world's own, so that looking more often does not change the world.
    var generator: SplitMix64
    var queue = EventQueue<Happening>()
    var now = Instant(milliseconds: 0)
    var machine: RunMachine?
    var startedAt: Instant?
    var watches: [TriggerWatch] = []
    var lastFinding: TriggerWatch.Finding?
    var monitor: HealthModel
    /// The daemon's watch, where the scenario has one.
    var watch: RehearsedWatch?
    /// Whether rounds of the monitors that would show nothing new are passed over.
    var skipsQuietTime = true
    var quiet = QuietTime()
    var looks: [RequestID: Look] = [:]
    var acts: [EffectID: ActUnderWay] = [:]
    var gates: [StepKey: Gate] = [:]
    var timeline: [TimelineEntry] = []
    var path: [StepKey] = []
    private var moments: [RehearsalResult.Moment] = []
    /// Whether a person's answer is being taken in, which tells a gate that was answered from one that was not.
    private(set) var isHandlingVote = false
    var verbs: [StepKey: (verb: String, since: Instant)] = [:]
    /// What a `choose` decided, until the step that it leads to is entered.
    var choice: (step: StepKey, because: String)?
    private(set) var ending: RehearsalResult.Ending?
    private var isRunaway = false
    /// Counted only when somebody asks, since it looks at every partition whenever anything happens.
    private var toll: Toll?

    /// A probe whose answers are coming in.
    struct Look: Sendable {
        let order: ProbeOrder
        let isObservation: Bool
        let began: Instant
        var reports: [ProbeReport] = []
        var missing: Int
    }

    struct ActUnderWay: Sendable {
        let act: Act
        var report: CommandReport
        var happens: Bool
    }

    private init(plan: Plan, scenario: Scenario, seed: UInt64, parameters: [String: Fact]) {
        self.plan = plan
        self.scenario = scenario
        self.seed = seed
        self.parameters = parameters
        self.world = SimulatedWorld(scenario, seed: seed)
        self.generator = SplitMix64(seed: ~seed)
        self.monitor = HealthModel(downAfter: scenario.monitors.downAfter, upAfter: scenario.monitors.upAfter)
    }

    /// Rehearses one run.
    ///
    /// What is `given` are parameters by name, as text; they override those of the scenario. What it cost is counted if asked for. Time in which the
    /// monitors see what they saw before is passed over, which changes nothing but how long a rehearsal takes.
    ///
    /// - Returns: what happened, and what kept the rehearsal from being one; no result when the parameters do not fit.
    package static func run(
        _ plan: Plan,
        in scenario: Scenario,
        seed: UInt64,
        given: [String: String] = [:],
        countsToll: Bool = false,
        skipsQuietTime: Bool = true
    ) -> (result: RehearsalResult?, diagnostics: [Diagnostic]) {
        var (parameters, diagnostics) = RehearsalParameters.resolve(plan, scenario, given: given)
        guard let parameters else {
            return (nil, diagnostics)
        }
        if scenario.start == .onTrigger, plan.triggers.isEmpty {
            return (nil, diagnostics + [.noTrigger(plan.runbook, at: scenario.span)])
        }
        var rehearsal = Rehearsal(plan: plan, scenario: scenario, seed: seed, parameters: parameters)
        diagnostics += rehearsal.emptySelections() + rehearsal.unaskedAnswers() + rehearsal.strayMishaps()
        rehearsal.toll = countsToll ? Toll() : nil
        rehearsal.skipsQuietTime = skipsQuietTime
        rehearsal.walk()
        rehearsal.toll?.rest(rehearsal.world)
        diagnostics += rehearsal.problem.map { [$0] } ?? []
        return (rehearsal.result, diagnostics)
    }

    // MARK: Walking through time

    private mutating func walk() {
        self.prepare()
        let limit = Instant(milliseconds: self.scenario.until.count)
        var events = 0
        while self.ending == nil, events < Self.eventLimit, let moment = self.nextMoment, moment <= limit {
            events += 1
            self.now = max(self.now, moment)
            self.step()
        }
        if self.ending == nil {
            let isRunaway = events >= Self.eventLimit
            self.now = isRunaway ? self.now : limit
            self.giveUp(isRunaway)
        }
    }

    private var nextMoment: Instant? {
        let clock = self.machine?.wakeAt ?? self.watches.compactMap(\.wakeAt).min()
        return [self.queue.nextMoment, self.world.nextMoment, clock].compactMap { $0 }.min()
    }

    /// Lets one thing happen: what the world does by itself first, then what was sent or asked, then the clock.
    private mutating func step() {
        if let moment = self.world.nextMoment, moment <= self.now {
            self.world.advance(to: self.now)
            self.quiet.isDisturbed()
            self.recordWorld()
        } else if let moment = self.queue.nextMoment, moment <= self.now, let due = self.queue.take() {
            self.world.advance(to: self.now)
            self.happen(due.event)
            self.recordWorld()
        } else if self.machine != nil {
            self.handle(.clockReached(at: self.now))
        } else {
            self.watchClock()
        }
    }

    private mutating func prepare() {
        self.note(.world, self.world.summary)
        for fault in self.scenario.faults {
            self.queue.add(.fault(fault), at: Instant(milliseconds: fault.at.count))
        }
        switch self.scenario.start {
        case .at(let moment): self.queue.add(.start, at: Instant(milliseconds: moment.count))
        case .onTrigger where self.scenario.watch != nil:
            self.beginWatch()
            return
        case .onTrigger:
            self.watches = self.plan.triggers.map { trigger in
                TriggerWatch(
                    trigger: trigger,
                    of: self.plan,
                    parameters: self.parameters,
                    inventory: self.world.inventory.pretendingClusters(of: self.plan),
                    staleAfter: self.scenario.monitors.staleAfter
                )
            }
        }
        self.queue.add(.monitorRound, at: self.now)
    }

    private mutating func happen(_ happening: Happening) {
        switch happening {
        case .fault(let fault):
            self.note(.fault, fault.text)
            self.world.strike(fault.kind, fault.nodes)
            self.quiet.isDisturbed()
        case .start: self.startAlone(because: "the scenario starts \(self.plan.runbook)")
        case .monitorRound: self.beginMonitorRound()
        case .watchWakes(let alarm): self.wakeWatch(alarm)
        case .watchEnds(let run): self.endWatch(afterRun: run)
        case .monitored(let node, let isSilent): self.finishMonitoring(node, isSilent: isSilent)
        case .looked(let request, let node): self.look(request, at: node)
        case .silence(let request, let node): self.report(request, node, PretendProcess.silence)
        case .answered(let request): self.finishLook(request)
        case .begins(let act): self.begin(act)
        case .ends(let effect): self.end(effect)
        case .votes(let step, let person): self.vote(at: step, person)
        case .told(let notice):
            let deliveries = notice.channels.map { Delivery(channel: $0, failure: nil) }
            self.handle(.told(notice.id, deliveries: deliveries, at: self.now))
        }
    }

    mutating func startAlone(because reason: String) {
        guard self.machine == nil else {
            return
        }
        self.note(.trigger, reason)
        self.watches = []
        self.start("rehearsal", of: self.plan, self.parameters)
    }

    mutating func start(_ run: RunID, of plan: Plan, _ parameters: [String: Fact]) {
        self.startedAt = self.startedAt ?? self.now
        self.machine = RunMachine(
            binding: RunBinding(
                run: run,
                plan: plan,
                parameters: parameters,
                inventory: self.world.inventory.pretendingClusters(of: plan),
                requestedBy: "selfheal"
            )
        )
        self.handle(.started(at: self.now))
    }

    /// Gives the machine an event and does what it asks for.
    mutating func handle(_ event: RunEvent) {
        guard var machine = self.machine else {
            return
        }
        self.machine = nil
        self.isHandlingVote = if case .voted = event { true } else { false }
        do {
            let effects = try machine.handle(event)
            self.machine = machine
            for effect in effects {
                self.perform(effect)
            }
            self.tellWatchOfRun()
        } catch {
            preconditionFailure("a rehearsal starts a run once and first: \(error.message)")
        }
    }

    mutating func finish(_ ending: RehearsalResult.Ending) {
        self.ending = self.ending ?? ending
    }

    // MARK: Record

    mutating func note(
        _ kind: TimelineEntry.Kind,
        step: StepKey? = nil,
        target: NodeName? = nil,
        _ text: String
    ) {
        self.timeline.append(TimelineEntry(at: self.now, kind, step: step, target: target, text))
    }

    mutating func trace(_ what: RehearsalResult.Moment.What) {
        self.moments.append(RehearsalResult.Moment(at: self.now, what: what))
    }

    private mutating func recordWorld() {
        self.toll?.take(self.world, at: self.now)
        for note in self.world.takeNotes() {
            self.timeline.append(TimelineEntry(at: note.at, note.isHarm ? .harm : .world, note.text))
        }
    }

    private var result: RehearsalResult {
        RehearsalResult(
            scenario: self.scenario.name,
            runbook: self.plan.runbook,
            seed: self.seed,
            ending: self.ending ?? .unfinished(waitsFor: []),
            timeline: self.timeline,
            path: self.path,
            moments: self.moments,
            startedAt: self.startedAt,
            endedAt: self.watch?.lastEnd?.at ?? self.now,
            toll: self.toll
        )
    }

    // MARK: Rehearsals without an end

    private mutating func giveUp(_ isRunaway: Bool) {
        self.isRunaway = isRunaway
        if let last = self.watch?.lastEnd {
            self.finish(last.ending)
        } else if let machine = self.machine {
            self.finish(.unfinished(waitsFor: self.waits(of: machine)))
        } else if case .at = self.scenario.start {
            self.finish(.notStarted(reason: "the scenario ends before it starts the run"))
        } else {
            self.finish(.notStarted(reason: self.quietReason))
        }
    }

    /// Why no trigger fired, by its last word.
    private var quietReason: String {
        if let decision = self.watch?.machine.decision(on: self.plan.runbook), decision.kind != .quiet {
            return decision.reason
        }
        return switch self.lastFinding {
        case .unknown(let reason): "the trigger's condition cannot be told: \(reason)"
        case .holding(let since, let until):
            "the trigger's condition holds since T+\(since.sinceStart) and would fire at T+\(until.sinceStart)"
        case .quiet, .fired, .spent, nil: "the trigger's condition does not hold"
        }
    }

    private func waits(of machine: RunMachine) -> [String] {
        let doubts = machine.doubts.map { doubt in
            "a person to settle \(doubt.step)\(doubt.target.map { " on \($0)" } ?? "")"
        }
        let gates = machine.openGates.map { "approval at \($0.gate.step)" }
        let acts = machine.inFlight.map { "\($0.summary) on \($0.target?.text ?? "this machine")" }
        let all = doubts + gates + acts
        return all.isEmpty ? machine.stepsUnderWay.suffix(1).map { "step \($0)" } : all
    }

    private var problem: Diagnostic? {
        let span = self.scenario.span
        switch self.ending {
        case .unfinished where self.isRunaway:
            return .rehearsalRunsAway(self.plan.runbook, events: Self.eventLimit, at: span)
        case .unfinished(let waits):
            return .rehearsalDoesNotEnd(self.plan.runbook, after: self.scenario.until, waitsFor: waits, at: span)
        case .notStarted(let reason) where self.plan.autonomy != .observe && self.watch?.isHeldBack != true:
            return .triggerDidNotFire(self.plan.runbook, within: self.scenario.until, why: reason, at: span)
        case .notStarted, .ended, nil: return nil
        }
    }

    private func unaskedAnswers() -> [Diagnostic] {
        Scenario.Answer.strangers(among: self.scenario.answers, to: self.plan).map { answer, asked in
            .answerToNothing(answer.question.text, self.plan.runbook, at: answer.span, asked: asked)
        }
    }

    private func strayMishaps() -> [Diagnostic] {
        let names = self.plan.states.map(\.state.step.text)
        return self.scenario.mishaps.compactMap(\.step).filter { !names.contains($0.value) }.map { step in
            .mishapOfNoStep(step.value, self.plan.runbook, at: step.span, known: names)
        }
    }
}

extension Scenario.Fault {
    /// `kafka1 and kafka2 are killed`.
    fileprivate var text: String {
        let names = self.nodes.map(\.text).joined(separator: ", ")
        let verb = self.nodes.count == 1 ? "is" : "are"
        return switch self.kind {
        case .kill: "\(names) \(verb) killed"
        case .wipe: "\(names) \(verb) killed and wiped"
        case .cut: "\(names) \(verb) cut off from everyone"
        case .hang: "\(names) \(self.nodes.count == 1 ? "hangs" : "hang")"
        case .heal: "\(names) \(verb) reachable and awake again"
        case .start: "\(names) \(verb) started by somebody else"
        }
    }
}
