// Selfheal
// SPDX-License-Identifier: Apache-2.0

import CELExpressions
import RunPlan
import RunVocabulary
import RunbookLanguage
import RunbookSource

private typealias Code = Diagnostic.Code

/// What keeps a quorum, and what counts as having one.
enum QuorumRules {
    static func check(_ regions: [RuleRegion], _ rules: ExpertRules) -> [Diagnostic] {
        let members = rules.selections(ofRole: "zookeeper").union(rules.selections(ofRole: "kraft_controller"))
        guard !members.isEmpty else {
            return []
        }
        return self.together(regions, members)
            + regions.flatMap { region in
                self.fixedOrder(region, members) + self.wipes(region, regions, members, rules)
                    + region.steps.flatMap { self.seenOnce($0) }
            }
    }

    // MARK: Order

    /// Two branches that take down members of one quorum: each is careful, and together they are not.
    private static func together(_ regions: [RuleRegion], _ members: Set<String>) -> [Diagnostic] {
        var seen: [String: (number: Int, act: RuleRegion.Act)] = [:]
        var found: [Diagnostic] = []
        var told: Set<String> = []
        for region in regions {
            guard let branch = region.branch,
                let act = region.acts.first(where: { $0.takesDown && $0.isOver(members) })
            else {
                continue
            }
            let name = branch.step.name.value
            guard let first = seen[name] else {
                seen[name] = (branch.number, act)
                continue
            }
            if first.number != branch.number, told.insert(name).inserted {
                found.append(
                    .advice(
                        Code(415),
                        "two branches of '\(name)' take members of one quorum down at the same time",
                        at: act.step.name.span,
                        notes: [
                            Diagnostic.Note(message: "the other branch does it here", span: first.act.step.name.span)
                        ],
                        help: "put one behind the other, in a 'for_each' with a 'wait' between members"
                    )
                )
            }
        }
        return found
    }

    /// A roll in the order of the inventory may restart the leader first, and then hold an election for each member.
    private static func fixedOrder(_ region: RuleRegion, _ members: Set<String>) -> [Diagnostic] {
        guard let loop = region.loop, let order = loop.syntax.elements, let name = order.cel?.text,
            members.contains(name),
            let act = region.acts.first(where: { $0.action.effect == .restarts })
        else {
            return []
        }
        return [
            .advice(
                Code(417),
                "the members are restarted in the order of the inventory, and the leader may be the first",
                at: order.span,
                notes: [Diagnostic.Note(message: "they are restarted here", span: act.step.name.span)],
                help: "let the leader be last: \(name).sortBy(n, n.mode == 'leader')"
            )
        ]
    }

    // MARK: Data

    private static func wipes(
        _ region: RuleRegion,
        _ regions: [RuleRegion],
        _ members: Set<String>,
        _ rules: ExpertRules
    ) -> [Diagnostic] {
        let wipes = region.acts.filter { act in
            act.action.effect == .wipes && !rules.warned.contains(act.step.name.value)
                && act.isOver(members, in: region) && !DataRules.keepsData(act.syntax)
        }
        guard !wipes.isEmpty else {
            return []
        }
        let asksForEpoch = regions.contains { $0.steps.contains { $0.asksForEpoch } }
        return wipes.compactMap { act in
            if let all = act.wholeSelection(members, in: region) {
                return .advice(
                    Code(425),
                    "'\(act.step.name.value)' destroys the data of every member, the last copy included",
                    at: act.step.name.span,
                    help:
                        "choose members by what a probe found on their disks: steps.look.results.filter(r, r.data == 'lost'), "
                        + "never all of '\(all)'"
                )
            }
            guard !asksForEpoch else {
                return nil
            }
            return .advice(
                Code(426),
                "'\(act.step.name.value)' destroys data, and nothing has asked whose is the newest",
                at: act.step.name.span,
                help:
                    "probe with zookeeper: { ask: [srvr, disk_epoch] } before, and refuse where its epoch is above the leader's"
            )
        }
    }

    // MARK: Evidence

    /// A quorum that is seen once may be gone at the next look.
    private static func seenOnce(_ step: StepSyntax) -> [Diagnostic] {
        guard case .wait(let wait) = step.verb, wait.consecutive?.value ?? 1 < 2, let until = wait.until,
            let text = until.cel?.text, text.holds(">= quorum(") || text.holds("> quorum(")
        else {
            return []
        }
        return [
            .advice(
                Code(433),
                "'\(step.name.value)' takes a quorum that was seen once for one that holds",
                at: until.span,
                help: "add consecutive: 3, so that an election that goes on is not taken for its end"
            )
        ]
    }
}

extension RuleRegion.Act {
    var takesDown: Bool {
        switch self.action.effect {
        case .stops, .restarts, .wipes: true
        case .reads, .starts, .movesData, .promotes, .fences, .changes: false
        }
    }

    /// Whether its targets come from one of the selections, by name or through the loop around it.
    func isOver(_ selections: Set<String>, in region: RuleRegion? = nil) -> Bool {
        let names = self.syntax.targets?.nodes?.cel?.freeNames ?? []
        if names.contains(where: { selections.contains($0) }) {
            return true
        }
        guard let loop = region?.loop, let variable = loop.syntax.name?.value, names.contains(variable) else {
            return false
        }
        return loop.syntax.elements?.cel?.freeNames.contains { selections.contains($0) } ?? false
    }

    /// The selection all of whose nodes are targets, at once or one after the other.
    fileprivate func wholeSelection(_ selections: Set<String>, in region: RuleRegion) -> String? {
        guard let targets = self.syntax.targets?.nodes?.cel?.text else {
            return nil
        }
        if selections.contains(targets) {
            return targets
        }
        guard let loop = region.loop, targets == "[\(loop.syntax.name?.value ?? "")]",
            let elements = loop.syntax.elements?.cel?.text, selections.contains(elements), self.step.when == nil
        else {
            return nil
        }
        return elements
    }
}

extension StepSyntax {
    fileprivate var asksForEpoch: Bool {
        let probe: ProbeKindSyntax? =
            switch self.verb {
            case .probe(let probe): probe.probe
            case .wait(let wait): wait.probe
            default: nil
            }
        guard case .zookeeper(let questions)? = probe else {
            return false
        }
        return questions.contains { $0.value == "disk_epoch" }
    }
}
