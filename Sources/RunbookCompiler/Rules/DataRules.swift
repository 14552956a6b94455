// Selfheal
// SPDX-License-Identifier: Apache-2.0

import CELExpressions
import RunPlan
import RunVocabulary
import RunbookLanguage
import RunbookSource

private typealias Code = Diagnostic.Code

/// What protects data: copies that were checked, fresh looks after a gate, fences before promotions.
enum DataRules {
    static func check(_ regions: [RuleRegion], _ rules: ExpertRules) -> [Diagnostic] {
        // In a loop, the copy may have been made by a step outside.
        let hasLoop = regions.contains { $0.loop != nil }
        let allCopies = hasLoop ? regions.flatMap(\.acts).filter { Self.copies($0) } : []
        return regions.flatMap { region in
            self.unsavedWipes(region, allCopies, rules) + self.staleGuards(region) + self.promotions(region, rules)
                + self.unprovedFences(region)
        }
    }

    // MARK: Copies

    private static func unsavedWipes(
        _ region: RuleRegion,
        _ allCopies: [RuleRegion.Act],
        _ rules: ExpertRules
    ) -> [Diagnostic] {
        let wipes = region.acts.filter { act in
            act.action.effect == .wipes && !rules.warned.contains(act.step.name.value) && !Self.keepsData(act.syntax)
        }
        guard !wipes.isEmpty else {
            return []
        }
        let own = region.acts.filter { Self.copies($0) }
        let copies = region.loop == nil ? own : allCopies
        let isChecked = copies.contains { Self.isChecked($0) }
        let indices = Set(own.map(\.index))
        let unsaved = region.reachable { indices.contains($0) }
        return wipes.compactMap { act in
            let isSaved = region.loop == nil ? !unsaved.contains(act.index) : !copies.isEmpty
            guard isSaved else {
                return .advice(
                    Code(420),
                    "'\(act.step.name.value)' destroys data of which no copy was made before, on some way to it",
                    at: act.step.name.span,
                    help: "copy it in a step before, or move it aside instead of deleting it"
                )
            }
            guard let copy = copies.first, !isChecked else {
                return nil
            }
            return .advice(
                Code(421),
                "the copy that '\(copy.step.name.value)' makes is never read back, and '\(act.step.name.value)' relies on it",
                at: copy.step.name.span,
                notes: [Diagnostic.Note(message: "the data is destroyed here", span: act.step.name.span)],
                help: "list it and compare a checksum in the script, or add 'verify'"
            )
        }
    }

    /// Data that is renamed is not gone.
    static func keepsData(_ syntax: RunSyntax) -> Bool {
        let commands = syntax.commands.compactMap { command in
            KnownCommand.withoutPrefix(command.words).first.map { KnownCommand.program($0.text) }
        }
        return commands.contains("mv") && !commands.contains("rm")
    }

    private static func copies(_ act: RuleRegion.Act) -> Bool {
        let programs: Set<String> = [
            "tar", "rsync", "cp", "zkSnapshotToolkit", "restic", "borg", "rclone", "pg_dump", "zfs",
        ]
        let name = act.step.name.value
        return act.commands.contains { command in
            guard let program = command.program else {
                return false
            }
            return programs.contains(program) || program.contains("backup") || program.contains("snapshot")
        } || name.hasPrefix("back_up") || name.contains("backup")
    }

    private static func isChecked(_ act: RuleRegion.Act) -> Bool {
        let marks = ["sum", "cmp ", "diff ", "tar -t", "tar --list", "--verify", "check", "--compare"]
        return act.step.verify != nil || marks.contains { act.syntax.text.contains($0) }
    }

    // MARK: Gates

    /// An act behind a gate whose targets or conditions rest on what was seen before it.
    private static func staleGuards(_ region: RuleRegion) -> [Diagnostic] {
        let gates = region.steps.indices.filter { index in
            if case .approve = region.steps[index].verb { true } else { false }
        }
        let guarded = region.acts.filter { act in
            act.action.effect.isGrave && act.step.require == nil && act.guards.contains { $0.readsSteps }
        }
        guard !gates.isEmpty, !guarded.isEmpty else {
            return []
        }
        let looks = region.steps.indices.filter { region.steps[$0].looks }
        var found: [Diagnostic] = []
        for index in gates.prefix(Self.gateLimit) {
            let unseen = region.reachable(after: index) { region.steps[$0].looks }
            let later = region.reachable(after: index) { _ in false }
            let names = Set(looks.lazy.filter { !later.contains($0) }.map { region.steps[$0].name.value })
            for act in guarded where unseen.contains(act.index) {
                guard let read = act.guards.lazy.compactMap({ $0.stepResults(of: names) }).first else {
                    continue
                }
                found.append(
                    .advice(
                        Code(422),
                        "'\(act.step.name.value)' rests on what '\(read.name)' saw before people were asked",
                        at: read.span,
                        notes: [
                            Diagnostic.Note(message: "the answer may take long", span: region.steps[index].name.span)
                        ],
                        help: "probe again behind the gate, or add 'require' with a condition on fresh facts"
                    )
                )
            }
        }
        return found
    }

    /// Each gate is looked at with all that comes behind it, so the gates of a generated runbook are not all looked at.
    private static let gateLimit = 50

    // MARK: Failover

    private static func promotions(_ region: RuleRegion, _ rules: ExpertRules) -> [Diagnostic] {
        guard region.loop == nil, region.acts.contains(where: { $0.action.effect == .promotes }) else {
            return []
        }
        let fences = Set(region.acts.filter { $0.action.effect == .fences }.map(\.index))
        let unfenced = region.reachable { fences.contains($0) }
        return region.acts.compactMap { act in
            guard act.action.effect == .promotes, unfenced.contains(act.index),
                !rules.warned.contains(act.step.name.value)
            else {
                return nil
            }
            return .advice(
                Code(423),
                "'\(act.step.name.value)' promotes a cluster, and the old one need not be fenced off by then",
                at: act.step.name.span,
                help: "fence the old primary in a step before (effect: fences), and prove it with 'verify'"
            )
        }
    }

    private static func unprovedFences(_ region: RuleRegion) -> [Diagnostic] {
        region.acts.compactMap { act in
            guard act.action.effect == .fences, act.step.verify == nil else {
                return nil
            }
            if case .state(let next) = region.states[act.index].routes.succeeded, region.steps[next].looks {
                return nil
            }
            return .advice(
                Code(424),
                "nothing proves that '\(act.step.name.value)' fenced anything off",
                at: act.step.name.span,
                help: "add 'verify' with a probe that tries a write and is refused"
            )
        }
    }
}

extension EffectClass {
    /// What cannot be taken back by doing it again.
    fileprivate var isGrave: Bool {
        switch self {
        case .stops, .restarts, .wipes, .movesData, .promotes, .fences: true
        case .reads, .starts, .changes: false
        }
    }
}

extension StepSyntax {
    fileprivate var looks: Bool {
        switch self.verb {
        case .probe, .wait: true
        default: false
        }
    }
}

extension RuleRegion.Act {
    /// The expressions that decide whether, and on what, it acts.
    fileprivate var guards: [ExpressionSyntax] {
        [self.step.when, self.syntax.targets?.nodes].compactMap { $0 }
    }
}

extension ExpressionSyntax {
    fileprivate var readsSteps: Bool {
        self.cel?.freeNames.contains("steps") ?? false
    }

    /// Where it reads `steps.NAME.results` of one of these steps.
    fileprivate func stepResults(of names: Set<String>) -> (name: String, span: SourceSpan)? {
        for reference in self.cel?.referencedPaths ?? [] {
            let path = reference.path
            if path.count > 2, path[0] == "steps", path[2] == "results" || path[2] == "items", names.contains(path[1]) {
                return (path[1], self.span(of: reference.range))
            }
        }
        return nil
    }
}
