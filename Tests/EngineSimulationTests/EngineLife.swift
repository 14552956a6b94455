// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunCore
import RunPlan
import RunPorts
import RunVocabulary
import Synchronization

@testable import RunSimulator

/// The world as one life of the engine reaches it.
struct EngineLife: RunLog, CommandRunner, RequestRunner, ProbeRunner, Messenger, RunObserver, WallClock {
    struct Ended: Error {}

    let world: EngineWorld
    let life: Int

    private static let short = Milliseconds(1)...Milliseconds(20)

    // MARK: The disk

    func append(_ events: [RunEvent], to run: RunID, from sequence: Int64, update: RunStatus?) async throws {
        let world = self.world
        let written = try world.state.withLock { state -> Int in
            guard !state.isDead, state.life == self.life else {
                throw Ended()
            }
            let kept = events.filter { event in
                if world.planted == .dropBegan, case .began = event { false } else { true }
            }
            let count = state.flushed.count + state.unflushed.count
            if world.planted != .dropBegan, Int(sequence) != count + 1 {
                EngineWorld.complain("record \(sequence) was written after \(count)", &state)
            }
            state.unflushed += kept.map(\.record)
            state.isFlushing = world.planted != .sendBeforeDurable
            return state.flushed.count + state.unflushed.count
        }
        if world.planted == .sendBeforeDurable {
            return
        }
        guard await world.hop(self.life, after: world.draw(Self.short)) else {
            throw Ended()
        }
        world.state.withLock { state in
            state.isFlushing = false
            let new = max(0, written - state.flushed.count)
            let records = Array(state.unflushed.prefix(new))
            state.flushed += records
            state.unflushed.removeFirst(new)
            world.checkTruth(of: records, &state)
        }
    }

    // MARK: Commands

    func run(
        _ act: Act,
        on node: Node?,
        onOutput: @escaping @Sendable (CommandOutput) -> Void
    ) async -> CommandReport {
        let broke = CommandReport(.inDoubt(reason: "the engine ended"))
        guard await self.world.hop(self.life, after: self.world.draw(Self.short)) else {
            return broke
        }
        self.world.claim(act, by: self.life)
        return self.told(await self.awaitEnd(of: act) ?? broke)
    }

    /// What the engine makes of a report, if it is planted with a fault.
    private func told(_ report: CommandReport) -> CommandReport {
        switch (self.world.planted, report.ending) {
        case (.everythingWentWell, .exited), (.everythingWentWell, .timedOut): CommandReport(.exited(status: 0))
        case (.brokenMeansNotSent, .inDoubt), (.brokenMeansNotSent, .timedOut), (.brokenMeansNotSent, .stopped):
            CommandReport(.notSent(reason: "the connection broke"))
        default: report
        }
    }

    func inquire(_ act: Act, on node: Node?) async -> CommandReport {
        let broke = CommandReport(.inDoubt(reason: "the engine ended"))
        guard await self.world.hop(self.life, after: self.world.draw(Self.short)) else {
            return broke
        }
        if self.world.planted == .sendInsteadOfAsking {
            self.world.claim(act, by: self.life)
        }
        guard act.repeating != .never else {
            return CommandReport(.inDoubt(reason: "it leaves no receipt"))
        }
        let isSealed = self.world.state.withLock { state in
            if state.receipts[act.effect] == nil {
                state.receipts[act.effect] = .sealed
            }
            return state.receipts[act.effect] == .sealed
        }
        if isSealed {
            return CommandReport(.notSent(reason: "it never began, and cannot any more"))
        }
        return self.told(await self.awaitEnd(of: act) ?? broke)
    }

    private func awaitEnd(of act: Act) async -> CommandReport? {
        let isRunning = self.world.state.withLock { $0.receipts[act.effect] == .running }
        if isRunning {
            guard await self.world.waitForEnd(of: act.effect, self.life) else {
                return nil
            }
        }
        guard await self.world.hop(self.life, after: self.world.draw(Self.short)) else {
            return nil
        }
        return self.world.state.withLock { $0.reports[act.effect] }
    }

    func stop(_ effect: EffectID) async {
        guard await self.world.hop(self.life, after: self.world.draw(Self.short)) else {
            return
        }
        self.world.stop(effect)
    }

    func send(_ act: Act) async -> CommandReport {
        await self.run(act, on: nil) { _ in }
    }

    func inquire(_ act: Act) async -> CommandReport {
        // There is no receipt to ask for, so what may not be repeated is in doubt.
        await self.inquire(act, on: nil)
    }

    func stop(_ effect: EffectID) async -> Bool {
        false
    }

    // MARK: Looking and telling

    func probe(_ order: ProbeOrder, in inventory: Inventory) async -> [ProbeReport] {
        guard !order.targets.isEmpty else {
            guard await self.world.hop(self.life, after: self.world.draw(self.world.scenario.durations.probe)) else {
                return []
            }
            let facts = self.world.state.withLock { $0.cluster.scriptedFacts(of: nil, asking: order.question) }
            return [ProbeReport(target: nil, facts: facts)]
        }
        return await self.look(order.targets, timeout: order.timeout) { _, _ in order.question }
    }

    func observe(_ nodes: [NodeName], in inventory: Inventory) async -> [ProbeReport] {
        await self.look(nodes, timeout: self.world.scenario.monitors.timeout) { cluster, node in
            cluster.monitorQuestion(of: node)
        }
    }

    private func look(
        _ targets: [NodeName],
        timeout: Milliseconds,
        _ question: @Sendable (SimulatedWorld, NodeName) -> ProbeOrder.Question
    ) async -> [ProbeReport] {
        let isSilent = self.world.state.withLock { state in
            targets.contains { state.cluster.isSilent($0, to: question(state.cluster, $0)) }
        }
        let length = isSilent ? timeout : self.world.draw(self.world.scenario.durations.probe)
        guard await self.world.hop(self.life, after: length) else {
            return []
        }
        return self.world.state.withLock { state in
            targets.map { target in
                let question = question(state.cluster, target)
                var facts =
                    state.cluster.isSilent(target, to: question)
                    ? PretendProcess.silence : state.cluster.facts(of: target, asking: question)
                switch facts["serving"] {
                case .bool(true): facts["health"] = .string("up")
                case .bool(false): facts["health"] = .string("down")
                default: facts["health"] = nil
                }
                return ProbeReport(target: target, facts: facts)
            }
        }
    }

    func tell(_ notice: Notice, of binding: RunBinding, at moment: Instant) async -> [Delivery] {
        let length = self.world.draw(self.world.scenario.durations.notice)
        let isTold = await self.world.hop(self.life, after: length)
        return notice.channels.map { Delivery(channel: $0, failure: isTold ? nil : "the engine ended") }
    }

    // MARK: What the engine shows

    func happened(_ event: RunEvent, in run: RunID) {
        self.world.state.withLock { state in
            guard !state.isDead, state.life == self.life else {
                return
            }
            EngineWorld.tell("\(event.record.kind) \(String(decoding: event.record.body, as: UTF8.self))", &state)
            _ = try? state.shadow?.handle(event)
        }
        self.world.cancelIfDue()
    }

    func decided(_ effect: RunEffect, at moment: Instant, in run: RunID) {
        self.world.state.withLock { state in
            guard !state.isDead, state.life == self.life else {
                return
            }
            switch effect {
            case .openGate(let gate): self.world.open(gate, &state)
            case .closeGate(let step): state.gates[step] = nil
            case .note(.inDoubt(let step, let target, _)):
                state.queue.add(.settles(step, target), at: state.now + .minutes(1))
            default: break
            }
        }
    }

    func printed(_ output: CommandOutput, in run: RunID) {}

    // MARK: The clock

    var now: Instant {
        self.world.now
    }

    func sleep(until moment: Instant) async {
        await self.world.sleep(until: moment)
    }
}
