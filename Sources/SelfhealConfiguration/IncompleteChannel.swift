// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunbookSource
import RunbookYAML

/// A channel that cannot be used here, because variables of the environment or files of secrets are missing.
package struct IncompleteChannel: Hashable, Sendable {
    package var name: String
    /// `smtp`, `webhook`, …; what the file says, unread.
    package var kind: String
    package var missing: [String]
}

extension YAMLNode {
    /// Takes the channels away whose secrets are not to be had, and what was said about them.
    mutating func removeIncompleteChannels(_ expansion: inout EnvironmentExpansion) -> [IncompleteChannel] {
        var incomplete: [IncompleteChannel] = []
        self.change("notifications") { notifications in
            notifications.change("channels") { $0.removePairs(&incomplete, &expansion) { _ in true } }
            notifications.removePairs(&incomplete, &expansion) { $0 == "smtp" }
        }
        return incomplete
    }

    private mutating func change(_ key: String, _ body: (inout YAMLNode) -> Void) {
        guard var pairs = self.mapping, let index = pairs.firstIndex(where: { $0.key.text == key }) else {
            return
        }
        body(&pairs[index].value)
        self.kind = .mapping(pairs)
    }

    private mutating func removePairs(
        _ incomplete: inout [IncompleteChannel],
        _ expansion: inout EnvironmentExpansion,
        where isChannel: (String) -> Bool
    ) {
        guard let pairs = self.mapping else {
            return
        }
        var kept: [YAMLPair] = []
        for pair in pairs {
            let spans = pair.value.scalarSpans
            let missing = spans.flatMap { expansion.missing[$0] ?? [] }
            guard isChannel(pair.key.text), !missing.isEmpty else {
                kept.append(pair)
                continue
            }
            let kind = pair.value["kind"]?.scalar?.text ?? pair.key.text
            incomplete.append(IncompleteChannel(name: pair.key.text, kind: kind, missing: missing))
            let isMissing = { (diagnostic: Diagnostic) in
                [501, 567].contains(diagnostic.code.number)
                    && spans.contains { $0.contains(diagnostic.span) }
            }
            expansion.diagnostics.removeAll(where: isMissing)
        }
        self.kind = .mapping(kept)
    }

    private var scalarSpans: [SourceSpan] {
        switch self.kind {
        case .scalar(let scalar): [scalar.span]
        case .sequence(let nodes): nodes.flatMap(\.scalarSpans)
        case .mapping(let pairs): pairs.flatMap(\.value.scalarSpans)
        }
    }
}
