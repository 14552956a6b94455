// Selfheal
// SPDX-License-Identifier: Apache-2.0

import CommandReceipts
package import RunCore
package import RunPlan
package import RunPorts
package import RunVocabulary
package import SSHClient
import Synchronization

/// Sends commands with a receipt on the target, so that each happens at most once and can be asked for afterwards.
package final class ReceiptCommandRunner: CommandRunner {
    /// From TERM to KILL when a command is stopped.
    private static let grace = Duration.seconds(5)
    /// How long whoever waits for a command may take to hear of its end from the host, before it is told what the stop heard.
    private static let echo = Duration.seconds(5)

    /// What is known of a command that is under way.
    private struct Flight {
        var act: Act
        var node: Node?
        /// What waits for its end.
        var task: Task<CommandReport, Never>?
        /// What a stop has found out.
        var stopAnswer: CommandReport?
    }

    private struct State {
        var flights: [EffectID: Flight] = [:]
        /// Told to stop before they were under way: tasks start in any order.
        var stoppedEarly: Set<EffectID> = []
        var incarnations: [String: StoreIncarnation] = [:]
        /// Where something may have been started.
        var places: [String: Place] = [:]
        /// What nodes were turned into: keys are parsed, and no secret is in it.
        var placesOfNodes: [NodeName: (node: Node, place: Place)] = [:]
    }

    private let client: SSHClient
    private let term: Term
    private let family: String
    private let localFolder: String
    private let memory: any IncarnationMemory
    private let patience: Patience
    let now: @Sendable () -> Instant
    private let state = Mutex(State())

    /// Sends nothing yet.
    ///
    /// `family` names the succession of terms on every host: engines of another store have terms that say nothing about ours. `localFolder`
    /// keeps the receipts of commands on the engine's own machine. `memory` knows which store of receipts each host had, and must outlive the
    /// engine. `now` is the clock of the run's events.
    package init(
        client: SSHClient,
        term: Term,
        family: String,
        localFolder: String,
        memory: any IncarnationMemory,
        now: @escaping @Sendable () -> Instant = { SystemWallClock().now },
        patience: Patience = Patience()
    ) {
        self.now = now
        self.patience = patience
        self.family = family
        self.memory = memory
        self.client = client
        self.term = term
        self.localFolder = localFolder
    }

    // MARK: Port

    package func run(
        _ act: Act,
        on node: Node?,
        onOutput: @escaping @Sendable (CommandOutput) -> Void
    ) async -> CommandReport {
        let wasStopped = self.register(act, on: node)
        defer { self.forget(act.effect) }
        guard !wasStopped else {
            return CommandReport(.notSent(reason: "it was stopped before it was sent"))
        }
        return await self.wait(for: act) {
            act.repeating == .never
                ? await self.runUnguarded(act, on: node) : await self.runGuarded(act, on: node, onOutput: onOutput)
        }
    }

    /// Waits in a task of its own, which a stop that finds out more, or nothing at all, can end.
    private func wait(for act: Act, _ body: @escaping @Sendable () async -> CommandReport) async -> CommandReport {
        let task = Task.immediate { await body() }
        let isStopAsked = self.state.withLock { state in
            state.flights[act.effect]?.task = task
            return state.stoppedEarly.contains(act.effect)
        }
        if isStopAsked, act.repeating == .never {
            // It came before there was a task to cancel, and the host knows nothing that could be told to stop.
            task.cancel()
        }
        let report = await withTaskCancellationHandler {
            await task.value
        } onCancel: {
            task.cancel()
        }
        if case .inDoubt = report.ending, let told = self.state.withLock({ $0.flights[act.effect]?.stopAnswer }) {
            return told
        }
        return report
    }

    private func runGuarded(
        _ act: Act,
        on node: Node?,
        onOutput: @escaping @Sendable (CommandOutput) -> Void
    ) async -> CommandReport {
        do {
            let place = try self.place(of: node)
            let known = try await self.incarnation(at: place)
            let wrapper = try self.wrapper(at: place, incarnation: known)
            let command = try self.command(for: act)
            let script = try wrapper.start(command)
            guard !self.isStopAsked(act.effect) else {
                return CommandReport(.notSent(reason: "it was stopped before it was sent"))
            }
            let answer = await self.speak(
                script,
                wrapper,
                at: place,
                timeout: command.answersWithin + self.patience.slack,
                keeping: command.outputLimit
            ) { event in
                if case .output(let stream, let bytes) = event {
                    let text = String(decoding: bytes, as: UTF8.self)
                    onOutput(CommandOutput(effect: act.effect, isError: stream == .standardError, text: text))
                }
            }
            switch answer {
            case .report(let report) where !report.isUndecided: return CommandReport(report)
            case .notSent(let reason): return CommandReport(.notSent(reason: reason))
            case .report, .broken:
                // The command does not end with the connection: go and find out.
                return await self.follow(act, at: place)
            }
        } catch let error as PlaceError {
            return CommandReport(.notSent(reason: error.message))
        } catch {
            return CommandReport(.notSent(reason: "\(error)"))
        }
    }

    package func inquire(_ act: Act, on node: Node?) async -> CommandReport {
        let wasStopped = self.register(act, on: node)
        defer { self.forget(act.effect) }
        guard act.repeating != .never else {
            return CommandReport(.inDoubt(reason: "the engine ended while it ran, and it leaves no receipt"))
        }
        return await self.wait(for: act) {
            do {
                let place = try self.place(of: node)
                guard try await self.memory.incarnation(at: place.name) != nil else {
                    // The store of receipts is remembered before anything is started in it, and here none is.
                    return CommandReport(.notSent(reason: "nothing had ever been started there"))
                }
                if wasStopped, let stopped = await self.stopGuarded(act, on: node) {
                    return stopped
                }
                return await self.follow(act, at: place)
            } catch {
                let reason = (error as? PlaceError)?.message ?? "\(error)"
                return CommandReport(.inDoubt(reason: "the host cannot be asked: \(reason)"))
            }
        }
    }

    package func stop(_ effect: EffectID) async {
        let flight = self.state.withLock { state in
            state.stoppedEarly.insert(effect)
            return state.flights[effect]
        }
        guard let flight else {
            return
        }
        guard flight.act.repeating != .never else {
            flight.task?.cancel()
            return
        }
        let answer = await self.stopGuarded(flight.act, on: flight.node)
        let end = ContinuousClock.now + Self.echo
        var pause = Backoff(longest: .milliseconds(250))
        while self.isUnderWay(effect), case .some = answer, ContinuousClock.now < end, await pause.rest() {}
        let task = self.state.withLock { state in
            if let answer {
                state.flights[effect]?.stopAnswer = answer
            }
            return state.flights[effect]?.task
        }
        task?.cancel()
    }

    /// Tries until the host says that nothing of the command is left, the command has ended, or patience has.
    ///
    /// - Returns: what is known then; nothing when the command has ended meanwhile.
    private func stopGuarded(_ act: Act, on node: Node?) async -> CommandReport? {
        let end = ContinuousClock.now + self.patience.stop
        var pause = Backoff(longest: .seconds(5))
        var last = "the host did not answer"
        repeat {
            switch await self.tellToStop(act, on: node, until: end) {
            case .report(let report):
                switch report.answer {
                case .doubt(.unreadable(let why)): last = why
                case .doubt(.notConfirmedGone), .running, .opened, .swept, .stored, .never(sealed: false):
                    last = CommandReport(report).ending.doubt ?? "it still runs"
                case .refused(let refusal):
                    return .inDoubtAfterStop("\(refusal)")
                case .done, .never(sealed: true), .doubt: return CommandReport(report)
                }
            case .notSent(let reason), .broken(let reason): last = reason
            }
            guard await pause.rest() else {
                break
            }
        } while self.isUnderWay(act.effect) && ContinuousClock.now < end
        return self.isUnderWay(act.effect) ? .inDoubtAfterStop(last) : nil
    }

    private func tellToStop(_ act: Act, on node: Node?, until end: ContinuousClock.Instant) async -> Spoken {
        do {
            let place = try self.place(of: node)
            let known = try await self.memory.incarnation(at: place.name).map { try StoreIncarnation($0) }
            let wrapper = try self.wrapper(at: place, incarnation: known)
            let id = try ReceiptID(act.effect.text)
            let script = wrapper.stop(
                id,
                begunAgo: self.age(of: act),
                grace: Self.grace,
                outputLimit: Self.share(of: act),
                forgetting: act.holdsSecrets
            )
            let needed = Self.grace + ReceiptWrapper.confirmation + .seconds(5)
            let left = max(end - ContinuousClock.now, .seconds(5))
            let timeout = min(needed, left)
            return await self.speak(script, wrapper, at: place, timeout: timeout, keeping: Self.share(of: act))
        } catch let error as PlaceError {
            return .notSent(error.message)
        } catch {
            return .notSent("\(error)")
        }
    }

    /// - Returns: whether somebody wanted it stopped before it was under way.
    private func register(_ act: Act, on node: Node?) -> Bool {
        self.state.withLock { state in
            state.flights[act.effect] = Flight(act: act, node: node)
            return state.stoppedEarly.remove(act.effect) != nil
        }
    }

    private func isUnderWay(_ effect: EffectID) -> Bool {
        self.state.withLock { $0.flights[effect] != nil }
    }

    func isStopAsked(_ effect: EffectID) -> Bool {
        self.state.withLock { $0.stoppedEarly.contains(effect) }
    }

    private func forget(_ effect: EffectID) {
        self.state.withLock { state in
            state.flights[effect] = nil
            state.stoppedEarly.remove(effect)
        }
    }

    // MARK: Finding out

    /// Asks again and again until the host says how the command ended, or its time and ours are up.
    ///
    /// The question seals: a "never" is made final on the host, because a start may still be on its way, be it that of an engine that is gone or
    /// our own over a connection that was lost.
    private func follow(_ act: Act, at place: Place) async -> CommandReport {
        let clock = ContinuousClock()
        var pause = Backoff(longest: .seconds(4))
        var isRunning = false
        let end = clock.now + act.timeout.duration + Self.grace + ReceiptWrapper.confirmation + self.patience.slack
        var last = "the host did not answer"
        var asksFirst = true
        while clock.now < end, !Task.isCancelled {
            let answer = await self.askOnce(act, at: place, attaching: !asksFirst, until: end - clock.now)
            switch answer {
            case .report(let report):
                switch report.answer {
                case .running:
                    asksFirst = false
                    isRunning = true
                    last = "it still runs"
                case .doubt(.unreadable(let why)):
                    last = why
                    _ = await pause.rest()
                // "Never" is only believed when it is sealed, and a refusal to answer is no answer.
                case .never(sealed: false): return CommandReport(.inDoubt(reason: "its receipt is gone"))
                case .refused(let refusal):
                    return CommandReport(.inDoubt(reason: "the host does not say what became of it: \(refusal)"))
                default: return CommandReport(report)
                }
            case .notSent(let reason), .broken(let reason):
                last = reason
                _ = await pause.rest()
            }
        }
        if isRunning, !Task.isCancelled {
            // Whoever should have ended it on the host is gone: end it from here.
            let node = self.state.withLock { $0.flights[act.effect]?.node }
            if let stopped = await self.stopGuarded(act, on: node) {
                return stopped
            }
        }
        return CommandReport(.inDoubt(reason: "the host could not be asked in time: \(last)"))
    }

    private func askOnce(_ act: Act, at place: Place, attaching: Bool, until: Duration) async -> Spoken {
        do {
            let known = try await self.memory.incarnation(at: place.name).map { try StoreIncarnation($0) }
            let wrapper = try self.wrapper(at: place, incarnation: known)
            let id = try ReceiptID(act.effect.text)
            let patience = min(until, .seconds(30))
            let share = Self.share(of: act)
            let script =
                attaching
                ? wrapper.attach(id, patience: patience, outputLimit: share, forgetting: act.holdsSecrets)
                : wrapper.ask(
                    id,
                    begunAgo: self.age(of: act),
                    sealing: true,
                    outputLimit: share,
                    forgetting: act.holdsSecrets
                )
            return await self.speak(script, wrapper, at: place, timeout: patience + self.patience.slack, keeping: share)
        } catch {
            return .notSent("\(error)")
        }
    }

    /// How long ago it began at most; nothing when the clock was set back since and cannot tell.
    private func age(of act: Act) -> Duration? {
        let now = self.now()
        return now < act.askedAt ? nil : now.elapsed(since: act.askedAt).duration
    }

    // MARK: Speaking

    enum Spoken {
        case report(ReceiptReport)
        case notSent(String)
        case broken(String)
    }

    /// Sends a program and reads its answer; of either end of a stream no more than `keeping` bytes are kept.
    func speak(
        _ script: RemoteScript,
        _ wrapper: ReceiptWrapper,
        at place: Place,
        timeout: Duration,
        keeping limit: Int = 0,
        onEvent: @escaping @Sendable (ReceiptAnswerParser.Event) -> Void = { _ in }
    ) async -> Spoken {
        let parser = ParserBox(nonce: wrapper.nonce, outputLimit: limit)
        let result = await place.transport.run(script, timeout: timeout) { bytes in
            for event in parser.consume(bytes) {
                onEvent(event)
            }
        }
        switch result {
        case .notSent(let reason): return .notSent(reason)
        case .exited(let status, let errors):
            let report = parser.finish(exitStatus: status)
            return Self.refusalToBecome(report, status, errors, at: place).map { .notSent($0) } ?? .report(report)
        // The shell is gone, and the command is not its child.
        case .ended: return .broken("the shell on this machine was ended")
        case .broken(let reason):
            let report = parser.finish(exitStatus: nil)
            if case .doubt(.unreadable) = report.answer {
                return .broken(reason)
            }
            return .report(report)
        }
    }

    /// The store's incarnation, read once per host and remembered before anything is started there: a store that was deleted and made anew is
    /// then noticed, by a later engine too.
    private func incarnation(at place: Place) async throws -> StoreIncarnation? {
        if let known = self.state.withLock({ $0.incarnations[place.name] }) {
            return known
        }
        let found = try await self.findIncarnation(at: place)
        let pinned = try await self.memory.incarnation(at: place.name)
        if let pinned, pinned != found?.text {
            throw PlaceError(
                message: """
                    the receipts on \(place.name) are not those with which this run began there: they were deleted and begun anew. \
                    What the run sent there before cannot be told from what never ran; start a new run
                    """
            )
        }
        if let found, pinned == nil {
            try await self.memory.remember(found.text, at: place.name)
        }
        self.state.withLock { state in
            state.incarnations[place.name] = found
            state.places[place.name] = place
        }
        return found
    }

    /// Asks the place, which makes its store where there is none.
    private func findIncarnation(at place: Place) async throws -> StoreIncarnation? {
        if let known = place.incarnationOnThisMachine {
            return known
        }
        let wrapper = try self.wrapper(at: place, incarnation: nil)
        switch await self.speak(wrapper.open(), wrapper, at: place, timeout: self.patience.slack) {
        case .report(let report):
            switch report.answer {
            case .refused(let refusal): throw PlaceError(message: "\(place.name): \(refusal)")
            case .doubt(let doubt): throw PlaceError(message: "\(place.name): \(doubt)")
            default: return report.store?.incarnation
            }
        case .notSent(let reason), .broken(let reason): throw PlaceError(message: reason)
        }
    }

    func wrapper(at place: Place, incarnation: StoreIncarnation?) throws(ReceiptError) -> ReceiptWrapper {
        try ReceiptWrapper(
            store: place.store,
            term: self.term.number,
            nonce: Nonce.fresh(),
            incarnation: incarnation
        )
    }

    private func command(for act: Act) throws(ReceiptError) -> ReceiptCommand {
        let (words, environment) = Self.parts(of: act)
        return ReceiptCommand(
            id: try ReceiptID(act.effect.text),
            words: words,
            environment: environment,
            workingDirectory: act.setting.directory,
            standardInput: act.setting.input.map { Array($0.value.utf8) },
            budget: act.timeout.duration,
            grace: Self.grace,
            outputLimit: Self.share(of: act),
            holdsSecrets: act.holdsSecrets
        )
    }

    /// How much of either end of a stream is kept; between the two stands a line that says so.
    private static func share(of act: Act) -> Int {
        max(act.outputLimit - CommandReport.gap.utf8.count, 0) / 2
    }

    // MARK: Places

    /// The places where this engine has found or made a store of receipts, with that store's name.
    var openedPlaces: [(place: Place, incarnation: StoreIncarnation)] {
        self.state.withLock { state in
            state.places.sorted { $0.key < $1.key }.compactMap { name, place in
                state.incarnations[name].map { (place, $0) }
            }
        }
    }

    func place(of node: Node?) throws(PlaceError) -> Place {
        guard let node, node.ssh?.needsNoSecret ?? false else {
            return try self.makePlace(of: node)
        }
        if let known = self.state.withLock({ $0.placesOfNodes[node.name] }), known.node == node {
            return known.place
        }
        let place = try self.makePlace(of: node)
        self.state.withLock { $0.placesOfNodes[node.name] = (node, place) }
        return place
    }

    private func makePlace(of node: Node?) throws(PlaceError) -> Place {
        guard let node else {
            return try Place(onThisMachine: self.localFolder)
        }
        return try Place(of: node, family: self.family, through: self.client)
    }
}
