// Selfheal
// SPDX-License-Identifier: Apache-2.0

package import RunCore
package import RunJournal
package import RunPlan
package import RunPorts
package import RunVocabulary

/// Keeps events in the store.
package struct StoreLog: RunLog {
    private let store: RunStore

    package init(store: RunStore) {
        self.store = store
    }

    /// Writes the events in as few calls as the journal's limits allow; they become durable in their order, and the update with the last.
    ///
    /// A step with a thousand targets begins a thousand effects by one event. None of them is sent before all of it is durable, so a crash
    /// between two calls leaves effects that have begun or are still to begin, and no others.
    package func append(
        _ events: [RunEvent],
        to run: RunID,
        from sequence: Int64,
        update: RunStatus?
    ) async throws {
        var next = sequence
        var bytes = 0
        var records: [JournalRecord] = []
        records.reserveCapacity(min(events.count, JournalLimits.recordsPerAppend))
        for event in events {
            let record = event.record
            bytes += record.body.count
            if records.count == JournalLimits.recordsPerAppend || bytes > JournalLimits.bytesPerAppend {
                try await self.store.append(records)
                records.removeAll(keepingCapacity: true)
                bytes = record.body.count
            }
            records.append(
                JournalRecord(
                    run: run.text,
                    sequence: next,
                    at: record.at.milliseconds,
                    kind: record.kind,
                    body: record.body
                )
            )
            next += 1
        }
        try await self.store.append(records, runUpdate: update.map { RunUpdate($0, of: run) })
    }
}

extension RunUpdate {
    fileprivate init(_ status: RunStatus, of run: RunID) {
        self.init(
            run: run.text,
            state: status.state.rawValue,
            outcome: status.outcome?.rawValue,
            updatedAt: status.at.milliseconds
        )
    }
}

extension RunStore {
    /// The events of a run, from the first.
    ///
    /// - Throws: `StoreError`, or `ReplayError` naming the record that cannot be read.
    package func events(of run: RunID) async throws -> [RunEvent] {
        var events: [RunEvent] = []
        while true {
            let records = try await self.records(of: run.text, from: Int64(events.count) + 1)
            guard !records.isEmpty else {
                return events
            }
            for record in records {
                let moment = Instant(milliseconds: record.at)
                do {
                    events.append(try RunEvent(EventRecord(kind: record.kind, at: moment, body: record.body)))
                } catch {
                    throw ReplayError("record \(record.sequence) of run \(run): \(error.message)")
                }
            }
        }
    }

    /// What the run was started with.
    package func binding(of run: RunID) async throws -> RunBinding {
        let row = try await self.run(run.text)
        do {
            return try JSONDecoding.decode(from: JSON(parsing: row.plan))
        } catch let error as JSONError {
            throw ReplayError("the plan of run \(run) is damaged: \(error)")
        } catch let error as DecodingError {
            throw ReplayError("the plan of run \(run) cannot be read: \(JSONDecoding.message(for: error))")
        }
    }
}
