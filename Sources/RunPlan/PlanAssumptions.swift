// Selfheal
// SPDX-License-Identifier: Apache-2.0

package import RunVocabulary

/// What a runbook asks its proof to assume; what it does not say is the verifier's to choose.
///
/// It decides nothing in a run. It is part of the plan as the properties are: who approves a runbook approves what was proved of it.
package struct PlanAssumptions: Hashable, Sendable, Codable {
    package var faults: Int?
    package var lies: Int?
    package var crashes: Int?
    package var cancels: Int?
    package var approvals: [ApprovalAnswer]?
    /// By selection: how many nodes it has.
    package var nodes: [String: Int]?
    /// By selection: how its nodes may be when the run begins.
    package var begin: [String: [NodeBeginning]]?

    package init() {}
}
