// Selfheal
// SPDX-License-Identifier: Apache-2.0

package import RunSimulator
package import RunVocabulary
package import RunbookSource

/// The tests of one runbook, as a `*.test.yaml` says them.
package struct TestFile: Hashable, Sendable {
    /// As the file names it, counted from the file's own folder.
    package var runbook: Spanned<String>
    package var cases: [TestCase]
    package var excuses: [Excuse]
}

/// A scenario, and what the run is expected to do in it.
package struct TestCase: Hashable, Sendable {
    /// With the name of its row, if it is one of a table.
    package var name: Spanned<String>
    package var scenario: Scenario
    /// The case holds when it holds with each of them.
    package var seeds: ClosedRange<UInt64>
    package var expectation: Expectation
}

/// What a case expects; what is not said may be anything, save harm.
package struct Expectation: Hashable, Sendable {
    /// How a rehearsal can come out.
    package enum Ending: String, Hashable, Sendable, CaseIterable {
        case succeeded
        case notNeeded = "not_needed"
        case failed
        case escalated
        case cancelled
        /// The scenario's time was up, and the run waits for something.
        case unfinished
        /// No trigger fired.
        case notStarted = "not_started"
    }

    package var ending: Spanned<Ending>?
    /// What the run's reason contains.
    package var reason: Spanned<String>?
    /// The steps that are entered, in order; nothing means any.
    package var path: WantedList?
    package var avoids: [Spanned<Wanted>] = []
    package var commands: WantedList?
    package var notices: WantedList?
    /// From the start of the run to its end.
    package var endsWithin: Spanned<Milliseconds>?
    package var endsAfter: Spanned<Milliseconds>?
    /// Where it says whether data is lost or forked; by default none may be.
    package var harm: Spanned<Bool>?

    package init() {}

    var isEmpty: Bool {
        self == Expectation()
    }
}

/// What happens in this order, and where the list stands.
package struct WantedList: Hashable, Sendable {
    package var elements: [Spanned<Wanted>]
    package var span: SourceSpan
}

/// One element of a list of what is expected.
package enum Wanted: Hashable, Sendable {
    /// Written `...`: anything, as often as it likes.
    case gap
    /// A step by its name, or by its whole key where that must be told apart: `start_each[1]/start`.
    case step(String)
    /// Nobody for the node is the engine's own machine.
    case command(NodeName?, String)
    case notice(channel: String?, severity: Severity?, says: String?)
}

/// A transition that no case can walk, with the reason.
package struct Excuse: Hashable, Sendable {
    package var step: Spanned<String>
    package var exits: [Spanned<String>]
    package var because: String
    package var span: SourceSpan
}
