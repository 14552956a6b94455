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
    package var selections: [SelectionSyntax] = []
    package var triggers: [TriggerSyntax] = []
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
package struct ExpressionSyntax: Sendable {
    package let scalar: YAMLScalar
    /// Nothing when it could not be parsed; its problems have been reported.
    package let cel: CELExpression?

    package var span: SourceSpan {
        self.scalar.span
    }

    package func span(of range: Range<Int>) -> SourceSpan {
        self.scalar.span(ofUTF8Range: range)
    }
}

/// A text with `${{ … }}` in it, with the scalar it stands in.
package struct TemplateSyntax: Sendable {
    package let scalar: YAMLScalar
    package let cel: CELTemplate?

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

package struct StepSyntax: Sendable {
    /// Empty when the step has none, which has been reported.
    package var name: Spanned<String>
    package var span: SourceSpan
    package var title: Spanned<String>?
    package var when: ExpressionSyntax?
    package var require: ExpressionSyntax?
    package var timeout: Spanned<Milliseconds>?
    /// Whether a key looks like `timeout`, which is reported as such.
    package var isTimeoutMisspelt = false
    /// The timeout, where it is an expression.
    package var computedTimeout: ExpressionSyntax?
    package var deadline: Spanned<Milliseconds>?
    package var retry: RetrySyntax?
    package var verify: VerifySyntax?
    package var maxVisits: Spanned<Int>?
    package var next: Spanned<String>?
    /// By the outcome's key, in the order written: `if_failed`, `if_timed_out`, `if_refused`, `if_in_doubt`.
    package var routes: [RouteSyntax] = []
    /// What undoes it: none or one, in a list because a step cannot hold a step.
    package var undo: [StepSyntax] = []
    package var undoKey: SourceSpan?
    package var verb: VerbSyntax
    /// Where the verb is written.
    package var verbSpan: SourceSpan
}

package struct RouteSyntax: Sendable {
    package var outcome: Outcome
    package var key: SourceSpan
    package var step: Spanned<String>
}

package struct RetrySyntax: Sendable {
    package var span: SourceSpan
    package var attempts: Spanned<Int>?
    package var within: Spanned<Milliseconds>?
    package var backoff: Spanned<String>?
    package var initial: Spanned<Milliseconds>?
    package var max: Spanned<Milliseconds>?
    package var jitter: Bool
}

package struct VerifySyntax: Sendable {
    package var span: SourceSpan
    package var probe: ProbeKindSyntax?
    package var expect: ExpressionSyntax?
    package var every: Spanned<Milliseconds>?
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
