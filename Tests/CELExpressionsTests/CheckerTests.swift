// Selfheal
// SPDX-License-Identifier: Apache-2.0

import CELExpressions
import Testing

/// A mistake: where it is, what is said, and what helps.
struct Mistake: Sendable, CustomTestStringConvertible {
    let text: String
    let enclosed: String
    let message: String
    let help: String?

    init(_ text: String, at enclosed: String, _ message: String, help: String? = nil) {
        self.text = text
        self.enclosed = enclosed
        self.message = message
        self.help = help
    }

    var testDescription: String { self.text }
}

@Suite struct CheckerTests {
    static let types: [Row] = [
        Row("1", "int"),
        Row("1u", "uint"),
        Row("1.5 + ratio", "double"),
        Row("'a' + text", "string"),
        Row("null", "null_type"),
        Row("[]", "list(dyn)"),
        Row("[1, 2]", "list(int)"),
        Row("[1, 'a']", "list(dyn)"),
        Row("[[], [1]]", "list(list(int))"),
        Row("{'a': 1}", "map(string, int)"),
        Row("{}", "map(dyn, dyn)"),
        Row("{'a': [], 'b': [node]}", "map(string, list(node))"),
        Row("node", "node"),
        Row("ensemble", "list(node)"),
        Row("ensemble[0].zxid", "int"),
        Row("flags.x", "bool"),
        Row("flags['x']", "bool"),
        Row("ports[1]", "string"),
        Row("ensemble.filter(n, n.serving)", "list(node)"),
        Row("ensemble.map(n, n.zone)", "list(string)"),
        Row("ensemble.map(n, n.serving, n.zxid).max()", "int"),
        Row("ensemble.sortBy(n, -n.zxid).first().name", "string"),
        Row("ensemble.exists(n, n.serving) && flags.all(k, k != '')", "bool"),
        Row("size(ensemble.filter(n, n.serving)) < quorum(ensemble)", "bool"),
        Row("best(results).target.name", "string"),
        Row("best(results.filter(r, r.data == 'intact')).epoch", "int"),
        Row("pick(ensemble, 0)", "node"),
        Row("pick([1], 0) + 1", "int"),
        Row("pick(['a'], 0).size()", "int"),
        Row("node.isVoter()", "bool"),
        Row("anything", "dyn"),
        Row("anything.some.field[3] + 1", "int"),
        Row("anything + anything", "dyn"),
        Row("anything == 1 || anything.exists(x, x)", "bool"),
        Row("steps.look.results.filter(r, !r.serving).sortBy(r, -r.zxid).map(r, r.target)", "list(dyn)"),
        Row("true ? 1 : 2", "int"),
        Row("true ? [] : ensemble", "list(node)"),
        Row("true ? node : null", "node"),
        Row("true ? 1 : anything", "dyn"),
        Row("1 < 1.5 && 1u >= 1", "bool"),
        Row("1 == 1.0", "bool"),
        Row("node == null", "bool"),
        Row("node in ensemble", "bool"),
        Row("'x' in flags", "bool"),
        Row("now - node.observed_at < duration('10s')", "bool"),
        Row("now - limit", "timestamp"),
        Row("limit + limit", "duration"),
        Row("string(node) + string(1)", "string"),
        Row("type(1) == int", "bool"),
        Row("dyn(1)", "dyn"),
        Row("math.greatest(1, 2)", "int"),
        Row("math.greatest(1, 2.5)", "dyn"),
        Row("math.greatest(numbers)", "int"),
        Row("numbers.sum() + numbers.min()", "int"),
        Row("[1.5].sum()", "double"),
        Row("[[1], [2]].flatten()", "list(int)"),
        Row("text.split(',').map(x, int(x)).sort()", "list(int)"),
        Row("lists.range(3)", "list(int)"),
        Row("has(node.name) ? node.name : 'none'", "string"),
        Row("node.observed_at.getHours('+01:00')", "int"),
        Row("abs(ratio)", "double"),
        Row("google.protobuf.Timestamp", "type"),
    ]

    @Test(arguments: types)
    func `an expression has its type`(row: Row) throws {
        let expression = try #require(CELExpression.parse(row.text).0)
        let (type, problems) = expression.check(in: Sample.environment)
        #expect(problems.isEmpty)
        #expect(type.description == row.expected)
    }

    static let mistakes: [Mistake] = [
        Mistake("size(ensembel) > 1", at: "ensembel", "unknown name 'ensembel'", help: "did you mean 'ensemble'?"),
        Mistake("nothing_like_it", at: "nothing_like_it", "unknown name 'nothing_like_it'"),
        Mistake("size > 1", at: "size", "unknown name 'size'", help: "it is a function; write size(…)"),
        Mistake("quorum > 1", at: "quorum", "unknown name 'quorum'", help: "it is a function; write quorum(…)"),
        Mistake(
            "ensemble.filter(member, membre.serving)",
            at: "membre",
            "unknown name 'membre'",
            help: "did you mean 'member'?"
        ),
        Mistake(
            "ensemble.filter(n, n.servng)",
            at: "servng",
            "'node' has no field 'servng'",
            help: "did you mean 'serving'?"
        ),
        Mistake(
            "node.observedAt",
            at: "observedAt",
            "'node' has no field 'observedAt'",
            help: "did you mean 'observed_at'?"
        ),
        Mistake(
            "best(results).leader",
            at: "leader",
            "'result' has no field 'leader'",
            help: "it has 'target', 'epoch', 'data'"
        ),
        Mistake("has(node.serveng)", at: "serveng", "'node' has no field 'serveng'", help: "did you mean 'serving'?"),
        Mistake(
            "ensemble.serving",
            at: "serving",
            "list(node) has no fields, so 'serving' cannot be selected",
            help: "write .map(x, x.serving) for that field of every element"
        ),
        Mistake(
            "text.size > 1",
            at: "size",
            "string has no fields, so 'size' cannot be selected",
            help: "it is a function; write .size(…)"
        ),
        Mistake("count.x", at: "x", "int has no fields, so 'x' cannot be selected"),
        Mistake(
            "ports.http",
            at: "http",
            "the keys of 'ports' are int, so it has no field 'http'",
            help: "write [key] instead"
        ),
        Mistake("numbers['a']", at: "'a'", "a list is indexed by int, but ''a'' is string"),
        Mistake("flags[1]", at: "1", "the keys are string, but '1' is int"),
        Mistake("node['name']", at: "node", "node cannot be indexed", help: "select a field with '.'"),
        Mistake("sise(ensemble)", at: "sise", "unknown function 'sise'", help: "did you mean 'size'?"),
        Mistake("quorom(ensemble)", at: "quorom", "unknown function 'quorom'", help: "did you mean 'quorum'?"),
        Mistake(
            "text.startswith('a')",
            at: "startswith",
            "unknown function 'startswith'",
            help: "did you mean 'startsWith'?"
        ),
        Mistake("frobnicate(1)", at: "frobnicate", "unknown function 'frobnicate'"),
        Mistake(
            "math.greates(1, 2)",
            at: "math.greates",
            "unknown function 'math.greates'",
            help: "did you mean 'math.greatest'?"
        ),
        Mistake(
            "startsWith(text, 'a')",
            at: "startsWith",
            "'startsWith' is a method",
            help: "write string.startsWith(…)"
        ),
        Mistake("ensemble.quorum()", at: "quorum", "'quorum' is a function", help: "write quorum(…)"),
        Mistake(
            "filter(ensemble)",
            at: "filter",
            "'filter' is called on a list",
            help: "write list.filter(x, …)"
        ),
        Mistake("quorum()", at: "quorum", "'quorum' takes 1 argument, not 0"),
        Mistake("quorum(ensemble, 1)", at: "ensemble, 1", "'quorum' takes 1 argument, not 2"),
        Mistake("text.trim(1)", at: "1", "'trim' takes no arguments, not 1"),
        Mistake("text.substring(1, 2, 3)", at: "1, 2, 3", "'substring' takes 1 or 2 arguments, not 3"),
        Mistake(
            "quorum(numbers)",
            at: "numbers",
            "'quorum' cannot be applied to (list(int))",
            help: "there is quorum(list(node)) -> int"
        ),
        Mistake(
            "text.startsWith(1)",
            at: "1",
            "'startsWith' cannot be applied to (int)",
            help: "there is string.startsWith(string) -> bool"
        ),
        Mistake(
            "count.startsWith('a')",
            at: "startsWith",
            "'startsWith' cannot be called on int",
            help: "there is string.startsWith(string) -> bool"
        ),
        Mistake(
            "[node].sort()",
            at: "sort",
            "'sort' cannot be called on list(node)",
            help: "there is list(O).sort() -> list(O)"
        ),
        Mistake("'a' + 1", at: "'a' + 1", "'+' cannot be applied to string and int", help: "convert it with string(…)"),
        Mistake(
            "ratio * count",
            at: "ratio * count",
            "'*' cannot be applied to double and int",
            help: "convert one of them with int(…), uint(…) or double(…)"
        ),
        Mistake(
            "limit > 30",
            at: "limit > 30",
            "'>' cannot compare duration and int",
            help: "write duration('30s') for a duration"
        ),
        Mistake("text == 1", at: "text == 1", "string and int are never equal", help: "convert it with string(…)"),
        Mistake("node == 'zk1'", at: "node == 'zk1'", "node and string are never equal"),
        Mistake("numbers < numbers", at: "numbers < numbers", "'<' cannot compare list(int) and list(int)"),
        Mistake(
            "'a' in text",
            at: "'a' in text",
            "'in' cannot look for string in string",
            help: "write text.contains(part)"
        ),
        Mistake("'a' in numbers", at: "'a' in numbers", "'in' cannot look for string in list(int)"),
        Mistake("!count", at: "count", "'!' needs bool, but 'count' is int", help: "compare it with a number"),
        Mistake(
            "true && ensemble",
            at: "ensemble",
            "'&&' needs bool, but 'ensemble' is list(node)",
            help: "write size(…) > 0 to ask whether there is anything in it"
        ),
        Mistake("count ? 1 : 2", at: "count", "'?' needs bool, but 'count' is int", help: "compare it with a number"),
        Mistake(
            "true ? 1 : 'a'",
            at: "1 : 'a'",
            "the two sides of ':' are int and string",
            help: "make them one type, or write dyn(…) around one"
        ),
        Mistake("-text", at: "-text", "'-' needs int or double, but 'text' is string"),
        Mistake("count.filter(x, x)", at: "count", "'filter' needs a list, but 'count' is int"),
        Mistake(
            "ensemble.filter(n, n.zxid)",
            at: "n.zxid",
            "'filter' needs bool, but 'n.zxid' is int",
            help: "compare it with a number"
        ),
        Mistake(
            "ensemble.sortBy(n, n)",
            at: "n",
            "'n' is node, which has no order",
            help: "sort by a number, a text, a duration or a moment"
        ),
        Mistake(
            "{node: 1}",
            at: "node",
            "node cannot be a map key",
            help: "keys are strings, integers or booleans"
        ),
    ]

    @Test(arguments: mistakes)
    func `a mistake is reported once, at its place, with its cure`(mistake: Mistake) throws {
        let expression = try #require(CELExpression.parse(mistake.text).0)
        let (_, problems) = expression.check(in: Sample.environment)
        #expect(problems.count == 1)
        let problem = try #require(problems.first)
        #expect(problem.message == mistake.message)
        #expect(problem.help == mistake.help)
        #expect(slice(mistake.text, problem.range) == mistake.enclosed)
    }

    @Test func `a mistake does not spread to what surrounds it`() throws {
        let text = "ensembel.filter(n, n.servng && n.zxid + 'a' > 2).map(m, m.x).sum() + 'b' == quorum(ensembel)"
        let (_, problems) = try #require(CELExpression.parse(text).0).check(in: Sample.environment)
        #expect(problems.map { slice(text, $0.range) } == ["ensembel", "ensembel"])
    }

    @Test func `two mistakes are two problems in the order of the text`() throws {
        let text = "ensemble.exists(n, n.servng) || count + text == 1"
        let (type, problems) = try #require(CELExpression.parse(text).0).check(in: Sample.environment)
        #expect(problems.map { slice(text, $0.range) } == ["servng", "count + text"])
        #expect(type == .bool)
    }

    @Test func `the type of the whole can be demanded`() throws {
        let text = "size(ensemble)"
        let expression = try #require(CELExpression.parse(text).0)
        #expect(expression.check(in: Sample.environment, expecting: .int).1.isEmpty)
        #expect(expression.check(in: Sample.environment, expecting: .dyn).1.isEmpty)
        let problem = try #require(expression.check(in: Sample.environment, expecting: .bool).1.first)
        #expect(problem.message == "'size(ensemble)' is int, but bool is needed")
        #expect(problem.kind == .wrongType)
        let other = try #require(CELExpression.parse("anything").0)
        #expect(other.check(in: Sample.environment, expecting: .bool).1.isEmpty)
        let broken = try #require(CELExpression.parse("nobody").0)
        #expect(broken.check(in: Sample.environment, expecting: .bool).1.count == 1)
    }

    @Test func `a dotted name is a variable before it is a field`() throws {
        var environment = Sample.environment
        environment.variables["node.size"] = .int
        let expression = try #require(CELExpression.parse("node.size + 1").0)
        #expect(expression.check(in: environment).1.isEmpty)
        let activation = CELActivation(["node.size": .int(3), "node": Sample.node("zk1")])
        #expect(try expression.evaluate(activation) == .int(4))
    }

    @Test(arguments: [
        ("size", "sise", true), ("ensemble", "ensembel", true), ("serving", "srving", true), ("a", "b", false),
        ("id", "it", false), ("name", "nmae", true), ("zone", "phone", false), ("observed_at", "observedAt", true),
        ("x", String(repeating: "x", count: 5_000), false),
    ])
    func `a name is suggested only when it is close`(known: String, written: String, isSuggested: Bool) throws {
        let expression = try #require(CELExpression.parse(written).0)
        let (_, problems) = expression.check(in: CELEnvironment(variables: [known: .int]))
        #expect(problems.first?.help == (isSuggested ? "did you mean '\(known)'?" : nil))
    }
}
