// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunPlan
import RunbookCompiler
import RunbookLanguage
import RunbookSource
import RunbookYAML
import TestSupport
import Testing

/// Generated runbooks are long; a check must not take longer than its text is long.
@Suite struct LargeRunbookTests {
    private static func text(groups: Int) -> String {
        var steps: [String] = []
        for index in 0..<groups {
            let next = index + 1 < groups ? "look_\(index + 1)" : "done"
            steps.append(
                """
                  - id: look_\(index)
                    probe: { targets: ensemble, zookeeper: { ask: [srvr] } }
                  - id: each_\(index)
                    when: size(steps.look_\(index).results.filter(r, r.serving)) > 1
                    for_each: { as: node, in: ensemble }
                    steps:
                      - id: start_\(index)
                        run: { targets: "[node]", service: zookeeper, do: start }
                  - id: route_\(index)
                    max_visits: 2
                    choose:
                      - { when: steps.each_\(index).succeeded, next: \(next) }
                      - { otherwise: look_0 }
                      - { if_unknown: done }
                """
            )
        }
        return runbook(steps.joined(separator: "\n"))
    }

    private static func duration(groups: Int) throws -> Duration {
        let root = try #require(YAMLDocument.parse(MarkedSource(Self.text(groups: groups)).file).root)
        let syntax = try #require(RunbookParser.parse(root).syntax)
        var best = Duration.seconds(1_000)
        for _ in 0..<3 {
            let clock = ContinuousClock()
            var diagnostics: [Diagnostic] = []
            best = min(
                best,
                clock.measure { diagnostics = RunbookCompiler.compile(syntax, path: "large.yaml").diagnostics }
            )
            #expect(diagnostics == [])
        }
        return best
    }

    // Goal: eight times the steps take about eight times as long; sixty-four times would be quadratic.
    // Method: the better of three measurements of each size, with a wide margin for a busy machine.
    @Test func `the time grows with the number of steps`() throws {
        let (small, large) = (try Self.duration(groups: 100), try Self.duration(groups: 800))
        #expect(large / small < 40, "\(small) for 400 steps, \(large) for 3,200")
    }
}
