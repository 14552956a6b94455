// Selfheal
// SPDX-License-Identifier: Apache-2.0

import CELExpressions
import RunVocabulary
import RunbookSource
import RunbookYAML

extension RunbookParser {
    /// The verbs of the language, in the order the documentation has them.
    private static let verbs = [
        "probe", "wait", "run", "request", "approve", "notify", "choose", "parallel", "for_each", "call", "set",
        "pause",
        "finish",
    ]

    /// The verbs that can undo a step.
    static let undoingVerbs = ["run", "request", "call"]

    func steps(_ node: YAMLNode, of what: String, under key: String) -> [StepSyntax] {
        guard case .sequence(let elements) = node.kind else {
            let help = "begin each step with '- id: NAME'"
            self.sink.report(.wrongShape("'\(key)'", needed: "a list of steps", found: node, help: help))
            return []
        }
        if elements.isEmpty {
            self.sink.report(.noSteps(in: what, at: node.span))
        }
        // Steps are large: each time the list outgrew its room, all of them would be moved.
        var steps: [StepSyntax] = []
        steps.reserveCapacity(elements.count)
        for element in elements {
            if let step = self.step(element) {
                steps.append(step)
            }
        }
        return steps
    }

    private func step(_ node: YAMLNode) -> StepSyntax? {
        let help = "begin each step with '- id: NAME'"
        guard var reader = MappingReader(node, what: "a step", sink: self.sink, help: help) else {
            return nil
        }
        let name = reader.requiredText("id", because: "give the step a name: 'id: look'")
        if let name {
            self.checkName(name, what: "step")
            reader.kind = "step"
            reader.name = name.value
        }
        let verb = self.verb(&reader, among: Self.verbs)
        let keys = self.commonKeys(from: &reader)
        var own = StepSyntax.OwnKeys()
        own.maxVisits = reader.int("max_visits", in: 1...1_000)
        own.next = reader.text("next")
        own.isTimeoutMisspelt = verb != nil && !keys.hasTimeout && reader.hasMisspelling(of: ["timeout"])
        own.routes = self.routes(&reader)
        if let undo = reader.pair("undo") {
            own.undo = [self.undo(undo.value, of: name)].compactMap { $0 }
            own.undoKey = undo.key.span
        }
        // The keys of a step whose verb is unknown would all be unknown too: one mistake, one message.
        reader.finish(reportingUnknownKeys: verb != nil)
        return StepSyntax(name: name ?? Spanned("", at: node.span), span: node.span, verb: verb, keys: keys, own: own)
    }

    /// The keys that a step and an undo have in common.
    func commonKeys(from reader: inout MappingReader) -> StepSyntax.CommonKeys {
        var keys = StepSyntax.CommonKeys()
        keys.title = reader.text("title")
        keys.when = reader.expression("when")
        keys.require = reader.expression("require")
        (keys.timeout, keys.computedTimeout) = self.span("timeout", &reader)
        keys.deadline = reader.duration("deadline")
        keys.retry = reader.take("retry").flatMap(self.retry)
        keys.verify = reader.take("verify").flatMap(self.verify)
        return keys
    }

    private func routes(_ reader: inout MappingReader) -> [RouteSyntax] {
        Self.routeKeys.compactMap { key, outcome in
            guard let pair = reader.pair(key), let step = reader.text(pair.value, key) else {
                return nil
            }
            return RouteSyntax(outcome: outcome, key: pair.key.span, step: step)
        }
    }

    private static let routeKeys: [(String, Outcome)] = [
        ("if_failed", .failed), ("if_timed_out", .timedOut), ("if_refused", .refused), ("if_in_doubt", .inDoubt),
    ]

    // MARK: Verbs

    /// Nothing when no verb is there, which is reported; an invalid one when its body is wrong.
    func verb(_ reader: inout MappingReader, among verbs: [String]) -> Spanned<VerbSyntax>? {
        let found = reader.pairs(of: verbs)
        guard let pair = found.first else {
            let strange = reader.unknownKeys.filter { !Self.commonKeys.contains($0) }
            let misspelt = strange.first { DidYouMean.suggestion(for: $0, among: verbs) != nil }
            let place = misspelt.flatMap { reader.keySpan($0) } ?? reader.span
            self.sink.report(.noVerb(in: reader.what, keys: strange, verbs: verbs, at: place))
            return nil
        }
        let word = pair.key.text
        if found.count > 1 {
            let second = found[1].key
            self.sink.report(
                .severalVerbs(word, second.text, in: reader.what, at: second.span, first: pair.key.span)
            )
            // Whether the other keys fit cannot be said of two steps in one.
            return Spanned(.invalid, at: pair.key.span)
        }
        if word == "for_each" {
            _ = reader.take("steps")
        }
        return Spanned(self.verb(word, pair.value, &reader) ?? .invalid, at: pair.key.span)
    }

    /// The keys of a step that are no verbs.
    private static let commonKeys = [
        "title", "when", "require", "timeout", "deadline", "retry", "verify", "undo", "max_visits", "next", "if_failed",
        "if_timed_out", "if_refused", "if_in_doubt",
    ]

    private func verb(_ word: String, _ body: YAMLNode, _ step: inout MappingReader) -> VerbSyntax? {
        switch word {
        case "pause": return self.pause(body, step).map { .pause($0) }
        case "set": return self.set(body).map { .set($0) }
        case "choose": return self.choose(body).map { .choose($0) }
        default: break
        }
        guard var reader = MappingReader(body, kind: "", name: word, sink: self.sink) else {
            return nil
        }
        defer { reader.finish() }
        switch word {
        case "probe":
            return .probe(ProbeSyntax(targets: self.targets(&reader), probe: self.requiredProbe(&reader)))
        case "wait": return .wait(self.wait(&reader))
        case "run": return .run(self.run(&reader))
        case "request": return .request(self.request(&reader))
        case "approve": return .approve(self.approve(&reader))
        case "notify":
            return .notify(
                NotifySyntax(
                    channels: self.requiredTexts("channels", &reader),
                    severity: reader.word("severity"),
                    message: self.requiredTemplate("message", &reader)
                )
            )
        case "parallel": return .parallel(self.parallel(&reader))
        case "for_each": return .forEach(self.forEach(&reader, step: &step))
        case "call": return .call(self.call(&reader))
        default:
            let outcome: Spanned<RunOutcome>? = reader.require("outcome").flatMap { reader.word($0, "outcome") }
            return .finish(FinishSyntax(outcome: outcome, message: reader.template("message")))
        }
    }

    private func requiredTexts(_ key: String, _ reader: inout MappingReader) -> [Spanned<String>] {
        guard reader.require(key) != nil else {
            return []
        }
        return reader.texts(key) ?? []
    }

    private func requiredTemplate(_ key: String, _ reader: inout MappingReader) -> TemplateSyntax? {
        reader.require(key).flatMap { reader.template($0, key) }
    }

    private func wait(_ reader: inout MappingReader) -> WaitSyntax {
        WaitSyntax(
            targets: self.targets(&reader),
            probe: self.requiredProbe(&reader),
            until: reader.requiredExpression("until", because: "say what is waited for: until: \"result.serving\""),
            every: reader.interval("every"),
            consecutive: reader.int("consecutive", in: 1...1_000)
        )
    }

    private func run(_ reader: inout MappingReader) -> RunSyntax {
        var run = RunSyntax()
        run.targets = self.targets(&reader)
        run.local = reader.bool("local")
        let service = reader.text("service")
        let verb = reader.text("do")
        if let service {
            _ = reader.require("do", because: "write do: start, stop, restart or status")
            run.command = verb.map { .service(name: service, verb: $0) }
        } else if let command = reader.templates("command") {
            run.command = .command(command)
        } else if let script = reader.take("script")?.scalar, reader.text("script") != nil {
            run.command = .script(ScriptSyntax(scalar: script))
        }
        let given = reader.pairs(of: ["service", "command", "script"])
        if given.count > 1 {
            self.sink.report(.severalCommands(at: given[1].key.span, first: given[0].key.span))
        } else if given.isEmpty, reader.pair("do") != nil {
            _ = reader.require("service", because: "name the service to \(verb?.value ?? "start")")
        } else if given.isEmpty || reader.take("command")?.sequence?.isEmpty ?? false {
            if !reader.hasMisspelling(of: ["service", "command", "script", "do"]) {
                self.sink.report(.noCommand(at: reader.span))
            }
        }
        run.environment = (reader.named("env", "a mapping of names to texts") ?? []).compactMap { name, value in
            reader.template(value, name.value).map { EnvironmentSyntax(name: name, value: $0) }
        }
        run.effect = reader.word("effect")
        run.repeating = reader.word("repeat")
        run.batch = reader.take("batch").flatMap(self.batch)
        run.become = reader.take("become").flatMap { self.become($0, reader) }
        run.directory = reader.take("directory").flatMap { reader.template($0, "directory") }
        run.input = reader.take("stdin").flatMap { reader.template($0, "stdin") }
        return run
    }

    private func batch(_ node: YAMLNode) -> BatchSyntax? {
        guard var reader = MappingReader(node, what: "'batch'", sink: self.sink) else {
            return nil
        }
        defer { reader.finish() }
        return BatchSyntax(
            size: reader.count("size", least: 1),
            ramp: reader.counts("ramp", least: 1),
            order: reader.expression("order"),
            pause: reader.duration("pause"),
            maxFailures: reader.count("max_failures", least: 0)
        )
    }

    private func approve(_ reader: inout MappingReader) -> ApproveSyntax {
        ApproveSyntax(
            message: self.requiredTemplate("message", &reader),
            from: self.requiredTexts("from", &reader),
            fromSpan: reader.take("from")?.span,
            needed: reader.int("needed", in: 1...100),
            timeout: reader.duration("timeout"),
            onTimeout: reader.text("on_timeout"),
            channels: reader.texts("channels") ?? [],
            span: reader.span,
            isTimeoutMisspelt: reader.hasMisspelling(of: ["timeout"])
        )
    }

    private func choose(_ body: YAMLNode) -> ChooseSyntax? {
        var choose = ChooseSyntax(branches: [], otherwise: nil, ifUnknown: nil, span: body.span)
        guard case .sequence(let elements) = body.kind else {
            let help = "write a list of '- when: …' with 'next:', and '- otherwise: STEP'"
            self.sink.report(.wrongShape("'choose'", needed: "a list of branches", found: body, help: help))
            return nil
        }
        for element in elements {
            guard var reader = MappingReader(element, what: "a branch of 'choose'", sink: self.sink) else {
                choose.isIncomplete = true
                continue
            }
            if let pair = reader.pair("otherwise") {
                choose.otherwise = self.onlyAnswer(pair, before: choose.otherwise, reader)
            } else if let pair = reader.pair("if_unknown") {
                choose.ifUnknown = self.onlyAnswer(pair, before: choose.ifUnknown, reader)
            } else if reader.hasMisspelling(of: ["otherwise", "if_unknown"]) {
                choose.isIncomplete = true
            } else {
                let when = reader.requiredExpression("when", because: "or 'otherwise: STEP', or 'if_unknown: STEP'")
                let next = reader.requiredText("next", because: "say which step the branch leads to")
                choose.branches.append(ChooseSyntax.Branch(when: when, next: next))
            }
            reader.finish()
        }
        return choose
    }

    /// Where `otherwise` or `if_unknown` leads; a second one would silently win over the first.
    private func onlyAnswer(_ pair: YAMLPair, before: Spanned<String>?, _ reader: MappingReader) -> Spanned<String>? {
        if let before {
            self.sink.report(.secondAnswer(pair.key.text, at: pair.key.span, first: before.span))
            return before
        }
        return reader.text(pair.value, pair.key.text)
    }

    private func forEach(_ reader: inout MappingReader, step: inout MappingReader) -> ForEachSyntax {
        let name = reader.requiredText("as", because: "name the element: as: node")
        if let name {
            self.checkName(name, what: "variable")
        }
        let steps = step.require("steps", because: "list what is done for each element, beside 'for_each:'")
        let (pause, computedPause) = self.span("pause", &reader)
        return ForEachSyntax(
            name: name,
            elements: reader.requiredExpression("in", because: "say over which list: in: ensemble"),
            serial: reader.count("serial", least: 1),
            pause: pause,
            computedPause: computedPause,
            stopAfterFailures: reader.int("stop_after_failures", in: 1...100_000),
            steps: steps.map { self.steps($0, of: "the loop", under: "steps") } ?? []
        )
    }

    private func set(_ body: YAMLNode) -> [SetSyntax]? {
        guard case .mapping(let pairs) = body.kind, let reader = MappingReader(body, what: "'set'", sink: self.sink)
        else {
            self.sink.report(.wrongShape("'set'", needed: "a mapping of names to expressions", found: body, help: nil))
            return nil
        }
        return pairs.map { pair in
            let name = Spanned(pair.key.text, at: pair.key.span)
            self.checkName(name, what: "value")
            return SetSyntax(name: name, value: reader.expression(pair.value, name.value))
        }
    }

    /// A duration, or an expression that yields one.
    private func span(
        _ key: String,
        _ reader: inout MappingReader
    ) -> (Spanned<Milliseconds>?, ExpressionSyntax?) {
        guard let node = reader.take(key) else {
            return (nil, nil)
        }
        guard let scalar = node.scalar, !node.isNull else {
            return (reader.duration(key), nil)
        }
        if let duration = Milliseconds(text: scalar.text) {
            return (Spanned(duration, at: scalar.span), nil)
        }
        if Self.looksLikeDuration(scalar.text) {
            return (reader.duration(key), nil)
        }
        return (nil, reader.expression(node, key))
    }

    /// Whether a text was meant to be a duration, right or wrong.
    private static func looksLikeDuration(_ text: String) -> Bool {
        text.first?.isNumber ?? true && text.allSatisfy(self.isOfDuration)
    }

    /// `30s`, or an expression that yields a duration.
    private func pause(_ body: YAMLNode, _ reader: MappingReader) -> ExpressionSyntax? {
        guard let scalar = body.scalar, let length = Milliseconds(text: scalar.text) else {
            if let scalar = body.scalar, scalar.text.first?.isNumber ?? false, scalar.text.allSatisfy(Self.isOfDuration)
            {
                self.sink.report(.badDuration(scalar.text, at: scalar.span))
                return nil
            }
            return reader.expression(body, "pause")
        }
        let (cel, _) = CELExpression.parse("duration('\(length.count)ms')")
        return ExpressionSyntax(scalar: scalar, cel: cel)
    }

    private static func isOfDuration(_ character: Character) -> Bool {
        character.isLetter || character.isNumber || character == "." || character == " "
    }

    // MARK: Common parts

    private func targets(_ reader: inout MappingReader) -> TargetsSyntax? {
        let expected = reader.text("expect_targets").flatMap(self.range)
        guard let node = reader.take("targets") else {
            return nil
        }
        return TargetsSyntax(nodes: reader.expression(node, "targets"), span: node.span, expected: expected)
    }

    /// `3` or `1..3`.
    private func range(_ text: Spanned<String>) -> Spanned<ClosedRange<Int>>? {
        if let number = Int(text.value), number > 0 {
            return Spanned(number...number, at: text.span)
        }
        let parts = text.value.split(separator: ".", omittingEmptySubsequences: false)
        if parts.count == 3, parts[1].isEmpty, let low = Int(parts[0]), let high = Int(parts[2]), 0 < low, low <= high {
            return Spanned(low...high, at: text.span)
        }
        self.sink.report(.badRange(text.value, at: text.span))
        return nil
    }

    private func retry(_ node: YAMLNode) -> RetrySyntax? {
        guard var reader = MappingReader(node, what: "'retry'", sink: self.sink) else {
            return nil
        }
        defer { reader.finish() }
        let within = reader.duration("within")
        if reader.take("within") == nil {
            _ = reader.require("attempts", because: "say how often, 'attempts: 3', or for how long, 'within: 10m'")
        }
        return RetrySyntax(
            span: node.span,
            attempts: reader.int("attempts", in: 1...100),
            within: within,
            backoff: reader.text("backoff"),
            initial: reader.duration("initial"),
            max: reader.duration("max"),
            jitter: reader.bool("jitter")?.value ?? false
        )
    }

    private func verify(_ node: YAMLNode) -> VerifySyntax? {
        guard var reader = MappingReader(node, what: "'verify'", sink: self.sink) else {
            return nil
        }
        defer { reader.finish() }
        return VerifySyntax(
            span: node.span,
            probe: self.requiredProbe(&reader),
            expect: reader.requiredExpression(
                "expect",
                because: "say what the probe must show: expect: \"result.open\""
            ),
            every: reader.interval("every")
        )
    }

    // MARK: Probes

    static let probes = ["tcp", "http", "tls", "zookeeper", "kafka", "jmx", "prometheus", "dns", "ssh"]

    func requiredProbe(_ reader: inout MappingReader) -> ProbeKindSyntax? {
        let found = reader.pairs(of: Self.probes)
        guard let pair = found.first else {
            if !reader.hasMisspelling(of: Self.probes) {
                self.sink.report(.noProbe(in: reader.what, probes: Self.probes, at: reader.span))
            }
            return nil
        }
        if found.count > 1 {
            self.sink.report(.severalProbes(in: reader.what, at: found[1].key.span, first: pair.key.span))
        }
        guard var body = MappingReader(pair.value, kind: "", name: pair.key.text, sink: self.sink) else {
            return nil
        }
        defer { body.finish() }
        switch pair.key.text {
        case "tcp": return body.requiredText("port", because: "a port's name or number").map { .tcp(port: $0) }
        case "http":
            return .http(
                url: body.template("url"),
                port: body.text("port"),
                path: body.template("path"),
                span: pair.key.span
            )
        case "zookeeper": return .zookeeper(ask: body.texts("ask") ?? [])
        case "kafka": return .kafka(ask: body.texts("ask") ?? [])
        case "tls": return Self.tls(&body, at: pair.key.span)
        case "prometheus": return Self.prometheus(&body)
        case "dns": return Self.dns(&body)
        case "jmx": return Self.jmx(&body, at: pair.key.span)
        default:
            guard let words = body.require("command", because: "the words of a command that only reads") else {
                return nil
            }
            if words.sequence?.isEmpty ?? false {
                self.sink.report(.wrongShape("'command'", needed: "a list of words", found: words, help: nil))
            }
            return body.templates("command").map { .ssh(command: $0) }
        }
    }
}
