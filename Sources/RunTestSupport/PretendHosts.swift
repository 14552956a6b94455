// Selfheal
// SPDX-License-Identifier: Apache-2.0

package import RunCore
package import RunPlan
package import RunPorts
package import RunVocabulary
import Synchronization

/// Hosts that keep receipts as real ones do, and a ledger of what really ran on them.
///
/// The hosts outlive the engine: give the same value to the next one. A command happens when it is claimed; what a test holds back is
/// its end.
package final class PretendHosts: CommandRunner, ProbeRunner {
    package struct Entry: Hashable, Sendable, CustomStringConvertible {
        package let effect: EffectID
        package let step: StepKey
        package let target: NodeName?
        package let summary: String

        package var description: String { "\(self.step) \(self.target?.text ?? "here"): \(self.summary)" }
    }

    private enum Receipt: Hashable, Sendable {
        case running
        case done(CommandReport.Ending)
        case sealed
    }

    private struct State {
        var ledger: [Entry] = []
        var receipts: [EffectID: Receipt] = [:]
        var complaints: [String] = []
        var inquiries: [EffectID] = []
        var stops: [EffectID] = []
        var isUp: [NodeName: Bool] = [:]
        /// Endings to give, first to last, by summary; without one a command ends well.
        var endings: [String: [CommandReport.Ending]] = [:]
        /// Commands that run until they are stopped or released.
        var held: Set<String> = []
        var waiting: [EffectID: [CheckedContinuation<Void, Never>]] = [:]
        var watchers: [CheckedContinuation<Void, Never>] = []
        /// What commands print on each of their streams, by summary.
        var outputs: [String: String] = [:]
    }

    private let state: Mutex<State> = Mutex(State())
    private let journal: Mutex<MemoryJournal?> = Mutex(nil)

    package init() {}

    /// The engine's journal, so that the hosts can see whether *began* was durable before they heard of a command.
    package func watch(_ journal: MemoryJournal) {
        self.journal.withLock { $0 = journal }
    }

    package var ledger: [Entry] { self.state.withLock(\.ledger) }
    /// Every breach of the journal's contract.
    package var complaints: [String] { self.state.withLock(\.complaints) }
    package var inquiries: [EffectID] { self.state.withLock(\.inquiries) }
    package var stops: [EffectID] { self.state.withLock(\.stops) }

    package func end(_ summary: String, with endings: [CommandReport.Ending]) {
        self.state.withLock { $0.endings[summary] = endings }
    }

    /// Lets commands of this summary print a text on both streams.
    package func say(_ text: String, by summary: String) {
        self.state.withLock { $0.outputs[summary] = text }
    }

    /// Lets commands of this summary run until they are stopped or released.
    package func hold(_ summary: String) {
        self.state.withLock { _ = $0.held.insert(summary) }
    }

    package func release(_ summary: String) {
        let effects = self.state.withLock { state in
            state.held.remove(summary)
            return state.ledger.filter { $0.summary == summary }.map(\.effect)
        }
        for effect in effects {
            self.settle(effect, .exited(status: 0))
        }
    }

    /// Waits until this many commands have begun on the hosts.
    package func waitForLedger(_ count: Int) async {
        while self.state.withLock({ $0.ledger.count }) < count {
            await withCheckedContinuation { continuation in
                let isThere = self.state.withLock { state in
                    guard state.ledger.count < count else {
                        return true
                    }
                    state.watchers.append(continuation)
                    return false
                }
                if isThere {
                    continuation.resume()
                }
            }
        }
    }

    // MARK: Commands

    package func run(
        _ act: Act,
        on node: Node?,
        onOutput: @escaping @Sendable (CommandOutput) -> Void
    ) async -> CommandReport {
        let hasBegun =
            self.journal.withLock { $0 }?.holds { event in
                if case .began(act.effect, _) = event { true } else { false }
            } ?? true
        let watchers = self.state.withLock { state -> [CheckedContinuation<Void, Never>] in
            if !hasBegun {
                state.complaints.append("\(act.effect) was sent before its beginning was durable")
            }
            guard state.receipts[act.effect] == nil else {
                return []
            }
            self.claim(act, &state)
            defer { state.watchers = [] }
            return state.watchers
        }
        for waiting in watchers {
            waiting.resume()
        }
        return await self.waitForEnd(act.effect)
    }

    private func claim(_ act: Act, _ state: inout State) {
        state.ledger.append(Entry(effect: act.effect, step: act.step, target: act.target, summary: act.summary))
        if let target = act.target {
            switch act.effectClass {
            case .starts, .restarts: state.isUp[target] = true
            case .stops: state.isUp[target] = false
            default: break
            }
        }
        guard !state.held.contains(act.summary) else {
            state.receipts[act.effect] = .running
            return
        }
        var endings = state.endings[act.summary] ?? []
        let ending = endings.isEmpty ? .exited(status: 0) : endings.removeFirst()
        state.endings[act.summary] = endings
        state.receipts[act.effect] = .done(ending)
    }

    package func inquire(_ act: Act, on node: Node?) async -> CommandReport {
        let isKnown = self.state.withLock { state in
            state.inquiries.append(act.effect)
            guard act.repeating != .never else {
                return false
            }
            if state.receipts[act.effect] == nil {
                state.receipts[act.effect] = .sealed
            }
            return true
        }
        guard isKnown else {
            return CommandReport(.inDoubt(reason: "it leaves no receipt"))
        }
        return await self.waitForEnd(act.effect)
    }

    package func stop(_ effect: EffectID) async {
        self.state.withLock { state in
            state.stops.append(effect)
            if state.receipts[effect] == nil {
                state.receipts[effect] = .sealed
            }
        }
        self.settle(effect, .stopped)
    }

    private func settle(_ effect: EffectID, _ ending: CommandReport.Ending) {
        let waiting = self.state.withLock { state -> [CheckedContinuation<Void, Never>] in
            if state.receipts[effect] == .running {
                state.receipts[effect] = .done(ending)
            }
            return state.waiting.removeValue(forKey: effect) ?? []
        }
        for waiting in waiting {
            waiting.resume()
        }
    }

    private func waitForEnd(_ effect: EffectID) async -> CommandReport {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isOver = self.state.withLock { state in
                    guard state.receipts[effect] == .running, !Task.isCancelled else {
                        return true
                    }
                    state.waiting[effect, default: []].append(continuation)
                    return false
                }
                if isOver {
                    continuation.resume()
                }
            }
        } onCancel: {
            let waiting = self.state.withLock { $0.waiting.removeValue(forKey: effect) ?? [] }
            for waiting in waiting {
                waiting.resume()
            }
        }
        switch self.state.withLock({ $0.receipts[effect] }) {
        case .done(let ending):
            let text = self.state.withLock { state in
                state.ledger.last { $0.effect == effect }.flatMap { state.outputs[$0.summary] } ?? ""
            }
            return CommandReport(ending, standardOutput: text, standardError: text)
        case .sealed: return CommandReport(.notSent(reason: "it never began, and cannot any more"))
        case .running, nil: return CommandReport(.inDoubt(reason: "the engine ended while it ran"))
        }
    }

    // MARK: Looking

    package func probe(_ order: ProbeOrder, in inventory: Inventory) async -> [ProbeReport] {
        order.targets.map { self.look(at: $0) }
    }

    package func observe(_ nodes: [NodeName], in inventory: Inventory) async -> [ProbeReport] {
        nodes.map { self.look(at: $0) }
    }

    private func look(at node: NodeName) -> ProbeReport {
        let isUp = self.state.withLock { $0.isUp[node] ?? false }
        return ProbeReport(
            target: node,
            facts: [
                "open": .bool(isUp), "answered": .bool(isUp), "serving": .bool(isUp), "problem": .string(""),
                "health": .string(isUp ? "healthy" : "down"),
            ]
        )
    }
}
