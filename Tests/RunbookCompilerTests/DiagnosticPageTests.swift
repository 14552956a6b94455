// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Foundation
import RunbookSource
import TestSupport
import Testing

/// The pages about mistakes in the shape and the meaning of runbooks.
@Suite struct DiagnosticPageTests {
    static let folder = URL(filePath: #filePath).deletingLastPathComponent()
        .appending(path: "../../docs/diagnostics").standardizedFileURL

    /// Numbers whose example is no text of a runbook, or too long for a page.
    static let shownInWords: Set<UInt16> = [100, 132, 133, 302, 310, 311]

    static let codes: [Diagnostic.Code] = {
        let files = (try? FileManager.default.contentsOfDirectory(atPath: folder.path())) ?? []
        return files.compactMap { Diagnostic.Code(String($0.dropLast(".md".count))) }
            .filter { (100..<500).contains($0.number) }.sorted { $0.number < $1.number }
    }()

    @Test func `there are pages`() {
        #expect(!Self.codes.isEmpty)
    }

    // Goal: a page shows the mistake that it explains, and its fix is one.
    // Method: check the example and the one behind the fix; steps and heads are completed to a runbook first.
    @Test(arguments: codes)
    func `a page's example gives its diagnostic, and its fix gives none`(code: Diagnostic.Code) throws {
        let page = try String(contentsOf: Self.folder.appending(path: "\(code).md"), encoding: .utf8)
        #expect(page.hasPrefix("# \(code): "))
        #expect(page.contains("\n## What it means\n") && page.contains("\n## The fix\n"))
        guard !Self.shownInWords.contains(code.number) else {
            return
        }
        let examples = page.components(separatedBy: "```yaml\n").dropFirst().map {
            $0.components(separatedBy: "```")[0]
        }
        try #require(examples.count == 2, "the page has an example and a fix")
        let wrong = compile(Self.completed(examples[0])).diagnostics
        #expect(wrong.map(\.code) == [code])
        #expect(wrong.allSatisfy { page.contains("*Severity: \($0.severity.rawValue)*") })
        let right = compile(Self.completed(examples[1]))
        #expect(right.diagnostics == [])
        #expect(right.plan != nil)
    }

    private static func completed(_ example: String) -> MarkedSource {
        if example.hasPrefix("runbook:") {
            return MarkedSource(example)
        }
        if example.hasPrefix("- ") {
            let steps = example.split(separator: "\n", omittingEmptySubsequences: false).map { "  \($0)" }
            return MarkedSource(runbook(steps.joined(separator: "\n")))
        }
        return MarkedSource(runbook("", head: example.trimmingCharacters(in: .newlines)))
    }
}
