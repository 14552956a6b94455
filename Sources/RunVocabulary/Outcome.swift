// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// How a step came out.
///
/// Raw values are what runbooks, the journal and expressions say; they are never changed.
package enum Outcome: String, Hashable, Sendable, Codable, CaseIterable {
    case succeeded
    /// It was tried and could not be done.
    case failed
    case timedOut = "timed_out"
    /// It was decided not to do it.
    case refused
    /// Its `when` did not hold.
    case skipped
    /// It may or may not have happened.
    case inDoubt = "in_doubt"
    case cancelled
}

/// How a run came out.
package enum RunOutcome: String, Hashable, Sendable, Codable, CaseIterable {
    case succeeded
    case notNeeded = "not_needed"
    case failed
    case escalated
    case cancelled
}

/// What a command does to its targets, as the guard rails, the verifier and the simulated world understand it.
package enum EffectClass: String, Hashable, Sendable, Codable, CaseIterable {
    case reads
    case starts
    case stops
    case restarts
    case wipes
    case movesData = "moves_data"
    case promotes
    case fences
    case changes

    package var changesTheWorld: Bool {
        self != .reads
    }

    /// Whether data can be lost by it, so that a person must have agreed.
    package var endangersData: Bool {
        switch self {
        case .wipes, .movesData, .promotes: true
        case .reads, .starts, .stops, .restarts, .fences, .changes: false
        }
    }
}

/// How a command may be repeated.
package enum RepeatPolicy: String, Hashable, Sendable, Codable, CaseIterable {
    /// A receipt on the target makes it happen at most once.
    case guarded
    /// It may be sent again.
    case safe
    /// No receipt is possible: after a crash it is in doubt.
    case never
}

/// How much a runbook's failure matters, and how loudly a notice speaks.
package enum Severity: String, Hashable, Sendable, Codable, CaseIterable {
    case info
    case warning
    case critical
}
