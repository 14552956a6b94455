// Selfheal
// SPDX-License-Identifier: Apache-2.0

import CELExpressions
import RunPlan
import RunVocabulary

/// What the machines of one run share: what they are bound to, what is known of the world, and the effects they ask for.
///
/// A step machine reads and asks through the context and never reaches into another machine.
struct RunContext: Hashable, Sendable {
    let binding: RunBinding
    /// The moment of the event being handled.
    var now = Instant(milliseconds: 0)
    var startedAt = Instant(milliseconds: 0)
    /// The scopes of the sequences around the step being handled, outermost first.
    var scopes: [Scope] = []
    /// The step that last failed, and why; what `run.step` and `run.reason` say.
    var failedStep = ""
    var reason = ""
    /// When one of our own commands last began or ended: what was seen up to then is no longer the world.
    private var changedAt: Instant?
    private var observations: [NodeName: Observation] = [:]
    private var selections: [String: [NodeName]] = [:]
    private var lastRequest = 0
    private var lastNotice = 0
    private var effects: [RunEffect] = []
    /// Worked out when the first gate opens: most runs have none.
    private var bindingDigest: String?

    init(binding: RunBinding, digest: String? = nil) {
        self.binding = binding
        self.bindingDigest = digest
    }

    var plan: Plan {
        self.binding.plan
    }

    // MARK: Asking the world

    mutating func ask(for effect: RunEffect) {
        self.effects.append(effect)
    }

    mutating func note(_ note: RunNote) {
        self.effects.append(.note(note))
    }

    mutating func takeEffects() -> [RunEffect] {
        defer { self.effects = [] }
        return self.effects
    }

    mutating func nextRequest() -> RequestID {
        self.lastRequest += 1
        return RequestID(self.lastRequest)
    }

    mutating func nextNotice() -> NoticeID {
        self.lastNotice += 1
        return NoticeID("\(self.binding.run)-n\(self.lastNotice)")
    }

    /// What a vote for this step must quote: another plan, target, parameter or message gives another digest.
    mutating func approvalDigest(of step: StepKey, message: String) -> String {
        let binding = self.bindingDigest ?? self.binding.digest
        self.bindingDigest = binding
        return ContentDigest(of: Array("\(binding)\n\(step)\n\(message)".utf8)).description
    }

    // MARK: Facts

    struct Observation: Hashable, Sendable {
        var facts: [String: Fact]
        var at: Instant
    }

    mutating func observe(_ reports: [ProbeReport]) {
        for report in reports {
            guard let target = report.target else {
                continue
            }
            self.observations[target] = Observation(facts: report.facts, at: self.now)
        }
    }

    /// Makes everything seen so far stale, because we have touched the world.
    mutating func worldChanged() {
        self.changedAt = self.now
    }

    func observation(of node: NodeName) -> Observation? {
        self.observations[node]
    }

    /// The nodes whose facts `expression` reads and that were last seen too long ago to decide upon, sorted.
    func staleNodes(for expression: Expression) -> [NodeName] {
        var nodes: [NodeName] = []
        for name in expression.reads {
            for node in self.nodes(readAs: name) where !nodes.contains(node) && self.isStale(node) {
                nodes.append(node)
            }
        }
        return nodes.sorted()
    }

    func isStale(_ node: NodeName) -> Bool {
        guard let observation = self.observations[node] else {
            return true
        }
        if let changedAt = self.changedAt, observation.at <= changedAt {
            return true
        }
        return self.now.elapsed(since: observation.at) > self.plan.fresh
    }

    private func nodes(readAs name: String) -> [NodeName] {
        if let value = self.variable(name) {
            return NodeValue.names(in: value)
        }
        return self.nodes(selectedBy: name)
    }

    /// The nodes of a selection, worked out once per run: the inventory is pinned.
    func nodes(selectedBy name: String) -> [NodeName] {
        self.selections[name] ?? []
    }

    /// Works out which nodes each selection means; done once, when the run starts.
    mutating func resolveSelections() {
        for selection in self.plan.selections {
            let datacenter = selection.datacenter.map { self.text(of: $0) }
            self.selections[selection.name] = self.binding.inventory.nodes.filter { node in
                (selection.role.map { node.roles.contains($0) } ?? true)
                    && (datacenter.map { node.datacenter == $0 } ?? true)
                    && (selection.nodes?.contains(node.name) ?? true)
            }.map(\.name)
        }
    }

    // MARK: Names of expressions

    func variable(_ name: String) -> CELValue? {
        for scope in self.scopes.reversed() {
            if let value = scope.variables[name] {
                return value
            }
        }
        return nil
    }

    private func record(of step: String) -> StepRecord? {
        for scope in self.scopes.reversed() {
            if let record = scope.records[StepName(step)] {
                return record
            }
        }
        return nil
    }

    /// The value of a name at the root of an expression; `nil` for a name that the checker would have refused.
    private func value(ofRoot name: String, steps: [String]) -> CELValue? {
        if let value = self.variable(name) {
            return NodeValue.refreshed(value, in: self)
        }
        switch name {
        case "parameters":
            return .record(
                CELRecord("parameters", fields: self.binding.parameters.map { .init($0.key, $0.value.value) })
            )
        case "steps":
            return .record(
                CELRecord("steps", fields: steps.map { .init($0, (self.record(of: $0) ?? .notReached).value) })
            )
        case "run": return self.runValue
        case "cluster":
            let inventory = self.binding.inventory
            return .record(
                CELRecord(
                    "cluster",
                    fields: [.init("name", .string(inventory.clusterName)), .init("id", .string(inventory.clusterID))]
                )
            )
        default:
            guard self.selections[name] != nil else {
                return nil
            }
            return .list(self.nodes(selectedBy: name).map { NodeValue.value(of: $0, in: self) })
        }
    }

    private var runValue: CELValue {
        .record(
            CELRecord(
                "run",
                fields: [
                    .init("id", .string(self.binding.run.text)),
                    .init("elapsed", Fact.span(self.now.elapsed(since: self.startedAt)).value),
                    .init("step", .string(self.failedStep)),
                    .init("reason", .string(self.reason)),
                ]
            )
        )
    }

    // MARK: Evaluation

    /// Cost units of one evaluation; far above any sensible condition, far below a noticeable pause.
    private static let costLimit = 1_000_000

    /// The value of an expression with what is known now; an error becomes unknown, with the error as its reason.
    func evaluate(_ expression: CELExpression, with extra: [String: CELValue] = [:]) -> CELValue {
        var variables = extra
        var steps: [String] = []
        var roots: [String] = []
        for reference in expression.referencedPaths {
            if !roots.contains(reference.root) {
                roots.append(reference.root)
            }
            if reference.root == "steps", reference.path.count > 1, !steps.contains(reference.path[1]) {
                steps.append(reference.path[1])
            }
        }
        for root in roots where variables[root] == nil {
            variables[root] = self.value(ofRoot: root, steps: steps)
        }
        do {
            return try expression.evaluate(
                CELActivation(variables),
                hostFunctions: HostFunctions.table,
                costLimit: Self.costLimit
            )
        } catch {
            return .unknown(CELUnknown(error.message))
        }
    }

    func evaluate(_ expression: Expression, with extra: [String: CELValue] = [:]) -> CELValue {
        self.evaluate(expression.cel, with: extra)
    }

    func verdict(on expression: Expression, with extra: [String: CELValue] = [:]) -> Verdict {
        Verdict(self.evaluate(expression, with: extra), of: expression)
    }

    /// The text of a template; what cannot be told is said in its place, because a message must always go out.
    func text(of template: Template, with extra: [String: CELValue] = [:]) -> String {
        template.cel.parts.map { part in
            switch part {
            case .literal(let text): return text
            case .expression(let interpolation):
                let value = self.evaluate(interpolation.expression, with: extra)
                return value.uncertainty.map { "(unknown: \($0))" } ?? value.text
            }
        }.joined()
    }

    /// The text of a template that becomes part of a command: what cannot be told is `nil`, because a guess must not run.
    func exactText(of template: Template, with extra: [String: CELValue] = [:]) -> String? {
        var text = ""
        for part in template.cel.parts {
            switch part {
            case .literal(let literal): text += literal
            case .expression(let interpolation):
                let value = self.evaluate(interpolation.expression, with: extra)
                guard value.uncertainty == nil else {
                    return nil
                }
                text += value.text
            }
        }
        return text
    }
}

/// What the steps of one sequence left behind, and the names its surroundings gave it.
struct Scope: Hashable, Sendable {
    var records: [StepName: StepRecord] = [:]
    var variables: [String: CELValue] = [:]
}

/// What expressions can know of a step.
struct StepRecord: Hashable, Sendable {
    var outcome: Outcome?
    var results: [CELValue] = []
    var items: [CELValue] = []

    /// A step that the run has not come to: it has neither succeeded nor failed.
    static let notReached = StepRecord()

    var value: CELValue {
        .record(
            CELRecord(
                "step",
                fields: [
                    .init("outcome", .string(self.outcome?.rawValue ?? "")),
                    .init("succeeded", .bool(self.outcome == .succeeded)),
                    .init("results", .list(self.results)),
                    .init("items", .list(self.items)),
                ]
            )
        )
    }
}

/// What a condition says: it holds, it does not, or it cannot be told.
enum Verdict: Hashable, Sendable {
    case holds
    case fails
    case unknown(reason: String)

    init(_ value: CELValue, of expression: Expression) {
        switch value {
        case .bool(true): self = .holds
        case .bool(false): self = .fails
        case .unknown(let unknown): self = .unknown(reason: unknown.description)
        default: self = .unknown(reason: "'\(expression.text)' is no condition")
        }
    }
}

// MARK: - What the verifier reads

extension RunContext {
    /// Mixes what may decide something later: no counters, no absolute times, and no facts that would be looked up anew.
    func mix(into fingerprint: inout StateFingerprint, _ view: PlanRelevance, isAfterMain: Bool) {
        for scope in self.scopes {
            scope.mix(into: &fingerprint, view, live: isAfterMain ? view.liveAtTheEnd : view.liveAnywhere)
        }
        if view.readsReason {
            fingerprint.mix(self.failedStep)
            fingerprint.mix(self.reason)
        }
        if view.readsElapsed {
            fingerprint.mix(UInt64(bitPattern: self.now.elapsed(since: self.startedAt).count))
        }
        for name in self.observations.keys.sorted() {
            guard let observation = self.observations[name] else {
                continue
            }
            let isStale = self.isStale(name)
            guard !isStale || view.readsStaleFacts else {
                continue
            }
            fingerprint.mix(name.text)
            // Whole seconds: the milliseconds between two answers must not tell two runs apart.
            let age = (self.now.elapsed(since: observation.at).count + 500) / 1_000
            fingerprint.mix(UInt64(bitPattern: isStale ? -1 : age))
            fingerprint.mix(observation.facts)
        }
    }
}

extension Scope {
    func mix(into fingerprint: inout StateFingerprint, _ view: PlanRelevance, live: PlanRelevance.Names) {
        for name in live.steps {
            guard let record = self.records[name] else {
                continue
            }
            fingerprint.mix(name.text)
            fingerprint.mix(record.outcome?.rawValue ?? "")
            fingerprint.mix(record.results, view)
            fingerprint.mix(record.items, view)
        }
        for name in live.variables {
            guard let value = self.variables[name] else {
                continue
            }
            fingerprint.mix(name)
            fingerprint.mix(value, view)
        }
    }
}
