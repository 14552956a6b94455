// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunbookSource
import RunbookYAML

/// What it means that one layer of a configuration lies upon another.
///
/// - Mappings are merged key by key, as deep as they go.
/// - Lists of nodes and of people are merged by name: who is there already is changed, who is not is added. In a layer above, such a list
///   may be written as a mapping from name to what changes.
/// - Everything else is replaced: texts, numbers, and all other lists.
/// - `null` takes away what lies below.
/// - Two names of one key (`interval`, `interval_seconds`) are one key: the layer above decides which is used.
///
/// Every value keeps the place where it was written.
struct LayerMerge {
    let sink: DiagnosticSink

    /// Lists whose elements have names.
    private static let namedLists: Set<[String]> = [
        ["cluster", "kafka_brokers"], ["cluster", "nodes"], ["cluster", "zookeeper_nodes"], ["people"],
    ]

    /// Keys that say the same thing.
    private static let synonyms = [
        ["interval", "interval_seconds"], ["timeout", "timeout_seconds"], ["down_after", "health_check_retries"],
        ["name", "node_id"], ["id", "cluster_id"], ["from", "from_email"], ["to", "to_emails"],
        ["user", "username"], ["url", "webhook_url"], ["signing_key", "secret"], ["host_key", "host_keys"],
        ["monitors", "methods"],
    ]

    /// The other names of a key.
    static func others(of key: String) -> [String] {
        self.synonyms.first { $0.contains(key) }?.filter { $0 != key } ?? []
    }

    func merge(_ lower: YAMLNode, _ upper: YAMLNode, at path: [String]) -> YAMLNode {
        switch (lower.kind, upper.kind) {
        case (.mapping(let below), .mapping(let above)):
            return YAMLNode(kind: .mapping(self.merge(below, above, at: path)), span: lower.span, alias: lower.alias)
        case (.sequence(let below), .sequence(let above)) where Self.namedLists.contains(path):
            let changes = above.map { ($0, Self.name(of: $0)) }
            return YAMLNode(kind: .sequence(self.merge(below, changes, at: path)), span: lower.span)
        case (.sequence(let below), .mapping(let above)) where Self.namedLists.contains(path):
            return YAMLNode(kind: .sequence(self.change(below, above, at: path)), span: lower.span)
        case (.mapping, _), (.sequence, _), (.scalar, _): return upper
        }
    }

    private func merge(_ below: [YAMLPair], _ above: [YAMLPair], at path: [String]) -> [YAMLPair] {
        var pairs: [YAMLPair?] = below
        var places: [String: Int] = [:]
        for (index, pair) in below.enumerated() {
            places[pair.key.text] = index
        }
        for pair in above {
            let key = pair.key.text
            let other = Self.others(of: key).first { places[$0] != nil }
            guard let index = places[key] ?? other.flatMap({ places[$0] }), let old = pairs[index] else {
                places[key] = pairs.count
                pairs.append(pair)
                continue
            }
            places[old.key.text] = nil
            guard !pair.value.isNull else {
                pairs[index] = nil
                continue
            }
            places[key] = index
            let value = old.key.text == key ? self.merge(old.value, pair.value, at: path + [key]) : pair.value
            pairs[index] = YAMLPair(key: value.scalar == nil ? old.key : pair.key, value: value)
            if old.key.text != key {
                pairs[index]?.key = pair.key
            }
        }
        return pairs.compactMap { $0 }
    }

    // MARK: Lists of what has names

    private static func name(of node: YAMLNode) -> String? {
        ["name", "node_id", "host"].lazy.compactMap { node[$0]?.scalar?.text }.first
    }

    private func merge(_ below: [YAMLNode], _ above: [(YAMLNode, String?)], at path: [String]) -> [YAMLNode] {
        var nodes = below
        let places = Self.places(of: below)
        for (node, name) in above {
            if let index = name.flatMap({ places[$0] }) {
                nodes[index] = self.merge(nodes[index], node, at: path + [""])
            } else {
                nodes.append(node)
            }
        }
        return nodes
    }

    private func change(_ below: [YAMLNode], _ above: [YAMLPair], at path: [String]) -> [YAMLNode] {
        var nodes: [YAMLNode?] = below
        let places = Self.places(of: below)
        for pair in above {
            guard let index = places[pair.key.text] else {
                let list = path.last ?? ""
                self.sink.report(
                    .nothingToChange(pair.key.text, in: list, at: pair.key.span, known: places.keys.sorted())
                )
                continue
            }
            nodes[index] = pair.value.isNull ? nil : nodes[index].map { self.merge($0, pair.value, at: path + [""]) }
        }
        return nodes.compactMap { $0 }
    }

    private static func places(of nodes: [YAMLNode]) -> [String: Int] {
        let named = nodes.enumerated().compactMap { index, node in self.name(of: node).map { ($0, index) } }
        return Dictionary(named) { first, _ in first }
    }
}
