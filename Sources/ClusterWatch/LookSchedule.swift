// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunVocabulary

/// Says which node is looked at next.
///
/// The first looks are spread over one interval, so that the later ones are, too: a thousand nodes are never asked at the same moment. A node
/// that has not answered is not asked again before it has, and no more than `width` are asked at once; those whose time has come wait in line.
struct LookSchedule: Hashable, Sendable {
    private struct Turn: Hashable, Sendable {
        let node: Int
        var at: Instant
    }

    let nodes: [NodeName]
    let members: Set<NodeName>
    private let every: Milliseconds
    private let width: Int
    /// In the order of their moments: all have the same interval, so whoever had a turn goes to the end.
    private var turns: [Turn] = []
    private var next = 0
    private var underWay: Set<NodeName> = []

    init(nodes: [NodeName], every: Milliseconds, width: Int) {
        self.nodes = nodes
        self.members = Set(nodes)
        self.every = every
        self.width = width
    }

    /// The same for other nodes, or at another pace; whoever was asked and has not answered is waited for.
    func adjusted(to nodes: [NodeName], every: Milliseconds, width: Int, at moment: Instant) -> Self {
        guard nodes != self.nodes || every != self.every || width != self.width else {
            return self
        }
        var schedule = Self(nodes: nodes, every: every, width: width)
        schedule.underWay = self.underWay.intersection(schedule.members)
        schedule.begin(at: moment)
        return schedule
    }

    /// The first turn has whoever was next: with less time than there is to do, the last ones in the list would never be looked at otherwise.
    mutating func begin(at moment: Instant) {
        let first = self.turns.isEmpty ? 0 : self.turns[self.next].node
        let count = max(1, self.nodes.count)
        self.turns = self.nodes.indices.map { place in
            let after = Milliseconds(self.every.count * Int64(place) / Int64(count))
            return Turn(node: (first + place) % count, at: moment + after)
        }
        self.next = 0
    }

    var wakeAt: Instant? {
        // With the line full, the next answer is what there is to wait for.
        self.turns.isEmpty || self.underWay.count >= self.width ? nil : self.turns[self.next].at
    }

    mutating func answered(_ node: NodeName) {
        self.underWay.remove(node)
    }

    /// The nodes whose turn has come.
    ///
    /// Whoever is late by a whole interval does not catch up: the looks are spread anew.
    mutating func due(at moment: Instant) -> [NodeName] {
        if let late = self.wakeAt, late + self.every <= moment {
            self.begin(at: moment)
        }
        var due: [NodeName] = []
        while let turn = self.wakeAt, turn <= moment {
            let node = self.nodes[self.turns[self.next].node]
            self.turns[self.next].at = turn + self.every
            self.next = (self.next + 1) % self.turns.count
            if self.underWay.insert(node).inserted {
                due.append(node)
            }
        }
        return due
    }
}
