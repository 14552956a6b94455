// Selfheal
// SPDX-License-Identifier: Apache-2.0

import CELExpressions
import RunPlan
import RunVocabulary
import RunbookLanguage
import RunbookSource

/// Steps that hold lists of steps: `parallel`, and what undoes a step.
extension RunbookCompiler {
    mutating func parallel(_ syntax: ParallelSyntax, _ step: StepSyntax, _ scope: RegionScope) -> PlanAction? {
        let branches = syntax.branches.map { branch in
            let list = StepList.branch(of: step.name.value, branch.name.value)
            let body = self.region(.branch, branch.steps, list, in: scope.types)
            return ParallelAction.Branch(name: branch.name.value, body: body)
        }
        guard !branches.isEmpty else {
            return nil
        }
        var join = ParallelAction.Join.all
        switch syntax.join?.value {
        case nil, .all: break
        case .any: join = .any
        case .number(let number):
            join = .number(number)
            if number > branches.count, let span = syntax.join?.span {
                self.report(.joinOfTooMany(number, have: branches.count, at: span))
            }
        }
        return .parallel(ParallelAction(branches: branches, join: join))
    }

    /// The list with the one step that undoes this one.
    mutating func undo(of step: StepSyntax, _ scope: RegionScope) -> RegionID? {
        guard let key = step.undoKey else {
            return nil
        }
        var implied: Expression?
        switch step.verb {
        case .run(let run):
            // Where it happened is known when it comes to that; a local command happened here.
            implied = run.targets == nil ? nil : Self.undone
        case .request, .call, .invalid: break
        case .probe, .wait, .approve, .notify, .choose, .parallel, .forEach, .set, .pause, .finish:
            let help = "only what acts can be undone: 'run', 'request' and 'call'"
            self.report(.keyWithoutEffect("undo", verb: step.verb.word, at: key, help: help))
            return nil
        }
        guard let undo = step.undo.first else {
            return nil
        }
        let id = RegionID(self.regions.count)
        self.regions.append(PlanRegion(id: id, role: .undo, states: []))
        var types = scope.types
        types.add("undone", .list(.record(ResultTypes.node)))
        var inner = RegionScope(types: types, indices: [:], count: 1, role: .undo)
        inner.impliedTargets = implied
        self.regions[id.index].states = [self.state(undo, &inner)]
        return id
    }

    private static let undone = CELExpression.parse("undone").0.map {
        Expression($0, place: Place(line: 1, column: 1))
    }
}

extension Diagnostic {
    static func joinOfTooMany(_ number: Int, have: Int, at span: SourceSpan) -> Self {
        Self(
            code: Code(240),
            severity: .error,
            message: "\(number) branches must succeed and there are only \(have)",
            span: span,
            help: "write 'join: all', or a number up to \(have)"
        )
    }
}
