// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunCore
import RunPlan
import RunVocabulary

extension RunEvent {
    /// What it says of the world, a line for each thing that it is about.
    var evidence: [String] {
        switch self {
        case .started: return ["the run starts"]
        case .refused(let reason, _): return ["the run does not begin: \(reason)"]
        case .resumed: return ["an engine takes the run up again"]
        case .observed(_, let reports, _), .probed(_, let reports, _):
            return reports.map { "\($0.target?.text ?? "this machine"): \($0.text)" }
        case .began(let effect, _): return ["'\(effect)' is sent"]
        case .ended(let effect, let report, _): return ["'\(effect)' is over: \(report.text)"]
        case .voted(let step, let vote, _):
            let comment = vote.comment.isEmpty ? "" : " (\(vote.comment))"
            return ["\(vote.person) answers at \(step): \(vote.decision.rawValue)\(comment)"]
        case .told(_, let deliveries, _):
            return deliveries.map { delivery in
                "\(delivery.channel): \(delivery.failure.map { "could not be told: \($0)" } ?? "told")"
            }
        case .clockReached: return ["the clock goes on"]
        case .cancelRequested(let person, let because, _):
            return ["\(person) cancels\(because.isEmpty ? "" : ": \(because)")"]
        case .settled(let step, let settlement, _):
            let what = settlement.happened ? "happened" : "did not happen"
            return ["\(settlement.by) settles \(step): it \(what) (\(settlement.because))"]
        case .triggerCleared(let what, _): return ["what it was started for is over: \(what)"]
        }
    }
}

extension ProbeReport {
    fileprivate var text: String {
        guard !self.facts.isEmpty else {
            return "nothing is known"
        }
        let facts = self.facts.sorted { $0.key < $1.key }.map { "\($0.key) = \($0.value.text.oneLine)" }
        return facts.joined(separator: ", ")
    }
}

extension CommandReport {
    fileprivate var text: String {
        let ending =
            switch self.ending {
            case .exited(let status): "exit status \(status)"
            case .signalled(let name): "ended by signal \(name)"
            case .timedOut: "not done in time, stopped"
            case .stopped: "stopped"
            case .notSent(let reason): "not sent: \(reason)"
            case .inDoubt(let reason, _): "in doubt: \(reason)"
            }
        let printed = self.standardOutput.isEmpty ? self.standardError : self.standardOutput
        return printed.isEmpty ? ending : "\(ending), printed '\(printed.oneLine)'"
    }
}

extension String {
    private static let lineLimit = 120

    /// Line breaks and runs of spaces become one space each; what is long is cut.
    var oneLine: String {
        let line = self.split { $0 == " " || $0.isNewline }.joined(separator: " ")
        return line.count > Self.lineLimit ? "\(line.prefix(Self.lineLimit - 1))…" : line
    }

    func padded(to width: Int) -> String {
        self + String(repeating: " ", count: max(0, width - self.count))
    }
}

extension Milliseconds {
    /// As timelines have it: `T+1m30s`, with the part of a second where it is short.
    var label: String {
        self < .minutes(1) ? "T+\(self)" : "T+\(Milliseconds(self.count / 1_000 * 1_000))"
    }
}

extension [ReplayStep] {
    /// Each record with its evidence, and under it what was decided.
    func lines(isBrief: Bool) -> [String] {
        let moments = self.map(\.at.label)
        let width = moments.map(\.count).max() ?? 0
        let numbers = self.map { $0.record.map { "\($0)" } ?? "" }
        let numberWidth = numbers.map(\.count).max() ?? 0
        var lines: [String] = []
        for (index, step) in self.enumerated() {
            guard !isBrief || !step.decisions.isEmpty else {
                continue
            }
            let number = String(repeating: " ", count: numberWidth - numbers[index].count) + numbers[index]
            let head = "\(moments[index].padded(to: width))  \(number)  "
            let margin = String(repeating: " ", count: head.count)
            let evidence = isBrief ? [] : step.event.evidence
            let body = evidence + step.decisions.map { "→ \($0.text.oneLine)" }
            for (row, text) in body.enumerated() {
                lines.append((row == 0 ? head : margin) + text)
            }
        }
        return lines
    }
}
