// Selfheal
// SPDX-License-Identifier: Apache-2.0

package import RunPlan
package import RunVocabulary

/// What the world should do next for a run.
///
/// Effects follow from events, so they are never journaled; after a crash, replay and a `resumed` event bring the open ones
/// back.
package enum RunEffect: Hashable, Sendable {
    /// Find out the facts of these nodes, each with the probe of its monitor; answered by `observed`.
    case observe(RequestID, nodes: [NodeName])
    case probe(RequestID, ProbeOrder)
    /// Changes the world: bracketed by `began` and `ended`.
    case act(Act)
    /// A command that began in an earlier life: find out what became of it; answered by `ended`.
    case inquire(Act)
    /// End the command and everything it started in its session; answered by the `ended` of the act.
    case stop(EffectID)
    case openGate(Gate)
    case closeGate(StepKey)
    case tell(Notice)
    case note(RunNote)
    case finish(RunOutcome, reason: String)
}

/// A probe with everything in it resolved.
package struct ProbeOrder: Hashable, Sendable {
    package enum Question: Hashable, Sendable {
        case tcp(port: String)
        case http(url: String?, port: String?, path: String)
        case zookeeper([ZooKeeperQuestion])
        case kafka([KafkaQuestion])
        case tls(TLSQuestion<String>)
        case prometheus(PrometheusQuestion<String>)
        case dns(DNSQuestion<String>)
        case jmx(JMXQuestion<String>)
        case ssh([String])
    }

    package var question: Question
    /// Empty when the engine itself asks.
    package var targets: [NodeName]
    /// For each target.
    package var timeout: Milliseconds

    package init(question: Question, targets: [NodeName], timeout: Milliseconds) {
        self.question = question
        self.targets = targets
        self.timeout = timeout
    }
}

/// One sending of one command.
package struct Act: Hashable, Sendable {
    package enum Command: Hashable, Sendable {
        case arguments([String])
        case script(text: String, environment: [Variable])
        /// Sent by the engine itself.
        case request(Request)
    }

    package struct Variable: Hashable, Sendable {
        package enum Piece: Hashable, Sendable {
            case literal(String)
            /// What is known only where the act is sent.
            case secret(name: String)
        }

        package var name: String
        /// As it may be shown: `<secret>` stands for each secret in it.
        package var value: String
        /// Empty when there is no secret in it, and `value` is what is sent.
        package var pieces: [Piece]

        package init(name: String, value: String, pieces: [Piece] = []) {
            self.name = name
            self.value = value
            self.pieces = pieces
        }
    }

    package struct Request: Hashable, Sendable {
        package var method: String
        package var url: String
        package var headers: [Variable]
        package var body: Variable?
        package var expected: [ClosedRange<Int>]

        package init(
            method: String,
            url: String,
            headers: [Variable],
            body: Variable?,
            expected: [ClosedRange<Int>]
        ) {
            self.method = method
            self.url = url
            self.headers = headers
            self.body = body
            self.expected = expected
        }
    }

    package var effect: EffectID
    package var step: StepKey
    /// Nothing for the engine's own machine.
    package var target: NodeName?
    /// Counted from one.
    package var attempt: Int
    package var command: Command
    /// What a reader would call it: `start zookeeper`.
    package var summary: String
    package var effectClass: EffectClass
    package var repeating: RepeatPolicy
    package var timeout: Milliseconds
    package var setting: Setting
    /// How many bytes of each stream are kept.
    package var outputLimit: Int
    /// Whether secrets were put into it; only where it is sent.
    package var holdsSecrets = false
    /// When the machine asked for it: it cannot have begun before.
    package var askedAt: Instant

    package init(
        effect: EffectID,
        step: StepKey,
        target: NodeName?,
        attempt: Int,
        command: Command,
        summary: String,
        effectClass: EffectClass,
        repeating: RepeatPolicy,
        timeout: Milliseconds,
        setting: Setting = Setting(),
        outputLimit: Int = CommandReport.outputLimit,
        askedAt: Instant
    ) {
        self.setting = setting
        self.outputLimit = outputLimit
        self.askedAt = askedAt
        self.effect = effect
        self.step = step
        self.target = target
        self.attempt = attempt
        self.command = command
        self.summary = summary
        self.effectClass = effectClass
        self.repeating = repeating
        self.timeout = timeout
    }
}

/// A question to people, as they must see it.
package struct Gate: Hashable, Sendable {
    package var step: StepKey
    package var title: String
    package var message: String
    package var from: [Approver]
    package var needed: Int
    package var deadline: Instant
    package var channels: [String]
    /// What a vote must quote: digest of the binding, the step, the message, and the nodes that are touched behind the gate.
    package var digest: String
    /// What people agree to have touched.
    var touches: [GateReach.Touch]
}

package struct Notice: Hashable, Sendable {
    package var id: NoticeID
    package var step: StepKey?
    package var channels: [String]
    package var severity: Severity
    package var message: String

    package init(id: NoticeID, step: StepKey?, channels: [String], severity: Severity, message: String) {
        self.id = id
        self.step = step
        self.channels = channels
        self.severity = severity
        self.message = message
    }
}

/// What an operator may want to know and nothing has to act upon: why something was skipped, refused, retried or ignored.
package enum RunNote: Hashable, Sendable {
    case entered(StepKey, verb: String, title: String?)
    case left(StepKey, Outcome, reason: String?)
    case targetEnded(StepKey, NodeName?, Outcome, reason: String?)
    case retrying(StepKey, NodeName?, attempt: Int, at: Instant, reason: String)
    case waiting(StepKey, NodeName?, reason: String)
    case halted(StepKey, reason: String)
    case chose(StepKey, branch: String)
    case voteCounted(StepKey, Vote, have: Int, needed: Int)
    case inDoubt(StepKey, NodeName?, reason: String)
    case stopping(reason: String)
    case ignored(Ignored)
}

/// Input that was legal and changed nothing: people click twice, timers race with answers, daemons replay.
package enum Ignored: Hashable, Sendable {
    case alreadyEnded
    case notWaitedFor(String)
    case vote(StepKey, PersonName, VoteRefusal)
    case settlement(StepKey, reason: String)
    case earlyClock(Instant)
}
