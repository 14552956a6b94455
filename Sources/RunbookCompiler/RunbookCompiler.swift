// Selfheal
// SPDX-License-Identifier: Apache-2.0

import CELExpressions
package import RunPlan
import RunVocabulary
package import RunbookLanguage
package import RunbookSource

/// Gives a syntax tree its meaning: resolves names, types expressions, checks the flow, and builds the plan.
///
/// It reports everything it finds in one pass. A plan comes out only when nothing is wrong, because every part of a plan is meant to be
/// executed; warnings do not hold it back.
package struct RunbookCompiler {
    var syntax: RunbookSyntax
    var environment: TypeEnvironment
    var diagnostics: [Diagnostic] = []
    var regions: [PlanRegion] = []
    var parameterUse = ParameterUse()
    var settingUse = ParameterUse("settings")
    /// The other clusters that expressions name, in the order of their first mention.
    var clusterNames: [PlanClusterName] = []
    var isWellFormed = true
    let path: String
    let loader: RunbookLoader
    /// The files that are being compiled, this one last.
    var callers: [String]
    /// The files whose mistakes have been reported.
    var reportedFiles: Set<String> = []
    /// The parameters that nobody may see.
    let secretNames: Set<String>
    /// Whether what is being compiled is sent and never shown.
    var isSending = false
    /// Whether a jump in the list of steps that is being compiled names a step like none there is, which has been reported.
    var hasLostJump = false
    /// What the runbooks lock that are called.
    var calledLocks: [PlanLock] = []
    /// What each step can see, when an editor wants to know.
    var names: NameScopes?
    /// The expressions that were found right, so that what is written again in the same place is not checked again.
    private var checkedTexts: [CheckedText: (type: CELType, reads: [String])] = [:]

    init(syntax: RunbookSyntax, path: String, loader: RunbookLoader) {
        self.syntax = syntax
        self.environment = TypeEnvironment(of: syntax)
        self.path = path
        self.loader = loader
        self.secretNames = Self.secretNames(of: syntax)
        self.callers = [RunbookLoader.normal(path)]
    }

    /// Compiles a runbook and those that it calls, which the loader finds.
    ///
    /// Their mistakes are among the diagnostics, with the places in their files. Where not all of the text could be read, no advice is
    /// given on the rest.
    static func compile(
        _ syntax: RunbookSyntax,
        path: String,
        loader: RunbookLoader,
        isWellFormed: Bool,
        keepsNames: Bool
    ) -> (plan: Plan?, diagnostics: [Diagnostic], names: NameScopes?) {
        var compiler = RunbookCompiler(syntax: syntax, path: path, loader: loader)
        compiler.isWellFormed = isWellFormed
        if keepsNames {
            compiler.names = NameScopes(head: compiler.environment.selectionsOnly)
        }
        let plan = compiler.plan(as: .main).plan
        return (compiler.diagnostics.hasErrors ? nil : plan, compiler.diagnostics, compiler.names)
    }

    /// What comes of a syntax tree alone; from a text it is ``CheckedRunbook`` that knows the way.
    package static func compile(
        _ syntax: RunbookSyntax,
        path: String,
        loader: RunbookLoader = .none
    ) -> (plan: Plan?, diagnostics: [Diagnostic]) {
        let compiled = self.compile(syntax, path: path, loader: loader, isWellFormed: true, keepsNames: false)
        return (compiled.plan, compiled.diagnostics)
    }

    /// A file with so many mistakes is not looked at for more of those that take long to explain.
    static let diagnosticLimit = 100

    mutating func report(_ diagnostic: Diagnostic) {
        self.diagnostics.append(diagnostic)
    }

    /// The plan, and which of its lists are this runbook's own.
    mutating func plan(as role: RegionRole) -> (plan: Plan, regions: RunbookRegions) {
        self.checkNames()
        let syntax = self.syntax
        var plan = Plan(
            runbook: syntax.name.value,
            title: syntax.title?.value ?? syntax.name.value,
            severity: syntax.severity?.value ?? .warning,
            source: self.path,
            regions: []
        )
        plan.owner = syntax.owner?.value
        plan.isForMassFailure = syntax.isForMassFailure
        plan.fresh = syntax.fresh?.value ?? plan.fresh
        plan.deadline = syntax.deadline?.value
        plan.parameters = syntax.parameters.compactMap { self.parameter($0) }
        plan.settings = self.settings()
        plan.selections = syntax.selections.map { self.selection($0) }
        plan.locks = syntax.locks.map { PlanLock(name: $0.name.value, wait: $0.wait?.value ?? .zero) }
        plan.autonomy = self.autonomy() ?? plan.autonomy
        let main = self.region(role, syntax.steps, .main)
        if let steps = syntax.onFailure?.steps {
            plan.onFailure = self.region(.onFailure, steps, .onFailure)
        }
        if syntax.onFailure?.undoes ?? false {
            plan.undoesOnFailure = true
        }
        if let steps = syntax.finally {
            plan.finally = self.region(.finally, steps, .finally)
        }
        plan.triggers = syntax.triggers.compactMap { self.trigger($0) }
        plan.alerts = syntax.alerts.isEmpty ? nil : syntax.alerts.map { self.alert($0) }
        plan.properties = syntax.properties.flatMap { self.properties($0) }
        plan.assumptions = syntax.assumptions.map { self.assumptions($0) }
        plan.regions = self.regions
        plan.clusters = self.clusterNames.isEmpty ? nil : self.clusterNames
        for lock in self.calledLocks where !plan.locks.contains(where: { $0.name == lock.name }) {
            plan.locks.append(lock)
        }
        var regions = plan.runbookRegions
        regions.main = main
        if self.isWellFormed, !self.diagnostics.hasErrors, role == .main {
            self.warnOfUngatedDataLoss(plan)
            self.warnOfUnusedParameters()
            self.warnOfUnusedSettings()
            self.applyExpertRules(plan)
        }
        return (plan, regions)
    }

    /// What an expert would say, where nothing was said about the step yet.
    private mutating func applyExpertRules(_ plan: Plan) {
        let rules = ExpertRules(syntax: self.syntax, plan: plan, warned: self.syntax.steps(under: self.diagnostics))
        self.diagnostics += rules.diagnostics()
    }

    // MARK: Head

    mutating func parameter(_ syntax: ParameterSyntax, _ what: String = "parameter") -> PlanParameter? {
        guard let written = syntax.kind else {
            return nil
        }
        let kind: PlanParameter.Kind
        switch written.value {
        case .string: kind = .string
        case .int: kind = .int
        case .bool: kind = .bool
        case .duration: kind = .duration
        case .secret:
            kind = .secret
            if let given = syntax.defaultValue {
                self.report(.secretWithDefault(syntax.name.value, at: given.span))
                return nil
            }
        case .choice:
            if syntax.values.isEmpty {
                self.report(.enumWithoutValues(what, syntax.name.value, at: written.span))
            }
            kind = .choice(values: syntax.values.map(\.value))
        }
        if written.value != .choice, let first = syntax.values.first {
            self.report(.valuesWithoutEnum(what, syntax.name.value, at: first.span))
        }
        var value: Fact?
        if let text = syntax.defaultValue {
            value = ParameterText.fact(text.value, of: kind)
            if value == nil, kind != .choice(values: []) {
                self.report(.badDefault(syntax.name.value, kind, at: text.span))
            }
        }
        return PlanParameter(
            name: syntax.name.value,
            kind: kind,
            defaultValue: value,
            description: syntax.description
        )
    }

    private mutating func selection(_ syntax: SelectionSyntax) -> Selection {
        let isEmpty = syntax.role == nil && syntax.nodes?.isEmpty ?? true && syntax.datacenter == nil
        if isEmpty, !syntax.isIncomplete {
            self.report(.emptySelection(syntax.name.value, at: syntax.name.span))
        }
        let datacenter = syntax.datacenter.flatMap { template in
            self.template(template, in: self.environment.parametersOnly)
        }
        let templates = syntax.nodes?.compactMap { self.template($0, in: self.environment.parametersOnly) }
        let computed = templates?.filter { $0.cel.soleLiteral == nil } ?? []
        let parameters = Set(self.syntax.parameters.map { "parameters.\($0.name.value)" })
        for node in syntax.nodes ?? [] where parameters.contains(node.text) {
            self.report(.expressionAsNode(node.text, at: node.span))
        }
        return Selection(
            name: syntax.name.value,
            role: syntax.role?.value,
            datacenter: datacenter,
            nodes: templates?.compactMap { $0.cel.soleLiteral.map { NodeName($0) } },
            computedNodes: computed.isEmpty ? nil : computed
        )
    }

    private mutating func autonomy() -> Autonomy? {
        guard let text = self.syntax.autonomy else {
            return nil
        }
        guard let autonomy = Autonomy(rawValue: text.value) else {
            self.report(
                .unknownWord(text.value, for: "autonomy", at: text.span, known: Autonomy.allCases.map(\.rawValue))
            )
            return nil
        }
        return autonomy
    }

    private mutating func trigger(_ syntax: TriggerSyntax) -> PlanTrigger? {
        let scope = self.environment.selectionsOnly
        guard let condition = self.expression(syntax.condition, expecting: .bool, in: scope) else {
            return nil
        }
        var trigger = PlanTrigger(condition: condition, holdsFor: syntax.holdsFor?.value ?? .zero)
        trigger.cooldown = syntax.cooldown?.value
        trigger.limit = syntax.limit?.value.count
        trigger.limitWindow = syntax.limit?.value.window
        return trigger
    }

    /// What is said of several steps is proved of each pair.
    private mutating func properties(_ syntax: PropertySyntax) -> [PlanProperty] {
        guard case .before(let first, let then) = syntax else {
            return self.property(syntax).map { [$0] } ?? []
        }
        for step in first + then {
            self.checkStepExists(step)
        }
        return then.flatMap { later in
            first.map { .before(first: StepName($0.value), then: StepName(later.value)) }
        }
    }

    private mutating func property(_ syntax: PropertySyntax) -> PlanProperty? {
        switch syntax {
        case .neverStep(let step, let unless, let isAboutTruth):
            self.checkStepExists(step)
            return self.expression(unless, expecting: .bool, in: self.environment.selectionsOnly).map {
                isAboutTruth
                    ? .neverInTruth(step: StepName(step.value), unless: $0)
                    : .neverStep(step: StepName(step.value), unless: $0)
            }
        case .neverTogether(let steps, let span):
            for step in steps {
                self.checkStepExists(step)
            }
            if steps.count != 2 {
                self.report(.notTwoSteps(steps.count, at: span))
            }
            return .neverTogether(steps.map { StepName($0.value) })
        case .before: return nil
        case .atMost(let count, let selection):
            let names = self.syntax.selections.map(\.name.value)
            if !names.contains(selection.value) {
                self.report(.unknownSelection(selection.value, at: selection.span, known: names))
            }
            return .atMost(downByUs: count.value, of: selection.value)
        case .everyPathNotifies(let channel, let unless):
            return .everyPathNotifies(channel: channel.value, unless: unless?.value)
        case .everyPathEndsWithin(let span): return .everyPathEndsWithin(span.value)
        case .everyPathPasses(let step, let unless):
            self.checkStepExists(step)
            return .everyPathPasses(step: StepName(step.value), unless: unless?.value)
        case .afterInDoubt(let step, let remedy):
            self.checkStepExists(step)
            self.checkStepExists(remedy)
            return .afterInDoubt(step: StepName(step.value), remedy: StepName(remedy.value))
        case .possible(let outcome): return .possible(ends: outcome.value)
        }
    }

    private mutating func checkStepExists(_ step: Spanned<String>) {
        if !self.environment.steps.contains(step.value) {
            self.report(.unknownStep(step.value, at: step.span, known: self.environment.steps.names, elsewhere: nil))
        }
    }

    // MARK: Names

    private mutating func checkNames() {
        var first: [String: SourceSpan] = [:]
        for name in self.syntax.stepNames {
            if let earlier = first[name.value] {
                self.report(.duplicateStep(name.value, at: name.span, first: earlier))
            } else {
                first[name.value] = name.span
            }
        }
        var roots: [String: SourceSpan] = [:]
        for selection in self.syntax.selections {
            roots[selection.name.value] = selection.name.span
            if TypeEnvironment.reservedNames.contains(selection.name.value) {
                self.report(.reservedName(selection.name.value, at: selection.name.span))
            }
        }
        for name in self.syntax.ownNames {
            if TypeEnvironment.reservedNames.contains(name.value) {
                self.report(.reservedName(name.value, at: name.span))
            } else if let earlier = roots[name.value] {
                self.report(.hiddenName(name.value, at: name.span, first: earlier))
            }
        }
    }

    // MARK: Expressions

    mutating func expression(
        _ syntax: ExpressionSyntax,
        expecting type: CELType?,
        in scope: TypeScope
    ) -> Expression? {
        guard let cel = syntax.cel else {
            return nil
        }
        return self.typedExpression(syntax, cel, expecting: type, in: scope).expression
    }

    /// The expression and the type it turned out to have.
    mutating func typedExpression(
        _ syntax: ExpressionSyntax,
        in scope: TypeScope
    ) -> (expression: Expression, type: CELType)? {
        syntax.cel.map { self.typedExpression(syntax, $0, expecting: nil, in: scope) }
    }

    private mutating func typedExpression(
        _ syntax: ExpressionSyntax,
        _ cel: CELExpression,
        expecting type: CELType?,
        in scope: TypeScope
    ) -> (expression: Expression, type: CELType) {
        let memory = CheckedText(text: cel.text, scope: scope.number, expected: type.map(ExpectedType.init))
        if let known = self.checkedTexts[memory] {
            return (Expression(cel, place: Place(syntax.span), reads: known.reads), known.type)
        }
        self.noteNames(cel, in: syntax.span)
        self.checkSecrets(cel) { syntax.span(of: $0) }
        guard self.diagnostics.count < Self.diagnosticLimit else {
            return (Expression(cel, place: Place(syntax.span), reads: []), .error)
        }
        let before = self.diagnostics.count
        let (found, problems) = cel.check(in: scope.environment(for: cel), expecting: type)
        for problem in problems where !Self.isEcho(problem, among: problems) {
            self.report(.badExpression(problem, at: syntax.span(of: problem.range)))
        }
        let reads = FactReads.names(readBy: cel.root, among: scope.nodeNames(in: cel))
        // What has a secret in it is said again where it stands again.
        if self.diagnostics.count == before, self.secretNames.isEmpty, self.checkedTexts.count < Self.checkedTextLimit,
            cel.text.utf8.count <= Self.longestCheckedText
        {
            self.checkedTexts[memory] = (found, reads)
        }
        return (Expression(cel, place: Place(syntax.span), reads: reads), found)
    }

    private static let checkedTextLimit = 4_096
    /// Longer texts are not written twice.
    private static let longestCheckedText = 256

    /// Where a macro is misspelt, its variable is unknown in what follows.
    private static func isEcho(_ problem: CELProblem, among problems: [CELProblem]) -> Bool {
        problem.kind == .unknownName
            && problems.contains { other in
                other.kind == .unknownFunction && other.range.upperBound <= problem.range.lowerBound
                    && other.slip.flatMap { CELMacro.Name(rawValue: $0.meant) } != nil
            }
    }

    mutating func template(_ syntax: TemplateSyntax, in scope: TypeScope) -> Template? {
        guard let cel = syntax.cel else {
            return nil
        }
        for case .expression(let interpolation) in cel.parts {
            let expression = interpolation.expression
            self.checkSecrets(expression) { range in
                syntax.span(of: range.lowerBound + interpolation.offset..<range.upperBound + interpolation.offset)
            }
            self.noteNames(expression, in: syntax.span)
            for problem in expression.check(in: scope.environment(for: expression)).1 {
                self.report(
                    .badExpression(problem, at: syntax.span(of: problem.shifted(by: interpolation.offset).range))
                )
            }
        }
        return Template(cel, place: Place(syntax.span))
    }
}

/// An expression where it stands.
private struct CheckedText: Hashable {
    let text: String
    /// The number of the ``TypeScope``.
    let scope: Int
    let expected: ExpectedType?
}

/// What a key needs, told apart faster than types are.
private enum ExpectedType: Hashable {
    case bool
    case duration
    case records(String)
    case other(String)

    init(_ type: CELType) {
        switch type {
        case .bool: self = .bool
        case .duration: self = .duration
        case .list(.record(let record)): self = .records(record.name)
        default: self = .other(type.description)
        }
    }
}

extension Place {
    init(_ span: SourceSpan) {
        self.init(line: span.start.line, column: span.start.column)
    }
}

extension PlanParameter.Kind {
    var type: CELType {
        switch self {
        case .string, .choice, .secret: .string
        case .int: .int
        case .bool: .bool
        case .duration: .duration
        }
    }
}
