// Selfheal
// SPDX-License-Identifier: Apache-2.0

package import RunPlan
package import RunbookSource

/// What came of several files of tests.
package struct TestReport: Hashable, Sendable {
    /// The cases of one file, in its order.
    package struct FileReport: Hashable, Sendable {
        package var path: String
        package var runbook: String
        package var cases: [CaseReport]
        /// Why the file could not be tested, or not wholly; empty is fine.
        package var mistakes: [Diagnostic] = []

        package init(path: String, runbook: String, cases: [CaseReport], mistakes: [Diagnostic] = []) {
            self.path = path
            self.runbook = runbook
            self.cases = cases
            self.mistakes = mistakes
        }
    }

    package var files: [FileReport] = []
    /// Of each runbook, in the order in which they were first tested; empty when only some of the cases were run.
    package var coverage: [Coverage] = []

    package init() {}

    package var cases: [CaseReport] {
        self.files.flatMap(\.cases)
    }

    package var failed: Int {
        self.cases.count { !$0.isPassed }
    }

    package var neverWalked: Int {
        self.coverage.reduce(0) { $0 + $1.neverWalked.count }
    }

    /// What the coverage has to say about the files themselves.
    package var refuted: [Diagnostic] {
        self.coverage.flatMap(\.refuted)
    }

    /// Runs the cases of a file whose names begin with, or contain, what is asked for.
    ///
    /// - Returns: what is wrong with the file beyond its shape.
    package mutating func run(
        _ file: TestFile,
        at path: String,
        of plan: Plan,
        only part: String? = nil
    ) -> [Diagnostic] {
        var diagnostics = file.problems(against: plan)
        guard !diagnostics.hasErrors else {
            self.files.append(FileReport(path: path, runbook: plan.source, cases: [], mistakes: diagnostics))
            return diagnostics
        }
        let chosen = file.cases.filter { test in part.map { test.name.value.contains($0) } ?? true }
        var coverage = self.coverage.first { $0.plan.source == plan.source } ?? Coverage(of: plan)
        var reports: [CaseReport] = []
        for test in chosen {
            let (report, found) = test.run(plan)
            diagnostics += found.filter { !diagnostics.contains($0) }
            if let report {
                coverage.add(report.walked, by: report.name.value)
                reports.append(report)
            }
        }
        for excuse in file.excuses {
            coverage.add(excuse)
        }
        let errors = diagnostics.filter { $0.severity == .error }
        self.files.append(FileReport(path: path, runbook: plan.source, cases: reports, mistakes: errors))
        if part == nil {
            self.coverage.removeAll { $0.plan.source == plan.source }
            self.coverage.append(coverage)
        }
        return diagnostics.inSourceOrder()
    }
}
