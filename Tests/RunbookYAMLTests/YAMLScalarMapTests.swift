// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunbookSource
import RunbookYAML
import TestSupport
import Testing

/// Each source marks, with ❶, what the word `needle` of the scalar's text should be mapped to.
@Suite struct YAMLScalarMapTests {
    static func scalar(in source: MarkedSource) throws -> YAMLScalar {
        let document = YAMLDocument.parse(source.file)
        #expect(document.diagnostics == [])
        return try #require(document.root?["v"]?.scalar)
    }

    static func expectNeedle(in source: MarkedSource) throws {
        let scalar = try Self.scalar(in: source)
        let text = Array(scalar.text.utf8)
        let start = try #require((0..<text.count).first { text[$0...].starts(with: "needle".utf8) }, "\(scalar.text)")
        #expect(scalar.map.isExact)
        #expect(scalar.span(ofUTF8Range: start..<start + 6) == source["❶"], "\(source.text)")
    }

    @Test(arguments: [
        "v: ❶needle❶", "v: é ❶needle❶ # c", "v: a\n  b\n\n   ❶needle❶ c", "{v: a ❶needle❶}",
        "v: 'it''s ❶needle❶'", "v: ' a  \n\n  b ❶needle❶ '", "v: 'a\r\n  ❶needle❶'",
        "v: \"❶needle❶\"", #"v: "\x41\u00e9\n\t\"\\ ❶needle❶""#, #"v: "\U0001F600\0\e\_\L ❶needle❶""#,
        "v: \"a \\\n   ❶needle❶\"", "v: \"a\n\n\n  ❶needle❶\"", "v: \"a \\\n\n  \\ ❶needle❶\"",
        "\u{FEFF}v: \"é\\/ ❶needle❶\"",
        "v: &anchor ❶needle❶",
    ])
    func `flow scalars map exactly`(marked: String) throws {
        try Self.expectNeedle(in: MarkedSource(marked))
    }

    @Test(arguments: [
        "v: |\n  a\n  ❶needle❶ b\nw: 1", "v: |\n\n  é\n    ❶needle❶\n", "v: |-\n  ❶needle❶",
        "v: |+\n  a\n\n  ❶needle❶\n\n\nw: 1",
        "v: | # c\n  a\n\n  ❶needle❶\n", "v: |2\n    ❶needle❶\n   b\n", "v: |\r\n  a\r\n  ❶needle❶\r\n",
        "v: |\n  a  \n   \n  ❶needle❶\n", "v: |1-\n  ❶needle❶",
    ])
    func `literal blocks map exactly`(marked: String) throws {
        try Self.expectNeedle(in: MarkedSource(marked))
    }

    @Test(arguments: [
        "v: >\n  a\n  ❶needle❶ b\nw: 1", "v: >-\n  a\n\n  b\n  ❶needle❶",
        "v: >\n  a\n    more\n\n    more\n  b\n  ❶needle❶\n",
        "v: >+\n\n\n  a\n  ❶needle❶\n\n", "v: >\n  size(a) >= 1\n  && é == 'x'\n  && ❶needle❶ == 2\n\n# c\nw: 1",
        "v: >2\n    a\n  b\n  ❶needle❶\n", "v: >\r\n  a\r\n  ❶needle❶\r\n", "v: >\n  a\n  \tb\n  ❶needle❶",
    ])
    func `folded blocks map exactly`(marked: String) throws {
        try Self.expectNeedle(in: MarkedSource(marked))
    }

    @Test func `a range over several folded lines spans them`() throws {
        let source = MarkedSource("v: >\n  one ❶two\n  three❶ four\n")
        let scalar = try Self.scalar(in: source)
        #expect(scalar.text == "one two three four\n")
        #expect(scalar.span(ofUTF8Range: 4..<13) == source["❶"])
    }

    @Test func `an escape is underlined whole`() throws {
        let source = MarkedSource(#"v: "a❶\u00e9❶b""#)
        let scalar = try Self.scalar(in: source)
        #expect(scalar.span(ofUTF8Range: 1..<3) == source["❶"])
        #expect(scalar.span(ofUTF8Range: 2..<3) == source["❶"])
    }

    @Test func `empty ranges stand before what follows, and at the end`() throws {
        let source = MarkedSource("v: >\n  ab\n  ❶cd❷\n")
        let scalar = try Self.scalar(in: source)
        #expect(scalar.span(ofUTF8Range: 3..<3) == source["❶"])
        #expect(scalar.span(ofUTF8Range: 5..<5) == source["❷"])
        let empty = MarkedSource("v: \"❶\"")
        #expect(try Self.scalar(in: empty).span(ofUTF8Range: 0..<0) == empty["❶"])
    }

    @Test func `ranges outside the text are cut`() throws {
        let source = MarkedSource("v: a❶b❶")
        #expect(try Self.scalar(in: source).span(ofUTF8Range: 1..<99) == source["❶"])
    }

    @Test func `a scalar without a file is its whole span`() {
        let span = SourceFile(path: "f", text: "abc").wholeSpan
        let scalar = YAMLScalar(text: "abc", style: .plain, span: span)
        #expect(!scalar.map.isExact)
        #expect(scalar.span(ofUTF8Range: 1..<2) == span)
    }

    // Goal: the tracer follows libyaml through every text, not only through the tidy ones above.
    // Method: build scalars of all styles from random lines; whatever libyaml accepts must map exactly, and
    // what is not an escape or a fold must map to equal bytes.
    @Test func `random scalars map exactly`() throws {
        var generator = SeededGenerator(seed: 7)
        let parts = [
            "a", "é", " ", "  ", "\n", "\n ", "\n  ", "\n\n", "''", "\\n", "\\\n", "b: ", "x", "\t", "#", "\r\n",
        ]
        let frames = [
            ("'", "'"), ("\"", "\""), ("|\n  ", "\n"), (">\n  ", "\n"), (">+\n  ", ""), ("|-\n   ", "\n\n"), ("", ""),
            (">1\n ", ""),
        ]
        var traced = 0
        for _ in 0..<20_000 {
            let body = (0..<Int.random(in: 0..<12, using: &generator)).map { _ in
                parts.randomElement(using: &generator) ?? ""
            }
            guard let (head, tail) = frames.randomElement(using: &generator) else { continue }
            let file = SourceFile(path: "r", text: "v: " + head + body.joined() + tail)
            let document = YAMLDocument.parse(file)
            guard document.isUsable, let scalar = document.root?["v"]?.scalar, !scalar.text.isEmpty else { continue }
            let map = scalar.map
            #expect(map.isExact, "\(Array(file.text.unicodeScalars))")
            traced += 1
            for index in scalar.text.utf8.indices {
                let offset = scalar.text.utf8.distance(from: scalar.text.startIndex, to: index)
                let span = map.span(ofUTF8Range: offset..<offset + 1)
                let byte = scalar.text.utf8[index]
                if span.utf8Range.count == 1, byte != 0x20, byte != 0x0A {
                    #expect(file.utf8[span.start.offset] == byte)
                }
            }
        }
        #expect(traced > 3_000)
    }
}

/// The same numbers in every process.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { self.state = seed }

    mutating func next() -> UInt64 {
        self.state &+= 0x9E37_79B9_7F4A_7C15
        var z = self.state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
