// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunPlan
import RunVocabulary
import RunbookSource
import TestSupport
import Testing

/// Mistakes in branches, calls, undos, requests and secrets.
@Suite struct RegionDiagnosticTests {
    // MARK: parallel

    @Test func `a join asks for no more branches than there are`() {
        expectProblem(
            240,
            "3 branches must succeed and there are only 2",
            help: "write 'join: all', or a number up to 2",
            in: runbook(
                """
                  - id: both
                    parallel: { join: ❶3❶, branches: { a: [{ id: b, pause: 1s }], c: [{ id: d, pause: 1s }] } }
                """
            )
        )
    }

    @Test func `branches do not see each other's steps, and a jump stays inside`() {
        expectProblems(
            [304],
            in: runbook(
                """
                  - id: both
                    parallel:
                      branches:
                        a: [{ id: first, pause: 1s }]
                        b: [{ id: second, when: steps.❶first❶.succeeded, pause: 1s }]
                """
            )
        )
        expectProblem(
            202,
            "step 'second' is not in this branch",
            help: "a jump stays in its own list of steps",
            in: runbook(
                """
                  - id: both
                    parallel:
                      branches:
                        a: [{ id: first, pause: 1s, next: ❶second❶ }]
                        b: [{ id: second, pause: 1s }]
                """
            )
        )
    }

    @Test func `what branches left is known by their names`() throws {
        let text = runbook(
            """
              - id: both
                parallel: { branches: { a: [{ id: first, pause: 1s }], b: [{ id: second, pause: 1s }] } }
              - id: then
                when: steps.both.branches.a.succeeded && steps.both.branches.b.outcome != 'failed'
                pause: 1s
            """
        )
        _ = try plan(of: text)
        let wrong = MarkedSource(text.replacing("branches.a.succeeded", with: "branches.c.succeeded"))
        #expect(compile(wrong).diagnostics.map(\.code.number) == [304])
    }

    // MARK: call

    @Test func `a runbook that is called is there`() {
        expectProblem(
            241,
            "there is no runbook 'nowhere'",
            help: "it is looked for in 'nowhere.yaml'; write a name, or a path from this file's folder",
            in: runbook("  - id: heal\n    call: { runbook: ❶nowhere❶ }")
        )
    }

    // Goal: a mistake is shown where it is, in whichever file that may be, and once.
    @Test func `a mistake in a called runbook is reported with its own place`() {
        let source = MarkedSource(
            runbook("  - id: heal\n    call: { runbook: wrong }\n  - id: again\n    call: { runbook: wrong }")
        )
        let (plan, found) = compile(source)
        #expect(plan == nil)
        #expect(found.map(\.code.number) == [303])
        #expect(found.first?.span.description == "wrong.yaml:2:28")
    }

    @Test func `a runbook cannot call itself`() {
        let found = compile(MarkedSource(runbook("  - id: heal\n    call: { runbook: restart }"))).diagnostics
        #expect(found.map(\.code.number) == [242])
        #expect(found.first?.message == "the call of 'restart' comes back to itself")
    }

    @Test func `calls are eight deep at most`() {
        let found = compile(MarkedSource(runbook("  - id: heal\n    call: { runbook: deep_1 }"))).diagnostics
        #expect(found.map(\.code.number) == [243])
        #expect(found.first?.message == "the call of 'deep_8' is too deep")
    }

    @Test func `a call gives the parameters that there are, each of its type`() {
        expectProblem(
            244,
            "runbook 'restart_one' has no parameter 'brokr'",
            help: "did you mean 'broker'?",
            in: runbook("  - id: a\n    call: { runbook: restart_one, with: { ❶brokr❶: \"'x'\", broker: \"'x'\" } }")
        )
        expectProblem(
            245,
            "runbook 'restart_one' needs the parameter 'broker'",
            help: "give it under 'with:'; it is text",
            in: runbook("  - id: a\n    call: { runbook: ❶restart_one❶ }")
        )
        expectProblem(
            246,
            "the parameter 'rest' is given string",
            help: "it is a duration such as 30s; a text in an expression has quotes of its own: \"'text'\"",
            in: runbook(
                "  - id: a\n    call: { runbook: restart_one, with: { broker: \"'x'\", ❶rest❶: \"'5s'\" } }"
            )
        )
    }

    @Test func `a duration is given as such, and the plan holds the called runbook`() throws {
        let plan = try plan(
            of: runbook("  - id: a\n    call: { runbook: restart_one, with: { broker: \"'x'\", rest: 7s } }")
        )
        guard case .call(let action) = plan[Plan.main].states[0].action else {
            Issue.record("it is no call")
            return
        }
        #expect(action.runbook == "sample")
        #expect(plan[action.regions.main].role == .called)
        #expect(plan[action.regions.main].states.map(\.step) == ["rest"])
    }

    // MARK: undo

    @Test func `only what acts is undone`() {
        expectProblem(
            234,
            "'undo' means nothing beside 'pause'",
            help: "only what acts can be undone: 'run', 'request' and 'call'",
            in: runbook(
                "  - id: a\n    pause: 1s\n    ❶undo❶: { run: { local: true, command: [b], effect: changes } }"
            )
        )
    }

    @Test func `the undo of a command is about where it happened, that of a local one needs targets`() throws {
        _ = try plan(
            of: runbook(
                """
                  - id: a
                    run: { targets: brokers, service: kafka, do: stop }
                    undo: { run: { service: kafka, do: start }, when: size(undone) > 0 }
                """
            )
        )
        expectProblem(
            220,
            "the step has no targets",
            help: "add 'targets: NAME' of a selection",
            in: runbook(
                """
                  - id: a
                    run: { local: true, command: [b], effect: changes }
                    undo: { ❶run❶: { service: kafka, do: start } }
                """
            )
        )
    }

    // MARK: request

    @Test func `a request says what it does, unless its method only reads`() throws {
        expectProblem(
            228,
            "the command does not say what it does to its targets",
            help: "add 'effect:' with one of \(EffectClass.allCases.map(\.rawValue).joined(separator: ", "))",
            in: runbook("  - id: a\n    ❶request❶: { method: POST, url: \"http://x/\" }")
        )
        _ = try plan(of: runbook("  - id: a\n    request: { url: \"http://x/\" }"))
    }

    @Test(
        arguments: [
            (104, "method: ❶FETCH❶, url: \"http://x/\""), (250, "url: ❶x/y❶"),
            (251, "url: \"http://x/\", headers: { ❶\"a b\"❶: c }"),
            (252, "url: \"http://x/\", repeat: ❶guarded❶"), (123, "url: \"http://x/\", expect_status: ❶99❶"),
            (253, "url: \"http://x/\", idempotency_key: true, repeat: ❶safe❶"),
        ] as [(UInt16, String)]
    )
    func `a request is one that can be sent`(code: UInt16, keys: String) {
        let source = MarkedSource(runbook("  - id: a\n    request: { \(keys) }"))
        let found = compile(source).diagnostics
        #expect(found.map(\.code.number) == [code], "\(found)")
        #expect(found.first?.span == source["❶"])
    }

    @Test func `what is never repeated is not retried`() {
        expectProblems(
            [233],
            in: runbook(
                """
                  - id: a
                    request: { method: POST, url: "http://x/", effect: changes }
                    retry: ❶{ attempts: 2 }❶
                """
            )
        )
    }

    // MARK: Secrets

    private static let secret = "parameters: { token: { type: secret } }"

    @Test(
        arguments: [
            "notify: { channels: [a], message: \"${{ ❶parameters.token❶ }}\" }",
            "run: { local: true, command: [a, \"${{ ❶parameters.token❶ }}\"], effect: changes }",
            "when: ❶parameters.token❶ == 'a'\n    pause: 1s", "set: { mine: ❶parameters.token❶ }",
            "request: { url: \"http://x/${{ ❶parameters.token❶ }}\" }",
            "request: { url: \"http://x/\", body: \"${{ ❶parameters.token❶ + 'a' }}\" }",
            "call: { runbook: restart_one, with: { broker: ❶parameters.token❶ } }",
        ]
    )
    func `a secret stands nowhere where it is shown, kept or decided upon`(step: String) {
        expectProblem(
            255,
            "the secret 'token' would be shown, kept or decided upon here",
            help: "'${{ parameters.token }}' may stand in 'env' of a script and in 'headers' and 'body' of a request",
            in: runbook("  - id: a\n    \(step)", head: Self.secret)
        )
    }

    @Test func `a secret is sent, and handed on to a secret`() throws {
        _ = try plan(
            of: runbook(
                """
                  - id: a
                    request: { url: "http://x/", headers: { A: "b ${{ parameters.token }}" }, body: "${{ parameters.token }}" }
                  - id: b
                    run: { local: true, script: c, env: { A: "${{ parameters.token }}" }, effect: changes }
                  - id: c
                    call: { runbook: with_secret, with: { token: parameters.token } }
                """,
                head: Self.secret
            )
        )
    }

    @Test func `a secret is given no text, and has no default`() {
        expectProblems(
            [257],
            in: runbook("  - id: a\n    call: { runbook: with_secret, with: { token: ❶\"'a'\"❶ } }")
        )
        expectProblems([256], in: runbook("", head: "parameters: { token: { type: secret, default: ❶a❶ } }"))
    }
}
