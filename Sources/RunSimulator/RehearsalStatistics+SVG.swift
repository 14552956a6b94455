// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunVocabulary

/// The distribution as a picture, drawn in whole numbers so that it is the same everywhere.
extension RehearsalStatistics {
    private static let bars = 40
    private static let width = 760
    private static let height = 200
    private static let margin = 20
    /// Of one runbook: its heading, its bars and the axis below them.
    private static let panel = 300

    /// One picture with a panel for each, all with an axis of their own.
    package static func svg(_ all: [Self]) -> String {
        let width = Self.width + 2 * Self.margin
        let height = all.count * Self.panel + Self.margin
        var lines = [
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"\(width)\" height=\"\(height)\" "
                + "viewBox=\"0 0 \(width) \(height)\" font-family=\"sans-serif\" font-size=\"12\">",
            "<rect width=\"\(width)\" height=\"\(height)\" fill=\"white\"/>",
        ]
        for (index, statistics) in all.enumerated() {
            lines += statistics.panel(top: index * Self.panel + Self.margin)
        }
        return (lines + ["</svg>", ""]).joined(separator: "\n")
    }

    private func panel(top: Int) -> [String] {
        let title = "\(self.runbook) in \(self.scenario), \(self.count) rehearsals"
        let well = "ended well \(Self.share(self.wellCount, of: self.count)), did harm \(self.harmCount)"
        var lines = [
            Self.text(title, x: Self.margin, y: top + 14, "font-weight=\"bold\""),
            Self.text(well, x: Self.margin, y: top + 32),
        ]
        let parts = self.histogram(bars: Self.bars)
        guard let first = parts.first, parts.count > 1 else {
            return lines + [Self.text("none of them ended well", x: Self.margin, y: top + 60)]
        }
        let bottom = top + 40 + Self.height
        let most = max(parts.map(\.count).max() ?? 1, 1)
        let wide = Self.width / parts.count
        for (index, part) in parts.enumerated() where part.count > 0 {
            let tall = max(1, part.count * Self.height / most)
            let x = Self.margin + index * wide
            lines.append(
                "<rect x=\"\(x)\" y=\"\(bottom - tall)\" width=\"\(wide - 1)\" height=\"\(tall)\" fill=\"#4878a8\">"
                    + "<title>from \(part.from.wholeSeconds): \(part.count)</title></rect>"
            )
        }
        let step = parts[1].from.count - first.from.count
        lines.append(
            "<line x1=\"\(Self.margin)\" y1=\"\(bottom)\" x2=\"\(Self.margin + Self.width)\" y2=\"\(bottom)\" stroke=\"black\"/>"
        )
        for (row, percent) in [50, 95, 99].enumerated() {
            guard let time = self.percentile(percent) else {
                continue
            }
            let x = Self.margin + Int((time.count - first.from.count) * Int64(wide) / max(step, 1))
            lines.append(
                "<line x1=\"\(x)\" y1=\"\(top + 40)\" x2=\"\(x)\" y2=\"\(bottom)\" stroke=\"#b03030\" stroke-dasharray=\"4 3\"/>"
            )
            let label = "P\(percent) \(time.wholeSeconds)"
            let isRight = x > Self.margin + Self.width / 2
            let anchor = isRight ? "text-anchor=\"end\" fill=\"#b03030\"" : "fill=\"#b03030\""
            lines.append(Self.text(label, x: isRight ? x - 4 : x + 4, y: top + 52 + row * 14, anchor))
        }
        for index in stride(from: 0, to: parts.count, by: 8) {
            lines.append(Self.text(parts[index].from.wholeSeconds, x: Self.margin + index * wide, y: bottom + 16))
        }
        return lines
    }

    private static func text(_ text: String, x: Int, y: Int, _ attributes: String = "") -> String {
        let space = attributes.isEmpty ? "" : " "
        return "<text x=\"\(x)\" y=\"\(y)\"\(space)\(attributes)>\(Self.escaped(text))</text>"
    }

    private static func escaped(_ text: String) -> String {
        var escaped = ""
        for character in text {
            switch character {
            case "&": escaped += "&amp;"
            case "<": escaped += "&lt;"
            case ">": escaped += "&gt;"
            default: escaped.append(character)
            }
        }
        return escaped
    }
}
