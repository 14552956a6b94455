// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunPorts
package import RunVocabulary
import Synchronization

/// Stands still until a test moves it.
package final class ManualClock: WallClock {
    private struct State {
        var now: Instant
        var sleepers: [Int: (until: Instant, wake: CheckedContinuation<Void, Never>)] = [:]
        var count = 0
        var watchers: [CheckedContinuation<Void, Never>] = []
    }

    private let state: Mutex<State>

    package init(_ now: Instant = Instant(milliseconds: 1_000_000)) {
        self.state = Mutex(State(now: now))
    }

    package var now: Instant { self.state.withLock(\.now) }

    package func sleep(until moment: Instant) async {
        let number = self.state.withLock { state in
            state.count += 1
            return state.count
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let (isOver, watchers) = self.state.withLock { state -> (Bool, [CheckedContinuation<Void, Never>]) in
                    guard moment > state.now, !Task.isCancelled else {
                        return (true, [])
                    }
                    state.sleepers[number] = (moment, continuation)
                    defer { state.watchers = [] }
                    return (false, state.watchers)
                }
                if isOver {
                    continuation.resume()
                }
                for waiting in watchers {
                    waiting.resume()
                }
            }
        } onCancel: {
            self.state.withLock { $0.sleepers.removeValue(forKey: number) }?.wake.resume()
        }
    }

    package func advance(by span: Milliseconds) {
        self.set(self.now + span)
    }

    package func set(_ now: Instant) {
        let due = self.state.withLock { state in
            state.now = now
            let due = state.sleepers.filter { $0.value.until <= now }
            for number in due.keys {
                state.sleepers[number] = nil
            }
            return due.values.map(\.wake)
        }
        for waiting in due {
            waiting.resume()
        }
    }

    /// The moment the earliest sleeper waits for; suspends until somebody sleeps.
    package func nextAlarm() async -> Instant {
        while true {
            if let next = self.state.withLock({ $0.sleepers.values.map(\.until).min() }) {
                return next
            }
            await withCheckedContinuation { continuation in
                let isThere = self.state.withLock { state in
                    guard state.sleepers.isEmpty else {
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
}

/// Jumps to the moment that somebody wants to sleep until.
package final class JumpingClock: WallClock {
    private let state: Mutex<Instant>

    package init(_ now: Instant = Instant(milliseconds: 1_000_000)) {
        self.state = Mutex(now)
    }

    package var now: Instant { self.state.withLock { $0 } }

    package func sleep(until moment: Instant) async {
        self.state.withLock { $0 = max($0, moment) }
    }
}
