// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunbookLanguage
import RunbookSource
import RunbookYAML
import TestSupport
import Testing

/// Mistakes above the steps: the name, parameters, selections, triggers, locks and properties.
@Suite struct HeadDiagnosticTests {
    @Test func `a list is no runbook`() {
        expectProblem(
            101,
            "the runbook needs a mapping of keys to values, and this is a list",
            help: "a runbook begins with 'runbook: NAME' and has 'steps:'",
            in: "❶- look❶\n"
        )
    }

    @Test func `a misspelt key is told with the one that is meant`() {
        expectProblem(
            102,
            "the runbook has no key 'severty'",
            help: "did you mean 'severity'?",
            in: runbook(withHead: "❶severty❶: critical")
        )
    }

    @Test func `a key like no other is told with all that there are`() {
        expectProblem(
            102,
            "a lock has no key 'colour'",
            help: "it knows 'name', 'wait'",
            in: runbook(withHead: "locks: [{ name: cluster, ❶colour❶: red }]")
        )
    }

    @Test func `a misspelt key that is required is one mistake`() {
        expectProblem(
            102,
            "a trigger has no key 'conditon'",
            help: "did you mean 'condition'?",
            in: runbook(withHead: "triggers:\n  - ❶conditon❶: size(ensemble) > 1")
        )
    }

    @Test func `a runbook has a name`() {
        expectProblem(
            103,
            "the runbook needs 'runbook'",
            help: "a runbook begins with 'runbook: NAME' and has 'steps:'",
            in: "❶steps:\n  - id: done\n    finish: { outcome: succeeded }❶\n"
        )
    }

    @Test func `a runbook has steps`() {
        expectProblem(
            103,
            "the runbook needs 'steps'",
            help: "list what the runbook does under 'steps:'",
            in: "❶runbook: mend❶\n"
        )
    }

    @Test(arguments: ["steps", "on_failure", "finally"])
    func `a list of steps is not empty`(key: String) {
        let what = key == "steps" ? "the runbook" : "'\(key)'"
        let list = "\(key): ❶[]❶"
        expectProblem(
            111,
            "\(what) has no steps",
            help: "list what is done: '- id: look' and a verb such as 'probe:'",
            in: key == "steps" ? "runbook: mend\n\(list)\n" : runbook(withHead: list)
        )
    }

    @Test func `a severity is one of three words`() {
        expectProblem(
            104,
            "'critcal' is no value of 'severity'",
            help: "did you mean 'critical'?",
            in: runbook(withHead: "severity: ❶critcal❶")
        )
        expectProblem(
            104,
            "'terrible' is no value of 'severity'",
            help: "it is one of info, warning, critical",
            in: runbook(withHead: "severity: ❶terrible❶")
        )
    }

    @Test(
        arguments: [
            ("30", "'30' has no unit", "write 30s, 30m or 30h"),
            ("soon", "'soon' is no duration", "write 500ms, 30s, 5m, 2h, 1d or 1m30s"),
            ("-5s", "'-5s' is no duration", "write 500ms, 30s, 5m, 2h, 1d or 1m30s"),
            ("5 s", "'5 s' is no duration", "write 500ms, 30s, 5m, 2h, 1d or 1m30s"),
            ("1.5h", "'1.5h' is no duration", "write 500ms, 30s, 5m, 2h, 1d or 1m30s"),
            ("30s1m", "'30s1m' is no duration", "write 500ms, 30s, 5m, 2h, 1d or 1m30s"),
            ("999999999999d", "'999999999999d' is no duration", "write 500ms, 30s, 5m, 2h, 1d or 1m30s"),
        ]
    )
    func `a duration has a unit`(text: String, message: String, help: String) {
        expectProblem(105, message, help: help, in: runbook(withHead: "deadline: ❶\(text)❶"))
    }

    @Test(arguments: ["Mend", "9lives", "me nd", "mend!", String(repeating: "m", count: 65)])
    func `a runbook's name is a plain word`(name: String) {
        expectProblem(
            108,
            "'\(name)' cannot name a runbook",
            help: "a name begins with a letter a-z and goes on with a-z, 0-9 and '_', at most 64 characters",
            in: "runbook: ❶\(name)❶\nsteps:\n  - id: done\n    finish: { outcome: succeeded }\n"
        )
    }

    @Test func `names that expressions use have no hyphen, the runbook's may`() {
        expectProblem(
            108,
            "'zk-nodes' cannot name a selection",
            help: "a name begins with a letter a-z and goes on with a-z, 0-9 and '_', at most 64 characters",
            in: runbook(withHead: "targets:\n  ❶zk-nodes❶: { role: zookeeper }")
        )
        let source = MarkedSource("runbook: mend-it\nsteps: [{ id: done, finish: { outcome: succeeded } }]\n")
        #expect(shapeProblems(in: source) == [])
    }

    @Test(arguments: ["2", "2 in 24h", "two per 24h", "0 per 24h", "2 per day", "2 per 24h or so"])
    func `a limit is a count per time`(text: String) {
        expectProblem(
            110,
            "'\(text)' is no limit",
            help: "write '2 per 24h'",
            in: runbook(withHead: "triggers:\n  - condition: 1 > 0\n    limit: ❶\(text)❶")
        )
    }

    @Test(arguments: [
        (#"cron: "30 ❶24❶ * * sun""#, UInt16(127)), ("cron: 5 4 * * mon,❶funday❶", 127), ("cron: ❶'@daily'❶", 127),
        ("cron: 0 3 ❶30 feb❶ *", 127), ("cron: 0 3 * * *\n    ❶for❶: 5s", 126),
        ("cron: 0 3 * * *\n    ❶labels❶: {}", 126),
        ("condition: 1 > 0\n    ❶timezone❶: UTC", 126), ("alert: Down\n    ❶catch_up❶: once", 126),
        ("cron: 0 3 * * *\n    catch_up: ❶twice❶", 104), ("alert: Down\n    ❶cron❶: 0 3 * * *", 125),
    ])
    func `a mistake in a time is named at its place`(text: String, code: UInt16) {
        let source = runbook(withHead: "triggers:\n  - \(text)")
        let marked = MarkedSource(source)
        let problems = shapeProblems(in: marked)
        #expect(problems.map(\.code.number) == [code])
        // The quotation marks belong to the text's node, and not to what stands in it.
        #expect(problems.allSatisfy { marked["❶"].contains($0.span) })
    }

    @Test func `a parameter has a type`() {
        expectProblem(
            103,
            "parameter 'speed' needs 'type'",
            help: "it is one of string, int, bool, duration, enum, secret",
            in: runbook(withHead: "parameters:\n  speed: ❶{ default: 3 }❶")
        )
        expectProblem(
            104,
            "'integer' is no value of 'type'",
            help: "it is one of string, int, bool, duration, enum, secret",
            in: runbook(withHead: "parameters:\n  speed: { type: ❶integer❶ }")
        )
        expectProblem(
            101,
            "parameter 'speed' needs a mapping of keys to values, and this is a number",
            help: "write speed: { type: string }",
            in: runbook(withHead: "parameters:\n  speed: ❶3❶")
        )
    }

    @Test func `a selection is a mapping`() {
        expectProblem(
            101,
            "selection 'ensemble' needs a mapping of keys to values, and this is text",
            help: "write ensemble: { role: NAME }",
            in: runbook(withHead: "targets:\n  ensemble: ❶zookeeper❶")
        )
        expectProblem(
            101,
            "'targets' needs a mapping of names to selections, and this is a list",
            help: nil,
            in: runbook(withHead: "targets: ❶[zookeeper]❶")
        )
    }

    @Test func `only true and false are booleans`() {
        expectProblem(
            101,
            "'mass_failure' needs true or false, and this is text",
            help: "write true or false, without quotes",
            in: runbook(withHead: "mass_failure: ❶\"true\"❶")
        )
    }

    // MARK: Properties

    @Test func `a property is of one of five kinds`() {
        expectProblem(
            118,
            "this is no property",
            help: "it is one of never, before, at_most, every_path, after_in_doubt, possible",
            in: runbook(withHead: "properties:\n  - ❶always: { step: done }❶")
        )
        expectProblem(
            118,
            "this is no property",
            help: "did you mean 'every_path'?",
            in: runbook(withHead: "properties:\n  - ❶evry_path: { ends_within: 5m }❶")
        )
    }

    @Test func `a property is one property`() {
        expectProblem(
            119,
            "a property says one thing, and this says two",
            help: "make two properties of it, each with a '-'",
            note: "the first is here",
            in: runbook(
                withHead: """
                    properties:
                      - ❷possible❷: { ends: succeeded }
                        ❶every_path❶: { ends_within: 5m }
                    """
            )
        )
    }

    @Test func `a property says all that it needs`() {
        expectProblem(
            103,
            "'before' needs 'then'",
            help: nil,
            in: runbook(withHead: "properties:\n  - before: ❶{ first: done }❶")
        )
        expectProblem(
            103,
            "'every_path' needs 'notifies'",
            help: "or 'ends_within: 90m'",
            in: runbook(withHead: "properties:\n  - every_path: ❶{ unless: failed }❶")
        )
        expectProblem(
            105,
            "'90' has no unit",
            help: "write 90s, 90m or 90h",
            in: runbook(withHead: "properties:\n  - every_path: { ends_within: ❶90❶ }")
        )
        expectProblem(
            106,
            "'down_by_us' cannot be -1",
            help: "it is 0 to 100000",
            in: runbook(withHead: "properties:\n  - at_most: { down_by_us: ❶-1❶, of: ensemble }")
        )
    }
}
