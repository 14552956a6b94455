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
                + "\(assumed.cancels) cancels; people say yes, no or nothing",
            "explored  \(self.exploration.states) states, \(self.exploration.transitions) transitions, "
                + "\(self.exploration.desks) states of the run itself; \(rate) states a second, "
                + "\(self.exploration.bytesPerState) bytes a state",
            "longest   \(self.worst)\(self.dominating.map { ", most of it '\($0)'" } ?? "")",
        ]
        if !self.exploration.isComplete {
            lines.append(
                "limit     the search ended at \(assumed.stateLimit) states a core: assume fewer faults, nodes or beginnings, "
                    + "or allow more with --max-states"
            )
        }
        return lines
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
            JSONMember(
                "assumed",
                .object([
                    JSONMember("nodes", .int(Int64(self.nodes))),
                    JSONMember("beginnings", .int(Int64(self.beginnings))),
                    JSONMember("faults", .int(Int64(self.assumptions.faults))),
                    JSONMember("lies", .int(Int64(self.assumptions.lies))),
                    JSONMember("crashes", .int(Int64(self.assumptions.crashes))),
                    JSONMember("cancels", .int(Int64(self.assumptions.cancels))),
                ])
            ),
            JSONMember("states", .int(Int64(exploration.states))),
            JSONMember("transitions", .int(Int64(exploration.transitions))),
            JSONMember("run_states", .int(Int64(exploration.desks))),
            JSONMember("bytes_per_state", .int(Int64(exploration.bytesPerState))),
            JSONMember("took_ms", .int(Int64(seconds * 1_000))), JSONMember("longest_ms", .int(self.worst.count)),
            JSONMember("dominating_step", self.dominating.map { .string($0.text) } ?? .null),
            JSONMember("properties", .array(self.items.map(\.json))),
        ])
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
