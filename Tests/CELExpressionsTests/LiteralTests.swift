// Selfheal
// SPDX-License-Identifier: Apache-2.0

import CELExpressions
import Testing

@Suite struct LiteralTests {
    static let rows: [Row] = [
        // Numbers.
        Row("0", "0"),
        Row("42", "42"),
        Row("-7", "-7"),
        Row("0xFF", "255"),
        Row("-0x10", "-16"),
        Row("9223372036854775807", "9223372036854775807"),
        Row("-9223372036854775808", "-9223372036854775808"),
        Row("--9", "9"),
        Row("- 5", "-5"),
        Row("7u", "7u"),
        Row("7U", "7u"),
        Row("0xABu", "171u"),
        Row("18446744073709551615u", "18446744073709551615u"),
        Row("1.5", "1.5"),
        Row(".5", "0.5"),
        Row("1e3", "1000.0"),
        Row("1E+3", "1000.0"),
        Row("25e-1", "2.5"),
        Row("-2.5", "-2.5"),
        Row("1.0", "1.0"),
        Row("007", "7"),
        // Names of values.
        Row("true", "true"),
        Row("false", "false"),
        Row("null", "null"),
        // Strings.
        Row("'hello'", #""hello""#),
        Row(#""hello""#, #""hello""#),
        Row("''", #""""#),
        Row("''''''", #""""#),
        Row("'''it's'''", #""it's""#),
        Row("'''x''x'''", #""x''x""#),
        Row("\"\"\"a\nb\"\"\"", #""a\nb""#),
        Row(#"'\a\b\f\n\r\t\v'"#, #""\a\b\f\n\r\t\v""#),
        Row(#"'\\ \? \" \' \`'"#, #""\\ ? \" ' `""#),
        Row(#"'\x41\X42'"#, #""AB""#),
        Row(#"'\u00e9'"#, #""é""#),
        Row(#"'\U0001F431'"#, #""🐱""#),
        Row(#"'\ud83d\udc31'"#, #""🐱""#),
        Row(#"'\101\377'"#, #""Aÿ""#),
        Row(#"'\303\277'"#, #""Ã¿""#),
        Row(#"r'\n'"#, #""\\n""#),
        Row(#"R"a\\b""#, #""a\\\\b""#),
        Row(#"r'''a'\'''"#, #""a'\\""#),
        Row("'größe'", #""größe""#),
        Row("'\u{1}'", #""\x01""#),
        // Bytes.
        Row("b'abc'", #"b"abc""#),
        Row("B\"abc\"", #"b"abc""#),
        Row("b'ÿ'", #"b"\xc3\xbf""#),
        Row(#"b'\377'"#, #"b"\xff""#),
        Row(#"b'\xFF'"#, #"b"\xff""#),
        Row(#"br'\xFF'"#, #"b"\\xFF""#),
        Row("b''", #"b"""#),
        Row("b'''a'b'''", #"b"a'b""#),
        // Aggregates.
        Row("[]", "[]"),
        Row("[1, 2,]", "[1, 2]"),
        Row("[1, 'a', null]", #"[1, "a", null]"#),
        Row("{}", "{}"),
        Row("{'b': 1, 'a': 2}", #"{"a": 2, "b": 1}"#),
        Row("{2: 'x', 1u: 'y', true: 'z'}", #"{true: "z", 1u: "y", 2: "x"}"#),
        Row("{'a': 1,}", #"{"a": 1}"#),
        Row("{'a': 1, 'a': 2}", "error: duplicateKey"),
        Row("{1: 1, 1u: 2}", "error: duplicateKey"),
        Row("{1.5: 1}", "error: invalidArgument"),
        Row("{null: 1}", "error: invalidArgument"),
        // Blanks and comments.
        Row(" 1 +\t2\n// three\n+ 3 // end", "6"),
        Row("1\r\n+\u{c}1", "2"),
    ]

    @Test(arguments: rows)
    func `a literal has its value`(row: Row) {
        #expect(outcome(row.text) == row.expected)
    }

    @Test(arguments: [
        ("9223372036854775808", "'9223372036854775808' does not fit into an int", "9223372036854775808"),
        ("1 + -9223372036854775809", "'-9223372036854775809' does not fit into an int", "-9223372036854775809"),
        ("18446744073709551616u", "'18446744073709551616' does not fit into 64 bits", "18446744073709551616u"),
        ("0x", "'0x' has no digits", "0x"),
        ("size < 30s", "'30s' is not a number", "30s"),
        ("'abc", "string is never closed", "'abc"),
        ("1 + \"abc\n + 2", "string is never closed", "\"abc"),
        ("'''abc'", "string is never closed", "'''abc'"),
        ("b'abc", "bytes literal is never closed", "b'abc"),
        (#"'a\qb'"#, #"'\q' is not an escape sequence"#, #"\q"#),
        (#"'a\u12'"#, #"'\u12' is not an escape sequence"#, #"\u12"#),
        (#"'\ud83d'"#, #"'\ud83d' is not an escape sequence"#, #"\ud83d"#),
        (#"'\U00110000'"#, #"'\U00110000' is not an escape sequence"#, #"\U00110000"#),
        (#"'\477'"#, #"'\4' is not an escape sequence"#, #"\4"#),
        (#"b'\u0041'"#, #"'\u' is not an escape sequence"#, #"\u"#),
        (#"'\é'"#, #"'\é' is not an escape sequence"#, #"\é"#),
        ("a = 1", "unexpected '='", "="),
        ("a & b", "unexpected '&'", "&"),
        ("a # b", "unexpected '#'", "#"),
        ("a → b", "unexpected '→'", "→"),
        ("a.`b", "'`b' is not a quoted name", "`b"),
    ])
    func `a malformed token is reported at its place`(text: String, message: String, enclosed: String) throws {
        let (expression, problems) = CELExpression.parse(text)
        #expect(expression == nil)
        let problem = try #require(problems.first)
        #expect(problem.message == message)
        #expect(slice(text, problem.range) == enclosed)
    }

    @Test func `a unit behind a number is answered with a duration`() {
        #expect(CELExpression.parse("30s").1.first?.help == "write duration('30s')")
        #expect(CELExpression.parse("30x").1.first?.help == nil)
    }
}
