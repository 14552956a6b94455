// Selfheal
// SPDX-License-Identifier: Apache-2.0

package import RunCore
package import RunPlan
package import RunVocabulary

/// What a store holds of one run.
package struct Recording: Hashable, Sendable {
    package var binding: RunBinding
    package var events: [RunEvent]
    /// What the list of runs says of its end; nothing while it goes on.
    package var outcome: String?

    package init(binding: RunBinding, events: [RunEvent], outcome: String?) {
        self.binding = binding
        self.events = events
        self.outcome = outcome
    }

    /// The moment from which times are counted.
    var start: Instant {
        self.events.first?.moment ?? Instant(milliseconds: 0)
    }
}

/// One record of a run, what it says of the world, and what was decided upon it.
package struct ReplayStep: Hashable, Sendable {
    /// Counted from one; nothing for a moment that no record is about.
    package var record: Int?
    /// Since the run's start.
    package var at: Milliseconds
    package var event: RunEvent
    package var decisions: [Decision]
}
