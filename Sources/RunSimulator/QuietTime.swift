// Selfheal
// SPDX-License-Identifier: Apache-2.0

import ClusterWatch
import RunCore
import RunPlan
import RunVocabulary

/// Whether the monitors see what they saw before, so that looking again tells nobody anything.
struct QuietTime: Sendable {
    private var last: [NodeName: [String: Fact]] = [:]
    private var hasChanged = false
    /// How many rounds in a row showed of every node what the round before it showed.
    private(set) var rounds = 0

    /// Takes in what a look showed, with what is thought of the node.
    mutating func see(_ node: NodeName, _ facts: [String: Fact]) {
        if self.last[node] != facts {
            self.last[node] = facts
            self.hasChanged = true
        }
    }

    /// Something happened in the world: what was seen before says nothing of the next look.
    mutating func isDisturbed() {
        self.hasChanged = true
    }

    mutating func roundBegins() {
        self.rounds = self.hasChanged ? 0 : self.rounds + 1
        self.hasChanged = false
    }
}

/// Rounds of the monitors that are passed over.
extension Rehearsal {
    /// Rounds that are driven before anything else happens: what was seen is then as fresh as if none had been passed over.
    private static let driven: Int64 = 2

    /// How many rounds from this one on would show nothing new and change nobody's mind.
    ///
    /// The world changes at its own moments and at those of the queue, and has not since the last looks. Up to the next of them every look shows what
    /// the last one showed, and the opinion of a node and the verdict on a trigger depend on nothing else, once each node has been seen so as often as it takes to change
    /// one's mind.
    var skippedRounds: Int64 {
        let monitors = self.scenario.monitors
        guard self.skipsQuietTime, self.machine == nil, self.quiet.rounds > max(monitors.downAfter, monitors.upAfter),
            self.scenario.durations.probe.upperBound < monitors.every,
            self.watches.allSatisfy({ $0.wakeAt == nil && !$0.trigger.readsTime })
        else {
            return 0
        }
        let isLooking = self.queue.nextMoment { if case .monitored = $0 { true } else { false } } != nil
        guard !isLooking else {
            return 0
        }
        let limit = Instant(milliseconds: self.scenario.until.count)
        let next = [self.queue.nextMoment, self.world.nextMoment, limit].compactMap { $0 }.min() ?? limit
        return max(0, next.elapsed(since: self.now).count / monitors.every.count - Self.driven)
    }

    /// Draws what the looks would have drawn, so that the later ones draw the same as if these had been driven.
    mutating func passOver(_ rounds: Int64) {
        let probe = self.scenario.durations.probe
        if probe.lowerBound < probe.upperBound {
            let nodes = self.world.inventory.nodes.count { $0.monitor != nil }
            self.generator.skip(UInt64(rounds) * UInt64(nodes))
        }
        self.queue.add(.monitorRound, at: self.now + Milliseconds(self.scenario.monitors.every.count * rounds))
    }
}

extension PlanTrigger {
    /// Whether the same facts may be judged otherwise at another moment.
    fileprivate var readsTime: Bool {
        ["observed_at", "elapsed"].contains { self.condition.text.contains($0) }
    }
}
