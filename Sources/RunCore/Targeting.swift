// Selfheal
// SPDX-License-Identifier: Apache-2.0

import CELExpressions
import RunPlan
import RunVocabulary

/// Which nodes a step is about, or why it must not be about any.
enum Targeting {
    case nodes([NodeName])
    case refused(String)

    /// An empty list is refused, and so is any number that `expect_targets` does not allow.
    static func resolve(_ targets: Targets?, _ context: RunContext) -> Targeting {
        guard let targets else {
            return .nodes([])
        }
        let value = context.evaluate(targets.nodes)
        guard case .list(let elements) = value else {
            let why = value.uncertainty.map { ": \($0)" } ?? ""
            return .refused("the targets '\(targets.nodes.text)' cannot be told\(why)")
        }
        var nodes: [NodeName] = []
        for element in elements {
            guard let node = NodeValue.names(in: element).first, context.binding.inventory[node] != nil else {
                return .refused("the targets '\(targets.nodes.text)' are not all nodes of the inventory")
            }
            if !nodes.contains(node) {
                nodes.append(node)
            }
        }
        guard !nodes.isEmpty else {
            return .refused("the targets '\(targets.nodes.text)' are none")
        }
        if let expected = targets.expected, !expected.contains(nodes.count) {
            return .refused(
                "the targets '\(targets.nodes.text)' are \(nodes.count), expected were \(expected.text)"
            )
        }
        return .nodes(nodes)
    }
}

extension ClosedRange<Int> {
    /// `3` or `1 to 3`.
    var text: String {
        self.lowerBound == self.upperBound ? "\(self.lowerBound)" : "\(self.lowerBound) to \(self.upperBound)"
    }
}

extension ProbeOrder {
    /// Nothing when a value in it cannot be told: a probe of the wrong thing is worse than none.
    init?(
        _ specification: ProbeSpecification,
        targets: [NodeName],
        timeout: Milliseconds,
        _ context: RunContext
    ) {
        let question: Question
        switch specification {
        case .tcp(let port): question = .tcp(port: port)
        case .zookeeper(let ask): question = .zookeeper(ask)
        case .kafka(let ask): question = .kafka(ask)
        case .tls(let asked):
            guard let known = asked.mapTexts({ context.exactText(of: $0) }) else {
                return nil
            }
            question = .tls(known)
        case .prometheus(let asked):
            guard let known = asked.mapTexts({ context.exactText(of: $0) }) else {
                return nil
            }
            question = .prometheus(known)
        case .dns(let asked):
            guard let known = asked.mapTexts({ context.exactText(of: $0) }) else {
                return nil
            }
            question = .dns(known)
        case .jmx(let asked):
            guard let known = asked.mapTexts({ context.exactText(of: $0) }) else {
                return nil
            }
            question = .jmx(known)
        case .http(let http):
            var url: String?
            if let template = http.url {
                guard let text = context.exactText(of: template) else {
                    return nil
                }
                url = text
            }
            var path = "/"
            if let template = http.path {
                guard let text = context.exactText(of: template) else {
                    return nil
                }
                path = text
            }
            question = .http(url: url, port: http.port, path: path)
        case .ssh(let command):
            let words = command.compactMap { context.exactText(of: $0) }
            guard words.count == command.count else {
                return nil
            }
            question = .ssh(words)
        }
        self.init(question: question, targets: targets, timeout: timeout)
    }
}

extension ProbeSpecification {
    /// One record for each target, in the order of the targets; a target without a report is unknown throughout.
    func results(from reports: [ProbeReport], for targets: [NodeName], _ context: RunContext) -> [CELValue] {
        let type = ResultTypes.result(of: self)
        guard !targets.isEmpty else {
            let facts = reports.first?.facts ?? ["problem": .string("no report came")]
            return [NodeValue.result(type, target: nil, facts: facts, in: context)]
        }
        return targets.map { target in
            let facts = reports.first { $0.target == target }?.facts ?? ["problem": .string("no report came")]
            return NodeValue.result(type, target: target, facts: facts, in: context)
        }
    }
}

extension PlanState {
    /// The expressions that decide something when the step begins, and whose facts must be fresh for it.
    var preparedExpressions: [Expression] {
        self.action.preparedExpressions + [self.timeout, self.pause].compactMap { $0 }
    }
}

extension PlanAction {
    /// The expressions that decide something when the step begins, and whose facts must be fresh for it.
    ///
    /// Messages are not among them: they tell what is known and must never hold up a run. `require` and `until` are not either:
    /// they are looked at again and again later.
    var preparedExpressions: [Expression] {
        switch self {
        case .probe(let action): action.targets.map { [$0.nodes] } ?? []
        case .wait(let action): action.targets.map { [$0.nodes] } ?? []
        case .run(let action): action.targets.map { [$0.nodes] } ?? []
        case .choose(let action): action.branches.map(\.when)
        case .forEach(let action): [action.elements]
        case .call(let action): action.arguments.map(\.value)
        case .set(let values): values.map(\.value)
        case .pause(let length): [length]
        case .request, .approve, .notify, .parallel, .finish: []
        }
    }
}

extension WaitAction {
    /// A single look may take as long as the pause between two, within reason: a hung target must not hold up the others.
    var probeTimeout: Milliseconds {
        min(max(self.every, .seconds(1)), .seconds(5))
    }
}
