// Selfheal
// SPDX-License-Identifier: Apache-2.0

package import RunPlan
package import RunVocabulary

/// The report for a reader and for a program.
extension VerificationReport {
    /// The least unlucky violation that can be shown step by step.
    package var firstTrace: Trace? {
        self.traces.min { $0.weight < $1.weight }
    }

    private var traces: [Trace] {
        self.items.compactMap { if case .violated(_, let trace) = $0.verdict { trace } else { nil } }
    }

    package func text(of plan: Plan, took: Duration) -> String {
        var lines: [String] = []
        for item in self.items {
            switch item.verdict {
            case .holds: lines.append("✓ \(item.text)")
            case .open: lines.append("? \(item.text): the search ended before it could tell")
            case .violated(let reason, let trace):
                lines.append("✗ \(item.text)")
                lines += trace.map { self.lines(of: $0) } ?? []
                lines.append("    ✗ \(reason)")
            }
        }
        lines.append("")
        lines += self.bounds(took)
        lines.append(self.conclusion(plan))
        return lines.joined(separator: "\n")
    }

    private func lines(of trace: Trace) -> [String] {
        trace.lines.map { line in
            let place = line.line.map { "line \($0)" } ?? ""
            let time = "T+\(Milliseconds(line.at.milliseconds).rounded)"
            let mark = line.isBadLuck ? "! " : "  "
            return "    \(Self.padded(time, 9)) \(Self.padded(place, 9)) \(mark)\(line.text)"
        }
    }

    private static func padded(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - text.count))
    }

    private func bounds(_ took: Duration) -> [String] {
        let assumed = self.assumptions
        let seconds = Double(took.components.seconds) + Double(took.components.attoseconds) / 1e18
        let rate = seconds > 0 ? Int(Double(self.exploration.states) / seconds) : 0
        var lines = [
            "assumed   \(self.nodes) nodes in \(self.beginnings) beginnings; at most \(assumed.faults) faults, "
                + "\(assumed.lies) wrong or missing answers, \(assumed.crashes) deaths of the engine, "
                + "\(assumed.cancels) cancels; people say \(assumed.approvalWords)",
            "explored  \(self.exploration.states) states, \(self.exploration.transitions) transitions, "
                + "\(self.exploration.desks) states of the run itself, \(self.exploration.worlds) of the cluster; "
                + "\(rate) states a second, "
                + "\(self.exploration.bytesPerState) bytes a state",
            "longest   \(self.worst)\(self.dominating.map { ", most of it '\($0)'" } ?? "")",
        ]
        if !self.exploration.isComplete {
            lines.append("limit     \(self.whereItEnded)")
            lines.append("          \(self.whatBlewUp)")
        }
        return lines
    }

    private var whereItEnded: String {
        let states = "\(self.exploration.states) states"
        return switch self.exploration.ending {
        case .complete: "none was reached"
        case .stateLimit:
            "the search ended after \(states): it may go to \(self.assumptions.stateLimit) on each core; --max-states allows more"
        case .memoryLimit: "the search ended after \(states): its memory is used up; --memory allows more"
        }
    }

    /// What there is most of, and what makes it less.
    private var whatBlewUp: String {
        let exploration = self.exploration
        let plain = exploration.statesByLuck.first ?? 0
        let unlucky = exploration.states - plain
        let cure: String
        if exploration.statesByLuck.count > 1, unlucky > plain * 3 {
            cure = "most of them take bad luck: assume fewer faults, wrong answers or deaths of the engine"
        } else if exploration.worlds > exploration.desks {
            cure = "the cluster has more states than the run: assume fewer nodes, or say how they begin"
        } else {
            cure =
                "the run has more states than the cluster: assume fewer nodes, for each is looked at and acted on in turn"
        }
        let crowded = exploration.crowdedSteps(3).map { "\($0.states) at '\($0.step)'" }.joined(separator: ", ")
        let shares = exploration.statesByLuck.enumerated().map { "\($1) with \($0)" }.joined(separator: ", ")
        return "\(cure) (states by pieces of bad luck: \(shares); by step: \(crowded))"
    }

    private func conclusion(_ plan: Plan) -> String {
        let violated = self.items.count { if case .violated = $0.verdict { true } else { false } }
        let open = self.items.count { if case .open = $0.verdict { true } else { false } }
        if violated > 0 {
            return "\(plan.runbook): \(violated) of \(self.items.count) properties do not hold"
        }
        return open > 0
            ? "\(plan.runbook): \(open) of \(self.items.count) properties could not be decided"
            : "\(plan.runbook): \(self.items.count) properties hold on every path within these bounds"
    }

    package func json(of plan: Plan, took: Duration) -> JSON {
        let seconds = Double(took.components.seconds) + Double(took.components.attoseconds) / 1e18
        let exploration = self.exploration
        return .object([
            JSONMember("runbook", .string(plan.runbook)), JSONMember("digest", .string(plan.digest)),
            JSONMember("proved", .bool(self.isProved)), JSONMember("complete", .bool(exploration.isComplete)),
            JSONMember("ended_by", .string(exploration.ending.rawValue)),
            JSONMember(
                "assumed",
                .object([
                    JSONMember("nodes", .int(Int64(self.nodes))),
                    JSONMember("beginnings", .int(Int64(self.beginnings))),
                    JSONMember("faults", .int(Int64(self.assumptions.faults))),
                    JSONMember("lies", .int(Int64(self.assumptions.lies))),
                    JSONMember("crashes", .int(Int64(self.assumptions.crashes))),
                    JSONMember("cancels", .int(Int64(self.assumptions.cancels))),
                    JSONMember(
                        "approvals",
                        .array(self.assumptions.approvals.map(\.rawValue).sorted().map { .string($0) })
                    ),
                ])
            ),
            JSONMember("states", .int(Int64(exploration.states))),
            JSONMember("transitions", .int(Int64(exploration.transitions))),
            JSONMember("run_states", .int(Int64(exploration.desks))),
            JSONMember("cluster_states", .int(Int64(exploration.worlds))),
            JSONMember("states_by_luck", .array(exploration.statesByLuck.map { .int(Int64($0)) })),
            JSONMember(
                "states_by_step",
                .object(exploration.crowdedSteps(10).map { JSONMember($0.step.text, .int(Int64($0.states))) })
            ),
            JSONMember("bytes_per_state", .int(Int64(exploration.bytesPerState))),
            JSONMember("took_ms", .int(Int64(seconds * 1_000))), JSONMember("longest_ms", .int(self.worst.count)),
            JSONMember("dominating_step", self.dominating.map { .string($0.text) } ?? .null),
            JSONMember("properties", .array(self.items.map(\.json))),
        ])
    }
}

extension Assumptions {
    fileprivate var approvalWords: String {
        let words = ApprovalAnswer.allCases.filter { self.approvals.contains($0) }.map { answer in
            switch answer {
            case .granted: "yes"
            case .denied: "no"
            case .expired: "nothing"
            }
        }
        guard let last = words.last, words.count > 1 else {
            return "only \(words.joined())"
        }
        return "\(words.dropLast().joined(separator: ", ")) or \(last)"
    }
}

extension VerificationReport.Item {
    fileprivate var json: JSON {
        var members = [JSONMember("property", .string(self.text))]
        switch self.verdict {
        case .holds: members.append(JSONMember("verdict", .string("holds")))
        case .open: members.append(JSONMember("verdict", .string("open")))
        case .violated(let reason, let trace):
            members.append(JSONMember("verdict", .string("violated")))
            members.append(JSONMember("reason", .string(reason)))
            if let trace {
                members.append(JSONMember("trace", .array(trace.lines.map(\.json))))
            }
        }
        return .object(members)
    }
}

extension Trace.Line {
    fileprivate var json: JSON {
        .object([
            JSONMember("at_ms", .int(self.at.milliseconds)),
            JSONMember("line", self.line.map { .int(Int64($0)) } ?? .null),
            JSONMember("bad_luck", .bool(self.isBadLuck)), JSONMember("text", .string(self.text)),
        ])
    }
}

extension Trace {
    /// Marks the steps of the way in a Mermaid flowchart, the last one most.
    package var mermaidClasses: String {
        var lines = [
            "  classDef walked stroke:#d97706,stroke-width:3px", "  classDef violated fill:#fecaca,stroke:#b91c1c",
        ]
        var steps: [String] = []
        for step in self.path where !steps.contains(step.text) {
            steps.append(step.text)
        }
        if let last = steps.popLast() {
            if !steps.isEmpty {
                lines.append("  class \(steps.joined(separator: ",")) walked")
            }
            lines.append("  class \(last) violated")
        }
        return lines.joined(separator: "\n")
    }
}
