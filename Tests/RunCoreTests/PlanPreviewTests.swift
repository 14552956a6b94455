// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunCore
import RunPlan
import RunTestSupport
import RunVocabulary
import Testing

/// What can be told of a runbook before it runs.
@Suite struct PlanPreviewTests {
    private func preview(_ steps: String, nodes: Int = 5) throws -> PlanPreview {
        let text = """
            runbook: test
            title: A test
            severity: warning
            owner: us
            targets:
              all: { role: node }
              some: { nodes: [n1, n2] }
            steps:
            \(steps)

            """
        return PlanPreview(of: try PlanFixture.binding(text, nodes: nodes))
    }

    private func targets(_ expression: String) throws -> PlanPreview.TargetPreview? {
        let steps = """
              - id: look
                probe: { targets: some, tcp: { port: app } }
              - id: act
                run: { targets: "\(expression)", service: app, do: start }
                timeout: 10s
            """
        return try self.preview(steps).steps.last?.targets
    }

    @Test(
        arguments: [
            ("steps.look.results.filter(r, !r.open).map(r, r.target)", 2, ["n1", "n2"]),
            ("steps.look.results.filter(r, !r.open).map(r, r.target).slice(0, 1)", 2, ["n1", "n2"]),
            ("[steps.look.results.filter(r, !r.open).map(r, r.target)[0]]", 1, ["n1", "n2"]),
            ("[steps.look.results.filter(r, !r.open).first().target]", 1, ["n1", "n2"]),
            ("steps.look.results.exists(r, r.open) ? some : all", 5, ["n1", "n2", "n3", "n4", "n5"]),
            ("steps.look.results.filter(r, r.open).map(r, r.target) + some", 2, ["n1", "n2"]),
        ]
    )
    func `a computed list is no longer than what it is made from`(
        expression: String,
        most: Int,
        names: [String]
    ) throws {
        guard case .computed(_, let atMost, let among) = try self.targets(expression) else {
            Issue.record("the targets of '\(expression)' are computed")
            return
        }
        #expect(atMost == most)
        #expect(among.map(\.text) == names)
    }

    @Test func `a loop is as long as its list, and its steps are about the nodes of the list`() throws {
        let preview = try self.preview(
            """
              - id: look
                probe: { targets: some, tcp: { port: app } }
              - id: each
                for_each: { as: node, in: "steps.look.results.filter(r, !r.open).map(r, r.target)" }
                steps:
                  - id: start
                    run: { targets: "[node]", service: app, do: start }
                    timeout: 10s
            """
        )
        let start = try #require(preview.steps.last)
        #expect(start.targets?.most == 1)
        #expect(start.possible.map(\.targets) == [["n1", "n2"]])
        #expect(start.possible.map(\.command) == [.arguments(["service", "app", "start"])])
        let each = try #require(preview.steps.first { $0.state.step == "each" })
        #expect(each.worst == start.worst * 2)
    }

    @Test func `steps know which list they are in`() throws {
        let text = """
            runbook: test
            title: A test
            severity: warning
            owner: us
            steps:
              - id: act
                run: { local: true, command: ["true"], effect: changes }
                timeout: 10s
            on_failure:
              - id: sorry
                finish: { outcome: failed }

            """
        let binding = try PlanFixture.binding(text)
        let preview = PlanPreview(of: binding)
        #expect(preview.steps.map { binding.plan[$0.region].role } == [.main, .onFailure])
    }
}
