// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunCore
import RunPlan
import RunVocabulary

/// What the properties must know of the way so far.
struct PathMemory: Hashable, Sendable {
    private struct Doubt: Hashable, Sendable {
        var step: StepName
        var summary: String
        var target: NodeName?

        /// Scripts all have one summary: those of two steps are two commands.
        func isAbout(_ act: Act) -> Bool {
            if case .script = act.command, act.step.step != self.step {
                return false
            }
            return act.summary == self.summary
        }
    }

    /// Steps that have succeeded, by the bits of ``PropertyRules``.
    private var succeeded: UInt64 = 0
    private var channels: UInt64 = 0
    /// Somebody was told since the last step that looked or acted.
    private var isToldSinceWork = false
    private var isGranted = false
    private var isCancelled = false
    /// Commands that may have happened, and whose target nobody has looked at since.
    private var doubts: [Doubt] = []
    /// Steps that left a doubt which their remedy has not yet followed.
    private var remediesDue: [StepName] = []
    private var underWay: [StepName] = []

    func mix(into fingerprint: inout StateFingerprint) {
        fingerprint.mix(self.succeeded)
        fingerprint.mix(self.channels)
        let flags: UInt64 = (self.isToldSinceWork ? 1 : 0) | (self.isGranted ? 2 : 0) | (self.isCancelled ? 4 : 0)
        fingerprint.mix(flags)
        for doubt in self.doubts {
            fingerprint.mix(doubt.step.text)
            fingerprint.mix(doubt.summary)
            fingerprint.mix(doubt.target?.text ?? "")
        }
        for step in self.remediesDue + self.underWay {
            fingerprint.mix(step.text)
        }
    }

    // MARK: What happens

    mutating func take(_ event: Desk.Event, _ rules: PropertyRules, _ findings: inout [Finding]) {
        switch event {
        case .cancelled: self.isCancelled = true
        case .answer(_, let reports):
            // Whoever looked at the target does not act blindly any more.
            self.doubts.removeAll { doubt in
                reports.contains { $0.target == doubt.target && $0.facts.count > 1 }
            }
        case .settled: self.doubts.removeAll()
        case .started, .resumed, .began, .ended, .granted, .denied, .told, .timer, .limit, .deadline: break
        }
    }

    /// A command's end was heard.
    mutating func end(_ act: Act, _ report: CommandReport, _ rules: PropertyRules) {
        self.underWay.removeAll { $0 == act.step.step }
        guard case .inDoubt = report.ending, act.effectClass.changesTheWorld else {
            // The engine that is back has asked the target, and the receipt there says what became of it.
            self.doubts.removeAll { $0.target == act.target && $0.isAbout(act) }
            return
        }
        if act.repeating != .safe {
            self.doubts.append(Doubt(step: act.step.step, summary: act.summary, target: act.target))
        }
        for property in rules.plan.properties {
            if case .afterInDoubt(let step, _) = property, act.step.steps.contains(step),
                !self.remediesDue.contains(step)
            {
                self.remediesDue.append(step)
            }
        }
    }

    mutating func tell(_ notice: Notice, _ rules: PropertyRules) {
        self.isToldSinceWork = true
        for channel in notice.channels {
            self.channels |= rules.bit(ofChannel: channel) ?? 0
        }
    }

    mutating func take(_ note: RunNote, _ rules: PropertyRules) {
        switch note {
        case .entered(let key, _, _):
            if rules.working.contains(key.step), !key.isFinal {
                self.isToldSinceWork = false
            }
        case .left(let key, let outcome, _): self.leave(key, outcome, rules)
        case .targetEnded, .retrying, .waiting, .halted, .chose, .voteCounted, .inDoubt, .stopping, .ignored: break
        }
    }

    private mutating func leave(_ key: StepKey, _ outcome: Outcome, _ rules: PropertyRules) {
        // A notice that got lost has been sent: no runbook can do more.
        let isNotice = rules.isNotice(key.step)
        guard outcome == .succeeded || isNotice && outcome == .failed else {
            return
        }
        self.succeeded |= rules.bit(of: key.step) ?? 0
        if rules.isGate(key.step) {
            self.isGranted = true
        }
        for property in rules.plan.properties {
            if case .afterInDoubt(let step, let remedy) = property, remedy == key.step {
                self.remediesDue.removeAll { $0 == step }
            }
        }
    }

    // MARK: Judgement

    /// An act was decided: everything that must hold before one is judged here, on what the run knows.
    mutating func decide(_ act: Act, _ machine: RunMachine, _ rules: PropertyRules) -> [Finding] {
        var findings: [Finding] = []
        let steps = act.step.steps
        for never in rules.nevers where steps.contains(never.step) && !never.isAboutTruth {
            switch machine.evidence(for: never.condition) {
            case .holds: break
            case .fails:
                findings.append(Finding(property: never.property, text: "the run had seen that the condition fails"))
            case .unknown(let reason):
                findings.append(Finding(property: never.property, text: "the run did not know: \(reason)"))
            }
        }
        for (index, property) in rules.plan.properties.enumerated() {
            switch property {
            case .before(let first, let then) where steps.contains(then):
                if self.succeeded & (rules.bit(of: first) ?? 0) == 0 {
                    findings.append(Finding(property: .own(index), text: "'\(first)' had not succeeded"))
                }
            case .afterInDoubt(let step, let remedy) where self.remediesDue.contains(step):
                if !steps.contains(remedy) {
                    let text = "'\(step)' had left a doubt, and '\(remedy)' had not succeeded since"
                    findings.append(Finding(property: .own(index), text: text))
                }
            case .neverTogether(let pair):
                let mine = pair.filter { steps.contains($0) }
                let others = pair.filter { self.underWay.contains($0) }
                let isClash =
                    pair.first == pair.last
                    ? !mine.isEmpty && !others.isEmpty : mine.contains { own in others.contains { $0 != own } }
                if isClash, let other = others.first {
                    findings.append(Finding(property: .own(index), text: "'\(other)' was under way"))
                }
            case .neverStep, .neverInTruth, .before, .atMost, .everyPathNotifies, .everyPathEndsWithin,
                .everyPathPasses, .afterInDoubt, .possible:
                break
            }
        }
        if act.effectClass.endangersData, !self.isGranted {
            let text = "nobody had approved anything before '\(act.summary)' (\(act.effectClass.rawValue))"
            findings.append(Finding(property: .dataLossIsApproved, text: text))
        }
        if self.doubts.contains(where: { $0.target == act.target && $0.isAbout(act) }) {
            let text = "whether an earlier '\(act.summary)' had happened was in doubt, and nobody had looked"
            findings.append(Finding(property: .nothingIsRepeatedBlindly, text: text))
        }
        findings += rules.quorumFindings(act, machine)
        self.underWay.append(contentsOf: steps.filter { rules.isNamedTogether($0) })
        return findings
    }

    func finish(_ outcome: RunOutcome, _ rules: PropertyRules) -> [Finding] {
        var findings: [Finding] = []
        for (index, property) in rules.plan.properties.enumerated() {
            switch property {
            case .everyPathNotifies(let channel, let unless) where outcome != unless && !self.isCancelled:
                if self.channels & (rules.bit(ofChannel: channel) ?? 0) == 0 {
                    let text = "the run ended \(outcome.rawValue) and had not told '\(channel)'"
                    findings.append(Finding(property: .own(index), text: text))
                }
            case .everyPathPasses(let step, let unless) where outcome != unless && !self.isCancelled:
                if self.succeeded & (rules.bit(of: step) ?? 0) == 0 {
                    let text = "the run ended \(outcome.rawValue) and '\(step)' had not succeeded"
                    findings.append(Finding(property: .own(index), text: text))
                }
            case .neverStep, .neverInTruth, .before, .atMost, .everyPathNotifies, .everyPathEndsWithin,
                .everyPathPasses, .afterInDoubt, .possible, .neverTogether:
                break
            }
        }
        switch outcome {
        case .failed, .escalated:
            if !self.isToldSinceWork, !self.isCancelled {
                let text = "the run ended \(outcome.rawValue) and told nobody of it"
                findings.append(Finding(property: .aPersonIsTold, text: text))
            }
        case .succeeded, .notNeeded, .cancelled: break
        }
        return findings
    }
}

extension PropertyRules {
    func isNamedTogether(_ step: StepName) -> Bool {
        self.plan.properties.contains { if case .neverTogether(let pair) = $0 { pair.contains(step) } else { false } }
    }

    /// Whether what the run knows allows it to take this voter away.
    fileprivate func quorumFindings(_ act: Act, _ machine: RunMachine) -> [Finding] {
        let inventory = self.inventory(of: machine)
        guard let target = act.target, let node = inventory[target], node.isVoter, node.roles.contains("zookeeper"),
            [.stops, .restarts, .wipes].contains(act.effectClass)
        else {
            return []
        }
        let voters = inventory.nodes.filter { $0.roles.contains("zookeeper") && $0.isVoter }
        let known = voters.map { voter in machine.freshFacts(of: voter.name)?["serving"] }
        let serving = zip(voters, known).filter { $0.1 == .bool(true) }.map(\.0.name)
        let unknown = zip(voters, known).filter { $0.1 == nil }.map(\.0.name)
        let needed = Inventory.quorum(voters: voters.count)
        let left = serving.count { $0 != target }
        guard serving.count + unknown.count >= needed, left < needed else {
            return []
        }
        let seen =
            unknown.isEmpty
            ? "\(serving.count) served" : "whether \(unknown.map(\.text).joined(separator: ", ")) served was not known"
        let text =
            "\(act.summary) on \(target) leaves \(left) voters known to serve, and a quorum needs \(needed): \(seen)"
        return [Finding(property: .quorumIsNotBrokenByUs, text: text)]
    }

    private func inventory(of machine: RunMachine) -> Inventory {
        machine.binding.inventory
    }
}
