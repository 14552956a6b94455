// Selfheal
// SPDX-License-Identifier: Apache-2.0

package import RunPlan
package import RunSimulator
import RunVocabulary
package import RunbookSource

/// How one case came out.
package struct CaseReport: Hashable, Sendable {
    /// An expectation that did not hold.
    package struct Failure: Hashable, Sendable {
        package var message: String
        /// Where the expectation stands.
        package var span: SourceSpan
    }

    package var name: Spanned<String>
    /// The one that the case failed with, or the first.
    package var seed: UInt64
    package var result: RehearsalResult
    package var failures: [Failure]
    /// What was expected beside what happened.
    package var comparison: [ComparisonRow]
    /// With all seeds that were tried.
    package var walked: Set<Transition>

    package var isPassed: Bool {
        self.failures.isEmpty
    }
}

extension TestCase {
    /// Rehearses the case with its seeds, up to the first that it fails with.
    ///
    /// - Returns: no report when the case cannot be rehearsed at all; the diagnostics say why, and may be there besides a report.
    package func run(_ plan: Plan) -> (report: CaseReport?, diagnostics: [Diagnostic]) {
        var first: CaseReport?
        var walked: Set<Transition> = []
        var diagnostics: [Diagnostic] = []
        for seed in self.seeds {
            let (result, found) = Rehearsal.run(plan, in: self.scenario, seed: seed)
            if diagnostics.isEmpty {
                diagnostics = found.filter { !$0.isForCaseToJudge }
            }
            guard let result else {
                return (nil, diagnostics)
            }
            walked.formUnion(plan.walked(by: result))
            let judged = Judge(self.expectation, result, at: self.name.span)
            var report = CaseReport(
                name: self.name,
                seed: seed,
                result: result,
                failures: judged.failures,
                comparison: judged.rows,
                walked: walked
            )
            guard report.isPassed, seed < self.seeds.upperBound else {
                if report.isPassed, let first {
                    report = first
                    report.walked = walked
                }
                return (report, diagnostics)
            }
            first = first ?? report
        }
        return (nil, diagnostics)
    }
}

extension Diagnostic {
    /// What is wrong with a rehearsal by itself, and in a case is what the case may be about.
    fileprivate var isForCaseToJudge: Bool {
        switch self.code.number {
        // It does not end, its trigger does not fire, a selection has no node.
        case 610, 612, 616: true
        default: false
        }
    }
}

/// Holds a rehearsal against what was expected of it.
struct Judge {
    private(set) var failures: [CaseReport.Failure] = []
    private(set) var rows: [ComparisonRow] = []
    private let expectation: Expectation
    private let result: RehearsalResult
    private let span: SourceSpan

    init(_ expectation: Expectation, _ result: RehearsalResult, at span: SourceSpan) {
        self.expectation = expectation
        self.result = result
        self.span = span
        self.judgeEnding()
        self.judgeTime()
        self.judgeHarm()
        var comparison = Comparison(result)
        self.judge(expectation.path, "path", "step", &comparison) { if case .entered = $0 { true } else { false } }
        self.judgeAvoided(&comparison)
        self.judge(expectation.commands, "commands", "command", &comparison) {
            if case .sent = $0 { true } else { false }
        }
        self.judge(expectation.notices, "notices", "notice", &comparison) {
            if case .told = $0 { true } else { false }
        }
        self.rows = comparison.rows(expectation)
    }

    private mutating func fail(_ message: String, at span: SourceSpan) {
        self.failures.append(CaseReport.Failure(message: message, span: span))
    }

    private mutating func judgeEnding() {
        let ending = self.result.endingWord
        if let wanted = self.expectation.ending, wanted.value != ending {
            let why = self.result.endingReason
            self.fail(
                "expected the outcome \(wanted.value.rawValue), and it was \(ending.rawValue)"
                    + (why.isEmpty ? "" : ": \(why)"),
                at: wanted.span
            )
        }
        if let wanted = self.expectation.reason, !self.result.endingReason.contains(wanted.value.onOneLine) {
            let reason = self.result.endingReason
            self.fail(
                "expected '\(wanted.value)' in the reason, which is " + (reason.isEmpty ? "empty" : "'\(reason)'"),
                at: wanted.span
            )
        }
        // A run that hangs is no run that took the right path.
        if self.expectation.ending == nil, ending == .unfinished || ending == .notStarted {
            self.fail("the run did not come to an end: \(self.result.verdict)", at: self.span)
        }
    }

    private mutating func judgeTime() {
        let length = self.result.duration
        if let most = self.expectation.endsWithin, length.map({ $0 > most.value }) ?? true {
            self.fail(
                "expected an end within \(most.value), and it " + (length.map { "took \($0)" } ?? "did not start"),
                at: most.span
            )
        }
        if let least = self.expectation.endsAfter, length.map({ $0 < least.value }) ?? true {
            self.fail(
                "expected no end before \(least.value), and it "
                    + (length.map { "took \($0)" } ?? "did not start"),
                at: least.span
            )
        }
    }

    private mutating func judgeHarm() {
        let isExpected = self.expectation.harm?.value ?? false
        if let harm = self.result.harms.first, !isExpected {
            self.fail("harm was done at T+\(harm.at.sinceBeginning): \(harm.text)", at: self.span)
        }
        if isExpected, self.result.harms.isEmpty, let span = self.expectation.harm?.span {
            self.fail("expected harm, and none was done", at: span)
        }
    }

    private mutating func judge(
        _ list: WantedList?,
        _ key: String,
        _ noun: String,
        _ comparison: inout Comparison,
        _ isMember: (RehearsalResult.Moment.What) -> Bool
    ) {
        guard let list else {
            return
        }
        let indices = self.result.moments.indices.filter { isMember(self.result.moments[$0].what) }
        let wanted = list.elements.map(\.value)
        let alignment = Alignment(wanted, indices.map { self.result.moments[$0].what })
        comparison.add(alignment, wanted, at: indices)
        guard !alignment.isExact else {
            return
        }
        // One sentence for each list: the first thing that went another way explains the rest.
        let missing = alignment.missing.first
        let surprise = alignment.marks.firstIndex(of: .unexpected)
        if let missing, surprise.map({ missing.before <= $0 }) ?? true {
            let next =
                indices.indices.contains(missing.before) ? self.text(at: indices[missing.before]) : "nothing more"
            let wanted = list.elements[missing.wanted]
            self.fail("\(key): expected the \(noun) '\(wanted.value.text)', and there was \(next)", at: wanted.span)
        } else if let surprise {
            self.fail("\(key): nobody expected \(self.text(at: indices[surprise]))", at: list.span)
        }
    }

    private mutating func judgeAvoided(_ comparison: inout Comparison) {
        for avoided in self.expectation.avoids {
            let index = self.result.moments.firstIndex { avoided.value.fits($0.what) }
            guard let index, avoided.value != .gap else {
                continue
            }
            comparison.refuse(index)
            self.fail(
                "avoids: \(self.text(at: index)) was entered at T+\(self.result.moments[index].at.sinceBeginning)",
                at: avoided.span
            )
        }
    }

    private func text(at index: Int) -> String {
        "'\(self.result.moments[index].what.text)'"
    }
}

extension RehearsalResult {
    package var endingWord: Expectation.Ending {
        switch self.ending {
        case .ended(let outcome, _):
            switch outcome {
            case .succeeded: .succeeded
            case .notNeeded: .notNeeded
            case .failed: .failed
            case .escalated: .escalated
            case .cancelled: .cancelled
            }
        case .notStarted: .notStarted
        case .unfinished: .unfinished
        }
    }

    /// On one line; what an unfinished run waits for is its reason.
    package var endingReason: String {
        switch self.ending {
        case .ended(_, let reason), .notStarted(let reason): reason.onOneLine
        case .unfinished(let waits): "waits for \(waits.joined(separator: ", "))".onOneLine
        }
    }
}

extension Instant {
    /// Since the scenario began.
    var sinceBeginning: String {
        self.elapsed(since: Instant(milliseconds: 0)).description
    }
}
