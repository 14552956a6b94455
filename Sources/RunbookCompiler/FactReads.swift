// Selfheal
// SPDX-License-Identifier: Apache-2.0

import CELExpressions
import RunPlan

/// Finds out whose observed facts an expression reads.
///
/// `size(ensemble)` needs no facts; `ensemble.filter(n, n.serving)` needs those of every node of `ensemble`. What an expression needs is
/// observed before it decides something, so reading too little would decide on stale facts; where it is not clear, the answer is yes.
struct FactReads {
    private let names: [String]
    private var read: Set<String> = []
    /// What each macro variable in scope takes its elements from, innermost last.
    private var locals: [(name: String, sources: Set<String>)] = []

    /// The names among `names` whose facts `root` reads, sorted.
    static func names(readBy root: CELNode, among names: [String]) -> [String] {
        guard !names.isEmpty else {
            return []
        }
        var reads = FactReads(names: names)
        _ = reads.sources(of: root)
        return reads.read.sorted()
    }

    private init(names: [String]) {
        self.names = names
    }

    /// Walks a node and says which node lists its value is made of.
    private mutating func sources(of node: CELNode) -> Set<String> {
        switch node.kind {
        case .global(let name):
            return self.names.contains(name) ? [name] : []
        case .local(let name, _):
            return self.locals.last { $0.name == name }?.sources ?? []
        case .select(let selection), .has(let selection), .optionalSelect(let selection):
            let sources = self.sources(of: selection.operand)
            if ResultTypes.observedFieldNames.contains(selection.field) || selection.field == "observed_at" {
                self.read.formUnion(sources)
            }
            return []
        case .macro(let macro):
            let sources = self.sources(of: macro.target)
            self.locals.append((macro.variable, sources))
            let second = macro.second.map { [($0.name, sources)] } ?? []
            self.locals += second
            _ = macro.predicate.map { self.sources(of: $0) }
            let body = macro.body.map { self.sources(of: $0) } ?? []
            self.locals.removeLast(1 + second.count)
            switch macro.name {
            case .filter, .sortBy: return sources
            case .map, .transformList, .transformMap, .transformMapEntry, .optMap, .optFlatMap: return body
            case .all, .exists, .existsOne, .existsOneOfTwo: return []
            }
        case .bind(let binding):
            self.locals.append((binding.name, self.sources(of: binding.value)))
            defer { self.locals.removeLast() }
            return self.sources(of: binding.body)
        case .literal, .invalid: return []
        case .index, .optionalIndex, .optionalElement, .list, .map, .not, .negate, .binary, .all, .any, .conditional,
            .call:
            return node.children.reduce(into: []) { all, child in
                all.formUnion(self.sources(of: child))
            }
        }
    }
}
