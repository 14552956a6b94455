// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunPlan
import RunbookSource
import TestSupport
import Testing

/// Mistakes in names and in what leads where.
@Suite struct FlowDiagnosticTests {
    // MARK: names

    @Test func `a step that is misspelt is told with the one that is meant, and nothing follows from it`() {
        expectProblem(
            201,
            "there is no step 'drian'",
            help: "did you mean 'drain'?",
            in: runbook(
                """
                  - id: look
                    pause: 5s
                    next: ❶drian❶
                  - id: skipped_over
                    pause: 5s
                    if_failed: look
                    max_visits: 2
                    next: done
                  - id: drain
                    pause: 5s
                    next: skipped_over
                """
            )
        )
    }

    @Test func `a step that is like no other is told with those there are`() {
        expectProblem(
            201,
            "there is no step 'zigzag'",
            help: "the steps here are done, look",
            in: runbook("  - id: look\n    pause: 5s\n    next: ❶zigzag❶")
        )
    }

    @Test func `a route, a branch and a property name steps too`() {
        let source = MarkedSource(
            runbook(
                """
                  - id: look
                    pause: 5s
                    if_failed: ❷lost❷
                  - id: route
                    choose:
                      - { when: 1 > 0, next: ❸lost❸ }
                      - otherwise: ❹lost❹
                      - if_unknown: ❺lost❺
                """,
                head: "properties: [{ before: { first: [❶lost❶, look], then: [done, route] } }]"
            )
        )
        // One name that is wrong is one message, with all its places.
        let found = compile(source).diagnostics
        #expect(found.map(\.code.number) == [201], "\(found)")
        #expect(found.first?.span == source["❶"])
        #expect(found.first?.notes.map(\.span) == ["❷", "❸", "❹", "❺"].map { source[$0] }, "\(found)")
    }

    @Test func `a jump does not leave its list`() {
        let loop = """
              - id: each
                for_each: { as: node, in: ensemble }
                steps:
                  - id: inner
                    pause: 5s
                    next: ❶done❶
            """
        expectProblem(
            202,
            "step 'done' is not in this loop",
            help: "a jump stays in its own list of steps",
            in: runbook(loop)
        )
        expectProblem(
            202,
            "step 'tell' is not in the main steps",
            help: "a jump stays in its own list of steps",
            in: runbook("  - id: look\n    pause: 5s\n    if_failed: ❶tell❶")
                + "on_failure:\n  - id: tell\n    notify: { channels: [oncall], message: hm }\n"
        )
        expectProblem(
            202,
            "step 'done' is not in 'on_failure'",
            help: "a jump stays in its own list of steps",
            in: runbook("") + "on_failure:\n  - id: tell\n    pause: 5s\n    next: ❶done❶\n"
        )
        expectProblem(
            202,
            "step 'done' is not in 'finally'",
            help: "a jump stays in its own list of steps",
            in: runbook("") + "finally:\n  - id: tell\n    pause: 5s\n    next: ❶done❶\n"
        )
    }

    @Test func `a step is defined once in the whole file`() {
        expectProblem(
            207,
            "step 'look' is defined twice",
            help: "rename one of them; 'next' and 'undo' refer to steps by id",
            note: "first defined here",
            in: runbook("  - id: ❷look❷\n    pause: 5s") + "finally:\n  - id: ❶look❶\n    pause: 5s\n"
        )
    }

    @Test func `two loops with one step's name are one mistake, even where it is read`() {
        expectProblems(
            [207],
            in: runbook(
                """
                  - id: one
                    for_each: { as: node, in: ensemble }
                    steps:
                      - id: start
                        probe: { targets: "[node]", tcp: { port: client } }
                  - id: two
                    for_each: { as: node, in: ensemble }
                    steps:
                      - id: ❶start❶
                        probe: { targets: "[node]", tcp: { port: client } }
                      - id: rest
                        when: steps.start.succeeded
                        pause: 5s
                """
            )
        )
    }

    @Test(arguments: ["steps", "run", "cluster", "parameters", "result", "results", "target", "settings"])
    func `a name of the language cannot be taken`(name: String) {
        expectProblem(
            205,
            "'\(name)' means something to the language",
            help: "choose another name",
            in: runbook("  - id: keep\n    set: { ❶\(name)❶: 1 + 1 }")
        )
    }

    @Test func `a selection's name cannot be taken by the language, nor hidden by a value or a loop`() {
        expectProblem(
            205,
            "'steps' means something to the language",
            help: "choose another name",
            in:
                "runbook: mend\ntargets:\n  ❶steps❶: { role: x }\nsteps: [{ id: done, finish: { outcome: succeeded } }]\n"
        )
        expectProblem(
            206,
            "'ensemble' would hide the selection of that name",
            help: "choose another name",
            note: "the selection is here",
            in:
                "runbook: mend\ntargets:\n  ❷ensemble❷: { role: x }\nsteps:\n  - id: keep\n    set: { ❶ensemble❶: 1 + 1 }\n"
        )
    }

    @Test func `a property speaks of a selection that is there`() {
        expectProblem(
            208,
            "there is no selection 'ensembel'",
            help: "did you mean 'ensemble'?",
            in: runbook("", head: "properties: [{ at_most: { down_by_us: 1, of: ❶ensembel❶ } }]")
        )
    }

    @Test(arguments: ["{}", "{ nodes: [] }"])
    func `a selection selects something`(body: String) {
        expectProblem(
            209,
            "selection 'all' selects nothing in particular",
            help: "give it a 'role', a 'datacenter' or 'nodes'",
            in: "runbook: mend\ntargets:\n  ❶all❶: \(body)\nsteps: [{ id: done, finish: { outcome: succeeded } }]\n"
        )
    }

    @Test(arguments: ["❶parameters.host❶", "[a, ❶parameters.host❶]"])
    func `a parameter among nodes stands in an interpolation`(nodes: String) {
        expectProblem(
            248,
            "'parameters.host' is taken as the name of a node, not as the parameter",
            help: "write nodes: [\"${{ parameters.host }}\"]",
            in: """
                runbook: mend
                parameters: { host: { type: string } }
                targets:
                  stuck: { nodes: \(nodes) }
                steps: [{ id: look, probe: { targets: stuck, tcp: { port: '1' } } }]

                """
        )
    }

    @Test func `a selection with a misspelt key is one mistake`() {
        expectProblems(
            [102],
            in:
                "runbook: mend\ntargets:\n  all: { ❶rol❶: x }\nsteps: [{ id: look, probe: { targets: all, tcp: { port: '1' } } }]\n"
        )
    }

    // MARK: reaching

    @Test func `a step that nothing leads to is unreachable, and those behind it are not told`() {
        expectProblem(
            203,
            "step 'lost' can never be reached",
            help: "lead to it with 'next' or a route, or take it out",
            in: runbook(
                """
                  - id: look
                    pause: 5s
                    next: done
                  - id: ❶lost❶
                    pause: 5s
                  - id: lost_too
                    pause: 5s
                """
            )
        )
    }

    // Goal: one slip is one message: what a lost jump should have led to is not told as well.
    @Test func `where a jump is to a step like none there is, nobody knows what is reached`() {
        let text = runbook(
            """
              - id: route
                choose:
                  - { when: size(ensemble) > 3, next: ❶zigzag❶ }
                  - otherwise: done
                  - if_unknown: done
              - id: rest
                pause: 5s
                next: done
              - id: island
                pause: 5s
            """
        )
        expectProblems([201], in: text)
        // In another list of steps it counts for nothing.
        let loop = """
              - id: each
                for_each: { as: node, in: ensemble }
                steps:
                  - { id: inner, pause: 5s, next: ❶zigzag❶ }
                next: done
              - id: ❷island❷
                pause: 5s
            """
        expectProblems([201, 203], in: runbook(loop))
    }

    @Test func `a variable that swallowed the list is told as itself, and not at each of its uses`() {
        let text = runbook(
            """
              - id: each
                for_each:
                  ❶as: node❶
                    ensemble.filter(n, n.serving)
                steps:
                  - { id: inner, probe: { targets: "[node]", tcp: { port: client } } }
            """
        )
        let found = compile(MarkedSource(text)).diagnostics
        #expect(found.map(\.code.number) == [103, 108], "\(found)")
    }

    @Test func `a finish that may be skipped leads on`() throws {
        _ = try plan(
            of: runbook(
                """
                  - id: early
                    when: size(ensemble) > 3
                    finish: { outcome: not_needed }
                  - id: act
                    pause: 5s
                """
            )
        )
    }

    @Test func `a choice that may be skipped leads on`() throws {
        _ = try plan(
            of: runbook(
                """
                  - id: early
                    when: size(ensemble) > 3
                    choose: [{ when: 1 > 0, next: done }, { otherwise: done }]
                  - id: act
                    pause: 5s
                """
            )
        )
    }

    // Goal: a mistake in what a step does never makes the steps behind it look unreachable.
    @Test(
        arguments: [
            "pause: ❶soon❶", "choose: [{ when: ❶1❶, next: done }, { otherwise: act }]",
            "wait: { targets: ❶nobody❶, tcp: { port: '1' }, until: result.open }\n    timeout: 5s",
            "choose: [{ ❶wen❶: 1 > 0, next: act }, { otherwise: done }]",
            "run: { targets: ensemble, service: kafka, do: ❶strat❶ }", "set: { value: ❶nothing❶ }",
        ]
    )
    func `a broken step still leads on`(verb: String) {
        let source = MarkedSource(runbook("  - id: look\n    \(verb)\n  - id: act\n    pause: 5s"))
        let found = compile(source).diagnostics
        #expect(found.map(\.span.start) == [source["❶"].start], "\(found.map { source.render($0) })")
    }

    @Test func `what is said of a broken parameter, selection or value is not said again where it is used`() {
        expectProblems(
            [104, 101, 303],
            in: """
                runbook: mend
                parameters:
                  speed: { type: ❶sped❶, default: 3 }
                targets:
                  ensemble: ❷zookeeper❷
                steps:
                  - id: keep
                    set: { value: ❸nothing❸ }
                  - id: look
                    when: value > parameters.speed
                    probe: { targets: ensemble, tcp: { port: client } }

                """
        )
    }

    // MARK: loops

    @Test func `a jump back needs a bound`() {
        expectProblem(
            204,
            "'check' jumps back to 'look' without a bound",
            help: "give 'look' a 'max_visits: 3'",
            note: "the loop begins here",
            in: runbook(
                """
                  - id: ❷look❷
                    pause: 5s
                  - id: check
                    choose: [{ when: 1 > 0, next: ❶look❶ }, { otherwise: done }]
                """
            )
        )
    }

    @Test func `a step that leads to itself is a loop`() {
        expectProblem(
            204,
            "'look' jumps back to 'look' without a bound",
            help: "give 'look' a 'max_visits: 3'",
            note: "the loop begins here",
            in: runbook("  - id: ❷look❷\n    pause: 5s\n    if_failed: ❶look❶")
        )
    }

    @Test func `of two jumps back from one step each is seen`() {
        expectProblems(
            [204],
            in: runbook(
                """
                  - id: bounded
                    max_visits: 2
                    pause: 5s
                  - id: unbounded
                    pause: 5s
                  - id: check
                    choose: [{ when: 1 > 0, next: bounded }, { when: 2 > 1, next: ❶unbounded❶ }, { otherwise: done }]
                """
            )
        )
    }

    @Test func `one bound on a cycle is enough, and the other steps may be visited as often`() throws {
        let plan = try plan(
            of: runbook(
                """
                  - id: look
                    pause: 5s
                    max_visits: 3
                  - id: check
                    choose: [{ when: 1 > 0, next: look }, { otherwise: done }]
                """
            )
        )
        #expect(plan[Plan.main].states.map(\.maxVisits) == [3, 4, 1])
    }

    @Test func `the bound may stand on any step of the cycle`() throws {
        let plan = try plan(
            of: runbook(
                """
                  - id: look
                    pause: 5s
                  - id: check
                    max_visits: 5
                    choose: [{ when: 1 > 0, next: look }, { otherwise: done }]
                """
            )
        )
        #expect(plan[Plan.main].states.map(\.maxVisits) == [6, 5, 1])
    }

    // MARK: rules

    @Test(arguments: ["wipes", "moves_data", "promotes"])
    func `an act that can lose data without an approval is a warning`(effect: String) {
        expectProblem(
            401,
            "step 'wipe' can lose data and can be reached without an approval",
            help: "put an 'approve' step before it",
            severity: .warning,
            in: runbook("  - id: ❶wipe❶\n    run: { targets: ensemble, command: [wipe], effect: \(effect) }")
        )
    }

    static let wipe = "  - id: ❶wipe❶\n    run: { targets: brokers, command: [wipe], effect: wipes }"
    /// So that nothing else is to be said about it.
    static let copy =
        "  - id: backup\n    run: { targets: brokers, script: tar -cf b . && sha256sum b, effect: changes }\n"
    static let gate = "approve: { message: May I?, from: [role:sre], timeout: 5m, on_timeout: refused }"

    @Test func `behind a gate it is none`() throws {
        _ = try plan(
            of: runbook("  - id: gate\n    \(Self.gate)\n    if_refused: done\n\(Self.copy)\(Self.wipe)")
        )
    }

    @Test func `a gate that may be skipped or whose refusal leads to the act protects nothing`() {
        let skippable = "  - id: gate\n    when: size(ensemble) > 3\n    \(Self.gate)\n"
        expectProblems([401], in: runbook(skippable + Self.wipe))
        let futile = "  - id: gate\n    \(Self.gate)\n    if_refused: wipe\n"
        expectProblems([401], in: runbook(futile + Self.wipe))
    }

    @Test func `an act in a loop, in on_failure or in finally is seen too`() {
        let loop = """
              - id: each
                for_each: { as: node, in: ensemble }
                steps:
                  - id: ❶wipe❶
                    run: { targets: "[node]", command: [wipe], effect: wipes }
                  - id: gate
                    \(Self.gate)
            """
        expectProblems([401], in: runbook(loop))
        expectProblems([401], in: runbook("") + "on_failure:\n\(Self.wipe)\n")
        expectProblems([401], in: runbook("") + "finally:\n\(Self.wipe)\n")
    }
}
