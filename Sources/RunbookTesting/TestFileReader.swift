// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunSimulator
import RunVocabulary
package import RunbookSource
package import RunbookYAML

/// Reads a file of tests from YAML, and finds everything that is wrong with it in one pass.
///
/// A case is a scenario with an `expect` besides: it is merged from what is given to all, what the case says, and what its row says, and
/// then read by the reader of scenarios.
package struct TestFileReader {
    /// Rows of tables included; each is a rehearsal, or several.
    package static let caseLimit = 2_000
    private static let seedLimit: Int64 = 1_000

    /// What a case may say besides what a scenario says.
    private static let ownKeys = ["expect", "seed", "seeds"]

    private static let form = ScenarioReader.Form(
        what: "the case",
        nameKey: "case",
        otherKeys: ownKeys + ["table"],
        help: "a case begins with 'case: NAME'"
    )

    let mistakes = ScenarioMistakes()

    /// - Returns: no tests when something is wrong with one of them: a green report must mean all of them.
    package static func read(_ root: YAMLNode) -> (file: TestFile?, diagnostics: [Diagnostic]) {
        let reader = TestFileReader()
        let file = reader.file(root)
        var diagnostics: [Diagnostic] = []
        // What is given to all cases is read once for each of them.
        var seen: Set<Diagnostic> = []
        for diagnostic in reader.mistakes.diagnostics where seen.insert(diagnostic).inserted {
            diagnostics.append(diagnostic)
        }
        diagnostics = diagnostics.inSourceOrder()
        return (diagnostics.hasErrors ? nil : file, diagnostics)
    }

    /// Whether the file means to be one of tests.
    package static func isTestFile(_ root: YAMLNode) -> Bool {
        root["tests"] != nil || root["cases"] != nil && root["steps"] == nil
    }

    private func file(_ root: YAMLNode) -> TestFile? {
        guard var fields = ScenarioFields(root, what: "the file of tests", self.mistakes) else {
            return nil
        }
        let cure = "write tests: RUNBOOK.yaml, the file beside this one"
        guard Self.isTestFile(root) else {
            // It is something else: what it has of its own is no mistake of its author.
            self.mistakes.report(.scenarioMissing("tests", in: "the file of tests", at: root.span, help: cure))
            return nil
        }
        defer { fields.finish() }
        let runbook = fields.require("tests", because: cure).flatMap {
            node in fields.text(of: node, "tests").map { Spanned($0, at: node.span) }
        }
        _ = fields.text("title")
        let given = fields.take("given").map { self.given($0) }
        let help = "write cases: [{ case: NAME, expect: { outcome: succeeded } }]"
        let nodes = fields.require("cases", because: help) == nil ? nil : fields.elements("cases")
        if let nodes, nodes.isEmpty, !self.mistakes.diagnostics.hasErrors {
            self.mistakes.report(.scenarioMissing("case", in: "'cases'", at: root.span, help: help))
        }
        let cases = self.cases(nodes ?? [], given ?? nil)
        self.reportTwins(cases)
        let excuses = fields.elements("cannot_be_walked").compactMap { self.excuse($0) }
        return runbook.map { TestFile(runbook: $0, cases: cases, excuses: excuses) }
    }

    private func reportTwins(_ cases: [TestCase]) {
        var first: [String: SourceSpan] = [:]
        for test in cases {
            if let span = first[test.name.value] {
                self.mistakes.report(.testDuplicateCase(test.name.value, at: test.name.span, first: span))
            } else {
                first[test.name.value] = test.name.span
            }
        }
    }

    // MARK: Cases

    private func given(_ node: YAMLNode) -> YAMLNode? {
        guard ScenarioFields(node, what: "'given'", self.mistakes) != nil else {
            return nil
        }
        return self.refusing(["case", "table", "row"], in: node, "'given'")
    }

    /// The node without keys that have no meaning there, which are reported.
    private func refusing(_ keys: [String], in node: YAMLNode, _ what: String) -> YAMLNode {
        for key in keys {
            if let pair = node.pair(key) {
                self.mistakes.report(.scenarioUnknownKey(key, in: what, at: pair.key.span, known: Self.knownHere))
            }
        }
        return node.without(keys)
    }

    private static let knownHere = ["a key of a scenario"] + ownKeys

    /// All cases, as long as there are not too many.
    private func cases(_ nodes: [YAMLNode], _ given: YAMLNode?) -> [TestCase] {
        var cases: [TestCase] = []
        var count = 0
        for node in nodes {
            // Aliases make many rows of few lines, so they are counted before they are read.
            count += max(node["table"]?.sequence?.count ?? 1, 1)
            guard count <= Self.caseLimit else {
                self.mistakes.report(.testTooMany("cases", limit: Self.caseLimit, at: node.span))
                return cases
            }
            cases += self.cases(node, given)
        }
        return cases
    }

    /// The case, or one for each row of its table.
    private func cases(_ node: YAMLNode, _ given: YAMLNode?) -> [TestCase] {
        guard ScenarioFields(node, what: "a case", self.mistakes) != nil else {
            return []
        }
        let whole = given.map { $0.given(to: node) } ?? node
        guard let table = node["table"] else {
            return self.test(whole, row: nil).map { [$0] } ?? []
        }
        guard let rows = table.sequence, !rows.isEmpty else {
            self.mistakes.report(.scenarioShape("'table'", needed: "a list of rows", found: table))
            return []
        }
        return rows.compactMap { self.row($0, of: whole) }
    }

    private func row(_ row: YAMLNode, of whole: YAMLNode) -> TestCase? {
        guard var fields = ScenarioFields(row, what: "a row", self.mistakes) else {
            return nil
        }
        let help = "say what is particular to the row: row: nobody answers"
        guard let node = fields.require("row", because: help), let name = fields.text(of: node, "row") else {
            return nil
        }
        let own = self.refusing(["case", "table"], in: row.without(["row"]), "a row")
        return self.test(whole.without(["table"]).given(to: own), row: Spanned(name, at: node.span))
    }

    private func test(_ node: YAMLNode, row: Spanned<String>?) -> TestCase? {
        let (read, diagnostics) = ScenarioReader.read(node, as: Self.form)
        for diagnostic in diagnostics {
            self.mistakes.report(diagnostic)
        }
        let name = node["case"]?.scalar?.text ?? ""
        let span = row?.span ?? node["case"]?.span ?? node.span
        guard var fields = ScenarioFields(node, what: "the case", self.mistakes) else {
            return nil
        }
        let mistakesBefore = self.mistakes.diagnostics.count
        let expectation = fields.take("expect").flatMap { self.expectation($0, nodes: read?.cluster.nodeNames) }
        let isLeftOut = node["expect"] == nil && !fields.isMisspelt("expect")
        if isLeftOut || expectation?.isEmpty == true && self.mistakes.diagnostics.count == mistakesBefore {
            self.mistakes.report(.testExpectsNothing(name, at: span))
        }
        let seed = fields.int("seed", in: 0...Int64.max).map { UInt64($0) } ?? 1
        let count = fields.int("seeds", in: 1...Self.seedLimit).map { UInt64($0) } ?? 1
        guard var scenario = read, let expectation, seed <= UInt64(Int64.max) - count else {
            return nil
        }
        scenario.span = span
        let title = row.map { "\(name) (\($0.value))" } ?? name
        return TestCase(
            name: Spanned(title, at: span),
            scenario: scenario,
            seeds: seed...(seed + count - 1),
            expectation: expectation
        )
    }

    // MARK: Excuses

    private func excuse(_ node: YAMLNode) -> Excuse? {
        guard var fields = ScenarioFields(node, what: "an entry of 'cannot_be_walked'", self.mistakes) else {
            return nil
        }
        defer { fields.finish() }
        let step = fields.require("step").flatMap { value in
            fields.text(of: value, "step").map { Spanned($0, at: value.span) }
        }
        let exits = fields.require("on", because: "say how the step is left: on: failed").map { value in
            fields.texts(of: value, "on").map { Spanned($0.text, at: $0.span) }
        }
        let because = fields.require("because", because: "say why no case can walk it").flatMap {
            fields.text(of: $0, "because")
        }
        guard let step, let exits, let because else {
            return nil
        }
        return Excuse(step: step, exits: exits, because: because, span: node.span)
    }
}
