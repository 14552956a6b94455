// Selfheal
// SPDX-License-Identifier: Apache-2.0

import CELExpressions
package import RunPlan
package import RunSimulator
package import RunVocabulary

/// One way out of a step, and where it leads.
package struct Transition: Hashable, Sendable {
    package var step: StepName
    package var exit: Exit
    /// In words: a step, or what happens instead.
    package var destination: String
    /// Where the step stands in the runbook.
    package var place: Place

    /// How a step is left; the raw values are what reports and files of tests say.
    package struct Exit: Hashable, Sendable {
        package let text: String

        init(_ text: String) {
            self.text = text
        }

        init(_ outcome: Outcome) {
            self.text = outcome.rawValue
        }

        /// A branch of `choose`, counted from one.
        static func branch(_ number: Int) -> Exit {
            Exit("when \(number)")
        }

        static let otherwise = Exit("otherwise")
        static let ifUnknown = Exit("if_unknown")
        static let granted = Exit("granted")
        static let denied = Exit("denied")
        /// Nobody answered, or too few, until the time was up.
        static let unanswered = Exit("unanswered")
        /// A notice that arrives and one that does not lead to the same step.
        static let told = Exit("told")
        static let finished = Exit("finished")
    }
}

extension Plan {
    /// Every transition that a run can take, in the order of the runbook.
    ///
    /// The steps of runbooks that are called are left to the tests of those. Left out, too, is what a step has in common with every other
    /// one: that it is cancelled, and that it is refused because a selection of the configuration has no node.
    package var transitions: [Transition] {
        let all = self.ownRegions.flatMap { region in
            self[region].states.flatMap { state in
                state.exits.map { exit, destination in
                    Transition(
                        step: state.step,
                        exit: exit,
                        destination: self.text(of: destination, after: state, by: exit, in: region),
                        place: state.place
                    )
                }
            }
        }
        // The sort must be stable, which the language does not promise.
        return all.enumerated().sorted { ($0.element.place.line, $0.offset) < ($1.element.place.line, $1.offset) }
            .map(\.element)
    }

    /// The lists of steps that stand in the runbook itself, in the order of the file.
    private var ownRegions: [RegionID] {
        var found: [RegionID] = []
        var waiting = [Plan.main, self.onFailure, self.finally].compactMap { $0 }
        while !waiting.isEmpty {
            let region = waiting.removeFirst()
            found.append(region)
            for state in self[region].states {
                if case .call = state.action {
                    waiting += state.undo.map { [$0] } ?? []
                } else {
                    waiting += state.regions
                }
            }
        }
        return found.sorted { $0.index < $1.index }
    }

    private func text(
        of destination: Destination,
        after state: PlanState,
        by exit: Transition.Exit,
        in region: RegionID
    ) -> String {
        if case .finish(let outcome, _) = state.action, exit == .finished {
            return "the run ends \(outcome.rawValue)"
        }
        return switch (destination, self[region].role) {
        case (.state(let index), _): self[region].states[index].step.text
        case (.fail, .main), (.fail, .called): "the run fails"
        case (.fail, .loop): "the iteration fails"
        case (.fail, .branch): "the branch fails"
        case (.fail, _): "the list fails"
        case (.end, .loop): "the next element"
        case (.end, .main), (.end, .called): "the run ends succeeded"
        case (.end, _): "the end of the list"
        }
    }

    /// The state that a key of the run is about; nothing for steps of runbooks that are called.
    private func state(of key: StepKey) -> PlanState? {
        let isUndo = key.text.hasPrefix("undo/")
        for region in self.ownRegions where (self[region].role == .undo) == isUndo {
            if let state = self[region].states.first(where: { $0.step == key.stepName }) {
                return state
            }
        }
        return nil
    }
}

// MARK: - What there is

extension PlanState {
    /// How the state can be left, and where that leads; outcomes that it cannot have are left out.
    package var exits: [(exit: Transition.Exit, destination: Destination)] {
        var exits = self.ownExits
        if let when = self.when {
            exits.append((Transition.Exit(Outcome.skipped), self.routes.succeeded))
            if when.mayBeUnknown {
                exits.append((Transition.Exit(Outcome.refused), self.routes.refused))
            }
        }
        if self.deadline != nil {
            exits.append((Transition.Exit(Outcome.timedOut), self.routes.timedOut))
        }
        var seen: Set<Transition.Exit> = []
        return exits.filter { seen.insert($0.exit).inserted }
    }

    private var ownExits: [(exit: Transition.Exit, destination: Destination)] {
        let succeeded = (Transition.Exit(Outcome.succeeded), self.routes.succeeded)
        let failed = (Transition.Exit(Outcome.failed), self.routes.failed)
        let timedOut = (Transition.Exit(Outcome.timedOut), self.routes.timedOut)
        let refused = (Transition.Exit(Outcome.refused), self.routes.refused)
        let inDoubt = self.routes.inDoubt.map { [(Transition.Exit(Outcome.inDoubt), $0)] } ?? []
        switch self.action {
        case .probe(let action): return [succeeded] + (action.targets.mayBeRefused ? [refused] : [])
        case .wait(let action): return [succeeded, timedOut] + (action.targets.mayBeRefused ? [refused] : [])
        case .run(let action):
            let mayRefuse = self.require != nil || action.targets.mayBeRefused
            return [succeeded, failed, timedOut] + (mayRefuse ? [refused] : []) + inDoubt
        case .request: return [succeeded, failed, timedOut] + (self.require != nil ? [refused] : []) + inDoubt
        case .approve(let action):
            let silence = action.onTimeout == .refused ? self.routes.refused : self.routes.timedOut
            return [
                (.granted, self.routes.succeeded), (.denied, self.routes.refused), (.unanswered, silence),
            ]
        case .notify: return self.isTold ? [(.told, self.routes.succeeded)] : [succeeded, failed]
        case .choose(let action):
            let branches = action.branches.enumerated().map { (Transition.Exit.branch($0 + 1), $1.next) }
            return branches + [(.otherwise, action.otherwise)] + (action.ifUnknown.map { [(.ifUnknown, $0)] } ?? [])
        case .forEach(let action):
            let skipped = (Transition.Exit(Outcome.skipped), self.routes.succeeded)
            return [succeeded, failed, skipped] + (action.elements.mayBeUnknown ? [refused] : []) + inDoubt
        case .parallel, .call: return [succeeded, failed] + inDoubt
        case .set: return [succeeded]
        case .pause(let length): return [succeeded] + (length.mayBeUnknown ? [refused] : [])
        case .finish: return [(.finished, self.routes.succeeded)]
        }
    }

    private var isTold: Bool {
        self.routes.failed == self.routes.succeeded
    }

    /// How it was left.
    func exit(
        by outcome: Outcome,
        chosen: String?,
        isAnswered: Bool,
        after length: Milliseconds
    ) -> Transition.Exit? {
        switch (self.action, outcome) {
        case (.choose(let action), .succeeded): action.exit(chosen)
        case (.approve, .succeeded): .granted
        case (.approve(let action), .refused), (.approve(let action), .timedOut):
            isAnswered ? .denied : length >= action.timeout ? .unanswered : Transition.Exit(outcome)
        case (.notify, .succeeded) where self.isTold, (.notify, .failed) where self.isTold: .told
        case (.finish, .succeeded): .finished
        case (_, .cancelled): nil
        default: Transition.Exit(outcome)
        }
    }
}

extension ChooseAction {
    /// Which branch the reason speaks of, in the machine's own words.
    fileprivate func exit(_ chosen: String?) -> Transition.Exit? {
        guard let chosen else {
            return nil
        }
        if let index = self.branches.firstIndex(where: { chosen == "'\($0.when.text)' holds" }) {
            return .branch(index + 1)
        }
        return chosen == "otherwise" || self.ifUnknown == nil ? .otherwise : .ifUnknown
    }
}

extension Expression {
    /// Whether it is about the world, of which not everything is known: parameters and outcomes of steps always are.
    fileprivate var mayBeUnknown: Bool {
        !self.reads.isEmpty
            || self.cel.referencedPaths.contains { reference in
                let isResult = reference.path.contains { ["result", "results", "items"].contains($0) }
                return isResult
                    && (reference.root == "steps" || reference.root == "result" || reference.root == "results")
            }
    }
}

extension Targets? {
    /// Whether the step itself says something about its targets that may not hold, besides the name of a list.
    fileprivate var mayBeRefused: Bool {
        guard let targets = self else {
            return false
        }
        let text = targets.nodes.text
        let name = text.hasPrefix("[") && text.hasSuffix("]") ? String(text.dropFirst().dropLast()) : text
        let isName = name.utf8.allSatisfy { byte in
            (0x61...0x7A).contains(byte) || (0x41...0x5A).contains(byte) || (0x30...0x39).contains(byte) || byte == 0x5F
        }
        return targets.expected != nil || !isName
    }
}

// MARK: - What was walked

extension Plan {
    /// The transitions that the run took, by their names in ``Transition``.
    package func walked(by result: RehearsalResult) -> Set<Transition> {
        var entered: [StepKey: Instant] = [:]
        var walked: Set<Transition> = []
        let known = Dictionary(grouping: self.transitions) { $0.step }
        for moment in result.moments {
            switch moment.what {
            case .entered(let key): entered[key] = moment.at
            case .left(let key, let outcome, let chosen, let isAnswered):
                guard let state = self.state(of: key) else {
                    continue
                }
                let length = moment.at.elapsed(since: entered.removeValue(forKey: key) ?? moment.at)
                let exit = state.exit(by: outcome, chosen: chosen, isAnswered: isAnswered, after: length)
                // An undo has the name of the step that it undoes: the place tells them apart.
                let transition = known[state.step]?.first { $0.exit == exit && $0.place == state.place }
                if let transition {
                    walked.insert(transition)
                }
            case .sent, .told: break
            }
        }
        return walked
    }
}
