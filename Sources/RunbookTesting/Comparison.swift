// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunSimulator
package import RunVocabulary
import RunbookSource

/// One line of what was expected beside what happened.
package struct ComparisonRow: Hashable, Sendable {
    package enum Mark: String, Hashable, Sendable {
        /// Nothing was expected there, or anything.
        case free
        case met
        case missing
        case unexpected
    }

    package var mark: Mark
    package var expected: String
    /// Since the scenario began; nothing for what did not happen.
    package var at: Instant?
    package var happened: String
}

/// Puts the lists of what is expected beside the one list of what happened.
struct Comparison {
    private let result: RehearsalResult
    private var marks: [Int: (mark: ComparisonRow.Mark, expected: String)] = [:]
    /// By the index of what stands behind them.
    private var missing: [Int: [String]] = [:]

    init(_ result: RehearsalResult) {
        self.result = result
    }

    /// Takes in one list; `indices` say where the things that happened stand among the moments of the rehearsal.
    mutating func add(_ alignment: Alignment, _ wanted: [Wanted], at indices: [Int]) {
        for (index, mark) in zip(indices, alignment.marks) {
            switch mark {
            case .met(let number): self.marks[index] = (.met, wanted[number].text)
            case .inGap: self.marks[index] = (.free, "...")
            case .unexpected: self.marks[index] = (.unexpected, "")
            }
        }
        for (number, before) in alignment.missing {
            let index = before < indices.count ? indices[before] : self.result.moments.count
            self.missing[index, default: []].append(wanted[number].text)
        }
    }

    mutating func refuse(_ index: Int) {
        self.marks[index] = (.unexpected, "(to be avoided)")
    }

    func rows(_ expectation: Expectation) -> [ComparisonRow] {
        var rows: [ComparisonRow] = []
        for (index, moment) in self.result.moments.enumerated() {
            rows += self.missingRows(at: index)
            guard moment.what.isShown else {
                continue
            }
            let (mark, expected) = self.marks[index] ?? (.free, "")
            rows.append(ComparisonRow(mark: mark, expected: expected, at: moment.at, happened: moment.what.text))
        }
        rows += self.missingRows(at: self.result.moments.count)
        let ending = self.result.endingWord
        let wanted = expectation.ending?.value
        let reason = self.result.endingReason
        rows.append(
            ComparisonRow(
                mark: wanted.map { $0 == ending ? .met : .unexpected } ?? .free,
                expected: wanted?.rawValue ?? "",
                at: self.result.endedAt,
                happened: ending.rawValue + (reason.isEmpty ? "" : ": \(reason)")
            )
        )
        return rows
    }

    private func missingRows(at index: Int) -> [ComparisonRow] {
        (self.missing[index] ?? []).map { ComparisonRow(mark: .missing, expected: $0, at: nil, happened: "") }
    }
}

extension RehearsalResult.Moment.What {
    var isShown: Bool {
        if case .left = self { false } else { true }
    }

    /// As a report shows it.
    var text: String {
        switch self {
        case .entered(let key): key.text
        case .left(let key, let outcome, _, _): "\(key) \(outcome.rawValue)"
        case .sent(_, let target, let text): "\(target?.text ?? "engine"): \(text.onOneLine)"
        case .told(let channels, let severity, let message):
            "\(severity.rawValue) to \(channels.joined(separator: ", ")): \(message.onOneLine)"
        }
    }
}
