// Selfheal
// SPDX-License-Identifier: Apache-2.0

package import RunPlan
package import RunVocabulary

/// What the monitors think of each node: one look does not always change their mind.
///
/// The first look decides by itself, since there is nothing yet that it could be weighed against. After that it takes `downAfter` looks in
/// a row to think that a node is down, and `upAfter` to think that it is up again. What cannot be told is believed at once: it permits nothing.
package struct HealthModel: Hashable, Sendable {
    package enum Health: String, Hashable, Sendable, CaseIterable {
        case up
        case down
        case unknown

        /// As expressions see it: what is unknown is left out, and never a word that one could compare with.
        package var fact: Fact? {
            self == .unknown ? nil : .string(self.rawValue)
        }

        package var text: String {
            switch self {
            case .up: "is up"
            case .down: "is down"
            case .unknown: "cannot be seen"
            }
        }
    }

    private struct Opinion: Hashable, Sendable {
        var health = Health.unknown
        var candidate = Health.unknown
        /// How many looks in a row said the same.
        var streak = 0
        var isFirst = true
    }

    private var downAfter: Int
    private var upAfter: Int
    private var opinions: [NodeName: Opinion] = [:]
    private var counts: [Health: Int] = [:]

    package init(downAfter: Int, upAfter: Int) {
        self.downAfter = downAfter
        self.upAfter = upAfter
    }

    /// Goes on with what is known of these nodes, and forgets the others.
    mutating func adjust(downAfter: Int, upAfter: Int, to nodes: Set<NodeName>) {
        self.downAfter = downAfter
        self.upAfter = upAfter
        self.opinions = self.opinions.filter { nodes.contains($0.key) }
        self.counts = [:]
        for opinion in self.opinions.values {
            self.counts[opinion.health, default: 0] += 1
        }
    }

    /// Nothing for a node that nobody has looked at.
    package func health(of node: NodeName) -> Health? {
        self.opinions[node]?.health
    }

    /// How many nodes were looked at.
    package var seen: Int {
        self.opinions.count
    }

    /// How many of the nodes that were looked at are thought to be so.
    package func count(_ health: Health) -> Int {
        self.counts[health, default: 0]
    }

    /// Takes in a look; returns the node's health if it changed by it, where a node that is up at first sight is no news.
    package mutating func see(_ node: NodeName, _ facts: [String: Fact]) -> Health? {
        let before = self.opinions[node]
        var opinion = before ?? Opinion()
        let seen = Self.health(in: facts)
        opinion.streak = seen == opinion.candidate ? opinion.streak + 1 : 1
        opinion.candidate = seen
        let isFirst = opinion.isFirst
        opinion.isFirst = false
        let isBelieved = isFirst || opinion.streak >= self.looksNeeded(to: seen)
        let hasChanged = seen != opinion.health && isBelieved
        if hasChanged {
            opinion.health = seen
        }
        self.opinions[node] = opinion
        self.recount(from: before?.health, to: opinion.health)
        return hasChanged && !(isFirst && seen == .up) ? seen : nil
    }

    private func looksNeeded(to seen: Health) -> Int {
        switch seen {
        case .down: self.downAfter
        case .up: self.upAfter
        case .unknown: 1
        }
    }

    private mutating func recount(from before: Health?, to after: Health) {
        guard before != after else {
            return
        }
        if let before {
            self.counts[before, default: 0] -= 1
        }
        self.counts[after, default: 0] += 1
    }

    /// Why a node is thought of as it is, in words; empty for one that serves.
    ///
    /// A look that says only that a node does not serve gives no problem of its own: it was answered.
    static func reason(in facts: [String: Fact]) -> String {
        if case .string(let problem) = facts["problem"], !problem.isEmpty {
            return problem
        }
        guard facts["serving"] != .bool(true) else {
            return ""
        }
        let mode = if case .string(let mode) = facts["mode"], !mode.isEmpty { ", mode \(mode)" } else { "" }
        switch facts["answered"] {
        case .bool(true):
            return facts["serving"] == nil
                ? "it answers, and does not say whether it serves\(mode)" : "it answers, and does not serve\(mode)"
        case .bool(false): return "connection refused"
        default: return facts["serving"] == nil ? "it says nothing of whether it serves" : "it does not serve\(mode)"
        }
    }

    package static func health(in facts: [String: Fact]) -> Health {
        switch facts["serving"] {
        case .bool(true): .up
        case .bool(false): .down
        default: .unknown
        }
    }
}
