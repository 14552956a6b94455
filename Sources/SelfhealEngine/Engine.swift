// Selfheal
// SPDX-License-Identifier: Apache-2.0

import ClusterWatch
import ControlSocket
import CurlTransfer
import Notifications
import Probes
import RunCore
import RunExecutor
package import RunJournal
package import RunPlan
package import RunPorts
package import RunVocabulary
import SSHClient
package import SelfhealConfiguration
import Synchronization
package import WorldAdapters

/// The engine of one store: it alone writes there, drives the runs, and answers operators on a unix socket.
package final class Engine: Sendable {
    private struct State {
        var handles: [RunID: RunDriver.Handle] = [:]
        /// Runs that this engine wrote down and does not drive yet, which need not be read again.
        var fresh: [RunID: RunBinding] = [:]
    }

    /// How many of these are kept; whoever creates a run drives it at once.
    private static let freshLimit = 1_000

    /// What may be changed while the engine works.
    fileprivate struct Settings {
        var configuration: SelfhealConfiguration
        var desk: OperatorDesk
        var messenger: ChannelMessenger
    }

    private let settings: Mutex<Settings>
    let store: RunStore
    private let prober: SocketProber
    private let client: SSHClient
    private let transfer: CurlTransfer
    private let locks: LockKeeper
    private let server: Mutex<ControlServer?> = Mutex(nil)
    private let state = Mutex(State())
    /// The watch, where this engine has one.
    let watch: Mutex<AttachedWatch?> = Mutex(nil)
    package let clock = SystemWallClock()

    package static let socketName = "control.sock"
    /// How long the end of a run may be held up by taking away old receipts.
    private static let sweepPatience = Duration.seconds(15)

    /// Takes hold of the store, and begins to listen to operators.
    ///
    /// - Throws: ``EngineError`` when another engine holds the store, when it cannot be written, or when a channel is wrong.
    package static func open(_ configuration: SelfhealConfiguration) throws(EngineError) -> Engine {
        let engine = try Engine(configuration)
        do {
            let server = try ControlServer.start(path: "\(configuration.storeFolder)/\(self.socketName)") {
                [weak engine] request, peer in
                guard let engine else {
                    return .single([])
                }
                return await engine.answer(request, from: peer)
            }
            engine.server.withLock { $0 = server }
            if let group = configuration.storeGroup {
                try OperatorGroup.admit(group, to: configuration.storeFolder, socket: self.socketName)
            }
        } catch let error as EngineError {
            throw error
        } catch {
            throw EngineError("the engine cannot listen to operators: \(EngineError(describing: error).message)")
        }
        return engine
    }

    private init(_ configuration: SelfhealConfiguration) throws(EngineError) {
        do {
            self.store = try RunStore.open(folder: configuration.storeFolder, mode: .engine)
            try DescriptorLimit.raise(forNodes: configuration.inventory.nodes.count)
            self.prober = try SocketProber()
            self.client = try SSHClient()
        } catch let error as StoreError {
            throw EngineError(describing: error)
        } catch {
            throw EngineError("\(error)")
        }
        self.locks = LockKeeper(store: self.store) { SystemWallClock().now }
        self.transfer = CurlTransfer()
        self.settings = Mutex(try Settings(configuration, over: self.transfer))
    }

    package var configuration: SelfhealConfiguration {
        self.settings.withLock { $0.configuration }
    }

    package var desk: OperatorDesk {
        self.settings.withLock { $0.desk }
    }

    var messenger: ChannelMessenger {
        self.settings.withLock { $0.messenger }
    }

    /// Goes on with other people, channels, nodes and limits; a run under way keeps the nodes and channels that it began with.
    ///
    /// - Throws: ``EngineError`` when a channel is wrong, or the store is another one; then nothing is changed.
    package func reconfigure(_ configuration: SelfhealConfiguration) throws(EngineError) {
        guard configuration.storeFolder == self.configuration.storeFolder,
            configuration.storeGroup == self.configuration.storeGroup
        else {
            throw EngineError("another 'store:' takes a restart")
        }
        let settings = try Settings(configuration, over: self.transfer)
        self.settings.withLock { $0 = settings }
    }

    /// Lets go of the store; runs that have not ended can be resumed by another engine.
    package func close() async {
        // Whoever spoke last, and so ended the run, still gets an answer: the server waits for those it owes.
        await self.server.withLock { $0.take() }?.stop()
        await self.client.shutDown()
        await self.prober.shutdown()
        await self.transfer.shutdown()
        await self.store.close()
    }

    package var probes: any ProbeRunner {
        LiveProbeRunner(prober: self.prober, client: self.client, transfer: self.transfer)
    }

    /// Looks as long as the configuration's monitoring says.
    package var monitors: any ProbeRunner {
        LiveProbeRunner(
            prober: self.prober,
            client: self.client,
            transfer: self.transfer,
            observationTimeout: self.configuration.watch.timeout
        )
    }

    // MARK: Runs

    /// Writes a new run down, with the alert that it answers if it answers one; nothing is done yet.
    package func create(_ binding: RunBinding, source: String, answering alert: Int64? = nil) async throws {
        let now = self.clock.now.milliseconds
        let summary = RunSummary(
            id: binding.run.text,
            runbook: binding.plan.runbook,
            title: binding.plan.title,
            planDigest: binding.plan.digest,
            requestedBy: binding.requestedBy.text,
            createdAt: now,
            parameters: JSON.object(
                binding.shownParameters.map { JSONMember($0.name, .string($0.text)) }
            ).text,
            locks: binding.plan.locks.map(\.name),
            state: RunState.running.rawValue,
            outcome: nil,
            updatedAt: now
        )
        let plan = try JSONEncoding.encode(binding).canonicalBytes
        try await self.store.createRun(RunRow(summary: summary, plan: plan, source: source), answering: alert)
        self.state.withLock { state in
            if state.fresh.count < Self.freshLimit {
                state.fresh[binding.run] = binding
            }
        }
    }

    /// What a run is bound to, and whether this engine has just written it down.
    private func binding(of run: RunID) async throws -> (RunBinding, isFresh: Bool) {
        if let binding = self.state.withLock({ $0.fresh.removeValue(forKey: run) }) {
            return (binding, true)
        }
        return (try await self.store.binding(of: run), false)
    }

    /// Drives a run to its end: a new one from the beginning, another from where its journal left it.
    ///
    /// A new one does not begin while an earlier run of its runbook has left something in doubt, unless that is said to be known.
    package func drive(
        _ run: RunID,
        observer: any RunObserver,
        despiteDoubt: Bool = false
    ) async throws -> RunOutcome {
        let (binding, isFresh) = try await self.binding(of: run)
        let secrets = try SecretReader.read(binding.secrets ?? [:])
        // A run that has begun holds its locks already. Nobody's word is taken while one waits that has not.
        let records = isFresh ? [] : try await self.store.records(of: run.text, from: 1)
        let isNew = records.isEmpty
        var refusal: String?
        if isNew, !despiteDoubt {
            refusal = try await self.leftInDoubt(by: binding.plan.runbook).first?.text
        }
        if isNew, refusal == nil {
            refusal = try await self.locks.take(for: binding)
        }
        let memory = StoredIncarnations(store: self.store, run: run)
        let family = try await StoredIncarnations.family(of: self.store)
        let commands = ReceiptCommandRunner(
            client: self.client,
            term: Term(self.store.term),
            family: family,
            localFolder: "\(self.configuration.storeFolder)/effects",
            memory: memory
        )
        let history = isFresh ? [] : try await self.store.events(of: run)
        let touched = TouchedTargets(self.configuration.watch.touch, of: binding, history: history)
        let driver = RunDriver(
            binding: binding,
            world: RunDriver.World(
                log: CrashSeam.around(StoreLog(store: self.store)),
                commands: FreezableCommands(base: LimitedCommands(base: commands, touched: touched), store: self.store),
                requests: FreezableRequests(base: CurlRequestRunner(transfer: self.transfer), store: self.store),
                probes: self.probes,
                messenger: self.messenger,
                observer: observer,
                clock: self.clock,
                secrets: secrets
            )
        )
        // From here on what people say goes to the driver: a vote written behind its back would not fit the journal.
        self.state.withLock { $0.handles[run] = driver.handle }
        defer {
            self.state.withLock { $0.handles[run] = nil }
            driver.handle.close()
        }
        do {
            let history = try await self.store.events(of: run)
            let outcome = try await driver.run(history: history, refusal: refusal)
            try await self.locks.giveBack(binding.plan.locks, of: run)
            await commands.sweep(by: StoredSweeps(store: self.store), within: Self.sweepPatience)
            return outcome
        } catch let error as ReplayError {
            try await self.store.append(
                [],
                runUpdate: RunUpdate(
                    run: run.text,
                    state: RunState.stopped.rawValue,
                    outcome: nil,
                    updatedAt: self.clock.now.milliseconds
                )
            )
            throw error
        }
    }

    /// The runs that have not ended, oldest first.
    package func unfinished() async throws -> [RunSummary] {
        try await self.store.runs(.unfinished)
    }

    package func findRun(_ prefix: String) async throws -> RunID {
        RunID(try await self.store.findRun(prefix).id)
    }

    func handle(of run: RunID) -> RunDriver.Handle? {
        self.state.withLock { $0.handles[run] }
    }

    /// The run, driven here or resting in the store.
    package func reach(_ run: RunID) -> any ReachableRun {
        guard let handle = self.handle(of: run) else {
            return StoredRun(id: run, store: self.store)
        }
        return DrivenRun(handle: handle)
    }

    // MARK: Operators

    private func answer(_ request: ControlRequest, from peer: ControlPeer) async -> ControlReply {
        let answer: OperatorAnswer
        do {
            let body = try JSON(parsing: request.body)
            if let request: WatchRequest = try? JSONDecoding.decode(from: body) {
                answer = try await self.answer(request, from: peer.userName)
            } else {
                let request: OperatorRequest = try JSONDecoding.decode(from: body)
                let run = try await self.findRun(request.run)
                answer = try await self.desk.answer(request, from: peer.userName, about: self.reach(run))
            }
        } catch {
            answer = .refused("\(EngineError(describing: error).message)")
        }
        return .single((try? JSONEncoding.encode(answer).bytes) ?? [])
    }
}

extension Engine.Settings {
    fileprivate init(_ configuration: SelfhealConfiguration, over transfer: CurlTransfer) throws(EngineError) {
        self.init(
            configuration: configuration,
            desk: OperatorDesk(configuration: configuration),
            messenger: ChannelMessenger(
                service: NotificationService(directory: try configuration.directory(over: transfer))
            )
        )
    }
}

/// A run that this engine drives.
private struct DrivenRun: ReachableRun {
    let handle: RunDriver.Handle

    var id: RunID {
        self.handle.run
    }

    func machine() async throws -> RunMachine {
        guard let machine = await self.handle.snapshot() else {
            throw EngineError("run \(self.id) has just stopped; ask again")
        }
        return machine
    }

    func submit(_ event: @escaping @Sendable (Instant) -> RunEvent) async throws -> Bool {
        await self.handle.submit(event)
    }
}

/// Why the engine could not do what was asked; the message is for people.
package struct EngineError: Error, Hashable, Sendable, CustomStringConvertible {
    package let message: String
    /// Whether the question was understood and the answer is no, rather than that we failed.
    package let isAnswer: Bool
    /// Whether it is another engine that has the store.
    package var isHeld = false

    package init(_ message: String, isAnswer: Bool = false) {
        self.message = message
        self.isAnswer = isAnswer
    }

    package init(describing error: any Error) {
        switch error {
        case let error as EngineError: self = error
        case let error as StoreError:
            switch error.code {
            case .unknownRun, .ambiguousRun, .noStore: self.init(error.message, isAnswer: true)
            case .heldByAnotherEngine:
                self.init(error.message)
                self.isHeld = true
            default: self.init(error.message)
            }
        case let error as ReplayError:
            self.init("the journal contradicts the plan, and the run stops: \(error.message)")
        case let error as ControlError: self.init(error.message)
        default: self.init("\(error)")
        }
    }

    package var description: String {
        self.message
    }
}
