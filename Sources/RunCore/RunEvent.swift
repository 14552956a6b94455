// Selfheal
// SPDX-License-Identifier: Apache-2.0

package import RunPlan
package import RunVocabulary

/// What the world told a run.
///
/// Every event is durable before it is handled, and handling the same events in the same order gives the same state and the
/// same effects. Time, answers of people and results of probes are all in here; the machine has no other source of them.
package enum RunEvent: Hashable, Sendable {
    case started(at: Instant)
    /// The run was not begun: something that it needs was not to be had.
    case refused(reason: String, at: Instant)
    /// An engine took the run up again after the one before it ended.
    case resumed(at: Instant)
    /// Facts about nodes, asked for with ``RunEffect/observe(_:nodes:)``.
    case observed(RequestID, reports: [ProbeReport], at: Instant)
    case probed(RequestID, reports: [ProbeReport], at: Instant)
    /// The command is about to be sent; durable before its first byte leaves.
    case began(EffectID, at: Instant)
    case ended(EffectID, CommandReport, at: Instant)
    case voted(StepKey, Vote, at: Instant)
    case told(NoticeID, deliveries: [Delivery], at: Instant)
    case clockReached(at: Instant)
    case cancelRequested(by: PersonName, because: String, at: Instant)
    /// A person decided what is in doubt.
    case settled(StepKey, Settlement, at: Instant)
    /// What the run was started for is over; the run goes on, and people can see it.
    case triggerCleared(what: String, at: Instant)

    package var moment: Instant {
        switch self {
        case .started(let at), .refused(_, let at), .resumed(let at), .observed(_, _, let at), .probed(_, _, let at),
            .began(_, let at),
            .ended(_, _, let at), .voted(_, _, let at), .told(_, _, let at), .clockReached(let at),
            .cancelRequested(_, _, let at), .settled(_, _, let at),
            .triggerCleared(_, let at):
            at
        }
    }

    /// The one command whose beginning or end it is, if it is either.
    var effect: EffectID? {
        switch self {
        case .began(let effect, _), .ended(let effect, _, _): effect
        case .started, .refused, .resumed, .observed, .probed, .voted, .told, .clockReached, .cancelRequested, .settled,
            .triggerCleared:
            nil
        }
    }
}

/// What was seen of one target.
package struct ProbeReport: Hashable, Sendable {
    /// Nothing when the engine itself asked.
    package var target: NodeName?
    /// By the field names of the probe's result type; what is missing is unknown.
    package var facts: [String: Fact]

    package init(target: NodeName?, facts: [String: Fact]) {
        self.target = target
        self.facts = facts
    }
}

/// How one sending of a command came out.
package struct CommandReport: Hashable, Sendable {
    package enum Ending: Hashable, Sendable {
        case exited(status: Int)
        case signalled(name: String)
        /// The time was up, and the command is confirmed to be gone.
        case timedOut
        /// It was stopped on request, and is confirmed to be gone.
        case stopped
        /// Not a byte of it ran, and it never will.
        case notSent(reason: String)
        /// It may or may not have happened.
        ///
        /// *May still run*: nothing rules out that it is running, or may yet begin. To see no trace of it is no proof then.
        case inDoubt(reason: String, mayStillRun: Bool = true)
    }

    package var ending: Ending
    /// The beginning and the end of what it printed, at most the act's limit of each.
    package var standardOutput: String
    package var standardError: String
    package var isOutputCut: Bool

    package init(
        _ ending: Ending,
        standardOutput: String = "",
        standardError: String = "",
        isOutputCut: Bool = false
    ) {
        self.ending = ending
        self.standardOutput = standardOutput
        self.standardError = standardError
        self.isOutputCut = isOutputCut
    }
}

package struct Vote: Hashable, Sendable {
    package enum Decision: String, Hashable, Sendable {
        case granted
        case denied
    }

    package var person: PersonName
    /// The roles the person had when voting.
    package var roles: [String]
    package var decision: Decision
    /// What the person saw: a vote for another digest does not count.
    package var digest: String
    package var comment: String

    package init(person: PersonName, roles: [String], decision: Decision, digest: String, comment: String) {
        self.person = person
        self.roles = roles
        self.decision = decision
        self.digest = digest
        self.comment = comment
    }
}

package struct Settlement: Hashable, Sendable {
    package var target: NodeName?
    package var happened: Bool
    package var by: PersonName
    package var because: String

    package init(target: NodeName?, happened: Bool, by: PersonName, because: String) {
        self.target = target
        self.happened = happened
        self.by = by
        self.because = because
    }
}

/// One notice of one run; telling twice uses the same id, so that a receiver can recognise it.
package struct NoticeID: Name {
    package let text: String

    package init(_ text: String) {
        self.text = text
    }
}

package struct Delivery: Hashable, Sendable {
    package var channel: String
    /// Nothing when it was delivered.
    package var failure: String?

    package init(channel: String, failure: String?) {
        self.channel = channel
        self.failure = failure
    }
}
