// Selfheal
// SPDX-License-Identifier: Apache-2.0

package import RunCore
package import RunPlan
package import RunVocabulary

/// What the world told the watch.
package enum WatchEvent: Hashable, Sendable {
    case began(at: Instant)
    case clockReached(at: Instant)
    /// One look has been answered, by the monitor of this name: one report for each of its nodes.
    case looked([ProbeReport], by: String = "", at: Instant)
    /// These are on disk, and nobody has acted upon them.
    case alerted([AcceptedAlert], at: Instant)
    /// What they told of is over, which is on disk.
    case resolved([Alert], at: Instant)
    /// A run that the watch asked for was written down and begins.
    case runBegan(RunID, runbook: String, subject: String?, at: Instant)
    case startFailed(runbook: String, subject: String?, reason: String, at: Instant)
    /// The run asks people, or has its answer.
    case runWaits(RunID, Bool, at: Instant)
    /// Without an outcome it stopped where it was, and a person has to look.
    case runEnded(RunID, RunOutcome?, at: Instant)
    case froze(Freeze, at: Instant)
    case thawed(by: PersonName, at: Instant)

    package var moment: Instant {
        switch self {
        case .began(let at), .clockReached(let at), .looked(_, _, let at), .alerted(_, let at),
            .resolved(_, let at), .runBegan(_, _, _, let at), .startFailed(_, _, _, let at), .runWaits(_, _, let at),
            .runEnded(_, _, let at), .froze(_, let at),
            .thawed(_, let at):
            at
        }
    }
}

/// What the watch wants done.
package enum WatchEffect: Hashable, Sendable {
    /// Look at the node by the monitor of this name, and answer with ``WatchEvent/looked(_:by:at:)``.
    case look(NodeName, by: String = "")
    /// Answered with ``WatchEvent/runBegan(_:runbook:subject:at:)`` or ``WatchEvent/startFailed(runbook:subject:reason:at:)``.
    case start(Launch)
    /// Write these down, each once, and answer with ``WatchEvent/alerted(_:at:)``.
    case accept([Wish])
    /// Write down what became of these alerts; no run comes of them.
    case answer([Int64], String)
    case tell(WatchNotice)
    case note(WatchNote)
    /// A runbook's decision is another than before.
    case decided(Decision)
}

/// Something that asks for a runbook, and is not on disk yet.
package struct Wish: Hashable, Sendable {
    package var runbook: String
    package var alert: Alert

    package init(runbook: String, alert: Alert) {
        self.runbook = runbook
        self.alert = alert
    }
}

/// A run to be started.
package struct Launch: Hashable, Sendable {
    package var plan: Plan
    package var parameters: [String: Fact]
    /// The condition and since when it holds, in words.
    package var reason: String
    /// The alert that it answers, if one does: the run and its answer are written down together, or neither is.
    package var alert: AcceptedAlert?

    /// What it is about, which whoever reports its beginning says again; nothing when that is all of its runbook.
    package var subject: String? {
        self.alert?.alert.concern
    }

    package init(plan: Plan, parameters: [String: Fact], reason: String, alert: AcceptedAlert? = nil) {
        self.plan = plan
        self.parameters = parameters
        self.reason = reason
        self.alert = alert
    }
}

package struct WatchNotice: Hashable, Sendable {
    package var severity: Severity
    /// What it is about; nothing when it is the watch as a whole.
    package var runbook: String?
    package var message: String

    package init(severity: Severity, runbook: String?, message: String) {
        self.severity = severity
        self.runbook = runbook
        self.message = message
    }
}

/// For the log.
package enum WatchNote: Hashable, Sendable {
    case health(NodeName, HealthModel.Health, problem: String)
    case blind(unseen: Int, of: Int)
    case sighted
    /// It changes too often to be believed, with the numbers; or does not any more.
    case flapping(NodeName, String)
    case steady(NodeName)
    /// What the run was started for is over, in words: the run is to be told.
    case cleared(RunID, String)
    /// Times came while nobody watched.
    case missed(runbook: String, String)
    case frozen(Freeze)
    case thawed(by: PersonName)
}

/// Nothing is started or sent until somebody lifts it.
package struct Freeze: Hashable, Sendable, Codable {
    package var by: PersonName
    package var because: String
    package var since: Instant

    package init(by: PersonName, because: String, since: Instant) {
        self.by = by
        self.because = because
        self.since = since
    }

    package var text: String {
        "frozen by \(self.by): \(self.because)"
    }
}

/// Why a runbook did or did not start.
package struct Decision: Hashable, Sendable, Codable {
    package enum Kind: String, Hashable, Sendable, Codable {
        /// Nothing asks for it.
        case quiet
        /// Whether something asks for it cannot be told.
        case unknown
        /// Its condition holds, and not for long enough yet.
        case holding
        case started
        /// It would start if something else were not so; it is looked at again.
        case held
        /// It does not start this time.
        case refused
        /// `autonomy: observe`.
        case observed

        /// Whether nothing has fired.
        var isIdle: Bool {
            switch self {
            case .quiet, .unknown, .holding: true
            case .started, .held, .refused, .observed: false
            }
        }
    }

    package var runbook: String
    package var kind: Kind
    package var at: Instant
    /// In words, with the numbers.
    package var reason: String

    package init(runbook: String, kind: Kind, at: Instant, reason: String) {
        self.runbook = runbook
        self.kind = kind
        self.at = at
        self.reason = reason
    }
}

/// A run that the watch started, in this life or an earlier one.
package struct TriggeredRun: Hashable, Sendable {
    package var run: RunID
    package var runbook: String
    package var began: Instant
    package var ended: Instant?
    package var outcome: RunOutcome?
    package var isWaiting = false
    /// What the alert was about that it answers.
    package var subject: String?
    /// Whether a condition started it, rather than an alert or a time.
    package var isForCondition = false
    /// Whether it was told that what it was started for is over.
    var wasTold = false

    package init(run: RunID, runbook: String, began: Instant, ended: Instant? = nil, outcome: RunOutcome? = nil) {
        self.run = run
        self.runbook = runbook
        self.began = began
        self.ended = ended
        self.outcome = outcome
    }

    /// The moment that pauses and limits count from.
    var last: Instant {
        self.ended ?? self.began
    }
}
