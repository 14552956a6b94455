// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunPlan
import RunVocabulary

/// When every node was looked at once more.
struct RoundCount: Hashable, Sendable {
    private var open: Set<NodeName>
    private(set) var last: Instant?

    init(_ nodes: Set<NodeName>) {
        self.open = nodes
    }

    mutating func answered(_ node: NodeName, of nodes: Set<NodeName>, at moment: Instant) {
        self.open.remove(node)
        if self.open.isEmpty {
            self.last = moment
            self.open = nodes
        }
    }

    /// Nodes that are not there any more are not waited for.
    mutating func adjust(to nodes: Set<NodeName>) {
        self.open.formIntersection(nodes)
        if self.open.isEmpty {
            self.open = nodes
        }
    }
}
