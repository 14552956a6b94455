// Selfheal
// SPDX-License-Identifier: Apache-2.0

import CELExpressions
import Testing

@Suite struct MacroTests {
    static let rows: [Row] = [
        Row("[1, 2, 3].exists(e, e > 2)", "true"),
        Row("[1, 2, 3].exists(e, e > 3)", "false"),
        Row("[].exists(e, e > 3)", "false"),
        Row("[1, 'foo', 3].exists(e, e > 2)", "true"),
        Row("[1, 'foo'].exists(e, e > 2)", "error: noMatchingOverload"),
        Row("[0, 1].exists(e, 1 / e == 1)", "true"),
        Row("[1, 2].exists(e, e / 0 == 17)", "error: divisionByZero"),
        Row("{'a': 1, 'b': 2}.exists(k, k == 'b')", "true"),
        Row("[1, 2, 3].all(e, e > 0)", "true"),
        Row("[1, 2, 3].all(e, e > 1)", "false"),
        Row("[].all(e, false)", "true"),
        Row("[1, 2, 3].all(e, 6 / (2 - e) == 6)", "false"),
        Row("[1, 2].all(e, e / 0 != 17)", "error: divisionByZero"),
        Row("{'a': 1}.all(k, k == 'a')", "true"),
        Row("[1].all(e, 1)", "error: noMatchingOverload"),
        Row("[].exists_one(a, a == 7)", "false"),
        Row("[7].exists_one(a, a == 7)", "true"),
        Row("[7, 7].exists_one(a, a == 7)", "false"),
        Row("[3, 2, 1, 0].exists_one(n, 12 / n > 1)", "error: divisionByZero"),
        Row("{6: 1, 7: 2}.exists_one(k, k == 7)", "true"),
        Row("[2, 4].map(n, n / 2)", "[1, 2]"),
        Row("[].map(n, n)", "[]"),
        Row("[1, 0].map(n, 1 / n)", "error: divisionByZero"),
        Row("[1, 2, 3].map(n, n > 1, n * n)", "[4, 9]"),
        Row("{2: 'b', 1: 'a'}.map(k, k * 10)", "[10, 20]"),
        Row("[0, 1, 2, 3].filter(x, x % 2 == 1)", "[1, 3]"),
        Row("[1].filter(n, n > 3)", "[]"),
        Row("[1, 0].filter(n, 1 / n > 0)", "error: divisionByZero"),
        Row("[1].filter(n, n)", "error: noMatchingOverload"),
        Row("{'a': 1, 'b': 2}.filter(k, k != 'a')", #"["b"]"#),
        Row("1.exists(x, x)", "error: noMatchingOverload"),
        Row("(1).exists(x, x)", "error: noMatchingOverload"),
        Row("[[1, 2], [3]].map(x, x.map(y, y + 1))", "[[2, 3], [4]]"),
        Row("[1, 2].map(x, [10].map(x, x + 1))", "[[11], [11]]"),
        Row("[1, 2].map(x, [10].map(y, x + y))", "[[11], [12]]"),
        Row("[1].map(x, x) == [1] && one == 1", "true"),
        Row("[1, 2].map(one, one + 1)", "[2, 3]"),
        Row("[1, 2].map(one, .one)", "[1, 1]"),
        Row("[[1], [2, 3]].filter(one, size(one) > 1).map(two, two[0])", "[2]"),
        Row("[3, 1, 2].sortBy(x, x)", "[1, 2, 3]"),
        Row("[3, 1, 2].sortBy(x, -x)", "[3, 2, 1]"),
        Row("[].sortBy(x, x)", "[]"),
        Row("['bb', 'a', 'cc'].sortBy(x, size(x))", #"["a", "bb", "cc"]"#),
        Row("[1, 'a'].sortBy(x, x)", "error: noMatchingOverload"),
        Row("[1, 2.5, 2u].sortBy(x, -1.0 * double(x))", "[2.5, 2u, 1]"),
        Row("ensemble.sortBy(n, -n.zxid).map(n, n.name)", #"["zk1", "zk3", "zk2"]"#),
        Row("ensemble.filter(n, n.serving).map(n, n.zone)", #"["a", "c"]"#),
    ]

    @Test(arguments: rows)
    func `a macro walks over its elements`(row: Row) {
        #expect(outcome(row.text, Sample.variables) == row.expected)
    }

    @Test func `sorting keeps the order of equal keys`() {
        let pairs = "[[2, 'a'], [1, 'b'], [2, 'c'], [1, 'd']].sortBy(p, p[0]).map(p, p[1])"
        #expect(outcome(pairs) == #"["b", "d", "a", "c"]"#)
    }

    @Test func `the elements of a map are its keys in one order everywhere`() {
        #expect(outcome("{'c': 1, 'a': 2, 'b': 3}.map(k, k)") == #"["a", "b", "c"]"#)
    }

    static let unknowns: [Row] = [
        Row("[t, u].exists(x, x)", "true"),
        Row("[f, u].exists(x, x)", Sample.unknown.cel),
        Row("[f, f].exists(x, x)", "false"),
        Row("[f, u].all(x, x)", "false"),
        Row("[t, u].all(x, x)", Sample.unknown.cel),
        Row("[t, u].exists_one(x, x)", Sample.unknown.cel),
        Row("[t, t, u].exists_one(x, x)", "false"),
        Row("[u].exists(x, x || 1 / 0 > 0)", Sample.unknown.cel),
        Row("[u, 0].exists(x, 1 / x > 5)", Sample.unknown.cel),
        Row("u.filter(x, x)", Sample.unknown.cel),
        Row("u.map(x, x)", Sample.unknown.cel),
        Row("u.exists(x, x)", Sample.unknown.cel),
        Row("u.sortBy(x, x)", Sample.unknown.cel),
        Row("doubtful.filter(n, n.serving).map(n, n.name)", #"["zk1", "zk2"?]"#),
        Row("size(doubtful.filter(n, n.serving))", "1 to 2"),
        Row("doubtful.filter(n, n.serving).size()", "1 to 2"),
        Row("size(doubtful.filter(n, !n.serving))", "1 to 2"),
        Row("size(doubtful.filter(n, n.serving)) < 3", "true"),
        Row("size(doubtful.filter(n, n.serving)) < 2", Sample.unknown.cel),
        Row("size(doubtful.filter(n, n.serving)) < quorum(doubtful)", Sample.unknown.cel),
        Row("size(doubtful.filter(n, n.serving)) >= 1", "true"),
        Row("size(doubtful.filter(n, n.serving)) > 2", "false"),
        Row("size(doubtful.filter(n, n.serving)) == 3", "false"),
        Row("size(doubtful.filter(n, n.serving)) != 0", "true"),
        Row("size(doubtful.filter(n, n.serving)) == 2", Sample.unknown.cel),
        Row("1 <= size(doubtful.filter(n, n.serving))", "true"),
        Row("2.5 > size(doubtful.filter(n, n.serving))", "true"),
        Row("size(doubtful.filter(n, n.serving)) == 'a'", "false"),
        Row("size(doubtful.filter(n, n.serving)) < 'a'", "error: noMatchingOverload"),
        Row("doubtful.filter(n, n.serving).exists(n, n.name == 'zk1')", "true"),
        Row("doubtful.filter(n, n.serving).exists(n, n.name == 'zk2')", Sample.unknown.cel),
        Row("doubtful.filter(n, n.serving).exists(n, n.name == 'zk3')", "false"),
        Row("doubtful.filter(n, n.serving).all(n, n.name != 'zk3')", "true"),
        Row("doubtful.filter(n, n.serving).all(n, n.name != 'zk2')", Sample.unknown.cel),
        Row("doubtful.filter(n, n.serving).all(n, n.name != 'zk1')", "false"),
        Row("doubtful.filter(n, n.serving).exists_one(n, true)", Sample.unknown.cel),
        Row("doubtful.filter(n, n.serving).filter(n, n.zone == 'a').map(n, n.name)", #"["zk1"]"#),
        Row("doubtful.filter(n, n.serving).filter(n, n.zone == 'b').map(n, n.name)", #"["zk2"?]"#),
        Row("doubtful.filter(n, n.serving).map(n, n.zone).reverse()", #"["b"?, "a"]"#),
        Row("doubtful.filter(n, n.serving).map(n, n.zone).sort()", #"["a", "b"?]"#),
        Row("doubtful.filter(n, n.serving).sortBy(n, n.zxid)", Sample.unknown.cel),
        Row("doubtful.sortBy(n, n.zxid)", Sample.unknown.cel),
        Row("doubtful.filter(n, n.serving).sortBy(n, n.name).map(n, n.name)", #"["zk1", "zk2"?]"#),
        Row("doubtful.filter(n, n.serving).map(n, n.name)[0]", #""zk1""#),
        Row("doubtful.filter(n, n.serving)[1]", Sample.unknown.cel),
        Row("doubtful.filter(n, n.serving)[2]", "error: indexOutOfRange"),
        Row("doubtful.filter(n, n.serving).first().name", #""zk1""#),
        Row("doubtful.filter(n, n.serving).last()", Sample.unknown.cel),
        Row("'zk1' in doubtful.filter(n, n.serving).map(n, n.name)", "true"),
        Row("'zk2' in doubtful.filter(n, n.serving).map(n, n.name)", Sample.unknown.cel),
        Row("'zk3' in doubtful.filter(n, n.serving).map(n, n.name)", "false"),
        Row("doubtful.filter(n, n.serving) == []", "false"),
        Row("doubtful.filter(n, n.serving) == [1, 2]", Sample.unknown.cel),
        Row("doubtful.filter(n, n.serving).map(n, n.name) + ['zk9']", #"["zk1", "zk2"?, "zk9"]"#),
        Row("doubtful.filter(n, n.serving).map(n, n.name).join(',')", Sample.unknown.cel),
        Row("doubtful.filter(n, n.serving).slice(0, 1)", Sample.unknown.cel),
        Row("doubtful.filter(n, n.serving).distinct()", Sample.unknown.cel),
        Row("doubtful.map(n, n.zxid)", "[30, \(Sample.unknown.cel), 20]"),
        Row("doubtful.map(n, n.zxid).max()", Sample.unknown.cel),
        Row("quorum(doubtful.filter(n, n.serving))", Sample.unknown.cel),
        Row("type(size(doubtful.filter(n, n.serving)))", "int"),
        Row("type(doubtful.filter(n, n.serving))", "list"),
        Row("doubtful.filter(n, n.serving).x", "error: noMatchingOverload"),
    ]

    @Test(arguments: unknowns)
    func `an unknown predicate makes a partial list`(row: Row) {
        #expect(outcome(row.text, Sample.variables, hostFunctions: Sample.hostFunctions) == row.expected)
    }
}

@Suite struct IntervalTests {
    static let variables: [String: CELValue] = [
        "i": .integer(between: 1, and: 3, unknown: CELUnknown("why")),
        "j": .integer(between: 2, and: 5, unknown: CELUnknown("why")),
        "k": .integer(between: 4, and: 6, unknown: CELUnknown("why")),
        "edge": .integer(between: 0, and: .max, unknown: CELUnknown("why")),
    ]

    static let rows: [Row] = [
        Row("i + 1", "2 to 4"),
        Row("1 + i", "2 to 4"),
        Row("i - 1", "0 to 2"),
        Row("10 - i", "7 to 9"),
        Row("i + j", "3 to 8"),
        Row("i - j", "-4 to 1"),
        Row("-i", "-3 to -1"),
        Row("i * 2", "2 to 6"),
        Row("i * -2", "-6 to -2"),
        Row("i * 0", "0"),
        Row("i / 2", "0 to 1"),
        Row("j / 10", "0"),
        Row("i / 0", "error: divisionByZero"),
        Row("i % 2", "unknown (why)"),
        Row("i % 0", "error: divisionByZero"),
        Row("6 / i", "unknown (why)"),
        Row("edge + 1", "unknown (why)"),
        Row("edge - 1", "-1 to 9223372036854775806"),
        Row("i + 1.0", "error: noMatchingOverload"),
        Row("i < 4", "true"),
        Row("i < 3", "unknown (why)"),
        Row("i < 1", "false"),
        Row("i <= 3", "true"),
        Row("i > 0", "true"),
        Row("i > 3", "false"),
        Row("i >= 2", "unknown (why)"),
        Row("0 < i", "true"),
        Row("i < k", "true"),
        Row("k < i", "false"),
        Row("i < j", "unknown (why)"),
        Row("i == 2", "unknown (why)"),
        Row("i == 4", "false"),
        Row("i != 4", "true"),
        Row("i == k", "false"),
        Row("i == j", "unknown (why)"),
        Row("i == 1.5", "unknown (why)"),
        Row("i == null", "false"),
        Row("i < 3.5", "true"),
        Row("i < 4u", "true"),
        Row("i < 0.0 / 0.0", "false"),
        Row("double(i)", "unknown (why)"),
        Row("int(i)", "1 to 3"),
        Row("string(i)", "unknown (why)"),
        Row("[1, 2, 3][i]", "unknown (why)"),
        Row("math.greatest(i, 2)", "unknown (why)"),
        Row("i in [4, 5]", "false"),
        Row("i in [1, 4]", "unknown (why)"),
        Row("i * 2 > 6", "false"),
        Row("i && true", "error: noMatchingOverload"),
    ]

    @Test(arguments: rows)
    func `an interval is compared and calculated by its ends`(row: Row) {
        #expect(outcome(row.text, Self.variables) == row.expected)
    }
}
