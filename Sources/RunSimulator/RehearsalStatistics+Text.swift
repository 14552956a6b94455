// Selfheal
// SPDX-License-Identifier: Apache-2.0

package import RunVocabulary

/// The report of many rehearsals.
extension RehearsalStatistics {
    private static let bars = 12
    private static let barWidth = 40
    private static let shownPaths = 10

    package var text: String {
        var lines = [
            "\(self.runbook) in \(self.scenario), \(self.count) rehearsals",
            "ended well    \(self.wellCount) (\(Self.share(self.wellCount, of: self.count)))",
            "did harm      \(self.harmCount)" + (self.firstHarmfulSeed.map { ", first with --seed \($0)" } ?? ""),
        ]
        if let half = self.percentile(50), let most = self.percentile(95), let nearly = self.percentile(99) {
            let times = "P50 \(half.wholeSeconds), P95 \(most.wholeSeconds), P99 \(nearly.wholeSeconds)"
            lines.append("recovered by  \(times), from the beginning of the scenario")
            lines += [""] + self.bars
        }
        lines += ["", "ways"]
        for path in self.paths.prefix(Self.shownPaths) {
            let share = Self.share(path.count, of: self.count)
            let steps = path.steps.joined(separator: " ")
            lines.append("  \(share)  \(path.ending): \(steps)  (--seed \(path.firstSeed))")
        }
        if self.paths.count > Self.shownPaths {
            lines.append("  and \(self.paths.count - Self.shownPaths) more")
        }
        return lines.joined(separator: "\n")
    }

    private var bars: [String] {
        let parts = self.histogram(bars: Self.bars)
        let most = max(parts.map(\.count).max() ?? 1, 1)
        let labels = parts.map { $0.from.wholeSeconds }
        let width = labels.map(\.count).max() ?? 0
        return zip(parts, labels).map { part, label in
            // Whatever happened at all is seen.
            let length = part.count == 0 ? 0 : max(1, part.count * Self.barWidth / most)
            let space = String(repeating: " ", count: width - label.count)
            let bar = String(repeating: "█", count: length)
            return "  from \(space)\(label) \(bar)\(bar.isEmpty ? "" : " ")\(part.count)"
        }
    }

    /// `97.3 %`, in whole numbers until the last digit, so that it is the same everywhere.
    static func share(_ part: Int, of whole: Int) -> String {
        guard whole > 0 else {
            return "– %"
        }
        let thousandths = (part * 1_000 + whole / 2) / whole
        return "\(thousandths / 10).\(thousandths % 10) %"
    }

    package var json: JSON {
        .object([
            JSONMember("runbook", .string(self.runbook)),
            JSONMember("scenario", .string(self.scenario)),
            JSONMember("rehearsals", .int(Int64(self.count))),
            JSONMember("ended_well", .int(Int64(self.wellCount))),
            JSONMember("did_harm", .int(Int64(self.harmCount))),
            JSONMember("first_harmful_seed", self.firstHarmfulSeed.map { .string("\($0)") } ?? .null),
            JSONMember("p50_ms", self.percentile(50).map { .int($0.count) } ?? .null),
            JSONMember("p95_ms", self.percentile(95).map { .int($0.count) } ?? .null),
            JSONMember("p99_ms", self.percentile(99).map { .int($0.count) } ?? .null),
            JSONMember(
                "ways",
                .array(
                    self.paths.map { path in
                        .object([
                            JSONMember("count", .int(Int64(path.count))),
                            JSONMember("outcome", .string(path.ending)),
                            JSONMember("steps", .array(path.steps.map { .string($0) })),
                            JSONMember("first_seed", .string("\(path.firstSeed)")),
                        ])
                    }
                )
            ),
        ])
    }

    /// The figures of two, one beside the other.
    package static func comparison(_ first: Self, _ second: Self) -> String {
        func row(_ name: String, _ value: (Self) -> String) -> [String] {
            [name, value(first), value(second)]
        }
        func time(_ percent: Int) -> (Self) -> String {
            { $0.percentile(percent)?.wholeSeconds ?? "–" }
        }
        let rows = [
            row("") { $0.runbook }, row("rehearsals") { "\($0.count)" },
            row("ended well") { Self.share($0.wellCount, of: $0.count) }, row("did harm") { "\($0.harmCount)" },
            row("P50", time(50)), row("P95", time(95)), row("P99", time(99)), row("ways") { "\($0.paths.count)" },
        ]
        let widths = (0..<3).map { column in rows.map { $0[column].count }.max() ?? 0 }
        let lines = rows.map { row in
            zip(row, widths).map { $0 + String(repeating: " ", count: $1 - $0.count) }.joined(separator: "  ")
        }
        return lines.map { $0.reversed().drop { $0 == " " }.reversed() }.map { String($0) }.joined(separator: "\n")
    }
}
