// Selfheal
// SPDX-License-Identifier: Apache-2.0

package import CELExpressions
import RunbookLanguage
import RunbookSource

/// Which names an expression may use at each place of a runbook, for editors.
package struct NameScopes {
    /// Where an expression stands.
    package enum Place: Hashable, Sendable {
        /// In the head of the runbook, before anything has happened.
        case head
        /// In a step, under a key such as `until`.
        case step(String, key: String)
    }

    private struct Step {
        let scope: TypeScope
        /// What `wait` looks at, and what `verify` does.
        let result: ProbeResult?
        let verified: ProbeResult?
    }

    private let head: TypeScope
    private var steps: [String: Step] = [:]

    init(head: TypeScope) {
        self.head = head
    }

    mutating func record(_ step: StepSyntax, _ scope: TypeScope) {
        var result: ProbeResult?
        if case .wait(let wait) = step.verb {
            result = wait.probe.result
        }
        self.steps[step.name.value] = Step(
            scope: scope,
            result: result,
            verified: step.verify.map { $0.probe.result }
        )
    }

    /// All names and functions at a place; those of the head where nothing is known of the step.
    package func environment(at place: Place) -> CELEnvironment {
        self.scope(at: place).wholeEnvironment
    }

    /// Only the names that an expression mentions, where all of them exist.
    package func environment(at place: Place, for expression: CELExpression) -> CELEnvironment {
        self.scope(at: place).environment(for: expression)
    }

    private func scope(at place: Place) -> TypeScope {
        guard case .step(let name, let key) = place, let step = self.steps[name] else {
            return self.head
        }
        switch key {
        case "until": return step.scope.with(.result(step.result ?? .anything))
        case "expect": return step.scope.with(.result(step.verified ?? step.result ?? .anything))
        default: return step.scope.with(.target)
        }
    }
}
