// Selfheal
// SPDX-License-Identifier: Apache-2.0

import CELExpressions
import RunPlan
import RunVocabulary
import RunbookLanguage
import RunbookSource

/// What an expert would object to in a runbook that is otherwise right.
///
/// Only what can be told from the text is told; where it cannot, nothing is said, because a warning that is wrong teaches people to look
/// away. Each family is a list of rules over the same steps.
struct ExpertRules {
    let syntax: RunbookSyntax
    let plan: Plan
    /// Steps that have a warning already, so that one mistake is one message.
    let warned: Set<String>

    /// Whether it may start without a person: by a condition, an alert, a webhook or the clock.
    var startsByItself: Bool {
        !self.syntax.triggers.isEmpty || !self.syntax.alerts.isEmpty
    }

    func diagnostics() -> [Diagnostic] {
        let regions = self.regions()
        let found =
            CommandRules.check(regions) + OrderRules.check(regions, self) + DataRules.check(regions, self)
            + EvidenceRules.check(regions, self) + TimeRules.check(regions, self)
        // Who destroys data without a copy need not be told that it is all of it.
        let warned = self.warned.union(self.syntax.steps(under: found))
        let rest = ExpertRules(syntax: self.syntax, plan: self.plan, warned: warned)
        let more = QuorumRules.check(regions, rest) + CareRules.check(regions, rest)
        let last = ExpertRules(
            syntax: self.syntax,
            plan: self.plan,
            warned: warned.union(self.syntax.steps(under: more))
        )
        return found + more + TrustRules.check(regions, last)
    }

    /// The lists of steps, loops included, outermost first.
    private func regions() -> [RuleRegion] {
        var regions = self.regions(Plan.main, self.syntax.steps, in: nil)
        if let steps = self.syntax.onFailure?.steps, let id = self.plan.onFailure {
            regions += self.regions(id, steps, in: nil)
        }
        if let steps = self.syntax.finally, let id = self.plan.finally {
            regions += self.regions(id, steps, in: nil)
        }
        return regions
    }

    private func regions(
        _ id: RegionID,
        _ steps: [StepSyntax],
        in loop: RuleRegion.Loop?,
        _ branch: RuleRegion.Branch? = nil
    ) -> [RuleRegion] {
        let states = self.plan[id].states
        guard states.count == steps.count else {
            return []
        }
        var regions = [RuleRegion(steps: steps, states: states, loop: loop, branch: branch)]
        for index in steps.indices where steps[index].hasSteps {
            let step = steps[index]
            if case .forEach(let syntax) = step.verb, case .forEach(let action) = states[index].action {
                let isHandled = loop?.isHandled ?? false || !step.routes.isEmpty
                let inner = RuleRegion.Loop(step: step, syntax: syntax, isHandled: isHandled)
                regions += self.regions(action.body, syntax.steps, in: inner, branch)
            }
            if case .parallel(let syntax) = step.verb, case .parallel(let action) = states[index].action {
                for (number, parts) in zip(syntax.branches, action.branches).enumerated() {
                    let place = RuleRegion.Branch(step: step, number: number)
                    regions += self.regions(parts.1.body, parts.0.steps, in: loop, place)
                }
            }
        }
        return regions
    }

    /// Whether some step changes the world.
    func acts(_ regions: [RuleRegion]) -> Bool {
        regions.contains { $0.acts.contains { $0.action.effect.changesTheWorld } }
    }

    /// The names of the selections of a role.
    func selections(ofRole role: String) -> Set<String> {
        Set(self.syntax.selections.filter { $0.role?.value == role }.map(\.name.value))
    }
}

extension StepSyntax {
    fileprivate var hasSteps: Bool {
        switch self.verb {
        case .forEach, .parallel: true
        default: false
        }
    }
}

extension RunbookSyntax {
    /// The steps at whose names a diagnostic stands.
    func steps(under diagnostics: [Diagnostic]) -> Set<String> {
        guard !diagnostics.isEmpty else {
            return []
        }
        // Numbers are compared faster than places with paths, and there may be ten thousand.
        let places = Set(diagnostics.lazy.filter { $0.span.isInFile(of: self.name.span) }.map { $0.span.start.offset })
        return Set(self.stepNames.lazy.filter { places.contains($0.span.start.offset) }.map(\.value))
    }
}

/// A list of steps with what the compiler made of them.
struct RuleRegion {
    struct Loop {
        let step: StepSyntax
        let syntax: ForEachSyntax
        /// Whether a failure inside leads anywhere.
        let isHandled: Bool
    }

    /// The branch that the list is, or is in.
    struct Branch {
        let step: StepSyntax
        let number: Int
    }

    /// A step that runs a command.
    ///
    /// A class, and with its commands read once: every rule looks at every act, and a runbook may have ten thousand.
    final class Act {
        let index: Int
        let step: StepSyntax
        let syntax: RunSyntax
        let action: RunAction
        let commands: [Command]
        /// Whether something may stand in the commands that a rule looks for by its text.
        let isMarked: Bool

        init(index: Int, step: StepSyntax, syntax: RunSyntax, action: RunAction) {
            self.index = index
            self.step = step
            self.syntax = syntax
            self.action = action
            self.commands = syntax.commands.map { Command(words: $0.words, span: $0.span) }
            self.isMarked = self.commands.contains { MarkFilter.rules.mayHold($0.words) }
        }

        /// The commands as they would be typed, one in a line.
        var typed: String {
            self.commands.map { $0.words.text }.joined(separator: "\n")
        }

        /// Whether the text stands in the commands as they would be typed; it must be one of ``MarkFilter/rules``.
        func holds(_ mark: StaticString) -> Bool {
            self.isMarked && self.typed.holds(mark)
        }
    }

    /// A simple command with what is known of it.
    struct Command {
        let words: [ShellWord]
        let span: SourceSpan
        /// The name of the program, behind `sudo` and its like; nothing when there is none.
        let program: String?
        /// The program and its arguments.
        let bare: ArraySlice<ShellWord>
        let known: KnownCommand?

        init(words: [ShellWord], span: SourceSpan) {
            self.words = words
            self.span = span
            self.bare = KnownCommand.withoutPrefix(words)
            self.program = self.bare.first.map { KnownCommand.program($0.text) }
            self.known = self.program.flatMap { [bare] in KnownCommand(program: $0, bare.dropFirst()) }
        }
    }

    let steps: [StepSyntax]
    let states: [PlanState]
    let loop: Loop?
    let branch: Branch?
    let acts: [Act]

    init(steps: [StepSyntax], states: [PlanState], loop: Loop?, branch: Branch?) {
        self.steps = steps
        self.states = states
        self.loop = loop
        self.branch = branch
        self.acts = steps.indices.compactMap { index in
            guard case .run(let action) = states[index].action, case .run(let syntax) = steps[index].verb else {
                return nil
            }
            return Act(index: index, step: steps[index], syntax: syntax, action: action)
        }
    }

    /// The states that can be come to without having passed one of the given kind: passed is what succeeded and could not be skipped.
    func reachable(withoutPassing isPassage: (Int) -> Bool) -> StateSet {
        guard !self.states.isEmpty else {
            return StateSet(count: 0)
        }
        return self.graph(withoutPassing: isPassage).reachable(from: 0)
    }

    /// The states that come after a success of the given one, without having passed another of a kind.
    func reachable(after start: Int, withoutPassing isPassage: (Int) -> Bool) -> StateSet {
        guard case .state(let first) = self.states[start].routes.succeeded else {
            return StateSet(count: self.states.count)
        }
        return self.graph(withoutPassing: isPassage).reachable(from: first)
    }

    func graph(withoutPassing isPassage: (Int) -> Bool) -> StateGraph {
        StateGraph(count: self.states.count) { index in
            let isPassed = isPassage(index) && self.states[index].when == nil
            return self.states[index].destinations(withSuccess: !isPassed)
        }
    }
}

extension RunSyntax {
    /// The simple commands of a `command:` or `script:`, with where each stands.
    var commands: [(words: [ShellWord], span: SourceSpan)] {
        switch self.command {
        case nil, .service: return []
        case .command(let words): return Self.commands(in: words)
        case .script(let script):
            return ShellScanner.commands(in: script.text).map { words in
                let bare = KnownCommand.withoutPrefix(words)
                let first = bare.first ?? words[0]
                let last = bare.last ?? words[words.count - 1]
                return (words, script.span(of: first.range.lowerBound..<last.range.upperBound))
            }
        }
    }

    /// A list of words is one command, and what `sh -c` gets are several.
    static func commands(in words: [TemplateSyntax]) -> [(words: [ShellWord], span: SourceSpan)] {
        guard let first = words.first, let last = words.last else {
            return []
        }
        let texts = words.map(\.text)
        if ["sh", "bash", "dash"].contains(KnownCommand.program(texts[0])), texts.count > 2, texts[1].hasSuffix("c") {
            return ShellScanner.commands(in: texts[2]).map { ($0, words[2].span) }
        }
        return [(texts.map { ShellWord(text: $0, range: 0..<0) }, first.span.joined(with: last.span))]
    }

    /// The whole text of what is run.
    var text: String {
        switch self.command {
        case nil, .service: ""
        case .command(let words): words.map(\.text).joined(separator: " ")
        case .script(let script): script.text
        }
    }
}

extension [ShellWord] {
    /// As they would be typed.
    var text: String {
        self.map(\.text).joined(separator: " ")
    }
}

extension String {
    /// Whether a text of ASCII stands somewhere inside, byte for byte.
    ///
    /// `contains` of the standard library prepares a search table for every question, which costs more than the search does here.
    func holds(_ mark: StaticString) -> Bool {
        var text = self
        return text.withUTF8 { bytes in
            mark.withUTF8Buffer { wanted in
                guard let first = wanted.first, bytes.count >= wanted.count else {
                    return wanted.isEmpty
                }
                for start in 0...(bytes.count - wanted.count) where bytes[start] == first {
                    if (1..<wanted.count).allSatisfy({ bytes[start + $0] == wanted[$0] }) {
                        return true
                    }
                }
                return false
            }
        }
    }
}

extension Diagnostic {
    static func advice(
        _ code: Code,
        _ message: String,
        at span: SourceSpan,
        notes: [Note] = [],
        help: String
    ) -> Self {
        Self(code: code, severity: .warning, message: message, span: span, notes: notes, help: help)
    }
}
