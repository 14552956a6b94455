// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Foundation
import RunPlan
import RunVocabulary
import RunbookSource
import TestSupport
import Testing

@Suite struct AssumptionTests {
    private static func runbook(_ assume: String) -> String {
        """
        runbook: assuming
        targets:
          ensemble: { role: zookeeper }
          brokers: { role: kafka_broker }
        assume: \(assume)
        steps:
          - id: look
            probe: { targets: ensemble, tcp: { port: client } }
          - id: look_again
            probe: { targets: brokers, tcp: { port: broker } }
        """
    }

    @Test func `what a proof assumes is part of the plan`() throws {
        let text = Self.runbook(
            """

              faults: 2
              lies: 0
              crashes: 3
              cancels: 1
              approvals: [granted, expired]
              nodes: { ensemble: 5 }
              begin: { ensemble: [up, behind], brokers: down }
            """
        )
        let assumptions = try #require(try plan(of: text).assumptions)
        #expect(assumptions.faults == 2)
        #expect(assumptions.lies == 0)
        #expect(assumptions.crashes == 3)
        #expect(assumptions.cancels == 1)
        #expect(assumptions.approvals == [.granted, .expired])
        #expect(assumptions.nodes == ["ensemble": 5])
        #expect(assumptions.begin == ["ensemble": [.up, .behind], "brokers": [.down]])
    }

    @Test func `a plan that assumes nothing says nothing of it`() throws {
        #expect(try plan(of: Self.runbook("{}")).assumptions != nil)
        let silent = Self.runbook("{}").replacing("assume: {}\n", with: "")
        #expect(try plan(of: silent).assumptions == nil)
    }

    @Test(
        arguments: [
            ("{ faults: ❶12❶ }", 106), ("{ faults: ❶many❶ }", 101), ("{ ❶failures❶: 1 }", 102), ("❶[faults]❶", 101),
            ("{ approvals: ❶perhaps❶ }", 104), ("{ approvals: ❶[]❶ }", 101), ("{ nodes: { ensemble: ❶17❶ } }", 106),
            ("{ nodes: { ❶ensembel❶: 3 } }", 208), ("{ begin: { ❶disks❶: [up] } }", 208),
            ("{ begin: { ensemble: [❶dead❶] } }", 104), ("{ begin: { ensemble: ❶[]❶ } }", 101),
            ("{ begin: { ensemble: [❶behind❶] } }", 650), ("{ begin: { brokers: [up, ❶lost❶] } }", 650),
        ] as [(String, UInt16)]
    )
    func `a wrong assumption is refused where it stands`(assume: String, code: UInt16) {
        let source = MarkedSource(Self.runbook(assume))
        let diagnostics = compile(source).diagnostics
        #expect(diagnostics.map(\.code.number) == [code])
        #expect(diagnostics.first?.span == source["❶"])
    }

    @Test func `the page about assumptions shows the mistake, and its cure`() throws {
        let page = try String(
            contentsOf: DiagnosticPageTests.folder.appending(path: "RB0650.md"),
            encoding: .utf8
        )
        let examples = page.components(separatedBy: "```yaml\n").dropFirst().map {
            $0.components(separatedBy: "```")[0]
        }
        try #require(examples.count == 2)
        #expect(compile(MarkedSource(examples[0])).diagnostics.map(\.code.number) == [650])
        #expect(compile(MarkedSource(examples[1])).diagnostics == [])
    }
}
