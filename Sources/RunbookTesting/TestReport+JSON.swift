// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunPlan
import RunSimulator
package import RunVocabulary
import RunbookSource

/// The report for programs.
extension TestReport {
    package var json: JSON {
        .object([
            JSONMember("passed", .int(Int64(self.cases.count - self.failed))),
            JSONMember("failed", .int(Int64(self.failed))),
            JSONMember("never_walked", .int(Int64(self.neverWalked))),
            JSONMember("files", .array(self.files.map(\.json))),
            JSONMember("coverage", .array(self.coverage.map(\.json))),
        ])
    }
}

extension TestReport.FileReport {
    fileprivate var json: JSON {
        .object([
            JSONMember("path", .string(self.path)),
            JSONMember("runbook", .string(self.runbook)),
            JSONMember(
                "mistakes",
                .array(self.mistakes.map { .string("\($0.span.path):\($0.span.start.line): \($0.message)") })
            ),
            JSONMember("cases", .array(self.cases.map(\.json))),
        ])
    }
}

extension CaseReport {
    fileprivate var json: JSON {
        .object([
            JSONMember("case", .string(self.name.value)),
            JSONMember("line", .int(Int64(self.name.span.start.line))),
            JSONMember("passed", .bool(self.isPassed)),
            JSONMember("seed", .string("\(self.seed)")),
            JSONMember("outcome", .string(self.result.endingWord.rawValue)),
            JSONMember("reason", .string(self.result.endingReason)),
            JSONMember("took_ms", self.result.duration.map { .int($0.count) } ?? .null),
            JSONMember(
                "failures",
                .array(
                    self.failures.map { failure in
                        .object([
                            JSONMember("message", .string(failure.message)),
                            JSONMember("path", .string(failure.span.path)),
                            JSONMember("line", .int(Int64(failure.span.start.line))),
                            JSONMember("column", .int(Int64(failure.span.start.column))),
                        ])
                    }
                )
            ),
            JSONMember("comparison", .array(self.comparison.map(\.json))),
        ])
    }
}

extension ComparisonRow {
    fileprivate var json: JSON {
        .object([
            JSONMember("mark", .string(self.mark.rawValue)),
            JSONMember("expected", .string(self.expected)),
            JSONMember("at_ms", self.at.map { .int($0.milliseconds) } ?? .null),
            JSONMember("happened", .string(self.happened)),
        ])
    }
}

extension Coverage {
    fileprivate var json: JSON {
        .object([
            JSONMember("runbook", .string(self.plan.source)),
            JSONMember("transitions", .int(Int64(self.transitions.count))),
            JSONMember("walked", .int(Int64(self.walked.count))),
            JSONMember(
                "cannot_be_walked",
                .array(self.excused.map { self.json(of: $0.transition, [JSONMember("because", .string($0.because))]) })
            ),
            JSONMember("never_walked", .array(self.neverWalked.map { self.json(of: $0, []) })),
        ])
    }

    private func json(of transition: Transition, _ more: [JSONMember]) -> JSON {
        .object(
            [
                JSONMember("step", .string(transition.step.text)),
                JSONMember("on", .string(transition.exit.text)),
                JSONMember("to", .string(transition.destination)),
                JSONMember("line", .int(Int64(transition.place.line))),
                JSONMember("column", .int(Int64(transition.place.column))),
            ] + more
        )
    }
}
