// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Foundation
import FoundationXML
import RunVocabulary
import RunbookTesting
import Testing

@Suite struct ReportTests {
    private static let tests = """
        tests: runbook.yaml
        given:
          cluster: { zookeeper: { zk1: {}, zk2: {}, zk3: {} } }
          durations: { start_member: 2s, election: 500ms, command: 500ms, probe: 10ms, notice: 200ms }
          start: { at: 10s }
        cases:
          - case: all is well
            expect: { outcome: not_needed }
          - case: a member & its "leader"
            timeline: [{ at: 1s, kill: zk3 }]
            people: { ada: { roles: sre, answer: deny, after: 1m } }
            expect: { outcome: succeeded, path: [look, is_any_down, may_i, start_each, ...], commands: [{ zk3: start zookeeper }] }
        """

    @Test func `a case that fails shows what was expected beside what happened`() throws {
        let report = try Tried.run(Self.tests, of: Tried.firstRunbook())
        let text = report.text().split(separator: "\n", omittingEmptySubsequences: false).prefix(19).joined(
            separator: "\n"
        )
        #expect(
            text == """
                runbook.test.yaml
                  ✔ all is well: not_needed after 0s
                  ✘ a member & its "leader": escalated after 1m
                      runbook.test.yaml:12: expected the outcome succeeded, and it was escalated: denied by ada
                      runbook.test.yaml:12: path: expected the step 'start_each', and there was 'hand_over'
                      runbook.test.yaml:12: commands: expected the command 'zk3: start zookeeper', and there was nothing more

                        expected             │ happened
                      = look                 │ T+10s        look
                      = is_any_down          │ T+10s10ms    is_any_down
                      = may_i                │ T+10s10ms    may_i
                      - start_each           │              –
                        ...                  │ T+1m10s10ms  hand_over
                                             │ T+1m10s10ms  critical to oncall: Nothing was done: denied by ada
                        ...                  │ T+1m10s210ms give_up
                      - zk3: start zookeeper │              –
                      + succeeded            │ T+1m10s210ms escalated: denied by ada

                runbook.yaml: 7 of 23 transitions walked, never walked:
                """
        )
        #expect(report.text().hasSuffix("1 of 2 cases passed, 1 failed; 16 transitions were never walked"))
    }

    @Test func `the report for servers is well-formed and says the same`() throws {
        let report = try Tried.run(Self.tests, of: Tried.firstRunbook())
        final class Reader: NSObject, XMLParserDelegate {
            var elements: [String: Int] = [:]
            var names: [String] = []
            var failure = ""

            func parser(
                _ parser: XMLParser,
                didStartElement element: String,
                namespaceURI: String?,
                qualifiedName: String?,
                attributes: [String: String]
            ) {
                self.elements[element, default: 0] += 1
                if element == "testcase" {
                    self.names.append(attributes["name"] ?? "")
                }
                self.failure += attributes["message"] ?? ""
            }
        }
        let reader = Reader()
        let parser = XMLParser(data: Data(report.junit.utf8))
        parser.delegate = reader
        #expect(parser.parse(), "\(report.junit)")
        #expect(reader.elements == ["testsuites": 1, "testsuite": 1, "testcase": 2, "failure": 1])
        #expect(reader.names == ["all is well", "a member & its \"leader\""])
        #expect(reader.failure == "expected the outcome succeeded, and it was escalated: denied by ada")
        #expect(report.junit.contains("tests=\"2\" failures=\"1\" errors=\"0\""))
    }

    @Test func `the report for programs has cases, comparison and coverage`() throws {
        let report = try Tried.run(Self.tests, of: Tried.firstRunbook())
        let json = try JSON(parsing: Array(report.json.prettyText.utf8))
        #expect(json["passed"] == .int(1) && json["failed"] == .int(1) && json["never_walked"] == .int(16))
        let cases = try #require(json["files"]?[0]?["cases"]?.arrayValue)
        #expect(cases.map { $0["passed"] } == [.bool(true), .bool(false)])
        #expect(cases[1]["failures"]?[0]?["line"] == .int(12))
        #expect(
            cases[1]["comparison"]?[3]
                == .object([
                    JSONMember("mark", .string("missing")), JSONMember("expected", .string("start_each")),
                    JSONMember("at_ms", .null), JSONMember("happened", .string("")),
                ])
        )
        #expect(json["coverage"]?[0]?["never_walked"]?[0]?["step"] == .string("is_any_down"))
    }
}
