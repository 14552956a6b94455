// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// A run's fixed facts and its latest state, without the texts it was started from.
///
/// Everything but `state`, `outcome` and `updatedAt` is fixed when the run is created.
package struct RunSummary: Hashable, Sendable {
    package var id: String
    /// The runbook's name.
    package var runbook: String
    package var title: String
    package var planDigest: String
    /// Who or what asked for the run.
    package var requestedBy: String
    /// Milliseconds UTC.
    package var createdAt: Int64
    /// JSON text.
    package var parameters: String
    /// The names of the locks the run takes; a name contains no line break.
    package var locks: [String]
    package var state: String
    /// How the run ended; `nil` while it is unfinished, which is what recovery asks for.
    package var outcome: String?
    /// Milliseconds UTC.
    package var updatedAt: Int64
    /// How many records the run has; set by the store.
    package var recordCount: Int64 = 0

    package init(
        id: String,
        runbook: String,
        title: String,
        planDigest: String,
        requestedBy: String,
        createdAt: Int64,
        parameters: String,
        locks: [String],
        state: String,
        outcome: String? = nil,
        updatedAt: Int64
    ) {
        self.id = id
        self.runbook = runbook
        self.title = title
        self.planDigest = planDigest
        self.requestedBy = requestedBy
        self.createdAt = createdAt
        self.parameters = parameters
        self.locks = locks
        self.state = state
        self.outcome = outcome
        self.updatedAt = updatedAt
    }
}

/// A run with the exact plan it is pinned to and the text that plan was compiled from.
package struct RunRow: Hashable, Sendable {
    package var summary: RunSummary
    /// Canonical JSON, the bytes that `planDigest` is the digest of.
    package var plan: [UInt8]
    /// The runbook as its author wrote it.
    package var source: String

    package init(summary: RunSummary, plan: [UInt8], source: String) {
        self.summary = summary
        self.plan = plan
        self.source = source
    }
}

/// What changes about a run together with the records that changed it.
package struct RunUpdate: Hashable, Sendable {
    package var run: String
    package var state: String
    package var outcome: String?
    /// Milliseconds UTC.
    package var updatedAt: Int64

    package init(run: String, state: String, outcome: String?, updatedAt: Int64) {
        self.run = run
        self.state = state
        self.outcome = outcome
        self.updatedAt = updatedAt
    }
}

/// Which runs a listing should hold.
package enum RunFilter: Hashable, Sendable {
    /// Every run without an outcome, oldest first.
    case unfinished
    /// Every run of which this was written last, oldest first.
    case inState(String)
    /// The newest runs, newest first; at most ``JournalLimits/runsPerListing``.
    case latest(Int)
    /// Runs whose identifier starts so, newest first; at most ``JournalLimits/runsPerListing``.
    case identifierPrefix(String)
}
