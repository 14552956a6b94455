// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunPlan
import RunVocabulary

/// Which nodes change too often to be believed.
///
/// A node that goes up and down is worse off than one that is down: each heal would begin on other facts than it ends on. Until it is steady, what
/// is seen of it counts as unknown for triggers.
struct FlapWatch: Hashable, Sendable {
    private var changes: [NodeName: [Instant]] = [:]
    private(set) var flapping: Set<NodeName> = []

    /// Goes on with these nodes alone.
    mutating func adjust(to nodes: Set<NodeName>) {
        self.changes = self.changes.filter { nodes.contains($0.key) }
        self.flapping.formIntersection(nodes)
    }

    /// Its health is another one; says whether that makes it one that flaps.
    mutating func changed(_ node: NodeName, at moment: Instant, _ settings: WatchSettings) -> Bool {
        var times = (self.changes[node] ?? []).filter { moment.elapsed(since: $0) < settings.flapWindow }
        times.append(moment)
        // More need not be remembered to say that there are too many.
        self.changes[node] = Array(times.suffix(settings.flapChanges + 1))
        return times.count > settings.flapChanges && self.flapping.insert(node).inserted
    }

    /// Those that have not changed for half of the window, and so are believed again.
    mutating func settled(at moment: Instant, _ settings: WatchSettings) -> [NodeName] {
        let calm = self.flapping.filter { node in
            self.changes[node]?.last.map { moment.elapsed(since: $0).count * 2 >= settings.flapWindow.count } ?? true
        }
        self.flapping.subtract(calm)
        for node in calm {
            self.changes[node] = nil
        }
        return calm.sorted { $0.text < $1.text }
    }

    func wakeAt(_ settings: WatchSettings) -> Instant? {
        self.flapping.compactMap { self.changes[$0]?.last }.min().map {
            $0 + Milliseconds((settings.flapWindow.count + 1) / 2)
        }
    }

    /// Why a node is not believed, if it is not.
    func text(_ node: NodeName, _ settings: WatchSettings) -> String? {
        self.flapping.contains(node)
            ? "\(node) flaps: it has changed more than \(settings.flapChanges.counted("time")) within \(settings.flapWindow)"
            : nil
    }
}
