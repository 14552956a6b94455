// Selfheal
// SPDX-License-Identifier: Apache-2.0

package import RunCore
package import RunPlan
package import RunVocabulary

/// A recorded run against a changed runbook: where the two part, and where the changed one goes from there.
///
/// As long as both decide the same, the changed runbook hears what the recorded one heard, record by record. From where they part it goes on in virtual
/// time with the answers of the record that still hold (``EvidenceBook``), and stops where none does: nothing is invented.
package struct ChangedReplay: Sendable {
    package struct Parting: Hashable, Sendable {
        package var at: Milliseconds
        /// The last thing that both heard; nothing when only the clock went on.
        package var record: Int?
        /// What was decided from the first difference on.
        package var recorded: [Decision]
        package var changed: [Decision]
        /// Where the difference is not in a decision.
        package var reason: String?
    }

    /// Something that the changed runbook wants to know, and the record cannot tell.
    package struct Gap: Hashable, Sendable {
        package var at: Milliseconds
        package var step: StepKey?
        package var wanted: String
        package var reason: String
    }

    /// The records that both took the same way.
    package internal(set) var together: [ReplayStep] = []
    /// Nothing when they never part.
    package internal(set) var parting: Parting?
    /// What the changed runbook does from the parting on.
    package internal(set) var further: [ReplayStep] = []
    package internal(set) var gaps: [Gap] = []
    /// What had to be taken for true.
    package internal(set) var assumptions: [String] = []
    package internal(set) var machine: RunMachine
    package let recording: Recording
    package let binding: RunBinding

    /// - Throws: ``ReplayError`` when the recording itself cannot be replayed.
    package init(_ recording: Recording, with plan: Plan, parameters: [String: Fact]) throws(ReplayError) {
        self.recording = recording
        var binding = recording.binding
        var settled = plan
        settled.settle(as: binding.plan)
        binding.plan = settled
        binding.parameters = parameters
        self.binding = binding
        self.machine = RunMachine(binding: binding)
        let evidence = try EvidenceBook(recording)
        var walk = SideBySide(recording, binding)
        while let step = try walk.next() {
            self.together.append(step)
        }
        self.machine = walk.changed
        guard let parting = walk.parting else {
            return
        }
        self.parting = parting
        var onward = OnwardWalk(from: walk, evidence)
        onward.run()
        self.further = onward.steps
        self.gaps = onward.gaps
        self.assumptions = onward.assumptions
        self.machine = onward.machine
    }
}
