// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunVocabulary
import RunbookSource
import RunbookYAML

/// Worlds that cannot be: a rehearsal in one would show what never happens.
extension ScenarioReader {
    /// Looks at the scenario as a whole, once all of it could be read.
    func checkWorld(_ scenario: Scenario, _ root: YAMLNode) {
        self.checkMembers(scenario.cluster, root["cluster"])
        self.checkTimeline(scenario, root["timeline"])
        if case .at = scenario.start, let watch = root.pair("watch") {
            self.mistakes.report(.scenarioIdleWatch(at: watch.key.span))
        }
    }

    private func checkMembers(_ cluster: Scenario.Cluster, _ node: YAMLNode?) {
        guard let members = node?.pair("zookeeper"), let pairs = members.value.mapping else {
            return
        }
        if !cluster.members.isEmpty, cluster.members.allSatisfy({ !$0.isVoter }) {
            self.mistakes.report(
                .scenarioContradiction(
                    "every ZooKeeper member is an observer, and nobody votes",
                    at: members.key.span,
                    help: "leave 'observer: true' out at three members"
                )
            )
        }
        for (member, pair) in zip(cluster.members, pairs) where member.holding == .lost {
            for key in ["zxid", "epoch"] {
                if let said = pair.value.pair(key) {
                    self.mistakes.report(
                        .scenarioContradiction(
                            "the data of '\(member.name)' is lost, and '\(key)' says how far it goes",
                            at: said.key.span,
                            help: "leave '\(key)' out, or write data: stale"
                        )
                    )
                }
            }
        }
    }

    private func checkTimeline(_ scenario: Scenario, _ node: YAMLNode?) {
        var before: [Scenario.Fault] = []
        for element in node?.sequence ?? [] {
            let moment = element["at"]?.scalar.flatMap { Milliseconds(text: $0.text) }
            let kind = Scenario.FaultKind.allCases.first { element.pair($0.rawValue) != nil }
            guard let moment, let kind, let value = element[kind.rawValue] else {
                continue
            }
            let names = (value.sequence ?? [value]).compactMap { $0.scalar.map { NodeName($0.text) } }
            let fault = Scenario.Fault(at: moment, kind, names)
            if fault.at > scenario.until {
                self.mistakes.report(.scenarioTooLate(fault.at, scenario.until, at: element.span))
            }
            for other in before where other.at == fault.at && other.kind.isUndone(by: fault.kind) {
                for name in fault.nodes where other.nodes.contains(name) {
                    self.mistakes.report(
                        .scenarioContradiction(
                            "at \(fault.at) '\(name)' meets both '\(other.kind.rawValue)' and '\(fault.kind.rawValue)'",
                            at: element.span,
                            help: "say which comes first: give one of them another moment"
                        )
                    )
                }
            }
            before.append(fault)
        }
    }
}

extension Scenario.FaultKind {
    /// Whether the two at one moment leave open what is so afterwards.
    fileprivate func isUndone(by other: Self) -> Bool {
        switch (self, other) {
        case (.kill, .start), (.start, .kill), (.wipe, .start), (.start, .wipe), (.cut, .heal), (.heal, .cut),
            (.hang, .heal), (.heal, .hang):
            true
        default: false
        }
    }
}
