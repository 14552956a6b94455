// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunPlan
import RunVocabulary

/// Alerts that nobody has acted upon, for each runbook in the order in which they came.
///
/// How many there can be is limited where they are accepted.
struct AlertQueue: Hashable, Sendable {
    struct Waiting: Hashable, Sendable {
        let accepted: AcceptedAlert
        let trigger: PlanAlert
        let subject: String
        /// Before then there is no use in looking at it again.
        var restsUntil: Instant?
    }

    private var lines: [String: [Waiting]] = [:]

    mutating func append(_ waiting: Waiting) {
        self.lines[waiting.accepted.runbook, default: []].append(waiting)
    }

    var count: Int {
        self.lines.values.reduce(0) { $0 + $1.count }
    }

    func isEmpty(for runbook: String) -> Bool {
        self.lines[runbook] == nil
    }

    /// The first one behind a place that does not rest, nor waits for the end of a run about the same.
    func next(for runbook: String, from place: Int, at moment: Instant, busy: Set<String>) -> (Int, Waiting)? {
        guard let line = self.lines[runbook], place < line.count else {
            return nil
        }
        for index in place..<line.count {
            let waiting = line[index]
            if waiting.restsUntil.map({ $0 <= moment }) ?? true, !busy.contains(waiting.subject) {
                return (index, waiting)
            }
        }
        return nil
    }

    mutating func rest(_ index: Int, for runbook: String, until moment: Instant?) {
        self.lines[runbook]?[index].restsUntil = moment
    }

    mutating func remove(_ index: Int, for runbook: String) {
        self.lines[runbook]?.remove(at: index)
        if self.lines[runbook]?.isEmpty ?? false {
            self.lines[runbook] = nil
        }
    }

    /// Everything in line, in the order in which it came, and the line is empty.
    mutating func takeAll() -> [AcceptedAlert] {
        defer { self.lines = [:] }
        return self.lines.values.flatMap { $0.map(\.accepted) }.sorted { $0.number < $1.number }
    }

    /// When the first that rests is to be looked at again.
    func wakeAt(for runbook: String) -> Instant? {
        self.lines[runbook]?.compactMap(\.restsUntil).min()
    }

    /// Takes out what is over.
    mutating func remove(subjects: Set<String>) -> [Waiting] {
        var removed: [Waiting] = []
        for (runbook, line) in self.lines.sorted(by: { $0.key < $1.key }) {
            let over = line.filter { subjects.contains($0.subject) }
            guard !over.isEmpty else {
                continue
            }
            removed += over
            let rest = line.filter { !subjects.contains($0.subject) }
            self.lines[runbook] = rest.isEmpty ? nil : rest
        }
        return removed
    }
}
