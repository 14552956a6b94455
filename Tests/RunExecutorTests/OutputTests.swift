// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunCore
import RunExecutor
import RunPlan
import RunTestSupport
import RunVocabulary
import Testing

/// What is kept of the output of many hosts.
@Suite struct OutputTests {
    private static let text = String(repeating: "0123456789abcde\n", count: 8_192)

    /// The bytes of output in the records of a run, and how many records say that something was cut.
    private static func kept(_ life: Life) -> (bytes: Int, cut: Int, shares: Set<Int>) {
        var (bytes, cut) = (0, 0)
        var shares: Set<Int> = []
        for case .ended(_, let report, _) in life.journal.events {
            bytes += report.standardOutput.utf8.count + report.standardError.utf8.count
            shares.insert(report.standardOutput.utf8.count)
            cut += report.isOutputCut ? 1 : 0
        }
        return (bytes, cut, shares)
    }

    // Goal: a thousand hosts that print much neither fill the memory nor the journal, and none takes the room of another.
    @Test(
        arguments: [
            Sample.oneCommand("effect: changes, batch: { size: 1000 }"),
            Sample.oneCommand().replacing(
                "    run: { targets: nodes, command: [act], effect: changes }\n    timeout: 1m",
                with: """
                        for_each: { as: node, in: nodes, serial: 1000 }
                        steps:
                          - id: each
                            run: { targets: "[node]", command: [act], effect: changes }
                            timeout: 1m
                    """
            ),
        ]
    )
    func `a step over a thousand hosts keeps no more than its limit, in equal shares, and says what is cut`(
        runbook: String
    ) async throws {
        let binding = try PlanFixture.binding(runbook, nodes: 1_000)
        let life = Life(binding)
        life.hosts.say(Self.text, by: "act")
        #expect(try await life.run() == .succeeded)
        let (bytes, cut, shares) = Self.kept(life)
        #expect(bytes <= CommandReport.stepLimit)
        #expect(bytes > CommandReport.stepLimit * 9 / 10)
        #expect(cut == 1_000)
        #expect(shares.count == 1)
        let records = life.journal.events.reduce(0) { $0 + $1.record.body.count }
        #expect(records < 2 * CommandReport.stepLimit)
    }

    @Test func `few hosts keep as much as one command may, and what was cut is known to the runbook`() async throws {
        let more = """
              - id: whole
                choose:
                  - when: steps.act.results.exists(r, r.output_cut)
                    next: cut
                  - otherwise: done
              - id: done
                finish: { outcome: succeeded }
              - id: cut
                finish: { outcome: escalated }
            """
        let life = Life(try PlanFixture.binding(Sample.oneCommand(step: more)))
        life.hosts.say(Self.text, by: "act")
        #expect(try await life.run() == .escalated)
        let shares = Self.kept(life).shares
        #expect(shares.allSatisfy { $0 <= CommandReport.outputLimit && $0 > CommandReport.outputLimit - 64 })
        let small = Life(try PlanFixture.binding(Sample.oneCommand(step: more)))
        small.hosts.say("little", by: "act")
        #expect(try await small.run() == .succeeded)
    }
}
