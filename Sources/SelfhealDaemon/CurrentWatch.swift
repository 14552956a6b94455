// Selfheal
// SPDX-License-Identifier: Apache-2.0

import ClusterWatch
import RunPlan
import Synchronization

/// The runbooks that may start now; a changed configuration changes them.
final class CurrentWatch: Sendable {
    private struct State {
        var watched: [WatchedRunbook]
        var sources: [String: String]

        init(_ runbooks: [WatchDaemon.Runbook], _ inventory: Inventory, _ settings: WatchSettings) {
            self.watched = runbooks.map {
                WatchedRunbook(plan: $0.plan, parameters: $0.parameters, inventory: inventory, settings: settings)
            }
            self.sources = Dictionary(runbooks.map { ($0.plan.runbook, $0.source) }) { first, _ in first }
        }
    }

    private let state: Mutex<State>

    init(_ runbooks: [WatchDaemon.Runbook], _ inventory: Inventory, _ settings: WatchSettings) {
        self.state = Mutex(State(runbooks, inventory, settings))
    }

    func change(_ runbooks: [WatchDaemon.Runbook], _ inventory: Inventory, _ settings: WatchSettings) {
        let state = State(runbooks, inventory, settings)
        self.state.withLock { $0 = state }
    }

    var watched: [WatchedRunbook] {
        self.state.withLock { $0.watched }
    }

    /// The runbook as its author wrote it.
    func source(of name: String) -> String {
        self.state.withLock { $0.sources[name] ?? "" }
    }
}
