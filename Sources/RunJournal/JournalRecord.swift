// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// One event of one run, as it lies in the store.
///
/// The store does not look inside `body`: what an event means is the core's business. It only promises that
/// records come back in the order, and with the bytes, in which they were appended.
package struct JournalRecord: Hashable, Sendable {
    /// The run's identifier, as text.
    package var run: String
    /// The position within the run: 1 for the first record, and no gaps.
    package var sequence: Int64
    /// When the event happened, in milliseconds UTC.
    package var at: Int64
    /// What kind of event it is, spelled out.
    package var kind: String
    /// JSON text in UTF-8.
    package var body: [UInt8]

    package init(run: String, sequence: Int64, at: Int64, kind: String, body: [UInt8]) {
        self.run = run
        self.sequence = sequence
        self.at = at
        self.kind = kind
        self.body = body
    }
}

/// Sizes at which the journal says no.
package enum JournalLimits {
    /// Bytes in one record's body.
    package static let bodyBytes = 1 << 20
    /// Bytes in a run's identifier.
    package static let identifierBytes = 128
    /// Bytes in a record's kind.
    package static let kindBytes = 64
    /// Records that one call may append; larger batches are refused.
    package static let recordsPerAppend = 1_000
    /// Bytes in the bodies of one call; larger batches are refused.
    package static let bytesPerAppend = 16 << 20
    /// Records that share one transaction; what is left waits for the next.
    package static let recordsPerTransaction = 1_000
    /// Bytes that share one transaction, unless a single call has more.
    package static let bytesPerTransaction = 16 << 20
    /// Calls waiting for the writer; at the limit further callers wait before they hand their work over.
    package static let pendingCalls = 10_000
    /// Records that one read returns at most; a reader asks again from where it stopped.
    package static let recordsPerRead = 10_000
    /// Bytes in bodies after which a read stops early.
    package static let bytesPerRead = 64 << 20
    /// Runs that a listing of the latest returns at most.
    package static let runsPerListing = 10_000
    /// Bytes in a plan, and in a runbook's source text.
    package static let planBytes = 16 << 20
    /// Bytes in a run's parameters, and in a setting's value.
    package static let valueBytes = 1 << 20
    /// Runs whose last position is remembered; beyond that it is read from the store again.
    package static let rememberedRuns = 20_000
    /// Seconds that a statement waits for a foreign process that holds the database.
    package static let busySeconds = 5.0
    /// Pages in the write-ahead log after which the writer folds them into the database.
    package static let checkpointPages = 1_000
}
