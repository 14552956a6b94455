// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Foundation
import RunbookSource
import RunbookTesting
import Testing

/// What docs/testing.md and the README show of tests, carried out.
@Suite struct PageTests {
    /// What stands between two fences, without the page around it.
    private struct Block {
        let language: String
        let text: String
    }

    private static func blocks(of path: String) throws -> [Block] {
        let parts = try Tried.text(path).components(separatedBy: "\n```")
        return parts.enumerated().filter { $0.offset % 2 == 1 }.map { part in
            let lines = part.element.split(separator: "\n", maxSplits: 1, omittingEmptySubsequences: false)
            return Block(language: String(lines[0]), text: lines.count > 1 ? String(lines[1]) : "")
        }
    }

    private static func report(_ text: String) throws -> TestReport {
        let file = SourceFile(path: "examples/my.test.yaml", text: text + "\n")
        let (tests, mistakes) = Tried.read(file)
        #expect(mistakes == [], "\(DiagnosticRenderer(files: [file]).render(mistakes))")
        let path = "examples/first_runbook.yaml"
        var report = TestReport()
        let found = report.run(
            try #require(tests),
            at: file.path,
            of: try Tried.plan(text: Tried.text(path), path: path)
        )
        #expect(found == [])
        return report
    }

    @Test func `the page shows what the program prints`() throws {
        let blocks = try Self.blocks(of: "docs/testing.md")
        let files = blocks.indices.filter { blocks[$0].language == "yaml" && blocks[$0].text.hasPrefix("tests:") }
        try #require(files.count == 3)
        // The first test, and the report of it.
        let first = try Self.report(blocks[files[0]].text)
        let shown = blocks[files[0]...].filter { $0.language.isEmpty }.map(\.text)
        #expect(first.text() == shown[0])
        // The case that fails, up to the coverage.
        let second = try Self.report(blocks[files[1]].text)
        #expect(second.text().components(separatedBy: "\n\nexamples/first").first == shown[1])
        // What cannot be walked.
        let third = try Self.report(blocks[files[2]].text)
        #expect(third.failed == 0 && third.refuted == [])
        #expect(try #require(third.coverage.first).excused.count == 1)
    }

    @Test func `the README's case is the shipped one, and so is its report`() throws {
        let blocks = try Self.blocks(of: "README.md")
        let index = try #require(blocks.firstIndex { $0.language == "yaml" && $0.text.hasPrefix("  - case:") })
        let tests = try Tried.text("examples/first_runbook.test.yaml")
        for line in blocks[index].text.split(separator: "\n") {
            #expect(tests.contains(line), "\(line)")
        }
        let report = try Self.report(tests).text()
        let shown = try #require(blocks[index...].first { $0.text.contains("transitions walked") }).text
        #expect(report.hasSuffix(shown), "\(report)")
    }
}
