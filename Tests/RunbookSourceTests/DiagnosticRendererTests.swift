// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunbookSource
import TestSupport
import Testing

@Suite struct DiagnosticRendererTests {
    static func problem(at span: SourceSpan, _ notes: [Diagnostic.Note] = [], help: String? = nil) -> Diagnostic {
        Diagnostic(
            code: .init(7),
            severity: .error,
            message: "'x' is wrong",
            span: span,
            notes: notes,
            help: help
        )
    }

    @Test func `one span shows its line and underlines it`() {
        let source = MarkedSource(path: "drain.yaml", "steps:\n  - id: ❶drain❶\n")
        #expect(
            source.render(Self.problem(at: source["❶"])) == """
                drain.yaml:2:9: error[RB0007]: 'x' is wrong
                2 |   - id: drain
                  |         ^^^^^
                """
        )
    }

    @Test func `on a terminal long words are broken at blanks, and in a pipe they are not`() {
        let source = MarkedSource(path: "drain.yaml", "steps:\n  - id: ❶drain❶\n")
        let help = "rename one of them; 'next' and 'undo' refer to steps by id, and so do people"
        let diagnostic = Self.problem(at: source["❶"], help: help)
        let narrow = DiagnosticRenderer(files: [source.file], width: 40).render(diagnostic)
        #expect(
            narrow == """
                drain.yaml:2:9: error[RB0007]: 'x' is
                  wrong
                2 |   - id: drain
                  |         ^^^^^
                help: rename one of them; 'next' and
                  'undo' refer to steps by id, and so do
                  people
                """
        )
        #expect(narrow.split(separator: "\n").allSatisfy { $0.count <= 40 })
        #expect(source.render(diagnostic).hasSuffix("\nhelp: \(help)"))
    }

    @Test func `a line of printable characters is shown as one with others is`() {
        for line in ["  - id: drain   ", "  - id: drain", "x"] {
            let plain = MarkedSource(path: "a.yaml", "\(line)\n")
            let start = line.utf8.count - line.drop { $0 == " " }.utf8.count
            let span = plain.file.span(utf8Range: start..<start + 1)
            let rendered = plain.render(Self.problem(at: span))
            // A character that takes two bytes and one cell keeps the line from the short way.
            let other = MarkedSource(path: "a.yaml", line.replacing("drain", with: "dräin") + "\n")
            #expect(other.render(Self.problem(at: span)).replacing("dräin", with: "drain") == rendered)
        }
    }

    @Test func `a note points at a second place, and help comes last`() {
        let source = MarkedSource(
            path: "drain.yaml",
            """
            steps:
              - id: ❶drain❶
              - id: ❷drain❷
            """
        )
        let diagnostic = Diagnostic(
            code: .init(207),
            severity: .error,
            message: "step 'drain' is defined twice",
            span: source["❷"],
            notes: [.init(message: "first defined here", span: source["❶"])],
            help: "rename one of them; 'next' and 'undo' refer to steps by id"
        )
        #expect(
            source.render(diagnostic) == """
                drain.yaml:3:9: error[RB0207]: step 'drain' is defined twice
                3 |   - id: drain
                  |         ^^^^^
                drain.yaml:2:9: note: first defined here
                2 |   - id: drain
                  |         ^^^^^
                help: rename one of them; 'next' and 'undo' refer to steps by id
                """
        )
    }

    @Test func `without a line only words are shown`() {
        let file = SourceFile(path: "a.yaml", text: "x")
        let diagnostic = Self.problem(at: .wholeFile("a.yaml"), [.init(message: "nothing is near")])
        #expect(file.render(diagnostic) == "a.yaml: error[RB0007]: 'x' is wrong\nnote: nothing is near")
        #expect(file.render(Self.problem(at: .wholeFile(""))) == "error[RB0007]: 'x' is wrong")
        let elsewhere = SourceFile(path: "b.yaml", text: "y").span(utf8Range: 0..<1)
        #expect(file.render(Self.problem(at: elsewhere)) == "b.yaml:1:1: error[RB0007]: 'x' is wrong")
    }

    @Test func `carets stand under wide characters, tabs and clusters`() {
        let source = MarkedSource(path: "w", "备份:\t❶数据👩‍🚒e\u{301}❶ tail")
        #expect(
            source.render(Self.problem(at: source["❶"])) == """
                w:1:5: error[RB0007]: 'x' is wrong
                1 | 备份:    数据👩‍🚒e\u{301} tail
                  |          ^^^^^^^
                """
        )
    }

    @Test func `a very long line is cut around the caret`() {
        let source = MarkedSource(
            path: "l",
            String(repeating: "a", count: 9_000) + "❶bb❶" + String(repeating: "c", count: 11_000)
        )
        let before = String(repeating: "a", count: 40)
        #expect(
            source.render(Self.problem(at: source["❶"])) == """
                l:1:9001: error[RB0007]: 'x' is wrong
                1 | …\(before)bb\(String(repeating: "c", count: 58))…
                  |  \(String(repeating: " ", count: 40))^^
                """
        )
    }

    @Test func `a long line is cut at one end only when the caret is near the other`() {
        let source = MarkedSource(path: "l", "❶k❶: " + String(repeating: "v", count: 20_000) + "❷w❷")
        #expect(
            source.render(Self.problem(at: source["❶"])).split(separator: "\n")[1...] == [
                "1 | k: \(String(repeating: "v", count: 97))…", "  | ^",
            ]
        )
        #expect(
            source.render(Self.problem(at: source["❷"])).split(separator: "\n")[1...] == [
                "1 | …\(String(repeating: "v", count: 40))w", "  |  \(String(repeating: " ", count: 40))^",
            ]
        )
    }

    @Test func `a span longer than the window is underlined as far as it is shown`() {
        let source = MarkedSource(path: "l", "❶" + String(repeating: "v", count: 20_000) + "❶")
        let lines = source.render(Self.problem(at: source["❶"])).split(separator: "\n")
        #expect(lines[2] == "  | \(String(repeating: "^", count: 100))")
    }

    @Test func `a span of several lines underlines its first`() {
        let source = MarkedSource(path: "m", "run: ❶|\n  one\n  two❶\n")
        #expect(
            source.render(Self.problem(at: source["❶"])) == """
                m:1:6: error[RB0007]: 'x' is wrong
                1 | run: |
                  |      ^
                """
        )
    }

    @Test func `the end of a file has a caret of its own`() {
        let source = MarkedSource(path: "e", "a: [1,\n❶")
        #expect(
            source.render(Self.problem(at: source["❶"])) == """
                e:2:1: error[RB0007]: 'x' is wrong
                2 |
                  | ^
                """
        )
        let behind = MarkedSource(path: "e", "a: [1❶")
        #expect(
            behind.render(Self.problem(at: behind["❶"])) == """
                e:1:6: error[RB0007]: 'x' is wrong
                1 | a: [1
                  |      ^
                """
        )
    }

    @Test func `what a terminal would obey is shown instead`() {
        let source = MarkedSource(path: "c\u{1B}[2J", "a: ❶\u{1B}[2J\u{202E}b❶\r\n")
        var diagnostic = Self.problem(at: source["❶"])
        diagnostic.message = "one\ntwo \u{7}"
        #expect(
            source.render(diagnostic) == """
                c\u{FFFD}[2J:1:4: error[RB0007]: one
                  two \u{FFFD}
                1 | a: \u{FFFD}[2J\u{FFFD}b
                  |    ^^^^^^
                """
        )
    }

    @Test func `colour changes nothing but colour`() {
        let source = MarkedSource(path: "d", "a: ❶b❶")
        let diagnostic = Self.problem(at: source["❶"], [.init(message: "here", span: source["❶"])], help: "do")
        let coloured = DiagnosticRenderer(files: [source.file], usesColour: true).render(diagnostic)
        #expect(coloured.contains("\u{1B}[1;31merror[RB0007]\u{1B}[0m"))
        #expect(coloured.replacing(/\u{1B}\[[0-9;]*m/, with: "") == source.render(diagnostic))
    }

    @Test func `a GitHub annotation fits on one line`() {
        let source = MarkedSource(path: "a,b.yaml", "a: ❶b\nc❶ ❷d❷")
        let diagnostic = Self.problem(at: source["❷"], [.init(message: "100%", span: source["❶"])], help: "do: it")
        #expect(
            DiagnosticRenderer.githubAnnotation(diagnostic)
                == "::error file=a%2Cb.yaml,line=2,endLine=2,col=3,endColumn=4,title=RB0007::'x' is wrong%0A"
                + "a,b.yaml:1:4: 100%25%0Ahelp: do: it"
        )
        var whole = Self.problem(at: .wholeFile(""))
        whole.severity = .warning
        #expect(DiagnosticRenderer.githubAnnotation(whole) == "::warning title=RB0007::'x' is wrong")
    }

    @Test func `several diagnostics end with a newline each`() {
        let source = MarkedSource(path: "d", "a: ❶b❶")
        let diagnostics = [Self.problem(at: source["❶"]), Self.problem(at: .wholeFile("d"))]
        let text = DiagnosticRenderer(files: [source.file]).render(diagnostics)
        #expect(text.hasSuffix("d: error[RB0007]: 'x' is wrong\n"))
        #expect(text.split(separator: "\n").count == 4)
    }
}
