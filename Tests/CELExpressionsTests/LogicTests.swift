// Selfheal
// SPDX-License-Identifier: Apache-2.0

import CELExpressions
import Testing

@Suite struct LogicTests {
    /// `true`, `false`, unknown, an error, and something that is no boolean.
    static let operands = ["t", "f", "u", "(1 / 0 > 0)", "one"]

    // Goal: every combination of operands gives what three-valued logic with error absorption says.
    // Method: spell the rule out once more, independently of the evaluator, and compare all 25 pairs of both operators.
    @Test func `and and or follow their full truth tables`() {
        for (symbol, decisive) in [("&&", "f"), ("||", "t")] {
            for left in Self.operands {
                for right in Self.operands {
                    let expected: String
                    if left == decisive || right == decisive {
                        expected = decisive == "t" ? "true" : "false"
                    } else if left == "u" || right == "u" {
                        expected = Sample.unknown.cel
                    } else if left == "one" || right == "one" || left.hasPrefix("(") || right.hasPrefix("(") {
                        let culprit = left == "t" || left == "f" ? right : left
                        expected = culprit == "one" ? "error: noMatchingOverload" : "error: divisionByZero"
                    } else {
                        expected = decisive == "t" ? "false" : "true"
                    }
                    #expect(
                        outcome("\(left) \(symbol) \(right)", Sample.variables) == expected,
                        "\(left) \(symbol) \(right)"
                    )
                }
            }
        }
    }

    static let rows: [Row] = [
        Row("!u", Sample.unknown.cel),
        Row("u ? 1 : 2", Sample.unknown.cel),
        Row("t ? u : 1", Sample.unknown.cel),
        Row("f ? u : 1", "1"),
        Row("u ? 1 / 0 : 2", Sample.unknown.cel),
        Row("u == 1", Sample.unknown.cel),
        Row("1 != u", Sample.unknown.cel),
        Row("u < 1", Sample.unknown.cel),
        Row("u + 1", Sample.unknown.cel),
        Row("-u", Sample.unknown.cel),
        Row("u * u", Sample.unknown.cel),
        Row("1 / 0 + u", "error: divisionByZero"),
        Row("u + 1 / 0", "error: divisionByZero"),
        Row("u == 1 / 0", "error: divisionByZero"),
        Row("size(u)", Sample.unknown.cel),
        Row("u.size()", Sample.unknown.cel),
        Row("'a'.contains(u)", Sample.unknown.cel),
        Row("string(u)", Sample.unknown.cel),
        Row("int(u)", Sample.unknown.cel),
        Row("type(u)", Sample.unknown.cel),
        Row("dyn(u)", Sample.unknown.cel),
        Row("u.field", Sample.unknown.cel),
        Row("has(u.field)", Sample.unknown.cel),
        Row("u[0]", Sample.unknown.cel),
        Row("[1][u]", Sample.unknown.cel),
        Row("u in [1]", Sample.unknown.cel),
        Row("1 in u", Sample.unknown.cel),
        Row("1 in [u, 1]", "true"),
        Row("1 in [u, 2]", Sample.unknown.cel),
        Row("1 in []", "false"),
        Row("u in {'a': 1}", Sample.unknown.cel),
        Row("[u, 1] == [2, 2]", "false"),
        Row("[u, 1] == [2, 1]", Sample.unknown.cel),
        Row("[u] == []", "false"),
        Row("size([u, 1])", "2"),
        Row("[u, 1][1]", "1"),
        Row("{'a': u}.a", Sample.unknown.cel),
        Row("{u: 1}", Sample.unknown.cel),
        Row("u < 'a'", Sample.unknown.cel),
        Row("u < []", "error: noMatchingOverload"),
        Row("u && v", "unknown (zk2 was not observed: timed out; zk3 was not observed: refused)"),
        Row("v + u", "unknown (zk2 was not observed: timed out; zk3 was not observed: refused)"),
        Row("quorum(u)", Sample.unknown.cel),
        Row("quorum(1)", "error: hostFunction"),
        Row("quorum(ensemble)", "2"),
        Row("f && quorum(1) > 0", "false"),
        Row("quorum(1) > 0 || t", "true"),
        Row("false && nobody", "false"),
        Row("nobody || true", "true"),
        Row("nobody && true", "error: unknownName"),
        Row("[u].max()", Sample.unknown.cel),
        Row("[1, u].sum()", Sample.unknown.cel),
        Row("['a', u].join()", Sample.unknown.cel),
        Row("[1, u].sort()", Sample.unknown.cel),
        Row("[u, u].distinct()", Sample.unknown.cel),
        Row("math.greatest([1, u])", Sample.unknown.cel),
        Row("math.greatest(1, u)", Sample.unknown.cel),
        Row("[1, u].first()", "1"),
        Row("[1, u].last()", Sample.unknown.cel),
    ]

    @Test(arguments: rows)
    func `unknown travels through everything it does not decide`(row: Row) {
        #expect(outcome(row.text, Sample.variables, hostFunctions: Sample.hostFunctions) == row.expected)
    }

    @Test func `reasons are sorted, without repetition and bounded`() {
        let many = CELUnknown((0..<20).map { "reason \($0 % 12 + 10)" })
        #expect(many.reasons == (10..<18).map { "reason \($0)" })
        #expect(many.isTruncated)
        #expect(CELUnknown("b").merged(with: CELUnknown("a")) == CELUnknown("a").merged(with: CELUnknown("b")))
        #expect(CELUnknown("a").merged(with: many).reasons.first == "a")
        #expect(CELUnknown("a").merged(with: many).isTruncated)
        #expect(!CELUnknown(["a", "a"]).isTruncated)
    }
}
