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
            region.acts.flatMap { self.areYouOkay($0) }
                + region.steps.flatMap { step in
                    self.areYouOkay(step) + (ensembles.isEmpty ? [] : self.portAlone(step, ensembles))
                } + region.acts.flatMap { self.brokerWithoutQuorum($0, ensembles, rules) }
        }
    }

    private static let areYouOkayWord: StaticString = "ruok"

    static let marks = [areYouOkayWord]

    /// `ruok` is answered by a process that serves nobody.
    private static func areYouOkay(_ act: RuleRegion.Act) -> [Diagnostic] {
        guard act.holds(self.areYouOkayWord),
            let command = act.commands.first(where: { $0.words.text.holds(self.areYouOkayWord) })
        else {
            return []
        }
        return [self.onlyRuns(at: command.span)]
    }

    /// The same in a probe; where the step asks already, that has been said.
    private static func areYouOkay(_ step: StepSyntax) -> [Diagnostic] {
        let commands = step.probedCommands
        guard !commands.isEmpty else {
            return []
        }
        if case .run(let run) = step.verb, run.commands.contains(where: { $0.words.text.holds(self.areYouOkayWord) }) {
            return []
        }
        let found = commands.lazy.flatMap { RunSyntax.commands(in: $0) }.first { command in
            command.words.text.holds(self.areYouOkayWord)
        }
        return found.map { [self.onlyRuns(at: $0.span)] } ?? []
    }

    private static func onlyRuns(at span: SourceSpan) -> Diagnostic {
        .advice(
            Code(430),
            "'ruok' only says that the process runs; a member without a quorum answers 'imok' too",
            at: span,
            help: "probe with zookeeper: { ask: [srvr] } and look at 'serving'"
        )
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
