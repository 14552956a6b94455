// Selfheal
// SPDX-License-Identifier: Apache-2.0

package import RunPlan
package import RunVocabulary

/// What the monitors think of each node: one look does not always change their mind.
///
/// The first look decides by itself, since there is nothing yet that it could be weighed against. After that it takes `downAfter` looks in
/// a row to think that a node is down, and `upAfter` to think that it is up again. What cannot be told is believed at once: it permits nothing.
///
/// A node with several monitors is thought of by each of them in this way. It is down if one thinks so; up if one thinks so and none is silent
/// that is not optional; else it cannot be seen.
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
        /// Whose opinion it is.
        let monitor: String
        var health = Health.unknown
        var candidate = Health.unknown
        /// How many looks in a row said the same.
        var streak = 0
        var isFirst = true
    }

    private struct Standing: Hashable, Sendable {
        /// Nothing before enough was seen to tell.
        var health: Health?
        var opinions: [Opinion] = []
    }

    private var downAfter: Int
    private var upAfter: Int
    private var standings: [NodeName: Standing] = [:]
    private var counts: [Health: Int] = [:]

    package init(downAfter: Int, upAfter: Int) {
        self.downAfter = downAfter
        self.upAfter = upAfter
    }

    /// Goes on with what is known of these nodes, and forgets the others.
    mutating func adjust(downAfter: Int, upAfter: Int, to nodes: Set<NodeName>) {
        self.downAfter = downAfter
        self.upAfter = upAfter
        self.standings = self.standings.filter { nodes.contains($0.key) }
        self.counts = [:]
        for health in self.standings.values.compactMap(\.health) {
            self.counts[health, default: 0] += 1
        }
    }

    /// Nothing for a node that nobody has looked at.
    package func health(of node: NodeName) -> Health? {
        self.standings[node]?.health
    }

    /// How many nodes were looked at.
    package var seen: Int {
        self.counts.values.reduce(0, +)
    }

    /// How many of the nodes that were looked at are thought to be so.
    package func count(_ health: Health) -> Int {
        self.counts[health, default: 0]
    }

    /// Takes in a look of one of the node's monitors, all of which are named where there are several; returns the node's health if it changed by
    /// it, where a node that is up at first sight is no news.
    package mutating func see(
        _ node: NodeName,
        _ facts: [String: Fact],
        by monitor: String = "",
        among monitors: [NodeMonitor] = []
    ) -> Health? {
        var standing = self.standings[node] ?? Standing()
        let before = standing.health
        standing.opinions.removeAll { opinion in
            opinion.monitor != monitor && !monitors.contains { $0.name == opinion.monitor }
        }
        if let index = standing.opinions.firstIndex(where: { $0.monitor == monitor }) {
            self.change(&standing.opinions[index], seeing: Self.health(in: facts))
        } else {
            var opinion = Opinion(monitor: monitor)
            self.change(&opinion, seeing: Self.health(in: facts))
            standing.opinions.append(opinion)
        }
        let after = Self.health(standing, monitors)
        standing.health = after
        self.standings[node] = standing
        self.recount(from: before, to: after)
        guard let after, after != before ?? .unknown else {
            return nil
        }
        return before == nil && after == .up ? nil : after
    }

    private func change(_ opinion: inout Opinion, seeing seen: Health) {
        opinion.streak = seen == opinion.candidate ? opinion.streak + 1 : 1
        opinion.candidate = seen
        if opinion.isFirst || opinion.streak >= self.looksNeeded(to: seen) {
            opinion.health = seen
        }
        opinion.isFirst = false
    }

    /// What all opinions come to; what was thought before stands until every monitor has looked that is not optional.
    private static func health(_ standing: Standing, _ monitors: [NodeMonitor]) -> Health? {
        guard monitors.count > 1 else {
            return standing.opinions.last?.health
        }
        if standing.opinions.contains(where: { $0.health == .down }) {
            return .down
        }
        let needed = monitors.filter { !$0.isOptional }.map { monitor in
            standing.opinions.first { $0.monitor == monitor.name }?.health
        }
        guard !needed.contains(nil) else {
            // What is down no longer says so, and the others have not been heard.
            return standing.health == .down ? .unknown : standing.health
        }
        let isSeen = !needed.contains(.unknown) && standing.opinions.contains { $0.health == .up }
        return isSeen ? .up : .unknown
    }

    private func looksNeeded(to seen: Health) -> Int {
        switch seen {
        case .down: self.downAfter
        case .up: self.upAfter
        case .unknown: 1
        }
    }

    private mutating func recount(from before: Health?, to after: Health?) {
        guard before != after else {
            return
        }
        if let before {
            self.counts[before, default: 0] -= 1
        }
        if let after {
            self.counts[after, default: 0] += 1
        }
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
