// Selfheal
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import RunPlan
import RunVocabulary
import RunbookSource

struct Graph: ParsableCommand {
    enum Format: String, ExpressibleByArgument, CaseIterable {
        case mermaid
    }

    static let configuration = CommandConfiguration(abstract: "Draw a runbook as the state machine it becomes.")

    @Argument(help: "The runbook's file.")
    var file: String

    @Option(help: "The language of the drawing.")
    var format = Format.mermaid

    func run() throws {
        let plan = try RunbookFile.loadOrExit(self.file)
        Terminal.output(MermaidDrawing(of: plan).text)
    }
}

extension RunbookFile {
    /// The plan, or the diagnostics on standard error and exit status 1.
    static func loadOrExit(_ path: String) throws -> Plan {
        let loaded = self.load(path)
        guard let plan = loaded.plan else {
            Terminal.say(DiagnosticRenderer(files: [loaded.file]).render(loaded.diagnostics))
            throw loaded.failure
        }
        return plan
    }
}

/// A plan as a Mermaid flowchart: gates are hexagons, acts are framed twice, loops are boxes around their steps.
struct MermaidDrawing {
    private let plan: Plan
    private var lines: [String] = ["flowchart TD"]

    init(of plan: Plan) {
        self.plan = plan
        self.draw(Plan.main, indent: 1)
        if let region = plan.onFailure {
            self.drawBox("on_failure", region)
        }
        if let region = plan.finally {
            self.drawBox("finally", region)
        }
        self.lines.append("  classDef act stroke-width:3px")
        self.lines.append("  classDef gate stroke-dasharray:4")
    }

    var text: String {
        self.lines.joined(separator: "\n")
    }

    private mutating func drawBox(_ title: String, _ region: RegionID) {
        self.lines.append("  subgraph \(title)")
        self.draw(region, indent: 2)
        self.lines.append("  end")
    }

    private mutating func draw(_ region: RegionID, indent: Int) {
        let pad = String(repeating: "  ", count: indent)
        let states = self.plan[region].states
        for state in states {
            if case .forEach(let loop) = state.action {
                self.lines.append("\(pad)subgraph \(state.step)_loop [\"for each \(loop.name)\"]")
                self.draw(loop.body, indent: indent + 1)
                self.lines.append("\(pad)end")
            }
            self.lines.append(pad + self.node(state))
        }
        for state in states {
            self.drawArrows(of: state, among: states, region, pad)
        }
    }

    private func node(_ state: PlanState) -> String {
        let label = "\(state.title ?? state.step.text)<br/><small>\(state.action.verb)</small>"
            .replacing("\"", with: "#quot;")
        switch state.action {
        case .approve: return "\(state.step){{\"\(label)\"}}:::gate"
        case .choose: return "\(state.step){\"\(label)\"}"
        case .finish(let outcome, _): return "\(state.step)([\"\(outcome.rawValue)\"])"
        case .run(let action) where action.effect.changesTheWorld:
            return "\(state.step)[[\"\(label): \(action.effect.rawValue)\"]]:::act"
        case .forEach(let loop):
            return "\(state.step)[/\"\(label) \(loop.name)\"/]"
        case .probe, .wait, .run, .notify, .set, .pause: return "\(state.step)[\"\(label)\"]"
        }
    }

    private mutating func drawArrows(
        of state: PlanState,
        among states: [PlanState],
        _ region: RegionID,
        _ pad: String
    ) {
        for (destination, label) in state.arrows {
            let target: String
            switch destination {
            case .state(let index): target = states[index].step.text
            case .end where self.plan[region].role == .main: target = "succeeded([\"succeeded\"])"
            case .end, .fail: continue
            }
            let text = label.isEmpty ? "" : "|\"\(label.replacing("\"", with: "#quot;"))\"|"
            self.lines.append("\(pad)\(state.step) -->\(text) \(target)")
        }
        if case .forEach(let loop) = state.action, let first = self.plan[loop.body].states.first {
            self.lines.append("\(pad)\(state.step) -.-> \(first.step)")
        }
    }
}

extension PlanState {
    /// Where the state leads, with what is written on the arrow; outcomes that share a destination share an arrow.
    var arrows: [(Destination, String)] {
        switch self.action {
        case .finish: return []
        case .choose(let action):
            var arrows = action.branches.map { ($0.next, $0.when.text.shortened(to: 60)) }
            arrows.append((action.otherwise, "otherwise"))
            if let unknown = action.ifUnknown {
                arrows.append((unknown, "unknown"))
            }
            return arrows
        case .probe, .wait, .run, .approve, .notify, .forEach, .set, .pause:
            var outcomes: [(Destination, [String])] = [(self.routes.succeeded, [])]
            let others: [(Destination, String)] = [
                (self.routes.failed, "failed"), (self.routes.timedOut, "timed out"), (self.routes.refused, "refused"),
            ]
            for (destination, word) in others where destination != self.routes.succeeded {
                if let index = outcomes.firstIndex(where: { $0.0 == destination }) {
                    outcomes[index].1.append(word)
                } else {
                    outcomes.append((destination, [word]))
                }
            }
            if let doubt = self.routes.inDoubt {
                outcomes.append((doubt, ["in doubt"]))
            }
            return outcomes.map { ($0.0, $0.1.joined(separator: ", ")) }
        }
    }
}

extension String {
    /// At most `limit` characters on one line.
    func shortened(to limit: Int) -> String {
        let line = self.split(whereSeparator: \.isWhitespace).joined(separator: " ")
        return line.count <= limit ? line : line.prefix(limit - 1) + "…"
    }
}
