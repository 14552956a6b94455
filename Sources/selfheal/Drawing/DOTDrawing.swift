// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunVocabulary

/// A drawing in the language of Graphviz.
///
/// Shapes carry the meaning and colours repeat it: gates are hexagons, acts are framed twice and name their effect, choices are diamonds, messages
/// are notes, ends are ovals, and what is inside a loop has a frame around it. Dashed arrows are outcomes short of success.
struct DOTDrawing {
    private var lines: [String] = []

    private static let labelWidth = 30
    private static let arrowWidth = 26

    init(of drawing: PlanDrawing) {
        self.lines = [
            "digraph {",
            "  graph [label=\(Self.quoted(drawing.title)), labelloc=t, fontname=\"Helvetica\", fontsize=18, "
                + "nodesep=0.35, ranksep=0.45, remincross=true];",
            "  node [fontname=\"Helvetica\", fontsize=11, style=filled, fillcolor=white, margin=\"0.12,0.06\"];",
            "  edge [fontname=\"Helvetica\", fontsize=9, arrowsize=0.7];",
        ]
        self.draw(drawing.main, indent: 1)
        for box in drawing.others {
            self.drawFramed(box, indent: 1)
        }
        self.lines.append("}")
    }

    var text: String {
        self.lines.joined(separator: "\n")
    }

    private mutating func drawFramed(_ box: PlanDrawing.Box, indent: Int) {
        let pad = String(repeating: "  ", count: indent)
        self.lines.append("\(pad)subgraph cluster_\(box.id) {")
        self.lines.append(
            "\(pad)  graph [label=\(Self.quoted(box.title)), labeljust=l, fontsize=11, style=\"rounded,filled\", "
                + "color=\"#888888\", fillcolor=\"#f4f4f4\"];"
        )
        self.draw(box, indent: indent + 1)
        self.lines.append("\(pad)}")
    }

    private mutating func draw(_ box: PlanDrawing.Box, indent: Int) {
        let pad = String(repeating: "  ", count: indent)
        for node in box.nodes {
            self.lines.append("\(pad)\(Self.quoted(node.id)) [\(Self.attributes(of: node))];")
        }
        for inner in box.boxes {
            self.drawFramed(inner, indent: indent)
        }
        for arrow in box.arrows {
            var attributes: [String] = []
            if !arrow.label.isEmpty {
                attributes.append("label=\(Self.quoted(arrow.label.wrapped(to: Self.arrowWidth)))")
            }
            switch arrow.kind {
            case .forward: attributes.append("weight=8")
            case .trouble: attributes.append("style=dashed, color=\"#a03030\", fontcolor=\"#a03030\", weight=0")
            case .inside: attributes.append("style=dotted")
            }
            self.lines.append(
                "\(pad)\(Self.quoted(arrow.from)) -> \(Self.quoted(arrow.to)) [\(attributes.joined(separator: ", "))];"
            )
        }
    }

    private static func attributes(of node: PlanDrawing.Node) -> String {
        func attributes(_ shape: String, _ word: String, _ colour: String, _ more: String = "") -> String {
            var lines = [node.name]
            if let title = node.title {
                lines += title.wrapped(to: Self.labelWidth)
            }
            if word != node.name {
                lines.append("[\(word)]")
            }
            return "shape=\(shape), label=\(Self.quoted(lines)), fillcolor=\"\(colour)\"\(more)"
        }
        switch node.kind {
        case .look(let verb): return attributes("box", verb, "#e3effb", ", style=\"rounded,filled\"")
        case .act(let effect):
            return attributes(
                "box",
                "run: \(effect.rawValue)",
                Self.colour(of: effect),
                ", peripheries=2, penwidth=1.5"
            )
        case .gate(let needed): return attributes("hexagon", "approve: \(needed)", "#fff2a8", ", penwidth=2")
        case .choice:
            return "shape=diamond, label=\(Self.quoted(node.name)), fillcolor=\"#f0e6fa\", margin=\"0.02,0.02\""
        case .loop(let elements):
            return attributes("box3d", "for each \(elements.shortened(to: Self.labelWidth))", "#e6e6e6")
        case .tell: return attributes("note", "notify", "#ffffff")
        case .plain(let verb): return attributes("box", verb, "#ffffff")
        case .end(let outcome):
            let bold = outcome == .succeeded ? ", penwidth=2" : ""
            let lines = node.name == outcome.rawValue ? [node.name] : [node.name, "[\(outcome.rawValue)]"]
            return "shape=oval, label=\(Self.quoted(lines)), fillcolor=\"#d9d9d9\"\(bold)"
        }
    }

    private static func colour(of effect: EffectClass) -> String {
        switch effect {
        case .starts, .reads: "#d5efd5"
        case .restarts, .changes, .promotes: "#fde3c0"
        case .stops, .fences: "#f9cfc4"
        case .wipes, .movesData: "#f2a5a5"
        }
    }

    /// One line or several, as a string of the language.
    private static func quoted(_ lines: [String]) -> String {
        let escaped = lines.map { $0.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"") }
        return "\"\(escaped.joined(separator: "\\n"))\""
    }

    private static func quoted(_ line: String) -> String {
        self.quoted([line])
    }
}
