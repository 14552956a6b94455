// Selfheal
// SPDX-License-Identifier: Apache-2.0

package import RunCore
package import RunPorts
package import RunVocabulary
import Synchronization

/// Keeps events in memory, and can fail or take the engine with it at any record.
package final class MemoryJournal: RunLog {
    /// What happens to the append that reaches a record.
    package enum Fault: Hashable, Sendable {
        /// Nothing of the batch is written, and the append says so.
        case refuse(record: Int)
        /// The batch is durable, and the engine is gone before it learns of it.
        case crashAfter(record: Int)
        /// The batch is durable up to this record; the rest, which was not yet flushed, is lost with the engine.
        case tear(record: Int)
    }

    package struct Failure: Error, Hashable, Sendable, CustomStringConvertible {
        package let description: String
    }

    private struct State {
        var events: [RunEvent] = []
        var batches: [[RunEvent]] = []
        var status: RunStatus?
        var fault: Fault?
        var isBroken = false
        var complaints: [String] = []
    }

    private let state: Mutex<State>

    /// Begins with the events of an earlier life.
    package init(_ history: [RunEvent] = [], fault: Fault? = nil) {
        self.state = Mutex(State(events: history, fault: fault))
    }

    package var events: [RunEvent] { self.state.withLock(\.events) }
    /// What each append of this life brought.
    package var batches: [[RunEvent]] { self.state.withLock(\.batches) }
    package var status: RunStatus? { self.state.withLock(\.status) }
    /// Every breach of the port's contract.
    package var complaints: [String] { self.state.withLock(\.complaints) }

    package func holds(_ event: (RunEvent) -> Bool) -> Bool {
        self.state.withLock { $0.events.contains(where: event) }
    }

    package func append(
        _ events: [RunEvent],
        to run: RunID,
        from sequence: Int64,
        update: RunStatus?
    ) async throws {
        try self.state.withLock { state in
            guard !state.isBroken else {
                state.complaints.append("an append after a failed one")
                throw Failure(description: "the journal has failed before")
            }
            if Int(sequence) != state.events.count + 1 {
                state.complaints.append("record \(sequence) after \(state.events.count)")
            }
            try Self.write(events, update, &state)
        }
    }

    private static func write(_ events: [RunEvent], _ update: RunStatus?, _ state: inout State) throws {
        let reach = state.events.count + 1...state.events.count + max(events.count, 1)
        switch state.fault {
        case .refuse(let record) where reach.contains(record):
            state.isBroken = true
            throw Failure(description: "the disk is full")
        case .crashAfter(let record) where reach.contains(record):
            state.events += events
            state.isBroken = true
            throw Failure(description: "the engine ended after record \(record)")
        case .tear(let record) where reach.contains(record):
            state.events += events.prefix(record - reach.lowerBound + 1)
            state.isBroken = true
            throw Failure(description: "the engine ended, and what followed record \(record) is lost")
        default:
            state.events += events
            state.batches.append(events)
            state.status = update ?? state.status
        }
    }
}
