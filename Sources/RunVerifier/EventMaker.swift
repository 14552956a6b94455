// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunCore
import RunPlan
import RunVocabulary

/// Turns a move into what the run hears.
struct EventMaker {
    let rules: WorldRules
    let oracle: Oracle

    func event(for move: Move, at desk: Desk, _ world: AbstractWorld) -> Desk.Event {
        switch move {
        case .started: .started
        case .resumed: .resumed
        case .cancelled: .cancelled
        case .answer(let ask, let variant, let lie): .answer(ask, self.reports(desk.asks[ask], variant, lie, world))
        case .began(let ask): .began(ask)
        case .ended(let ask, let ending): .ended(ask, self.report(desk.asks[ask], ending))
        case .granted(let ask): .granted(ask)
        case .denied(let ask): .denied(ask)
        case .told(let ask, let isDelivered): .told(ask, isDelivered: isDelivered)
        case .timer: .timer
        case .limit(let index): .limit(index)
        case .deadline(let index): .deadline(index)
        case .settled(let index, let happened): .settled(index, happened: happened)
        case .fault, .progress: preconditionFailure("what happens in the world is no event of the run")
        }
    }

    private func report(_ ask: Desk.Ask, _ ending: Move.Ending) -> CommandReport {
        guard let act = ask.act else {
            preconditionFailure("only acts end")
        }
        return ending.report(on: act)
    }

    private func reports(
        _ ask: Desk.Ask,
        _ variant: Int,
        _ lie: Move.Lie?,
        _ world: AbstractWorld
    ) -> [ProbeReport] {
        switch ask {
        case .observe(_, let nodes):
            return nodes.enumerated().map { position, name in
                guard let index = self.rules.index(of: name) else {
                    return ProbeReport(target: name, facts: WorldRules.silence)
                }
                let node = self.seen(index, position, lie, world)
                return ProbeReport(target: name, facts: self.rules.observedFacts(of: index, node))
            }
        case .look(_, let order):
            let options = self.oracle.options(for: order.question)
            guard !order.targets.isEmpty else {
                let facts = self.oracle.facts(variant % options, for: order.question) ?? WorldRules.silence
                return [ProbeReport(target: nil, facts: facts)]
            }
            var rest = variant
            return order.targets.enumerated().map { position, name in
                let option = rest % options
                rest /= options
                return self.report(name, order.question, option, position, lie, world)
            }
        case .act, .running, .inquiry, .gate, .notice: return []
        }
    }

    private func report(
        _ name: NodeName,
        _ question: ProbeOrder.Question,
        _ option: Int,
        _ position: Int,
        _ lie: Move.Lie?,
        _ world: AbstractWorld
    ) -> ProbeReport {
        guard let index = self.rules.index(of: name) else {
            return ProbeReport(target: name, facts: WorldRules.silence)
        }
        let node = self.seen(index, position, lie, world)
        let said = node.isCut ? nil : self.oracle.facts(option, for: question)
        var facts = self.rules.facts(of: index, asking: question, node, world)
        if let said, !node.isCut {
            switch question {
            case .ssh, .http, .tls, .prometheus, .dns, .jmx: facts = said
            case .tcp, .zookeeper, .kafka:
                if facts["serving"] == .bool(true) {
                    facts.merge(said) { $1 }
                }
            }
        }
        return ProbeReport(target: name, facts: facts)
    }

    private func seen(_ index: Int, _ position: Int, _ lie: Move.Lie?, _ world: AbstractWorld) -> NodeState {
        guard let lie, lie.target == position else {
            return world[index]
        }
        return self.rules.guises(of: index, in: world)[lie.guise].state
    }
}

extension PropertyRules {
    /// The act is about to be sent: what must hold in the world, whatever the run has seen of it.
    func truthFindings(
        _ act: Act,
        _ machine: RunMachine,
        _ rules: WorldRules,
        _ world: AbstractWorld
    ) -> [Finding] {
        let reports = rules.kinds.indices.map { index in
            ProbeReport(target: rules.name(index), facts: rules.observedFacts(of: index, world[index]))
        }
        return self.nevers.filter { $0.isAboutTruth && act.step.steps.contains($0.step) }.compactMap { never in
            switch machine.verdict(on: never.condition, seeing: reports) {
            case .holds: nil
            case .fails: Finding(property: never.property, text: "in truth the condition did not hold")
            case .unknown(let reason): Finding(property: never.property, text: "it cannot be told: \(reason)")
            }
        }
    }
}
