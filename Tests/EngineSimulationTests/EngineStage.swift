// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Foundation
import RunCore
import RunExecutor
import RunPlan
import RunReplay
import RunSimulator
import RunVocabulary
import Synchronization

/// A runbook in a scenario, to be carried out by the real engine under a trial's bad luck.
struct EngineStage: Sendable {
    let plan: Plan
    let scenario: Scenario
    let start: Instant
    let parameters: [String: Fact]

    /// Jobs in one life; far more than any run needs.
    private static let jobLimit = 200_000
    private static let lifeLimit = 20

    /// Runs the trial on a thread of its own, because the world waits there for what the engine does elsewhere.
    func run(_ trial: Trial, planted: PlantedFault? = nil, patience: Double = 60) async -> Verdict {
        await withCheckedContinuation { continuation in
            Thread.detachNewThread {
                continuation.resume(returning: self.runHere(trial, planted, patience))
            }
        }
    }

    private func runHere(_ trial: Trial, _ planted: PlantedFault?, _ patience: Double) -> Verdict {
        let world = EngineWorld(self.scenario, trial, planted: planted, startingAt: self.start)
        let binding = RunBinding(
            run: "run-1",
            plan: self.plan,
            parameters: self.parameters,
            inventory: world.inventory,
            requestedBy: "selfheal"
        )
        var verdict = Verdict()
        var crashes = trial.crashes
        for _ in 0..<Self.lifeLimit {
            let history: [RunEvent]
            do {
                history = try verdict.jobs.isEmpty ? [] : world.revive()
            } catch {
                world.complain("the journal cannot be read: \(error)")
                break
            }
            let crash = crashes.isEmpty ? nil : crashes.removeFirst()
            let life = Life(world, binding, number: verdict.jobs.count + 1, history: history)
            verdict.jobs.append(life.live(crashingBefore: crash, limit: Self.jobLimit, patience: patience))
            world.checkPromises()
            verdict.outcome = life.outcome
            if verdict.outcome != nil || !world.violations.isEmpty {
                break
            }
            if !life.hasCrashed {
                world.complain("the engine ended by itself: \(life.failure ?? "without a word")")
                break
            }
        }
        self.judge(&verdict, binding, world)
        return verdict
    }

    private func judge(_ verdict: inout Verdict, _ binding: RunBinding, _ world: EngineWorld) {
        if verdict.outcome == nil, world.violations.isEmpty {
            world.complain("the run does not end")
        }
        if world.violations.isEmpty, let journal = try? world.journal {
            let replay = Replay(Recording(binding: binding, events: journal, outcome: verdict.outcome?.rawValue))
            if !replay.isSame {
                world.complain("the journal does not lead to what was done: \(replay.verdict)")
            }
        }
        world.state.withLock { state in
            verdict.violations = state.violations
            verdict.transcript = state.transcript
            verdict.records = state.flushed.count
            verdict.sent = state.ledger.count
        }
    }

    /// The trial with as little bad luck as it takes to break the same promise.
    func shrink(_ trial: Trial, planted: PlantedFault? = nil, patience: Double = 60) async -> (Trial, Verdict) {
        var best = trial
        var verdict = await self.run(trial, planted: planted, patience: patience)
        var attempts = 0
        var hasShrunk = true
        while hasShrunk, attempts < 60 {
            hasShrunk = false
            for simpler in best.simpler {
                attempts += 1
                let next = await self.run(simpler, planted: planted, patience: patience)
                if !next.violations.isEmpty {
                    best = simpler
                    verdict = next
                    hasShrunk = true
                    break
                }
            }
        }
        return (best, verdict)
    }
}

/// One life of the engine on a loom.
private final class Life: Sendable {
    private struct State {
        var outcome: RunOutcome?
        var failure: String?
        var isOver = false
        var hasCrashed = false
    }

    private let world: EngineWorld
    private let driver: RunDriver
    private let history: [RunEvent]
    private let loom: Loom
    private let state = Mutex(State())

    init(_ world: EngineWorld, _ binding: RunBinding, number: Int, history: [RunEvent]) {
        self.world = world
        self.history = history
        self.loom = Loom(seed: world.trial.seed &+ UInt64(number))
        let ports = EngineLife(world: world, life: number)
        self.driver = RunDriver(
            binding: binding,
            world: RunDriver.World(
                log: ports,
                commands: ports,
                requests: ports,
                probes: ports,
                messenger: ports,
                observer: ports,
                clock: ports
            ),
            // It is measured by the real clock, and here time is virtual.
            companyWindow: .zero
        )
        var shadow = RunMachine(binding: binding)
        for event in history {
            _ = try? shadow.handle(event)
        }
        world.state.withLock { state in
            state.shadow = shadow
            // Whoever spoke to an engine that ended before it took the word says it again.
            for doubt in shadow.doubts {
                state.queue.add(.settles(doubt.step, doubt.target), at: state.now + .minutes(1))
            }
        }
    }

    var outcome: RunOutcome? { self.state.withLock(\.outcome) }
    var failure: String? { self.state.withLock(\.failure) }
    var hasCrashed: Bool { self.state.withLock(\.hasCrashed) }
    private var isOver: Bool { self.state.withLock(\.isOver) }

    /// Lives until the run ends or the engine does; returns how many jobs it did.
    func live(crashingBefore crash: Int?, limit: Int, patience: Double) -> Int {
        let world = self.world
        Task(executorPreference: self.loom) {
            do {
                let outcome = try await self.driver.run(history: self.history)
                self.state.withLock { $0.outcome = outcome }
            } catch {
                self.state.withLock { $0.failure = "\(error)" }
            }
            self.state.withLock { $0.isOver = true }
        }
        var jobs = 0
        while !self.isOver, jobs < limit, world.violations.isEmpty {
            if !self.loom.isIdle {
                jobs += 1
                if jobs == crash {
                    self.end(patience)
                    return jobs
                }
                self.loom.runOne(shuffled: world.trial.reorders)
                continue
            }
            switch world.advance() {
            case .happened(let happening): self.happen(happening)
            case .moved: break
            case .wake(let moment):
                guard world.ring(moment, patience: patience), self.loom.waitForJob(patience) else {
                    world.complain("the engine sleeps past the moment at which it must wake")
                    break
                }
            case .nothing: world.complain("the engine waits, and nothing will happen any more")
            }
        }
        if !self.isOver {
            self.end(patience)
        }
        return jobs
    }

    /// Ends the engine here and lets its tasks wind down; nothing of that reaches the world.
    private func end(_ patience: Double) {
        self.state.withLock { $0.hasCrashed = true }
        self.world.crash()
        // A driver that waits for an event gets one, and fails at writing it down.
        Task(executorPreference: self.loom) {
            _ = await self.driver.handle.submit { .cancelRequested(by: "nobody", because: "", at: $0) }
        }
        while !self.isOver {
            guard self.loom.waitForJob(patience) else {
                break
            }
            self.loom.runOne(shuffled: false)
        }
        self.world.wakeEveryone()
        while !self.loom.isIdle {
            self.loom.runOne(shuffled: false)
        }
        self.state.withLock { $0.outcome = nil }
    }

    private func happen(_ happening: EngineWorld.Happening) {
        switch happening {
        case .answers(let call):
            self.world.state.withLock { $0.calls.removeValue(forKey: call) }?.resume()
        case .ends(let effect): self.world.end(effect)
        case .fault(let fault): self.world.state.withLock { $0.cluster.strike(fault.kind, fault.nodes) }
        case .votes(let step, let person):
            guard let gate = self.world.state.withLock({ $0.gates[step] }) else {
                return
            }
            let vote = Vote(
                person: person.name,
                roles: person.roles,
                decision: person.answer == .deny ? .denied : .granted,
                digest: gate.digest,
                comment: ""
            )
            self.submit { .voted(step, vote, at: $0) }
        case .cancels: self.submit { .cancelRequested(by: "ada", because: "enough", at: $0) }
        case .settles(let step, let target):
            let happened = self.world.state.withLock { state in
                state.ledger.last { $0.act.step == step && $0.act.target == target }.map {
                    state.happens.contains($0.act.effect)
                } ?? false
            }
            let word = Settlement(target: target, happened: happened, by: "ada", because: "I looked")
            self.submit { .settled(step, word, at: $0) }
        }
    }

    /// Says something to the engine; what it takes must be in the journal from then on.
    private func submit(_ event: @escaping @Sendable (Instant) -> RunEvent) {
        let world = self.world
        let said = Box()
        let handle = self.driver.handle
        Task(executorPreference: self.loom) {
            let isTaken: Bool
            if world.planted == .swallowCancel, case .cancelRequested = event(Instant(milliseconds: 0)) {
                said.value.withLock { $0 = world.now }
                isTaken = true
            } else {
                isTaken = await handle.submit { moment in
                    said.value.withLock { $0 = moment }
                    return event(moment)
                }
            }
            guard isTaken, let moment = said.value.withLock({ $0 }) else {
                return
            }
            let record = event(moment).record
            world.state.withLock { state in
                state.promised.append("\(record.kind) \(String(decoding: record.body, as: UTF8.self))")
            }
        }
    }
}

/// When the engine took a word; shared between a task and the closure that the engine calls.
private final class Box: Sendable {
    let value = Mutex<Instant?>(nil)
}
