// Selfheal
// SPDX-License-Identifier: Apache-2.0

package import RunbookSource

/// `parallel`: named lists of steps that are walked at the same time.
package struct ParallelSyntax: Sendable {
    package struct Branch: Sendable {
        package var name: Spanned<String>
        package var steps: [StepSyntax]
    }

    package enum Join: Hashable, Sendable {
        case all
        case any
        case number(Int)
    }

    package var branches: [Branch]
    /// Nothing means all.
    package var join: Spanned<Join>?
}

/// `call`: another runbook, walked as one step.
package struct CallSyntax: Sendable {
    package struct Argument: Sendable {
        package var name: Spanned<String>
        /// Nothing when it could not be read, which has been reported.
        package var value: ExpressionSyntax?
    }

    package var runbook: Spanned<String>?
    package var arguments: [Argument]
}

/// `on_failure`: a list of steps, or a mapping that also says whether what happened is undone first.
package struct FailureSyntax: Sendable {
    package var undoes: Bool
    /// Nothing when there are none.
    package var steps: [StepSyntax]?
}

extension StepSyntax {
    /// Calls `body` with every list of steps inside this step, that of `undo` excepted.
    package func eachList(_ body: ([StepSyntax]) -> Void) {
        switch self.verb {
        case .forEach(let loop): body(loop.steps)
        case .parallel(let parallel):
            for branch in parallel.branches {
                body(branch.steps)
            }
        case .probe, .wait, .run, .request, .approve, .notify, .choose, .call, .set, .pause, .finish, .invalid: break
        }
    }
}

extension RunbookSyntax {
    /// What `call` names, in the order of the file, undoing steps included.
    package var calledRunbooks: [Spanned<String>] {
        var names: [Spanned<String>] = []
        func collect(_ steps: [StepSyntax]) {
            for step in steps {
                if case .call(let call) = step.verb, let name = call.runbook {
                    names.append(name)
                }
                collect(step.undo)
                step.eachList(collect)
            }
        }
        collect(self.steps)
        collect(self.onFailure?.steps ?? [])
        collect(self.finally ?? [])
        return names
    }
}
