// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Foundation
import RunbookCompiler
import RunbookSource
import Testing

/// Agreements about diagnostics and about the runbooks that are shipped.
@Suite struct DiagnosticTidyTests {
    /// Numbers of codes as the source has them: `Code(207)`, `.error(207, …`, `code: 207`, or a case of the switch that picks one.
    private static func codesInSource() throws -> [UInt16: String] {
        let forms = /(?:\bCode\(|\bself\.ssh\(\s*|\.(?:error|warning)\(\s*(?:code:\s*)?|\bcase \.\w+: )(\d{1,4})\b/
        var codes: [UInt16: String] = [:]
        for file in try Repository.swiftFiles(under: "Sources")
        where file.text.contains("Code(") || file.path.contains("/Diagnostic+") {
            // Exit statuses of the program are codes of another kind.
            for match in file.text.matches(of: forms) where !match.output.0.hasPrefix("ExitCode") {
                if let number = UInt16(match.output.1), !file.text[..<match.range.lowerBound].hasSuffix("Exit") {
                    codes[number] = "\(file.path):\(file.number(of: match.range.lowerBound))"
                }
            }
        }
        return codes
    }

    private static func codesWithPages() throws -> Set<UInt16> {
        Set(
            try Repository.names(in: "docs/diagnostics").compactMap {
                Diagnostic.Code(String($0.dropLast(".md".count)))?.number
            }
        )
    }

    @Test func `every code has a page`() throws {
        let pages = try Self.codesWithPages()
        let codes = try Self.codesInSource()
        #expect(codes.count > 100, "the codes are not found any more: look at how the source writes them")
        for (number, place) in codes.sorted(by: { $0.key < $1.key }) where !pages.contains(number) {
            Issue.record("\(place): docs/diagnostics/\(Diagnostic.Code(number)).md is not there")
        }
    }

    @Test func `every page is about a code that is used`() throws {
        let codes = try Self.codesInSource()
        for number in try Self.codesWithPages().sorted() where codes[number] == nil {
            Issue.record("docs/diagnostics/\(Diagnostic.Code(number)).md explains what nothing reports")
        }
    }

    @Test func `the registry has the codes that have pages, each as bad as its page says`() throws {
        let registered = DiagnosticRegistry.codes(.error) + DiagnosticRegistry.codes(.warning)
        #expect(Set(registered.map(\.number)) == (try Self.codesWithPages()))
        for code in registered {
            let page = try Repository.file("docs/diagnostics/\(code).md").text
            let isError = page.contains("\n*Severity: error*\n")
            #expect(DiagnosticRegistry.severity(of: code) == (isError ? .error : .warning), "\(code)")
        }
    }

    @Test func `a page is called what its code is, and says what it means and what to do`() throws {
        for name in try Repository.names(in: "docs/diagnostics") {
            let code = String(name.dropLast(".md".count))
            let page = try Repository.file("docs/diagnostics/\(name)").text
            #expect(page.hasPrefix("# \(code): ") == true, "\(name)")
            for part in ["## What it means", "## The fix"] {
                #expect(page.contains("\n\(part)\n"), "\(name) has no part '\(part)'")
            }
        }
    }

    @Test(
        arguments: try Repository.names(in: "runbooks").filter { $0.hasSuffix(".yaml") && !$0.hasSuffix(".test.yaml") }
    )
    func `a runbook that is shipped has nothing wrong with it`(name: String) throws {
        let file = try Repository.file("runbooks/\(name)")
        let checked = CheckedRunbook(path: file.path, text: file.text)
        let problems = checked.diagnostics.map { checked.file.render($0) }.joined(separator: "\n")
        #expect(checked.diagnostics == [], "\(problems)")
        #expect(checked.plan != nil)
        #expect(!file.text.contains("# selfheal: allow"), "what we ship answers no warning with a comment")
    }
}
