// Selfheal
// SPDX-License-Identifier: Apache-2.0

import CELExpressions
import Testing

@Suite struct ParserTests {
    static let mistakes: [Mistake] = [
        Mistake("", at: "", "the expression is empty"),
        Mistake("  // nothing", at: "  // nothing", "the expression is empty"),
        Mistake("1 +", at: "+", "the expression ends too early"),
        Mistake("a && ", at: "&&", "the expression ends too early"),
        Mistake("* 2", at: "*", "unexpected '*'", help: "a value, a name or '(' can stand here"),
        Mistake("(1 + 2", at: "(", "'(' is never closed"),
        Mistake("[1, 2", at: "[", "'[' is never closed"),
        Mistake("{'a': 1", at: "{", "'{' is never closed"),
        Mistake("size(a", at: "(", "'(' is never closed"),
        Mistake("a[1", at: "[", "'[' is never closed"),
        Mistake("1 + 2)", at: ")", "unexpected ')'"),
        Mistake("(1 + 2]", at: "]", "unexpected ']'", help: "the '(' before it needs a ')'"),
        Mistake("[1 2]", at: "2", "unexpected '2'", help: "the '[' before it needs a ']'"),
        Mistake("a b", at: "b", "unexpected 'b'"),
        Mistake("a and b", at: "and", "unexpected 'and'", help: "write '&&'"),
        Mistake("a or b", at: "or", "unexpected 'or'", help: "write '||'"),
        Mistake("a = b", at: "=", "unexpected '='", help: "write '==' to compare"),
        Mistake("a.", at: "", "a field name is missing before the end of the expression"),
        Mistake("a.1", at: ".1", "unexpected '.1'"),
        Mistake("a.'b'", at: "'b'", "a field name is missing before ''b''"),
        Mistake("a.true", at: "true", "a field name is missing before 'true'"),
        Mistake("in x", at: "in", "unexpected 'in'", help: "'in' stands between a value and a list"),
        Mistake("for", at: "for", "'for' is a reserved word", help: "it cannot be the name of a value"),
        Mistake("`a`", at: "`a`", "'`a`' can only name a field"),
        Mistake(
            "a ? b",
            at: "",
            "':' is missing before the end of the expression",
            help: "a '?' needs a ':' with the other value"
        ),
        Mistake(
            "a ? b ? c : d : e",
            at: "?",
            "':' is missing before '?'",
            help: "put parentheses around the conditional between '?' and ':'"
        ),
        Mistake("{'a', 1}", at: ",", "':' is missing before ','", help: "a map is written {key: value}"),
        Mistake("!-1", at: "-", "'!' and '-' cannot be mixed", help: "add parentheses"),
        Mistake("Node{a: 1}", at: "Node", "'Node' cannot be constructed", help: "write a map"),
        Mistake(
            "has(a)",
            at: "a",
            "'has' needs one field, such as has(a.b)",
            help: "it tells whether a field or a key is there"
        ),
        Mistake(
            "has(a.b, c)",
            at: "a.b",
            "'has' needs one field, such as has(a.b)",
            help: "it tells whether a field or a key is there"
        ),
        Mistake(
            "a.filter(x)",
            at: "filter",
            "'filter' takes a variable and a condition",
            help: "write .filter(x, …) and use x for the element"
        ),
        Mistake(
            "a.filter(x.y, true)",
            at: "filter",
            "'filter' takes a variable and a condition",
            help: "write .filter(x, …) and use x for the element"
        ),
        Mistake(
            "a.map(x, 1, 2, 3)",
            at: "map",
            "'map' takes a variable and an expression",
            help: "write .map(x, …) and use x for the element"
        ),
        Mistake(
            "a.sortBy()",
            at: "sortBy",
            "'sortBy' takes a variable and a key",
            help: "write .sortBy(x, …) and use x for the element"
        ),
        Mistake("größe", at: "öß", "unexpected 'öß'", help: "names have letters from a to z, digits and _"),
    ]

    @Test(arguments: mistakes)
    func `the first problem is precise`(mistake: Mistake) throws {
        let (expression, problems) = CELExpression.parse(mistake.text)
        #expect(expression == nil)
        let problem = try #require(problems.first)
        #expect(problem.message == mistake.message)
        #expect(problem.help == mistake.help)
        #expect(slice(mistake.text, problem.range) == mistake.enclosed)
    }

    @Test func `several mistakes are found in one pass`() {
        let text = #"(a + ) && [1, 'x\q'] == b.filter(x) || c = for"#
        let problems = CELExpression.parse(text).1
        #expect(problems.map { slice(text, $0.range) } == [")", #"\q"#, "filter", "="])
    }

    @Test(arguments: [
        ("a + b * c", ["a + b * c", "a", "b * c", "b", "c"]),
        ("  size( x.y )  ", ["size( x.y )", "x.y", "x"]),
        ("ö.filter(n, true)", []),
        ("'ö' + a[ 'k' ].f", ["'ö' + a[ 'k' ].f", "'ö'", "a[ 'k' ].f", "a[ 'k' ]", "a", "'k'"]),
        ("(a) + (b)", ["a) + (b", "a", "b"]),
        ("-x", ["-x", "x"]), ("- 5", ["- 5"]),
        ("l.map(e, e > 1, e.f)", ["l.map(e, e > 1, e.f)", "l", "e > 1", "e", "1", "e.f", "e"]),
        ("c ? {1: a} : [b,]", ["c ? {1: a} : [b,]", "c", "{1: a}", "1", "a", "[b,]", "b"]),
        ("math.abs(x) in m", ["math.abs(x) in m", "math.abs(x)", "x", "m"]),
        ("a || b || has(c.d)", ["a || b || has(c.d)", "a", "b", "has(c.d)", "c"]),
        ("!a && !b", ["!a && !b", "!a", "a", "!b", "b"]),
    ])
    func `every node knows its characters`(text: String, expected: [String]) {
        var found: [String] = []
        func visit(_ node: CELNode) {
            found.append(slice(text, node.range) ?? "")
            for child in node.children {
                visit(child)
            }
        }
        if let expression = CELExpression.parse(text).0 {
            visit(expression.root)
        }
        #expect(found == expected)
    }

    @Test(arguments: [
        ("a.b + 1 / 0", "1 / 0"), ("{'k': 1}.other", "other"), ("[1][3]", "3"), ("nobody + 1", "nobody"),
        ("1 + int('x')", "int('x')"), ("true && 1 + 'a' == 2", "1 + 'a'"), ("[1].map(x, x / 0)", "x / 0"),
        ("[0].filter(x, x)", "x"), ("frobnicate(1)", "frobnicate"), ("{1: 1, 1: 2}", "{1: 1, 1: 2}"),
    ])
    func `an error of evaluation knows its place`(text: String, enclosed: String) throws {
        let record = CELRecord("thing", fields: [.init("b", .int(1))])
        let error = try #require(failure(text, ["a": .record(record)]))
        #expect(slice(text, error.range) == enclosed)
    }

    @Test func `equal texts are equal expressions`() {
        #expect(CELExpression.parse("a + 1").0 == CELExpression.parse("a + 1").0)
        #expect(CELExpression.parse("a + 1").0 != CELExpression.parse("a+1").0)
    }
}

@Suite struct LimitTests {
    /// One piece of text, many times.
    struct Repetition: Sendable, CustomTestStringConvertible {
        let piece: String
        let count: Int
        var head = ""
        var tail = ""

        var text: String { self.head + String(repeating: self.piece, count: self.count) + self.tail }
        var testDescription: String { "\(self.count) times \(self.piece)" }
    }

    @Test(arguments: [
        Repetition(piece: "(", count: 30_000),
        Repetition(piece: "(", count: 30_000, tail: "1" + String(repeating: ")", count: 30_000)),
        Repetition(piece: "[", count: 60_000),
        Repetition(piece: "-", count: 60_000, tail: "a"),
        Repetition(piece: "!", count: 60_000, tail: "a"),
        Repetition(piece: ".b", count: 30_000, head: "a"),
        Repetition(piece: "[0]", count: 20_000, head: "a"),
        Repetition(piece: "+1", count: 30_000, head: "1"),
        Repetition(piece: "a?b:", count: 16_000, tail: "c"),
        Repetition(piece: "f(", count: 30_000),
        Repetition(piece: "{1:", count: 20_000),
        Repetition(piece: ".map(x,x", count: 8_000, head: "a"),
    ])
    func `deep nesting is refused and not a crash`(nest: Repetition) {
        let (expression, problems) = CELExpression.parse(nest.text)
        #expect(expression == nil)
        #expect(problems.contains { $0.kind == .limit && $0.message.contains("nested") })
        #expect(problems.count <= CELLimits.problems)
    }

    @Test func `the nesting that is allowed can be evaluated`() {
        let brackets = String(repeating: "(", count: 190) + "1" + String(repeating: ")", count: 190)
        #expect(outcome(brackets) == "1")
        #expect(outcome("1" + String(repeating: " + 1", count: 190)) == "191")
        #expect(outcome(String(repeating: "!", count: 190) + "true") == "true")
        #expect(outcome(String(repeating: "[", count: 190) + String(repeating: "]", count: 190) + ".size()") == "1")
        #expect(outcome("false" + String(repeating: " || false", count: 5_000) + " || true") == "true")
        #expect(outcome("[" + String(repeating: "1,", count: 20_000) + "].size()") == "20000")
    }

    @Test func `a text that is too long is refused with one problem`() {
        for text in [String(repeating: "(", count: 100_000), String(repeating: "a ", count: 40_000)] {
            let (expression, problems) = CELExpression.parse(text)
            #expect(expression == nil)
            #expect(problems.count == 1)
            #expect(problems.first?.kind == .limit)
        }
    }

    // Goal: no text crashes the lexer, the parser or the checker, and every range lies within the text.
    // Method: 3,000 texts drawn from fragments and from bytes by one generator with a fixed seed, plus long ones.
    @Test func `garbage gives problems and nothing else`() {
        var state: UInt64 = 0x9e37_79b9_7f4a_7c15
        func next(below bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % bound
        }
        let fragments = [
            "(", ")", "[", "]", "{", "}", ".", ",", ":", "?", "+", "-", "!", "&&", "||", "==", "<", "in", "a", "b", "x",
            "filter(", "map(x,", "has(", "size(", "1", "2u", "1.5", "'s'", "\"", "'", "\\", "b'", "r\"", "'''", "//",
            "\n",
            "0x", "1e", "`", "é", "\u{0}", "😀", "true", "null", "for", "&", "=", "math.greatest(", "${{",
        ]
        for round in 0..<3_000 {
            var bytes: [UInt8] = []
            for _ in 0..<next(below: round % 100 == 0 ? 3_000 : 24) {
                if next(below: 20) == 0 {
                    bytes.append(UInt8(next(below: 256)))
                } else {
                    bytes += Array(fragments[next(below: fragments.count)].utf8)
                }
            }
            let text = String(decoding: bytes, as: UTF8.self)
            let (expression, problems) = CELExpression.parse(text)
            #expect((expression == nil) == !problems.isEmpty)
            #expect(problems.count <= CELLimits.problems)
            #expect(problems.allSatisfy { $0.range.upperBound <= text.utf8.count })
            if let expression {
                let (_, found) = expression.check(in: Sample.environment)
                #expect(found.allSatisfy { $0.range.upperBound <= text.utf8.count })
                _ = try? expression.evaluate(CELActivation(Sample.variables), costLimit: 1_000)
                _ = expression.referencedPaths
            }
            _ = CELTemplate.parse(text)
        }
        for byte in [UInt8(0), 0x28, 0x27, 0x5c, 0x80, 0xff, 0x7b] {
            let text = String(decoding: [UInt8](repeating: byte, count: 100_000), as: UTF8.self)
            #expect(CELExpression.parse(text).0 == nil)
            #expect(CELExpression.parse(String(text.prefix(60_000))).0 == nil)
            _ = CELTemplate.parse("${{" + text)
        }
    }

    static let bombs: [Row] = [
        Row("lists.range(300).map(a, lists.range(300).map(b, a + b)).size()", "error: costExceeded"),
        Row("lists.range(1000).all(a, lists.range(1000).all(b, true))", "error: costExceeded"),
        Row("true || lists.range(1000000).size() > 0", "true"),
        Row("lists.range(1000000).size() > 0 || true", "error: costExceeded"),
        Row("[lists.range(1000000)].exists(x, true)", "error: costExceeded"),
        Row(
            (0..<40).reduce("'0123456789abcdef'") { text, _ in "[\(text)].map(x, x + x)[0]" },
            "error: costExceeded"
        ),
        Row((0..<40).reduce("[1, 2]") { text, _ in "[\(text)].map(x, x + x)[0]" }, "error: costExceeded"),
        Row("lists.range(2000).distinct().size()", "error: costExceeded"),
    ]

    @Test(arguments: bombs)
    func `an evaluation that costs too much is given up`(row: Row) {
        #expect(outcome(row.text) == row.expected)
    }

    @Test func `the cost limit is the caller's`() throws {
        let expression = try #require(CELExpression.parse("1 + 2 + 3").0)
        #expect(try expression.evaluate(CELActivation(), costLimit: 5) == .int(6))
        do {
            _ = try expression.evaluate(CELActivation(), costLimit: 4)
            Issue.record("the limit was ignored")
        } catch {
            #expect(error.kind == .costExceeded)
            #expect(error.message == "the evaluation was stopped because it costs more than 4")
        }
    }
}
