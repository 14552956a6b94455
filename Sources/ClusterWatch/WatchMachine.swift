// Selfheal
// SPDX-License-Identifier: Apache-2.0

package import CronCalendar
import RunCore
package import RunPlan
package import RunVocabulary

/// Watches a cluster: says when which node is looked at, what is thought of it, and which runbook starts, waits or does not start, and why.
///
/// ```
///     looks ──▶ health ──▶ triggers ──▶ guard rails ──▶ start, ask first, hold, refuse
/// ```
///
/// It reads no clock, draws no lots and touches nothing; the daemon carries out its effects, and the same events give the same effects. What must
/// survive a restart is not in here: the runs are in the store, and so is a freeze.
package struct WatchMachine: Hashable, Sendable {
    /// How many runs are remembered; far more than the limits can ask about.
    private static let runLimit = 1_000

    private(set) var settings: WatchSettings
    private var inventory: Inventory
    private var schedule: LookSchedule
    private var health: HealthModel
    private var book: MonitorBook
    /// The critical ones first.
    private(set) var runbooks: [WatchedRunbook]
    var alerts = AlertQueue()
    private var timetable: Timetable
    private let watchedUntil: Instant?
    private var flaps = FlapWatch()
    private var rounds: RoundCount
    private var heartbeatAt: Instant?
    private var zones: [String: ZoneRules]
    private(set) var decisions: [String: Decision] = [:]
    /// Since when a held runbook is looked at again.
    private var holdUntil: [String: Instant] = [:]
    /// Since when alerts that are held are looked at again.
    var alertHoldUntil: [String: Instant] = [:]
    /// Starts that were asked for and not answered.
    var starting: Set<Start> = []
    /// The runbooks of those starts that a condition asked for: at most one each.
    private var startingForCondition: Set<String> = []
    /// When to look whether a run that ended has helped.
    private var afterwards: [String: Afterwards] = [:]
    private(set) var runs: [TriggeredRun]
    private var freeze: Freeze?
    private var wasBlind = false
    private var voice = Voice()
    package private(set) var now = Instant(milliseconds: 0)
    var effects: [WatchEffect] = []

    struct Start: Hashable, Sendable {
        let runbook: String
        let subject: String?
    }

    private struct Afterwards: Hashable, Sendable {
        let run: RunID
        let outcome: RunOutcome
        let at: Instant
    }

    /// Takes over from an earlier life.
    ///
    /// The triggered runs go as far back as any limit asks, in any order; the zones are those that the runbooks' times and the maintenance
    /// windows go by; it handled every time that came before `watchedUntil`.
    package init(
        settings: WatchSettings,
        inventory: Inventory,
        runbooks: [WatchedRunbook],
        runs: [TriggeredRun] = [],
        freeze: Freeze? = nil,
        alerts: [AcceptedAlert] = [],
        zones: [String: ZoneRules] = [:],
        watchedUntil: Instant? = nil
    ) {
        self.settings = settings
        self.inventory = inventory
        self.schedule = LookSchedule(inventory, settings)
        self.book = MonitorBook(inventory, settings)
        self.health = HealthModel(downAfter: settings.downAfter, upAfter: settings.upAfter)
        self.runbooks = Self.inOrder(runbooks)
        self.timetable = Timetable(self.runbooks, zones: zones)
        self.watchedUntil = watchedUntil
        self.zones = zones
        self.rounds = RoundCount(self.schedule.members)
        self.runs = runs.sorted { $0.began < $1.began }.suffix(Self.runLimit)
        self.freeze = freeze
        self.take(alerts)
    }

    private static func inOrder(_ runbooks: [WatchedRunbook]) -> [WatchedRunbook] {
        runbooks.enumerated().sorted { left, right in
            (left.element.plan.severity.rank, left.offset) < (right.element.plan.severity.rank, right.offset)
        }.map(\.element)
    }

    /// Goes on with other settings, nodes and runbooks.
    ///
    /// What is known of nodes that stay, of runs and of alerts is kept, and so is what a runbook has seen that is the same as before. The
    /// condition of another one, or over other nodes, has to hold from the beginning.
    package mutating func reconfigure(
        settings: WatchSettings,
        inventory: Inventory,
        runbooks: [WatchedRunbook],
        zones: [String: ZoneRules] = [:],
        at moment: Instant
    ) -> [WatchEffect] {
        self.now = max(self.now, moment)
        let isSameView = inventory == self.inventory && settings.staleAfter == self.settings.staleAfter
        self.schedule = self.schedule.adjusted(to: inventory, settings, at: self.now)
        self.book.adjust(to: inventory, settings)
        self.health.adjust(downAfter: settings.downAfter, upAfter: settings.upAfter, to: self.schedule.members)
        let old = self.runbooks
        self.runbooks = Self.inOrder(
            runbooks.map { runbook in
                let same = old.first { $0.plan == runbook.plan && $0.parameters == runbook.parameters }
                return isSameView ? same ?? runbook : runbook
            }
        )
        self.timetable = self.timetable.adjusted(to: self.runbooks, zones: zones, at: self.now)
        self.zones = zones
        self.flaps.adjust(to: self.schedule.members)
        self.rounds.adjust(to: self.schedule.members)
        if settings.heartbeat != self.settings.heartbeat {
            self.heartbeatAt = settings.heartbeat.map { self.now + $0 }
        }
        self.settings = settings
        self.inventory = inventory
        let names = Set(self.runbooks.map(\.name))
        self.decisions = self.decisions.filter { names.contains($0.key) }
        self.holdUntil = self.holdUntil.filter { names.contains($0.key) }
        self.alertHoldUntil = [:]
        self.take(self.alerts.takeAll())
        return self.handle(.clockReached(at: self.now))
    }

    /// When `clockReached` is due.
    package var wakeAt: Instant? {
        let moments =
            [self.schedule.wakeAt, self.timetable.wakeAt, self.flaps.wakeAt(self.settings), self.heartbeatAt]
            + self.runbooks.map(\.wakeAt) + self.holdUntil.values.map { $0 }
            + self.alertHoldUntil.values.map { $0 } + self.afterwards.values.map(\.at)
        return moments.compactMap { $0 }.min()
    }

    /// The last decision on each runbook, by name.
    package func decision(on runbook: String) -> Decision? {
        guard let last = self.decisions[runbook], last.kind.isIdle,
            let watched = self.runbooks.first(where: { $0.name == runbook }), watched.idleKind == last.kind
        else {
            return self.decisions[runbook]
        }
        // While nothing happens its words go on changing, and are put together when somebody asks.
        return watched.idleDecision(at: self.now)
    }

    package var watchedRunbooks: [String] {
        self.runbooks.map(\.name)
    }

    /// Alerts that nobody has acted upon.
    package var waitingAlerts: Int {
        self.alerts.count
    }

    /// Whether every node has been looked at.
    package var hasSeenAll: Bool {
        self.health.seen == self.schedule.nodes.count
    }

    package func health(of node: NodeName) -> HealthModel.Health? {
        self.health.health(of: node)
    }

    package mutating func handle(_ event: WatchEvent) -> [WatchEffect] {
        self.now = max(self.now, event.moment)
        switch event {
        case .began:
            self.schedule.begin(at: self.now)
            self.timetable.begin(at: self.now, watchedUntil: self.watchedUntil)
            self.heartbeatAt = self.settings.heartbeat.map { self.now + $0 }
            self.keepTime()
        case .clockReached: self.clockReached()
        case .looked(let reports, let monitor, _): self.looked(reports, by: monitor)
        case .alerted(let alerts, _): self.take(alerts)
        case .resolved(let alerts, _): self.resolve(alerts)
        case .runBegan(let run, let runbook, let subject, _):
            self.runBegan(run, Start(runbook: runbook, subject: subject))
        case .startFailed(let runbook, let subject, let reason, _):
            self.startFailed(Start(runbook: runbook, subject: subject), reason)
        case .runWaits(let run, let isWaiting, _): self.update(run) { $0.isWaiting = isWaiting }
        case .runEnded(let run, let outcome, _): self.runEnded(run, outcome)
        case .froze(let freeze, _):
            self.freeze = freeze
            self.effects.append(.note(.frozen(freeze)))
        case .thawed(let person, _):
            self.freeze = nil
            self.effects.append(.note(.thawed(by: person)))
        }
        self.judge()
        self.effects += self.schedule.due(at: self.now).map { .look($0.node, by: $0.monitor) }
        defer { self.effects = [] }
        return self.effects
    }

    // MARK: Looking

    private mutating func clockReached() {
        for index in self.runbooks.indices {
            self.runbooks[index].clockReached(at: self.now)
        }
        self.holdUntil = self.holdUntil.filter { $0.value > self.now }
        self.alertHoldUntil = self.alertHoldUntil.filter { $0.value > self.now }
        self.keepTime()
        self.effects += self.flaps.settled(at: self.now, self.settings).map { .note(.steady($0)) }
        self.seeWhetherItHelped()
        self.sayThatWeLive()
    }

    /// Whoever does not hear this any more knows that nobody watches.
    private mutating func sayThatWeLive() {
        guard let due = self.heartbeatAt, due <= self.now, let pause = self.settings.heartbeat else {
            return
        }
        self.heartbeatAt = self.now + pause
        let counts = HealthModel.Health.allCases.map { "\(self.health.count($0)) \($0.rawValue)" }.joined(
            separator: ", "
        )
        let began = self.runs.count { self.now.elapsed(since: $0.began) <= pause }
        self.tell(
            .info,
            nil,
            "Somebody watches: of \(self.schedule.nodes.count.counted("node")) there are \(counts). Triggered runs since the last such word: "
                + "\(began). The next one comes in \(pause)."
        )
    }

    /// When the last round of looks was completed.
    package var lastRound: Instant? {
        self.rounds.last
    }

    private mutating func keepTime() {
        let due = self.timetable.due(at: self.now)
        self.effects += due.missed.map { .note(.missed(runbook: $0.runbook, $0.text)) }
        if !due.wishes.isEmpty {
            self.effects.append(.accept(due.wishes))
        }
    }

    /// When the times of a runbook come next, what was missed, and which of its nodes flap; nothing when there is none of that.
    package func outlook(of runbook: String) -> String? {
        let scope = self.runbooks.first { $0.name == runbook }?.scope ?? []
        let flaps = self.flaps.flapping.intersection(scope).sorted { $0.text < $1.text }.prefix(Self.namesShown)
            .compactMap { self.flaps.text($0, self.settings) }
        let texts = [self.timetable.outlook(of: runbook, at: self.now)].compactMap { $0 } + flaps
        return texts.isEmpty ? nil : texts.joined(separator: "; ")
    }

    /// Of the nodes that flap.
    private static let namesShown = 5

    /// The nodes that change too often to be believed.
    package var flappingNodes: Set<NodeName> {
        self.flaps.flapping
    }

    private mutating func looked(_ reports: [ProbeReport], by monitor: String) {
        // A node that was taken out meanwhile is none of ours any more.
        let ours = reports.filter { report in report.target.map { self.schedule.members.contains($0) } ?? true }
        let seen = ours.compactMap { report -> ProbeReport? in
            guard let node = report.target else {
                return report
            }
            self.schedule.answered(node, by: monitor)
            self.rounds.answered(node, of: self.schedule.members, at: self.now)
            let monitors = self.book.monitors(of: node)
            // Asked for before the configuration was changed, by a monitor that is gone.
            guard monitors.isEmpty || monitors.contains(where: { $0.name == monitor }) else {
                return nil
            }
            let facts = self.book.take(report.facts, about: node, by: monitor, at: self.now)
            if let news = self.health.see(node, report.facts, by: monitor, among: monitors) {
                self.effects.append(.note(.health(node, news, problem: HealthModel.reason(in: facts))))
                if self.flaps.changed(node, at: self.now, self.settings),
                    let text = self.flaps.text(node, self.settings)
                {
                    self.effects.append(.note(.flapping(node, text)))
                    self.tell(
                        .warning,
                        nil,
                        "\(text). It counts as unknown until it is steady, and nothing starts for it."
                    )
                }
            }
            if let text = self.flaps.text(node, self.settings) {
                return ProbeReport(target: node, facts: ["problem": .string(text)])
            }
            var report = ProbeReport(target: node, facts: facts)
            report.facts["health"] = self.health.health(of: node)?.fact
            return report
        }
        self.sayWhetherWeSee()
        let now = self.now
        for index in self.runbooks.indices {
            self.runbooks[index].observe(seen, at: now)
        }
        self.tellWhatIsOver()
    }

    /// A run whose condition does not hold any more is told so, once; it goes on, since its own looks say whether it must.
    private mutating func tellWhatIsOver() {
        for index in self.runs.indices
        where self.runs[index].ended == nil && self.runs[index].isForCondition && !self.runs[index].wasTold {
            let run = self.runs[index]
            guard let runbook = self.runbooks.first(where: { $0.name == run.runbook }), let over = runbook.overCondition
            else {
                continue
            }
            self.runs[index].wasTold = true
            self.effects.append(.note(.cleared(run.run, "'\(over)' does not hold any more")))
        }
    }

    var guardRails: GuardRails {
        GuardRails(
            settings: self.settings,
            freeze: self.freeze,
            runs: self.runs,
            starting: self.starting.map(\.runbook),
            health: self.health,
            maintenance: Maintenance(windows: self.settings.maintenance, zones: self.zones),
            watched: self.schedule.nodes.count
        )
    }

    private mutating func sayWhetherWeSee() {
        let isBlind = self.guardRails.isBlind
        guard isBlind != self.wasBlind else {
            return
        }
        self.wasBlind = isBlind
        if isBlind {
            let unseen = self.health.count(.unknown)
            self.effects.append(.note(.blind(unseen: unseen, of: self.schedule.nodes.count)))
            self.tell(
                .critical,
                nil,
                "\(unseen) of \(self.schedule.nodes.count) nodes cannot be seen. The trouble may be our own connection: nothing is started until more "
                    + "of them answer."
            )
        } else {
            self.effects.append(.note(.sighted))
            self.tell(.info, nil, "More than half of the nodes can be seen again.")
        }
    }

    // MARK: Runs

    private mutating func update(_ run: RunID, _ body: (inout TriggeredRun) -> Void) {
        if let index = self.runs.firstIndex(where: { $0.run == run }) {
            body(&self.runs[index])
        }
    }

    private mutating func runBegan(_ run: RunID, _ start: Start) {
        self.starting.remove(start)
        var triggered = TriggeredRun(run: run, runbook: start.runbook, began: self.now)
        triggered.subject = start.subject
        triggered.isForCondition = self.startingForCondition.remove(start.runbook) != nil
        self.runs.append(triggered)
        if self.runs.count > Self.runLimit, let oldest = self.runs.firstIndex(where: { $0.ended != nil }) {
            self.runs.remove(at: oldest)
        }
    }

    private mutating func startFailed(_ start: Start, _ reason: String) {
        self.starting.remove(start)
        self.startingForCondition.remove(start.runbook)
        let runbook = start.runbook
        self.tell(.critical, runbook, "'\(runbook)' should have started and could not: \(reason)")
        self.decide(Decision(runbook: runbook, kind: .refused, at: self.now, reason: reason))
    }

    private mutating func runEnded(_ run: RunID, _ outcome: RunOutcome?) {
        let now = self.now
        self.update(run) { triggered in
            triggered.ended = now
            triggered.outcome = outcome
        }
        guard let runbook = self.runs.first(where: { $0.run == run })?.runbook, let outcome, outcome != .cancelled
        else {
            return
        }
        // By then every node has been looked at often enough to change one's mind.
        let looks = max(self.settings.downAfter, self.settings.upAfter) + 1
        self.afterwards[runbook] = Afterwards(
            run: run,
            outcome: outcome,
            at: self.now + self.settings.every * looks + self.settings.timeout
        )
    }

    private mutating func seeWhetherItHelped() {
        for (name, after) in self.afterwards.sorted(by: { $0.key < $1.key }) where after.at <= self.now {
            self.afterwards[name] = nil
            guard let runbook = self.runbooks.first(where: { $0.name == name }), let holding = runbook.holding else {
                continue
            }
            self.tell(
                .critical,
                name,
                "Run \(after.run) of '\(name)' ended \(after.outcome.rawValue), and '\(holding.trigger.condition.text)' still holds, "
                    + "since \(self.now.elapsed(since: holding.since).rounded) ago. It is not started again for that."
            )
        }
    }

    // MARK: Deciding

    private mutating func judge() {
        for index in self.runbooks.indices {
            let hasAlerts = self.judgeAlerts(index)
            let runbook = self.runbooks[index]
            guard let firing = runbook.firing else {
                self.holdUntil[runbook.name] = nil
                if !hasAlerts {
                    self.idle(runbook)
                }
                continue
            }
            guard !self.starting.contains(where: { $0.runbook == runbook.name }) else {
                continue
            }
            let held = self.now.elapsed(since: firing.since).rounded
            let reason = "'\(firing.trigger.condition.text)' holds since \(held) ago"
            self.follow(
                self.guardRails.verdict(on: runbook, GuardRails.Cause(firing.trigger), at: self.now),
                reason,
                index
            )
        }
    }

    /// A word that a person may still want to read is not written over with 'nothing asks for it'.
    private mutating func idle(_ runbook: WatchedRunbook) {
        // Before the first round there is nothing to say yet.
        guard self.decisions[runbook.name] != nil || self.health.seen == self.schedule.nodes.count else {
            return
        }
        let kind = runbook.idleKind
        let last = self.decisions[runbook.name]?.kind
        guard kind != last else {
            return
        }
        switch last {
        case .started, .refused, .observed:
            guard kind != .quiet, runbook.holding == nil else {
                return
            }
        case .quiet, .unknown, .holding, .held, nil: break
        }
        self.decide(runbook.idleDecision(at: self.now))
    }

    private mutating func follow(_ verdict: GuardRails.Verdict, _ reason: String, _ index: Int) {
        let runbook = self.runbooks[index]
        switch verdict {
        case .start: self.start(index, asking: nil, reason)
        case .ask(let why): self.start(index, asking: why, reason)
        case .observe:
            self.runbooks[index].spend()
            self.decide(
                runbook.decision(
                    .observed,
                    at: self.now,
                    "\(reason); 'autonomy: observe' tells people and starts nothing"
                )
            )
            self.tell(
                runbook.plan.severity,
                runbook.name,
                "'\(runbook.name)' would start: \(reason). It only observes."
            )
        case .refuse(let why):
            self.runbooks[index].spend()
            self.decide(runbook.decision(.refused, at: self.now, "\(reason); \(why)"))
            self.tell(.critical, runbook.name, "'\(runbook.name)' does not start although \(reason): \(why)")
        case .hold(let why, let until, _):
            self.holdUntil[runbook.name] = until
            let last = self.decisions[runbook.name]
            self.decide(runbook.decision(.held, at: self.now, "\(reason); \(why)"))
            if last?.kind != .held {
                self.tell(runbook.plan.severity, runbook.name, "'\(runbook.name)' waits although \(reason): \(why)")
            }
        }
    }

    private mutating func start(_ index: Int, asking why: String?, _ reason: String) {
        let runbook = self.runbooks[index]
        self.runbooks[index].spend()
        self.holdUntil[runbook.name] = nil
        _ = self.launch(runbook, runbook.parameters, for: nil, asking: why, reason)
    }

    /// Asks for a start, unless people must agree first and there is nobody to ask.
    mutating func launch(
        _ runbook: WatchedRunbook,
        _ parameters: [String: Fact],
        for alert: AcceptedAlert?,
        asking why: String?,
        _ reason: String
    ) -> Bool {
        var plan = runbook.plan
        if let why {
            guard !self.settings.askFrom.isEmpty else {
                let cure = "the configuration names nobody to ask ('watch: { ask: { from: [role:on_call] } }')"
                self.decide(
                    runbook.decision(.refused, at: self.now, "\(reason); people must agree (\(why)), and \(cure)")
                )
                self.tell(.critical, runbook.name, "'\(runbook.name)' does not start although \(reason): \(cure)")
                return false
            }
            plan = plan.asking(
                self.settings.askFrom,
                for: self.settings.askFor,
                telling: self.settings.channels,
                because: "May '\(plan.title)' start? \(reason). Asked because of \(why)."
            )
        }
        if alert == nil {
            self.startingForCondition.insert(runbook.name)
        }
        self.starting.insert(Start(runbook: runbook.name, subject: alert?.alert.concern))
        let asked = why.map { "; people are asked first: \($0)" } ?? ""
        self.decide(runbook.decision(.started, at: self.now, reason + asked))
        self.effects.append(.start(Launch(plan: plan, parameters: parameters, reason: reason, alert: alert)))
        return true
    }

    /// Takes note of a decision; what is only said with other numbers is no news.
    mutating func decide(_ decision: Decision) {
        let last = self.decisions.updateValue(decision, forKey: decision.runbook)
        if last?.kind != decision.kind || decision.kind == .started {
            self.effects.append(.decided(decision))
        }
    }

    mutating func tell(_ severity: Severity, _ runbook: String?, _ message: String) {
        if let message = self.voice.say(message, at: self.now) {
            self.effects.append(.tell(WatchNotice(severity: severity, runbook: runbook, message: message)))
        }
    }
}

/// Keeps a storm of messages from burying the ones that matter.
private struct Voice: Hashable, Sendable {
    private var said: [Instant] = []
    private var swallowed = 0

    /// The message as it may be said now, or nothing.
    mutating func say(_ message: String, at moment: Instant) -> String? {
        self.said.removeAll { moment.elapsed(since: $0) >= WatchSettings.tellWindow }
        guard self.said.count < WatchSettings.tellLimit else {
            self.swallowed += 1
            return nil
        }
        self.said.append(moment)
        defer { self.swallowed = 0 }
        return self.swallowed == 0
            ? message : "\(message) (Not told before this, because there were too many: \(self.swallowed).)"
    }
}

extension Severity {
    fileprivate var rank: Int {
        switch self {
        case .critical: 0
        case .warning: 1
        case .info: 2
        }
    }
}
