// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunbookSource
import RunbookYAML
import TestSupport

/// One change of one mapping, which is found by its number.
struct Mutation {
    let place: Int
    var random: SeededGenerator
    private(set) var what = "nothing"
    private var passed = 0

    init(place: Int, random: SeededGenerator) {
        self.place = place
        self.random = random
    }

    mutating func applied(to node: YAMLNode) -> YAMLNode {
        var node = node
        switch node.kind {
        case .scalar: break
        case .sequence(let elements):
            node.kind = .sequence(elements.map { self.applied(to: $0) })
        case .mapping(let pairs):
            let isHere = self.passed == self.place
            self.passed += 1
            node.kind = .mapping(
                isHere && !pairs.isEmpty
                    ? self.changed(pairs)
                    : pairs.map { YAMLPair(key: $0.key, value: self.applied(to: $0.value)) }
            )
        }
        return node
    }

    private mutating func changed(_ pairs: [YAMLPair]) -> [YAMLPair] {
        var pairs = pairs
        let index = Int.random(in: 0..<pairs.count, using: &self.random)
        let key = pairs[index].key.text
        let span = pairs[index].value.span
        func scalar(_ text: String, _ style: YAMLScalar.Style = .plain) -> YAMLNode {
            YAMLNode(kind: .scalar(YAMLScalar(text: text, style: style, span: span)), span: span)
        }
        switch Int.random(in: 0..<7, using: &self.random) {
        case 0:
            self.what = "without '\(key)'"
            pairs.remove(at: index)
        case 1:
            self.what = "'\(key)' is 'x_\(key)'"
            pairs[index].key.text = "x_\(key)"
        case 2:
            self.what = "'\(key)' is a list of lists"
            let inner = YAMLNode(kind: .sequence([scalar("a")]), span: span)
            pairs[index].value = YAMLNode(kind: .sequence([inner]), span: span)
        case 3:
            self.what = "'\(key)' is a mapping"
            let pair = YAMLPair(key: YAMLScalar(text: "strange", style: .plain, span: span), value: scalar("a"))
            pairs[index].value = YAMLNode(kind: .mapping([pair]), span: span)
        case 4:
            self.what = "'\(key)' is null"
            pairs[index].value = scalar("")
        case 5:
            self.what = "'\(key)' is a text with spaces"
            pairs[index].value = scalar("neither this nor that", .doubleQuoted)
        default:
            self.what = "'\(key)' is true"
            pairs[index].value = scalar("true")
        }
        return pairs
    }
}

extension YAMLNode {
    /// How many mappings there are inside, this one included.
    var mappingCount: Int {
        switch self.kind {
        case .scalar: 0
        case .sequence(let elements): elements.map(\.mappingCount).reduce(0, +)
        case .mapping(let pairs): 1 + pairs.map(\.value.mappingCount).reduce(0, +)
        }
    }
}
