// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunbookCompiler
import RunbookSource
import TestSupport
import Testing

// Goal: each mistake that authors make most brings one message, at its column, with what to do.
// Method: one sound runbook; each case puts one mistake into it.
@Suite struct TenMistakesTests {
    struct Mistake: Sendable, CustomTestStringConvertible {
        let name: String
        let code: UInt16
        let good: String
        let bad: String

        var testDescription: String { self.name }
    }

    private static let sound = """
        runbook: heal
        targets:
          kafka: { role: kafka_broker }
        steps:
          - id: check
            probe: { targets: kafka, tcp: { port: broker } }
            timeout: 5s
            next: restart
          - id: restart
            run: { targets: kafka, service: kafka, do: restart }
            timeout: 6m
            verify: { tcp: { port: broker }, expect: result.open }
            next: verify
          - id: verify
            when: steps.restart.succeeded && size(steps.check.results) > 0
            wait: { targets: kafka, tcp: { port: broker }, until: "results.all(r, r.open)", every: 2s }
            timeout: 5m
        on_failure:
          - id: tell
            notify: { channels: [oncall], message: "Failed: ${{ run.reason }}" }

        """

    static let mistakes = [
        Mistake(name: "wrong key", code: 102, good: "timeout: 6m", bad: "❶timeuot❶: 6m"),
        Mistake(name: "unknown step", code: 201, good: "next: verify", bad: "next: ❶verfiy❶"),
        Mistake(name: "wrong type", code: 101, good: "targets: kafka, service", bad: "targets: ❶{ a: b }❶, service"),
        Mistake(name: "bad duration", code: 105, good: "timeout: 6m", bad: "timeout: ❶6 mins❶"),
        Mistake(
            name: "duplicate id",
            code: 207,
            good: "    timeout: 5m\n",
            bad: "    timeout: 5m\n  - id: ❶check❶\n    pause: 1s\n"
        ),
        Mistake(name: "bad expression", code: 301, good: "results) > 0", bad: "results) ❶>❶"),
        Mistake(
            name: "unreachable step",
            code: 203,
            good: "    next: verify\n",
            bad: "    next: verify\n  - id: ❶lost❶\n    pause: 1s\n"
        ),
        Mistake(name: "missing required", code: 103, good: ", until: \"results.all(r, r.open)\"", bad: ""),
        Mistake(name: "endless loop", code: 204, good: "timeout: 5m\n", bad: "timeout: 5m\n    next: ❶restart❶\n"),
        Mistake(name: "tab", code: 21, good: "    timeout: 6m", bad: "❶\t❶timeout: 6m"),
    ]

    private static func check(_ source: MarkedSource) -> [Diagnostic] {
        CheckedRunbook(source.file).diagnostics
    }

    @Test func `the runbook itself is sound`() {
        #expect(Self.check(MarkedSource(Self.sound)) == [])
    }

    @Test(arguments: Self.mistakes) func `a mistake is one message at its column, with its cure`(
        mistake: Mistake
    ) throws {
        #expect(Self.sound.contains(mistake.good))
        let source = MarkedSource(Self.sound.replacing(mistake.good, with: mistake.bad, maxReplacements: 1))
        let found = Self.check(source)
        #expect(found.map(\.code.number) == [mistake.code], "\(found)")
        let diagnostic = try #require(found.first)
        #expect(diagnostic.help?.isEmpty == false)
        if mistake.bad.contains("❶") {
            #expect(diagnostic.span.start == source["❶"].start)
        } else {
            #expect(source.file.line(diagnostic.span.start.line).contains("wait:"))
        }
    }
}
