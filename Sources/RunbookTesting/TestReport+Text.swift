// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunPlan
import RunSimulator
import RunVocabulary
import RunbookSource

/// The report for people.
extension TestReport {
    /// Cases that failed are shown with what happened; when it is verbose, those that passed, too.
    package func text(isVerbose: Bool = false) -> String {
        var lines: [String] = []
        for file in self.files {
            lines.append(file.path)
            for test in file.cases {
                lines += test.lines(isVerbose: isVerbose)
            }
            if file.cases.isEmpty, file.mistakes.isEmpty {
                lines.append("  no case was run")
            }
            if !file.mistakes.isEmpty {
                // What they are is told where mistakes are told.
                lines.append("  – not run: \(file.mistakes.count.counted("mistake"))")
            }
        }
        for part in self.coverage.map(\.lines) + [[self.summary]] {
            // A case that failed ends with a blank line of its own.
            lines += (lines.last == "" ? [] : [""]) + part
        }
        return lines.joined(separator: "\n")
    }

    package var summary: String {
        let passed = self.cases.count - self.failed
        let failed = self.failed == 0 ? "none failed" : "\(self.failed) failed"
        let never = self.neverWalked
        let transitions = never == 1 ? "1 transition was" : "\(never) transitions were"
        let mistaken = self.files.count { !$0.mistakes.isEmpty }
        let files = mistaken == 1 ? "1 file has mistakes" : "\(mistaken) files have mistakes"
        return "\(passed) of \(self.cases.count) cases passed, \(failed)"
            + (mistaken == 0 ? "" : "; \(files)")
            + (never == 0 ? "" : "; \(transitions) never walked")
    }
}

extension Coverage {
    fileprivate var lines: [String] {
        let never = self.neverWalked
        let excused = self.excused
        let counts = [
            "\(self.walked.count) of \(self.transitions.count) transitions walked",
            excused.isEmpty ? nil : "\(excused.count) cannot be", never.isEmpty ? nil : "never walked:",
        ]
        let head = "\(self.plan.source): \(counts.compactMap { $0 }.joined(separator: ", "))"
        return [head]
            + never.map { transition in
                "  \(self.plan.source):\(transition.place.line): \(transition.step), \(transition.exit.text)"
                    + " → \(transition.destination)"
            }
    }
}

extension CaseReport {
    fileprivate func lines(isVerbose: Bool) -> [String] {
        let mark = self.isPassed ? "✔" : "✘"
        var lines = ["  \(mark) \(self.name.value): \(self.result.verdict)"]
        guard !self.isPassed || isVerbose else {
            return lines
        }
        for failure in self.failures {
            lines.append("      \(failure.span.path):\(failure.span.start.line): \(failure.message)")
        }
        if self.seed != 1 {
            lines.append("      with the seed \(self.seed)")
        }
        return lines + [""] + self.comparison.table.map { "      " + $0 } + [""]
    }
}

extension [ComparisonRow] {
    /// No line of a message needs more to be recognised.
    private static let widest = 100
    private static let widestExpectation = 44
    /// A run that goes in circles is seen from its beginning.
    private static let longest = 300

    /// Two columns; what differs is marked.
    var table: [String] {
        let shown = self.prefix(Self.longest)
        let moments = shown.map { $0.at.map { "T+\($0.sinceBeginning)" } ?? "" }
        let left = shown.map { $0.expected.shortened(to: Self.widestExpectation) }
        let width = (left + ["expected"]).map(\.count).max() ?? 0
        let momentWidth = moments.map(\.count).max() ?? 0
        var lines = ["  \("expected".padded(to: width)) │ happened"]
        for ((row, moment), text) in zip(zip(shown, moments), left) {
            let happened = row.mark == .missing ? "–" : row.happened.shortened(to: Self.widest)
            lines.append(
                "\(row.mark.sign) \(text.padded(to: width)) │ \(moment.padded(to: momentWidth)) \(happened)"
            )
        }
        if self.count > shown.count {
            lines.append("  … and \(self.count - shown.count) more")
        }
        return lines
    }
}

extension ComparisonRow.Mark {
    fileprivate var sign: String {
        switch self {
        case .free: " "
        case .met: "="
        case .missing: "-"
        case .unexpected: "+"
        }
    }
}

extension String {
    fileprivate func padded(to width: Int) -> String {
        self + String(repeating: " ", count: Swift.max(0, width - self.count))
    }

    fileprivate func shortened(to limit: Int) -> String {
        self.count > limit ? "\(self.prefix(limit - 1))…" : self
    }
}
