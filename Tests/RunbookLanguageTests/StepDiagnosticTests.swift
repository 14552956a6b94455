// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunbookLanguage
import RunbookSource
import RunbookYAML
import TestSupport
import Testing

/// Mistakes in the shape of steps and of their verbs.
@Suite struct StepDiagnosticTests {
    static let verbs =
        "probe, wait, run, request, approve, notify, choose, parallel, for_each, call, set, pause, finish"

    @Test func `steps are a list of mappings`() {
        expectProblem(
            101,
            "'steps' needs a list of steps, and this is a mapping",
            help: "begin each step with '- id: NAME'",
            in: "runbook: mend\nsteps:\n  ❶look: { probe: { targets: x } }❶\n"
        )
        expectProblem(
            101,
            "a step needs a mapping of keys to values, and this is text",
            help: "begin each step with '- id: NAME'",
            in: "runbook: mend\nsteps:\n  - ❶look❶\n"
        )
    }

    @Test func `a step has an id`() {
        expectProblem(
            103,
            "a step needs 'id'",
            help: "give the step a name: 'id: look'",
            in: "runbook: mend\nsteps:\n  - ❶finish: { outcome: succeeded }❶\n"
        )
        expectProblem(
            108,
            "'Look' cannot name a step",
            help: "a name begins with a letter a-z and goes on with a-z, 0-9 and '_', at most 64 characters",
            in: "runbook: mend\nsteps:\n  - id: ❶Look❶\n    finish: { outcome: succeeded }\n"
        )
    }

    @Test func `an unknown key names the step and the key that is meant`() {
        expectProblem(
            102,
            "step 'look' has no key 'tmeout'",
            help: "did you mean 'timeout'?",
            in: runbook(withStep: "probe: { targets: ensemble, tcp: { port: client } }\n❶tmeout❶: 5s")
        )
    }

    @Test func `what follows a comma inside braces is no key, and the help says how to keep it in the value`() {
        let source = MarkedSource(
            runbook(withStep: "choose: [{ when: e.all(n, ❶n.up)❶, next: look }, { otherwise: look }]")
        )
        let problem = shapeProblems(in: source).last
        #expect(problem?.message == "a branch of 'choose' has no key 'n.up)'")
        #expect(problem?.span == source["❶"])
        #expect(problem?.help == "inside '{ }' a comma begins the next key: quote a value that has one in it")
    }

    @Test func `a step without a verb does nothing`() {
        expectProblem(
            112,
            "step 'look' does nothing",
            help: "give it one of \(Self.verbs)",
            in: "runbook: mend\nsteps:\n  - ❶id: look\n    timeout: 5s❶\n"
        )
    }

    @Test func `a wrong verb is one mistake, whatever stands in it`() {
        expectProblem(
            112,
            "step 'look' does nothing",
            help: "did you mean 'probe' instead of 'prob'?",
            in:
                "runbook: mend\nsteps:\n  - id: look\n    ❶prob❶: { targets: ensemble, tpc: { prt: 1 } }\n    next: look\n"
        )
    }

    @Test func `a step has one verb`() {
        expectProblem(
            113,
            "step 'look' has two verbs: 'pause' and 'finish'",
            help: "make two steps of it",
            note: "the first is here",
            in: runbook(withStep: "❷pause❷: 5s\n❶finish❶: { outcome: succeeded }")
        )
    }

    @Test func `a join says how many branches must succeed`() {
        for word in ["most", "0", "-1"] {
            expectProblem(
                122,
                "'\(word)' does not say how many branches must succeed",
                help: "write 'join: all', 'join: any' or a number such as 'join: 2'",
                in: runbook(withStep: "parallel: { join: ❶\(word)❶, branches: { a: [{ id: b, pause: 1s }] } }")
            )
        }
    }

    @Test func `branches have names and steps`() {
        expectProblem(
            103,
            "'parallel' needs 'branches'",
            help: "name the branches, each with a list of steps: 'branches: { north: [...], south: [...] }'",
            in: runbook(withStep: "parallel: ❶{ join: all }❶")
        )
        expectProblem(
            111,
            "branch 'a' has no steps",
            help: "list what is done: '- id: look' and a verb such as 'probe:'",
            in: runbook(withStep: "parallel: { branches: { a: ❶[]❶ } }")
        )
    }

    @Test func `a call names a runbook`() {
        expectProblem(
            103,
            "'call' needs 'runbook'",
            help: "name it, or the file it is in: 'runbook: restart_brokers' or 'runbook: ./restart_brokers.yaml'",
            in: runbook(withStep: "call: ❶{ with: { a: 1 } }❶")
        )
    }

    @Test func `an undo is an act`() {
        expectProblem(
            112,
            "the undo of 'look' does nothing",
            help: "give it one of run, request, call",
            in: runbook(withStep: "run: { targets: a, command: [b], effect: changes }\nundo: ❶{ timeout: 5s }❶")
        )
    }

    @Test func `a name is asked for in one of two types`() {
        expectProblem(
            104,
            "'MX' is no value of 'type'",
            help: "it is one of A, AAAA",
            in: runbook(withStep: "probe: { dns: { name: a.example, type: ❶MX❶ } }")
        )
    }

    // MARK: run

    @Test func `a run has something to run`() {
        expectProblem(
            115,
            "'run' has nothing to run",
            help: "give it 'service:' with 'do:', or 'command: [word, word]', or 'script: |'",
            in: runbook(withStep: "run: ❶{ targets: ensemble, effect: changes }❶")
        )
        expectProblem(
            115,
            "'run' has nothing to run",
            help: "give it 'service:' with 'do:', or 'command: [word, word]', or 'script: |'",
            in: runbook(withStep: "run: ❶{ targets: ensemble, command: [], effect: changes }❶")
        )
    }

    @Test func `a misspelt service is one mistake`() {
        expectProblem(
            102,
            "'run' has no key 'servce'",
            help: "did you mean 'service'?",
            in: runbook(withStep: "run: { targets: ensemble, ❶servce❶: kafka, do: start }")
        )
    }

    @Test func `a service and what is done with it belong together`() {
        expectProblem(
            103,
            "'run' needs 'do'",
            help: "write do: start, stop, restart or status",
            in: runbook(withStep: "run: ❶{ targets: ensemble, service: kafka }❶")
        )
        expectProblem(
            103,
            "'run' needs 'service'",
            help: "name the service to stop",
            in: runbook(withStep: "run: ❶{ targets: ensemble, do: stop }❶")
        )
    }

    @Test func `a run has one thing to run`() {
        expectProblem(
            116,
            "'run' has more than one thing to run",
            help: "make two steps of it",
            note: "the first is here",
            in: runbook(
                withStep: "run: { targets: e, ❷service❷: kafka, do: stop, ❶command❶: [true], effect: reads }"
            )
        )
    }

    @Test func `a command is a list of words`() {
        expectProblem(
            101,
            "'command' needs a list of words, and this is text",
            help: "write [systemctl, restart, kafka]: every element arrives as it is, and no shell reads it",
            in: runbook(withStep: "run: { targets: e, command: ❶systemctl stop kafka❶, effect: stops }")
        )
    }

    @Test func `an effect and a repetition are words that are known`() {
        expectProblem(
            104,
            "'harmless' is no value of 'effect'",
            help: "it is one of reads, starts, stops, restarts, wipes, moves_data, promotes, fences, changes",
            in: runbook(withStep: "run: { targets: e, command: [ls], effect: ❶harmless❶ }")
        )
        expectProblem(
            104,
            "'gaurded' is no value of 'repeat'",
            help: "did you mean 'guarded'?",
            in: runbook(withStep: "run: { targets: e, command: [ls], effect: reads, repeat: ❶gaurded❶ }")
        )
    }

    @Test(arguments: [("size", "0", "1"), ("size", "0%", "1"), ("size", "101%", "1"), ("max_failures", "some", "1")])
    func `a number of targets is a number or a share`(key: String, text: String, example: String) {
        expectProblem(
            107,
            "'\(text)' is no number of targets",
            help: "write '\(key): \(example)' or '\(key): 25%'",
            in: runbook(withStep: "run: { targets: e, service: kafka, do: stop, batch: { \(key): ❶\(text)❶ } }")
        )
    }

    @Test(arguments: ["0", "3..1", "1...3", "some", "1.."])
    func `an expected number of targets is a number or a range`(text: String) {
        expectProblem(
            109,
            "'\(text)' is no number of targets to expect",
            help: "write 3 or 1..3",
            in: runbook(withStep: "run: { targets: e, expect_targets: ❶\(text)❶, service: kafka, do: stop }")
        )
    }

    // MARK: probes

    @Test func `a probe says what to look at`() {
        expectProblem(
            117,
            "'probe' does not say what to look at",
            help: "give it one of tcp, http, tls, zookeeper, kafka, jmx, prometheus, dns, ssh",
            in: runbook(withStep: "probe: ❶{ targets: ensemble }❶")
        )
        expectProblem(
            102,
            "'probe' has no key 'zokeeper'",
            help: "did you mean 'zookeeper'?",
            in: runbook(withStep: "probe: { targets: ensemble, ❶zokeeper❶: { ask: [srvr] } }")
        )
    }

    @Test func `a probe looks at one thing`() {
        expectProblem(
            121,
            "'probe' looks at two things",
            help: "make two steps of it",
            note: "the first is here",
            in: runbook(withStep: "probe: { targets: e, ❷zookeeper❷: { ask: [srvr] }, ❶tcp❶: { port: client } }")
        )
    }

    @Test func `a verification says what it looks at and what it expects`() {
        expectProblem(
            117,
            "'verify' does not say what to look at",
            help: "give it one of tcp, http, tls, zookeeper, kafka, jmx, prometheus, dns, ssh",
            in: runbook(
                withStep: "run: { targets: e, service: kafka, do: stop }\nverify: ❶{ expect: result.open }❶"
            )
        )
        expectProblem(
            103,
            "'verify' needs 'expect'",
            help: "say what the probe must show: expect: \"result.open\"",
            in: runbook(
                withStep: "run: { targets: e, service: kafka, do: stop }\nverify: ❶{ tcp: { port: broker } }❶"
            )
        )
    }

    @Test func `a wait says what it waits for`() {
        expectProblem(
            103,
            "'wait' needs 'until'",
            help: "say what is waited for: until: \"result.serving\"",
            in: runbook(withStep: "wait: ❶{ targets: ensemble, tcp: { port: client } }❶\ntimeout: 5s")
        )
    }

    // MARK: other verbs

    @Test func `a pause needs a unit`() {
        expectProblem(105, "'30' has no unit", help: "write 30s, 30m or 30h", in: runbook(withStep: "pause: ❶30❶"))
        expectProblem(
            105,
            "'5x' is no duration",
            help: "write 500ms, 30s, 5m, 2h, 1d or 1m30s",
            in: runbook(withStep: "pause: ❶5x❶")
        )
    }

    @Test func `a number has the range that makes sense`() {
        expectProblem(
            106,
            "'max_visits' cannot be 0",
            help: "it is 1 to 1000",
            in: runbook(withStep: "pause: 5s\nmax_visits: ❶0❶")
        )
        expectProblem(
            101,
            "'max_visits' needs a whole number, and this is text",
            help: nil,
            in: runbook(withStep: "pause: 5s\nmax_visits: ❶often❶")
        )
    }

    @Test func `choose is a list of branches`() {
        expectProblem(
            101,
            "'choose' needs a list of branches, and this is a mapping",
            help: "write a list of '- when: …' with 'next:', and '- otherwise: STEP'",
            in: runbook(withStep: "choose:\n  ❶otherwise: look❶")
        )
        expectProblem(
            103,
            "a branch of 'choose' needs 'next'",
            help: "say which step the branch leads to",
            in: runbook(withStep: "choose:\n  - ❶when: 1 > 0❶\n  - otherwise: look")
        )
        expectProblem(
            102,
            "a branch of 'choose' has no key 'othrwise'",
            help: "did you mean 'otherwise'?",
            in: runbook(withStep: "choose:\n  - { when: 1 > 0, next: look }\n  - ❶othrwise❶: look")
        )
    }

    @Test(arguments: ["otherwise", "if_unknown"])
    func `choose answers each question once`(key: String) {
        expectProblem(
            120,
            "'choose' has two '\(key)'",
            help: "take one of them out",
            note: "the first leads here",
            in: runbook(withStep: "choose:\n  - \(key): ❷look❷\n  - ❶\(key)❶: other")
        )
    }

    @Test func `a loop has a name for its element, a list and steps`() {
        expectProblem(
            103,
            "'for_each' needs 'as'",
            help: "name the element: as: node",
            in: runbook(withStep: "for_each: ❶{ in: ensemble }❶\nsteps:\n  - { id: rest, pause: 5s }")
        )
        expectProblem(
            103,
            "step 'look' needs 'steps'",
            help: "list what is done for each element, beside 'for_each:'",
            in: "runbook: mend\nsteps:\n  - ❶id: look\n    for_each: { as: node, in: ensemble }❶\n"
        )
        expectProblem(
            111,
            "the loop has no steps",
            help: "list what is done: '- id: look' and a verb such as 'probe:'",
            in: runbook(withStep: "for_each: { as: node, in: ensemble }\nsteps: ❶[]❶")
        )
    }

    @Test func `a retry says how often`() {
        expectProblem(
            103,
            "'retry' needs 'attempts'",
            help: "say how often, 'attempts: 3', or for how long, 'within: 10m'",
            in: runbook(withStep: "run: { targets: e, service: kafka, do: stop }\nretry: ❶{ initial: 5s }❶")
        )
    }

    @Test func `a notice has channels and a message`() {
        expectProblem(
            103,
            "'notify' needs 'message'",
            help: nil,
            in: runbook(withStep: "notify: ❶{ channels: [oncall] }❶")
        )
        expectProblem(
            101,
            "'message' needs text, and this is a mapping",
            help: nil,
            in: runbook(withStep: "notify: { channels: [oncall], message: ❶{ run: 1 }❶ }")
        )
    }

    // MARK: expressions

    @Test func `a list is no expression, and the help says how it becomes one`() {
        expectProblem(
            101,
            "'targets' needs an expression, and this is a list",
            help: "in YAML, quote an expression that begins with a bracket, a brace or '!'",
            in: runbook(withStep: "probe: { targets: ❶[node]❶, tcp: { port: client } }")
        )
    }

    // Goal: the place of a mistake is right wherever YAML lets an expression stand.
    // Method: the same slip in each style of scalar.
    @Test(
        arguments: [
            "when: 1 > ❶)❶", "when: '1 > ❶)❶'", "when: \"1 > ❶)❶\"", "when: >-\n  1 >\n  2 || 1 > ❶)❶",
            "when: |\n  1 > 2 ||\n\n  1 > ❶)❶", "when: >\n    0 < 1\n\n    && 1 > ❶)❶\n",
        ]
    )
    func `a slip in an expression is pointed at inside it`(lines: String) throws {
        let source = MarkedSource(runbook(withStep: "pause: 5s\n\(lines)"))
        let problems = shapeProblems(in: source)
        #expect(problems.map(\.code) == [Diagnostic.Code(301)])
        #expect(problems.first?.span == source["❶"], "\(problems.map { source.render($0) })")
    }

    @Test func `a slip in the middle of a message is pointed at`() {
        let source = MarkedSource(
            runbook(
                withStep: """
                    notify:
                      channels: [oncall]
                      message: |
                        It took ${{ run.elapsed }}
                        and ${{ run.❶}❶}.
                    """
            )
        )
        let problems = shapeProblems(in: source)
        #expect(problems.count == 1)
        #expect(problems.first.map { $0.span.start.line == source["❶"].start.line } == true)
    }
}
