// Selfheal
// SPDX-License-Identifier: Apache-2.0

import ClusterWatch
import HTTPService
import RunCore
import RunJournal
package import RunPlan
package import RunPorts
package import RunVocabulary
package import SelfhealConfiguration
package import SelfhealEngine
import Synchronization
import WorldAdapters

/// Carries out what the watch decides: looks at nodes, starts and drives runs, tells people.
///
/// One task owns the ``WatchMachine`` and takes events from one inbox. Everything else is a child task of its own that ends with an event, so
/// a node that does not answer, a run that takes hours and a mail server that hangs delay nobody. There is nothing to be saved when the process
/// ends: runs are in the store, and the next daemon takes them up where their journals end.
package struct WatchDaemon: Sendable {
    package struct Surroundings: Sendable {
        /// Must not wait.
        package var log: @Sendable (LogEntry) -> Void
        /// Who looks on while a run is driven.
        package var observer: @Sendable (RunID) -> any RunObserver
        package var nextRun: @Sendable () -> RunID
        package var manager: ServiceManager
        /// Where the configuration comes from, and can come from again.
        package var source: Source?
        /// What looks at nodes in place of the engine's own, for whoever measures what looking costs.
        package var monitors: (any ProbeRunner)?

        package init(
            log: @escaping @Sendable (LogEntry) -> Void,
            observer: @escaping @Sendable (RunID) -> any RunObserver,
            nextRun: @escaping @Sendable () -> RunID,
            manager: ServiceManager = ServiceManager(environment: [:], process: 0),
            source: Source? = nil,
            monitors: (any ProbeRunner)? = nil
        ) {
            self.log = log
            self.observer = observer
            self.nextRun = nextRun
            self.manager = manager
            self.source = source
            self.monitors = monitors
        }
    }

    package struct Source: Sendable {
        /// How the files were before they were loaded the first time; as they are when the watch begins, if nothing.
        package var loaded: String?
        /// Another text, when a file was changed or somebody asked for a look; must not wait.
        package var state: @Sendable () -> String
        /// Everything anew; whatever is wrong has been said on standard error when it throws.
        package var load: @Sendable () throws -> (SelfhealConfiguration, [Runbook])

        package init(
            loaded: String? = nil,
            state: @escaping @Sendable () -> String,
            load: @escaping @Sendable () throws -> (SelfhealConfiguration, [Runbook])
        ) {
            self.loaded = loaded
            self.state = state
            self.load = load
        }
    }

    /// A runbook as the configuration names it, with a value for every parameter.
    package struct Runbook: Sendable {
        package var plan: Plan
        package var parameters: [String: Fact]
        package var source: String

        package init(plan: Plan, parameters: [String: Fact], source: String) {
            self.plan = plan
            self.parameters = parameters
            self.source = source
        }
    }

    enum Input: Sendable {
        case event(WatchEvent)
        case why(String?, CheckedContinuation<String?, Never>)
        case reload(SelfhealConfiguration, [Runbook])
    }

    /// Far above what can be under way: looks are bounded by the watch, runs by its limits.
    private static let inboxLimit = 100_000

    let engine: Engine
    let surroundings: Surroundings
    let inbox: AsyncStream<Input>.Continuation
    private let inputs: AsyncStream<Input>
    let pulse = Pulse()
    let metrics: WatchMetrics
    private let current: CurrentWatch

    package init(engine: Engine, runbooks: [Runbook], surroundings: Surroundings) {
        self.engine = engine
        let inventory = engine.configuration.inventory
        let settings = engine.configuration.watch
        self.metrics = WatchMetrics(inventory: inventory)
        self.current = CurrentWatch(runbooks, inventory, settings)
        self.surroundings = surroundings
        (self.inputs, self.inbox) = AsyncStream.makeStream(bufferingPolicy: .bufferingOldest(Self.inboxLimit))
    }

    /// When every node had been looked at once more.
    package var lastRound: Instant? {
        self.pulse.now.lastRound
    }

    /// Watches until the task is cancelled.
    package func run() async throws {
        let settings = self.engine.configuration.watch
        try await self.engine.forgetAlerts(olderThan: Self.alertMemory)
        var machine = WatchMachine(
            settings: settings,
            inventory: self.engine.configuration.inventory,
            runbooks: self.current.watched,
            runs: try await self.engine.triggeredRuns(),
            freeze: try await self.engine.freeze(),
            alerts: try await self.engine.waitingAlerts(),
            zones: SystemZones.book(for: self.current.watched.map(\.plan), settings),
            watchedUntil: try await self.engine.watchedUntil()
        )
        self.listen()
        let unfinished = try await self.engine.unfinished()
        let now = self.now
        let isFrozen = try await self.engine.freeze() != nil
        self.pulse.update { reading in
            reading.handled = now
            reading.looked = now
            reading.isFrozen = isFrozen
        }
        let door = try await self.openDoor(self.desk)
        await withDiscardingTaskGroup { work in
            for summary in unfinished where summary.state != RunState.stopped.rawValue {
                self.log(
                    .warning,
                    "run_resumed",
                    "run \(summary.id) of '\(summary.runbook)' is taken up again",
                    self.about(summary.id)
                )
                work.addTask { await self.drive(RunID(summary.id), of: summary.runbook) }
            }
            work.addTask { await self.beat() }
            work.addTask { await self.tidyUp() }
            if let door {
                work.addTask { await self.attend(door) }
            }
            var alarm = Alarm(inbox: self.inbox, clock: self.engine.clock)
            var eyes = self.eyes
            self.inbox.yield(.event(.began(at: self.now)))
            for await input in self.inputs {
                switch input {
                case .event(let event):
                    if case .clockReached = event {
                        alarm.rang()
                    }
                    for effect in machine.handle(event) {
                        self.follow(effect, eyes, &work)
                    }
                    alarm.set(machine.wakeAt)
                    self.note(event, machine)
                case .reload(let configuration, let runbooks):
                    let effects = self.reconfigure(&machine, configuration, runbooks)
                    eyes = self.eyes
                    for effect in effects {
                        self.follow(effect, eyes, &work)
                    }
                    alarm.set(machine.wakeAt)
                case .why(let runbook, let asker): asker.resume(returning: self.explain(machine, runbook))
                }
            }
            alarm.silence()
            work.cancelAll()
        }
    }

    /// How long alerts are known again after they were answered.
    private static let alertMemory = Milliseconds.minutes(7 * 24 * 60)

    // MARK: Outside

    private var desk: ServiceDesk? {
        self.engine.configuration.http.map { _ in
            ServiceDesk(
                engine: self.engine,
                current: self.current,
                metrics: self.metrics,
                pulse: self.pulse,
                send: { [inbox = self.inbox] in inbox.yield(.event($0)) },
                nextIdentifier: { [surroundings = self.surroundings] in surroundings.nextRun().text }
            )
        }
    }

    /// Sees to it that the watch has something to handle every second, and that who started us hears of it when it did.
    private func beat() async {
        let manager = self.surroundings.manager
        let pulse = self.pulse
        var isReady = false
        var state = self.surroundings.source.map { $0.loaded ?? $0.state() }
        var mark = WatchMark()
        while !Task.isCancelled {
            try? await Task.sleep(for: .milliseconds(500), clock: .continuous)
            let found = self.surroundings.source?.state()
            if found != state {
                state = found
                await self.reload()
            }
            self.inbox.yield(.event(.clockReached(at: self.now)))
            await self.leave(&mark)
            let settings = self.engine.configuration.watch
            let nodes = self.engine.configuration.inventory.nodes.count { $0.monitor != nil }
            let staleAfter = settings.lifetime(watching: self.engine.configuration.inventory)
            let trouble = pulse.now.trouble(at: self.now, nodes: nodes, staleAfter: staleAfter)
            if trouble == nil, !isReady {
                isReady = true
                manager.say("READY=1\nSTATUS=watching \(nodes.counted("node"))")
            }
            if trouble == nil {
                manager.say("WATCHDOG=1")
            }
        }
    }

    /// Reads everything again; what is wrong changes nothing, and people hear of it.
    private func reload() async {
        guard let source = self.surroundings.source else {
            return
        }
        do {
            let (configuration, runbooks) = try source.load()
            self.inbox.yield(.reload(configuration, runbooks))
        } catch {
            await self.keep("what is wrong stands on standard error, and 'selfheal config check' says it again")
        }
    }

    private func keep(_ reason: String) async {
        let text = "The configuration was changed and cannot be used; the earlier one is kept: \(reason)"
        self.log(.error, "configuration_kept", text)
        await self.deliver(WatchNotice(severity: .critical, runbook: nil, message: text))
    }

    private func reconfigure(
        _ machine: inout WatchMachine,
        _ configuration: SelfhealConfiguration,
        _ runbooks: [Runbook]
    ) -> [WatchEffect] {
        let old = self.engine.configuration.http
        do throws(EngineError) {
            guard old?.address == configuration.http?.address, old?.port == configuration.http?.port else {
                throw EngineError("another 'http: { listen: … }' takes a restart")
            }
            try self.engine.reconfigure(configuration)
        } catch {
            let reason = error.message
            Task { await self.keep(reason) }
            return []
        }
        self.current.change(runbooks, configuration.inventory, configuration.watch)
        self.metrics.watch(configuration.inventory)
        let names = runbooks.map(\.plan.runbook).joined(separator: ", ")
        self.log(.warning, "configuration", "the configuration was read again; runbooks that may start: \(names)")
        return machine.reconfigure(
            settings: configuration.watch,
            inventory: configuration.inventory,
            runbooks: self.current.watched,
            zones: SystemZones.book(for: self.current.watched.map(\.plan), configuration.watch),
            at: self.now
        )
    }

    private func note(_ event: WatchEvent, _ machine: WatchMachine) {
        let now = self.now
        self.pulse.update { reading in
            reading.handled = now
            reading.waitingAlerts = machine.waitingAlerts
            reading.hasSeenAll = machine.hasSeenAll
            reading.timesHandled = machine.now
            reading.lastRound = machine.lastRound
            switch event {
            case .alerted(let alerts, _): reading.arriving -= alerts.count
            case .looked: reading.looked = now
            case .froze: reading.isFrozen = true
            case .thawed: reading.isFrozen = false
            default: break
            }
        }
        if case .looked(let reports, _, _) = event {
            for report in reports {
                if let node = report.target, let health = machine.health(of: node) {
                    self.metrics.isNow(node, health)
                }
            }
        }
    }

    var now: Instant {
        self.engine.clock.now
    }

    private func listen() {
        let inbox = self.inbox
        let clock = self.engine.clock
        self.engine.attachWatch(
            explain: { runbook in
                await withCheckedContinuation { asker in
                    // A daemon that ends answers nobody, and the asker must not wait for ever.
                    if case .enqueued = inbox.yield(.why(runbook, asker)) {
                        return
                    }
                    asker.resume(returning: nil)
                }
            },
            changed: { freeze, person in
                let event = freeze.map { WatchEvent.froze($0, at: clock.now) } ?? .thawed(by: person, at: clock.now)
                inbox.yield(.event(event))
            }
        )
    }

    // MARK: Effects

    /// What looks at nodes, and where they are; taken out of the engine once for many looks.
    private struct Eyes: Sendable {
        let prober: any ProbeRunner
        let inventory: Inventory

        func look(at node: NodeName, by monitor: String) async -> ProbeReport {
            await self.prober.look(at: node, by: monitor, in: self.inventory)
        }
    }

    private var eyes: Eyes {
        Eyes(
            prober: self.surroundings.monitors ?? self.engine.monitors,
            inventory: self.engine.configuration.inventory
        )
    }

    private func follow(_ effect: WatchEffect, _ eyes: Eyes, _ work: inout DiscardingTaskGroup) {
        switch effect {
        case .look(let node, let monitor):
            work.addTask {
                let begin = ContinuousClock.now
                let report = await eyes.look(at: node, by: monitor)
                self.metrics.looked(at: node, by: monitor, for: (ContinuousClock.now - begin) / .seconds(1))
                self.inbox.yield(.event(.looked([report], by: monitor, at: self.now)))
            }
        case .start(let launch): work.addTask { await self.start(launch) }
        case .accept(let wishes):
            // Before anything else is handled: what is on its way must not count as handled.
            self.pulse.update { reading in
                reading.timesArriving += 1
                reading.arriving += wishes.count
            }
            work.addTask { await self.accept(wishes) }
        case .answer(let alerts, let text): work.addTask { await self.answer(alerts, text) }
        case .tell(let notice): work.addTask { await self.tell(notice) }
        case .note(let note):
            self.log(note)
            self.metrics.noted(note)
            if case .cleared(let run, let what) = note {
                work.addTask { _ = await self.engine.tellCleared(run, what: what) }
            }
        case .decided(let decision):
            let level: LogEntry.Level = decision.kind == .quiet || decision.kind == .holding ? .info : .warning
            self.log(
                level,
                "decision",
                "\(decision.runbook): \(decision.kind.rawValue): \(decision.reason)",
                [JSONMember("runbook", .string(decision.runbook)), JSONMember("kind", .string(decision.kind.rawValue))]
            )
        }
    }

    /// What is not written down is looked at again by the next daemon, which comes to the same answer.
    private func answer(_ alerts: [Int64], _ text: String) async {
        do {
            try await self.engine.answer(alerts, text)
        } catch {
            self.log(
                .error,
                "store",
                "what became of an alert cannot be written down: \(EngineError(describing: error))"
            )
        }
    }

    private func start(_ launch: Launch) async {
        let name = launch.plan.runbook
        let subject = launch.subject
        let run = self.surroundings.nextRun()
        let configuration = self.engine.configuration
        let binding = RunBinding(
            run: run,
            plan: launch.plan,
            parameters: launch.parameters,
            inventory: configuration.inventory,
            requestedBy: Engine.watchName,
            requesterMayApprove: configuration.requesterMayApprove
        )
        do {
            let source = self.current.source(of: name)
            try await self.engine.create(binding, source: source, answering: launch.alert?.number)
        } catch {
            let reason = EngineError(describing: error).message
            self.log(
                .error,
                "start_failed",
                "'\(name)' could not start: \(reason)",
                [JSONMember("runbook", .string(name))]
            )
            self.inbox.yield(.event(.startFailed(runbook: name, subject: subject, reason: reason, at: self.now)))
            return
        }
        self.inbox.yield(.event(.runBegan(run, runbook: name, subject: subject, at: self.now)))
        self.log(.warning, "run_began", "run \(run) of '\(name)' begins: \(launch.reason)", self.about(run.text))
        await self.drive(run, of: name)
    }

    private func drive(_ run: RunID, of runbook: String) async {
        let observer = GateWatcher(base: self.surroundings.observer(run), metrics: self.metrics) { isWaiting in
            self.inbox.yield(.event(.runWaits(run, isWaiting, at: self.now)))
        }
        do {
            let outcome = try await self.engine.drive(run, observer: observer)
            self.metrics.ended(runbook, outcome)
            self.log(.warning, "run_ended", "run \(run) ended \(outcome.rawValue)", self.about(run.text))
            self.inbox.yield(.event(.runEnded(run, outcome, at: self.now)))
        } catch {
            let reason = EngineError(describing: error).message
            self.metrics.ended(runbook, nil)
            self.log(.error, "run_stopped", "run \(run) stops where it is: \(reason)", self.about(run.text))
            self.inbox.yield(.event(.runEnded(run, nil, at: self.now)))
            await self.tell(
                WatchNotice(
                    severity: .critical,
                    runbook: nil,
                    message: "Run \(run) stops where it is, and a person has to look: \(reason)"
                )
            )
        }
    }

    func tell(_ notice: WatchNotice) async {
        self.log(.warning, "notice", notice.message, notice.runbook.map { [JSONMember("runbook", .string($0))] } ?? [])
        await self.deliver(notice)
    }

    /// Tells people what the log has already.
    private func deliver(_ notice: WatchNotice) async {
        self.metrics.told()
        let channels = self.engine.configuration.watch.channels
        for delivery in await self.engine.announce(notice, on: channels) {
            self.log(
                .error,
                "notice_failed",
                "'\(delivery.channel)' could not be told: \(delivery.failure ?? "")",
                [JSONMember("channel", .string(delivery.channel))]
            )
        }
    }
}
