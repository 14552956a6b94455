// Selfheal
// SPDX-License-Identifier: Apache-2.0

package import RunCore
package import RunPlan
package import RunPorts
package import RunVocabulary
import Synchronization

/// Takes every notice, on every channel.
package final class PretendMessenger: Messenger {
    private let state: Mutex<[Notice]> = Mutex([])

    package init() {}

    package var notices: [Notice] { self.state.withLock { $0 } }

    package func tell(_ notice: Notice, of binding: RunBinding, at moment: Instant) async -> [Delivery] {
        self.state.withLock { $0.append(notice) }
        return notice.channels.map { Delivery(channel: $0, failure: nil) }
    }
}

/// Remembers what a run showed, and lets a test wait for it.
package final class Witness: RunObserver {
    private struct State {
        var events: [RunEvent] = []
        var effects: [RunEffect] = []
        var watchers: [CheckedContinuation<Void, Never>] = []
    }

    private let state: Mutex<State> = Mutex(State())

    package init() {}

    package var events: [RunEvent] { self.state.withLock(\.events) }
    package var effects: [RunEffect] { self.state.withLock(\.effects) }

    package var notes: [RunNote] {
        self.effects.compactMap { if case .note(let note) = $0 { note } else { nil } }
    }

    package func happened(_ event: RunEvent, in run: RunID) {
        self.wake { $0.events.append(event) }
    }

    package func decided(_ effect: RunEffect, at moment: Instant, in run: RunID) {
        self.wake { $0.effects.append(effect) }
    }

    package func printed(_ output: CommandOutput, in run: RunID) {}

    private func wake(_ change: (inout State) -> Void) {
        let watchers = self.state.withLock { state in
            change(&state)
            defer { state.watchers = [] }
            return state.watchers
        }
        for waiting in watchers {
            waiting.resume()
        }
    }

    /// Suspends until an effect was decided for which `isIt` holds.
    package func wait(for isIt: (RunEffect) -> Bool) async {
        var seen = -1
        while !self.effects.contains(where: isIt) {
            let count = self.effects.count
            guard count == seen else {
                seen = count
                continue
            }
            await withCheckedContinuation { continuation in
                let isChanged = self.state.withLock { state in
                    guard state.effects.count == count else {
                        return true
                    }
                    state.watchers.append(continuation)
                    return false
                }
                if isChanged {
                    continuation.resume()
                }
            }
        }
    }
}
