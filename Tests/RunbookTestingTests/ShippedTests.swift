// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunPlan
import RunVocabulary
import RunbookSource
import RunbookTesting
import Testing

/// The tests that are shipped, carried out; and the same on runbooks with a planted mistake.
@Suite struct ShippedTests {
    @Test func `every shipped runbook has tests`() throws {
        #expect(try Tried.shipped().count >= 7)
    }

    @Test(arguments: try Tried.shipped())
    func `every case passes, and every transition is walked or excused`(path: String) throws {
        let (report, diagnostics) = try Self.run(path)
        #expect(diagnostics == [])
        #expect(report.failed == 0, "\(report.text())")
        #expect(report.neverWalked == 0, "\(report.text())")
        #expect(report.refuted == [])
        #expect(report.cases.count >= 5)
    }

    @Test func `the same tests give the same bytes`() throws {
        let path = "runbooks/rolling_restart_zookeeper.test.yaml"
        let (first, _) = try Self.run(path)
        let (second, _) = try Self.run(path)
        #expect(first.text(isVerbose: true) == second.text(isVerbose: true))
        #expect(first.json.text == second.json.text)
        #expect(first.junit == second.junit)
    }

    /// A runbook, what is changed in it, and into what.
    struct Mutant: Sendable, CustomTestStringConvertible {
        let runbook: String
        let original: String
        let planted: String

        var testDescription: String { "\(self.runbook): \(self.original) → \(self.planted)" }
    }

    // Goal: the tests notice when somebody spoils a runbook.
    // Method: spoil it as people do, and see that a case fails.
    @Test(arguments: [
        Mutant(
            runbook: "rolling_restart_zookeeper",
            original: "- if_unknown: not_whole",
            planted: "- if_unknown: announce_start"
        ),
        Mutant(
            runbook: "rolling_restart_zookeeper",
            original: "        require: ensemble.all(n, n.serving)\n",
            planted: ""
        ),
        Mutant(
            runbook: "rolling_restart_zookeeper",
            original: "in: steps.look.results.sortBy(r, r.target.name).sortBy(r, r.mode == 'leader').map",
            planted: "in: steps.look.results.sortBy(r, r.target.name).sortBy(r, r.mode != 'leader').map"
        ),
        Mutant(runbook: "zookeeper_member_lost", original: "      needed: 2", planted: "      needed: 1"),
        Mutant(
            runbook: "zookeeper_member_lost",
            original: "all(s, s.epoch < r.epoch)",
            planted: "all(s, s.epoch > r.epoch)"
        ),
        Mutant(runbook: "cascade_failure", original: "      serial: 1", planted: "      serial: 2"),
        Mutant(runbook: "cascade_failure", original: "pause: parameters.settle_time", planted: "pause: 1s"),
        Mutant(
            runbook: "zookeeper_quorum_loss",
            original: "        require: empty.all(e, !e.answered)\n",
            planted: ""
        ),
        Mutant(runbook: "restart_service", original: "    if_in_doubt: what_next\n", planted: ""),
        Mutant(
            runbook: "multi_dc_failover",
            original: "exit_status != 0\n        next: ask_cto",
            planted: "exit_status == 3\n        next: ask_cto"
        ),
    ])
    func `a planted mistake makes a case fail`(mutant: Mutant) throws {
        let text = try Tried.text("runbooks/\(mutant.runbook).yaml")
        try #require(text.contains(mutant.original))
        let plan = try Tried.plan(text: text.replacing(mutant.original, with: mutant.planted, maxReplacements: 1))
        let tests = SourceFile(path: "x.test.yaml", text: try Tried.text("runbooks/\(mutant.runbook).test.yaml"))
        var report = TestReport()
        _ = report.run(try #require(Tried.read(tests).file), at: tests.path, of: plan)
        #expect(report.failed > 0)
    }

    private static func run(_ path: String) throws -> (TestReport, [Diagnostic]) {
        let (tests, mistakes) = Tried.read(SourceFile(path: path, text: try Tried.text(path)))
        let file = try #require(tests, "\(mistakes)")
        let folder = path.prefix(while: { $0 != "/" })
        let runbook = "\(folder)/\(file.runbook.value)"
        var report = TestReport()
        let found = report.run(file, at: path, of: try Tried.plan(text: Tried.text(runbook), path: runbook))
        return (report, mistakes + found)
    }
}
