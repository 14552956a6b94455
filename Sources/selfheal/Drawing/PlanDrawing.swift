// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunPlan
import RunVocabulary

/// What is drawn of a plan, whatever language it is then written in.
struct PlanDrawing {
    struct Box {
        let id: String
        let title: String
        var nodes: [Node] = []
        var boxes: [Box] = []
        var arrows: [Arrow] = []
    }

    struct Node {
        let id: String
        let name: String
        let title: String?
        let kind: Kind
    }

    /// What a reader must tell apart at a glance, by its shape.
    enum Kind {
        case look(verb: String)
        case act(EffectClass)
        case gate(needed: Int)
        case choice
        case loop(of: String)
        case tell
        case plain(verb: String)
        case end(RunOutcome)
    }

    struct Arrow {
        enum Kind {
            case forward
            /// An outcome short of success.
            case trouble
            /// Into the steps of a loop, and back for the next element.
            case inside
        }

        let from: String
        let to: String
        let label: String
        let kind: Kind
    }

    let title: String
    let main: Box
    /// What comes after the main steps.
    let others: [Box]

    private let plan: Plan

    init(of plan: Plan) {
        self.plan = plan
        self.title = plan.title
        var drawer = Drawer(plan: plan)
        self.main = drawer.box(Plan.main, title: plan.runbook, loop: nil)
        self.others = [("on_failure", plan.onFailure), ("finally", plan.finally)].compactMap { name, region in
            region.map { drawer.box($0, title: name, loop: nil) }
        }
    }
}

private struct Drawer {
    let plan: Plan
    private var boxCount = 0

    /// The longest condition on an arrow.
    private static let labelLimit = 60

    init(plan: Plan) {
        self.plan = plan
    }

    /// A list of steps; `loop` is the step whose elements it is walked for.
    mutating func box(_ region: RegionID, title: String, loop: String?) -> PlanDrawing.Box {
        self.boxCount += 1
        var box = PlanDrawing.Box(id: "box\(self.boxCount)", title: title)
        let states = self.plan[region].states
        var hasEnd = false
        for state in states {
            let id = state.step.text
            box.nodes.append(PlanDrawing.Node(id: id, name: id, title: state.title, kind: self.kind(of: state.action)))
            for (title, inner) in self.insides(of: state) {
                box.boxes.append(self.box(inner, title: title, loop: id))
                if let first = self.plan[inner].states.first {
                    box.arrows.append(PlanDrawing.Arrow(from: id, to: first.step.text, label: "", kind: .inside))
                }
            }
        }
        for state in states {
            for arrow in state.arrows {
                let target: String
                var kind = arrow.isTrouble ? PlanDrawing.Arrow.Kind.trouble : .forward
                switch arrow.destination {
                case .state(let index): target = states[index].step.text
                case .end:
                    if let loop {
                        (target, kind) = (loop, .inside)
                    } else {
                        target = "\(box.id)_end"
                        hasEnd = true
                    }
                case .fail: continue
                }
                box.arrows.append(
                    PlanDrawing.Arrow(from: state.step.text, to: target, label: arrow.label, kind: kind)
                )
            }
        }
        if hasEnd {
            let isMain = region == Plan.main
            let kind: PlanDrawing.Kind = isMain ? .end(.succeeded) : .plain(verb: "end")
            let name = isMain ? RunOutcome.succeeded.rawValue : "end"
            box.nodes.append(PlanDrawing.Node(id: "\(box.id)_end", name: name, title: nil, kind: kind))
        }
        return box
    }

    private func kind(of action: PlanAction) -> PlanDrawing.Kind {
        switch action {
        case .probe, .wait: .look(verb: action.verb)
        case .run(let run): run.effect.changesTheWorld ? .act(run.effect) : .look(verb: action.verb)
        case .request(let request): request.effect.changesTheWorld ? .act(request.effect) : .look(verb: action.verb)
        case .parallel, .call: .plain(verb: action.verb)
        case .approve(let gate): .gate(needed: gate.needed)
        case .choose: .choice
        case .forEach(let loop): .loop(of: "\(loop.name) in \(loop.elements.text.shortened(to: Self.labelLimit))")
        case .notify: .tell
        case .set, .pause: .plain(verb: action.verb)
        case .finish(let outcome, _): .end(outcome)
        }
    }

    /// The lists of steps inside a step.
    private func insides(of state: PlanState) -> [(title: String, region: RegionID)] {
        switch state.action {
        case .forEach(let loop): [("for each \(loop.name)", loop.body)]
        case .parallel(let parallel): parallel.branches.map { ($0.name, $0.body) }
        // A called runbook is drawn by drawing its own file.
        case .probe, .wait, .run, .request, .approve, .notify, .choose, .call, .set, .pause, .finish: []
        }
    }
}

extension PlanState {
    struct DrawnRoute {
        let destination: Destination
        let label: String
        let isTrouble: Bool
    }

    /// Where the state leads, with what is written on the arrow; outcomes that share a destination share an arrow.
    var arrows: [DrawnRoute] {
        switch self.action {
        case .finish: return []
        case .choose(let action):
            var arrows = action.branches.map {
                DrawnRoute(destination: $0.next, label: $0.when.text.shortened(to: 60), isTrouble: false)
            }
            arrows.append(DrawnRoute(destination: action.otherwise, label: "otherwise", isTrouble: false))
            if let unknown = action.ifUnknown {
                arrows.append(DrawnRoute(destination: unknown, label: "unknown", isTrouble: true))
            }
            return arrows
        case .probe, .wait, .run, .request, .approve, .notify, .parallel, .forEach, .call, .set, .pause:
            return self.outcomeArrows
        }
    }

    private var outcomeArrows: [DrawnRoute] {
        var troubles: [(destination: Destination, words: [String])] = []
        var others: [(Destination, String)] = [
            (self.routes.failed, "failed"), (self.routes.timedOut, "timed out"), (self.routes.refused, "refused"),
        ]
        if let doubt = self.routes.inDoubt {
            others.append((doubt, "in doubt"))
        }
        for (destination, word) in others where destination != self.routes.succeeded {
            if let index = troubles.firstIndex(where: { $0.destination == destination }) {
                troubles[index].words.append(word)
            } else {
                troubles.append((destination, [word]))
            }
        }
        return [DrawnRoute(destination: self.routes.succeeded, label: "", isTrouble: false)]
            + troubles.map { trouble in
                // What takes every outcome short of success needs one word only.
                let isAll = trouble.words.starts(with: ["failed", "timed out", "refused"])
                let label = isAll ? "not done" : trouble.words.joined(separator: ", ")
                return DrawnRoute(destination: trouble.destination, label: label, isTrouble: true)
            }
    }
}

extension String {
    /// At most `limit` characters on one line.
    func shortened(to limit: Int) -> String {
        let line = self.split(whereSeparator: \.isWhitespace).joined(separator: " ")
        return line.count <= limit ? line : line.prefix(limit - 1) + "…"
    }

    /// Lines of about `width` characters, broken between words.
    func wrapped(to width: Int) -> [String] {
        var lines: [String] = []
        for word in self.split(whereSeparator: \.isWhitespace) {
            if let last = lines.last, last.count + word.count < width {
                lines[lines.count - 1] = "\(last) \(word)"
            } else {
                lines.append(String(word))
            }
        }
        return lines
    }
}
