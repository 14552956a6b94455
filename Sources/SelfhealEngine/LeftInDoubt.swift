// Selfheal
// SPDX-License-Identifier: Apache-2.0

package import RunCore
import RunJournal
import RunPlan
import RunPorts
package import RunVocabulary
import WorldAdapters

/// A run that has ended, and whose acts did not all come to an end that is known.
package struct LeftInDoubt: Hashable, Sendable {
    package let run: RunID
    package let runbook: String
    package let doubts: [RunMachine.Doubt]

    /// How many acts are told about one by one.
    private static let shownDoubts = 3

    package init(run: RunID, runbook: String, doubts: [RunMachine.Doubt]) {
        self.run = run
        self.runbook = runbook
        self.doubts = doubts
    }

    /// What is in doubt, and the commands by which a person settles it.
    package var text: String {
        let shown = self.doubts.prefix(Self.shownDoubts)
        let places = shown.map { "'\($0.step)'\($0.target.map { " on \($0)" } ?? "")" }.joined(separator: ", ")
        let more = self.doubts.count > shown.count ? " and \(self.doubts.count - shown.count) more" : ""
        let commands = shown.map { self.settling($0) }.joined(separator: "; ")
        return "run \(self.run) of '\(self.runbook)' has ended and left in doubt what became of \(places)\(more); "
            + "look there, then say what you found: \(commands)"
    }

    private func settling(_ doubt: RunMachine.Doubt) -> String {
        let isOneOfSeveral = self.doubts.count { $0.step == doubt.step } > 1
        let target = isOneOfSeveral ? doubt.target.map { " --target \($0)" } ?? "" : ""
        return "selfheal settle \(self.run) \(doubt.step)\(target) --happened (or --not-happened) --because \"…\""
    }
}

extension Engine {
    /// The runs of a runbook that left something in doubt, oldest first: what they did may still be going on.
    package func leftInDoubt(by runbook: String) async throws -> [LeftInDoubt] {
        var left: [LeftInDoubt] = []
        for summary in try await self.store.runs(.inState(RunState.endedInDoubt.rawValue))
        where summary.runbook == runbook {
            let run = RunID(summary.id)
            let doubts = try await StoredRun(id: run, store: self.store).machine().leftInDoubt
            left.append(LeftInDoubt(run: run, runbook: runbook, doubts: doubts))
        }
        return left
    }

    /// What a run left in doubt, if it has ended and did.
    package func doubts(leftBy run: RunID) async throws -> LeftInDoubt? {
        let machine = try await StoredRun(id: run, store: self.store).machine()
        let doubts = machine.leftInDoubt
        let runbook = machine.binding.plan.runbook
        return doubts.isEmpty ? nil : LeftInDoubt(run: run, runbook: runbook, doubts: doubts)
    }

    /// When a run began, if it has.
    package func start(of run: RunID) async throws -> Instant? {
        try await self.store.records(of: run.text, from: 1, limit: 1).first.map { Instant(milliseconds: $0.at) }
    }
}
