// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// Which keys of a step say something beside which verbs.
package enum StepKeys {
    /// The keys that would say nothing, and are therefore refused; an editor offers none of them.
    package static func withoutEffect(beside verb: String) -> Set<String> {
        switch verb {
        case "run", "request": ["steps"]
        case "probe", "wait": ["steps", "require", "retry", "verify", "undo"]
        case "call": ["steps", "require", "retry", "verify", "timeout"]
        case "for_each": ["require", "retry", "verify", "timeout", "undo"]
        case "choose", "finish": ["steps", "require", "retry", "verify", "timeout", "undo", "next"]
        default: ["steps", "require", "retry", "verify", "timeout", "undo"]
        }
    }
}
