// Selfheal
// SPDX-License-Identifier: Apache-2.0

import CELExpressions
import RunPlan
import RunVocabulary

/// How long a list can be at most and which nodes can be in it, told from how it is made and before anything is known.
///
/// `steps.look.results.filter(r, !r.answered)` has no more elements, and no other nodes, than `look` looks at.
struct ListBound {
    struct Extent: Hashable {
        var most: Int
        /// Nothing when any node may be in it.
        var nodes: Set<NodeName>?

        /// What holds if it is the one or the other.
        func joined(with other: Extent) -> Extent {
            let nodes = self.nodes.flatMap { own in other.nodes.map { own.union($0) } }
            return Extent(most: max(self.most, other.most), nodes: nodes)
        }
    }

    /// What holds for a list of which nothing is known.
    let inventory: Int
    /// Selections, and what `set` steps and loops before have named.
    var names: [String: Extent]
    /// The results of each step before.
    var results: [String: Extent] = [:]

    func extent(_ node: CELNode) -> Extent {
        var extent = self.bound(node) ?? Extent(most: self.inventory, nodes: self.nodes(node))
        extent.most = min(extent.most, extent.nodes?.count ?? self.inventory, self.inventory)
        return extent
    }

    private func bound(_ node: CELNode) -> Extent? {
        switch node.kind {
        case .global(let name): self.names[name]
        case .select(let selection): self.results(selection)
        case .list(let elements): Extent(most: elements.count, nodes: self.union(elements.map(self.nodes)))
        case .binary(.add, let left, let right): self.join(left, right) { $0 + $1 }
        case .conditional(_, let yes, let no): self.join(yes, no) { max($0, $1) }
        case .call(let call):
            // These give back what they are given, or less of it.
            ["reverse", "sort", "distinct", "slice"].contains(call.name) ? call.receiver.flatMap(self.bound) : nil
        case .macro(let macro): self.bound(macro)
        case .literal, .local, .optionalSelect, .has, .index, .optionalIndex, .optionalElement, .map, .not, .negate,
            .binary,
            .all, .any, .bind, .invalid:
            nil
        }
    }

    private func bound(_ macro: CELMacro) -> Extent? {
        switch macro.name {
        case .filter, .sortBy: self.bound(macro.target)
        case .map:
            self.bound(macro.target).map { extent in
                Extent(most: extent.most, nodes: self.keepsNode(macro) ? extent.nodes : nil)
            }
        case .all, .exists, .existsOne, .existsOneOfTwo, .transformList, .transformMap, .transformMapEntry, .optMap,
            .optFlatMap:
            nil
        }
    }

    /// `map(r, r.target)` and its like name the same nodes again.
    private func keepsNode(_ macro: CELMacro) -> Bool {
        switch macro.body?.kind {
        case .local(macro.variable, _): return true
        case .select(let selection):
            guard case .local(macro.variable, _) = selection.operand.kind else {
                return false
            }
            return ["target", "name"].contains(selection.field)
        default: return false
        }
    }

    private func join(_ left: CELNode, _ right: CELNode, _ most: (Int, Int) -> Int) -> Extent? {
        guard let left = self.bound(left), let right = self.bound(right) else {
            return nil
        }
        return Extent(most: most(left.most, right.most), nodes: self.union([left.nodes, right.nodes]))
    }

    private func union(_ all: [Set<NodeName>?]) -> Set<NodeName>? {
        all.contains(nil) ? nil : all.compactMap { $0 }.reduce(into: []) { $0.formUnion($1) }
    }

    /// The nodes that one element may be.
    private func nodes(_ node: CELNode) -> Set<NodeName>? {
        switch node.kind {
        case .global(let name): self.names[name]?.nodes
        case .index(let list, _): self.bound(list)?.nodes
        case .select(let selection) where ["target", "name"].contains(selection.field): self.nodes(selection.operand)
        case .call(let call) where ["first", "last", "best"].contains(call.name):
            (call.receiver ?? call.arguments.first).flatMap(self.bound)?.nodes
        default: nil
        }
    }

    /// `steps.NAME.results`.
    private func results(_ selection: CELSelection) -> Extent? {
        guard selection.field == "results", case .select(let step) = selection.operand.kind,
            case .global("steps") = step.operand.kind
        else {
            return nil
        }
        return self.results[step.field]
    }
}
