// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunbookYAML

extension YAMLNode {
    /// This node with what the other one says in place of, or besides, its own.
    ///
    /// Mappings are merged key by key, all the way down; anything else is replaced as a whole. Every value keeps the place it was written at.
    func overlaid(by other: YAMLNode) -> YAMLNode {
        guard let own = self.mapping, let theirs = other.mapping else {
            return other
        }
        var pairs = own
        for pair in theirs {
            if let index = pairs.firstIndex(where: { $0.key.text == pair.key.text }) {
                let value = pairs[index].value.overlaid(by: pair.value)
                pairs[index] = YAMLPair(key: pair.key, value: value)
            } else {
                pairs.append(pair)
            }
        }
        return YAMLNode(kind: .mapping(pairs), span: other.span, alias: other.alias)
    }

    /// Lists of what befalls a world: a case adds to those that are given.
    ///
    /// Of two answers the later one counts, and of two mishaps the first one, so that the more particular stands last or first.
    private static let adding = ["timeline", "answers", "commands"]

    /// What a case or a row says, over what is given to it.
    func given(to other: YAMLNode) -> YAMLNode {
        guard let pairs = other.mapping else {
            return self.overlaid(by: other)
        }
        let summed = pairs.map { pair in
            guard Self.adding.contains(pair.key.text), let ours = self[pair.key.text]?.sequence,
                let theirs = pair.value.sequence
            else {
                return pair
            }
            let isFirst = pair.key.text == "commands"
            let sum = YAMLNode(kind: .sequence(isFirst ? theirs + ours : ours + theirs), span: pair.value.span)
            return YAMLPair(key: pair.key, value: sum)
        }
        return self.overlaid(by: YAMLNode(kind: .mapping(summed), span: other.span, alias: other.alias))
    }

    /// A mapping without some of its keys.
    func without(_ keys: [String]) -> YAMLNode {
        guard let pairs = self.mapping else {
            return self
        }
        return YAMLNode(
            kind: .mapping(pairs.filter { !keys.contains($0.key.text) }),
            span: self.span,
            alias: self.alias
        )
    }
}
