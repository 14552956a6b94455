// Selfheal
// SPDX-License-Identifier: Apache-2.0

import ClusterWatch
import RunCore
import RunPlan
import RunVocabulary

/// Probes of the run: what is seen, and when the answer comes in.
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
            let health =
                self.watch?.machine.health(of: node) ?? self.monitor.health(of: node) ?? HealthModel.health(in: facts)
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

    mutating func latency() -> Milliseconds {
        self.generator.length(in: self.scenario.durations.probe)
    }
}
