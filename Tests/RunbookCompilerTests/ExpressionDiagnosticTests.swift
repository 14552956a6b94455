// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunPlan
import RunVocabulary
import RunbookSource
import TestSupport
import Testing

/// Mistakes inside expressions: their text, names and types, each pointed at inside the scalar.
@Suite struct ExpressionDiagnosticTests {
    static let look = "  - id: look\n    probe: { targets: ensemble, zookeeper: { ask: [srvr] } }"

    private func guarded(_ condition: String) -> String {
        runbook("\(Self.look)\n  - id: rest\n    when: \(condition)\n    pause: 5s")
    }

    @Test func `a slip of the pen`() {
        expectProblems([301], in: self.guarded("size(ensemble) > ❶)❶"))
    }

    @Test func `an expression nested beyond any sense`() {
        let source = MarkedSource(
            self.guarded(String(repeating: "(", count: 500) + "1" + String(repeating: ")", count: 500))
        )
        #expect(compile(source).diagnostics.map(\.code.number) == [302])
    }

    @Test func `a name that nothing has`() {
        expectProblem(
            303,
            "unknown name 'ensembel'",
            help: "did you mean 'ensemble'?",
            in: self.guarded("size(❶ensembel❶) > 1")
        )
    }

    @Test func `a field that nothing has`() {
        let source = MarkedSource(self.guarded("ensemble.all(n, n.❶servin❶)"))
        let found = compile(source).diagnostics
        #expect(found.map(\.code.number) == [304])
        #expect(found.first?.span == source["❶"])
        #expect(found.first?.help == "did you mean 'serving'?")
    }

    @Test func `a step that is misspelt in an expression is told with the one that is meant`() {
        let source = MarkedSource(self.guarded("steps.❶lok❶.succeeded && steps.look.succeeded"))
        let found = compile(source).diagnostics
        #expect(found.map(\.code.number) == [304])
        #expect(found.first?.span == source["❶"])
        #expect(found.first?.help == "did you mean 'look'?")
    }

    @Test func `a function that nothing has`() {
        expectProblems([305], in: self.guarded("❶qourum❶(ensemble) > 1"))
    }

    @Test func `arguments that do not fit`() {
        let source = MarkedSource(self.guarded("quorum(1) > 1"))
        #expect(compile(source).diagnostics.map(\.code.number) == [306])
    }

    @Test func `a value where a condition should be`() {
        let source = MarkedSource(self.guarded("❶size(ensemble)❶"))
        let found = compile(source).diagnostics
        #expect(found.map(\.code.number) == [307])
        #expect(found.first?.span == source["❶"])
    }

    @Test func `a template that does not end`() {
        let source = MarkedSource(
            runbook("  - id: tell\n    notify: { channels: [oncall], message: 'took ${{ run.elapsed' }")
        )
        #expect(compile(source).diagnostics.map(\.code.number) == [308])
    }

    @Test func `a type mistake in the third line of a folded scalar is pointed at in that line`() {
        expectProblems(
            [304],
            in: self.guarded(
                """
                >-
                      size(ensemble) > 1
                      && ensemble.all(n,
                      n.❶servng❶)
                """
            )
        )
    }

    @Test func `a mistake in a message is pointed at in the message`() {
        expectProblems(
            [304],
            in: runbook(
                """
                  - id: tell
                    notify:
                      channels: [oncall]
                      message: |
                        First line.
                        Took ${{ run.❶elapsd❶ }}.
                """
            )
        )
    }

    // MARK: what can be seen from where

    @Test func `a loop's steps see outwards, and nothing outside sees into a loop`() {
        expectProblems(
            [304],
            in: runbook(
                """
                \(Self.look)
                  - id: each
                    for_each: { as: node, in: ensemble }
                    steps:
                      - id: inner
                        when: steps.look.succeeded && steps.inner.succeeded && node.voter
                        pause: 5s
                  - id: rest
                    when: steps.❶inner❶.succeeded
                    pause: 5s
                """
            )
        )
    }

    @Test func `the lists at the end see the main steps, the main steps do not see them`() {
        expectProblems(
            [304],
            in: runbook("\(Self.look)\n    when: steps.❶tell❶.succeeded")
                + "on_failure:\n  - id: tell\n    when: steps.look.succeeded\n    pause: 5s\n"
                + "finally:\n  - id: last\n    when: steps.look.succeeded\n    pause: 5s\n"
        )
    }

    @Test func `the head sees the selections and no steps`() {
        expectProblems(
            [303],
            in: runbook(Self.look, head: "triggers: [{ condition: ❶steps❶.look.succeeded && size(ensemble) > 1 }]")
        )
    }

    @Test func `a value is seen after it is set`() {
        expectProblems(
            [303],
            in: runbook(
                """
                  - id: early
                    when: ❶bound❶ > 1
                    pause: 5s
                  - id: keep
                    set: { bound: size(ensemble) }
                  - id: late
                    when: bound > 1
                    pause: 5s
                """
            )
        )
    }

    // MARK: fresh facts

    @Test func `an expression knows whose facts it reads`() throws {
        let plan = try plan(
            of: runbook(
                """
                \(Self.look)
                  - id: keep
                    set:
                      down: ensemble.filter(n, !n.serving)
                      some: "size(ensemble) > 1 ? steps.each.items.map(i, i.value) : []"
                  - id: each
                    when: size(ensemble) > 1 && down.exists(n, n.answered) && brokers.all(b, b.voter)
                    for_each: { as: node, in: down }
                    steps:
                      - id: inner
                        when: node.serving && size(down) > 0
                        pause: 5s
                  - id: other
                    when: some.exists(n, n.serving)
                    pause: 5s
                """
            )
        )
        let reads = Dictionary(uniqueKeysWithValues: plan.states.map { ($0.state.step.text, $0.state.when?.reads) })
        #expect(reads["each"] == ["down"])
        #expect(reads["inner"] == ["node"])
        #expect(reads["other"] == ["some"])
        guard case .set(let values) = plan[Plan.main].states[1].action else {
            Issue.record("no values are set")
            return
        }
        #expect(values.first?.value.reads == ["ensemble"])
    }
}
