// Selfheal
// SPDX-License-Identifier: Apache-2.0

import CELExpressions
import RunPlan
import RunbookLanguage
import RunbookSource

/// The names that the expressions of a runbook may use, and their types.
///
/// A step's results have a type that follows from its verb, so all of them are known before the first expression is looked at.
struct TypeEnvironment {
    /// Names that mean something to the language itself.
    static let reservedNames = [
        "parameters", "settings", "steps", "run", "cluster", "clusters", "result", "results", "target",
        "undone",
    ]

    /// Where expressions of the head stand: no step has happened yet.
    let selectionsOnly: TypeScope
    let parametersOnly: TypeScope
    let steps: StepTypes

    init(of syntax: RunbookSyntax) {
        let parameters = ResultTypes.record(
            "parameters",
            Self.distinct(syntax.parameters.map { ($0.name.value, $0.kind.map { Self.type(of: $0.value) } ?? .error) })
        )
        self.steps = StepTypes(of: syntax)
        var scope = TypeScope(steps: self.steps)
        scope.add("parameters", .record(parameters))
        let settings = Self.distinct(
            syntax.settings.map { ($0.name.value, $0.kind.map { Self.type(of: $0.value) } ?? .error) }
        )
        scope.add("settings", .record(ResultTypes.record("settings", settings)))
        scope.add("clusters", .map(.string, .record(ResultTypes.namedCluster)))
        self.parametersOnly = scope
        scope.add("run", .record(ResultTypes.run))
        scope.add("cluster", .record(ResultTypes.cluster))
        for selection in syntax.selections {
            scope.add(selection.name.value, .list(.record(ResultTypes.node)))
        }
        self.selectionsOnly = scope
    }

    private static func type(of kind: ParameterSyntax.Kind) -> CELType {
        switch kind {
        case .string, .choice, .secret: .string
        case .int: .int
        case .bool: .bool
        case .duration: .duration
        }
    }

    private static func distinct(_ fields: [(String, CELType)]) -> [(String, CELType)] {
        var seen: Set<String> = []
        return fields.filter { seen.insert($0.0).inserted }
    }
}

/// A list of steps, as a place from which others can be seen.
enum StepList: Hashable {
    case main
    case loop(String)
    case branch(of: String, String)
    case onFailure
    case finally
}

/// What is known of every step before anything is compiled; shared by all scopes.
final class StepTypes {
    /// By name; of two steps with one name the first has the type.
    private var known: [String: Known] = [:]
    /// In the order of the file.
    private(set) var names: [String] = []

    private struct Known {
        let type: CELRecordType
        let list: StepList
        /// Of its namesakes.
        var others: [StepList] = []
    }

    /// The scopes that were made of others by ``TypeScope/with(_:)``, by the number of the other.
    fileprivate var derived: [Int: [ExtraNames: TypeScope]] = [:]
    private var scopeCount = 0

    func nextScope() -> Int {
        self.scopeCount += 1
        return self.scopeCount
    }

    init(of syntax: RunbookSyntax) {
        self.known.reserveCapacity(syntax.steps.count)
        self.names.reserveCapacity(syntax.steps.count)
        self.add(syntax.steps, in: .main)
        self.add(syntax.onFailure?.steps ?? [], in: .onFailure)
        self.add(syntax.finally ?? [], in: .finally)
    }

    func contains(_ name: String) -> Bool {
        self.known[name] != nil
    }

    /// The type of a step that can be seen from steps of one of these lists.
    func type(of name: String, from lists: [StepList]) -> CELRecordType? {
        guard let known = self.known[name], lists.contains(known.list) || known.others.contains(where: lists.contains)
        else {
            return nil
        }
        return known.type
    }

    private func add(_ steps: [StepSyntax], in list: StepList) {
        for step in steps {
            let name = step.name.value
            if self.known[name] == nil {
                self.known[name] = Known(type: step.recordType, list: list)
                self.names.append(name)
            } else {
                self.known[name]?.others.append(list)
            }
            switch step.verb {
            case .forEach(let loop): self.add(loop.steps, in: .loop(name))
            case .parallel(let parallel):
                for branch in parallel.branches {
                    self.add(branch.steps, in: .branch(of: name, branch.name.value))
                }
            case .probe, .wait, .run, .approve, .notify, .choose, .request, .call, .set, .pause, .finish, .invalid:
                break
            }
        }
    }
}

/// The names at one place of the runbook.
///
/// A runbook may have ten thousand steps and as many expressions, so the environment of an expression holds only what that
/// expression mentions; all names are looked at only to suggest one for a name that is wrong.
struct TypeScope {
    /// Tells scopes apart: those with equal numbers have equal names and types.
    private(set) var number: Int
    private var variables: [String: CELType] = [:]
    private let steps: StepTypes
    /// The lists whose steps can be read here.
    private var lists: [StepList] = []

    init(steps: StepTypes) {
        self.steps = steps
        self.number = steps.nextScope()
    }

    mutating func add(_ name: String, _ type: CELType) {
        self.variables[name] = type
        self.number = self.steps.nextScope()
    }

    mutating func addSteps(of list: StepList) {
        self.lists.append(list)
        self.number = self.steps.nextScope()
    }

    func adding(_ variables: [String: CELType]) -> TypeScope {
        var scope = self
        for (name, type) in variables {
            scope.add(name, type)
        }
        return scope
    }

    /// The scope of a condition on what a probe found, or of what is done on one target.
    ///
    /// A long runbook asks for the same few of these again and again.
    func with(_ extra: ExtraNames) -> TypeScope {
        if let known = self.steps.derived[self.number, default: [:]][extra] {
            return known
        }
        let scope =
            switch extra {
            case .target: self.adding(["target": .record(ResultTypes.node)])
            case .result(let kind): self.adding(["result": kind.type, "results": .list(kind.type)])
            }
        self.steps.derived[self.number, default: [:]][extra] = scope
        return scope
    }

    /// The type of a name, where it is no step.
    func type(of name: String) -> CELType? {
        self.variables[name]
    }

    /// The names that an expression mentions and that are, or may be, nodes or lists of nodes, whose facts can go stale.
    func nodeNames(in expression: CELExpression) -> [String] {
        expression.freeNames.filter { name in self.variables[name].map(Self.mayHoldNodes) ?? false }
    }

    private static func mayHoldNodes(_ type: CELType) -> Bool {
        switch type {
        case .record(let record): record.name == ResultTypes.node.name
        case .list(let element): self.mayHoldNodes(element)
        case .dyn: true
        default: false
        }
    }

    /// What an expression may refer to here.
    func environment(for expression: CELExpression) -> CELEnvironment {
        var variables: [String: CELType] = [:]
        var steps: [CELRecordType.Field] = []
        for reference in expression.referencedPaths {
            guard reference.root == "steps" else {
                guard let type = self.variables[reference.root] else {
                    return self.wholeEnvironment
                }
                variables[reference.root] = type
                continue
            }
            guard reference.path.count > 1, let type = self.type(ofStep: reference.path[1]) else {
                return self.wholeEnvironment
            }
            if !steps.contains(where: { $0.name == reference.path[1] }) {
                steps.append(CELRecordType.Field(reference.path[1], type))
            }
        }
        if !steps.isEmpty {
            variables["steps"] = .record(CELRecordType("steps", fields: steps))
        }
        return CELEnvironment(variables: variables, functions: HostFunctions.declarations)
    }

    private func type(ofStep name: String) -> CELType? {
        self.steps.type(of: name, from: self.lists).map { .record($0) }
    }

    /// Every name; costs as much as there are steps.
    var wholeEnvironment: CELEnvironment {
        var variables = self.variables
        if !self.lists.isEmpty {
            let steps = self.steps.names.compactMap { name in self.type(ofStep: name).map { (name, $0) } }
            variables["steps"] = .record(ResultTypes.record("steps", steps))
        }
        return CELEnvironment(variables: variables, functions: HostFunctions.declarations)
    }
}

/// Names that mean something in one place of a step.
enum ExtraNames: Hashable {
    /// `target`: what a command is about.
    case target
    /// `result` and `results` of a probe.
    case result(ProbeResult)
}

/// What a probe finds on one target.
enum ProbeResult: Hashable, CaseIterable {
    case tcp
    case http
    case zookeeper
    case kafka
    case tls
    case prometheus
    case dns
    case jmx
    case ssh
    /// The probe itself is wrong and has been reported.
    case anything

    var type: CELType {
        switch self {
        case .tcp: Self.tcpType
        case .http: Self.httpType
        case .zookeeper: Self.zookeeperType
        case .kafka: Self.kafkaType
        case .tls: Self.tlsType
        case .prometheus: Self.prometheusType
        case .dns: Self.dnsType
        case .jmx: Self.jmxType
        case .ssh: Self.sshType
        case .anything: .dyn
        }
    }

    /// What is left of a step with such a probe; there are as many of these types as there are probes, not as there are steps.
    var stepType: CELRecordType {
        Self.stepTypes[self] ?? ResultTypes.step(results: self.type, items: .dyn)
    }

    private static let tcpType = CELType.record(ResultTypes.tcp)
    private static let httpType = CELType.record(ResultTypes.http)
    private static let zookeeperType = CELType.record(ResultTypes.zookeeper)
    private static let kafkaType = CELType.record(ResultTypes.kafka)
    private static let tlsType = CELType.record(ResultTypes.tls)
    private static let prometheusType = CELType.record(ResultTypes.prometheus)
    private static let dnsType = CELType.record(ResultTypes.dns)
    private static let jmxType = CELType.record(ResultTypes.jmx)
    private static let sshType = CELType.record(ResultTypes.ssh)
    private static let stepTypes = Dictionary(
        uniqueKeysWithValues: allCases.map { ($0, ResultTypes.step(results: $0.type, items: .dyn)) }
    )
}

extension StepSyntax {
    /// What `steps.ID` is.
    var recordType: CELRecordType {
        switch self.verb {
        case .probe(let probe): probe.probe.result.stepType
        case .wait(let wait): wait.probe.result.stepType
        case .run: Self.runType
        case .request: ResultTypes.requestStep
        case .forEach: Self.loopType
        case .parallel(let parallel): ResultTypes.step(branches: parallel.branches.map(\.name.value))
        case .approve, .notify, .choose, .call, .set, .pause, .finish, .invalid: ProbeResult.anything.stepType
        }
    }

    private static let runType = ResultTypes.step(results: .record(ResultTypes.command), items: .dyn)
    private static let loopType = ResultTypes.step(results: .dyn, items: .record(ResultTypes.item))
}

extension ProbeKindSyntax? {
    /// What one target's result is; anything, when the probe itself is wrong and has been reported.
    var result: ProbeResult {
        switch self {
        case .tcp: .tcp
        case .http: .http
        case .zookeeper: .zookeeper
        case .kafka: .kafka
        case .tls: .tls
        case .prometheus: .prometheus
        case .dns: .dns
        case .jmx: .jmx
        case .ssh: .ssh
        case nil: .anything
        }
    }

    var resultType: CELType { self.result.type }
}

extension RunbookSyntax {
    /// The names of all steps in the order of the file, the steps of a loop right after the loop.
    ///
    /// Steps are large, so their names are collected instead of copies of them.
    var stepNames: [Spanned<String>] {
        var names: [Spanned<String>] = []
        Self.visit(self.steps) { names.append($0.name) }
        Self.visit(self.onFailure?.steps ?? []) { names.append($0.name) }
        Self.visit(self.finally ?? []) { names.append($0.name) }
        return names.filter { !$0.value.isEmpty }
    }

    /// The names that loops and `set` give.
    var ownNames: [Spanned<String>] {
        var names: [Spanned<String>] = []
        func collect(_ step: StepSyntax) {
            switch step.verb {
            case .forEach(let loop): names += loop.name.map { [$0] } ?? []
            case .set(let values): names += values.map(\.name)
            default: break
            }
        }
        Self.visit(self.steps, collect)
        Self.visit(self.onFailure?.steps ?? [], collect)
        Self.visit(self.finally ?? [], collect)
        return names
    }

    private static func visit(_ steps: [StepSyntax], _ body: (StepSyntax) -> Void) {
        for index in steps.indices {
            body(steps[index])
            steps[index].eachList { self.visit($0, body) }
        }
    }
}
