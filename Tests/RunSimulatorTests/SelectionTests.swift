// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunPlan
import RunSimulator
import RunVocabulary
import Testing

/// Selections whose nodes a parameter names, and properties about several steps.
@Suite struct SelectionTests {
    private static let runbook = """
        runbook: start_some
        title: Start the nodes that are named
        parameters: { node: { type: string, default: kafka2 } }
        targets:
          chosen: { role: kafka_broker, nodes: [kafka1, "${{ parameters.node }}"] }
        properties:
          - before: { first: [look, tell], then: [start, stop] }
        steps:
          - id: look
            probe: { targets: chosen, tcp: { port: broker } }
          - id: tell
            notify: { channels: [oncall], message: "${{ chosen }}" }
          - id: start
            run: { targets: chosen, service: kafka, do: start }
            timeout: 1m
          - id: stop
            run: { targets: chosen, service: kafka, do: stop }
            timeout: 5m
        """

    private static func rehearse(_ parameters: String = "{}") throws -> RehearsalResult {
        let scenario = "scenario: some\ncluster: { brokers: 4 }\nstart: { at: 0s }\nparameters: \(parameters)"
        return try Rehearsing.run(Rehearsing.plan(text: self.runbook), in: Rehearsing.scenario(text: scenario))
    }

    @Test func `a parameter may name a node of a selection`() throws {
        #expect(try Self.rehearse().entry(.notice, "oncall").text.contains("[kafka1, kafka2]"))
        #expect(try Self.rehearse("{ node: kafka4 }").entry(.notice, "oncall").text.contains("[kafka1, kafka4]"))
    }

    @Test(arguments: ["{ node: kafka9 }", "{ node: '' }", "{ node: '${{ parameters.node }}' }"])
    func `a node that is not there refuses every step with that target`(parameters: String) throws {
        let result = try Self.rehearse(parameters)
        #expect(result.outcome == .failed)
        #expect(result.commands == [])
        let refused = result.timeline.filter { $0.step == "look" }.map(\.text)
        #expect(refused.contains { $0.contains("names nodes that are not in the inventory") })
    }

    @Test func `what is said of several steps is said of each pair`() throws {
        let plan = try Rehearsing.plan(text: Self.runbook)
        #expect(
            plan.properties == [
                .before(first: "look", then: "start"), .before(first: "tell", then: "start"),
                .before(first: "look", then: "stop"), .before(first: "tell", then: "stop"),
            ]
        )
    }
}
