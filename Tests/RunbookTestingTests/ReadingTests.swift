// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Foundation
import RunSimulator
import RunVocabulary
import RunbookSource
import RunbookTesting
import TestSupport
import Testing

@Suite struct ReadingTests {
    @Test func `a case has what is given, merged key by key`() throws {
        let file = try Self.file(
            """
            tests: runbook.yaml
            given:
              cluster: { name: here, zookeeper: { zk1: {}, zk2: { epoch: 4 } } }
              people: { ada: { roles: sre, after: 2m } }
              timeline: [{ at: 1s, kill: zk1 }]
              commands: [{ on: zk1, fails: always }]
              seed: 7
            cases:
              - case: one
                cluster: { zookeeper: { zk2: { state: down } } }
                people: { ada: { answer: deny } }
                timeline: [{ at: 2s, kill: zk2 }]
                commands: [{ on: zk2, hangs: 1 }]
                seeds: 3
                expect: { outcome: failed }
            """
        )
        let test = file.cases[0]
        #expect(test.scenario.cluster.name == "here")
        #expect(test.scenario.cluster.members.map(\.epoch) == [3, 4])
        #expect(test.scenario.cluster.members.map(\.process) == [.up, .down])
        #expect(test.scenario.people.map(\.answer) == [.deny])
        #expect(test.scenario.people.map(\.roles) == [["sre"]])
        // What befalls the world adds up; of two mishaps the more particular comes first.
        #expect(test.scenario.faults.map(\.nodes) == [["zk1"], ["zk2"]])
        #expect(test.scenario.mishaps.map(\.node) == ["zk2", "zk1"])
        #expect(test.seeds == 7...9)
    }

    @Test func `a table makes a case of each row`() throws {
        let file = try Self.file(
            """
            tests: runbook.yaml
            given: { cluster: { brokers: 2 } }
            cases:
              - case: a broker falls
                table:
                  - { row: the first, timeline: [{ at: 1s, kill: kafka1 }] }
                  - { row: both, timeline: [{ at: 1s, kill: [kafka1, kafka2] }], expect: { outcome: escalated } }
                timeline: [{ at: 9s, heal: kafka1 }]
                expect: { outcome: succeeded, ends_within: 5m }
            """
        )
        #expect(file.cases.map(\.name.value) == ["a broker falls (the first)", "a broker falls (both)"])
        #expect(file.cases.map(\.expectation.ending?.value) == [.succeeded, .escalated])
        #expect(file.cases.map(\.expectation.endsWithin?.value) == [.minutes(5), .minutes(5)])
        #expect(file.cases.map(\.scenario.faults.count) == [2, 2])
        #expect(file.cases[1].name.span.start.line == 7)
    }

    @Test func `everything that can be expected is read`() throws {
        let file = try Self.file(
            """
            tests: ../runbook.yaml
            cases:
              - case: all of it
                cluster: { zookeeper: 3 }
                expect:
                  outcome: not_started
                  reason: quiet
                  path: [look, ..., "roll[1]/restart"]
                  avoids: [wipe]
                  commands: [{ zk1: start zookeeper }, "engine: GET http://a/b", ...]
                  notices: [hello, { to: oncall, severity: critical, says: help }]
                  ends_after: 1m
                  ends_within: 2m
                  harm: true
            cannot_be_walked:
              - { step: look, on: [failed, refused], because: it never is }
            """
        )
        #expect(file.runbook.value == "../runbook.yaml")
        let expectation = file.cases[0].expectation
        #expect(expectation.ending?.value == .notStarted)
        #expect(expectation.reason?.value == "quiet")
        #expect(expectation.path?.elements.map(\.value) == [.step("look"), .gap, .step("roll[1]/restart")])
        #expect(expectation.avoids.map(\.value) == [.step("wipe")])
        #expect(
            expectation.commands?.elements.map(\.value)
                == [.command("zk1", "start zookeeper"), .command(nil, "GET http://a/b"), .gap]
        )
        #expect(
            expectation.notices?.elements.map(\.value)
                == [
                    .notice(channel: nil, severity: nil, says: "hello"),
                    .notice(channel: "oncall", severity: .critical, says: "help"),
                ]
        )
        #expect(expectation.endsAfter?.value == .minutes(1) && expectation.endsWithin?.value == .minutes(2))
        #expect(expectation.harm?.value == true)
        #expect(file.excuses.map { $0.exits.map(\.value) } == [["failed", "refused"]])
    }

    // Goal: a mistake is found at its place, once, whether it stands in a case or in what is given to all of them.
    @Test(arguments: [
        ("❶cases: []❶", 602), ("tests: a.yaml\ncases: ❶x❶", 600),
        ("tests: a.yaml\ncases: [❶x❶]", 600), ("tests: a.yaml\ncases: [{ ❶case❶: 1 }]", 643),
        ("tests: a.yaml\n❶case❶: []\ncases: [{ case: a, cluster: { brokers: 1 }, expect: { outcome: failed } }]", 601),
    ])
    func `the file has a shape`(text: String, code: UInt16) throws {
        let source = MarkedSource(path: "x.test.yaml", text + "\n")
        let (file, diagnostics) = Tried.read(source.file)
        #expect(file == nil)
        #expect(diagnostics.contains { $0.code == Diagnostic.Code(code) })
    }

    @Test(arguments: [
        ("expect: { ❶outcme❶: failed }", 601), ("expect: { outcome: ❶done❶ }", 603),
        ("expect: ❶failed❶", 600), ("expect: { path: ❶look❶ }", 600), ("expect: { path: [❶[a]❶] }", 600),
        ("expect: { commands: [{ ❶kafka9❶: start kafka }] }", 607), ("expect: { commands: [❶start❶] }", 600),
        ("expect: { notices: [{ ❶channel❶: oncall }] }", 601),
        ("expect: { notices: [{ severity: ❶loud❶ }] }", 603), ("expect: { ends_within: ❶90❶ }", 604),
        ("expect: { ends_within: 1m, ends_after: ❶2m❶ }", 646), ("expect: { harm: ❶maybe❶ }", 600),
        ("❶expct❶: {}\n    expect: { outcome: failed }", 601),
        ("timeline: [{ at: 1s, kill: ❶kafka7❶ }]\n    expect: { outcome: failed }", 607),
        ("seeds: ❶0❶\n    expect: { outcome: failed }", 605), ("seed: ❶-1❶\n    expect: { outcome: failed }", 605),
        ("table: ❶[]❶\n    expect: { outcome: failed }", 600),
        ("table: [❶{ seed: 1 }❶]\n    expect: { outcome: failed }", 602),
        ("table: [{ row: a, ❶case❶: b }]\n    expect: { outcome: failed }", 601),
        ("table: [{ row: a }, { row: ❶a❶ }]\n    expect: { outcome: failed }", 642),
    ])
    func `a mistake is found at its place`(text: String, code: UInt16) throws {
        let source = MarkedSource(
            path: "x.test.yaml",
            "tests: a.yaml\ngiven: { cluster: { brokers: 2 } }\ncases:\n  - case: wrong\n    \(text)\n"
        )
        let (file, diagnostics) = Tried.read(source.file)
        #expect(file == nil)
        #expect(diagnostics.map(\.code) == [Diagnostic.Code(code)], "\(diagnostics.map(\.message))")
        #expect(diagnostics.map(\.span) == [source["❶"]])
    }

    @Test func `a mistake in what is given is told once`() throws {
        let source = MarkedSource(
            path: "x.test.yaml",
            """
            tests: a.yaml
            given: { cluster: { brokers: ❶many❶ } }
            cases:
              - { case: a, expect: { outcome: failed } }
              - { case: b, expect: { outcome: failed } }
            """
        )
        let (_, diagnostics) = Tried.read(source.file)
        #expect(diagnostics.map(\.code.number) == [600])
        #expect(diagnostics.map(\.span) == [source["❶"]])
    }

    @Test func `names are held against the runbook`() throws {
        let source = MarkedSource(
            path: "x.test.yaml",
            """
            tests: a.yaml
            cases:
              - case: a
                cluster: { zookeeper: 3 }
                start: { at: 0s }
                expect:
                  path: [look, ❶not_neded❶]
                  avoids: [❷strat❷]
                  notices: [❸{ to: oncal }❸]
            cannot_be_walked:
              - { step: ❹lok❹, on: failed, because: never }
              - { step: may_i, on: [denied, ❺refused❺], because: never }
            """
        )
        let file = try #require(Tried.read(source.file).file)
        let diagnostics = file.problems(against: try Tried.firstRunbook())
        #expect(diagnostics.map(\.code.number) == [641, 641, 641, 641, 644])
        #expect(diagnostics.map(\.span) == ["❶", "❷", "❸", "❹", "❺"].map { source[$0] })
        #expect(diagnostics[0].help == "did you mean 'not_needed'?")
        #expect(diagnostics[4].help == "it is left by granted, denied, unanswered")
    }

    @Test func `aliases cannot make more cases than anybody waits for`() throws {
        let rows = (1...60).map { "    - { row: r\($0), seed: \($0) }" }.joined(separator: "\n")
        let cases = (1...60).map { "  - { case: c\($0), table: *rows, expect: { outcome: failed } }" }
        let text = """
            tests: a.yaml
            given: { cluster: { brokers: 1 } }
            cases:
              - case: c0
                expect: { outcome: failed }
                table: &rows
            \(rows)
            \(cases.joined(separator: "\n"))
            """
        let (file, diagnostics) = Tried.read(SourceFile(path: "x.test.yaml", text: text))
        #expect(file == nil)
        #expect(diagnostics.map(\.code.number).contains(647))
    }

    // Goal: a page shows the mistake that it explains, and its fix is one.
    @Test(arguments: 640...647)
    func `every page's example gives its diagnostic, and its fix gives none`(number: Int) throws {
        let code = Diagnostic.Code(UInt16(number))
        let page = try Tried.text("docs/diagnostics/\(code).md")
        #expect(page.hasPrefix("# \(code): "))
        let examples = page.components(separatedBy: "```yaml\n").dropFirst().map {
            $0.components(separatedBy: "```")[0]
        }
        let plan = try Tried.firstRunbook()
        func codes(_ text: String) throws -> [Diagnostic.Code] {
            let (file, mistakes) = Tried.read(SourceFile(path: "p", text: text))
            guard let file else {
                return mistakes.map(\.code)
            }
            // The file that is not there is for the program to miss.
            guard file.runbook.value == "runbook.yaml" else {
                return [Diagnostic.Code(640)]
            }
            var report = TestReport()
            let found = file.problems(against: plan)
            _ = report.run(file, at: "p", of: plan)
            return (mistakes + found + report.refuted).map(\.code)
        }
        if number != 647 {
            #expect(try codes(#require(examples.first)) == [code])
        }
        for fix in examples.dropFirst() {
            #expect(try codes(fix) == [])
        }
    }

    private static func file(_ text: String) throws -> TestFile {
        let source = SourceFile(path: "x.test.yaml", text: text)
        let (file, diagnostics) = Tried.read(source)
        #expect(diagnostics == [], "\(DiagnosticRenderer(files: [source]).render(diagnostics))")
        return try #require(file)
    }
}
