// Selfheal
// SPDX-License-Identifier: Apache-2.0

import CELExpressions
package import RunPlan
import RunVocabulary

/// An inventory that fits a runbook, for when there is no configuration: as many nodes of each role as are assumed.
package enum PretendInventory {
    private static let sizes = ["zookeeper": 3, "kafka_broker": 3, "kraft_controller": 3]
    private static let shortNames = ["zookeeper": "zk", "kafka_broker": "kafka", "kraft_controller": "controller"]

    /// `counts` says how many nodes a selection has, by its name; else it is what `expect_targets` asks for, else the role's usual
    /// number.
    package static func make(for plan: Plan, parameters: [String: Fact], counts: [String: Int]) -> Inventory {
        var nodes: [Node] = []
        let settings = plan.allSettings.map { ("settings.\($0.setting.name)", $0.setting.value) }
        let values = Dictionary(settings, uniquingKeysWith: { first, _ in first })
            .merging(parameters.map { ("parameters.\($0.key)", $0.value) }) { _, parameter in parameter }
        let called = plan.states.flatMap { _, state in
            if case .call(let action) = state.action { action.selections } else { [Selection]() }
        }
        for selection in plan.selections + called {
            let datacenter = selection.datacenter.map { self.text(of: $0, values) } ?? ""
            let role = selection.role ?? "host"
            let known = nodes.filter { $0.roles == [role] && (datacenter.isEmpty || $0.datacenter == datacenter) }
            if let names = selection.nodes {
                let computed = (selection.computedNodes ?? []).map { NodeName(self.text(of: $0, values)) }
                for name in names + computed where !nodes.contains(where: { $0.name == name }) {
                    nodes.append(self.node(name, role, datacenter))
                }
                continue
            }
            let wanted = counts[selection.name] ?? self.expected(selection.name, in: plan) ?? self.sizes[role] ?? 1
            let prefix = self.shortNames[role] ?? role
            for _ in known.count..<max(wanted, known.count) {
                let number = nodes.count { $0.roles == [role] } + 1
                nodes.append(self.node(NodeName("\(prefix)\(number)"), role, datacenter))
            }
        }
        return Inventory(
            clusterName: "pretended",
            clusterID: "pretended-id",
            nodes: nodes,
            services: self.services(of: plan)
        ).pretendingClusters(of: plan)
    }

    private static func node(_ name: NodeName, _ role: String, _ datacenter: String) -> Node {
        var node = Node(name: name, host: name.text, roles: [role])
        node.datacenter = datacenter
        node.id = Int(name.text.filter(\.isNumber))
        node.dataFolder = "/var/lib/\(role)"
        switch role {
        case "zookeeper":
            node.ports = ["client": 2181, "admin": 8080]
            node.monitor = .zookeeper(ask: [.srvr])
        case "kafka_broker":
            node.ports = ["broker": 9092]
            node.monitor = .tcp(port: "broker")
        case "kraft_controller":
            node.ports = ["main": 9093]
            node.monitor = .tcp(port: "main")
        default: node.ports = [:]
        }
        return node
    }

    /// The fewest nodes that every step on the selection accepts.
    private static func expected(_ selection: String, in plan: Plan) -> Int? {
        plan.states.compactMap { _, state -> Int? in
            guard let targets = state.action.targets, targets.nodes.text == selection else {
                return nil
            }
            return targets.expected?.lowerBound
        }.max()
    }

    /// The values are those of `parameters.NAME` and `settings.NAME`.
    private static func text(of template: Template, _ values: [String: Fact]) -> String {
        template.cel.parts.map { part -> String in
            switch part {
            case .literal(let text): return text
            case .expression(let interpolation):
                return interpolation.expression.referencedPaths.first.flatMap { reference -> String? in
                    reference.path.count > 1 ? values["\(reference.root).\(reference.path[1])"]?.text : nil
                } ?? ""
            }
        }.joined()
    }

    private static func services(of plan: Plan) -> [Service] {
        var names: [String] = []
        for (_, state) in plan.states {
            if case .run(let action) = state.action, case .service(let name, _) = action.command, !names.contains(name)
            {
                names.append(name)
            }
        }
        return names.map { name in
            let verbs = ServiceVerb.allCases.map { ($0.rawValue, ["systemctl", $0.rawValue, name]) }
            return Service(name: name, commands: Dictionary(uniqueKeysWithValues: verbs))
        }
    }
}

extension PlanAction {
    fileprivate var targets: Targets? {
        switch self {
        case .probe(let action): action.targets
        case .wait(let action): action.targets
        case .run(let action): action.targets
        case .request, .approve, .notify, .choose, .parallel, .forEach, .call, .set, .pause, .finish: nil
        }
    }
}
