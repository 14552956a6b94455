// Selfheal
// SPDX-License-Identifier: Apache-2.0

import CELExpressions
import RunPlan
import RunVocabulary
import RunbookLanguage
import RunbookSource

private typealias Code = Diagnostic.Code

/// What counts as evidence that something works.
enum EvidenceRules {
    static func check(_ regions: [RuleRegion], _ rules: ExpertRules) -> [Diagnostic] {
        let ensembles = rules.selections(ofRole: "zookeeper")
        return regions.flatMap { region in
            region.steps.flatMap { step in
                self.areYouOkay(step) + self.portAlone(step, ensembles)
            } + region.acts.flatMap { self.brokerWithoutQuorum($0, ensembles, rules) }
        }
    }

    /// `ruok` is answered by a process that serves nobody.
    private static func areYouOkay(_ step: StepSyntax) -> [Diagnostic] {
        var places: [(text: String, span: SourceSpan)] = []
        switch step.verb {
        case .run(let run): places += run.commands.map { ($0.words.text, $0.span) }
        case .probe(let probe): places += probe.probe?.commandTexts ?? []
        case .wait(let wait): places += wait.probe?.commandTexts ?? []
        default: break
        }
        places += step.verify?.probe?.commandTexts ?? []
        return places.filter { $0.text.holds("ruok") }.prefix(1).map { place in
            .advice(
                Code(430),
                "'ruok' only says that the process runs; a member without a quorum answers 'imok' too",
                at: place.span,
                help: "probe with zookeeper: { ask: [srvr] } and look at 'serving'"
            )
        }
    }

    /// An open port of a ZooKeeper member says nothing about its quorum.
    private static func portAlone(_ step: StepSyntax, _ ensembles: Set<String>) -> [Diagnostic] {
        guard case .wait(let wait) = step.verb, case .tcp? = wait.probe,
            let names = wait.targets?.nodes?.cel?.freeNames, names.contains(where: { ensembles.contains($0) }),
            let until = wait.until, until.cel?.text.contains("!") == false
        else {
            return []
        }
        return [
            .advice(
                Code(431),
                "'\(step.name.value)' takes an open port for a member that serves",
                at: step.verbSpan,
                help: "wait with zookeeper: { ask: [srvr] } and until: result.serving"
            )
        ]
    }

    /// A broker that starts without a quorum blocks, and exits.
    private static func brokerWithoutQuorum(
        _ act: RuleRegion.Act,
        _ ensembles: Set<String>,
        _ rules: ExpertRules
    ) -> [Diagnostic] {
        guard !ensembles.isEmpty, case .service(let name, let verb)? = act.syntax.command, name.value == "kafka",
            ["start", "restart"].contains(verb.value), act.step.require == nil
        else {
            return []
        }
        let isProved = rules.plan.properties.contains { property in
            if case .neverStep(let step, _) = property { step.text == act.step.name.value } else { false }
        }
        guard !isProved else {
            return []
        }
        let ensemble = ensembles.sorted()[0]
        return [
            .advice(
                Code(432),
                "'\(act.step.name.value)' \(verb.value)s a broker whether or not ZooKeeper has a quorum",
                at: act.step.name.span,
                help: "add require: size(\(ensemble).filter(n, n.serving)) >= quorum(\(ensemble))"
            )
        ]
    }
}

extension ProbeKindSyntax {
    /// What a probe over SSH runs.
    fileprivate var commandTexts: [(text: String, span: SourceSpan)] {
        guard case .ssh(let words) = self else {
            return []
        }
        return RunSyntax.commands(in: words).map { ($0.words.text, $0.span) }
    }
}
