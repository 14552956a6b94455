// Selfheal
// SPDX-License-Identifier: Apache-2.0

package import RunPlan
package import RunVocabulary

/// How a cluster is watched, and the limits that no runbook can switch off.
package struct WatchSettings: Hashable, Sendable {
    /// Each node is looked at once in this time.
    package var every = Milliseconds.seconds(10)
    /// How long a look may take.
    package var timeout = Milliseconds.seconds(3)
    /// How many looks in a row it takes to change one's mind.
    package var downAfter = 2
    package var upAfter = 2
    /// How many looks may be under way at once.
    package var width = 256

    /// Who is asked before a triggered run begins, where somebody must be.
    package var askFrom: [Approver] = []
    package var askFor = Milliseconds.minutes(30)
    /// Who is told what the watch decides.
    package var channels: [String] = []

    /// Between the end of a triggered run and the next of the same runbook, unless its trigger says otherwise.
    package var cooldown = Milliseconds.minutes(10)
    /// Triggered runs under way at once; those that wait for people do not count.
    package var concurrentRuns = 2
    /// Above this share of a runbook's nodes being down, in percent, only one that says `mass_failure: true` may begin, and only if people agree.
    package var panicThreshold = 40

    /// All triggered runs together: no more of them begin within the window.
    package var limit = 20
    package var limitWindow = Milliseconds.minutes(60)

    // The brake on healing the same again and again.
    package var brakeWindow = Milliseconds.minutes(60)
    /// So many triggered runs within the window, and people are asked before the next.
    package var startsBeforeAsking = 1
    /// So many, and none begins any more until the window has passed.
    package var startsBeforeRefusing = 2

    // A node whose health changes more often than this within the window counts as unknown until it is steady.
    package var flapChanges = 5
    package var flapWindow = Milliseconds.minutes(15)

    package var touch = TouchLimits()
    package var maintenance: [MaintenanceWindow] = []
    /// How often people are told that somebody still watches; never unless it is said.
    package var heartbeat: Milliseconds?
    /// Which runs are forgotten; none unless it is said.
    package var retention = Retention()

    package init() {}

    /// What was seen longer ago than this says nothing any more.
    package var staleAfter: Milliseconds {
        self.every * 3 + self.timeout
    }

    /// What no configuration can raise the limits above.
    package static let limitCeiling = 1_000
    /// Alerts that wait to be acted upon; whoever sends more is told to come again.
    package static let alertLimit = 10_000

    /// Messages within ``tellWindow``; what is more is counted, and said with the next one.
    package static let tellLimit = 20
    package static let tellWindow = Milliseconds.minutes(10)
}

/// How long runs are kept that have ended.
package struct Retention: Hashable, Sendable {
    /// Longer, and a run is forgotten.
    package var age: Milliseconds?
    /// More, and the oldest is forgotten.
    package var runs: Int?

    package init(age: Milliseconds? = nil, runs: Int? = nil) {
        self.age = age
        self.runs = runs
    }

    /// A run is kept for so long whatever is said: cool-downs, limits, alerts and receipts on hosts count on it.
    package static let least = Milliseconds.minutes(7 * 24 * 60)
    /// The fewest runs that can be kept, and the most.
    package static let runRange = 10...1_000_000

    package var isAnything: Bool {
        self.age != nil || self.runs != nil
    }

    /// In words: `older than 90d, or beyond the newest 1000`.
    package var text: String {
        [self.age.map { "older than \($0)" }, self.runs.map { "beyond the newest \($0)" }].compactMap { $0 }
            .joined(separator: ", or ")
    }
}
