// Selfheal
// SPDX-License-Identifier: Apache-2.0

package import RunCore
package import RunPlan
package import RunPorts
package import RunVocabulary

/// Drives one run against the real world.
///
/// One task per run takes events from one inbox, and only that task touches the machine. The journal contract (ARCHITECTURE.md) is kept here
/// and nowhere else:
///
/// 1. An event is durable before what follows from it is done. The machine may be moved before the flush, because moving it touches nothing; if the
///    flush fails, the moved machine is thrown away with the run.
/// 2. *Began* is durable before the first byte of a command leaves. It shares the flush of the event that caused the command.
/// 3. Effects run after the flush, in the order the machine gave them.
///
/// Of an event from which nothing follows the flush may wait a moment for company: the end of one of many commands, which its host would tell
/// again if the engine ended before. A wide step then pays for a few flushes, not for one with each host.
package struct RunDriver: Sendable {
    package struct World: Sendable {
        package var log: any RunLog
        package var commands: any CommandRunner
        package var requests: any RequestRunner
        package var probes: any ProbeRunner
        package var messenger: any Messenger
        package var observer: any RunObserver
        package var clock: any WallClock
        package var secrets: SecretBook

        package init(
            log: any RunLog,
            commands: any CommandRunner,
            requests: any RequestRunner = NoRequests(),
            probes: any ProbeRunner,
            messenger: any Messenger,
            observer: any RunObserver,
            clock: any WallClock,
            secrets: SecretBook = SecretBook()
        ) {
            self.log = log
            self.commands = commands
            self.requests = requests
            self.secrets = secrets
            self.probes = probes
            self.messenger = messenger
            self.observer = observer
            self.clock = clock
        }
    }

    /// How many events may wait; people and probes together never come near it.
    private static let inboxLimit = 10_000

    private let world: World
    private let binding: RunBinding
    private let companyWindow: Duration
    package let handle: Handle

    /// `companyWindow` is how long the end of a command waits for others to be flushed with it.
    package init(binding: RunBinding, world: World, companyWindow: Duration = .milliseconds(50)) {
        self.binding = binding
        self.world = world
        self.companyWindow = companyWindow
        self.handle = Handle(run: binding.run, limit: Self.inboxLimit)
    }

    /// What other parts of the engine hold of a run: a way to put events in, and to look.
    package struct Handle: Sendable {
        package let run: RunID
        fileprivate let inbox: RunInbox

        fileprivate init(run: RunID, limit: Int) {
            self.run = run
            self.inbox = RunInbox(limit: limit)
        }

        /// Hands an event to the run; returns when it is durable and handled, or says that the run takes no more.
        package func submit(_ event: @escaping @Sendable (Instant) -> RunEvent) async -> Bool {
            await self.inbox.submit(event)
        }

        /// Takes no more events; whoever waits for an answer is told so.
        package func close() {
            self.inbox.close(showing: nil)
        }

        /// The machine between two events, or as it ended; nothing when the run stopped without an end.
        package func snapshot() async -> RunMachine? {
            await self.inbox.look()
        }
    }

    /// Runs to the end, from the beginning or from where a journal left it.
    ///
    /// - Parameters:
    ///   - history: the events of an earlier life, already durable.
    ///   - refusal: why a run that has not begun must not begin.
    /// - Returns: how the run came out.
    /// - Throws: what the journal threw, or ``ReplayError``: the run stops where it is, and says so.
    package func run(history: [RunEvent] = [], refusal: String? = nil) async throws -> RunOutcome {
        var position = Position(machine: RunMachine(binding: self.binding))
        var ended: RunMachine?
        defer { self.handle.inbox.close(showing: ended) }
        for event in history {
            do {
                _ = try position.machine.handle(event)
            } catch {
                throw ReplayError("record \(position.next) of run \(self.binding.run): \(error.message)")
            }
            position.next += 1
        }
        if let outcome = position.machine.outcome {
            ended = position.machine
            return outcome
        }
        let now = self.world.clock.now
        let beginning = refusal.map { RunEvent.refused(reason: $0, at: now) } ?? .started(at: now)
        var batch: [Input] = [Input(history.isEmpty ? beginning : .resumed(at: now))]
        return try await withThrowingDiscardingTaskGroup { work in
            // Only invitations to gates, and waits for company, can still be under way when a run ends.
            defer { work.cancelAll() }
            while true {
                try await self.take(batch, &position, &work)
                if let outcome = position.machine.outcome {
                    ended = position.machine
                    return outcome
                }
                repeat {
                    if position.held.isEmpty {
                        self.handle.inbox.show(position.machine)
                    }
                    batch = await self.next(wakeAt: position.machine.wakeAt)
                    if batch.isEmpty {
                        // Company is not waited for any longer, or somebody wants to look.
                        try await self.write(&position, &work)
                    }
                } while batch.isEmpty
            }
        }
    }

    /// Where a run stands, in memory and on disk.
    private struct Position {
        var machine: RunMachine
        /// The number of the record that comes next.
        var next: Int64 = 1
        /// What the machine has taken and the journal has not.
        var held: [Step] = []
        private var heldSince = ContinuousClock.now
        /// The commands under way whose hosts can be asked how they ended.
        private var askable: Set<EffectID> = []
        /// What the list of runs says of it; nothing until this engine has written it.
        private var listed: RunStatus?

        init(machine: RunMachine) {
            self.machine = machine
        }

        /// What the list of runs must say from now on, if that is anything new: each line rewritten is one more page to flush.
        mutating func news(at moment: Instant) -> RunStatus? {
            let status = RunStatus(of: self.machine, at: moment)
            guard status.state != self.listed?.state || status.outcome != self.listed?.outcome else {
                return nil
            }
            self.listed = status
            return status
        }

        /// Takes note of what was decided, and says whether the flush of it may wait: others will come that need one, and nothing follows from
        /// it, nor would be lost with it.
        mutating func mayWait(with steps: [Step], atMost window: Duration) -> Bool {
            if self.held.isEmpty {
                self.heldSince = ContinuousClock.now
            }
            var isHarmless = true
            for step in steps {
                isHarmless = self.isHarmless(step) && isHarmless
            }
            return isHarmless && !self.askable.isEmpty && self.held.count < RunDriver.heldLimit
                && ContinuousClock.now - self.heldSince < window
        }

        private mutating func isHarmless(_ step: Step) -> Bool {
            var isHarmless = false
            if case .ended(let effect, let report, _) = step.event, self.askable.remove(effect) != nil,
                case .exited = report.ending
            {
                isHarmless = true
            }
            for effect in step.effects {
                switch effect {
                case .note: break
                case .act(let act), .inquire(let act):
                    if act.repeating == .guarded {
                        self.askable.insert(act.effect)
                    }
                    isHarmless = false
                case .stop, .probe, .observe, .tell, .openGate, .closeGate, .finish: isHarmless = false
                }
            }
            return isHarmless
        }
    }

    private struct Step {
        var event: RunEvent
        var effects: [RunEffect]
    }

    /// How many events wait for company at most.
    private static let heldLimit = 500

    private struct Input {
        var event: RunEvent
        var done: (@Sendable () -> Void)?

        init(_ event: RunEvent, done: (@Sendable () -> Void)? = nil) {
            self.event = event
            self.done = done
        }
    }

    /// Moves the machine by a batch of events; makes them durable and starts what follows, unless that may wait.
    private func take(
        _ batch: [Input],
        _ position: inout Position,
        _ work: inout ThrowingDiscardingTaskGroup<any Error>
    ) async throws {
        var steps: [Step] = []
        for input in batch {
            var pending = [input.event]
            while !pending.isEmpty {
                let event = pending.removeFirst()
                let effects = try position.machine.handle(event)
                steps.append(Step(event: event, effects: effects))
                for case .act(let act) in effects {
                    pending.append(.began(act.effect, at: event.moment))
                }
            }
        }
        let isFirst = position.held.isEmpty
        let mayWait = position.mayWait(with: steps, atMost: self.companyWindow)
        position.held += steps
        let answers = batch.compactMap(\.done)
        guard !mayWait || !answers.isEmpty else {
            if isFirst {
                work.addTask { [inbox = self.handle.inbox, window = self.companyWindow] in
                    try? await Task.sleep(for: window, clock: .continuous)
                    inbox.nudge()
                }
            }
            return
        }
        try await self.write(&position, &work, answering: answers)
    }

    /// Makes durable what is not yet, then starts what follows from it.
    private func write(
        _ position: inout Position,
        _ work: inout ThrowingDiscardingTaskGroup<any Error>,
        answering answers: [@Sendable () -> Void] = []
    ) async throws {
        guard let last = position.held.last else {
            return
        }
        let steps = position.held
        position.held = []
        let news = position.news(at: last.event.moment)
        try await self.world.log.append(steps.map(\.event), to: self.binding.run, from: position.next, update: news)
        position.next += Int64(steps.count)
        for step in steps {
            self.world.observer.happened(step.event, in: self.binding.run)
            for effect in step.effects {
                self.world.observer.decided(effect, at: step.event.moment, in: self.binding.run)
            }
        }
        for answer in answers {
            answer()
        }
        for effect in steps.flatMap(\.effects) {
            self.start(effect, &work)
        }
    }

    /// Waits for events, or for the moment at which the machine wants to be woken.
    private func next(wakeAt: Instant?) async -> [Input] {
        let inbox = self.handle.inbox
        let clock = self.world.clock
        if let wakeAt {
            if wakeAt <= clock.now, !inbox.hasWaiting {
                return [Input(.clockReached(at: max(wakeAt, clock.now)))]
            }
            inbox.arm(wakeAt) { await clock.sleep(until: wakeAt) }
        }
        let waiting = await inbox.take()
        let now = clock.now
        var inputs = waiting.map { entry in Input(entry.event(now), done: entry.done) }
        if let wakeAt, now >= wakeAt {
            // What came after the moment must not begin anything that the moment ends.
            inputs.insert(Input(.clockReached(at: now)), at: 0)
        }
        return inputs
    }

    private func start(_ effect: RunEffect, _ work: inout ThrowingDiscardingTaskGroup<any Error>) {
        let world = self.world
        let inbox = self.handle.inbox
        let inventory = self.binding.inventory
        switch effect {
        case .act(let act):
            // At once: the first byte leaves without waiting for a thread of the pool to be free.
            work.addImmediateTask { [run = self.binding.run] in
                let report = await world.carryOut(act, in: inventory) { output in
                    world.observer.printed(output, in: run)
                }
                inbox.post { .ended(act.effect, report, at: $0) }
            }
        case .inquire(let act):
            work.addTask {
                let report = await world.inquire(act, in: inventory)
                inbox.post { .ended(act.effect, report, at: $0) }
            }
        case .stop(let effect):
            work.addTask {
                if await !world.requests.stop(effect) {
                    await world.commands.stop(effect)
                }
            }
        case .probe(let request, let order):
            work.addTask {
                let reports = await world.probes.probe(order, in: inventory)
                inbox.post { .probed(request, reports: reports, at: $0) }
            }
        case .observe(let request, let nodes):
            work.addTask {
                let reports = await world.probes.observe(nodes, in: inventory)
                inbox.post { .observed(request, reports: reports, at: $0) }
            }
        case .tell(let notice):
            work.addTask { [binding = self.binding] in
                let deliveries = await world.messenger.tell(notice, of: binding, at: world.clock.now)
                inbox.post { .told(notice.id, deliveries: deliveries, at: $0) }
            }
        case .openGate(let gate):
            guard !gate.channels.isEmpty else {
                return
            }
            work.addTask { [binding = self.binding] in
                _ = await world.messenger.tell(Notice(asking: gate, of: binding.run), of: binding, at: world.clock.now)
            }
        case .closeGate, .note, .finish: break
        }
    }
}
