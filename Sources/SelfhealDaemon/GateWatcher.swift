// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunCore
import RunPlan
import RunPorts
import RunVocabulary
import Synchronization

/// Hears when a run begins and ends to wait for people, and counts what it does.
final class GateWatcher: RunObserver {
    private struct State {
        var openGates = 0
        /// Acts that change the world, until they have ended.
        var acts: [EffectID: Act] = [:]
    }

    private let base: any RunObserver
    private let metrics: WatchMetrics
    private let changed: @Sendable (Bool) -> Void
    private let state = Mutex(State())

    init(base: any RunObserver, metrics: WatchMetrics, changed: @escaping @Sendable (Bool) -> Void) {
        self.base = base
        self.metrics = metrics
        self.changed = changed
    }

    func happened(_ event: RunEvent, in run: RunID) {
        if case .ended(let effect, let report, _) = event {
            let act = self.state.withLock { $0.acts.removeValue(forKey: effect) }
            if let act, report.ending == .exited(status: 0) {
                self.metrics.succeeded(act.effectClass, on: act.target)
            }
        }
        self.base.happened(event, in: run)
    }

    func decided(_ effect: RunEffect, at moment: Instant, in run: RunID) {
        switch effect {
        case .openGate: self.count(1)
        case .closeGate: self.count(-1)
        case .act(let act) where act.effectClass.changesTheWorld:
            self.state.withLock { $0.acts[act.effect] = act }
            self.metrics.attempted(act.effectClass, on: act.target)
        default: break
        }
        self.base.decided(effect, at: moment, in: run)
    }

    func printed(_ output: CommandOutput, in run: RunID) {
        self.base.printed(output, in: run)
    }

    private func count(_ change: Int) {
        let isWaiting = self.state.withLock { state in
            state.openGates = max(0, state.openGates + change)
            return state.openGates > 0
        }
        self.changed(isWaiting)
    }
}
