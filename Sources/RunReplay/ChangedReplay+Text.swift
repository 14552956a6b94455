// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunCore
import RunPlan
package import RunVocabulary

extension ChangedReplay {
    package var outcome: RunOutcome? {
        self.machine.outcome
    }

    package func text(isBrief: Bool = false) -> String {
        let source = self.binding.plan.source
        guard let parting = self.parting else {
            let end = self.outcome.map { "both end \($0.rawValue)" } ?? "neither has ended"
            return "\(source) decides the same in all of \(self.together.count) records; \(end)"
        }
        var lines = self.together.lines(isBrief: isBrief)
        if !lines.isEmpty {
            lines.append("")
        }
        lines += self.partingLines(parting)
        lines += ["", "from there with \(source), by what was recorded"]
        lines += self.further.lines(isBrief: isBrief)
        lines += [""] + self.assumptions.map { "taken for true: \($0)" }
        lines += self.gaps.map { gap in
            let step = gap.step.map { " at \($0)" } ?? ""
            return "missing evidence at \(gap.at.label)\(step): \(gap.wanted.oneLine); \(gap.reason)"
        }
        return (lines + [self.verdict]).joined(separator: "\n")
    }

    private func partingLines(_ parting: Parting) -> [String] {
        let record = parting.record.map { ", upon record \($0)" } ?? ""
        var lines = ["they part at \(parting.at.label)\(record)"]
        if let reason = parting.reason {
            lines.append("  \(reason)")
        }
        lines += self.lines("recorded", parting.recorded, self.recording.binding.plan)
        lines += self.lines("changed", parting.changed, self.binding.plan)
        return lines
    }

    /// The first decisions that differ say which way each goes.
    private static let shownDecisions = 3

    private func lines(_ who: String, _ decisions: [Decision], _ plan: Plan) -> [String] {
        guard !decisions.isEmpty else {
            return ["  \(who.padded(to: 8))  decides nothing more"]
        }
        return decisions.prefix(Self.shownDecisions).map { decision in
            let place = decision.step.flatMap { plan.place(of: $0) }.map { "  (\($0))" } ?? ""
            return "  \(who.padded(to: 8))  \(decision.text.oneLine)\(place)"
        }
    }

    /// How both came out.
    package var verdict: String {
        let recorded = self.recording.outcome.map { "the recorded run ended \($0)" } ?? "the recorded run goes on"
        guard let outcome = self.outcome else {
            return "how it ends cannot be told from this record; \(recorded)"
        }
        let reason = self.machine.reason.isEmpty ? "" : ": \(self.machine.reason)"
        return "it ends \(outcome.rawValue)\(reason); \(recorded)"
    }

    package var json: JSON {
        .object([
            JSONMember("run", .string(self.recording.binding.run.text)),
            JSONMember("runbook", .string(self.recording.binding.plan.runbook)),
            JSONMember("with", .string(self.binding.plan.source)),
            JSONMember("same", .bool(self.parting == nil)),
            JSONMember("recorded_outcome", self.recording.outcome.map { .string($0) } ?? .null),
            JSONMember("outcome", self.outcome.map { .string($0.rawValue) } ?? .null),
            JSONMember("parting", self.parting.map { self.json($0) } ?? .null),
            JSONMember("together", .array(self.together.map(\.json))),
            JSONMember("further", .array(self.further.map(\.json))),
            JSONMember("assumptions", .array(self.assumptions.map { .string($0) })),
            JSONMember(
                "missing",
                .array(
                    self.gaps.map { gap in
                        .object([
                            JSONMember("since_start_ms", .int(gap.at.count)),
                            JSONMember("step", gap.step.map { .string($0.text) } ?? .null),
                            JSONMember("wanted", .string(gap.wanted)),
                            JSONMember("reason", .string(gap.reason)),
                        ])
                    }
                )
            ),
        ])
    }

    private func json(_ parting: Parting) -> JSON {
        .object([
            JSONMember("since_start_ms", .int(parting.at.count)),
            JSONMember("record", parting.record.map { .int(Int64($0)) } ?? .null),
            JSONMember("reason", parting.reason.map { .string($0) } ?? .null),
            JSONMember("recorded", .array(parting.recorded.map(\.json))),
            JSONMember("changed", .array(parting.changed.map(\.json))),
        ])
    }
}

extension Plan {
    /// `FILE:LINE` of a step, if its name belongs to one alone.
    fileprivate func place(of key: StepKey) -> String? {
        let name = key.text.split(separator: "/").last.map { String($0.prefix { $0 != "[" }) }
        let states = self.states.filter { $0.state.step.text == name }
        guard let state = states.first, states.count == 1 else {
            return nil
        }
        return "\(self.source):\(state.state.place.line)"
    }
}
