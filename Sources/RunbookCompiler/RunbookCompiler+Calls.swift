// Selfheal
// SPDX-License-Identifier: Apache-2.0

import CELExpressions
import RunPlan
import RunVocabulary
import RunbookLanguage
import RunbookSource

/// Runbooks that call others: the called one is compiled into the same plan.
extension RunbookCompiler {
    /// How many runbooks may stand inside each other.
    static let callDepthLimit = 8
    /// How many lists of steps a plan may have: each call brings all those of the runbook it names.
    static let regionLimit = 20_000

    mutating func call(_ syntax: CallSyntax, _ step: StepSyntax, _ scope: RegionScope) -> PlanAction? {
        var arguments: [(name: Spanned<String>, expression: Expression, type: CELType)] = []
        for argument in syntax.arguments {
            // A secret may be handed on to a secret, which is checked once the other runbook is known.
            self.isSending = true
            defer { self.isSending = false }
            if let value = argument.value, let typed = self.typedExpression(value, in: scope.types) {
                arguments.append((argument.name, typed.expression, typed.type))
            }
        }
        guard let name = syntax.runbook, let called = self.compileCalled(name) else {
            return nil
        }
        for name in called.plan.clusters ?? [] {
            self.note(cluster: name.name, at: nil)
        }
        self.calledLocks += called.plan.locks + called.calledLocks
        self.checkArguments(syntax, arguments.map { ($0.name, $0.type) }, of: called.plan, named: name)
        return .call(
            CallAction(
                runbook: called.plan.runbook,
                arguments: arguments.map { NamedExpression(name: $0.name.value, value: $0.expression) },
                parameters: called.plan.parameters,
                selections: called.plan.selections,
                fresh: called.plan.fresh,
                regions: called.regions,
                settings: called.plan.settings
            )
        )
    }

    private struct Called {
        var plan: Plan
        var regions: RunbookRegions
        var calledLocks: [PlanLock]
    }

    /// Compiles the runbook into the regions of this one; its mistakes are reported once, however often it is called.
    private mutating func compileCalled(_ name: Spanned<String>) -> Called? {
        let path = RunbookLoader.path(of: name.value, from: self.path)
        if self.callers.contains(path) {
            self.report(.recursiveCall(name.value, at: name.span, path: self.callers + [path]))
            return nil
        }
        guard self.callers.count < Self.callDepthLimit, self.regions.count < Self.regionLimit else {
            self.report(.tooDeepCall(name.value, at: name.span, limit: Self.callDepthLimit))
            return nil
        }
        guard let loaded = self.loader.load(path) else {
            self.report(.unknownRunbook(name.value, at: name.span, path: path))
            return nil
        }
        let isFirst = self.reportedFiles.insert(path).inserted
        guard let syntax = loaded.syntax else {
            self.diagnostics += isFirst ? loaded.diagnostics : []
            return nil
        }
        var inner = RunbookCompiler(syntax: syntax, path: path, loader: self.loader)
        inner.callers = self.callers + [path]
        inner.regions = self.regions
        inner.reportedFiles = self.reportedFiles
        let (plan, regions) = inner.plan(as: .called)
        self.regions = inner.regions
        self.reportedFiles = inner.reportedFiles
        if isFirst {
            // Its warnings are for those who check it.
            self.diagnostics += (loaded.diagnostics + inner.diagnostics).filter { $0.severity == .error }
        }
        return Called(plan: plan, regions: regions, calledLocks: inner.calledLocks)
    }

    private mutating func checkArguments(
        _ syntax: CallSyntax,
        _ typed: [(name: Spanned<String>, type: CELType)],
        of plan: Plan,
        named name: Spanned<String>
    ) {
        let known = plan.parameters.map(\.name)
        for argument in syntax.arguments where !known.contains(argument.name.value) {
            self.report(.unknownArgument(argument.name.value, of: name.value, at: argument.name.span, known: known))
        }
        for (argument, type) in typed {
            guard let parameter = plan.parameters.first(where: { $0.name == argument.value }) else {
                continue
            }
            if self.checkSecrecy(of: argument, parameter, syntax) {
                continue
            }
            let wanted = parameter.kind.type
            if type != .error, type != .dyn, !type.fits(wanted) {
                self.report(.wrongArgument(argument.value, is: type, wanted: parameter.kind, at: argument.span))
            }
        }
        for parameter in plan.parameters where parameter.defaultValue == nil {
            if !syntax.arguments.contains(where: { $0.name.value == parameter.name }) {
                self.report(.missingArgument(parameter.name, parameter.kind, of: name.value, at: name.span))
            }
        }
    }
}

extension RunbookCompiler {
    /// A secret goes where a secret is wanted, and nothing else does.
    ///
    /// - Returns: whether a secret has to do with it, so that its type says nothing.
    private mutating func checkSecrecy(
        of argument: Spanned<String>,
        _ parameter: PlanParameter,
        _ syntax: CallSyntax
    ) -> Bool {
        let value = syntax.arguments.first { $0.name.value == argument.value }?.value
        let paths = value?.cel?.referencedPaths ?? []
        let secret = paths.first { path in
            path.root == "parameters" && path.path.count == 2 && self.secretNames.contains(path.path[1])
        }
        switch (secret, parameter.kind) {
        case (nil, .secret):
            self.report(.noSecret(argument.value, at: value?.span ?? argument.span))
            return true
        case (let secret?, let kind) where kind != .secret:
            self.report(.secretShown(secret.path[1], at: value?.span ?? argument.span))
            return true
        case (.some, _): return true
        case (nil, _): return false
        }
    }
}

extension Diagnostic {
    static func noSecret(_ name: String, at span: SourceSpan) -> Self {
        self.error(
            257,
            "the secret '\(name)' is given something that everyone can read",
            at: span,
            help: "give it a secret parameter of this runbook: '\(name): parameters.NAME'"
        )
    }

    private static func error(
        _ code: UInt16,
        _ message: String,
        at span: SourceSpan,
        help: String?,
        slip: Slip? = nil
    ) -> Self {
        Self(code: Code(code), severity: .error, message: message, span: span, help: help, slip: slip)
    }

    static func unknownRunbook(_ name: String, at span: SourceSpan, path: String) -> Self {
        self.error(
            241,
            "there is no runbook '\(name)'",
            at: span,
            help: "it is looked for in '\(path)'; write a name, or a path from this file's folder"
        )
    }

    static func recursiveCall(_ name: String, at span: SourceSpan, path: [String]) -> Self {
        self.error(
            242,
            "the call of '\(name)' comes back to itself",
            at: span,
            help: "\(path.joined(separator: " calls ")); a runbook cannot call itself: use 'next' with 'max_visits'"
        )
    }

    static func tooDeepCall(_ name: String, at span: SourceSpan, limit: Int) -> Self {
        self.error(
            243,
            "the call of '\(name)' is too deep",
            at: span,
            help: "at most \(limit) runbooks may stand inside each other, this one included"
        )
    }

    static func unknownArgument(_ name: String, of runbook: String, at span: SourceSpan, known: [String]) -> Self {
        let all = known.isEmpty ? "it has none" : "it has \(known.joined(separator: ", "))"
        return self.error(
            244,
            "runbook '\(runbook)' has no parameter '\(name)'",
            at: span,
            help: all,
            slip: DidYouMean.slip(for: name, among: known)
        )
    }

    static func missingArgument(
        _ name: String,
        _ kind: PlanParameter.Kind,
        of runbook: String,
        at span: SourceSpan
    ) -> Self {
        self.error(
            245,
            "runbook '\(runbook)' needs the parameter '\(name)'",
            at: span,
            help: "give it under 'with:'; it is \(kind.example)"
        )
    }

    static func wrongArgument(
        _ name: String,
        is type: CELType,
        wanted: PlanParameter.Kind,
        at span: SourceSpan
    ) -> Self {
        self.error(
            246,
            "the parameter '\(name)' is given \(type)",
            at: span,
            help: "it is \(wanted.example); a text in an expression has quotes of its own: \"'text'\""
        )
    }
}
