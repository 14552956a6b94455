// Selfheal
// SPDX-License-Identifier: Apache-2.0

import CELExpressions
import RunPlan
import RunVocabulary
import RunbookLanguage
import RunbookSource

private typealias Code = Diagnostic.Code

/// What is easily forgotten: whom a symptom points at, what must be undone, what a restart destroys.
enum CareRules {
    static func check(_ regions: [RuleRegion], _ rules: ExpertRules) -> [Diagnostic] {
        regions.flatMap { region in
            region.acts.flatMap { act in
                self.oldOption(act) + self.fullSpeed(act) + self.reporter(act, region)
            } + self.withoutEvidence(region, regions, rules)
        } + self.leftBehind(regions, rules) + self.massFailure(regions, rules)
    }

    // MARK: Commands

    /// Tools that lost the way through ZooKeeper with Kafka 3.0.
    private static let withoutZooKeeper: Set<String> = [
        "kafka-topics", "kafka-reassign-partitions", "kafka-consumer-groups", "kafka-leader-election",
        "kafka-preferred-replica-election",
    ]

    private static func oldOption(_ act: RuleRegion.Act) -> [Diagnostic] {
        for command in act.commands {
            guard let program = command.program, self.withoutZooKeeper.contains(program),
                command.bare.lazy.map(\.text).contains(where: { $0 == "--zookeeper" || $0.hasPrefix("--zookeeper=") })
            else {
                continue
            }
            return [
                .advice(
                    Code(406),
                    "'\(program)' has no '--zookeeper' since Kafka 3.0, and fails when it is needed",
                    at: command.span,
                    help: "write --bootstrap-server with a broker that is known to serve"
                )
            ]
        }
        return []
    }

    /// Partitions that move at full speed take the disks and the network from the clients.
    private static func fullSpeed(_ act: RuleRegion.Act) -> [Diagnostic] {
        for command in act.commands {
            guard command.program == "kafka-reassign-partitions" else {
                continue
            }
            let words = command.bare.map(\.text)
            guard words.contains("--execute"),
                !words.contains(where: { $0 == "--throttle" || $0.hasPrefix("--throttle=") })
            else {
                continue
            }
            return [
                .advice(
                    Code(427),
                    "'\(act.step.name.value)' moves partitions as fast as it can, whatever the brokers have to do besides",
                    at: command.span,
                    help:
                        "add --throttle with bytes per second, and run --verify afterwards, which takes the throttle away"
                )
            ]
        }
        return []
    }

    // MARK: Symptoms

    /// Who reports partitions with too few replicas is well; the replica that is missing lies elsewhere.
    private static func reporter(_ act: RuleRegion.Act, _ region: RuleRegion) -> [Diagnostic] {
        guard act.takesDown || act.action.effect == .starts else {
            return []
        }
        let targets = act.syntax.targets?.nodes
        var places = [targets, act.step.when].compactMap { $0 }
        if let loop = region.loop, let name = loop.syntax.name?.value, targets?.cel?.freeNames.contains(name) == true {
            places += [loop.syntax.elements].compactMap { $0 }
        }
        guard let place = places.first(where: { $0.cel?.text.holds(".under_replicated") == true }),
            place.cel?.text.holds(".target") == true || place.cel?.text.holds("target.") == true
        else {
            return []
        }
        return [
            .advice(
                Code(434),
                "'\(act.step.name.value)' acts on the brokers that report missing replicas, and those are the healthy ones",
                at: place.span,
                help: "choose the broker that does not answer: results.filter(r, !r.answered)"
            )
        ]
    }

    /// A restart wipes away what could have told why it was needed.
    private static func withoutEvidence(
        _ region: RuleRegion,
        _ regions: [RuleRegion],
        _ rules: ExpertRules
    ) -> [Diagnostic] {
        guard rules.startsByItself else {
            return []
        }
        let restarts = region.acts.filter { act in
            act.action.effect == .restarts && !rules.warned.contains(act.step.name.value)
        }
        guard !restarts.isEmpty else {
            return []
        }
        // In a loop or a branch, the look may have been taken by a step outside.
        let isAlone = region.loop == nil && region.branch == nil
        let unseen = isAlone ? region.reachable { region.steps[$0].keepsEvidence } : nil
        let isKept = !isAlone && regions.contains { $0.steps.contains { $0.keepsEvidence } }
        return restarts.filter { unseen?.contains($0.index) ?? !isKept }.map { act in
            .advice(
                Code(436),
                "'\(act.step.name.value)' restarts before anything was kept of what went wrong",
                at: act.step.name.span,
                help:
                    "probe before it, or collect logs and a thread dump with a 'run' of effect: reads and a short timeout"
            )
        }
    }

    // MARK: What must be undone

    /// What one command begins, and what ends it.
    private static let pairs: [(begins: StaticString, ends: [StaticString], what: String)] = [
        ("--throttle", ["--verify", "--delete-config"], "the throttle"),
        ("replication.throttled.rate=", ["--delete-config"], "the throttle"),
        ("pause_sampling", ["resume_sampling"], "the pause of Cruise Control's sampling"),
        ("disable_self_healing_for", ["enable_self_healing_for"], "the stop of Cruise Control's self-healing"),
        ("pause-reconciliation=true", ["pause-reconciliation-", "pause-reconciliation=false"], "the operator's pause"),
        ("kubectl cordon", ["kubectl uncordon"], "the cordon"),
        ("amtool silence add", ["amtool silence expire"], "the silence"),
        ("snapshot.trust.empty=true", ["snapshot.trust.empty=false", "sed -i"], "the trust in an empty snapshot"),
    ]

    static let marks = pairs.map(\.begins)

    private static func leftBehind(_ regions: [RuleRegion], _ rules: ExpertRules) -> [Diagnostic] {
        let acts = regions.flatMap(\.acts).filter(\.isMarked)
        guard !acts.isEmpty else {
            return []
        }
        let ending = (rules.syntax.finally ?? []).map(\.allCommands).joined(separator: "\n")
        var found: [Diagnostic] = []
        for pair in self.pairs {
            guard let act = acts.first(where: { $0.holds(pair.begins) }),
                !rules.warned.contains(act.step.name.value)
            else {
                continue
            }
            let undoing = act.step.undo.map(\.allCommands).joined(separator: "\n")
            let isEnded = pair.ends.contains { end in
                ending.holds(end) || act.typed.holds(end) || undoing.holds(end) && rules.plan.undoesOnFailure == true
            }
            guard !isEnded else {
                continue
            }
            found.append(
                .advice(
                    Code(428),
                    "\(pair.what) that '\(act.step.name.value)' sets stays when the run ends half way",
                    at: act.step.name.span,
                    help: "take it away in 'finally:', which is walked on every exit: \(pair.ends[0])"
                )
            )
        }
        return found
    }

    // MARK: Mass failure

    /// When half of a cluster seems down, it may be the one who looks.
    private static func massFailure(_ regions: [RuleRegion], _ rules: ExpertRules) -> [Diagnostic] {
        guard rules.plan.isForMassFailure, rules.plan.autonomy == .automatic, rules.startsByItself,
            let autonomy = rules.syntax.autonomy, let main = regions.first
        else {
            return []
        }
        // Behind a gate a person has looked.
        let unasked = main.reachable { index in
            if case .approve = main.steps[index].verb { true } else { false }
        }
        guard main.acts.contains(where: { $0.action.effect.changesTheWorld && unasked.contains($0.index) }) else {
            return []
        }
        return [
            .advice(
                Code(446),
                "this acts by itself while half of the cluster seems down, which may be our own network",
                at: autonomy.span,
                help: "write autonomy: approve; a person has a second place to look from"
            )
        ]
    }
}

extension StepSyntax {
    /// Of this step and those inside it.
    fileprivate var allCommands: String {
        var text = ""
        if case .run(let run) = self.verb {
            text += run.commands.map { $0.words.text }.joined(separator: "\n") + "\n"
        }
        if case .request(let request) = self.verb {
            text += (request.url?.text ?? "") + "\n"
        }
        self.eachList { steps in
            text += steps.map(\.allCommands).joined()
        }
        return text
    }

    fileprivate var keepsEvidence: Bool {
        switch self.verb {
        case .probe, .wait: true
        case .run(let run): run.effect?.value == .reads
        default: false
        }
    }
}
