// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunPlan
import RunVocabulary

/// One look at a node by one of its monitors.
struct Look: Hashable, Sendable {
    let node: NodeName
    let monitor: String
}

/// Says which node is looked at next, and by which of its monitors.
///
/// The first looks are spread over one interval, so that the later ones are, too: a thousand nodes are never asked at the same moment. A node
/// that has not answered is not asked the same again before it has, and no more than `width` looks are under way at once; those whose time
/// has come wait in line.
struct LookSchedule: Hashable, Sendable {
    let nodes: [NodeName]
    let members: Set<NodeName>
    private let width: Int
    /// Over which time the first looks are spread.
    private let spread: Milliseconds
    /// One for each interval that there is, the shortest first.
    private var lanes: [Lane]
    private var underWay: Set<Look> = []

    init(_ inventory: Inventory, _ settings: WatchSettings) {
        var looks: [Milliseconds: [Look]] = [:]
        var nodes: [NodeName] = []
        for node in inventory.nodes {
            let monitors = node.allMonitors
            if !monitors.isEmpty {
                nodes.append(node.name)
            }
            for monitor in monitors {
                looks[settings.interval(of: monitor), default: []].append(Look(node: node.name, monitor: monitor.name))
            }
        }
        self.nodes = nodes
        self.members = Set(nodes)
        self.width = settings.width
        self.spread = settings.every
        self.lanes = looks.sorted { $0.key < $1.key }.map { Lane(looks: $0.value, every: $0.key) }
    }

    /// The same for other nodes, or at another pace; whoever was asked and has not answered is waited for.
    func adjusted(to inventory: Inventory, _ settings: WatchSettings, at moment: Instant) -> Self {
        var schedule = Self(inventory, settings)
        guard !schedule.isLike(self) else {
            return self
        }
        let looks = Set(schedule.lanes.flatMap(\.looks))
        schedule.underWay = self.underWay.intersection(looks)
        schedule.begin(at: moment)
        return schedule
    }

    private func isLike(_ other: Self) -> Bool {
        self.width == other.width && self.spread == other.spread && self.lanes.count == other.lanes.count
            && zip(self.lanes, other.lanes).allSatisfy { $0.every == $1.every && $0.looks == $1.looks }
    }

    mutating func begin(at moment: Instant) {
        for index in self.lanes.indices {
            self.lanes[index].begin(at: moment, over: min(self.spread, self.lanes[index].every))
        }
    }

    /// The lane whose turn comes first.
    private var nextLane: Int? {
        var found: (index: Int, at: Instant)?
        for (index, lane) in self.lanes.enumerated() {
            if let at = lane.wakeAt, found.map({ at < $0.at }) ?? true {
                found = (index, at)
            }
        }
        return found?.index
    }

    var wakeAt: Instant? {
        // With the line full, the next answer is what there is to wait for.
        self.underWay.count >= self.width ? nil : self.nextLane.flatMap { self.lanes[$0].wakeAt }
    }

    mutating func answered(_ node: NodeName, by monitor: String) {
        self.underWay.remove(Look(node: node, monitor: monitor))
    }

    /// The looks whose turn has come.
    ///
    /// Whoever is late by a whole interval does not catch up: the looks are spread anew.
    mutating func due(at moment: Instant) -> [Look] {
        guard self.underWay.count < self.width else {
            return []
        }
        for index in self.lanes.indices {
            if let late = self.lanes[index].wakeAt, late + self.lanes[index].every <= moment {
                self.lanes[index].begin(at: moment, over: self.lanes[index].every)
            }
        }
        var due: [Look] = []
        while self.underWay.count < self.width, let index = self.nextLane,
            let look = self.lanes[index].next(at: moment)
        {
            if self.underWay.insert(look).inserted {
                due.append(look)
            }
        }
        return due
    }
}

/// Looks at one pace.
private struct Lane: Hashable, Sendable {
    private struct Turn: Hashable, Sendable {
        let look: Int
        var at: Instant
    }

    let looks: [Look]
    let every: Milliseconds
    /// In the order of their moments: all have the same interval, so whoever had a turn goes to the end.
    private var turns: [Turn] = []
    private var next = 0

    init(looks: [Look], every: Milliseconds) {
        self.looks = looks
        self.every = every
    }

    /// The first turn has whoever was next: with less time than there is to do, the last ones in the list would never be looked at otherwise.
    mutating func begin(at moment: Instant, over spread: Milliseconds) {
        let first = self.turns.isEmpty ? 0 : self.turns[self.next].look
        let count = max(1, self.looks.count)
        self.turns = self.looks.indices.map { place in
            let after = Milliseconds(spread.count * Int64(place) / Int64(count))
            return Turn(look: (first + place) % count, at: moment + after)
        }
        self.next = 0
    }

    var wakeAt: Instant? {
        self.turns.isEmpty ? nil : self.turns[self.next].at
    }

    /// The look whose turn has come, which goes to the end.
    mutating func next(at moment: Instant) -> Look? {
        guard let turn = self.wakeAt, turn <= moment else {
            return nil
        }
        let look = self.looks[self.turns[self.next].look]
        self.turns[self.next].at = turn + self.every
        self.next = (self.next + 1) % self.turns.count
        return look
    }
}
