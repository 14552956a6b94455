// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunbookLanguage
import RunbookSource
import RunbookYAML
import Testing

/// Every runbook that is shipped has a page, and the page knows its parameters, its roles and its services.
@Suite struct RunbookPageTests {
    static let names =
        (try? Repository.names(in: "runbooks"))?.filter {
            $0.hasSuffix(".yaml") && !$0.hasSuffix(".test.yaml")
        }.map { String($0.dropLast(".yaml".count)) } ?? []

    private static let parts = [
        "What it does", "Where it stops", "What it asks of people", "Parameters", "What it needs", "Drawn from",
    ]

    @Test(arguments: names)
    func `a shipped runbook has a page that tells what it needs`(name: String) throws {
        let page = try Repository.file("docs/runbooks/\(name).md").text
        #expect(page.hasPrefix("# \(name)\n"))
        for part in Self.parts {
            #expect(page.contains("\n## \(part)\n"), "\(name) has no part '\(part)'")
        }
        let file = try Repository.file("runbooks/\(name).yaml")
        let document = YAMLDocument.parse(SourceFile(path: file.path, text: file.text), features: .runbook)
        let root = try #require(document.root)
        let (parsed, _) = RunbookParser.parse(root)
        let syntax = try #require(parsed)
        for parameter in syntax.parameters + syntax.settings {
            #expect(page.contains("`\(parameter.name.value)`"), "\(name): parameter \(parameter.name.value)")
        }
        let needs = try #require(page.split(separator: "## What it needs").last.map(String.init))
        for role in Set(syntax.selections.compactMap(\.role?.value)) {
            #expect(needs.contains(role), "\(name): role \(role)")
        }
        let index = try Repository.file("docs/runbooks/README.md").text
        #expect(index.contains("](\(name).md)"), "\(name) is not in the list")
    }

    @Test func `there is no page about a runbook that is not there`() throws {
        #expect(!Self.names.isEmpty)
        for page in try Repository.names(in: "docs/runbooks") where page != "README.md" {
            #expect(Self.names.contains(String(page.dropLast(".md".count))), "\(page)")
        }
    }

    @Test func `every scenario that a page names is there`() throws {
        for page in try Repository.names(in: "docs/runbooks") {
            let text = try Repository.file("docs/runbooks/\(page)").text
            for part in text.split(separator: "--scenario ").dropFirst() {
                let path = String(part.prefix { !$0.isWhitespace })
                #expect(!(try Repository.file(path).text.isEmpty), "\(path)")
            }
        }
    }
}
