// Selfheal
// SPDX-License-Identifier: Apache-2.0

import CELExpressions
import RunPlan
import RunVocabulary
import RunbookLanguage
import RunbookSource

extension RunbookCompiler {
    /// What a verb becomes; nothing when it is wrong, which has been reported.
    mutating func action(_ step: StepSyntax, _ scope: inout RegionScope) -> PlanAction? {
        switch step.verb {
        case .probe(let syntax): self.probe(syntax, step, scope)
        case .wait(let syntax): self.wait(syntax, step, scope)
        case .run(let syntax): self.run(syntax, step, scope)
        case .request(let syntax): self.request(syntax, step, scope)
        case .approve(let syntax): self.approve(syntax, scope)
        case .notify(let syntax): self.notify(syntax, scope)
        case .choose(let syntax): self.choose(syntax, scope)
        case .parallel(let syntax): self.parallel(syntax, step, scope)
        case .forEach(let syntax): self.forEach(syntax, step, scope)
        case .call(let syntax): self.call(syntax, step, scope)
        case .set(let values): self.set(values, &scope)
        case .pause(let length):
            self.expression(length, expecting: .duration, in: scope.types).map { .pause(length: $0) }
        case .finish(let syntax): self.finish(syntax, scope)
        case .invalid: nil
        }
    }

    // MARK: Looking

    private mutating func probe(_ syntax: ProbeSyntax, _ step: StepSyntax, _ scope: RegionScope) -> PlanAction? {
        let targets = syntax.targets.flatMap { self.targets($0, scope) }
        guard let probe = syntax.probe.flatMap({ self.specification($0, scope) }) else {
            return nil
        }
        self.checkTargets(of: probe, given: syntax.targets != nil, at: step.verbSpan)
        return .probe(ProbeAction(targets: targets, probe: probe, timeout: step.timeout?.value ?? .seconds(5)))
    }

    private mutating func wait(_ syntax: WaitSyntax, _ step: StepSyntax, _ scope: RegionScope) -> PlanAction? {
        let targets = syntax.targets.flatMap { self.targets($0, scope) }
        let types = scope.types.with(.result(syntax.probe.result))
        let until = syntax.until.flatMap { self.expression($0, expecting: .bool, in: types) }
        if step.timeout == nil, step.computedTimeout == nil, !step.isTimeoutMisspelt {
            self.report(.missingTimeout(of: "wait", at: step.verbSpan))
        }
        guard let probe = syntax.probe.flatMap({ self.specification($0, scope) }), let until else {
            return nil
        }
        self.checkTargets(of: probe, given: syntax.targets != nil, at: step.verbSpan)
        return .wait(
            WaitAction(
                targets: targets,
                probe: probe,
                until: until,
                every: syntax.every?.value ?? .seconds(5),
                consecutive: syntax.consecutive?.value ?? 1,
                timeout: step.timeout?.value ?? .minutes(1)
            )
        )
    }

    private mutating func checkTargets(of probe: ProbeSpecification, given: Bool, at span: SourceSpan) {
        if !given, !probe.needsNoTargets {
            self.report(.missingTargets(at: span))
        }
    }

    private mutating func targets(_ syntax: TargetsSyntax, _ scope: RegionScope) -> Targets? {
        guard let expression = syntax.nodes.flatMap({ self.expression($0, expecting: Self.nodes, in: scope.types) })
        else {
            return nil
        }
        return Targets(nodes: expression, expected: syntax.expected?.value)
    }

    private static let nodes = CELType.list(.record(ResultTypes.node))

    /// The targets sorted by `order`, so that they are resolved, and their facts looked at, like any other list of targets.
    private mutating func ordered(_ targets: Targets, by order: ExpressionSyntax?, _ scope: RegionScope) -> Targets? {
        guard let order else {
            return targets
        }
        let types = scope.types.with(.target)
        guard let (key, type) = self.typedExpression(order, in: types) else {
            return nil
        }
        guard let sorted = CELExpression.parse("(\(targets.nodes.text)).sortBy(target, \(key.text))").0 else {
            return nil
        }
        let (_, problems) = sorted.check(in: scope.types.environment(for: sorted), expecting: nil)
        if !problems.isEmpty {
            // Both halves have been checked: what is wrong is that they do not go together.
            if type != .error {
                self.report(.orderByWhatHasNone(type, at: order.span))
            }
            return nil
        }
        let reads = FactReads.names(readBy: sorted.root, among: scope.types.nodeNames(in: sorted))
        return Targets(nodes: Expression(sorted, place: targets.nodes.place, reads: reads), expected: targets.expected)
    }

    mutating func specification(_ syntax: ProbeKindSyntax, _ scope: RegionScope) -> ProbeSpecification? {
        switch syntax {
        case .tcp(let port): return .tcp(port: port.value)
        case .http(let url, let port, let path, let span):
            if url == nil, port == nil {
                self.report(.probeWithoutAddress("http", key: "a 'url'", at: span))
            }
            return .http(
                HTTPQuestion(
                    url: url.flatMap { self.template($0, in: scope.types) },
                    port: port?.value,
                    path: path.flatMap { self.template($0, in: scope.types) }
                )
            )
        case .zookeeper(let ask):
            let questions: [ZooKeeperQuestion] = self.words(ask)
            return .zookeeper(ask: questions.isEmpty ? [.srvr] : questions)
        case .kafka(let ask):
            let questions: [KafkaQuestion] = self.words(ask)
            return .kafka(ask: questions.isEmpty ? [.metadata] : questions)
        case .tls(let question, let span): return self.tls(question, at: span, scope)
        case .prometheus(let question):
            self.checkWebAddress(question.url)
            return question.mapTexts { self.template($0, in: scope.types) }.map { .prometheus($0) }
        case .dns(let question):
            return question.mapTexts { self.template($0, in: scope.types) }.map { .dns($0) }
        case .jmx(let question, let span): return self.jmx(question, at: span, scope)
        case .ssh(let command): return .ssh(command: command.compactMap { self.template($0, in: scope.types) })
        }
    }

    private mutating func words<Word: RawRepresentable & CaseIterable>(
        _ words: [Spanned<String>]
    ) -> [Word] where Word.RawValue == String {
        words.compactMap { word in
            guard let known = Word(rawValue: word.value) else {
                self.report(
                    .unknownWord(word.value, for: "ask", at: word.span, known: Word.allCases.map(\.rawValue))
                )
                return nil
            }
            return known
        }
    }

    // MARK: Acting

    private mutating func run(_ syntax: RunSyntax, _ step: StepSyntax, _ scope: RegionScope) -> PlanAction? {
        let implied = scope.impliedTargets.map { Targets(nodes: $0) }
        let isLocal = syntax.local?.value ?? false
        if isLocal, let given = syntax.targets {
            self.report(.localWithTargets(at: given.span, local: syntax.local?.span))
        }
        if !isLocal, syntax.targets == nil, implied == nil {
            self.report(.missingTargets(at: step.verbSpan))
        }
        let given = syntax.targets.map { self.targets($0, scope) } ?? (isLocal ? nil : implied)
        let targets = given.flatMap { self.ordered($0, by: syntax.batch?.order, scope) }
        let types = isLocal ? scope.types : scope.types.with(.target)
        let environment = syntax.environment.compactMap { variable -> NamedTemplate? in
            self.checkEnvironmentName(variable.name)
            return self.sentTemplate(variable.value, in: types).map {
                NamedTemplate(name: variable.name.value, value: $0)
            }
        }
        let verify = step.verify.flatMap { self.verify($0, scope) }
        self.checkEnvironmentIsRead(syntax)
        guard let (command, implied) = self.command(syntax, environment, types) else {
            return nil
        }
        var action = RunAction(
            targets: targets,
            command: command,
            effect: self.effect(syntax, implied, at: step.verbSpan),
            repeating: syntax.repeating?.value ?? .guarded,
            timeout: step.timeout?.value ?? .minutes(1),
            batch: self.batch(syntax.batch),
            verify: verify
        )
        if case .command = command, !environment.isEmpty {
            action.environment = environment
        }
        action.become = self.become(syntax, isLocal: isLocal)
        action.directory = syntax.directory.flatMap { self.template($0, in: types) }
        action.input = syntax.input.flatMap { self.sentTemplate($0, in: types) }
        return .run(action)
    }

    private mutating func command(
        _ syntax: RunSyntax,
        _ environment: [NamedTemplate],
        _ types: TypeScope
    ) -> (CommandSpecification, implied: EffectClass?)? {
        switch syntax.command {
        case nil: return nil
        case .service(let name, let verb):
            guard let known = ServiceVerb(rawValue: verb.value) else {
                let words = ServiceVerb.allCases.map(\.rawValue)
                self.report(.unknownWord(verb.value, for: "do", at: verb.span, known: words))
                return nil
            }
            return (.service(name: name.value, verb: known), known.effect)
        case .command(let words):
            return (.command(words.compactMap { self.template($0, in: types) }), nil)
        case .script(let script):
            if let offset = script.text.offset(of: "${{") {
                self.report(.interpolationInScript(at: script.span(of: offset..<(offset + 3))))
            }
            return (.script(text: script.text, environment: environment), nil)
        }
    }

    private mutating func effect(_ syntax: RunSyntax, _ implied: EffectClass?, at span: SourceSpan) -> EffectClass {
        guard let declared = syntax.effect else {
            if implied == nil, syntax.command != nil {
                self.report(.missingEffect(at: span))
            }
            return implied ?? .changes
        }
        if let implied, implied != declared.value {
            self.report(.otherEffect(declared.value, than: implied, at: declared.span))
        }
        return declared.value
    }

    /// How a service is commanded is the inventory's business: elsewhere the values would go nowhere, silently.
    private mutating func checkEnvironmentIsRead(_ syntax: RunSyntax) {
        guard let first = syntax.environment.first else {
            return
        }
        switch syntax.command {
        case nil, .script, .command: break
        case .service:
            let help = "the inventory says how a service is commanded"
            self.report(.keyWithoutEffect("env", verb: "service", at: first.name.span, help: help))
        }
    }

    private mutating func checkEnvironmentName(_ name: Spanned<String>) {
        let scalars = name.value.unicodeScalars
        let isName = scalars.allSatisfy { scalar in
            ("A"..."Z").contains(scalar) || ("a"..."z").contains(scalar) || ("0"..."9").contains(scalar)
                || scalar == "_"
        }
        if !isName || scalars.first.map({ ("0"..."9").contains($0) }) ?? true {
            self.report(.badEnvironmentName(name.value, at: name.span))
        }
    }

    private func batch(_ syntax: BatchSyntax?) -> Batch {
        guard let syntax else {
            return .oneByOne
        }
        return Batch(
            size: syntax.size?.value.count ?? .number(1),
            ramp: syntax.ramp.isEmpty ? nil : syntax.ramp.map(\.value.count),
            pause: syntax.pause?.value ?? .zero,
            maxFailures: syntax.maxFailures?.value.count ?? .number(0)
        )
    }

    mutating func verify(_ syntax: VerifySyntax, _ scope: RegionScope) -> Verify? {
        let types = scope.types.with(.result(syntax.probe.result))
        guard
            let expect = syntax.expect.flatMap({ self.expression($0, expecting: .bool, in: types) }),
            let probe = syntax.probe.flatMap({ self.specification($0, scope) })
        else {
            return nil
        }
        return Verify(probe: probe, expect: expect, every: syntax.every?.value ?? .seconds(1))
    }

    // MARK: People

    private mutating func approve(_ syntax: ApproveSyntax, _ scope: RegionScope) -> PlanAction? {
        let message = syntax.message.flatMap { self.template($0, in: scope.types) }
        let from = syntax.from.compactMap { text -> Approver? in
            guard let approver = Approver(text: text.value) else {
                self.report(.badApprover(text.value, at: text.span))
                return nil
            }
            return approver
        }
        let needed = syntax.needed?.value ?? 1
        let hasRole = from.contains { if case .role = $0 { true } else { false } }
        let people = Set(from)
        if !hasRole, people.count < needed, from.count == syntax.from.count, let given = syntax.fromSpan {
            self.report(.tooFewApprovers(needed, have: people.count, at: syntax.needed?.span ?? given))
        }
        if syntax.timeout == nil, !syntax.isTimeoutMisspelt {
            self.report(.missingTimeout(of: "approve", at: syntax.span))
        }
        guard let onTimeout = self.silence(syntax), let message else {
            return nil
        }
        return .approve(
            ApproveAction(
                message: message,
                from: from,
                needed: needed,
                timeout: syntax.timeout?.value ?? .minutes(15),
                onTimeout: onTimeout,
                channels: syntax.channels.map(\.value)
            )
        )
    }

    private mutating func silence(_ syntax: ApproveSyntax) -> ApproveAction.Silence? {
        guard let word = syntax.onTimeout else {
            self.report(.missingSilence(at: syntax.span))
            return nil
        }
        guard let silence = ApproveAction.Silence(rawValue: word.value) else {
            let words = ApproveAction.Silence.allCases.map(\.rawValue)
            self.report(.unknownWord(word.value, for: "on_timeout", at: word.span, known: words))
            return nil
        }
        return silence
    }

    private mutating func notify(_ syntax: NotifySyntax, _ scope: RegionScope) -> PlanAction? {
        guard let message = syntax.message.flatMap({ self.template($0, in: scope.types) }) else {
            return nil
        }
        return .notify(
            NotifyAction(
                channels: syntax.channels.map(\.value),
                severity: syntax.severity?.value ?? .info,
                message: message
            )
        )
    }

    // MARK: Flow

    private mutating func choose(_ syntax: ChooseSyntax, _ scope: RegionScope) -> PlanAction? {
        let branches = syntax.branches.compactMap { branch -> ChooseAction.Branch? in
            let next = branch.next.map { self.destination($0, scope) } ?? scope.following
            let when = branch.when.flatMap { self.expression($0, expecting: .bool, in: scope.types) }
            return (when ?? Self.never).map { ChooseAction.Branch(when: $0, next: next) }
        }
        if syntax.otherwise == nil, !syntax.isIncomplete {
            self.report(.missingOtherwise(at: syntax.span))
        }
        let otherwise = syntax.otherwise.map { self.destination($0, scope) }
        // What could not be read may have been the 'if_unknown'.
        let assumed: Destination? = syntax.isIncomplete ? scope.following : nil
        return .choose(
            ChooseAction(
                branches: branches,
                otherwise: otherwise ?? scope.following,
                ifUnknown: syntax.ifUnknown.map { self.destination($0, scope) } ?? assumed
            )
        )
    }

    /// Stands in for a condition with a mistake, so that where it leads to still counts as reached.
    private static let never = CELExpression.parse("false").0.map { Expression($0, place: Place(line: 1, column: 1)) }

    private mutating func forEach(
        _ syntax: ForEachSyntax,
        _ step: StepSyntax,
        _ scope: RegionScope
    ) -> PlanAction? {
        let elements = syntax.elements.flatMap { self.typedExpression($0, in: scope.types) }
        var element = CELType.dyn
        switch elements?.type {
        case .list(let type): element = type
        case nil, .dyn, .error: break
        case .some(let other):
            if let span = syntax.elements?.span {
                self.report(.notAList(other, at: span))
            }
        }
        // Without its name, every use of the element would look like a mistake, and with one that swallowed the line of
        // 'in' as well.
        guard let name = syntax.name?.value, syntax.elements != nil || Naming.isName(name) else {
            return nil
        }
        var inner = scope.types
        inner.add(name, elements == nil ? .error : element)
        let body = self.region(.loop, syntax.steps, .loop(step.name.value), in: inner)
        guard let elements else {
            return nil
        }
        return .forEach(
            ForEachAction(
                name: name,
                elements: elements.expression,
                body: body,
                serial: syntax.serial?.value.count ?? .number(1),
                pause: syntax.pause?.value ?? .zero,
                stopAfterFailures: syntax.stopAfterFailures?.value ?? 1
            )
        )
    }

    private mutating func set(_ values: [SetSyntax], _ scope: inout RegionScope) -> PlanAction? {
        var named: [NamedExpression] = []
        var types: [String: CELType] = [:]
        for value in values {
            let typed = value.value.flatMap { self.typedExpression($0, in: scope.types) }
            types[value.name.value] = typed?.type ?? .error
            if let typed {
                named.append(NamedExpression(name: value.name.value, value: typed.expression))
            }
        }
        for (name, type) in types {
            scope.types.add(name, type)
        }
        return .set(values: named)
    }

    private mutating func finish(_ syntax: FinishSyntax, _ scope: RegionScope) -> PlanAction? {
        guard let outcome = syntax.outcome else {
            return nil
        }
        if outcome.value == .cancelled {
            let words = RunOutcome.allCases.filter { $0 != .cancelled }.map(\.rawValue)
            self.report(.unknownWord("cancelled", for: "outcome", at: outcome.span, known: words))
            return nil
        }
        return .finish(outcome: outcome.value, message: syntax.message.flatMap { self.template($0, in: scope.types) })
    }
}

extension CountSyntax {
    var count: TargetCount {
        switch self {
        case .number(let number): .number(number)
        case .percent(let percent): .percent(percent)
        }
    }
}

extension String {
    /// The UTF-8 offset at which `text` first stands in this one.
    func offset(of text: String) -> Int? {
        let haystack = Array(self.utf8)
        let needle = Array(text.utf8)
        guard needle.count <= haystack.count else {
            return nil
        }
        return (0...(haystack.count - needle.count)).first { offset in
            haystack[offset..<(offset + needle.count)].elementsEqual(needle)
        }
    }
}
