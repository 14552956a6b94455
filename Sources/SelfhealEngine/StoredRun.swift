// Selfheal
// SPDX-License-Identifier: Apache-2.0

package import RunCore
import RunJournal
import RunPlan
import RunPorts
package import RunVocabulary
import WorldAdapters

/// A run that no engine drives: its machine is its journal, replayed.
package struct StoredRun: ReachableRun {
    package let id: RunID
    private let store: RunStore

    init(id: RunID, store: RunStore) {
        self.id = id
        self.store = store
    }

    package func machine() async throws -> RunMachine {
        try await self.replayed().machine
    }

    private func replayed() async throws -> (machine: RunMachine, count: Int) {
        var machine = RunMachine(binding: try await self.store.binding(of: self.id))
        let events = try await self.store.events(of: self.id)
        for (index, event) in events.enumerated() {
            do {
                _ = try machine.handle(event)
            } catch {
                throw ReplayError("record \(index + 1) of run \(self.id): \(error.message)")
            }
        }
        return (machine, events.count)
    }

    /// Writes the event behind the others; the effects that follow from it are brought back when an engine resumes the run.
    package func submit(_ event: @escaping @Sendable (Instant) -> RunEvent) async throws -> Bool {
        let (machine, count) = try await self.replayed()
        let event = event(SystemWallClock().now)
        var endedAt: Instant?
        if machine.outcome != nil {
            // What is in doubt is settled after the end, too: a fact for the record, from which nothing follows.
            guard case .settled = event, !machine.leftInDoubt.isEmpty else {
                return false
            }
            endedAt = Instant(milliseconds: try await self.store.run(self.id.text).summary.updatedAt)
        }
        guard count > 0 else {
            throw EngineError("run \(self.id) has not begun: 'selfheal resume \(self.id)' begins it")
        }
        var copy = machine
        _ = try copy.handle(event)
        let log = StoreLog(store: self.store)
        try await log.append(
            [event],
            to: self.id,
            from: Int64(count) + 1,
            update: RunStatus(of: copy, at: endedAt ?? event.moment)
        )
        return true
    }
}
