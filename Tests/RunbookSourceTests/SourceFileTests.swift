// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunbookSource
import TestSupport
import Testing

@Suite struct SourceFileTests {
    static func position(_ line: Int, _ column: Int, _ offset: Int) -> SourcePosition {
        SourcePosition(line: line, column: column, offset: offset)
    }

    @Test func `lines end with LF, CR LF or a lone CR`() {
        let file = SourceFile(path: "f", text: "a\nb\r\nc\rd")
        #expect(file.lineCount == 4)
        #expect((1...5).map(file.line) == ["a", "b", "c", "d", ""])
        #expect(file.position(atUTF8Offset: 2) == Self.position(2, 1, 2))
        #expect(file.position(atUTF8Offset: 5) == Self.position(3, 1, 5))
        #expect(file.position(atUTF8Offset: 7) == Self.position(4, 1, 7))
        #expect(file.position(atUTF8Offset: 99) == Self.position(4, 2, 8))
    }

    @Test func `columns count scalars, and UTF-16 units on request`() {
        let source = MarkedSource("x: \"é👩‍🚒❶k❶\"")
        #expect(source["❶"].start == Self.position(1, 9, 17))
        #expect(source.file.utf16Column(of: source["❶"].start) == 11)
        #expect(source.text(at: "❶") == "k")
    }

    @Test func `a byte order mark has no column`() {
        let file = SourceFile(path: "f", text: "\u{FEFF}ab\nc")
        #expect(file.hasByteOrderMark)
        #expect(file.position(atUTF8Offset: 0) == Self.position(1, 1, 0))
        #expect(file.position(atUTF8Offset: 3) == Self.position(1, 1, 3))
        #expect(file.position(atUTF8Offset: 4) == Self.position(1, 2, 4))
        #expect(file.line(1) == "ab")
    }

    @Test func `scalar numbers and byte offsets are opposites`() {
        var text = ""
        for index in 0..<600 {
            text += ["a", "é", "数", "👩", "\n"][index * 7 % 5]
        }
        let file = SourceFile(path: "f", text: text)
        var offset = 0
        for (index, scalar) in text.unicodeScalars.enumerated() {
            #expect(file.utf8Offset(ofScalar: index) == offset)
            #expect(file.scalarIndex(atUTF8Offset: offset) == index)
            offset += String(scalar).utf8.count
        }
        #expect(file.utf8Offset(ofScalar: 600) == offset)
        #expect(file.scalarIndex(atUTF8Offset: offset) == 600)
    }

    @Test func `an empty file has one empty line`() {
        let file = SourceFile(path: "f", text: "")
        #expect(file.lineCount == 1)
        #expect(file.line(1) == "")
        #expect(file.wholeSpan == SourceSpan(path: "f", start: Self.position(1, 1, 0), end: Self.position(1, 1, 0)))
    }

    @Test func `a part of a span is cut at its end`() {
        let source = MarkedSource("é: ❶size(x)❶ y")
        let part = source.file.subspan(of: source["❶"], utf8Range: 5..<6)
        #expect(source.file.text(of: part) == "x")
        #expect(part.start == Self.position(1, 9, 9))
        #expect(source.file.text(of: source.file.subspan(of: source["❶"], utf8Range: 5..<60)) == "x)")
        #expect(source.file.subspan(of: source["❶"], utf8Range: 50..<60).isEmpty)
    }

    @Test func `a megabyte on one line answers at once`() {
        let file = SourceFile(path: "f", text: "é" + String(repeating: "a", count: 1_000_000))
        var columns = 0
        for offset in stride(from: 2, to: 1_000_000, by: 50) {
            columns += file.position(atUTF8Offset: offset).column == offset ? 1 : 0
        }
        #expect(columns == 20_000)
    }
}

@Suite struct SourceSpanTests {
    @Test func `spans join, contain and describe themselves`() {
        let source = MarkedSource(path: "r.yaml", "❶a: ❷b❷❶ ❸c❸")
        #expect(source["❶"].contains(source["❷"]))
        #expect(!source["❷"].contains(source["❶"]))
        #expect(source.file.text(of: source["❷"].joined(with: source["❸"])) == "b c")
        #expect(source["❶"].joined(with: .wholeFile("r.yaml")) == source["❶"])
        #expect("\(source["❸"])" == "r.yaml:1:6")
        #expect("\(SourceSpan.wholeFile("r.yaml"))" == "r.yaml")
        #expect(source["❷"].tail.isEmpty)
        #expect(source["❷"].contains(utf8Offset: 3) && !source["❷"].contains(utf8Offset: 4))
    }

    @Test func `codes print four digits and read them back`() {
        #expect("\(Diagnostic.Code(7))" == "RB0007")
        #expect(Diagnostic.Code("RB0207") == Diagnostic.Code(207))
        #expect(Diagnostic.Code("rb0001") == Diagnostic.Code(1))
        for wrong in ["", "RB", "RB207", "SH0207", "RB02077", "RB+207", "RB٠٢٠٧"] {
            #expect(Diagnostic.Code(wrong) == nil)
        }
    }

    @Test func `diagnostics are read by file, place and number`() {
        let a = MarkedSource(path: "a", "❶x❶ ❷y❷")
        let b = MarkedSource(path: "b", "❶x❶")
        func diagnostic(_ code: UInt16, _ span: SourceSpan) -> Diagnostic {
            Diagnostic(code: .init(code), severity: .warning, message: "m", span: span)
        }
        let diagnostics = [
            diagnostic(1, b["❶"]), diagnostic(2, a["❷"]), diagnostic(9, a["❶"]), diagnostic(3, a["❶"]),
            diagnostic(5, .wholeFile("a")),
        ]
        #expect(diagnostics.inSourceOrder().map(\.code.number) == [3, 5, 9, 2, 1])
        #expect(!diagnostics.hasErrors)
    }
}

@Suite struct DidYouMeanTests {
    static let steps = ["drain", "restart", "validate_cluster_state", "id", "in"]

    @Test(arguments: [
        ("drian", "drain"), ("drein", "drain"), ("Drain", "drain"), ("restrat", "restart"),
        ("validate-cluster-state", "validate_cluster_state"), ("validat_clster_stat", "validate_cluster_state"),
        ("di", "id"), ("i", "id"),
    ])
    func `a slip finds the name`(typo: String, name: String) {
        #expect(DidYouMean.suggestion(for: typo, among: Self.steps) == name)
    }

    @Test(arguments: ["", "x", "zz", "unrelated", "drainage", "drain"])
    func `what is not near finds nothing`(name: String) {
        #expect(DidYouMean.suggestion(for: name, among: Self.steps) == nil)
    }

    @Test func `the order of candidates does not show`() {
        #expect(DidYouMean.suggestion(for: "bat", among: ["cat", "rat", "bar"]) == "bar")
        #expect(DidYouMean.suggestion(for: "bat", among: ["rat", "bar", "cat"]) == "bar")
        #expect(DidYouMean.help(for: "drian", among: Self.steps) == "did you mean 'drain'?")
    }
}
