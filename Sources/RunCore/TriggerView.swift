// Selfheal
// SPDX-License-Identifier: Apache-2.0

import CELExpressions
import RunPlan
import RunVocabulary

/// The nodes as one condition sees them, kept from one look to the next.
///
/// A cluster is looked at node by node, a hundred times a second where there are a thousand, and most looks say what the last one said. So the
/// values of the nodes are made once and changed one by one, with the fields alone that the condition names, and the condition is worked out
/// again when something changed that it can see.
struct TriggerView: Hashable, Sendable {
    private struct Selection: Hashable, Sendable {
        var values: [CELValue]
        let places: [NodeName: Int]
    }

    private let wanted: Set<String>
    /// Those of them that looks find out.
    private let observed: [String]
    /// Whether each look is news: the condition asks when it was, or goes by time.
    private let isNeverSettled: Bool
    private let names: [String]
    private var selections: [String: Selection] = [:]
    /// What the condition said of what is seen now.
    private var verdict: Verdict?

    init(of condition: Expression, in context: RunContext) {
        // Whatever field a condition reads stands in its text; 'best' and 'quorum' read some that do not.
        var wanted = Set(ResultTypes.node.fields.map(\.name).filter { condition.text.contains($0) })
        wanted.formUnion(["name", "voter"])
        if condition.text.contains("best") {
            wanted.formUnion(["epoch", "zxid"])
        }
        self.wanted = wanted
        self.observed = ResultTypes.observedFieldNames.filter { wanted.contains($0) }
        self.isNeverSettled = wanted.contains("observed_at") || condition.cel.freeNames.contains("run")
        // A name that is no selection, or that names nodes which are not there, is left to the context.
        self.names = condition.reads.filter { context.isWhole(selection: $0) }
        for name in self.names {
            let nodes = context.nodes(selectedBy: name)
            guard !nodes.isEmpty else {
                continue
            }
            let places = Dictionary(nodes.enumerated().map { ($1, $0) }) { first, _ in first }
            let values = nodes.map { NodeValue.value(of: $0, in: context, only: wanted) }
            self.selections[name] = Selection(values: values, places: places)
        }
    }

    /// Takes over what the context has seen of a node; before it is what the context knew of it until then.
    mutating func changed(_ node: NodeName, from before: RunContext.Observation?, in context: RunContext) {
        let facts = context.observation(of: node)?.facts ?? [:]
        if let before, !self.isNeverSettled, self.isSame(before.facts, facts) {
            return
        }
        self.verdict = nil
        for name in self.names {
            if let place = self.selections[name]?.places[node] {
                self.selections[name]?.values[place] = NodeValue.value(of: node, in: context, only: self.wanted)
            }
        }
    }

    private func isSame(_ old: [String: Fact], _ new: [String: Fact]) -> Bool {
        // What is missing is unknown for the reason that the problem gives.
        let isMissing = self.observed.contains { new[$0] == nil }
        return self.observed.allSatisfy { old[$0] == new[$0] } && (!isMissing || old["problem"] == new["problem"])
    }

    mutating func verdict(on condition: Expression, in context: RunContext) -> Verdict {
        if let verdict = self.verdict, !self.isNeverSettled {
            return verdict
        }
        let verdict = context.verdict(on: condition, with: self.selections.mapValues { .list($0.values) })
        self.verdict = verdict
        return verdict
    }
}
