// Selfheal
// SPDX-License-Identifier: Apache-2.0

import CELExpressions
import Testing

@Suite struct PatternTests {
    static let found: [(pattern: String, text: String)] = [
        ("", ""), ("a.c", "xabcx"), ("^zk[0-9]+$", "zk12"), ("(?i)error", "an ERROR here"), ("a{2,3}b", "aaab"),
        ("a{0}b", "b"), ("(ab|cd)+e", "abcde"), ("x*", ""), ("colou?r", "color"), ("\\bfoo\\b", "a foo b"),
        ("\\Boo", "foo"), ("(?m)^b$", "a\nb\nc"), ("(?s)a.b", "a\nb"), ("[[:alpha:]]+", "7x"), ("[^[:digit:]]", "1a"),
        ("\\pL\\pN", "é1"), ("\\p{Lu}", "aÄ"), ("\\p{Greek}+", "λ"), ("\\P{Greek}", "λa"), ("\\p{^Greek}", "a"),
        ("\\x41\\x{1F600}", "A😀"), ("\\101", "A"), ("\\Qa.b\\E", "a.b"), ("[]a]", "]"), ("[a\\]b]", "]"),
        ("[a-c-]", "-"), ("(?P<name>a)(?<other>b)", "ab"), ("(?i:k)", "\u{212a}"), ("(?i)straße", "STRAẞE"),
        ("(?i)σ", "ς"), ("a|", ""), ("()", ""), ("{", "{"), ("a{,2}", "a{,2}"), ("\\$\\{", "${"), ("(?U)a+", "a"),
        ("(a*)*b", "aaab"), ("(?:a?){3}a{3}", "aaa"), ("[\\d\\-x]", "-"), ("\\t\\n", "\t\n"), ("\\z", "a"),
        ("[^\\s]", " x"), ("(?-s).", "a"), ("(?i-m:A)", "a"),
    ]

    static let notFound: [(pattern: String, text: String)] = [
        ("a.c", "a\nc"), ("^b", "ab"), ("b$", "b\n"), ("\\d", "٣"), ("\\w", "é"), ("\\s", "\u{b}"), ("[^a]", "a"),
        ("(?i)\\W", "k\u{212a}"), ("\\bfoo\\b", "foobar"), ("a{3}", "aa"),
        ("(?m)^b$", "a\nbc"), ("(?i:a)b", "AB"), ("\\p{Lu}", "a"), ("[[:^alpha:]]", "abc"), ("(?i)[^k]", "K"),
    ]

    @Test(arguments: found)
    func `a pattern is found anywhere in the text`(pattern: String, text: String) {
        let variables = ["p": CELValue.string(pattern), "t": CELValue.string(text)]
        #expect(outcome("t.matches(p)", variables) == "true")
        #expect(outcome("matches(t, p)", variables) == "true")
    }

    @Test(arguments: notFound)
    func `a pattern is not found where it is not`(pattern: String, text: String) {
        #expect(outcome("t.matches(p)", ["p": .string(pattern), "t": .string(text)]) == "false")
    }

    /// The mistake is what the marks enclose.
    static let mistakes: [(pattern: String, mistake: String, message: String)] = [
        ("a(b", "(", "'(' is never closed"),
        ("a)b", ")", "')' closes nothing"),
        ("x[ab", "[", "'[' is never closed"),
        ("a**", "**", "'**' repeats a repetition"),
        ("*a", "*", "there is nothing to repeat before '*'"),
        ("a{2}{3}", "{2}{3}", "'{2}{3}' repeats a repetition"),
        ("{2}", "{2}", "there is nothing to repeat before '{2}'"),
        ("a{3,1}", "{3,1}", "'{3,1}' is no number of repetitions, which are at most 1000"),
        ("a{1001}", "{1001}", "'{1001}' is no number of repetitions, which are at most 1000"),
        ("[b-a]", "b-a", "the range 'b-a' is empty"),
        ("(a)\\\\1", "\\\\1", "'\\1' refers back to a group, which cannot be done"),
        ("(?=a)", "(?=", "'(?=' is no group that can be searched in linear time"),
        ("\\\\e", "\\\\e", "'\\e' means nothing"),
        (
            "\\\\p{Klingon}", "\\\\p{Klingon}",
            "'\\p{Klingon}' is no class that is known, such as \\pL, \\p{Lu} or \\p{Greek}"
        ),
        ("[[:word]:alfa:]]", "", ""),
        ("(?P<n>a)(?P<n>b)", "n", "two groups are called 'n'"),
    ]

    @Test(arguments: mistakes)
    func `a constant pattern that is none is found by the checker, at its column`(
        pattern: String,
        mistake: String,
        message: String
    ) throws {
        let text = "text.matches('\(pattern)')"
        let expression = try #require(CELExpression.parse(text).0)
        let (_, problems) = expression.check(in: Sample.environment)
        guard !message.isEmpty else {
            return #expect(problems.isEmpty)
        }
        let problem = try #require(problems.first)
        #expect(problem.kind == .pattern)
        #expect(problem.message == message)
        #expect(slice(text, problem.range) == mistake)
        #expect(outcome(text, Sample.variables) == "error: invalidArgument")
    }

    @Test func `a pattern in a raw literal has its column too`() throws {
        let text = #"text.matches(r"""ab\d(""")"#
        let problem = try #require(CELExpression.parse(text).0?.check(in: Sample.environment).1.first)
        #expect(problem.range == 21..<22)
    }

    // Goal: nobody can stop the engine with a pattern.
    // Method: patterns on which a search that goes back takes exponential time, and large repetitions.
    @Test(arguments: [
        "(a+)+$", "(a|a)*b", "(a|aa)+$", "(?:a?){30}a{30}b", "(.*)(.*)(.*)(.*)x", "([a-z]+)*[0-9]",
    ])
    func `no pattern takes more than its share`(pattern: String) {
        let text = String(repeating: "a", count: 2_000) + "!"
        #expect(outcome("t.matches(p)", ["t": .string(text), "p": .string(pattern)]) == "false")
    }

    @Test func `patterns that multiply are refused, and long searches are given up`() {
        #expect(outcome("'a'.matches('((a{100}){100}){100}')") == "error: invalidArgument")
        #expect(
            outcome("'a'.matches(p)", ["p": .string(String(repeating: "a", count: 5_000))]) == "error: invalidArgument"
        )
        let nested = String(repeating: "(", count: 300) + String(repeating: ")", count: 300)
        #expect(outcome("'a'.matches(p)", ["p": .string(nested)]) == "error: invalidArgument")
        let long = String(repeating: "a", count: 50_000)
        #expect(
            outcome("t.matches('(a|b|c)*d{500}')", ["t": .string(long)], costLimit: 10_000) == "error: costExceeded"
        )
    }

    @Test func `what is not known is not searched`() {
        #expect(outcome("u.matches('a')", Sample.variables).hasPrefix("unknown"))
        #expect(outcome("'a'.matches(u)", Sample.variables).hasPrefix("unknown"))
        #expect(outcome("matches(1, 'a')") == "error: noMatchingOverload")
    }
}
