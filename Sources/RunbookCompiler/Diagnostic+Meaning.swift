// Selfheal
// SPDX-License-Identifier: Apache-2.0

import CELExpressions
import RunPlan
import RunVocabulary
import RunbookSource

/// Mistakes in what a runbook means: names, flow, verbs and their keys.
extension Diagnostic {
    private static func error(
        _ code: UInt16,
        _ message: String,
        at span: SourceSpan,
        notes: [Note] = [],
        help: String? = nil,
        slip: Slip? = nil
    ) -> Self {
        Self(code: Code(code), severity: .error, message: message, span: span, notes: notes, help: help, slip: slip)
    }

    private static func warning(_ code: UInt16, _ message: String, at span: SourceSpan, help: String) -> Self {
        Self(code: Code(code), severity: .warning, message: message, span: span, help: help)
    }

    // MARK: Names and flow

    static func unknownWord(_ word: String, for key: String, at span: SourceSpan, known: [String]) -> Self {
        self.error(
            104,
            "'\(word)' is no value of '\(key)'",
            at: span,
            help: "it is one of \(known.joined(separator: ", "))",
            slip: DidYouMean.slip(for: word, among: known)
        )
    }

    static func beginsAsNoNodeCan(_ state: String, role: String, at span: SourceSpan) -> Self {
        self.error(
            650,
            "a node of the role '\(role)' cannot begin '\(state)'",
            at: span,
            help: "data that is behind or lost is told of members of a ZooKeeper ensemble; others begin up, down or cut"
        )
    }

    static func everybodyIsBehind(_ selection: String, at span: SourceSpan) -> Self {
        self.error(
            650,
            "not every node of '\(selection)' can be 'behind'",
            at: span,
            help: "what was written last is on a majority: add how the others are, such as [behind, down]"
        )
    }

    static func notTwoSteps(_ count: Int, at span: SourceSpan) -> Self {
        self.error(
            270,
            "'together' names two steps, and this names \(count)",
            at: span,
            help: "write 'together: [one, other]'; a step named twice must never have two acts under way"
        )
    }

    /// Two steps claim one name.
    static func duplicateStep(_ name: String, at span: SourceSpan, first: SourceSpan) -> Self {
        self.error(
            207,
            "step '\(name)' is defined twice",
            at: span,
            notes: [Note(message: "first defined here", span: first)],
            help: "rename one of them; 'next' and 'undo' refer to steps by id"
        )
    }

    static func unknownStep(_ name: String, at span: SourceSpan, known: [String], elsewhere: RegionRole?) -> Self {
        if let role = elsewhere {
            let here =
                switch role {
                case .main: "the main steps"
                case .called: "the steps of the called runbook"
                case .loop: "this loop"
                case .branch: "this branch"
                case .undo: "this undo"
                case .onFailure: "'on_failure'"
                case .finally: "'finally'"
                }
            return self.error(
                202,
                "step '\(name)' is not in \(here)",
                at: span,
                help: "a jump stays in its own list of steps"
            )
        }
        return self.error(
            201,
            "there is no step '\(name)'",
            at: span,
            help: "the steps here are \(known.prefix(12).joined(separator: ", "))",
            slip: DidYouMean.slip(for: name, among: known)
        )
    }

    static func unreachableStep(_ name: String, at span: SourceSpan) -> Self {
        self.error(
            203,
            "step '\(name)' can never be reached",
            at: span,
            help: "lead to it with 'next' or a route, or take it out"
        )
    }

    static func unboundedLoop(from: String, to: String, at span: SourceSpan, target: SourceSpan) -> Self {
        self.error(
            204,
            "'\(from)' jumps back to '\(to)' without a bound",
            at: span,
            notes: [Note(message: "the loop begins here", span: target)],
            help: "give '\(to)' a 'max_visits: 3'"
        )
    }

    static func reservedName(_ name: String, at span: SourceSpan) -> Self {
        self.error(205, "'\(name)' means something to the language", at: span, help: "choose another name")
    }

    static func hiddenName(_ name: String, at span: SourceSpan, first: SourceSpan) -> Self {
        self.error(
            206,
            "'\(name)' would hide the selection of that name",
            at: span,
            notes: [Note(message: "the selection is here", span: first)],
            help: "choose another name"
        )
    }

    static func unknownSelection(_ name: String, at span: SourceSpan, known: [String]) -> Self {
        self.error(
            208,
            "there is no selection '\(name)'",
            at: span,
            help: "selections are listed under 'targets:'",
            slip: DidYouMean.slip(for: name, among: known)
        )
    }

    static func emptySelection(_ name: String, at span: SourceSpan) -> Self {
        self.error(
            209,
            "selection '\(name)' selects nothing in particular",
            at: span,
            help: "give it a 'role', a 'datacenter' or 'nodes'"
        )
    }

    /// A name that was meant as an expression: nodes are names, and what is to be worked out stands in `${{ }}`.
    static func expressionAsNode(_ text: String, at span: SourceSpan) -> Self {
        self.error(
            248,
            "'\(text)' is taken as the name of a node, not as the parameter",
            at: span,
            help: "write nodes: [\"${{ \(text) }}\"]"
        )
    }

    // MARK: Parameters

    static func badDefault(_ name: String, _ kind: PlanParameter.Kind, at span: SourceSpan) -> Self {
        self.error(210, "the default of '\(name)' is not \(kind.example)", at: span)
    }

    static func enumWithoutValues(_ what: String, _ name: String, at span: SourceSpan) -> Self {
        self.error(211, "\(what) '\(name)' has no values to choose from", at: span, help: "add 'values: [one, two]'")
    }

    static func valuesWithoutEnum(_ what: String, _ name: String, at span: SourceSpan) -> Self {
        self.error(212, "\(what) '\(name)' is no enum and has values", at: span, help: "write 'type: enum'")
    }

    // MARK: Verbs

    static func missingTargets(at span: SourceSpan) -> Self {
        self.error(220, "the step has no targets", at: span, help: "add 'targets: NAME' of a selection")
    }

    static func localWithTargets(at span: SourceSpan, local: SourceSpan?) -> Self {
        self.error(
            221,
            "a local command has no targets",
            at: span,
            notes: [Note(message: "it is local because of this", span: local)],
            help: "take one of them out"
        )
    }

    static func missingTimeout(of verb: String, at span: SourceSpan) -> Self {
        self.error(222, "'\(verb)' has no timeout", at: span, help: "say how long it may take: 'timeout: 10m'")
    }

    static func missingSilence(at span: SourceSpan) -> Self {
        self.error(
            223,
            "the gate does not say what silence means",
            at: span,
            help: "add 'on_timeout: refused' or 'on_timeout: timed_out'"
        )
    }

    static func badApprover(_ text: String, at span: SourceSpan) -> Self {
        self.error(224, "'\(text)' is nobody who could approve", at: span, help: "write 'role:sre' or 'person:ada'")
    }

    static func tooFewApprovers(_ needed: Int, have: Int, at span: SourceSpan) -> Self {
        self.error(
            225,
            "\(needed) approvals are needed and only \(have) may give one",
            at: span,
            help: "name more people, or a role"
        )
    }

    static func missingOtherwise(at span: SourceSpan) -> Self {
        self.error(226, "'choose' does not say what happens otherwise", at: span, help: "add '- otherwise: STEP'")
    }

    static func missingIfUnknown(at span: SourceSpan) -> Self {
        self.error(
            227,
            "a branch leads to an act, and an unknown condition is not provided for",
            at: span,
            help: "add '- if_unknown: STEP'; what cannot be told must not decide"
        )
    }

    static func missingEffect(at span: SourceSpan) -> Self {
        self.error(
            228,
            "the command does not say what it does to its targets",
            at: span,
            help: "add 'effect:' with one of \(EffectClass.allCases.map(\.rawValue).joined(separator: ", "))"
        )
    }

    static func otherEffect(_ declared: EffectClass, than implied: EffectClass, at span: SourceSpan) -> Self {
        self.error(
            229,
            "the effect is '\(implied.rawValue)', not '\(declared.rawValue)'",
            at: span,
            help: "'do' implies the effect: take 'effect' out"
        )
    }

    static func interpolationInScript(at span: SourceSpan) -> Self {
        self.error(
            230,
            "nothing is interpolated in a script",
            at: span,
            help: "pass the value by 'env:' and use it as \"$NAME\""
        )
    }

    static func badEnvironmentName(_ name: String, at span: SourceSpan) -> Self {
        self.error(
            231,
            "'\(name)' cannot name an environment variable",
            at: span,
            help: "use letters, digits and '_', a digit not first"
        )
    }

    static func probeWithoutAddress(_ kind: String, key: String, at span: SourceSpan) -> Self {
        self.error(
            232,
            "'\(kind)' has no address",
            at: span,
            help: "give it \(key), or a 'port' of its targets\(kind == "http" ? " and a 'path'" : "")"
        )
    }

    static func retryOfNever(at span: SourceSpan, repeating: SourceSpan?) -> Self {
        self.error(
            233,
            "a command that is never repeated cannot be retried",
            at: span,
            notes: [Note(message: "it is never repeated because of this", span: repeating)],
            help: "take one of them out"
        )
    }

    static func keyWithoutEffect(_ key: String, verb: String, at span: SourceSpan, help: String) -> Self {
        self.error(234, "'\(key)' means nothing beside '\(verb)'", at: span, help: help)
    }

    static func notAList(_ type: CELType, at span: SourceSpan) -> Self {
        self.error(
            235,
            "the elements are \(type), not a list",
            at: span,
            help: "give 'in' an expression that is a list"
        )
    }

    static func orderByWhatHasNone(_ type: CELType, at span: SourceSpan) -> Self {
        self.error(
            236,
            "the targets cannot be sorted by \(type)",
            at: span,
            help: "sort by a number, a text or a condition: 'order: target.id == 1' puts those for which it holds last"
        )
    }

    // MARK: Rules

    static func ungatedDataLoss(_ step: String, at span: SourceSpan) -> Self {
        self.warning(
            401,
            "step '\(step)' can lose data and can be reached without an approval",
            at: span,
            help: "put an 'approve' step before it"
        )
    }
}
