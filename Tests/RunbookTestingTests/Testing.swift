// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Foundation
import RunPlan
import RunbookCompiler
import RunbookLanguage
import RunbookSource
import RunbookTesting
import RunbookYAML
import Testing

/// Files of tests and their runbooks, from the repository or from text.
enum Tried {
    static let repository = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../..")
        .standardizedFileURL

    static func text(_ path: String) throws -> String {
        try String(contentsOf: self.repository.appending(path: path), encoding: .utf8)
    }

    /// Every file of tests that is shipped, from the root of the repository.
    static func shipped() throws -> [String] {
        try ["runbooks", "examples"].flatMap { folder in
            try FileManager.default.contentsOfDirectory(atPath: self.repository.appending(path: folder).path())
                .filter { $0.hasSuffix(".test.yaml") }.sorted().map { "\(folder)/\($0)" }
        }
    }

    /// The plan of a runbook that must be without a mistake.
    static func plan(text: String, path: String = "runbook.yaml") throws -> Plan {
        let file = SourceFile(path: path, text: text)
        let document = YAMLDocument.parse(file)
        let (syntax, shape) = RunbookParser.parse(try #require(document.root))
        let compiled = RunbookCompiler.compile(try #require(syntax), path: path)
        let diagnostics = document.diagnostics + shape + compiled.diagnostics
        let complaints = DiagnosticRenderer(files: [file]).render(diagnostics)
        #expect(!diagnostics.hasErrors, "\(complaints)")
        return try #require(compiled.plan)
    }

    static func read(_ file: SourceFile) -> (file: TestFile?, diagnostics: [Diagnostic]) {
        let document = YAMLDocument.parse(file)
        guard let root = document.root else {
            return (nil, document.diagnostics)
        }
        let (tests, diagnostics) = TestFileReader.read(root)
        return (tests, document.diagnostics + diagnostics)
    }

    /// The report of tests that must be without a mistake.
    static func run(_ tests: String, of plan: Plan, only: String? = nil) throws -> TestReport {
        let file = SourceFile(path: "runbook.test.yaml", text: tests)
        let (read, mistakes) = self.read(file)
        #expect(mistakes == [], "\(DiagnosticRenderer(files: [file]).render(mistakes))")
        var report = TestReport()
        let found = report.run(try #require(read), at: file.path, of: plan, only: only)
        #expect(found == [], "\(DiagnosticRenderer(files: [file]).render(found))")
        return report
    }

    /// Start the members that are down, after a person said yes.
    static func firstRunbook() throws -> Plan {
        try self.plan(text: self.text("examples/first_runbook.yaml"))
    }
}
