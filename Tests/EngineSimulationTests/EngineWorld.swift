// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Foundation
import RunCore
import RunPlan
import RunPorts
import RunVocabulary
import Synchronization

@testable import RunSimulator

/// A cluster, its people and a disk, which outlive the engines that work on them.
///
/// Hosts keep receipts as real ones do. Everything takes virtual time; a call of the engine is answered when its moment has come, if the engine that
/// called still lives. After each event the world looks whether anything is so that never may be (``complain(_:)``).
final class EngineWorld: Sendable {
    enum Happening: Sendable {
        case answers(Int)
        case ends(EffectID)
        case votes(StepKey, Scenario.Person)
        case fault(Scenario.Fault)
        case cancels
        case settles(StepKey, NodeName?)
    }

    /// What a host knows of a command.
    enum Receipt: Hashable {
        case running
        case done(CommandReport.Ending)
        case sealed
    }

    struct Entry {
        let act: Act
        let life: Int
    }

    struct State {
        var cluster: SimulatedWorld
        var generator: SplitMix64
        var queue = EventQueue<Happening>()
        var now: Instant
        var life = 1
        var isDead = false
        // The disk.
        var flushed: [EventRecord] = []
        var unflushed: [EventRecord] = []
        /// The engine waits for the disk, and hears no alarm meanwhile.
        var isFlushing = false
        // The hosts.
        var receipts: [EffectID: Receipt] = [:]
        var ledger: [Entry] = []
        var reports: [EffectID: CommandReport] = [:]
        var happens: Set<EffectID> = []
        /// Calls that wait for a command's end.
        var waiters: [EffectID: [Int]] = [:]
        // The engine's calls.
        var calls: [Int: CheckedContinuation<Void, Never>] = [:]
        var lastCall = 0
        var sleepers: [Int: (until: Instant, wake: CheckedContinuation<Void, Never>)] = [:]
        /// What was said and taken: it must be in the journal for ever.
        var promised: [String] = []
        var gates: [StepKey: Gate] = [:]
        /// The machine as the journal has it, to know when the engine must wake.
        var shadow: RunMachine?
        var violations: [String] = []
        var transcript: [String] = []
        var isCancelAsked = false
    }

    let scenario: Scenario
    let trial: Trial
    let planted: PlantedFault?
    let state: Mutex<State>
    private let bell = DispatchSemaphore(value: 0)

    init(_ scenario: Scenario, _ trial: Trial, planted: PlantedFault?, startingAt start: Instant) {
        self.scenario = scenario
        self.trial = trial
        self.planted = planted
        var cluster = SimulatedWorld(scenario, seed: trial.seed)
        var queue = EventQueue<Happening>()
        for fault in scenario.faults {
            let moment = Instant(milliseconds: fault.at.count)
            if moment <= start {
                cluster.advance(to: moment)
                cluster.strike(fault.kind, fault.nodes)
            } else {
                queue.add(.fault(fault), at: moment)
            }
        }
        cluster.advance(to: start)
        var state = State(cluster: cluster, generator: SplitMix64(seed: ~trial.seed), now: start)
        state.queue = queue
        self.state = Mutex(state)
    }

    var inventory: Inventory {
        self.state.withLock { $0.cluster.inventory }
    }

    var now: Instant {
        self.state.withLock(\.now)
    }

    var violations: [String] {
        self.state.withLock(\.violations)
    }

    func tell(_ text: String) {
        self.state.withLock { Self.tell(text, &$0) }
    }

    static func tell(_ text: String, _ state: inout State) {
        let moment = Milliseconds(state.now.milliseconds)
        state.transcript.append("T+\(moment)  life \(state.life)  \(text)")
    }

    static func complain(_ text: String, _ state: inout State) {
        self.tell("✗ \(text)", &state)
        state.violations.append(text)
    }

    func complain(_ text: String) {
        self.state.withLock { Self.complain(text, &$0) }
    }

    // MARK: Lives

    /// Ends the engine: what it had not flushed is lost, and nothing of it reaches anybody any more.
    func crash() {
        let calls = self.state.withLock { state -> [CheckedContinuation<Void, Never>] in
            state.isDead = true
            let kept = self.trial.tears ? Int(state.generator.number(below: UInt64(state.unflushed.count) + 1)) : 0
            state.flushed += state.unflushed.prefix(kept)
            state.unflushed = []
            Self.tell("the engine ends; \(state.flushed.count) records are on the disk", &state)
            defer {
                state.calls = [:]
                state.waiters = [:]
            }
            return state.calls.sorted { $0.key < $1.key }.map(\.value)
        }
        for call in calls {
            call.resume()
        }
    }

    /// Another engine reads what is on the disk.
    func revive() throws -> [RunEvent] {
        let records = self.state.withLock { state in
            state.life += 1
            state.isDead = false
            state.isFlushing = false
            state.gates = [:]
            if self.planted == .forgetLastRecord, !state.flushed.isEmpty {
                state.flushed.removeLast()
            }
            return state.flushed
        }
        return try records.map { try RunEvent($0) }
    }

    var journal: [RunEvent] {
        get throws { try self.state.withLock(\.flushed).map { try RunEvent($0) } }
    }

    // MARK: Time

    /// Waits until the engine's call is answered; says whether the engine still lives then.
    func hop(_ life: Int, after length: Milliseconds) async -> Bool {
        await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
            let isDead = self.state.withLock { state in
                guard !state.isDead, state.life == life else {
                    return true
                }
                state.lastCall += 1
                state.calls[state.lastCall] = continuation
                state.queue.add(.answers(state.lastCall), at: state.now + length)
                return false
            }
            if isDead {
                continuation.resume()
            }
        }
        return self.lives(life)
    }

    func lives(_ life: Int) -> Bool {
        self.state.withLock { !$0.isDead && $0.life == life }
    }

    /// How long something takes; now and then much longer, when answers may overtake one another.
    func draw(_ range: ClosedRange<Milliseconds>) -> Milliseconds {
        self.state.withLock { state in
            let length = state.generator.length(in: range)
            guard self.trial.reorders, state.generator.number(below: 8) == 0 else {
                return length
            }
            return length + Milliseconds(Int64(state.generator.number(below: 5_000)))
        }
    }

    func sleep(until moment: Instant) async {
        let number = self.state.withLock { state in
            state.lastCall += 1
            return state.lastCall
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
                let isOver = self.state.withLock { state in
                    guard !Task.isCancelled, !state.isDead else {
                        return true
                    }
                    state.sleepers[number] = (moment, continuation)
                    return false
                }
                if isOver {
                    continuation.resume()
                } else {
                    self.bell.signal()
                }
            }
        } onCancel: {
            self.state.withLock { $0.sleepers.removeValue(forKey: number) }?.wake.resume()
        }
    }

    enum Advance {
        case happened(Happening)
        case moved
        case wake(Instant)
        case nothing
    }

    /// Goes to the next moment at which anything happens; the engine's own alarm comes before what else happens then.
    func advance() -> Advance {
        self.state.withLock { state in
            let wake = state.shadow.flatMap { $0.outcome == nil && !state.isFlushing ? $0.wakeAt : nil }
            let others = [state.queue.nextMoment, state.cluster.nextMoment].compactMap { $0 }.min()
            if let wake, wake <= others ?? wake {
                state.now = max(state.now, wake)
                state.cluster.advance(to: state.now)
                return .wake(wake)
            }
            guard let next = others else {
                return .nothing
            }
            state.now = max(state.now, next)
            state.cluster.advance(to: state.now)
            guard let moment = state.queue.nextMoment, moment <= state.now, let due = state.queue.take() else {
                return .moved
            }
            return .happened(due.event)
        }
    }

    /// Rings the engine's alarm, which may still be on its way to bed.
    func ring(_ moment: Instant, patience: Double) -> Bool {
        let end = DispatchTime.now() + patience
        while true {
            let sleeper = self.state.withLock { state -> CheckedContinuation<Void, Never>? in
                guard let found = state.sleepers.first(where: { $0.value.until == moment }) else {
                    return nil
                }
                return state.sleepers.removeValue(forKey: found.key)?.wake
            }
            if let sleeper {
                if self.planted != .loseWake {
                    sleeper.resume()
                    return true
                }
                // It sleeps on until it is cancelled with its engine.
                self.state.withLock { $0.sleepers[-1] = (Instant(milliseconds: .max), sleeper) }
                return false
            }
            guard self.bell.wait(timeout: end) == .success else {
                return false
            }
        }
    }

    func wakeEveryone() {
        let sleepers = self.state.withLock { state in
            defer { state.sleepers = [:] }
            return state.sleepers.values.map(\.wake)
        }
        for sleeper in sleepers {
            sleeper.resume()
        }
    }
}
