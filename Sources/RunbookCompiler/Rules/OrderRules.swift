// Selfheal
// SPDX-License-Identifier: Apache-2.0

import CELExpressions
import RunPlan
import RunVocabulary
import RunbookLanguage
import RunbookSource

private typealias Code = Diagnostic.Code

/// One at a time, and nobody next before the last one is back.
enum OrderRules {
    static func check(_ regions: [RuleRegion], _ rules: ExpertRules) -> [Diagnostic] {
        let members = rules.selections(ofRole: "zookeeper").union(rules.selections(ofRole: "kafka_broker"))
            .union(rules.selections(ofRole: "kraft_controller"))
        return regions.flatMap { region in
            region.acts.filter(\.takesDown).flatMap { act -> [Diagnostic] in
                self.severalAtOnce(act, members) + self.goesOn(act) + self.withoutLooking(act, members)
            } + self.loop(region)
        }
    }

    /// Several members of a cluster taken down together; under a `require` they are taken one at a time, whatever the size says.
    private static func severalAtOnce(_ act: RuleRegion.Act, _ members: Set<String>) -> [Diagnostic] {
        guard let size = act.syntax.batch?.size, size.value.isMoreThanOne, act.step.require == nil, act.isOver(members)
        else {
            return []
        }
        return [
            .advice(
                Code(410),
                "'\(act.step.name.value)' takes several members down at the same time",
                at: size.span,
                help: "write size: 1; a member that is down already and one that we stop can be the quorum together"
            )
        ]
    }

    /// Failures that are tolerated around a stop.
    private static func goesOn(_ act: RuleRegion.Act) -> [Diagnostic] {
        guard let failures = act.syntax.batch?.maxFailures, failures.value.isMoreThanNone else {
            return []
        }
        return [
            .advice(
                Code(412),
                "'\(act.step.name.value)' goes on after a node that did not come out well",
                at: failures.span,
                help: "write max_failures: 0, so that the first failure ends it"
            )
        ]
    }

    /// A restart of a whole selection that never looks whether the last one is back.
    private static func withoutLooking(_ act: RuleRegion.Act, _ members: Set<String>) -> [Diagnostic] {
        guard act.action.effect == .restarts, act.step.verify == nil, act.step.require == nil,
            let name = act.syntax.targets?.nodes?.cel?.text, members.contains(name)
        else {
            return []
        }
        return [
            .advice(
                Code(413),
                "'\(act.step.name.value)' restarts one after the other without looking whether the last one is back",
                at: act.step.verbSpan,
                help: "add 'verify', or restart in a 'for_each' with a 'wait' behind the restart"
            )
        ]
    }

    private static func loop(_ region: RuleRegion) -> [Diagnostic] {
        guard let loop = region.loop, let act = region.acts.first(where: \.takesDown) else {
            return []
        }
        var found: [Diagnostic] = []
        if let serial = loop.syntax.serial, serial.value.isMoreThanOne {
            found.append(
                .advice(
                    Code(411),
                    "the loop takes several nodes down at the same time in '\(act.step.name.value)'",
                    at: serial.span,
                    help: "write serial: 1"
                )
            )
        }
        if let tolerated = loop.syntax.stopAfterFailures, tolerated.value > 1 {
            found.append(
                .advice(
                    Code(412),
                    "the loop goes on after a node that did not come out well, and takes down the next",
                    at: tolerated.span,
                    help: "write stop_after_failures: 1"
                )
            )
        }
        let looks = region.steps[act.index...].contains { step in
            if case .wait = step.verb { true } else if case .probe = step.verb { true } else { step.verify != nil }
        }
        if act.action.effect == .restarts, !looks {
            found.append(
                .advice(
                    Code(414),
                    "nothing in the loop looks whether '\(act.step.name.value)' brought the node back before the next one",
                    at: act.step.name.span,
                    help: "add a 'wait' behind it, with a timeout, so that a node that stays away ends the loop"
                )
            )
        }
        return found
    }
}

extension CountSyntax {
    fileprivate var isMoreThanOne: Bool {
        switch self {
        case .number(let number): number > 1
        case .percent(let share): share > 34
        }
    }

    fileprivate var isMoreThanNone: Bool {
        switch self {
        case .number(let number): number > 0
        case .percent(let share): share > 0
        }
    }
}
