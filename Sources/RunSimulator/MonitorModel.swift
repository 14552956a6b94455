// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunPlan
import RunVocabulary

/// What the monitors of a scenario think of each node: one look does not always change their mind.
struct MonitorModel: Hashable, Sendable {
    enum Health: String, Hashable, Sendable {
        case up
        case down
        case unknown
    }

    private struct Opinion: Hashable, Sendable {
        var health = Health.unknown
        var candidate = Health.unknown
        var streak = 0
        var isFirst = true
    }

    private let settings: Scenario.Monitors
    private var opinions: [NodeName: Opinion] = [:]

    init(_ settings: Scenario.Monitors) {
        self.settings = settings
    }

    func health(of node: NodeName) -> Health? {
        self.opinions[node]?.health
    }

    /// Takes in a look; returns the node's health if it changed by it.
    mutating func see(_ node: NodeName, _ facts: [String: Fact]) -> Health? {
        var opinion = self.opinions[node] ?? Opinion()
        defer { self.opinions[node] = opinion }
        let seen = Self.health(in: facts)
        opinion.streak = seen == opinion.candidate ? opinion.streak + 1 : 1
        opinion.candidate = seen
        // The first look decides by itself: there is nothing yet that it could be weighed against.
        let needed =
            switch seen {
            case .down: self.settings.downAfter
            case .up: self.settings.upAfter
            case .unknown: 1
            }
        guard seen != opinion.health, opinion.isFirst || opinion.streak >= needed else {
            opinion.isFirst = false
            return nil
        }
        let isNews = !opinion.isFirst || seen != .up
        opinion.isFirst = false
        opinion.health = seen
        return isNews ? seen : nil
    }

    static func health(in facts: [String: Fact]) -> Health {
        switch facts["serving"] {
        case .bool(true): .up
        case .bool(false): .down
        default: .unknown
        }
    }
}
