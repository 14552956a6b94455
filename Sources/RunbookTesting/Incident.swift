// Selfheal
// SPDX-License-Identifier: Apache-2.0

package import RunSimulator
package import RunVocabulary

/// One world, and two runbooks of one name in it: what automation without guards did there, and what ours does.
package struct Incident: Sendable {
    package let name: String
    /// The scenario's title: what happened, in one line.
    package let title: String
    package let unguarded: Account
    package let guarded: Account

    /// What one of the two did, in words.
    package struct Account: Hashable, Sendable {
        package let runbook: String
        package let result: RehearsalResult
        /// The codes that the checker has for it.
        package let warnings: [String]

        package init(runbook: String, result: RehearsalResult, warnings: [String]) {
            self.runbook = runbook
            self.result = result
            self.warnings = warnings
        }
    }

    package init(name: String, title: String, unguarded: Account, guarded: Account) {
        self.name = name
        self.title = title
        self.unguarded = unguarded
        self.guarded = guarded
    }
}

extension Incident.Account {
    /// Nothing for clients to bear at the end, and no data lost.
    package var isHarmless: Bool {
        self.result.harms.isEmpty
    }

    /// What was sent, alike together: `restart zookeeper on zk1, zk2 (2 at once)`.
    package var acts: [String] {
        var order: [String] = []
        var nodes: [String: [String]] = [:]
        var together: [String: [Instant: Int]] = [:]
        for moment in self.result.moments {
            guard case .sent(_, let node, let command) = moment.what else {
                continue
            }
            if nodes[command] == nil {
                order.append(command)
            }
            nodes[command, default: []].append(node?.text ?? "the engine")
            together[command, default: [:]][moment.at, default: 0] += 1
        }
        return order.map { command in
            var counts: [(node: String, times: Int)] = []
            for node in nodes[command] ?? [] {
                if let index = counts.firstIndex(where: { $0.node == node }) {
                    counts[index].times += 1
                } else {
                    counts.append((node, 1))
                }
            }
            let names = counts.map { $0.times == 1 ? $0.node : "\($0.node) ×\($0.times)" }
            let most = together[command]?.values.max() ?? 0
            return "\(command) on \(names.joined(separator: ", "))" + (most > 1 ? " (\(most) at once)" : "")
        }
    }

    /// What it cost, most grave first; empty when nobody noticed.
    package var costs: [String] {
        let toll = self.result.toll ?? Toll()
        var costs = self.result.harms.map { "data harmed: \($0.text)" }
        if toll.endsLeaderless {
            costs.append("ends without a quorum")
        } else if toll.leaderless > .zero {
            costs.append("no quorum for \(toll.leaderless)")
        }
        if toll.endsOffline > 0 {
            costs.append("ends with \(toll.endsOffline) partitions offline")
        } else if toll.mostOffline > 0 {
            costs.append("\(toll.mostOffline) partitions offline, \(toll.offline) in all")
        }
        return costs
    }

    /// How it ended, and why if it says so.
    package var ending: String {
        let text: String
        switch self.result.ending {
        case .ended(let outcome, let reason):
            text = reason.isEmpty || outcome == .succeeded ? outcome.rawValue : "\(outcome.rawValue): \(reason)"
        case .notStarted(let reason): text = "not started: \(reason)"
        case .unfinished: text = "not over when the scenario ends"
        }
        guard text.count > Self.endingLimit else {
            return text
        }
        return "\(text.prefix(Self.endingLimit - 1))…"
    }

    private static let endingLimit = 100

    var sentences: [String] {
        (self.acts.isEmpty ? ["sends nothing"] : self.acts) + [self.ending] + self.costs.map { "→ \($0)" }
    }

    var json: JSON {
        let toll = self.result.toll ?? Toll()
        return .object([
            JSONMember("runbook", .string(self.runbook)),
            JSONMember("warnings", .array(self.warnings.map { .string($0) })),
            JSONMember("acts", .array(self.acts.map { .string($0) })),
            JSONMember("ending", .string(self.ending)),
            JSONMember("outcome", self.result.outcome.map { .string($0.rawValue) } ?? .null),
            JSONMember("harms", .array(self.result.harms.map { .string($0.text) })),
            JSONMember("no_quorum_ms", .int(toll.leaderless.count)),
            JSONMember("ends_without_quorum", .bool(toll.endsLeaderless)),
            JSONMember("offline_ms", .int(toll.offline.count)),
            JSONMember("most_offline", .int(Int64(toll.mostOffline))),
            JSONMember("ends_offline", .int(Int64(toll.endsOffline))),
        ])
    }
}

// MARK: For people and programs

extension Incident {
    /// A table of three columns, wide enough for a terminal of 120.
    package static func table(_ incidents: [Incident]) -> String {
        let widths = [34, 40, 42]
        var lines = [
            Self.row([["incident"], ["what unguarded automation did"], ["what Selfheal does"]], widths),
            widths.map { String(repeating: "─", count: $0) }.joined(separator: "─┼─"),
        ]
        for (number, incident) in incidents.enumerated() {
            let cells = [[incident.name, incident.title], incident.unguarded.sentences, incident.guarded.sentences]
            lines += number == 0 ? [] : [Self.row([[], [], []], widths)]
            lines.append(Self.row(cells, widths))
        }
        return lines.joined(separator: "\n")
    }

    package static func json(_ incidents: [Incident]) -> JSON {
        .array(
            incidents.map { incident in
                .object([
                    JSONMember("incident", .string(incident.name)),
                    JSONMember("title", .string(incident.title)),
                    JSONMember("unguarded", incident.unguarded.json),
                    JSONMember("selfheal", incident.guarded.json),
                ])
            }
        )
    }

    /// Cells beside one another, each a list of sentences that begin on lines of their own.
    private static func row(_ cells: [[String]], _ widths: [Int]) -> String {
        let columns = zip(cells, widths).map { sentences, width in sentences.flatMap { Self.wrapped($0, width) } }
        let height = max(columns.map(\.count).max() ?? 0, 1)
        return (0..<height).map { line in
            let parts = zip(columns, widths).map { column, width in
                let text = line < column.count ? column[line] : ""
                return text + String(repeating: " ", count: max(width - text.count, 0))
            }
            var text = parts.joined(separator: " │ ")
            while text.last == " " {
                text.removeLast()
            }
            return text
        }
        .joined(separator: "\n")
    }

    /// Lines of at most so many characters; a word that is longer is cut.
    private static func wrapped(_ sentence: String, _ width: Int) -> [String] {
        var lines: [String] = []
        var line = ""
        for word in sentence.split(whereSeparator: \.isWhitespace) {
            if !line.isEmpty, line.count + 1 + word.count <= width {
                line += " \(word)"
                continue
            }
            if !line.isEmpty {
                lines.append(line)
            }
            line = lines.isEmpty ? String(word) : "  \(word)"
            while line.count > width {
                lines.append(String(line.prefix(width)))
                line = "  \(line.dropFirst(width))"
            }
        }
        return lines + (line.isEmpty ? [] : [line])
    }
}
