// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunCore
import RunPlan
import RunVocabulary

/// Everything that can happen next in a state, with what luck is left after it.
enum MoveList {
    typealias Moves = [(move: Move, luck: Luck)]

    static func fill(
        _ moves: inout Moves,
        _ card: DeskCard,
        _ world: AbstractWorld,
        _ luck: Luck,
        _ explorer: Explorer
    ) {
        let (rules, assumptions) = (explorer.rules, explorer.assumptions)
        guard card.outcome == nil else {
            // Elections go on after the run: what it did may come out only then.
            self.addProgress(&moves, card, world, luck, rules, isReduced: true)
            return
        }
        let isBeginning = card.asks.isEmpty && !card.hasTimer && card.doubts == 0
        guard !isBeginning else {
            moves.append((.started, luck))
            return
        }
        for (index, ask) in card.asks.enumerated() {
            self.add(ask, index, &moves, world, luck, explorer)
        }
        self.addClocks(&moves, card, luck)
        for index in 0..<card.doubts {
            moves.append((.settled(index, happened: true), luck))
            moves.append((.settled(index, happened: false), luck))
        }
        self.addProgress(&moves, card, world, luck, rules, isReduced: assumptions.isReduced)
        if luck.faults < assumptions.faults {
            var next = luck
            next.faults += 1
            for node in assumptions.isReduced ? card.readNodes : Array(rules.kinds.indices) {
                for fault in rules.faults(at: node, in: world) {
                    moves.append((.fault(fault, node: node), next))
                }
            }
        }
        if luck.crashes < assumptions.crashes {
            var next = luck
            next.crashes += 1
            moves.append((.resumed, next))
        }
        if luck.cancels < assumptions.cancels {
            var next = luck
            next.cancels += 1
            moves.append((.cancelled, next))
        }
    }

    private static func addClocks(_ moves: inout Moves, _ card: DeskCard, _ luck: Luck) {
        if card.hasTimer {
            moves.append((.timer, luck))
        }
        for index in 0..<card.limits {
            moves.append((.limit(index), luck))
        }
        for index in card.deadlines {
            moves.append((.deadline(index), luck))
        }
    }

    /// What the world does by itself is tried where somebody would see it; in between nobody can tell when it happened.
    private static func addProgress(
        _ moves: inout Moves,
        _ card: DeskCard,
        _ world: AbstractWorld,
        _ luck: Luck,
        _ rules: WorldRules,
        isReduced: Bool
    ) {
        guard !isReduced || !card.readNodes.isEmpty else {
            return
        }
        for progress in rules.progress(world) {
            let isSeen: Bool =
                switch progress {
                case .starts(let node), .joins(let node), .catchesUp(let node): card.readNodes.contains(node)
                case .election: card.readNodes.contains { rules.kinds[$0] == .member }
                }
            if isSeen || !isReduced {
                moves.append((.progress(progress), luck))
            }
        }
    }

    private static func add(
        _ ask: DeskCard.Ask,
        _ index: Int,
        _ moves: inout Moves,
        _ world: AbstractWorld,
        _ luck: Luck,
        _ explorer: Explorer
    ) {
        switch ask.kind {
        case .look, .observe:
            for variant in 0..<ask.variants {
                moves.append((.answer(ask: index, variant: variant, lie: nil), luck))
            }
            self.addLies(ask, index, &moves, world, luck, explorer)
        case .act: moves.append((.began(ask: index), luck))
        case .running(let isStopping): self.addEndings(ask, index, isStopping, &moves, world, luck, explorer)
        case .inquiry(let isStopping):
            moves.append((.ended(ask: index, .neverSent), luck))
            self.addEndings(ask, index, isStopping, &moves, world, luck, explorer)
            if ask.repeating != .guarded {
                moves.append((.ended(ask: index, .doubtful), luck))
                moves.append((.ended(ask: index, .doubtfulAndDone), luck))
            }
        case .gate:
            moves.append((.granted(ask: index), luck))
            moves.append((.denied(ask: index), luck))
        case .notice:
            moves.append((.told(ask: index, isDelivered: true), luck))
            if luck.faults < explorer.assumptions.faults {
                var next = luck
                next.faults += 1
                moves.append((.told(ask: index, isDelivered: false), next))
            }
        }
    }

    private static func addLies(
        _ ask: DeskCard.Ask,
        _ index: Int,
        _ moves: inout Moves,
        _ world: AbstractWorld,
        _ luck: Luck,
        _ explorer: Explorer
    ) {
        guard luck.lies < explorer.assumptions.lies, ask.options == 1 || ask.showsReplication else {
            return
        }
        var next = luck
        next.lies += 1
        for (position, target) in ask.targets.enumerated() {
            for guise in explorer.rules.guises(of: target, in: world).indices {
                let lie = Move.Lie(target: position, guise: guise)
                moves.append((.answer(ask: index, variant: 0, lie: lie), next))
            }
        }
    }

    private static func addEndings(
        _ ask: DeskCard.Ask,
        _ index: Int,
        _ isStopping: Bool,
        _ moves: inout Moves,
        _ world: AbstractWorld,
        _ luck: Luck,
        _ explorer: Explorer
    ) {
        if let target = ask.targets.first, world[target].isCut {
            moves.append((.ended(ask: index, .unreachable), luck))
            return
        }
        moves.append((.ended(ask: index, .done), luck))
        if isStopping {
            moves.append((.ended(ask: index, .stopped), luck))
        }
        guard luck.faults < explorer.assumptions.faults else {
            return
        }
        var next = luck
        next.faults += 1
        let bad: [Move.Ending] =
            ask.effect.changesTheWorld
            ? [.failed, .timedOut, .timedOutAfterwards, .doubtfulAndDone, .doubtful] : [.failed, .timedOut, .doubtful]
        for ending in bad {
            moves.append((.ended(ask: index, ending), next))
        }
    }
}

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
        case .ended(let ask, let ending): .ended(ask, ending.report)
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
            case .ssh, .http: facts = said
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
