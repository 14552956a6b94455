// Selfheal
// SPDX-License-Identifier: Apache-2.0

package import RunPlan
import RunSimulator
import RunVocabulary
package import RunbookSource

/// Which transitions of one runbook its cases walked.
package struct Coverage: Hashable, Sendable {
    package let plan: Plan
    /// In the order of the runbook.
    package let transitions: [Transition]
    private var walkers: [Transition: String] = [:]
    private var excuses: [Transition: Excuse] = [:]

    package init(of plan: Plan) {
        self.plan = plan
        self.transitions = plan.transitions
    }

    package mutating func add(_ transitions: Set<Transition>, by name: String) {
        for transition in transitions where self.walkers[transition] == nil {
            self.walkers[transition] = name
        }
    }

    /// Takes in what cannot be walked; the names in it were checked before.
    package mutating func add(_ excuse: Excuse) {
        for transition in self.transitions where transition.step.text == excuse.step.value {
            if excuse.exits.contains(where: { $0.value == transition.exit.text }) {
                self.excuses[transition] = excuse
            }
        }
    }

    package var walked: [Transition] {
        self.transitions.filter { self.walkers[$0] != nil }
    }

    /// Those that cannot be walked, with the reason.
    package var excused: [(transition: Transition, because: String)] {
        self.transitions.compactMap { transition in
            guard self.walkers[transition] == nil, let excuse = self.excuses[transition] else {
                return nil
            }
            return (transition, excuse.because)
        }
    }

    package var neverWalked: [Transition] {
        self.transitions.filter { self.walkers[$0] == nil && self.excuses[$0] == nil }
    }

    /// What is said to be impossible and was done.
    package var refuted: [Diagnostic] {
        self.transitions.compactMap { transition in
            guard let name = self.walkers[transition], let excuse = self.excuses[transition] else {
                return nil
            }
            return .testExcuseOfWalked(transition.exit.text, of: transition.step.text, by: name, at: excuse.span)
        }
    }
}

extension TestFile {
    /// Names in the file that the runbook does not have.
    package func problems(against plan: Plan) -> [Diagnostic] {
        let steps = plan.states.map(\.state.step.text)
        let known = Dictionary(grouping: plan.transitions) { $0.step.text }.mapValues { $0.map(\.exit.text) }
        var diagnostics: [Diagnostic] = []
        for excuse in self.excuses {
            guard let exits = known[excuse.step.value] else {
                let span = excuse.step.span
                diagnostics.append(
                    .testUnknownName("step", excuse.step.value, plan.runbook, at: span, known: known.keys.sorted())
                )
                continue
            }
            for exit in excuse.exits where !exits.contains(exit.value) {
                diagnostics.append(
                    .testUnknownExit(exit.value, of: excuse.step.value, at: exit.span, known: exits)
                )
            }
        }
        var seen: Set<SourceSpan> = []
        for wanted in self.cases.flatMap(\.expectation.wanted) where seen.insert(wanted.span).inserted {
            switch wanted.value {
            case .step(let name) where !steps.contains(StepKey(name).stepName.text):
                diagnostics.append(.testUnknownName("step", name, plan.runbook, at: wanted.span, known: steps))
            case .notice(let channel?, _, _) where !plan.channels.contains(channel):
                diagnostics.append(
                    .testUnknownName("channel", channel, plan.runbook, at: wanted.span, known: plan.channels)
                )
            case .step, .notice, .command, .gap: break
            }
        }
        return diagnostics.inSourceOrder()
    }
}

extension Expectation {
    fileprivate var wanted: [Spanned<Wanted>] {
        self.avoids + [self.path, self.commands, self.notices].flatMap { $0?.elements ?? [] }
    }
}

extension Plan {
    fileprivate var channels: [String] {
        var channels: [String] = []
        for (_, state) in self.states {
            if case .notify(let action) = state.action {
                channels += action.channels.filter { !channels.contains($0) }
            }
        }
        return channels
    }
}
