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
    /// What happened and can be undone, in the order in which it happened.
    var undoable: [UndoEntry] = []
    /// Acts that ended in doubt and were not settled since; what of them is left when the run is over, people must settle.
    private(set) var leftInDoubt: [RunMachine.Doubt] = []
    /// What we asked of the world, what it said, and which of our own commands may change it.
    private var touched = TouchedWorld()
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

    // MARK: Doubt

    /// Keeps in mind how the last act of a step on a target came out.
    mutating func leave(_ step: StepKey, on target: NodeName?, inDoubt reason: String?) {
        if !self.leftInDoubt.isEmpty {
            self.leftInDoubt.removeAll { $0.step == step && $0.target == target }
        }
        if let reason {
            self.leftInDoubt.append(RunMachine.Doubt(step: step, target: target, reason: reason))
        }
    }

    /// A run that came out well has found out what became of it, or made it good.
    mutating func forgetDoubts() {
        self.leftInDoubt = []
    }

    // MARK: Asking the world

    mutating func ask(for effect: RunEffect) {
        switch effect {
        case .observe(let request, _): self.touched.ask(request, at: self.now)
        case .act(let act) where act.effectClass.changesTheWorld: self.touched.act()
        default: break
        }
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

    /// What a vote for this step must quote: another plan, target, parameter or message gives another digest, and so does another value of
    /// anything that was worked out before, such as a list of targets.
    mutating func approvalDigest(of step: StepKey, message: String, _ touches: [GateReach.Touch]) -> String {
        let binding = self.bindingDigest ?? self.binding.digest
        self.bindingDigest = binding
        let values = self.workedOut.map { "\n\($0.name)=\($0.text)" }.joined()
        let touched = touches.map { touch in
            "\n\(touch.name)@\(touch.nodes.map { $0.map(\.text).joined(separator: ",") } ?? "?")"
        }.joined()
        return ContentDigest(of: Array("\(binding)\n\(step)\n\(message)\(values)\(touched)".utf8)).description
    }

    /// The values of `set` and of loops around the step, sorted by name; nodes by their names, since their facts go on changing.
    private var workedOut: [(name: String, text: String)] {
        var values: [String: CELValue] = [:]
        for scope in self.scopes {
            values.merge(scope.variables) { _, inner in inner }
        }
        return values.sorted { $0.key < $1.key }.map { name, value in
            let nodes = NodeValue.names(in: value)
            return (name, nodes.isEmpty ? value.text : "[\(nodes.map(\.text).joined(separator: ", "))]")
        }
    }

    // MARK: Facts

    struct Observation: Hashable, Sendable {
        var facts: [String: Fact]
        /// When it was asked for: an answer may take long, and tells nothing of what was done while it was under way.
        var asked: TouchedWorld.Question
    }

    /// Takes facts that are as young as this moment.
    mutating func observe(_ reports: [ProbeReport]) {
        self.observe(reports, asked: self.touched.question(at: self.now))
    }

    /// Takes the answer to a question.
    ///
    /// - Returns: whether it may decide something: none of our own commands was asked for, began or ended since it was asked. Every
    ///   further look takes a further command, so looking again comes to an end.
    mutating func observe(_ reports: [ProbeReport], answering request: RequestID) -> Bool {
        let asked = self.touched.close(request, orAt: self.now)
        self.observe(reports, asked: asked)
        return !self.touched.hasChanged(since: asked)
    }

    private mutating func observe(_ reports: [ProbeReport], asked: TouchedWorld.Question) {
        for report in reports {
            guard let target = report.target else {
                continue
            }
            self.observations[target] = Observation(facts: report.facts, asked: asked)
        }
    }

    /// Makes everything seen so far stale, because we have touched the world.
    mutating func worldChanged() {
        self.touched.change()
    }

    // MARK: Acts under way

    /// Whether no command of another lane is under way: no look can be sure to show what that one does.
    func isAlone(_ lane: TouchedWorld.Lane) -> Bool {
        self.touched.isAlone(lane)
    }

    /// One of those that are waited for.
    var actUnderWay: TouchedWorld.Lane? {
        self.touched.actUnderWay
    }

    mutating func place(_ lane: TouchedWorld.Lane, _ standing: TouchedWorld.Standing?) {
        self.touched.place(lane, standing)
    }

    /// Whether a lane that waits for its turn may have it now; asked once for each time that this comes true.
    mutating func hasFreeTurn() -> Bool {
        self.touched.hasFreeTurn()
    }

    func observation(of node: NodeName) -> Observation? {
        self.observations[node]
    }

    /// The nodes whose facts `expression` reads and that were last seen too long ago to decide upon, sorted.
    func staleNodes(for expression: Expression) -> [NodeName] {
        var nodes: Set<NodeName> = []
        for name in expression.reads {
            nodes.formUnion(self.nodes(readAs: name).filter(self.isStale))
        }
        return nodes.sorted()
    }

    /// When the oldest of the facts that `expression` reads will be too old to decide upon; nothing while none of them is known.
    func staleAt(for expression: Expression) -> Instant? {
        let looks = expression.reads.flatMap { self.nodes(readAs: $0) }.compactMap { self.observations[$0]?.asked.at }
        return looks.min().map { $0 + self.fresh + Milliseconds(1) }
    }

    /// The nodes whose facts were too old, or were not known, when the last act was asked for.
    func nodesStaleAtLastAct(for expression: Expression) -> [NodeName] {
        var nodes: Set<NodeName> = []
        for name in expression.reads {
            nodes.formUnion(self.nodes(readAs: name).filter(self.wasStaleAtLastAct))
        }
        return nodes.sorted()
    }

    func wasStaleAtLastAct(_ node: NodeName) -> Bool {
        guard let observation = self.observations[node] else {
            return true
        }
        return self.touched.hadChangedAtLastAct(since: observation.asked)
            || self.now.elapsed(since: observation.asked.at) > self.fresh
    }

    func isStale(_ node: NodeName) -> Bool {
        guard let observation = self.observations[node] else {
            return true
        }
        if self.touched.hasChanged(since: observation.asked) {
            return true
        }
        return self.now.elapsed(since: observation.asked.at) > self.fresh
    }

    private func nodes(readAs name: String) -> [NodeName] {
        if let value = self.variable(name) {
            return NodeValue.names(in: value)
        }
        return self.nodes(selectedBy: name)
    }

    /// The nodes of a selection, worked out once per run: the inventory is pinned.
    func nodes(selectedBy name: String) -> [NodeName] {
        self.selection(name).filter { self.binding.inventory[$0] != nil }
    }

    /// Whether every node that it names is there.
    func isWhole(selection name: String) -> Bool {
        self.selection(name).allSatisfy { self.binding.inventory[$0] != nil }
    }

    /// The nodes that it names, by itself or by a parameter, and the inventory does not have.
    ///
    /// What a parameter without a value would name cannot be told yet.
    func unknownNodes(selectedBy name: String) -> [NodeName] {
        guard let selection = self.plan.selections.first(where: { $0.name == name }) else {
            return []
        }
        let isOpen = (selection.computedNodes ?? []).contains { self.exactText(of: $0) == nil }
        return self.selection(name).filter { node in
            self.binding.inventory[node] == nil && (!isOpen || selection.nodes?.contains(node) ?? false)
        }
    }

    /// With the nodes that it names and the inventory does not have.
    private func selection(_ name: String) -> [NodeName] {
        (self.frame?.selections ?? self.selections)[name] ?? []
    }

    /// Works out which nodes each selection means; done once, when the run starts.
    mutating func resolveSelections() {
        self.selections = self.resolve(self.plan.selections)
    }

    func resolve(_ selections: [Selection]) -> [String: [NodeName]] {
        var resolved: [String: [NodeName]] = [:]
        for selection in selections {
            let datacenter = selection.datacenter.map { self.text(of: $0) }
            let named = selection.nodes.map { $0 + (selection.computedNodes ?? []).map { NodeName(self.text(of: $0)) } }
            resolved[selection.name] = self.binding.inventory.nodes.filter { node in
                (selection.role.map { node.roles.contains($0) } ?? true)
                    && (datacenter.map { node.datacenter == $0 } ?? true)
                    && (named?.contains(node.name) ?? true)
            }.map(\.name)
            resolved[selection.name]? += (named ?? []).filter { self.binding.inventory[$0] == nil }
        }
        return resolved
    }

    // MARK: Names of expressions

    func variable(_ name: String) -> CELValue? {
        for scope in self.scopes.reversed() {
            if let value = scope.variables[name] {
                return value
            }
            // A runbook that is called sees nothing of the one that calls it.
            if scope.frame != nil {
                return nil
            }
        }
        return nil
    }

    private func record(of step: String) -> StepRecord? {
        for scope in self.scopes.reversed() {
            if let record = scope.records[StepName(step)] {
                return record
            }
            if scope.frame != nil {
                return nil
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
            return .record(CELRecord("parameters", fields: self.parameters.map { .init($0.key, $0.value) }))
        case "steps":
            return .record(
                CELRecord("steps", fields: steps.map { .init($0, self.value(ofStep: $0)) })
            )
        case "settings":
            return .record(CELRecord("settings", fields: self.settings.map { .init($0.name, $0.value.value) }))
        case "run": return self.runValue
        case "clusters": return self.clustersValue
        case "cluster":
            let inventory = self.binding.inventory
            return .record(
                CELRecord(
                    "cluster",
                    fields: [.init("name", .string(inventory.clusterName)), .init("id", .string(inventory.clusterID))]
                )
            )
        default:
            guard (self.frame?.selections ?? self.selections)[name] != nil else {
                return nil
            }
            return self.list(selectedBy: name)
        }
    }

    private func value(ofStep name: String) -> CELValue {
        if let record = self.record(of: name) {
            return record.value
        }
        return StepRecord.notReached(name, in: self.plan).value
    }

    /// A list that names nodes which the inventory does not have is unknown: a majority of what is left of it would be none.
    private func list(selectedBy name: String) -> CELValue {
        let missing = self.selection(name).filter { self.binding.inventory[$0] == nil }
        guard missing.isEmpty else {
            let names = missing.map(\.text).joined(separator: ", ")
            return .unknown(CELUnknown("'\(name)' names nodes that are not in the inventory: \(names)"))
        }
        return .list(self.nodes(selectedBy: name).map { NodeValue.value(of: $0, in: self) })
    }

    private var clustersValue: CELValue {
        let entries = (self.binding.inventory.clusters ?? []).map { cluster in
            let fields: [CELRecord.Field] = [
                .init("name", .string(cluster.name)), .init("id", .string(cluster.id)),
                .init("datacenter", .string(cluster.datacenter)),
            ]
            let record = CELRecord(ResultTypes.namedCluster.name, fields: fields)
            return CELMap.Entry(.string(cluster.key), .record(record))
        }
        do {
            return .map(try CELMap(entries))
        } catch {
            return .unknown(CELUnknown(error.message))
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
            let age = (self.now.elapsed(since: observation.asked.at).count + 500) / 1_000
            fingerprint.mix(UInt64(bitPattern: isStale ? -1 : age))
            fingerprint.mix(observation.facts)
        }
    }
}
