// Selfheal
// SPDX-License-Identifier: Apache-2.0

import ClusterWatch
import RunCore
import RunPlan
import RunVocabulary

/// Monitors and triggers of a runbook that is rehearsed alone.
extension Rehearsal {
    // MARK: Looks

    mutating func beginMonitorRound() {
        self.quiet.roundBegins()
        let skipped = self.skippedRounds
        if skipped > 0 {
            self.passOver(skipped)
            return
        }
        for node in self.world.inventory.nodes where node.monitor != nil {
            self.queue.add(.monitored(node.name, silent: false), at: self.now + self.latency())
        }
        self.queue.add(.monitorRound, at: self.now + self.scenario.monitors.every)
    }

    mutating func finishMonitoring(_ node: NodeName, isSilent: Bool) {
        guard self.watch == nil else {
            self.finishLook(at: node, isSilent: isSilent)
            return
        }
        guard isSilent || !self.world.isSilent(node, to: self.world.monitorQuestion(of: node)) else {
            let moment = self.now + self.scenario.monitors.timeout
            self.queue.add(.monitored(node, silent: true), at: moment)
            return
        }
        var facts = isSilent ? PretendProcess.silence : self.world.observedFacts(of: node)
        if let news = self.monitor.see(node, facts) {
            let isHalfAlive = news == .down && facts["answered"] == .bool(true)
            self.note(.monitor, target: node, isHalfAlive ? "answers and does not serve" : news.text)
        }
        facts["health"] = self.monitor.health(of: node)?.fact
        self.quiet.see(node, facts)
        let report = ProbeReport(target: node, facts: facts)
        self.watchTriggers { watch, now in watch.observe([report], at: now) }
    }

    mutating func watchClock() {
        self.watchTriggers { watch, now in watch.clockReached(at: now) }
    }

    // MARK: Triggers

    private mutating func watchTriggers(_ body: (inout TriggerWatch, Instant) -> TriggerWatch.Finding) {
        for index in self.watches.indices {
            let finding = body(&self.watches[index], self.now)
            self.record(finding, of: self.watches[index].trigger)
            if case .fired(let since) = finding {
                self.fire(self.watches[index].trigger, since: since)
                return
            }
        }
    }

    private mutating func record(_ finding: TriggerWatch.Finding, of trigger: PlanTrigger) {
        let last = self.lastFinding
        self.lastFinding = finding
        guard finding != last else {
            return
        }
        switch (last, finding) {
        case (_, .holding): self.note(.trigger, "'\(trigger.condition.text)' holds; it must for \(trigger.holdsFor)")
        case (.holding, .quiet): self.note(.trigger, "it does not hold any more")
        case (.holding, .unknown(let reason)): self.note(.trigger, "it cannot be told any more: \(reason)")
        default: break
        }
    }

    private mutating func fire(_ trigger: PlanTrigger, since: Instant) {
        let name = self.plan.runbook
        switch self.plan.autonomy {
        case .observe:
            let reason = "'autonomy: observe' tells people and starts nothing"
            self.note(.trigger, "fired; \(reason)")
            self.finish(.notStarted(reason: reason))
        case .approve:
            self.startAlone(because: "fired: \(name) starts; a live engine asks a person first ('autonomy: approve')")
        case .automatic: self.startAlone(because: "fired: \(name) starts")
        }
    }
}

extension Scenario.Monitors {
    /// Three rounds without an answer, and what was seen before says nothing any more.
    var staleAfter: Milliseconds {
        self.every * 3 + self.timeout
    }
}
