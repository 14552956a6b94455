// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunCore
import RunJournal
import RunPlan
import RunPorts
import RunVocabulary

/// Decides which run may begin, where runbooks say what they lock.
///
/// A lock is kept in the store and belongs to a run from its first step until it has ended: also while the run rests without an engine,
/// because what it began may still be going on. A run that has ended blocks nobody, however it ended. A run whose journal is damaged
/// can never end and blocks nobody either: a person has been told. All locks of a run are taken at once, or none.
actor LockKeeper {
    private struct Conflict {
        let lock: PlanLock
        let holder: RunID
    }

    /// Pause between two looks; a holder may end in another process than this.
    private static let pause = Duration.milliseconds(200)

    private let store: RunStore
    private let now: @Sendable () -> Instant

    init(store: RunStore, now: @escaping @Sendable () -> Instant) {
        self.store = store
        self.now = now
    }

    /// Takes the locks of a run, and waits for each as long as its runbook says.
    ///
    /// - Returns: why the run must not begin, or nothing when the locks are its own.
    func take(for binding: RunBinding) async throws -> String? {
        let locks = binding.plan.locks
        guard !locks.isEmpty else {
            return nil
        }
        let start = self.now()
        var isShown = false
        while let conflict = try await self.tryToTake(locks, for: binding.run) {
            guard self.now() < start + conflict.lock.wait, !Task.isCancelled else {
                let waited = conflict.lock.wait == .zero ? "" : " after \(conflict.lock.wait)"
                return "the lock '\(conflict.lock.name)' is still held\(waited) by run \(conflict.holder); "
                    + "'selfheal show \(conflict.holder)' tells what that does"
            }
            if !isShown {
                try await self.show(.waitingForLock, of: binding.run)
                isShown = true
            }
            try? await Task.sleep(for: Self.pause, clock: .continuous)
        }
        if isShown {
            try await self.show(.running, of: binding.run)
        }
        return nil
    }

    /// Gives back what an ended run held.
    func giveBack(_ locks: [PlanLock], of run: RunID) async throws {
        for lock in locks where try await self.store.setting(Self.key(lock)) == run.text {
            try await self.store.setSetting(Self.key(lock), to: "")
        }
    }

    /// Only one run is looked at at a time, so that no two take the same lock.
    private var isTaking = false

    private func tryToTake(_ locks: [PlanLock], for run: RunID) async throws -> Conflict? {
        while self.isTaking {
            try await Task.sleep(for: .milliseconds(5), clock: .continuous)
        }
        self.isTaking = true
        defer { self.isTaking = false }
        for lock in locks {
            if let holder = try await self.holder(of: lock), holder != run {
                return Conflict(lock: lock, holder: holder)
            }
        }
        for lock in locks {
            try await self.store.setSetting(Self.key(lock), to: run.text)
        }
        return nil
    }

    private func holder(of lock: PlanLock) async throws -> RunID? {
        guard let text = try await self.store.setting(Self.key(lock)), !text.isEmpty else {
            return nil
        }
        do throws(StoreError) {
            let summary = try await self.store.run(text).summary
            let isOver = summary.outcome != nil || summary.state == RunState.stopped.rawValue
            return isOver ? nil : RunID(text)
        } catch {
            if case .unknownRun = error.code {
                return nil
            }
            throw error
        }
    }

    private func show(_ state: RunState, of run: RunID) async throws {
        let now = self.now().milliseconds
        let update = RunUpdate(run: run.text, state: state.rawValue, outcome: nil, updatedAt: now)
        try await self.store.append([], runUpdate: update)
    }

    private static func key(_ lock: PlanLock) -> String {
        "lock/\(lock.name)"
    }
}
