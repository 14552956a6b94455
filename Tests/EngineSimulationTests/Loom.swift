// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Foundation
import RunSimulator
import Synchronization

/// Runs every job of an engine on one thread, in an order that a seed draws, and counts them.
///
/// Each job is what the engine does between two suspensions, so the number of a job is a place at which an engine can end.
final class Loom: TaskExecutor {
    private struct State {
        var jobs: [UnownedJob] = []
        var generator: SplitMix64
    }

    private let state: Mutex<State>
    private let bell = DispatchSemaphore(value: 0)

    init(seed: UInt64) {
        self.state = Mutex(State(generator: SplitMix64(seed: seed)))
    }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        self.state.withLock { $0.jobs.append(job) }
        self.bell.signal()
    }

    var isIdle: Bool {
        self.state.withLock(\.jobs.isEmpty)
    }

    /// Runs one of the jobs that are ready; any may come first, as on a pool of threads.
    func runOne(shuffled: Bool) {
        let job = self.state.withLock { state -> UnownedJob? in
            guard !state.jobs.isEmpty else {
                return nil
            }
            let count = UInt64(state.jobs.count)
            let index = shuffled ? Int(state.generator.number(below: count)) : 0
            return state.jobs.remove(at: index)
        }
        job?.runSynchronously(on: self.asUnownedTaskExecutor())
    }

    /// Waits for a job that comes from elsewhere: an engine's alarm is no part of its structured work.
    func waitForJob(_ patience: Double) -> Bool {
        let end = DispatchTime.now() + patience
        while self.isIdle {
            guard self.bell.wait(timeout: end) == .success else {
                return !self.isIdle
            }
        }
        return true
    }
}
