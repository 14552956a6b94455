// Selfheal
// SPDX-License-Identifier: Apache-2.0

import ClusterWatch
import RunCore
import RunJournal
package import RunPlan
package import RunPorts
package import RunVocabulary
import SelfhealConfiguration
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

        package init(
            log: @escaping @Sendable (LogEntry) -> Void,
            observer: @escaping @Sendable (RunID) -> any RunObserver,
            nextRun: @escaping @Sendable () -> RunID
        ) {
            self.log = log
            self.observer = observer
            self.nextRun = nextRun
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

    private enum Input: Sendable {
        case event(WatchEvent)
        case why(String?, CheckedContinuation<String?, Never>)
    }

    /// Far above what can be under way: looks are bounded by the watch, runs by its limits.
    private static let inboxLimit = 100_000

    private let engine: Engine
    private let runbooks: [Runbook]
    private let surroundings: Surroundings
    private let inbox: AsyncStream<Input>.Continuation
    private let inputs: AsyncStream<Input>

    package init(engine: Engine, runbooks: [Runbook], surroundings: Surroundings) {
        self.engine = engine
        self.runbooks = runbooks
        self.surroundings = surroundings
        (self.inputs, self.inbox) = AsyncStream.makeStream(bufferingPolicy: .bufferingOldest(Self.inboxLimit))
    }

    /// Watches until the task is cancelled.
    package func run() async throws {
        let settings = self.engine.configuration.watch
        let inventory = self.engine.configuration.inventory
        var machine = WatchMachine(
            settings: settings,
            inventory: inventory,
            runbooks: self.runbooks.map {
                WatchedRunbook(plan: $0.plan, parameters: $0.parameters, inventory: inventory, settings: settings)
            },
            runs: try await self.engine.triggeredRuns(),
            freeze: try await self.engine.freeze()
        )
        self.listen()
        let unfinished = try await self.engine.unfinished()
        await withDiscardingTaskGroup { work in
            for summary in unfinished where summary.state != RunState.stopped.rawValue {
                self.log(
                    .warning,
                    "run_resumed",
                    "run \(summary.id) of '\(summary.runbook)' is taken up again",
                    self.about(summary.id)
                )
                work.addTask { await self.drive(RunID(summary.id)) }
            }
            var alarm = Alarm(inbox: self.inbox, clock: self.engine.clock)
            self.inbox.yield(.event(.began(at: self.now)))
            for await input in self.inputs {
                switch input {
                case .event(let event):
                    if case .clockReached = event {
                        alarm.rang()
                    }
                    for effect in machine.handle(event) {
                        self.follow(effect, &work)
                    }
                    alarm.set(machine.wakeAt)
                case .why(let runbook, let asker): asker.resume(returning: self.explain(machine, runbook))
                }
            }
            alarm.set(nil)
            work.cancelAll()
        }
    }

    private var now: Instant {
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

    private func follow(_ effect: WatchEffect, _ work: inout DiscardingTaskGroup) {
        switch effect {
        case .look(let node):
            work.addTask {
                let reports = await self.engine.monitors.observe([node], in: self.engine.configuration.inventory)
                self.inbox.yield(.event(.looked(reports, at: self.now)))
            }
        case .start(let launch): work.addTask { await self.start(launch) }
        case .tell(let notice): work.addTask { await self.tell(notice) }
        case .note(let note): self.log(note)
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

    private func start(_ launch: Launch) async {
        let name = launch.plan.runbook
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
            let source = self.runbooks.first { $0.plan.runbook == name }?.source ?? ""
            try await self.engine.create(binding, source: source)
        } catch {
            let reason = EngineError(describing: error).message
            self.log(
                .error,
                "start_failed",
                "'\(name)' could not start: \(reason)",
                [JSONMember("runbook", .string(name))]
            )
            self.inbox.yield(.event(.startFailed(runbook: name, reason: reason, at: self.now)))
            return
        }
        self.inbox.yield(.event(.runBegan(runbook: name, run, at: self.now)))
        self.log(.warning, "run_began", "run \(run) of '\(name)' begins: \(launch.reason)", self.about(run.text))
        await self.drive(run)
    }

    private func drive(_ run: RunID) async {
        let observer = GateWatcher(base: self.surroundings.observer(run)) { isWaiting in
            self.inbox.yield(.event(.runWaits(run, isWaiting, at: self.now)))
        }
        do {
            let outcome = try await self.engine.drive(run, observer: observer)
            self.log(.warning, "run_ended", "run \(run) ended \(outcome.rawValue)", self.about(run.text))
            self.inbox.yield(.event(.runEnded(run, outcome, at: self.now)))
        } catch {
            let reason = EngineError(describing: error).message
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

    private func tell(_ notice: WatchNotice) async {
        self.log(.warning, "notice", notice.message, notice.runbook.map { [JSONMember("runbook", .string($0))] } ?? [])
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

    // MARK: Words

    private func explain(_ machine: WatchMachine, _ runbook: String?) -> String? {
        guard let runbook else {
            let names = machine.watchedRunbooks
            return names.isEmpty
                ? "no runbook is watched" : names.map { self.explain(machine, named: $0) }.joined(separator: "\n")
        }
        return machine.watchedRunbooks.contains(runbook) ? self.explain(machine, named: runbook) : nil
    }

    private func explain(_ machine: WatchMachine, named runbook: String) -> String {
        guard let decision = machine.decision(on: runbook) else {
            return "\(runbook): nothing has been looked at yet"
        }
        let age = self.now.elapsed(since: decision.at).rounded
        return "\(runbook): \(decision.kind.rawValue), decided \(age) ago: \(decision.reason)"
    }

    private func log(_ note: WatchNote) {
        switch note {
        case .health(let node, let health, let problem):
            let why = problem.isEmpty ? "" : ": \(problem)"
            let level: LogEntry.Level = health == .up ? .info : .warning
            self.log(level, "health", "\(node) \(health.text)\(why)", [JSONMember("node", .string(node.text))])
        case .blind(let unseen, let all):
            self.log(.error, "blind", "\(unseen) of \(all) nodes cannot be seen; nothing is started")
        case .sighted: self.log(.info, "sighted", "more than half of the nodes can be seen again")
        case .frozen(let freeze): self.log(.warning, "frozen", freeze.text)
        case .thawed(let person): self.log(.warning, "unfrozen", "\(person) lifted the freeze")
        }
    }

    private func about(_ run: String) -> [JSONMember] {
        [JSONMember("run", .string(run))]
    }

    private func log(_ level: LogEntry.Level, _ event: String, _ message: String, _ subject: [JSONMember] = []) {
        self.surroundings.log(LogEntry(at: self.now, level: level, event: event, message: message, about: subject))
    }

    /// Puts one event into the inbox when its moment comes.
    private struct Alarm {
        private let inbox: AsyncStream<Input>.Continuation
        private let clock: any WallClock
        private var moment: Instant?
        private var bell: Task<Void, Never>?

        init(inbox: AsyncStream<Input>.Continuation, clock: any WallClock) {
            self.inbox = inbox
            self.clock = clock
        }

        mutating func set(_ moment: Instant?) {
            guard moment != self.moment else {
                return
            }
            self.bell?.cancel()
            self.bell = nil
            self.moment = moment
            guard let moment else {
                return
            }
            self.bell = Task { [inbox = self.inbox, clock = self.clock] in
                await clock.sleep(until: moment)
                guard !Task.isCancelled else {
                    return
                }
                inbox.yield(.event(.clockReached(at: max(moment, clock.now))))
            }
        }

        /// It has rung; the same moment may be set again.
        mutating func rang() {
            self.moment = nil
        }
    }
}

/// Hears when a run begins and ends to wait for people.
private final class GateWatcher: RunObserver {
    private let base: any RunObserver
    private let changed: @Sendable (Bool) -> Void
    private let open = Mutex(0)

    init(base: any RunObserver, changed: @escaping @Sendable (Bool) -> Void) {
        self.base = base
        self.changed = changed
    }

    func happened(_ event: RunEvent, in run: RunID) {
        self.base.happened(event, in: run)
    }

    func decided(_ effect: RunEffect, at moment: Instant, in run: RunID) {
        switch effect {
        case .openGate: self.count(1)
        case .closeGate: self.count(-1)
        default: break
        }
        self.base.decided(effect, at: moment, in: run)
    }

    func printed(_ output: CommandOutput, in run: RunID) {
        self.base.printed(output, in: run)
    }

    private func count(_ change: Int) {
        let isWaiting = self.open.withLock { open in
            open = max(0, open + change)
            return open > 0
        }
        self.changed(isWaiting)
    }
}
