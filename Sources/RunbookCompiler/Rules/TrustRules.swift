// Selfheal
// SPDX-License-Identifier: Apache-2.0

import CELExpressions
import RunPlan
import RunVocabulary
import RunbookLanguage
import RunbookSource

private typealias Code = Diagnostic.Code

/// What is taken for granted: that a broker which is silent is dead, that clients do not mind, that it is the right cluster, that a message
/// arrives, that it has been tried.
enum TrustRules {
    /// Reading logs after an unclean end takes as long as this, and longer on large disks.
    private static let recovery = Milliseconds.minutes(30)
    /// Of one list of steps; what more there are is not looked at.
    private static let mostMessages = 50

    static func check(_ regions: [RuleRegion], _ rules: ExpertRules) -> [Diagnostic] {
        let brokers = rules.selections(ofRole: "kafka_broker")
        return regions.flatMap { region in
            self.cutRecovery(region, brokers) + self.rollWithoutClients(region, brokers, rules)
                + self.hostageOfMail(region)
        } + self.strangeCluster(regions, rules) + self.untried(regions, rules)
    }

    // MARK: Recovery

    /// A wait for a broker whose end leads to another restart: the recovery of its logs begins anew each time, and never ends.
    private static func cutRecovery(_ region: RuleRegion, _ brokers: Set<String>) -> [Diagnostic] {
        guard !brokers.isEmpty else {
            return []
        }
        let restarts = region.acts.filter { act in
            (act.action.effect == .restarts || act.action.effect == .stops) && act.isOver(brokers, in: region)
        }
        guard !restarts.isEmpty else {
            return []
        }
        // Two states of one number come to each other.
        let cycles = StateGraph(region.states.map { $0.destinations() }).cycles()
        for (index, step) in region.steps.enumerated() {
            guard case .wait(let wait) = step.verb, let timeout = step.timeout, timeout.value < self.recovery,
                wait.targets?.isOver(brokers, in: region) == true,
                case .state(let next) = region.states[index].routes.timedOut, cycles[next] == cycles[index],
                let again = restarts.first(where: { cycles[$0.index] == cycles[index] })
            else {
                continue
            }
            return [
                .advice(
                    Code(447),
                    "a broker that is not back after \(timeout.value.description) may be reading its logs, and is restarted",
                    at: timeout.span,
                    notes: [Diagnostic.Note(message: "it is restarted here", span: again.step.name.span)],
                    help: "give it 30m or more, and lead the end of that to a person"
                )
            ]
        }
        return []
    }

    // MARK: Clients

    /// Brokers are rolled, and nobody looks at those whom it is for.
    private static func rollWithoutClients(
        _ region: RuleRegion,
        _ brokers: Set<String>,
        _ rules: ExpertRules
    ) -> [Diagnostic] {
        guard let loop = region.loop, !rules.warned.contains(loop.step.name.value),
            let act = region.acts.first(where: {
                $0.action.effect == .restarts && $0.isOver(brokers, in: region)
                    && !rules.warned.contains($0.step.name.value)
            }),
            !region.steps.contains(where: \.asksSomethingOfTheSite)
        else {
            return []
        }
        return [
            .advice(
                Code(448),
                "'\(loop.step.name.value)' rolls brokers and would not notice that clients are served worse",
                at: loop.step.name.span,
                notes: [Diagnostic.Note(message: "a broker is restarted here", span: act.step.name.span)],
                help: "add a 'wait' to the loop that asks a canary or a monitor of the clients, with http or ssh"
            )
        ]
    }

    // MARK: Messages

    /// A message that cannot be delivered keeps a repair from being made.
    private static func hostageOfMail(_ region: RuleRegion) -> [Diagnostic] {
        let routed = region.steps.indices.filter { index in
            if case .notify = region.steps[index].verb { !region.steps[index].routes.isEmpty } else { false }
        }
        guard !routed.isEmpty else {
            return []
        }
        let graph = StateGraph(region.states.map { $0.destinations() })
        // Each asks where it leads, and a list may have ten thousand.
        return routed.prefix(self.mostMessages).compactMap { index in
            let step = region.steps[index]
            guard let route = step.routes.first(where: { $0.outcome == .failed }),
                case .state(let told) = region.states[index].routes.succeeded
            else {
                return nil
            }
            let untold: StateSet? =
                if case .state(let other) = region.states[index].routes.failed { graph.reachable(from: other) } else {
                    nil
                }
            let afterwards = graph.reachable(from: told)
            guard
                let act = region.acts.first(where: {
                    $0.action.effect.changesTheWorld && afterwards.contains($0.index)
                        && untold?.contains($0.index) != true
                })
            else {
                return nil
            }
            return .advice(
                Code(437),
                "when the message of '\(step.name.value)' cannot be delivered, '\(act.step.name.value)' is not done",
                at: route.key,
                help:
                    "leave 'if_\(route.outcome.rawValue)' out: a message that is lost is in the journal, and the run goes on"
            )
        }
    }

    // MARK: Identity

    /// Epochs are compared, and those of two clusters have nothing to do with one another.
    private static func strangeCluster(_ regions: [RuleRegion], _ rules: ExpertRules) -> [Diagnostic] {
        let members = rules.selections(ofRole: "zookeeper")
        guard !members.isEmpty else {
            return []
        }
        for region in regions {
            let wipe = region.acts.first { act in
                act.action.effect == .wipes && act.isOver(members, in: region)
                    && !rules.warned.contains(act.step.name.value)
            }
            guard let wipe, regions.contains(where: { $0.steps.contains { $0.asks("disk_epoch") } }),
                !regions.contains(where: { $0.steps.contains { $0.asks("cluster_id") } })
            else {
                continue
            }
            return [
                .advice(
                    Code(429),
                    "'\(wipe.step.name.value)' destroys data, and nothing has asked whether the others are of the same cluster",
                    at: wipe.step.name.span,
                    help: "ask for cluster_id, too, and go on only where it is cluster.id"
                )
            ]
        }
        return []
    }

    // MARK: Rehearsal

    /// What acts by itself, and of which nothing has been proved.
    private static func untried(_ regions: [RuleRegion], _ rules: ExpertRules) -> [Diagnostic] {
        guard rules.plan.autonomy == .automatic, rules.syntax.properties.isEmpty, rules.startsByItself,
            let autonomy = rules.syntax.autonomy, rules.acts(regions)
        else {
            return []
        }
        return [
            .advice(
                Code(449),
                "this acts without asking anybody, and says nothing that could be proved of it first",
                at: autonomy.span,
                help: "add 'properties:' and run selfheal verify on them, or write autonomy: approve"
            )
        ]
    }
}

extension TargetsSyntax {
    /// Whether they come from one of the selections, by name or through the loop around it.
    fileprivate func isOver(_ selections: Set<String>, in region: RuleRegion) -> Bool {
        let names = self.nodes?.cel?.freeNames ?? []
        if names.contains(where: { selections.contains($0) }) {
            return true
        }
        guard let loop = region.loop, let variable = loop.syntax.name?.value, names.contains(variable) else {
            return false
        }
        return loop.syntax.elements?.cel?.freeNames.contains { selections.contains($0) } ?? false
    }
}

extension StepSyntax {
    private var question: ProbeKindSyntax? {
        switch self.verb {
        case .probe(let probe): probe.probe
        case .wait(let wait): wait.probe
        default: nil
        }
    }

    /// Whether it looks with a program or an address of the site: what the product itself says of its health is not meant.
    fileprivate var asksSomethingOfTheSite: Bool {
        switch self.question {
        case .ssh, .http: return true
        default: break
        }
        if case .call = self.verb {
            return true
        }
        return false
    }

    fileprivate func asks(_ question: String) -> Bool {
        guard case .zookeeper(let questions)? = self.question else {
            return false
        }
        return questions.contains { $0.value == question }
    }
}
