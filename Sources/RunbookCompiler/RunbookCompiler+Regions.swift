// Selfheal
// SPDX-License-Identifier: Apache-2.0

import CELExpressions
import RunPlan
import RunVocabulary
import RunbookLanguage
import RunbookSource

/// What the steps of one region are compiled with.
struct RegionScope {
    var types: TypeScope
    /// The index of each step of the region, by name.
    let indices: [String: Int]
    let count: Int
    let role: RegionRole
    /// What a command is about that names no targets: where the act happened that it undoes.
    var impliedTargets: Expression?
    /// The step being compiled.
    var current = 0

    var following: Destination {
        self.current + 1 < self.count ? .state(self.current + 1) : .end
    }
}

extension RunbookCompiler {
    /// Compiles a list of steps; the region keeps its number even while its loops take later ones.
    mutating func region(
        _ role: RegionRole,
        _ steps: [StepSyntax],
        _ list: StepList,
        in outer: TypeScope? = nil
    ) -> RegionID {
        let id = RegionID(self.regions.count)
        self.regions.append(PlanRegion(id: id, role: role, states: []))
        var types = outer ?? self.outerScope(of: role)
        types.addSteps(of: list)
        var scope = RegionScope(
            types: types,
            indices: Dictionary(zip(steps.lazy.map(\.name.value), steps.indices)) { first, _ in first },
            count: steps.count,
            role: role
        )
        var states: [PlanState] = []
        states.reserveCapacity(steps.count)
        let hadLostJump = self.hasLostJump
        self.hasLostJump = false
        for index in steps.indices {
            scope.current = index
            states.append(self.state(steps[index], &scope))
        }
        self.checkFlow(&states, steps)
        self.hasLostJump = hadLostJump
        self.regions[id.index].states = states
        return id
    }

    /// What comes after the main steps can read what they left.
    private func outerScope(of role: RegionRole) -> TypeScope {
        var scope = self.environment.selectionsOnly
        switch role {
        case .main, .called, .loop, .branch, .undo: break
        case .onFailure, .finally: scope.addSteps(of: .main)
        }
        return scope
    }

    mutating func state(_ step: StepSyntax, _ scope: inout RegionScope) -> PlanState {
        self.names?.record(step, scope.types)
        let when = step.when.flatMap { self.expression($0, expecting: .bool, in: scope.types) }
        let action = self.action(step, &scope)
        var state = PlanState(
            step: StepName(step.name.value),
            place: Place(step.name.span),
            // Nothing comes of a plan with a mistake; until then the step leads on as it would without it.
            action: action ?? .set(values: []),
            routes: self.routes(step, scope)
        )
        state.title = step.title?.value
        state.when = when
        state.require = step.require.flatMap { self.expression($0, expecting: .bool, in: scope.types) }
        state.deadline = step.deadline?.value
        state.maxVisits = step.maxVisits?.value ?? 1
        state.timeout = step.computedTimeout.flatMap { self.expression($0, expecting: .duration, in: scope.types) }
        if case .forEach(let loop) = step.verb {
            state.pause = loop.computedPause.flatMap { self.expression($0, expecting: .duration, in: scope.types) }
        }
        state.undo = self.undo(of: step, scope)
        state.retry = step.retry.flatMap { self.retry($0, of: step) }
        self.checkKeys(step)
        return state
    }

    // MARK: Routes

    private mutating func routes(_ step: StepSyntax, _ scope: RegionScope) -> Routes {
        let next = step.next.map { self.destination($0, scope) } ?? scope.following
        guard !step.routes.isEmpty else {
            // A mail that could not be delivered is recorded and must not keep the run from going on.
            if case .notify = step.verb {
                return Routes(succeeded: next, otherwise: next)
            }
            return Routes(succeeded: next, otherwise: .fail)
        }
        var failed: Destination = .fail
        let destinations = step.routes.map { (outcome: $0.outcome, destination: self.destination($0.step, scope)) }
        if let route = destinations.first(where: { $0.outcome == .failed }) {
            failed = route.destination
        } else if case .notify = step.verb {
            failed = next
        }
        var routes = Routes(succeeded: next, otherwise: failed)
        for route in destinations {
            switch route.outcome {
            case .timedOut: routes.timedOut = route.destination
            case .refused: routes.refused = route.destination
            case .inDoubt: routes.inDoubt = route.destination
            case .succeeded, .failed, .skipped, .cancelled: break
            }
        }
        return routes
    }

    mutating func destination(_ step: Spanned<String>, _ scope: RegionScope) -> Destination {
        if let index = scope.indices[step.value] {
            return .state(index)
        }
        // Looking for the nearest name a thousand times would make a broken file slow.
        guard self.diagnostics.count < Self.diagnosticLimit else {
            self.hasLostJump = true
            return scope.following
        }
        let known = scope.indices.keys.filter { !$0.isEmpty }.sorted()
        let near = DidYouMean.suggestion(for: step.value, among: known).flatMap { scope.indices[$0] }
        // A step without a name has been reported, and may be the one that is meant.
        if near != nil || scope.indices[""] == nil {
            let isElsewhere = self.environment.steps.contains(step.value)
            self.report(
                .unknownStep(step.value, at: step.span, known: known, elsewhere: isElsewhere ? scope.role : nil)
            )
        }
        self.hasLostJump = self.hasLostJump || near == nil
        // What is probably meant is taken to be reached, so that one slip is one message.
        return near.flatMap { $0 > scope.current ? .state($0) : nil } ?? scope.following
    }

    private mutating func retry(_ syntax: RetrySyntax, of step: StepSyntax) -> Retry? {
        switch step.verb {
        case .run(let run):
            if run.repeating?.value == .never {
                self.report(.retryOfNever(at: syntax.span, repeating: run.repeating?.span))
            }
        case .request(let request):
            let isRepeatable = self.isRepeatable(request)
            if !isRepeatable {
                self.report(.retryOfNever(at: syntax.span, repeating: request.repeating?.span ?? step.verbSpan))
            }
        case .probe, .wait, .approve, .notify, .choose, .parallel, .forEach, .call, .set, .pause, .finish, .invalid:
            return nil
        }
        var backoff = Retry.Backoff.fixed
        if let word = syntax.backoff {
            if let known = Retry.Backoff(rawValue: word.value) {
                backoff = known
            } else {
                let words = Retry.Backoff.allCases.map(\.rawValue)
                self.report(.unknownWord(word.value, for: "backoff", at: word.span, known: words))
            }
        }
        let initial = syntax.initial?.value ?? .seconds(1)
        var retry = Retry(
            attempts: syntax.attempts?.value ?? (syntax.within == nil ? 1 : Self.attemptLimit),
            backoff: backoff,
            initial: initial,
            max: syntax.max?.value ?? max(initial, .minutes(1)),
            jitter: syntax.jitter
        )
        retry.within = syntax.within?.value
        return retry
    }

    /// The most attempts of a command that is retried for a time.
    private static let attemptLimit = 100

    /// Keys that say something only beside certain verbs: silence would let an author believe in a guard that is not there.
    private mutating func checkKeys(_ step: StepSyntax) {
        if case .invalid = step.verb {
            return
        }
        let isRun =
            switch step.verb {
            case .run, .request: true
            default: false
            }
        let verb = step.verb.word
        if let require = step.require, !isRun {
            self.report(.keyWithoutEffect("require", verb: verb, at: require.span, help: "use 'when' to skip the step"))
        }
        if let retry = step.retry, !isRun {
            let help = "only 'run' and 'request' are repeated; 'wait' looks again by itself"
            self.report(.keyWithoutEffect("retry", verb: verb, at: retry.span, help: help))
        }
        if let verify = step.verify, !isRun {
            self.report(
                .keyWithoutEffect("verify", verb: verb, at: verify.span, help: "only 'run' and 'request' are verified")
            )
        }
        if let timeout = step.timeout?.span ?? step.computedTimeout?.span {
            switch step.verb {
            case .probe, .wait, .run, .request: break
            case .approve:
                let help = "write 'timeout' inside 'approve', beside 'on_timeout'"
                self.report(.keyWithoutEffect("timeout", verb: verb, at: timeout, help: help))
            case .notify, .choose, .parallel, .forEach, .call, .set, .pause, .finish, .invalid:
                let help = "'deadline' bounds a step as a whole"
                self.report(.keyWithoutEffect("timeout", verb: verb, at: timeout, help: help))
            }
        }
        if case .finish = step.verb, let next = step.next {
            self.report(.keyWithoutEffect("next", verb: verb, at: next.span, help: "'finish' ends the run"))
        }
        if case .choose = step.verb, let next = step.next {
            self.report(.keyWithoutEffect("next", verb: verb, at: next.span, help: "its branches say where it leads"))
        }
    }
}
