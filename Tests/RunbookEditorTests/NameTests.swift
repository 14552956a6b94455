// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunbookEditor
import RunbookSource
import Testing

/// Definition, references, rename, outline, hover and cures.
@Suite struct NameTests {
    private func edited(_ old: String, _ new: String) throws -> EditedRunbook {
        try EditedRunbook(EditedRunbook.good.replacing(old, with: new, maxReplacements: 1))
    }

    @Test(arguments: [
        ("if_failed: give_up", "if_failed: giv¦e_up", 22), ("in: steps.look.results", "in: steps.lo¦ok.results", 10),
        ("targets: ensemble", "targets: ¦ensemble", 7), ("\"[member]\"", "\"[mem¦ber]\"", 15),
    ])
    func `a name leads to where it is given`(old: String, new: String, line: Int) throws {
        let edited = try self.edited(old, new)
        #expect(edited.document.definition(at: edited.cursor)?.span.start.line == line)
    }

    @Test func `a step is renamed wherever it is named, inside expressions too`() throws {
        let text =
            EditedRunbook.good.replacing("id: look", with: "id: lo¦ok")
            + "  - id: new\n    when: \"steps['look'].succeeded && steps.look.results.size() > 0\"\n    next: look\n    pause: 1s\n"
            + "    max_visits: 2\n"
        let edited = try EditedRunbook(text)
        let renamed = edited.applying(try edited.document.rename(at: edited.cursor, to: "glance"))
        #expect(renamed == text.replacing("¦", with: "").replacing("look", with: "glance"))
    }

    @Test func `a parameter, a selection and a variable are renamed as well`() throws {
        let base =
            EditedRunbook.good + "  - id: rest\n    pause: parameters.patience\n    when: settings.folder != ''\n"
        for name in ["patience", "folder", "ensemble", "member"] {
            let edited = try EditedRunbook(
                base.replacing("  \(name):", with: "  ¦\(name):").replacing("as: m", with: "as: m¦")
            )
            // Both marks are taken out; the cursor is at the first.
            guard let mention = edited.document.index?.mentions.first(where: { $0.symbol.name == name }) else {
                Issue.record("\(name) is no name")
                continue
            }
            let edits = try edited.document.rename(at: mention.span.start.offset, to: "other")
            #expect(edits.count == 2, "\(name)")
        }
    }

    @Test(arguments: ["look", "Look", "a b", ""])
    func `a name that is taken or none is refused`(name: String) throws {
        let edited = try self.edited("id: give_up", "id: give¦_up")
        #expect(throws: RunbookDocument.RenameProblem.self) {
            try edited.document.rename(at: edited.cursor, to: name)
        }
    }

    @Test func `the outline has the steps, those of a loop inside it`() throws {
        let outline = try #require(EditedRunbook("").document.index?.outline)
        #expect(outline.map(\.name) == ["patience", "folder", "ensemble", "brokers", "look", "each", "give_up"])
        #expect(outline[5].children.map(\.name) == ["start"])
        #expect(outline[4].detail == "probe: Look first")
    }

    // MARK: Hover

    @Test func `a verb shows its page and any other key its description`() throws {
        let verb = try self.edited("    probe:", "    pro¦be:")
        #expect(verb.hover { "the page about \($0)" } == "the page about probe")
        let key = try self.edited("    timeout:", "    time¦out:")
        #expect(key.hover()?.hasPrefix("How long") ?? false)
    }

    @Test(arguments: [
        ("results.filter", "res¦ults.filter", "`list(zookeeper_result)`"), ("!r.serving", "!r.ser¦ving", "`bool`"),
        ("r.target)", "r.tar¦get)", "`node`"),
    ])
    func `an expression shows the type of the part under the cursor`(old: String, new: String, type: String) throws {
        let hover = try self.edited(old, new).hover()
        #expect(hover?.contains(type) ?? false, "\(hover ?? "nothing")")
    }

    // MARK: Cures

    @Test(arguments: [
        ("give_up\n  - id", "give_pu\n  - id", "Change to 'give_up'"),
        ("ask: [srvr]", "ask: [srrv]", "Change to 'srvr'"),
        ("probe:", "porbe:", ""), ("!r.serving", "!r.servnig", "Change to 'serving'"),
        ("targets: ensemble", "tragets: ensemble", "Change to 'targets'"), ("timeout: 1m", "timeout: 1", "Write 1s"),
    ])
    func `a diagnostic with a cure can be cured`(good: String, bad: String, title: String) throws {
        let edited = try self.edited(good, bad)
        // The sample has a parameter and a setting that nothing reads.
        let found = edited.document.diagnostics.filter { ![130, 260].contains($0.code.number) }
        #expect(found.count == 1, "\(found.map(\.message))")
        let fixes = edited.document.fixes(in: 0..<edited.document.file.utf8.count)
        guard !title.isEmpty else {
            return
        }
        let fix = try #require(fixes.first)
        #expect(fix.title == title)
        let cured = try EditedRunbook(edited.applying(fix.edits))
        #expect(cured.document.diagnostics.allSatisfy { [130, 260].contains($0.code.number) })
    }

    @Test func `a loop without a bound gets one`() throws {
        let edited = try EditedRunbook(
            "  - id: back\n    pause: 1s\n    if_failed: again\n".replacing("again", with: "back")
        )
        let fix = try #require(
            edited.document.fixes(in: 0..<edited.document.file.utf8.count).first { $0.title.contains("max_visits") }
        )
        let cured = try EditedRunbook(edited.applying(fix.edits))
        #expect(!cured.document.diagnostics.contains { $0.code.number == 204 })
    }
}
