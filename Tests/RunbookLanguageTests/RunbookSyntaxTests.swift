// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunVocabulary
import RunbookLanguage
import RunbookSource
import RunbookYAML
import TestSupport
import Testing

/// What a right runbook becomes, and what is kept of a wrong one.
@Suite struct RunbookSyntaxTests {
    private func parse(_ source: MarkedSource) throws -> RunbookSyntax {
        let root = try #require(YAMLDocument.parse(source.file, features: .runbook).root)
        return try #require(RunbookParser.parse(root).syntax)
    }

    @Test func `every word has its place`() throws {
        let source = MarkedSource(
            """
            runbook: ❶mend❶
            severity: critical
            targets:
              ensemble: { role: zookeeper }
            steps:
              - id: ❷look❷
                ❸probe❸: { targets: ❹ensemble❹, zookeeper: { ask: [srvr] } }
                timeout: ❺10s❺
                if_failed: ❻look❻
            """
        )
        let syntax = try self.parse(source)
        #expect(syntax.name == Spanned("mend", at: source["❶"]))
        #expect(syntax.severity?.value == .critical)
        let step = try #require(syntax.steps.first)
        #expect(step.name == Spanned("look", at: source["❷"]))
        #expect(step.verbSpan == source["❸"])
        #expect(step.timeout == Spanned(.seconds(10), at: source["❺"]))
        #expect(step.routes.map(\.outcome) == [.failed])
        #expect(step.routes.first?.step == Spanned("look", at: source["❻"]))
        guard case .probe(let probe) = step.verb else {
            Issue.record("the verb is \(step.verb)")
            return
        }
        #expect(probe.targets?.span == source["❹"])
    }

    @Test func `a single text is a list of one`() throws {
        let source = MarkedSource(runbook(withStep: "notify: { channels: oncall, message: hello }"))
        #expect(shapeProblems(in: source) == [])
        guard case .notify(let notify) = try self.parse(source).steps.first?.verb else {
            Issue.record("no notice")
            return
        }
        #expect(notify.channels.map(\.value) == ["oncall"])
    }

    @Test func `a lock is a name, or a name with a wait`() throws {
        let source = MarkedSource(runbook(withHead: "locks: [cluster, { name: brokers, wait: 5m }]"))
        let locks = try self.parse(source).locks
        #expect(locks.map(\.name.value) == ["cluster", "brokers"])
        #expect(locks.map { $0.wait?.value } == [nil, .minutes(5)])
    }

    @Test func `a step with a wrong verb, or without an id, keeps its place among the steps`() throws {
        let source = MarkedSource(
            """
            runbook: mend
            steps:
              - id: look
                prob: {}
              - finish: { outcome: succeeded }
              - id: done
                finish: { outcome: succeeded }
            """
        )
        #expect(try self.parse(source).steps.map(\.name.value) == ["look", "", "done"])
        #expect(shapeProblems(in: source).map(\.code.number) == [112, 103])
    }

    // Goal: an author sees all mistakes at once, in the order of the file.
    @Test func `several mistakes are reported in one pass`() {
        let source = MarkedSource(
            """
            runbook: mend
            ❶sevrity❶: info
            deadline: ❷90❷
            steps:
              - id: look
                probe: { targets: ensemble, ❸zokeeper❸: {} }
                timeout: ❹5❹
              - id: act
                ❺rnu❺: { service: kafka, do: start }
              - id: rest
                when: 1 > ❻)❻
                pause: ❼10❼
            """
        )
        let problems = shapeProblems(in: source)
        #expect(problems.map(\.code.number) == [102, 105, 102, 105, 112, 301, 105])
        #expect(problems.map(\.span) == "❶❷❸❹❺❻❼".map { source[$0] })
    }

    @Test func `an empty file and a lone word are told as such`() {
        #expect(shapeProblems(in: MarkedSource("hello\n")).map(\.code.number) == [101])
        #expect(shapeProblems(in: MarkedSource("")).count == 1)
    }

    @Test func `a tab in the indentation is one mistake`() {
        let problems = shapeProblems(in: MarkedSource("runbook: mend\nsteps:\n\t- id: look\n"))
        #expect(problems.count == 1)
        #expect(problems.first?.span.start.line == 3)
    }
}
