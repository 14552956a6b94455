// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunCore
import RunPlan
package import RunVocabulary

extension Replay {
    package var isSame: Bool {
        self.differences.isEmpty
    }

    /// The records with what is decided upon each, and whether that is what was recorded.
    package func text(isBrief: Bool = false) -> String {
        (self.steps.lines(isBrief: isBrief) + ["", self.verdict]).joined(separator: "\n")
    }

    /// In a sentence or two: the same or not, and where not.
    package var verdict: String {
        let count = self.recording.events.count
        guard let first = self.differences.first else {
            let end = self.machine.outcome.map { "it ends \($0.rawValue)" } ?? self.standing
            return "the same decisions, in all of \(count) records; \(end)"
        }
        let others = self.differences.dropFirst().map { "record \($0.record): \($0.text)" }
        let head = "decided otherwise at record \(first.record) of \(count): \(first.text)"
        return ([head] + others).joined(separator: "\n")
    }

    /// What a run that has not ended waits for.
    private var standing: String {
        let step = self.machine.stepsUnderWay.last.map { "at \($0)" } ?? "at its beginning"
        return "the run is still going on, \(step)"
    }

    package var json: JSON {
        .object([
            JSONMember("run", .string(self.recording.binding.run.text)),
            JSONMember("runbook", .string(self.recording.binding.plan.runbook)),
            JSONMember("outcome", self.recording.outcome.map { .string($0) } ?? .null),
            JSONMember("same", .bool(self.isSame)),
            JSONMember("verdict", .string(self.verdict)),
            JSONMember(
                "differences",
                .array(
                    self.differences.map { difference in
                        .object([
                            JSONMember("record", .int(Int64(difference.record))),
                            JSONMember("text", .string(difference.text)),
                        ])
                    }
                )
            ),
            JSONMember("steps", .array(self.steps.map(\.json))),
        ])
    }
}

extension ReplayStep {
    var json: JSON {
        let record = self.event.record
        return .object([
            JSONMember("record", self.record.map { .int(Int64($0)) } ?? .null),
            JSONMember("since_start_ms", .int(self.at.count)),
            JSONMember("kind", .string(record.kind)),
            JSONMember("body", (try? JSON(parsing: record.body)) ?? .null),
            JSONMember("decisions", .array(self.decisions.map(\.json))),
        ])
    }
}

extension Decision {
    var json: JSON {
        .object([
            JSONMember("kind", .string(self.kind.rawValue)),
            JSONMember("step", self.step.map { .string($0.text) } ?? .null),
            JSONMember("text", .string(self.text)),
        ])
    }
}
