// Selfheal
// SPDX-License-Identifier: Apache-2.0

package import CELExpressions
package import RunVocabulary
package import RunbookSource
package import RunbookYAML

/// A runbook as it was written: the shape is right, and every word has its place.
///
/// What the words mean is the compiler's.
package struct RunbookSyntax: Sendable {
    package var name: Spanned<String>
    package var title: Spanned<String>?
    package var severity: Spanned<Severity>?
    package var owner: Spanned<String>?
    package var parameters: [ParameterSyntax] = []
    /// What the configuration decides; each is written like a parameter with a default.
    package var settings: [ParameterSyntax] = []
    package var selections: [SelectionSyntax] = []
    package var triggers: [TriggerSyntax] = []
    /// Triggers that are sent to us, and times.
    package var alerts: [AlertSyntax] = []
    package var autonomy: Spanned<String>?
    package var isForMassFailure = false
    package var fresh: Spanned<Milliseconds>?
    package var deadline: Spanned<Milliseconds>?
    package var locks: [LockSyntax] = []
    package var properties: [PropertySyntax] = []
    package var assumptions: AssumptionsSyntax?
    package var steps: [StepSyntax] = []
    package var onFailure: FailureSyntax?
    package var finally: [StepSyntax]?

    package init(name: Spanned<String>) {
        self.name = name
    }
}

package struct ParameterSyntax: Sendable {
    package enum Kind: String, Sendable, CaseIterable {
        case string
        case int
        case bool
        case duration
        case choice = "enum"
        case secret
    }

    package var name: Spanned<String>
    /// Nothing when it could not be read; what is wrong with it has been reported.
    package var kind: Spanned<Kind>?
    package var values: [Spanned<String>]
    package var defaultValue: Spanned<String>?
    package var description: String?
}

package struct SelectionSyntax: Sendable {
    package var name: Spanned<String>
    package var role: Spanned<String>?
    package var datacenter: TemplateSyntax?
    package var nodes: [TemplateSyntax]?
    /// Whether something was wrong with it, which has been reported.
    package var isIncomplete = false
}

package struct TriggerSyntax: Sendable {
    package var condition: ExpressionSyntax
    package var holdsFor: Spanned<Milliseconds>?
    package var cooldown: Spanned<Milliseconds>?
    package var limit: Spanned<RateLimit>?
}

/// `alert: NAME`, `webhook: NAME` or `cron: TIME`.
package struct AlertSyntax: Sendable {
    package enum Kind: Sendable {
        case alert
        case webhook
        case cron
    }

    package enum CatchUp: String, Sendable, CaseIterable {
        case skip
        case once
    }

    package var kind: Kind
    /// A time has one blank between its fields.
    package var name: Spanned<String>
    package var labels: [TextPairSyntax]
    /// Which parameter takes the value of which label.
    package var parameters: [TextPairSyntax]
    package var timezone: Spanned<String>?
    package var catchUp: Spanned<CatchUp>?
    package var cooldown: Spanned<Milliseconds>?
    package var limit: Spanned<RateLimit>?
}

package struct TextPairSyntax: Sendable {
    package var name: Spanned<String>
    package var value: Spanned<String>
}

/// `2 per 24h`.
package struct RateLimit: Hashable, Sendable {
    package var count: Int
    package var window: Milliseconds
}

package struct LockSyntax: Sendable {
    package var name: Spanned<String>
    package var wait: Spanned<Milliseconds>?
}

package enum PropertySyntax: Sendable {
    case neverStep(step: Spanned<String>, unless: ExpressionSyntax, isAboutTruth: Bool)
    case neverTogether(steps: [Spanned<String>], at: SourceSpan)
    /// Each of the first before any of the others.
    case before(first: [Spanned<String>], then: [Spanned<String>])
    case atMost(downByUs: Spanned<Int>, of: Spanned<String>)
    case everyPathNotifies(channel: Spanned<String>, unless: Spanned<RunOutcome>?)
    case everyPathEndsWithin(Spanned<Milliseconds>)
    case everyPathPasses(step: Spanned<String>, unless: Spanned<RunOutcome>?)
    case afterInDoubt(step: Spanned<String>, remedy: Spanned<String>)
    case possible(ends: Spanned<RunOutcome>)
}

/// What a proof assumes.
package struct AssumptionsSyntax: Sendable {
    package var faults: Spanned<Int>?
    package var lies: Spanned<Int>?
    package var crashes: Spanned<Int>?
    package var cancels: Spanned<Int>?
    package var approvals: [Spanned<ApprovalAnswer>]?
    package var nodes: [(selection: Spanned<String>, count: Spanned<Int>)] = []
    package var begin: [(selection: Spanned<String>, states: [Spanned<NodeBeginning>])] = []
}

/// An expression with the scalar it stands in, so that a place inside it is a place in the file.
///
/// A class, like ``TemplateSyntax``: most places where one may stand are empty, and an empty one should take little room.
package final class ExpressionSyntax: Sendable {
    package let scalar: YAMLScalar
    /// Nothing when it could not be parsed; its problems have been reported.
    package let cel: CELExpression?

    init(scalar: YAMLScalar, cel: CELExpression?) {
        self.scalar = scalar
        self.cel = cel
    }

    package var span: SourceSpan {
        self.scalar.span
    }

    package func span(of range: Range<Int>) -> SourceSpan {
        self.scalar.span(ofUTF8Range: range)
    }
}

/// A text with `${{ … }}` in it, with the scalar it stands in.
package final class TemplateSyntax: Sendable {
    package let scalar: YAMLScalar
    package let cel: CELTemplate?

    init(scalar: YAMLScalar, cel: CELTemplate?) {
        self.scalar = scalar
        self.cel = cel
    }

    /// As it is written, with its `${{ … }}`.
    package var text: String {
        self.scalar.text
    }

    package var span: SourceSpan {
        self.scalar.span
    }

    package func span(of range: Range<Int>) -> SourceSpan {
        self.scalar.span(ofUTF8Range: range)
    }
}

/// A step as it was written.
///
/// A class: a step is large, and is handed from hand to hand more often than anything else.
package final class StepSyntax: Sendable {
    /// Empty when the step has none, which has been reported.
    package let name: Spanned<String>
    package let span: SourceSpan
    package let title: Spanned<String>?
    package let when: ExpressionSyntax?
    package let require: ExpressionSyntax?
    package let timeout: Spanned<Milliseconds>?
    /// Whether a key looks like `timeout`, which is reported as such.
    package let isTimeoutMisspelt: Bool
    /// The timeout, where it is an expression.
    package let computedTimeout: ExpressionSyntax?
    package let deadline: Spanned<Milliseconds>?
    package let retry: RetrySyntax?
    package let verify: VerifySyntax?
    package let maxVisits: Spanned<Int>?
    package let next: Spanned<String>?
    /// By the outcome's key, in the order written: `if_failed`, `if_timed_out`, `if_refused`, `if_in_doubt`.
    package let routes: [RouteSyntax]
    /// What undoes it: none or one.
    package let undo: [StepSyntax]
    package let undoKey: SourceSpan?
    package let verb: VerbSyntax
    /// Where the verb is written.
    package let verbSpan: SourceSpan

    init(name: Spanned<String>, span: SourceSpan, verb: Spanned<VerbSyntax>?, keys: CommonKeys, own: OwnKeys) {
        self.name = name
        self.span = span
        self.verb = verb?.value ?? .invalid
        self.verbSpan = verb?.span ?? span
        self.title = keys.title
        self.when = keys.when
        self.require = keys.require
        self.timeout = keys.timeout
        self.computedTimeout = keys.computedTimeout
        self.deadline = keys.deadline
        self.retry = keys.retry
        self.verify = keys.verify
        self.isTimeoutMisspelt = own.isTimeoutMisspelt
        self.maxVisits = own.maxVisits
        self.next = own.next
        self.routes = own.routes
        self.undo = own.undo
        self.undoKey = own.undoKey
    }

    /// The keys that a step and an undo have in common.
    struct CommonKeys {
        var title: Spanned<String>?
        var when: ExpressionSyntax?
        var require: ExpressionSyntax?
        var timeout: Spanned<Milliseconds>?
        var computedTimeout: ExpressionSyntax?
        var deadline: Spanned<Milliseconds>?
        var retry: RetrySyntax?
        var verify: VerifySyntax?

        var hasTimeout: Bool { self.timeout != nil || self.computedTimeout != nil }
    }

    /// The keys that only a step has.
    struct OwnKeys {
        var isTimeoutMisspelt = false
        var maxVisits: Spanned<Int>?
        var next: Spanned<String>?
        var routes: [RouteSyntax] = []
        var undo: [StepSyntax] = []
        var undoKey: SourceSpan?
    }
}

package struct RouteSyntax: Sendable {
    package var outcome: Outcome
    package var key: SourceSpan
    package var step: Spanned<String>
}

package final class RetrySyntax: Sendable {
    package let span: SourceSpan
    package let attempts: Spanned<Int>?
    package let within: Spanned<Milliseconds>?
    package let backoff: Spanned<String>?
    package let initial: Spanned<Milliseconds>?
    package let max: Spanned<Milliseconds>?
    package let jitter: Bool

    init(
        span: SourceSpan,
        attempts: Spanned<Int>?,
        within: Spanned<Milliseconds>?,
        backoff: Spanned<String>?,
        initial: Spanned<Milliseconds>?,
        max: Spanned<Milliseconds>?,
        jitter: Bool
    ) {
        self.span = span
        self.attempts = attempts
        self.within = within
        self.backoff = backoff
        self.initial = initial
        self.max = max
        self.jitter = jitter
    }
}

package final class VerifySyntax: Sendable {
    package let span: SourceSpan
    package let probe: ProbeKindSyntax?
    package let expect: ExpressionSyntax?
    package let every: Spanned<Milliseconds>?

    init(span: SourceSpan, probe: ProbeKindSyntax?, expect: ExpressionSyntax?, every: Spanned<Milliseconds>?) {
        self.span = span
        self.probe = probe
        self.expect = expect
        self.every = every
    }
}

// Indirect: a step is copied more often than its verb is looked at.
package indirect enum VerbSyntax: Sendable {
    case probe(ProbeSyntax)
    case wait(WaitSyntax)
    case run(RunSyntax)
    case request(RequestSyntax)
    case approve(ApproveSyntax)
    case notify(NotifySyntax)
    case choose(ChooseSyntax)
    case parallel(ParallelSyntax)
    case forEach(ForEachSyntax)
    case call(CallSyntax)
    case set([SetSyntax])
    case pause(ExpressionSyntax)
    case finish(FinishSyntax)
    /// Wrong, and reported; the step stays, so that what refers to it does not seem wrong too.
    case invalid

    package var word: String {
        switch self {
        case .probe: "probe"
        case .wait: "wait"
        case .run: "run"
        case .request: "request"
        case .approve: "approve"
        case .notify: "notify"
        case .choose: "choose"
        case .parallel: "parallel"
        case .forEach: "for_each"
        case .call: "call"
        case .set: "set"
        case .pause: "pause"
        case .finish: "finish"
        case .invalid: ""
        }
    }
}

package struct TargetsSyntax: Sendable {
    /// Nothing when it is no expression, which has been reported.
    package var nodes: ExpressionSyntax?
    package var span: SourceSpan
    package var expected: Spanned<ClosedRange<Int>>?
}

package struct ProbeSyntax: Sendable {
    package var targets: TargetsSyntax?
    package var probe: ProbeKindSyntax?
}

package struct WaitSyntax: Sendable {
    package var targets: TargetsSyntax?
    package var probe: ProbeKindSyntax?
    package var until: ExpressionSyntax?
    package var every: Spanned<Milliseconds>?
    package var consecutive: Spanned<Int>?
}

package indirect enum ProbeKindSyntax: Sendable {
    case tcp(port: Spanned<String>)
    case http(url: TemplateSyntax?, port: Spanned<String>?, path: TemplateSyntax?, span: SourceSpan)
    case zookeeper(ask: [Spanned<String>])
    case kafka(ask: [Spanned<String>])
    case tls(TLSQuestion<TemplateSyntax>, span: SourceSpan)
    case prometheus(PrometheusQuestion<TemplateSyntax>)
    case dns(DNSQuestion<TemplateSyntax>)
    case jmx(JMXQuestion<TemplateSyntax>, span: SourceSpan)
    case ssh(command: [TemplateSyntax])
}

package struct RunSyntax: Sendable {
    package enum Command: Sendable {
        case service(name: Spanned<String>, verb: Spanned<String>)
        case command([TemplateSyntax])
        case script(ScriptSyntax)
    }

    package var targets: TargetsSyntax?
    package var local: Spanned<Bool>?
    package var command: Command?
    package var environment: [EnvironmentSyntax] = []
    package var effect: Spanned<EffectClass>?
    package var repeating: Spanned<RepeatPolicy>?
    package var batch: BatchSyntax?
    package var become: Spanned<BecomeSyntax>?
    package var directory: TemplateSyntax?
    package var input: TemplateSyntax?
}

/// A text for `sh`, with the scalar it stands in.
package struct ScriptSyntax: Sendable {
    package let scalar: YAMLScalar

    package var text: String {
        self.scalar.text
    }

    package func span(of range: Range<Int>) -> SourceSpan {
        self.scalar.span(ofUTF8Range: range)
    }
}

package struct EnvironmentSyntax: Sendable {
    package var name: Spanned<String>
    package var value: TemplateSyntax
}

/// A number or a percentage.
package enum CountSyntax: Hashable, Sendable {
    case number(Int)
    case percent(Int)
}

package struct BatchSyntax: Sendable {
    package var size: Spanned<CountSyntax>?
    /// The sizes of the first batches.
    package var ramp: [Spanned<CountSyntax>]
    /// By what the targets are sorted; `target` is one of them.
    package var order: ExpressionSyntax?
    package var pause: Spanned<Milliseconds>?
    package var maxFailures: Spanned<CountSyntax>?
}

package struct ApproveSyntax: Sendable {
    package var message: TemplateSyntax?
    package var from: [Spanned<String>]
    /// Where `from` is, when it is a list of texts.
    package var fromSpan: SourceSpan?
    package var needed: Spanned<Int>?
    package var timeout: Spanned<Milliseconds>?
    package var onTimeout: Spanned<String>?
    package var channels: [Spanned<String>]
    package var span: SourceSpan
    /// Whether a key looks like `timeout`, which is reported as such.
    package var isTimeoutMisspelt = false
}

package struct NotifySyntax: Sendable {
    package var channels: [Spanned<String>]
    package var severity: Spanned<Severity>?
    package var message: TemplateSyntax?
}

package struct ChooseSyntax: Sendable {
    /// Parts that are missing have been reported.
    package struct Branch: Sendable {
        package var when: ExpressionSyntax?
        package var next: Spanned<String>?
    }

    package var branches: [Branch]
    package var otherwise: Spanned<String>?
    package var ifUnknown: Spanned<String>?
    package var span: SourceSpan
    /// Whether a branch could not be read, which has been reported.
    package var isIncomplete = false
}

package struct ForEachSyntax: Sendable {
    package var name: Spanned<String>?
    package var elements: ExpressionSyntax?
    package var serial: Spanned<CountSyntax>?
    package var pause: Spanned<Milliseconds>?
    /// The pause, where it is an expression.
    package var computedPause: ExpressionSyntax?
    package var stopAfterFailures: Spanned<Int>?
    package var steps: [StepSyntax]
}

package struct SetSyntax: Sendable {
    package var name: Spanned<String>
    /// Nothing when it could not be read, which has been reported.
    package var value: ExpressionSyntax?
}

package struct FinishSyntax: Sendable {
    package var outcome: Spanned<RunOutcome>?
    package var message: TemplateSyntax?
}
