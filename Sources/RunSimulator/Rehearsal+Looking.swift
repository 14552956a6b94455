// Selfheal
// SPDX-License-Identifier: Apache-2.0

import ClusterWatch
import RunCore
import RunPlan
import RunVocabulary

/// Probes and monitors: what is seen, and when the answer comes in.
extension Rehearsal {
    // MARK: Probes of the run

    mutating func ask(_ request: RequestID, _ order: ProbeOrder) {
        guard !order.targets.isEmpty else {
            // Of the engine's own surroundings nothing is pretended but what the scenario says.
            let facts = self.world.scriptedFacts(of: nil, asking: order.question)
            self.looks[request] = Look(
                order: order,
                isObservation: false,
                began: self.now,
                reports: [ProbeReport(target: nil, facts: facts)],
                missing: 0
            )
            self.queue.add(.answered(request), at: self.now + self.latency())
            return
        }
        self.looks[request] = Look(order: order, isObservation: false, began: self.now, missing: order.targets.count)
        for target in order.targets {
            self.queue.add(.looked(request, target), at: self.now + self.latency())
        }
    }

    mutating func observe(_ request: RequestID, nodes: [NodeName]) {
        // The order's question is each node's own; only its time limit is used.
        let order = ProbeOrder(question: .tcp(port: ""), targets: nodes, timeout: self.scenario.monitors.timeout)
        self.looks[request] = Look(order: order, isObservation: true, began: self.now, missing: nodes.count)
        for node in nodes {
            self.queue.add(.looked(request, node), at: self.now + self.latency())
        }
        if nodes.isEmpty {
            self.queue.add(.answered(request), at: self.now)
        }
    }

    /// The moment at which the target's answer is made, or would have been.
    mutating func look(_ request: RequestID, at node: NodeName) {
        guard let look = self.looks[request] else {
            return
        }
        let question = look.isObservation ? self.world.monitorQuestion(of: node) : look.order.question
        guard !self.world.isSilent(node, to: question) else {
            self.queue.add(.silence(request, node), at: max(self.now, look.began + look.order.timeout))
            return
        }
        var facts =
            look.isObservation ? self.world.observedFacts(of: node) : self.world.facts(of: node, asking: question)
        if look.isObservation {
            let health = self.monitor.health(of: node) ?? HealthModel.health(in: facts)
            facts["health"] = health.fact
        }
        self.report(request, node, facts)
    }

    mutating func report(_ request: RequestID, _ node: NodeName, _ facts: [String: Fact]) {
        guard var look = self.looks[request] else {
            return
        }
        var facts = facts
        // What does not go through the silent port can still be seen, as a disk can over SSH.
        if !look.isObservation, facts == PretendProcess.silence {
            facts = self.world.facts(of: node, asking: look.order.question)
        }
        look.reports.append(ProbeReport(target: node, facts: facts))
        look.missing -= 1
        self.looks[request] = look
        if look.missing == 0 {
            self.finishLook(request)
        }
    }

    mutating func finishLook(_ request: RequestID) {
        guard let look = self.looks.removeValue(forKey: request) else {
            return
        }
        let reports =
            look.order.targets.isEmpty
            ? look.reports
            : look.order.targets.compactMap { target in look.reports.first { $0.target == target } }
        self.handle(
            look.isObservation
                ? .observed(request, reports: reports, at: self.now)
                : .probed(request, reports: reports, at: self.now)
        )
    }

    private mutating func latency() -> Milliseconds {
        self.generator.length(in: self.scenario.durations.probe)
    }

    // MARK: Monitors

    mutating func beginMonitorRound() {
        for node in self.world.inventory.nodes where node.monitor != nil {
            self.queue.add(.monitored(node.name, silent: false), at: self.now + self.latency())
        }
        self.queue.add(.monitorRound, at: self.now + self.scenario.monitors.every)
    }

    mutating func finishMonitoring(_ node: NodeName, isSilent: Bool) {
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
        let report = ProbeReport(target: node, facts: facts)
        self.watch { watch, now in watch.observe([report], at: now) }
    }

    mutating func watchClock() {
        self.watch { watch, now in watch.clockReached(at: now) }
    }

    private mutating func watch(_ body: (inout TriggerWatch, Instant) -> TriggerWatch.Finding) {
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
            self.start(because: "fired: \(name) starts; a live engine asks a person first ('autonomy: approve')")
        case .automatic: self.start(because: "fired: \(name) starts")
        }
    }
}
