// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunbookSource
import TestSupport
import Testing

/// Many mistakes in one file.
@Suite struct ClassicMistakesTests {
    // Goal: an author sees everything that is wrong at once, each at its place, and nothing that is not wrong.
    // Method: one file with a mistake of each kind that authors make most.
    @Test func `the usual mistakes in one file are each told once, in the order of the file`() {
        expectProblems(
            [102, 101, 105, 303, 103, 207, 201, 203, 204],
            in: """
                runbook: mend
                ❶ownr❶: kafka-platform
                mass_failure: ❷perhaps❷
                targets:
                  ensemble: { role: zookeeper }
                steps:
                  - id: look
                    probe: { targets: ensemble, zookeeper: { ask: [srvr] } }
                    timeout: ❸10❸
                  - id: guard
                    when: >-
                      size(steps.look.results.filter(r, r.serving))
                      < size(❹ensembel❹)
                    pause: 5s
                  - id: tell
                    notify: ❺{ channels: [oncall] }❺
                  - id: ❻look❻
                    pause: 5s
                    if_failed: ❼lok❼
                  - id: skip
                    pause: 5s
                    next: again
                  - id: ❽island❽
                    pause: 5s
                  - id: again
                    pause: 5s
                    if_failed: ❾skip❾

                """
        )
    }

    @Test func `what the parser finds and what the compiler finds come in one order`() {
        let source = MarkedSource(
            """
            runbook: mend
            steps:
              - id: one
                pause: 5s
                next: ❶nowhere❶
              - id: two
                pause: ❷5❷
              - id: three
                pause: 5s
                if_failed: ❸nobody❸

            """
        )
        #expect(compile(source).diagnostics.map(\.span) == ["❶", "❷", "❸"].map { source[$0] })
    }
}
