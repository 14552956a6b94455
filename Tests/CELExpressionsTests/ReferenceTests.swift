// Selfheal
// SPDX-License-Identifier: Apache-2.0

import CELExpressions
import Testing

@Suite struct ReferenceTests {
    @Test(arguments: [
        ("steps.look.results.size() > n", ["steps.look.results", "n"]),
        ("steps['look'].results[0].x", ["steps.look.results"]),
        ("a.map(x, x.b + c.d).filter(y, y > a)", ["a", "c.d", "a"]),
        ("[1].map(x, x + .x)", ["x"]),
        ("has(steps.look.outcome) && type(k) == int", ["steps.look.outcome", "k"]),
        ("math.greatest(p.q, 2) < quorum(ensemble)", ["p.q", "ensemble"]),
        ("1 + 2", []),
        ("a[b.c].d", ["a", "b.c"]),
        ("x.exists(x, x.y) || x.z", ["x", "x.z"]),
        ("string(type.of)", ["type.of"]),
    ])
    func `the paths an expression reads are listed in order`(text: String, expected: [String]) throws {
        let expression = try #require(CELExpression.parse(text).0)
        #expect(expression.referencedPaths.map { $0.path.joined(separator: ".") } == expected)
    }

    @Test func `every component has its place`() throws {
        let text = "1 + steps['look'].results.size()"
        let reference = try #require(CELExpression.parse(text).0?.referencedPaths.first)
        #expect(reference.root == "steps")
        #expect(reference.path == ["steps", "look", "results"])
        #expect(reference.ranges.map { slice(text, $0) } == ["steps", "'look'", "results"])
        #expect(slice(text, reference.rootRange) == "steps")
        #expect(slice(text, reference.range) == "steps['look'].results")
    }

    @Test func `names and calls are listed`() throws {
        let text = "size(b.filter(n, n.ok)) < quorum(a) && b.x.isVoter() || math.abs(a.z) > 1"
        let expression = try #require(CELExpression.parse(text).0)
        #expect(expression.freeNames == ["a", "b"])
        #expect(expression.calls.map(\.name) == ["size", "quorum", "isVoter", "math.abs"])
        #expect(expression.calls.map(\.isHostFunction) == [false, true, true, false])
        #expect(expression.calls.map(\.isMethod) == [false, false, true, false])
        #expect(expression.calls.map { slice(text, $0.range) } == ["size", "quorum", "isVoter", "math.abs"])
    }
}

@Suite struct TemplateTests {
    @Test(arguments: [
        ("plain", "plain"), ("", ""), ("${{ one }}", "1"), ("a ${{ one + 1 }} b", "a 2 b"),
        ("${{one}}${{text}}", "1hello"),
        ("$${{ one }}", "${{ one }}"), ("$$${{ one }}", "$${{ one }}"), ("$x ${y} {{ z }}", "$x ${y} {{ z }}"),
        ("${{ '}}' }}", "}}"), ("${{ {'a': {'b': 1}}.a.b }}", "1"), ("${{ {'a': {'b': 1}} }}", "{a: {b: 1}}"),
        ("${{ r'\\' }}", "\\"), ("ö${{ text }}ö", "öhelloö"), ("${{ duration('90s') }}", "1m30s"),
        ("${{ ensemble }}", "[zk1, zk2, zk3]"), ("${{ 1.0 }} ${{ 2.5 }}", "1 2.5"), ("${{ \"it's\" }}", "it's"),
        ("${{ numbr'x' }}", "problem"),
    ])
    func `expressions are replaced by their values`(text: String, expected: String) throws {
        guard let template = CELTemplate.parse(text).0 else {
            #expect(expected == "problem")
            return
        }
        #expect(try template.evaluate(CELActivation(Sample.variables)) == .string(expected))
    }

    @Test(arguments: [
        ("a ${{ b", "${{", "'${{' is never closed"), ("a ${{ 'b }} c", "'b ", "string is never closed"),
        ("ö ${{ b + }}", "+", "the expression ends too early"), ("${{ }}", " ", "the expression is empty"),
        ("${{ {'a': 1 }} x", "{", "'{' is never closed"),
    ])
    func `a problem has its place in the template`(text: String, enclosed: String, message: String) throws {
        let (template, problems) = CELTemplate.parse(text)
        #expect(template == nil)
        let problem = try #require(problems.first)
        #expect(problem.message == message)
        #expect(slice(text, problem.range) == enclosed)
    }

    @Test func `several interpolations give several problems`() {
        let text = "${{ a + }} and ${{ b = c }}"
        #expect(CELTemplate.parse(text).1.map { slice(text, $0.range) } == ["+", "="])
    }

    @Test func `a check points into the template`() throws {
        let text = "restart ${{ node.nmae }} in ${{ cont }}"
        let problems = try #require(CELTemplate.parse(text).0).check(in: Sample.environment)
        #expect(problems.map { slice(text, $0.range) } == ["nmae", "cont"])
        #expect(problems.map(\.help) == ["did you mean 'name'?", "did you mean 'count'?"])
    }

    @Test func `parts know where they are`() throws {
        let text = "ö ${{ one }} $${{"
        let template = try #require(CELTemplate.parse(text).0)
        #expect(template.parts.count == 3)
        #expect(template.parts.last == .literal(" ${{"))
        let interpolation = try #require(template.interpolations.first)
        #expect(interpolation.offset == 6)
        #expect(slice(text, interpolation.range) == "${{ one }}")
        #expect(template.soleExpression == nil)
        #expect(CELTemplate.parse("${{ one }}").0?.soleExpression?.text == " one ")
        #expect(CELTemplate.parse("$${{").0?.soleLiteral == "${{")
        #expect(CELTemplate.parse("").0?.soleLiteral == "")
    }

    @Test func `a text with something unknown in it is unknown`() throws {
        let template = try #require(CELTemplate.parse("${{ one }} ${{ u }} ${{ v }}").0)
        let value = try template.evaluate(CELActivation(Sample.variables))
        #expect(
            value
                == .unknown(CELUnknown(["zk2 was not observed: timed out", "zk3 was not observed: refused"]))
        )
    }

    @Test func `an error points into the template`() throws {
        let text = "ö ${{ 1 / 0 }}"
        let template = try #require(CELTemplate.parse(text).0)
        do {
            _ = try template.evaluate(CELActivation())
            Issue.record("nothing was thrown")
        } catch {
            #expect(slice(text, error.range) == "1 / 0")
        }
    }
}

@Suite struct ValueTests {
    @Test func `a node is itself at two moments, for an expression but not for Swift`() {
        let before = Sample.node("zk1", zxid: .int(1))
        let after = Sample.node("zk1", zxid: .int(2))
        #expect(before.equals(after) == .bool(true))
        #expect(before != after)
        #expect(before.equals(Sample.node("zk2", zxid: .int(1))) == .bool(false))
        #expect(
            outcome("a in [b] && [a] == [b] && [a, b].distinct().size() == 1", ["a": before, "b": after]) == "true"
        )
    }

    @Test func `a record without identity is equal field by field`() {
        func record(_ type: String, _ value: CELValue) -> CELValue {
            .record(CELRecord(type, fields: [.init("a", value)]))
        }
        #expect(record("r", .int(1)).equals(record("r", .double(1))) == .bool(true))
        #expect(record("r", .int(1)).equals(record("r", .int(2))) == .bool(false))
        #expect(record("r", .int(1)).equals(record("s", .int(1))) == .bool(false))
        #expect(record("r", .int(1)).equals(record("r", Sample.unknown)) == Sample.unknown)
        #expect(record("r", .int(1)).equals(.null) == .bool(false))
    }

    @Test func `a wide record finds every field`() {
        let names = (0..<100).map { "field\($0)" }
        let record = CELRecord("wide", fields: names.shuffledByLength().map { .init($0, .string($0)) })
        #expect(names.allSatisfy { record[$0] == .string($0) })
        #expect(record["field100"] == nil)
        #expect(record.fields.map(\.name) == names.sorted())
    }

    @Test func `a map finds keys of every kind`() throws {
        let map = try CELMap([
            .init(.string("a"), .int(1)), .init(.int(-1), .int(2)), .init(.uint(.max), .int(3)),
            .init(.bool(true), .int(4)),
        ])
        #expect(map.entries.map(\.key.cel) == ["true", "-1", "18446744073709551615u", #""a""#])
        #expect(map["a"] == .int(1))
        #expect(map[.double(-1)] == .int(2))
        #expect(map[.double(.nan)] == nil)
        #expect(map[.null] == nil)
        #expect(CELMap(strings: [("a", .int(1)), ("a", .int(2))])["a"] == .int(2))
        // Composed and decomposed letters are different code points, so they are different keys.
        #expect(CELMap(strings: [("\u{e9}", .int(1)), ("e\u{301}", .int(2))]).entries.count == 2)
    }

    @Test(arguments: [
        (CELValue.null, "null", "null"), (.double(1), "1", "1.0"), (.double(0.1), "0.1", "0.1"), (.uint(7), "7", "7u"),
        (.bytes([0x61, 0xff]), #"b"a\xff""#, #"b"a\xff""#), (.bytes([0x61]), "a", #"b"a""#),
        (.list([.string("a"), .null]), "[a, null]", #"["a", null]"#), (.type("int"), "int", "int"),
        (.map(CELMap(strings: [("k", .string("v"))])), "{k: v}", #"{"k": "v"}"#),
        (
            .record(CELRecord("r", fields: [.init("b", .int(2)), .init("a", .string("x"))])), "r{a: x, b: 2}",
            #"r{a: "x", b: 2}"#
        ),
        (.record(CELRecord("r", identity: "zk1", fields: [.init("a", .int(1))])), "zk1", #"r("zk1"){a: 1}"#),
        (Sample.unknown, "unknown (zk2 was not observed: timed out)", "unknown (zk2 was not observed: timed out)"),
        (.integer(between: 2, and: 2, unknown: CELUnknown("x")), "2", "2"),
        (.integer(between: 1, and: 2, unknown: CELUnknown("x")), "1 to 2", "1 to 2"),
        (.list([.init(.int(1), isDefinite: true)], unknown: CELUnknown("x")), "[1]", "[1]"),
        (.list([.init(.int(1), isDefinite: false)], unknown: CELUnknown("x")), "[1?]", "[1?]"),
    ])
    func `a value has a text for people and one for programmers`(value: CELValue, text: String, cel: String) {
        #expect(value.text == text)
        #expect(value.cel == cel)
    }

    @Test func `a value nested without end is cut`() {
        var value = CELValue.int(1)
        for _ in 0..<100 {
            value = .list([value])
        }
        #expect(value.text.contains("…"))
        #expect(value.cel.utf8.count < 100)
    }

    @Test func `an activation hides outer names by inner ones`() throws {
        let outer = CELActivation(["node": .int(1), "other": .int(10)])
        let inner = outer.adding("node", .int(2))
        let expression = try #require(CELExpression.parse("node + other").0)
        #expect(try expression.evaluate(outer) == .int(11))
        #expect(try expression.evaluate(inner) == .int(12))
        #expect(inner.names == ["node", "other"])
    }

    @Test func `types are described as CEL writes them`() {
        #expect(CELType.map(.string, .list(.record(Sample.nodeType))).description == "map(string, list(node))")
        #expect(CELType.null.description == "null_type")
        #expect(CELType.list(.int).fits(.list(.dyn)))
        #expect(!CELType.list(.int).fits(.list(.string)))
        #expect(CELType.null.fits(.record(Sample.nodeType)))
        #expect(!CELType.null.fits(.int))
    }
}

extension [String] {
    /// Some other order, the same every time.
    fileprivate func shuffledByLength() -> [String] {
        self.sorted { (String($0.reversed()), $0) > (String($1.reversed()), $1) }
    }
}
