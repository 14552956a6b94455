// Selfheal
// SPDX-License-Identifier: Apache-2.0

import CELExpressions
import Testing

/// What the specification's own sections demand, in cases of our own; messages of protocol buffers aside.
@Suite struct SpecificationTests {
    static let sections: [(name: String, rows: [Row])] = [
        ("basic", basic), ("comparisons", comparisons), ("numbers", numbers), ("logic", logic),
        ("lists and maps", lists),
        ("fields and names", fields), ("macros", macros), ("two variables", twoVariables), ("optionals", optionals),
        ("bindings", bindings), ("format", format), ("text", text), ("math", math), ("times", times), ("types", types),
    ]

    @Test(arguments: sections.flatMap(\.rows))
    func `the specification is kept`(row: Row) {
        #expect(outcome(row.text) == row.expected)
    }

    @Test func `no section is empty, and no case is there twice`() {
        for (name, rows) in Self.sections {
            #expect(rows.count >= 8, "\(name)")
        }
        let texts = Self.sections.flatMap(\.rows).map(\.text)
        #expect(Set(texts).count == texts.count)
    }

    static let basic: [Row] = [
        Row("0", "0"), Row("-0x2A", "-42"), Row("0xFu", "15u"), Row("1.5e3", "1500.0"), Row(".5", "0.5"),
        Row(#""\u00e9\x41\101\"""#, #""éAA\"""#), Row(#"r'\n'"#, #""\\n""#), Row("'''a'b'''", #""a'b""#),
        Row(#"b'\377'"#, #"b"\xff""#), Row("b'é'", #"b"\xc3\xa9""#), Row("null", "null"), Row("true", "true"),
        Row("[1, 'a', [2]]", #"[1, "a", [2]]"#), Row("{1: 'a', 'b': 2}", #"{1: "a", "b": 2}"#),
        Row("1 // a remark\n + 1", "2"), Row("x", "error: unknownName"), Row("1 ? 2 : 3", "error: noMatchingOverload"),
    ]

    static let comparisons: [Row] = [
        Row("1 == 1u", "true"), Row("1 == 1.0", "true"), Row("dyn(1) == 'a'", "false"), Row("[1] == [1.0]", "true"),
        Row("{'a': 1} == {'a': 1u}", "true"), Row("{1: 'a'} == {1u: 'a'}", "true"), Row("null == null", "true"),
        Row("dyn(null) == 0", "false"), Row("0.0 / 0.0 == 0.0 / 0.0", "false"), Row("-0.0 == 0.0", "true"),
        Row("9223372036854775807 < 9223372036854775808.0", "true"), Row("-1 < 0u", "true"), Row("1u > 0.5", "true"),
        Row("'a' < 'b'", "true"), Row("'A' < 'a'", "true"), Row("b'a' < b'b'", "true"), Row("false < true", "true"),
        Row("[1] < [2]", "error: noMatchingOverload"), Row("dyn(1) < 'a'", "error: noMatchingOverload"),
        Row("1 in [1.0, 2.0]", "true"), Row("'a' in {'a': 1}", "true"), Row("2 in {2u: 1}", "true"),
        Row("1 in []", "false"),
        Row("type(1) == type(2)", "true"), Row("[] != [1]", "true"), Row("duration('1m') == duration('60s')", "true"),
    ]

    static let numbers: [Row] = [
        Row("9223372036854775807 + 1", "error: overflow"), Row("-9223372036854775808 - 1", "error: overflow"),
        Row("-(-9223372036854775808)", "error: overflow"), Row("-9223372036854775808 / -1", "error: overflow"),
        Row("-9223372036854775808 % -1", "error: overflow"), Row("5000000000 * 5000000000", "error: overflow"),
        Row("0u - 1u", "error: overflow"), Row("18446744073709551615u + 1u", "error: overflow"),
        Row("1 / 0", "error: divisionByZero"), Row("1 % 0", "error: divisionByZero"), Row("-7 / 2", "-3"),
        Row("-7 % 2", "-1"), Row("7u / 2u", "3u"), Row("1.0 / 0.0", #"double("Infinity")"#),
        Row("-1.0 / 0.0", #"double("-Infinity")"#), Row("1e308 * 10.0", #"double("Infinity")"#),
        Row("1 + 1u", "error: noMatchingOverload"), Row("1 + 1.0", "error: noMatchingOverload"),
        Row("2.0 % 1.0", "error: noMatchingOverload"), Row("---1", "-1"), Row("-5u", "error: noMatchingOverload"),
    ]

    static let logic: [Row] = [
        Row("false && 1 / 0 > 0", "false"), Row("1 / 0 > 0 && false", "false"), Row("true || 1 / 0 > 0", "true"),
        Row("1 / 0 > 0 || true", "true"), Row("1 / 0 > 0 && true", "error: divisionByZero"),
        Row("1 / 0 > 0 || false", "error: divisionByZero"), Row("'a' && false", "false"), Row("'a' || true", "true"),
        Row("true ? 1 : 1 / 0", "1"), Row("false ? 1 / 0 : 2", "2"), Row("!false", "true"), Row("!!true", "true"),
        Row("!'a'", "error: noMatchingOverload"), Row("'a' && true", "error: noMatchingOverload"),
    ]

    static let lists: [Row] = [
        Row("[1, 2] + [3]", "[1, 2, 3]"), Row("[1, 2][0]", "1"), Row("[1, 2][1.0]", "2"), Row("[1, 2][1u]", "2"),
        Row("[1, 2][0.5]", "error: indexOutOfRange"), Row("[1][-1]", "error: indexOutOfRange"),
        Row("[1][1]", "error: indexOutOfRange"), Row("{'a': 1}['a']", "1"), Row("{1: 'a'}[1u]", #""a""#),
        Row("{1: 'a'}[1.0]", #""a""#), Row("{true: 2}[true]", "2"), Row("{'a': 1}['b']", "error: noSuchKey"),
        Row("{'a': 1, 'a': 2}", "error: duplicateKey"), Row("{1: 1, 1u: 2}", "error: duplicateKey"),
        Row("{1.0: 1}", "error: invalidArgument"), Row("size({'a': 1})", "1"), Row("[1, 2, 2].distinct()", "[1, 2]"),
        Row("[3, 1u, 2.0].sort()", "[1u, 2.0, 3]"), Row("[[1], [2]].flatten()", "[1, 2]"),
        Row("lists.range(2)", "[0, 1]"),
    ]

    static let fields: [Row] = [
        Row("{'a': {'b': 1}}.a.b", "1"), Row("{'a': 1}.b", "error: noSuchKey"), Row("has({'a': 1}.a)", "true"),
        Row("has({'a': 1}.b)", "false"), Row("has({'a': null}.a)", "true"), Row("{'a-b': 1}.`a-b`", "1"),
        Row("1.a", "error: noMatchingOverload"), Row("dyn(1).a", "error: noMatchingOverload"),
        Row("{'for': 1}.for", "1"), Row("has(1)", "problem: 'has' needs one field, such as has(a.b)"),
        Row("{'a': [1]}.a[0]", "1"), Row("[1].map(x, [2].map(x, x))", "[[2]]"),
    ]

    static let macros: [Row] = [
        Row("[1, 2].all(x, x > 0)", "true"), Row("[0, 1].all(x, 1 / x > 1)", "false"), Row("[].all(x, x > 0)", "true"),
        Row("[0, 1].exists(x, 1 / x == 1)", "true"), Row("[0].exists(x, 1 / x == 1)", "error: divisionByZero"),
        Row("[].exists(x, true)", "false"), Row("[1, 2].exists_one(x, x > 1)", "true"),
        Row("[0, 1].exists_one(x, 1 / x == 1)", "error: divisionByZero"), Row("[1, 2].filter(x, x > 1)", "[2]"),
        Row("[1, 2].map(x, x * 2)", "[2, 4]"), Row("[1, 2].map(x, x > 1, x * 2)", "[4]"),
        Row("{'b': 1, 'a': 2}.map(k, k)", #"["a", "b"]"#), Row("{'a': 1}.exists(k, k == 'a')", "true"),
        Row("1.map(x, x)", "error: noMatchingOverload"), Row("dyn(1).all(x, true)", "error: noMatchingOverload"),
        Row("[1].map(x.y, x)", "problem: 'map' takes a variable and an expression"),
    ]

    static let twoVariables: [Row] = [
        Row("[5, 6].all(i, v, v == i + 5)", "true"), Row("[5, 'a'].all(i, v, v == 5)", "false"),
        Row("[4, 5].exists(i, v, 1 / i == v)", "error: divisionByZero"), Row("[4, 1].exists(i, v, 1 / i == v)", "true"),
        Row("[].exists(i, v, true)", "false"), Row("{'a': 1}.exists(k, v, k == 'a' && v == 1)", "true"),
        Row("{'a': 1, 'b': 1}.existsOne(k, v, v == 1)", "false"), Row("[7, 8].exists_one(i, v, v == 8)", "true"),
        Row("[2, 4].transformList(i, v, v / 2 + i)", "[1, 3]"), Row("[2, 4].transformList(i, v, i > 0, v)", "[4]"),
        Row("{'a': 1}.transformList(k, v, k)", #"["a"]"#),
        Row("[1, 0].transformList(i, v, 1 / v)", "error: divisionByZero"),
        Row("{'a': 'b'}.transformMap(k, v, k + v)", #"{"a": "ab"}"#), Row("['x'].transformMap(i, v, v)", #"{0: "x"}"#),
        Row("{'a': 1, 'b': 2}.transformMap(k, v, v > 1, -v)", #"{"b": -2}"#), Row("{}.transformMap(k, v, k)", "{}"),
        Row("{'a': 'b'}.transformMapEntry(k, v, {v: k})", #"{"b": "a"}"#),
        Row("{'a': 1, 'b': 1}.transformMapEntry(k, v, {v: k})", "error: duplicateKey"),
        Row("[1].transformMapEntry(i, v, v)", "error: noMatchingOverload"),
        Row("[1].transformMap(v, v)", "problem: 'transformMap' takes two variables and an expression"),
    ]

    static let optionals: [Row] = [
        Row("optional.of(null).hasValue()", "true"), Row("optional.ofNonZeroValue([]).hasValue()", "false"),
        Row("optional.none().value()", "error: invalidArgument"), Row("optional.none().orValue(4)", "4"),
        Row("optional.of(1).orValue(1 / 0)", "1"), Row("optional.none().or(optional.of(2)).value()", "2"),
        Row("optional.of(1).or(2)", "optional.of(1)"), Row("optional.none().or(2)", "error: noMatchingOverload"),
        Row("{'a': null}.?a", "optional.of(null)"), Row("{}.?a.b.c.hasValue()", "false"),
        Row("{'a': 1}.?a.b", "error: noMatchingOverload"), Row("{'a': {}}.?a.b", "optional.none()"),
        Row("has({}.?a.b)", "false"), Row("has({'a': {'b': 1}}.?a.b)", "true"), Row("[1][?0].value()", "1"),
        Row("[1][?1]", "optional.none()"), Row("{2: 'b'}[?2.0].value()", #""b""#),
        Row("optional.of([5])[0]", "optional.of(5)"),
        Row("optional.of({'a': 1}).a", "optional.of(1)"), Row("[?optional.none(), ?optional.of(3)]", "[3]"),
        Row("{?'a': {}.?b, 'c': 1}", #"{"c": 1}"#), Row("{?'a': 1}", "error: noMatchingOverload"),
        Row("optional.of(2).optMap(x, x * 2)", "optional.of(4)"),
        Row("optional.none().optMap(x, 1 / 0)", "optional.none()"),
        Row("optional.of({}).optFlatMap(m, m.?k)", "optional.none()"),
        Row("optional.of(1).optFlatMap(x, x)", "error: noMatchingOverload"),
        Row("optional.of(1) == optional.of(1.0)", "true"), Row("optional.of(1) != optional.none()", "true"),
        Row("[optional.of(1), optional.none()].unwrapOpt()", "[1]"), Row("optional.unwrap([optional.of(1)])", "[1]"),
    ]

    static let bindings: [Row] = [
        Row("cel.bind(x, 2, x * x)", "4"), Row("cel.bind(x, 1, cel.bind(y, x + 1, x + y))", "3"),
        Row("cel.bind(x, 1, cel.bind(x, x + 1, x))", "2"), Row("[1, 2].map(x, cel.bind(y, x, y + x))", "[2, 4]"),
        Row("cel.bind(l, [1, 2], l.exists(x, x == 2))", "true"),
        Row("cel.bind(x, 1 / 0, true)", "error: divisionByZero"),
        Row("cel.bind(1, 2, 3)", "problem: 'cel.bind' takes a name, its value and an expression"),
        Row("cel.bind(x, 2)", "problem: ',' is missing before ')'"),
    ]

    static let format: [Row] = [
        Row("'%s-%d'.format(['a', 3])", #""a-3""#), Row("'100%%'.format([])", #""100%""#),
        Row("'%s'.format([[1, 'a', {'k': 2.5}]])", #""[1, a, {k: 2.5}]""#), Row("'%s'.format([null])", #""null""#),
        Row("'%.2f|%f'.format([2.675, 1])", #""2.67|1.000000""#), Row("'%.0f'.format([2.5])", #""2""#),
        Row("'%.3e|%e'.format([0.00012345, 0.0])", #""1.234e-04|0.000000e+00""#),
        Row("'%.1e'.format([9.96])", #""1.0e+01""#),
        Row("'%.1f'.format([-0.04])", #""-0.0""#), Row("'%f'.format([1.0 / 0.0])", #""Infinity""#),
        Row("'%b %o %x %X'.format([5, 8, 255, 255u])", #""101 10 ff FF""#), Row("'%b'.format([true])", #""1""#),
        Row("'%x'.format(['hi'])", #""6869""#), Row("'%X'.format([b'\\xfe'])", #""FE""#),
        Row("'%d'.format([-7])", #""-7""#),
        Row("'%s'.format([duration('90s')])", #""90s""#),
        Row("'%s'.format([timestamp(0)])", #""1970-01-01T00:00:00Z""#),
        Row("'%s %s'.format([1])", "error: invalidArgument"), Row("'%q'.format([1])", "error: invalidArgument"),
        Row("'%'.format([1])", "error: invalidArgument"), Row("'%d'.format(['a'])", "error: invalidArgument"),
        Row("'%.101f'.format([1.0])", "error: invalidArgument"), Row("'%x'.format([1.5])", "error: invalidArgument"),
    ]

    static let text: [Row] = [
        Row("'tacocat'.charAt(3)", #""o""#), Row("'abc'.charAt(3)", #""""#),
        Row("'abc'.charAt(4)", "error: indexOutOfRange"),
        Row("'tacocat'.indexOf('a', 3)", "5"), Row("'tacocat'.lastIndexOf('a', 4)", "1"), Row("'abc'.indexOf('')", "0"),
        Row("'abc'.replace('', '_')", #""_a_b_c_""#), Row("'aaa'.replace('a', 'b', 2)", #""bba""#),
        Row("'aaa'.replace('a', 'b', 9223372036854775807)", #""bbb""#),
        Row("'a,b'.split(',', 9223372036854775807)", #"["a", "b"]"#),
        Row("'a,b,c'.split(',', 2)", #"["a", "b,c"]"#), Row("'a'.split(',', 0)", "[]"),
        Row("'😀b'.substring(1)", #""b""#),
        Row("'abc'.substring(2, 1)", "error: indexOutOfRange"), Row("['a', 'b'].join('-')", #""a-b""#),
        Row("'aÄ'.upperAscii()", #""AÄ""#), Row(#"'\u2000a '.trim()"#, #""a""#), Row("'añb'.reverse()", #""bña""#),
        Row("strings.quote('a\"b')", #""\"a\\\"b\"""#),
    ]

    static let math: [Row] = [
        Row("math.greatest(1, 2.5, 3u)", "3u"), Row("math.least([4, 2])", "2"), Row("math.ceil(1.2)", "2.0"),
        Row("math.floor(-1.2)", "-2.0"), Row("math.round(-1.5)", "-2.0"), Row("math.round(0.5)", "1.0"),
        Row("math.trunc(-1.9)", "-1.0"), Row("math.ceil(-0.5)", "-0.0"), Row("math.ceil(-0.0)", "-0.0"),
        Row("math.abs(-3)", "3"),
        Row("math.abs(-9223372036854775808)", "error: overflow"), Row("math.sign(-2.5)", "-1.0"),
        Row("math.sign(0u)", "0u"),
        Row("math.isNaN(0.0 / 0.0)", "true"), Row("math.isInf(1.0 / 0.0)", "true"), Row("math.isFinite(1.0)", "true"),
        Row("math.bitAnd(6, 3)", "2"), Row("math.bitOr(6u, 3u)", "7u"), Row("math.bitXor(6, 3)", "5"),
        Row("math.bitNot(0)", "-1"),
        Row("math.bitNot(0u)", "18446744073709551615u"), Row("math.bitShiftLeft(1, 63)", "-9223372036854775808"),
        Row("math.bitShiftLeft(1, 64)", "0"), Row("math.bitShiftRight(-8, 1)", "9223372036854775804"),
        Row("math.bitShiftRight(1, -1)", "error: invalidArgument"),
        Row("math.bitAnd(1, 1u)", "error: noMatchingOverload"),
        Row("math.sqrt(2)", "1.4142135623730951"), Row("math.sqrt(1e-320)", "9.99994433575849e-161"),
        Row("math.sqrt(49u)", "7.0"),
        Row("math.sqrt(-1.0)", #"double("NaN")"#), Row("math.sqrt(1.7976931348623157e308)", "1.3407807929942596e+154"),
    ]

    static let times: [Row] = [
        Row("timestamp('2024-02-29T00:00:00Z').getDayOfYear()", "59"), Row("timestamp(0).getDayOfWeek()", "4"),
        Row("timestamp('2024-01-01T00:30:00Z').getHours('-01:00')", "23"), Row("timestamp(0).getHours('05:30')", "5"),
        Row("timestamp(0).getHours('Europe/Berlin')", "error: invalidArgument"), Row("duration('90m').getHours()", "1"),
        Row("timestamp('9999-12-31T23:59:59Z') + duration('1s')", "error: overflow"),
        Row("timestamp('2024-01-02T00:00:00Z') - timestamp('2024-01-01T00:00:00Z')", #"duration("24h")"#),
        Row("duration('1h') + duration('1m') > duration('60m')", "true"),
        Row("int(timestamp('1970-01-02T00:00:00Z'))", "86400"),
        Row("duration('x')", "error: invalidArgument"), Row("string(duration('-1.5s'))", #""-1.5s""#),
    ]

    static let types: [Row] = [
        Row("type(1)", "int"), Row("type(type(1))", "type"), Row("type(null) == null_type", "true"),
        Row("type(optional.none()) == optional_type", "true"), Row("type([]) == list && type({}) == map", "true"),
        Row("type(duration('1s')) == google.protobuf.Duration", "true"), Row("type(dyn(1)) == int", "true"),
        Row("type(1u) == uint && type(1.0) == double && type('') == string && type(b'') == bytes", "true"),
    ]
}
