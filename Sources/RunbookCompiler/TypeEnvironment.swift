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
    /// By name; of two steps with one name the first.
    private(set) var types: [String: CELRecordType] = [:]
    /// In the order of the file.
    private(set) var names: [String] = []
    private var lists: [String: [StepList]] = [:]

    init(of syntax: RunbookSyntax) {
        self.add(syntax.steps, in: .main)
        self.add(syntax.onFailure?.steps ?? [], in: .onFailure)
        self.add(syntax.finally ?? [], in: .finally)
    }

    func isVisible(_ name: String, from lists: [StepList]) -> Bool {
        self.lists[name]?.contains { lists.contains($0) } ?? false
    }

    private func add(_ steps: [StepSyntax], in list: StepList) {
        for step in steps {
            let name = step.name.value
            if self.types[name] == nil {
                self.types[name] = step.recordType
                self.names.append(name)
            }
            self.lists[name, default: []].append(list)
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
    private var variables: [String: CELType] = [:]
    private let steps: StepTypes
    /// The lists whose steps can be read here.
    private var lists: [StepList] = []

    init(steps: StepTypes) {
        self.steps = steps
    }

    mutating func add(_ name: String, _ type: CELType) {
        self.variables[name] = type
    }

    mutating func addSteps(of list: StepList) {
        self.lists.append(list)
    }

    func adding(_ variables: [String: CELType]) -> TypeScope {
        var scope = self
        for (name, type) in variables {
            scope.add(name, type)
        }
        return scope
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

    /// What `expressions` may refer to here.
    func environment(for expressions: [CELExpression]) -> CELEnvironment {
        var variables: [String: CELType] = [:]
        var steps: [(String, CELType)] = []
        var seen: Set<String> = []
        for reference in expressions.flatMap(\.referencedPaths) {
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
            if seen.insert(reference.path[1]).inserted {
                steps.append((reference.path[1], type))
            }
        }
        if !steps.isEmpty {
            variables["steps"] = .record(ResultTypes.record("steps", steps))
        }
        return CELEnvironment(variables: variables, functions: HostFunctions.declarations)
    }

    private func type(ofStep name: String) -> CELType? {
        guard self.steps.isVisible(name, from: self.lists) else {
            return nil
        }
        return self.steps.types[name].map { .record($0) }
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

extension StepSyntax {
    /// What `steps.ID` is.
    var recordType: CELRecordType {
        switch self.verb {
        case .probe(let probe): ResultTypes.step(results: probe.probe.resultType, items: .dyn)
        case .wait(let wait): ResultTypes.step(results: wait.probe.resultType, items: .dyn)
        case .run: ResultTypes.step(results: .record(ResultTypes.command), items: .dyn)
        case .request: ResultTypes.requestStep
        case .forEach: ResultTypes.step(results: .dyn, items: .record(ResultTypes.item))
        case .parallel(let parallel): ResultTypes.step(branches: parallel.branches.map(\.name.value))
        case .approve, .notify, .choose, .call, .set, .pause, .finish, .invalid:
            ResultTypes.step(results: .dyn, items: .dyn)
        }
    }
}

extension ProbeKindSyntax? {
    /// What one target's result is; anything, when the probe itself is wrong and has been reported.
    var resultType: CELType {
        switch self {
        case .tcp: .record(ResultTypes.tcp)
        case .http: .record(ResultTypes.http)
        case .zookeeper: .record(ResultTypes.zookeeper)
        case .kafka: .record(ResultTypes.kafka)
        case .ssh: .record(ResultTypes.ssh)
        case nil: .dyn
        }
    }
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
