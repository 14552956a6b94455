// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunCore
package import RunPlan
package import RunVocabulary

/// What each monitor last said about nodes that have several.
///
/// Monitors look at their own pace; a runbook sees one set of facts, in which a word counts until the next one is overdue.
struct MonitorBook: Hashable, Sendable {
    private struct Word: Hashable, Sendable {
        let facts: [String: Fact]
        let at: Instant
    }

    private var monitors: [NodeName: [NodeMonitor]] = [:]
    private var words: [NodeName: [String: Word]] = [:]
    private var settings: WatchSettings

    init(_ inventory: Inventory, _ settings: WatchSettings) {
        self.settings = settings
        for node in inventory.nodes where node.allMonitors.count > 1 {
            self.monitors[node.name] = node.allMonitors
        }
    }

    /// Goes on with what was said by monitors that are as they were.
    mutating func adjust(to inventory: Inventory, _ settings: WatchSettings) {
        var book = Self(inventory, settings)
        for (node, monitors) in book.monitors {
            let same = monitors.filter { self.monitors[node]?.contains($0) ?? false }
            book.words[node] = self.words[node]?.filter { word in same.contains { $0.name == word.key } }
        }
        self = book
    }

    /// The monitors of a node that has several.
    func monitors(of node: NodeName) -> [NodeMonitor] {
        self.monitors[node] ?? []
    }

    /// Takes in what one monitor says; returns what all of them say.
    mutating func take(
        _ facts: [String: Fact],
        about node: NodeName,
        by name: String,
        at moment: Instant
    ) -> [String: Fact] {
        guard let monitors = self.monitors[node] else {
            return facts
        }
        self.words[node, default: [:]][name] = Word(facts: facts, at: moment)
        let said = self.words[node] ?? [:]
        return NodeMonitor.merged(
            monitors.map { monitor in
                guard let word = said[monitor.name] else {
                    return (monitor, ["problem": .string("it has not looked yet")])
                }
                let age = moment.elapsed(since: word.at)
                guard age <= self.settings.lifetime(of: monitor) else {
                    return (monitor, ["problem": .string("it last said something \(age.rounded) ago")])
                }
                return (monitor, word.facts)
            }
        )
    }
}

extension WatchSettings {
    /// How often a monitor looks.
    package func interval(of monitor: NodeMonitor) -> Milliseconds {
        monitor.every ?? self.every
    }

    /// What a monitor said longer ago than this says nothing any more.
    func lifetime(of monitor: NodeMonitor) -> Milliseconds {
        self.interval(of: monitor) * 3 + (monitor.timeout ?? self.timeout)
    }

    /// The same of any node: ``staleAfter``, or longer where all monitors of one look seldom.
    package func lifetime(watching inventory: Inventory) -> Milliseconds {
        inventory.nodes.compactMap { node in
            node.monitors.flatMap { $0.map { self.lifetime(of: $0) }.min() }
        }.reduce(self.staleAfter) { max($0, $1) }
    }
}
