// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Foundation
import RunbookSource
import RunbookYAML
import SelfhealConfiguration
import Testing

@Suite struct ConfigurationPageTests {
    static let environment = [
        "STATE_FOLDER": "/var/lib/selfheal", "SMTP_PASSWORD": "not shown",
        "SLACK_URL": "https://chat.example.com/not-shown", "ALERT_TOKEN": "4f1e7c0a55b9e2d3",
        "SHORT_TOKEN": "secret",
    ]

    // Goal: a page shows the mistake that it explains, and its fix is one.
    // Method: load the first example of every page of this module, then the one behind the fix.
    @Test(arguments: Array(UInt16(500)...529) + Array(532...537) + Array(540...543))
    func `a page's example gives its diagnostic, and its fix gives none`(
        number: UInt16
    ) throws {
        let code = Diagnostic.Code(number)
        let page = try String(
            contentsOf: Repository.root.appending(path: "docs/diagnostics/\(code).md"),
            encoding: .utf8
        )
        #expect(page.hasPrefix("# \(code): "))
        #expect(page.contains("\n## What it means\n") && page.contains("\n## The fix\n"))
        let examples = page.components(separatedBy: "```yaml\n").dropFirst().map {
            $0.components(separatedBy: "```")[0]
        }
        try #require(examples.count == 2)
        let mistake = Loaded(examples[0], environment: Self.environment)
        #expect(mistake.diagnostics.map(\.code) == [code])
        let severity = try #require(mistake.diagnostics.first).severity
        #expect(page.contains("*Severity: \(severity.rawValue)*"))
        #expect((mistake.configuration == nil) == (severity == .error))
        let fixed = Loaded(examples[1], environment: Self.environment)
        #expect(fixed.diagnostics == [])
        #expect(fixed.configuration != nil)
    }
}

/// The files that are shipped.
enum Repository {
    static let root = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../..").standardizedFileURL

    static func text(_ path: String) throws -> String {
        try String(contentsOf: self.root.appending(path: path), encoding: .utf8)
    }
}
