// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunPlan
import RunVocabulary
import RunbookLanguage
import RunbookSource

private typealias Code = Diagnostic.Code

/// Time that things take, and how often they may be tried.
enum TimeRules {
    /// What a broker may need to flush its logs and hand over what it leads.
    private static let gentleStop = Milliseconds.minutes(5)
    /// Restarts of one node that a person would still let pass.
    private static let mostRestarts = 3

    static func check(_ regions: [RuleRegion], _ rules: ExpertRules) -> [Diagnostic] {
        let acts = rules.acts(regions)
        return regions.flatMap { region in
            region.acts.flatMap { self.hastyStop($0) + self.stubbornRestart($0) }
                + (acts ? self.waitsIntoNothing(region, rules) : [])
        } + (acts ? self.triggers(rules) : []) + self.lockless(regions, rules)
    }

    private static func hastyStop(_ act: RuleRegion.Act) -> [Diagnostic] {
        guard case .service(let name, let verb)? = act.syntax.command, name.value == "kafka",
            ["stop", "restart"].contains(verb.value), let timeout = act.step.timeout, timeout.value < self.gentleStop
        else {
            return []
        }
        return [
            .advice(
                Code(440),
                "\(timeout.value.description) may be too short to \(verb.value) a broker in order",
                at: timeout.span,
                help: "give it 5m or more: a broker that is killed recovers its logs when it starts, which takes longer"
            )
        ]
    }

    private static func stubbornRestart(_ act: RuleRegion.Act) -> [Diagnostic] {
        guard act.action.effect == .restarts, let attempts = act.step.retry?.attempts,
            attempts.value > self.mostRestarts
        else {
            return []
        }
        return [
            .advice(
                Code(441),
                "\(attempts.value) restarts in a row do not heal what three did not",
                at: attempts.span,
                help: "write attempts: \(self.mostRestarts) or less, and lead 'if_failed' to a person"
            )
        ]
    }

    /// A wait that fails while nobody is told and nothing is tidied up.
    private static func waitsIntoNothing(_ region: RuleRegion, _ rules: ExpertRules) -> [Diagnostic] {
        guard rules.syntax.onFailure == nil, rules.syntax.finally == nil, !(region.loop?.isHandled ?? false) else {
            return []
        }
        guard let firstAct = region.acts.first(where: { $0.action.effect.changesTheWorld })?.index else {
            return []
        }
        return region.steps.enumerated().compactMap { index, step in
            guard case .wait = step.verb, step.routes.isEmpty, firstAct < index else {
                return nil
            }
            return .advice(
                Code(442),
                "when '\(step.name.value)' waits in vain the run just ends, half way and without a word",
                at: step.name.span,
                help: "add 'if_failed', or 'on_failure' to the runbook"
            )
        }
    }

    private static func triggers(_ rules: ExpertRules) -> [Diagnostic] {
        let isAutomatic = rules.plan.autonomy == .automatic
        return rules.syntax.triggers.flatMap { trigger -> [Diagnostic] in
            var found: [Diagnostic] = []
            if trigger.holdsFor == nil {
                found.append(
                    .advice(
                        Code(443),
                        "the trigger fires at the first look: an election or one lost packet is enough",
                        at: trigger.condition.span,
                        help: "add for: 30s, or as long as what heals by itself takes"
                    )
                )
            }
            if isAutomatic, trigger.limit == nil {
                found.append(
                    .advice(
                        Code(444),
                        "nothing limits how often the trigger starts this by itself",
                        at: trigger.condition.span,
                        help: "add limit: 2 per 24h; what did not help twice will not help a third time"
                    )
                )
            }
            return found
        }
    }

    /// Two runs on one cluster can each be right and together take it down.
    private static func lockless(_ regions: [RuleRegion], _ rules: ExpertRules) -> [Diagnostic] {
        guard rules.syntax.locks.isEmpty, rules.startsByItself,
            let act = regions.lazy.flatMap(\.acts).first(where: { $0.action.effect.changesTheWorld })
        else {
            return []
        }
        return [
            .advice(
                Code(445),
                "a trigger starts this, '\(act.step.name.value)' acts, and no lock keeps two of them apart",
                at: rules.syntax.name.span,
                help: "add locks: [cluster] to the head"
            )
        ]
    }
}
