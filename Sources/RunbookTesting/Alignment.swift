// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunSimulator
import RunVocabulary

/// Lays a list of what is expected beside a list of what happened, so that as much as possible stands opposite its like.
struct Alignment {
    /// Of each thing that happened, which expectation it meets.
    enum Mark: Hashable, Sendable {
        case met(Int)
        /// It falls into a gap: anything may happen there.
        case inGap
        case unexpected
    }

    private(set) var marks: [Mark] = []
    /// Expectations that nothing met, each with the number of things that had happened before its turn.
    private(set) var missing: [(wanted: Int, before: Int)] = []

    var isExact: Bool {
        self.missing.isEmpty && !self.marks.contains(.unexpected)
    }

    /// Above what a person compares; beyond it only the beginnings are laid side by side.
    private static let cellLimit = 4_000_000

    /// Whatever can be met is met, however much stands between, so that a run is shown where it parted from its path.
    private static let missingCost = 100_000

    /// What has to be forgiven is least.
    init(_ wanted: [Wanted], _ actual: [RehearsalResult.Moment.What]) {
        guard (wanted.count + 1) * (actual.count + 1) <= Self.cellLimit else {
            self.compareBeginnings(wanted, actual)
            return
        }
        let costs = Self.costs(wanted, actual)
        let width = actual.count + 1
        var (i, j) = (0, 0)
        while i < wanted.count || j < actual.count {
            let cost = costs[i * width + j]
            let isGap = i < wanted.count && wanted[i] == .gap
            if isGap, j < actual.count, costs[i * width + j + 1] == cost {
                self.marks.append(.inGap)
                j += 1
            } else if isGap {
                i += 1
            } else if i < wanted.count, j < actual.count, wanted[i].fits(actual[j]),
                costs[(i + 1) * width + j + 1] == cost
            {
                self.marks.append(.met(i))
                (i, j) = (i + 1, j + 1)
            } else if i < wanted.count, !isGap, costs[(i + 1) * width + j] + Self.missingCost == cost {
                self.missing.append((i, j))
                i += 1
            } else {
                self.marks.append(.unexpected)
                j += 1
            }
        }
    }

    /// For the rest of both lists from each place on, how much has to be forgiven.
    private static func costs(_ wanted: [Wanted], _ actual: [RehearsalResult.Moment.What]) -> [Int] {
        let width = actual.count + 1
        var costs = [Int](repeating: 0, count: (wanted.count + 1) * width)
        for i in stride(from: wanted.count, through: 0, by: -1) {
            for j in stride(from: actual.count, through: 0, by: -1) {
                guard i < wanted.count || j < actual.count else {
                    continue
                }
                var best = Int.max
                if i < wanted.count, wanted[i] == .gap {
                    best = min(costs[(i + 1) * width + j], j < actual.count ? costs[i * width + j + 1] : .max)
                } else {
                    if i < wanted.count {
                        best = costs[(i + 1) * width + j] + Self.missingCost
                    }
                    if j < actual.count {
                        best = min(best, costs[i * width + j + 1] + 1)
                    }
                    if i < wanted.count, j < actual.count, wanted[i].fits(actual[j]) {
                        best = min(best, costs[(i + 1) * width + j + 1])
                    }
                }
                costs[i * width + j] = best
            }
        }
        return costs
    }

    private mutating func compareBeginnings(_ wanted: [Wanted], _ actual: [RehearsalResult.Moment.What]) {
        let pairs = zip(wanted, actual)
        let common = pairs.prefix { $0 != .gap && $0.fits($1) }.count
        self.marks = (0..<common).map { .met($0) }
        let hasGap = common < wanted.count && wanted[common] == .gap
        self.marks += [Mark](repeating: hasGap ? .inGap : .unexpected, count: actual.count - common)
        self.missing = (common..<wanted.count).filter { wanted[$0] != .gap }.map { ($0, common) }
    }
}

extension Wanted {
    func fits(_ what: RehearsalResult.Moment.What) -> Bool {
        switch (self, what) {
        case (.gap, _): true
        case (.step(let text), .entered(let key)): text == key.text || text == key.stepName.text
        case (.command(let node, let summary), .sent(_, let target, let text)): node == target && summary == text
        case (.notice(let channel, let severity, let says), .told(let channels, let loudness, let message)):
            channel.map(channels.contains) ?? true && severity.map { $0 == loudness } ?? true
                && says.map { message.onOneLine.contains($0) } ?? true
        case (.step, _), (.command, _), (.notice, _): false
        }
    }

    /// As a report shows it.
    var text: String {
        switch self {
        case .gap: "..."
        case .step(let name): name
        case .command(let node, let summary): "\(node?.text ?? "engine"): \(summary)"
        case .notice(let channel, let severity, let says):
            [severity?.rawValue, channel.map { "to \($0)" }, says.map { "'\($0)'" }].compactMap { $0 }
                .joined(separator: " ")
        }
    }
}

extension String {
    /// Line breaks and runs of spaces become one space each.
    var onOneLine: String {
        self.split { $0 == " " || $0.isNewline }.joined(separator: " ")
    }
}
