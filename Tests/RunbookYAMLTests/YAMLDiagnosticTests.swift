// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunbookSource
import RunbookYAML
import TestSupport
import Testing

/// A text with one mistake: where it is, its number, and what is said about it.
struct Mistake: CustomTestStringConvertible {
    let marked: String
    let code: UInt16
    let message: String

    init(_ marked: String, _ code: UInt16, _ message: String) {
        self.marked = marked
        self.code = code
        self.message = message
    }

    var testDescription: String { self.marked }
}

@Suite struct YAMLDiagnosticTests {
    static let characters = [
        Mistake("a: x❶\u{0}❶", 5, "the control character U+0000 cannot be in a YAML file"),
        Mistake("a: ❶\u{9F}❶", 5, "the control character U+009F cannot be in a YAML file"),
        Mistake("a: x❶\u{FEFF}❶", 5, "a byte order mark may stand only at the start of the file"),
        Mistake("a: \"é❶\u{202E}❶\"", 6, "the invisible character U+202E changes the direction of the text around it"),
        Mistake("a: x❶\u{2028}❶b", 7, "U+2028 ends a line for some programs and not for others"),
        Mistake("a: x❶\u{85}❶b", 7, "U+0085 ends a line for some programs and not for others"),
    ]

    static let documents = [
        Mistake("a: 1\n❶---❶\nb: 2", 10, "a second document starts here"),
        Mistake("a: 1\n...\n# c\n❶b: 2❶\n", 10, "a second document starts here"),
        Mistake("❶%YAML 1.1❶\n---\na: 1", 11, "the directive '%YAML' is not supported"),
        Mistake("%YAML 1.2\n❶%TAG !e! x❶\n---\na: 1", 11, "the directive '%TAG' is not supported"),
    ]

    static let contents = [
        Mistake("a: ❶!!str❶ 5", 12, "the tag '!!str' is not allowed"),
        Mistake("a: &x ❶!<tag:x>❶ [1]", 12, "the tag '!<tag:x>' is not allowed"),
        Mistake("a: ❶!❶ 5", 12, "the tag '!' is not allowed"),
        Mistake("a: ❶!x!y❶ z", 12, "the tag '!x!y' is not allowed"),
        Mistake("a: 1\nb: 2\n❶\"a\"❶: 3", 13, "'a' is given twice"),
        Mistake("? ❶[a]❶\n: b", 14, "a list cannot be a key"),
        Mistake("a: {❶{ x }❶}", 14, "a mapping cannot be a key"),
        Mistake("{❶:❶ b}", 15, "a key is missing before ':'"),
        Mistake("❶:❶ b", 15, "a key is missing before ':'"),
        Mistake(
            "a: &a {x: 1}\nb:\n  ❶<<❶: *a\n",
            16,
            "'<<' merges keys that are written elsewhere, which this file may not do"
        ),
        Mistake("base: &base 1\nb: ❶*bace❶", 18, "no '&bace' stands above this alias"),
        Mistake("a: &a [1, ❶*a❶]", 19, "'*a' stands inside the value that it repeats"),
        Mistake("a: {❶b:1❶}", 26, "a space is missing behind the ':' in 'b:1'"),
    ]

    static let indentation = [
        Mistake("a:\n❶\t❶- 1", 21, "the line is indented with a tab"),
        Mistake("a: 1\n❶\t❶b: 2", 21, "the line is indented with a tab"),
        Mistake("a:\n  ❶\t❶b: 2", 21, "the line is indented with a tab"),
        Mistake("a: |\n❶\t❶x", 21, "the line is indented with a tab"),
        Mistake("a: 1\n  ❶b❶: 2", 22, "'b' is indented deeper than the line above allows"),
        Mistake("a:\n   b: 1\n  ❶c❶: 2", 22, "the indentation of 'c' fits nothing above"),
        Mistake("s:\n- id: a\n  x: 1\n ❶y❶: 2", 22, "the indentation of 'y' fits nothing above"),
        Mistake("a:\n  - x\n ❶-❶ y", 22, "the indentation of '-' fits nothing above"),
    ]

    static let syntax = [
        Mistake("a: ❶[❶1, 2\nb: 3", 23, "this '[' is never closed"),
        Mistake("a: ❶[❶1, 2", 23, "this '[' is never closed"),
        Mistake("a: ❶{❶b: 1\nc: 2\n", 23, "this '{' is never closed"),
        Mistake("a: ❶[❶", 23, "this '[' is never closed"),
        Mistake("a: [$❶{❶{ x }}]", 23, "',' or ']' is missing here"),
        Mistake("a: [b: c❶:❶ d]", 23, "',' or ']' is missing here"),
        Mistake("a: ❶\"❶x\nb: 3\n", 24, "this double quote is never closed"),
        Mistake("a: ❶'❶x", 24, "this single quote is never closed"),
        Mistake("a: ❶b: c❶", 25, "a value with ': ' in it must be quoted"),
        Mistake("a: ❶\"b\": c❶", 25, "a value with ': ' in it must be quoted"),
        Mistake("❶ab❶\ncd: 1", 26, "'ab' has no ':'"),
        Mistake("a: 1\n❶foo bar❶\nb: 2", 26, "'foo bar' has no ':'"),
        Mistake("❶a:1❶\nb: 2", 26, "a space is missing behind the ':' in 'a:1'"),
        Mistake("x: 1\n❶a:1❶\nb: 2", 26, "a space is missing behind the ':' in 'a:1'"),
        Mistake("- a\n- ❶id:a❶\n  run: x\n", 26, "a space is missing behind the ':' in 'id:a'"),
        Mistake("- a\n  ❶b❶: x\n", 22, "'b' is indented deeper than the line above allows"),
        Mistake("[a] ❶b❶", 27, "there is more text behind the value"),
        Mistake("\"a\"\n❶b❶", 27, "there is more text behind the value"),
        Mistake("expect: ❶!result.open❶", 12, "the tag '!result.open' is not allowed"),
        Mistake("a: \"x\" ❶y❶", 27, "there is more text behind the value"),
        Mistake("a: 'it'❶s'❶  ", 27, "there is more text behind the value"),
        Mistake("a: ❶-❶ x", 28, "a list cannot start on the line of its key"),
        Mistake("a: 1\n❶- b❶", 28, "a list item cannot stand among keys"),
        Mistake("- a\n❶b❶: 1", 28, "'b' cannot stand among the items of a list"),
        Mistake(
            "a: ❶*base.monitoring❶ # c",
            18,
            "'*base.monitoring' is no alias: a name has letters, digits, '-' and '_' only"
        ),
        Mistake("a: ❶@❶x", 29, "an unquoted value cannot start with '@' like this"),
        Mistake("a: ❶`❶x`", 29, "an unquoted value cannot start with '`' like this"),
        Mistake("a: ❶*❶ * *", 29, "an unquoted value cannot start with '*' like this"),
        Mistake("a: ❶&❶& b", 29, "an unquoted value cannot start with '&' like this"),
        Mistake("a: ❶?❶ b", 29, "an unquoted value cannot start with '?' like this"),
        Mistake("a: \"❶\\d❶\"", 30, "'\\d' is no escape of double quotes"),
        Mistake("a: \"❶\\u❶D800\"", 30, "'\\u' is no escape of double quotes"),
        Mistake("a: \"é ❶\\x❶1g\"", 30, "'\\x' is no escape of double quotes"),
        Mistake("a: | ❶text❶", 31, "a text block cannot start like this"),
        Mistake("a: |❶0❶\n x", 31, "a text block cannot start like this"),
        Mistake("a: ❶]❶", 32, "this ']' closes nothing"),
        Mistake("a: [x]❶]❶", 32, "this ']' closes nothing"),
        Mistake("a: [1,❶,❶2]", 32, "there is no value before this ','"),
    ]

    @Test(arguments: Self.characters + Self.documents + Self.contents + Self.indentation + Self.syntax)
    func `a mistake is named where it is made`(mistake: Mistake) throws {
        let source = MarkedSource(mistake.marked)
        let diagnostics = YAMLDocument.parse(source.file).diagnostics
        let diagnostic = try #require(diagnostics.first)
        #expect(diagnostics.count == 1, "\(diagnostics.map(\.message))")
        #expect(diagnostic.code.number == mistake.code)
        #expect(diagnostic.message == mistake.message)
        #expect(diagnostic.span == source["❶"], "\(source.render(diagnostic))")
        #expect(diagnostic.help != nil)
    }

    @Test func `mistakes that do not stop libyaml are all found, in order`() throws {
        let source = MarkedSource(
            """
            a: ❶!!int❶ 5
            b: 1
            ❷a❷: 2
            c: ❸*nope❸
            d: { k: 1, ❹k❹: 2 }
            ? ❺[x]❺
            : 1
            e: "❻\u{202A}❻"
            f: fine
            """
        )
        let document = YAMLDocument.parse(source.file)
        #expect(document.diagnostics.map(\.code.number) == [12, 13, 18, 13, 14, 6])
        #expect(document.diagnostics.map(\.span) == ["❶", "❷", "❸", "❹", "❺", "❻"].map { source[$0] })
        let root = try #require(document.root)
        #expect(root.mapping?.map(\.key.text) == ["a", "b", "c", "d", "e", "f"])
        #expect(root["a"]?.scalar?.text == "5")
        #expect(!document.isUsable)
    }

    @Test func `a duplicate key points at both places`() throws {
        let source = MarkedSource(path: "drain.yaml", "steps: 1\nid: 2\nsteps: 3\n")
        let diagnostic = try #require(YAMLDocument.parse(source.file).diagnostics.first)
        #expect(
            source.render(diagnostic) == """
                drain.yaml:3:1: error[RB0013]: 'steps' is given twice
                3 | steps: 3
                  | ^^^^^
                drain.yaml:1:1: note: first given here
                1 | steps: 1
                  | ^^^^^
                help: delete one of them
                """
        )
    }

    @Test func `tabs on other lines are counted`() throws {
        let source = SourceFile(path: "t", text: "a:\n\tb: 1\n\tc: 2\nd:\n\te: 1")
        #expect(YAMLDocument.parse(source).diagnostics.first?.notes.first?.message == "2 more lines start with a tab")
    }

    @Test func `an alias gets a suggestion`() throws {
        let source = SourceFile(path: "t", text: "a: &base 1\nb: *bace")
        #expect(YAMLDocument.parse(source).diagnostics.first?.help == "did you mean '*base'?")
    }

    @Test func `a merge of something else is refused`() throws {
        let source = MarkedSource("a: &a 1\nb: { <<: ❶*a❶, c: 1 }")
        let diagnostics = YAMLDocument.parse(source.file, features: .configuration).diagnostics
        #expect(diagnostics.map(\.code.number) == [17])
        #expect(diagnostics.first?.span == source["❶"])
        #expect(diagnostics.first?.message == "'<<' can merge mappings only, and this is a number")
    }

    @Test(arguments: ["", "\n\n", "# only a comment\n", "---\n", "\u{FEFF}", "---\n...\n"])
    func `an empty file is an error`(text: String) {
        let document = YAMLDocument.parse(path: "e.yaml", bytes: Array(text.utf8))
        #expect(document.root == nil)
        #expect(document.diagnostics.map(\.code.number) == [1])
        #expect(document.diagnostics.first?.span == .wholeFile("e.yaml"))
    }

    @Test func `a value at the root is no empty file`() {
        for text in ["null", "~", "''", "x", "[]"] {
            #expect(YAMLDocument.parse(SourceFile(path: "r", text: text)).isUsable, "\(text)")
        }
    }

    @Test(
        arguments: [
            ([0xFF, 0xFE, 0x61, 0x00], "UTF-16LE"), ([0xFE, 0xFF, 0x00, 0x61], "UTF-16BE"),
            ([0x61, 0, 0x3A, 0], "UTF-16LE"),
            ([0, 0x61, 0, 0x3A], "UTF-16BE"), ([0xFF, 0xFE, 0, 0, 0x61, 0, 0, 0], "UTF-32LE"),
            ([0, 0, 0xFE, 0xFF], "UTF-32BE"),
        ] as [([UInt8], String)]
    )
    func `other encodings are named`(bytes: [UInt8], name: String) {
        let document = YAMLDocument.parse(path: "u", bytes: bytes)
        #expect(document.diagnostics.map(\.message) == ["the file is \(name), not UTF-8"])
    }

    @Test(arguments: [[0xE9], [0xC3], [0xED, 0xA0, 0x80], [0xC0, 0xAF], [0xF8]] as [[UInt8]])
    func `a byte that is not UTF-8 has a place`(damage: [UInt8]) throws {
        let document = YAMLDocument.parse(path: "u", bytes: Array("a: é\nb: ".utf8) + damage + Array(" x\n".utf8))
        let diagnostic = try #require(document.diagnostics.first)
        #expect(diagnostic.code.number == 3)
        #expect("\(diagnostic.span)" == "u:2:4")
        #expect(document.file.render(diagnostic).contains("b: \u{FFFD}"))
    }

    @Test func `a replacement character of the author's own is fine`() {
        let document = YAMLDocument.parse(path: "u", bytes: Array("a: \u{FFFD}\n".utf8))
        #expect(document.isUsable)
    }
}
