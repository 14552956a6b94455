// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunVocabulary

/// A drawing as a Mermaid flowchart: gates are hexagons, acts are framed twice, loops are boxes around their steps.
struct MermaidDrawing {
    private var lines: [String] = ["flowchart TD"]

    init(of drawing: PlanDrawing) {
        self.draw(drawing.main, indent: 1)
        for box in drawing.others {
            self.drawFramed(box, indent: 1)
        }
        self.lines.append("  classDef act stroke-width:3px")
        self.lines.append("  classDef gate stroke-dasharray:4")
    }

    var text: String {
        self.lines.joined(separator: "\n")
    }

    private mutating func drawFramed(_ box: PlanDrawing.Box, indent: Int) {
        let pad = String(repeating: "  ", count: indent)
        self.lines.append("\(pad)subgraph \(box.id) [\"\(Self.escaped(box.title))\"]")
        self.draw(box, indent: indent + 1)
        self.lines.append("\(pad)end")
    }

    private mutating func draw(_ box: PlanDrawing.Box, indent: Int) {
        let pad = String(repeating: "  ", count: indent)
        for node in box.nodes {
            self.lines.append(pad + Self.node(node))
        }
        for inner in box.boxes {
            self.drawFramed(inner, indent: indent)
        }
        for arrow in box.arrows {
            let label = arrow.label.isEmpty ? "" : "|\"\(Self.escaped(arrow.label))\"|"
            let line =
                switch arrow.kind {
                case .forward: "-->"
                case .trouble, .inside: "-.->"
                }
            self.lines.append("\(pad)\(arrow.from) \(line)\(label) \(arrow.to)")
        }
    }

    private static func node(_ node: PlanDrawing.Node) -> String {
        func label(_ word: String) -> String {
            let title = Self.escaped(node.title ?? node.name)
            return "\"\(title)<br/><small>\(Self.escaped(word))</small>\""
        }
        switch node.kind {
        case .look(let verb), .plain(let verb): return "\(node.id)[\(label(verb))]"
        case .act(let effect): return "\(node.id)[[\(label("run: \(effect.rawValue)"))]]:::act"
        case .gate(let needed): return "\(node.id){{\(label("approve: \(needed)"))}}:::gate"
        case .choice: return "\(node.id){\(label("choose"))}"
        case .loop(let elements): return "\(node.id)[/\(label("for_each \(elements)"))/]"
        case .tell: return "\(node.id)[\(label("notify"))]"
        case .end(let outcome): return "\(node.id)([\"\(outcome.rawValue)\"])"
        }
    }

    private static func escaped(_ text: String) -> String {
        text.replacing("\"", with: "#quot;").replacing("<", with: "&lt;").replacing(">", with: "&gt;")
    }
}
