// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Foundation
import RunbookCompiler
import RunbookLanguage
import RunbookSource
import Testing

/// Checks that what the documentation shows can be used as it stands.
@Suite struct DocumentationTests {
    /// A runbook that readers are shown, and where it stands.
    struct ShownRunbook: Sendable, CustomTestStringConvertible {
        let path: String
        let text: String

        var testDescription: String { self.path }
    }

    @Test(arguments: try ShownRunbook.all())
    func `a runbook that readers are shown compiles without a word of complaint`(runbook: ShownRunbook) {
        let checked = CheckedRunbook(path: runbook.path, text: runbook.text, loader: runbook.loader)
        let complaints = DiagnosticRenderer(files: [checked.file]).render(checked.diagnostics)
        #expect(checked.diagnostics.isEmpty, "\(complaints)")
        #expect(checked.plan != nil)
    }

    @Test(arguments: [
        "probe", "wait", "run", "request", "approve", "notify", "choose", "parallel", "for_each", "call", "set",
        "pause", "finish",
    ])
    func `each verb has a page with an example of it`(verb: String) throws {
        let page = try Checkout.text(of: "docs/language/\(verb).md")
        let isShown = try ShownRunbook.blocks(of: page, in: verb).contains {
            $0.text.contains(try Regex("\n +\(verb):"))
        }
        #expect(isShown)
    }

    @Test func `each page of the documentation that another one points at is there`() throws {
        for path in try Checkout.pages() {
            let folder = URL(fileURLWithPath: path).deletingLastPathComponent().relativePath
            for link in try Checkout.text(of: path).matches(of: /\]\(([^)#: ]+)[^): ]*\)/) {
                let target = folder.isEmpty || folder == "." ? "\(link.output.1)" : "\(folder)/\(link.output.1)"
                #expect(Checkout.has(target), "\(path) points at \(link.output.1), which is not there")
            }
        }
    }
}

extension DocumentationTests.ShownRunbook {
    /// Finds the runbooks that are shown on the same page, by their names, and those that lie in files.
    var loader: RunbookLoader {
        RunbookLoader { [path = self.path] called in
            let name = called.split(separator: "/").last.map { $0.replacing(".yaml", with: "") } ?? ""
            if path.hasSuffix(".md"), let page = try? Checkout.text(of: path),
                let block = Self.blocks(of: page, in: path).first(where: { $0.text.contains("\nrunbook: \(name)\n") })
            {
                return SourceFile(path: called, text: block.text)
            }
            return (try? Checkout.text(of: called)).map { SourceFile(path: called, text: $0) }
        }
    }

    /// The runbooks in pages and those in files of their own.
    static func all() throws -> [Self] {
        let blocks = try Checkout.pages().flatMap { self.blocks(of: try Checkout.text(of: $0), in: $0) }
        let files = try Checkout.files(in: "examples", ending: ".yaml").map {
            Self(path: $0, text: try Checkout.text(of: $0))
        }
        return blocks + files.filter { $0.text.contains(/(?m)^runbook:/) }
    }

    /// What stands between "```yaml" and "```" and begins with `runbook:`; line numbers are those of the page.
    static func blocks(of page: String, in path: String) -> [Self] {
        var blocks: [Self] = []
        var block: [Substring]?
        for (number, line) in page.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            if let lines = block, line == "```" {
                if lines.first(where: { !$0.isEmpty })?.hasPrefix("runbook:") ?? false {
                    blocks.append(Self(path: path, text: lines.joined(separator: "\n") + "\n"))
                }
                block = nil
            } else if block != nil {
                block?.append(line)
            } else if line == "```yaml" {
                block = [Substring](repeating: "", count: number + 1)
            }
        }
        return blocks
    }
}

/// The files of this repository that readers are shown.
private enum Checkout {
    private static let root = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    static func text(of path: String) throws -> String {
        try String(contentsOf: self.root.appending(path: path), encoding: .utf8)
    }

    static func has(_ path: String) -> Bool {
        FileManager.default.fileExists(atPath: self.root.appending(path: path).standardized.path)
    }

    static func files(in folder: String, ending: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: self.root.appending(path: folder).path)
            .filter { $0.hasSuffix(ending) }.sorted().map { folder.isEmpty ? $0 : "\(folder)/\($0)" }
    }

    /// Every page; those about diagnostics show runbooks that are wrong on purpose.
    static func pages() throws -> [String] {
        try ["", "docs", "docs/language", "docs/decisions", "docs/runbooks"].flatMap { folder in
            try self.files(in: folder, ending: ".md")
        }
    }
}
