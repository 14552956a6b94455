// Selfheal
// SPDX-License-Identifier: Apache-2.0

import ClusterWatch
import Foundation
import RunPlan
import RunVocabulary
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
    @Test(arguments: Array(UInt16(500)...529) + Array(532...537) + Array(540...543) + Array(570...574))
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
        let examples = Self.blocks("yaml", of: page)
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

    /// What the pages about several files find beside them.
    private static let files: [String: String] = [
        "/etc/selfheal/nodes.yaml": "cluster: { nodes: [{ name: edge1, host: edge1.example.com }] }",
        "/etc/selfheal/watch.yaml": "watch: { cooldown: 1m }",
        "/etc/selfheal/selfheal.yaml": "include: [nodes.yaml]",
        "/run/secrets/slack": "https://chat.example.com/not-shown\n",
    ]
    .merging((1...10).map { ("/etc/selfheal/deep-\($0).yaml", "include: [deep-\($0 + 1).yaml]") }) { first, _ in first }

    @Test(arguments: Array(UInt16(560)...569).filter { $0 != 564 })
    func `a page about layers gives its diagnostic, and its fix gives none`(number: UInt16) throws {
        let code = Diagnostic.Code(number)
        let page = try Repository.text("docs/diagnostics/\(code).md")
        let examples = Self.blocks("yaml", of: page)
        try #require(examples.count == 2)
        let load = { (text: String) in
            Loaded(text, files: Self.files, overlay: page.contains("`--environment production`:") ? "production" : nil)
        }
        let mistake = load(examples[0])
        #expect(mistake.diagnostics.map(\.code) == [code])
        #expect(mistake.configuration == nil)
        let fixed = load(examples[1])
        #expect(fixed.diagnostics == [])
        #expect(fixed.configuration != nil)
    }

    @Test func `the page about settings gives its diagnostic, and its fix gives none`() throws {
        let examples = Self.blocks("sh", of: try Repository.text("docs/diagnostics/RB0564.md"))
        try #require(examples.count == 2)
        let found = examples.map { example in
            let setting = example.split(separator: "--set ").last.map { $0.filter { !$0.isNewline } } ?? ""
            let text = "cluster: { nodes: [{ name: edge1, host: edge1.example.com }] }"
            return Loaded(text, settings: [setting]).diagnostics.map(\.code.number)
        }
        #expect(found == [[564], []])
    }

    @Test func `the example of the page about layers is what it says`() throws {
        let text = try #require(Self.blocks("yaml", of: try Repository.text("docs/configuration.md")).first)
        let brokers = (1...3).map { "{ name: kafka\($0), host: kafka\($0) }" }.joined(separator: ", ")
        let files = [
            "/etc/selfheal/nodes.yaml": "cluster: { kafka_brokers: [\(brokers)] }",
            "/etc/selfheal/people.yaml": "people: [{ name: ada }]",
        ]
        #expect(Loaded(text, files: files).configuration?.watch.every == .seconds(30))
        let production = Loaded(text, files: files, overlay: "production")
        #expect(production.diagnostics == [])
        #expect(production.configuration?.watch.every == .seconds(10))
        #expect(production.configuration?.inventory["kafka3"]?.rack == "c")
    }

    private static func blocks(_ language: String, of page: String) -> [String] {
        page.components(separatedBy: "```\(language)\n").dropFirst().map { $0.components(separatedBy: "```")[0] }
    }
}

/// The files that are shipped.
enum Repository {
    static let root = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../..").standardizedFileURL

    static func text(_ path: String) throws -> String {
        try String(contentsOf: self.root.appending(path: path), encoding: .utf8)
    }
}
