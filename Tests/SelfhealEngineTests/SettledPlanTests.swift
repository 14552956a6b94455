// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunCore
import RunPlan
import RunTestSupport
import RunVocabulary
import RunbookSource
import RunbookYAML
import SelfhealConfiguration
import SelfhealEngine
import TestSupport
import Testing

/// A runbook with the settings that a configuration gives it.
@Suite struct SettledPlanTests {
    private static let text = """
        runbook: mend
        settings: { settle_time: { type: duration, default: 2m } }
        steps:
          - id: settle
            when: clusters.mirror.id != ''
            pause: settings.settle_time

        """

    private func settled(_ rest: String) throws -> (SettledPlan, MarkedSource, RunBinding) {
        let source = MarkedSource(path: "selfheal.yaml", "cluster: { nodes: [{ host: a }] }\n\(rest)\n")
        let document = YAMLDocument.parse(source.file, features: .configuration)
        let loaded = SelfhealConfiguration.load(document, environment: [:], baseFolder: "/etc")
        let configuration = try #require(loaded.configuration, "\(loaded.diagnostics)")
        var binding = try PlanFixture.binding(Self.text)
        let plan = SettledPlan(binding.plan, by: configuration)
        binding.plan = plan.plan
        binding.inventory = configuration.inventory
        return (plan, source, binding)
    }

    @Test func `the configuration's value is in the plan, and so in what is approved`() throws {
        let (given, _, binding) = try self.settled("settings: { settle_time: 5m, other: 1 }")
        #expect(given.diagnostics == [])
        #expect(given.plan.settings?.map(\.value) == [.span(.minutes(5))])
        let (silent, _, other) = try self.settled("")
        #expect(silent.plan.settings?.map(\.value) == [.span(.minutes(2))])
        #expect(given.plan.digest != silent.plan.digest && binding.digest != other.digest)
    }

    @Test func `a value of the wrong kind is told where it stands`() throws {
        let (settled, source, _) = try self.settled("settings: { settle_time: ❶soon❶ }")
        #expect(settled.diagnostics.map(\.code.number) == [132])
        #expect(settled.diagnostics.first?.span == source["❶"])
        #expect(settled.diagnostics.first?.help?.contains("a duration such as 30s") == true)
        #expect(settled.diagnostics.hasErrors)
    }

    @Test func `a name that is nearly right is told, and one of another runbook is not`() throws {
        let (settled, source, _) = try self.settled("settings: { ❶setle_time❶: 5m, folder: /x }")
        #expect(settled.diagnostics.map(\.code.number) == [133])
        #expect(settled.diagnostics.first?.span == source["❶"])
        #expect(settled.diagnostics.first?.slip?.meant == "settle_time")
        #expect(!settled.diagnostics.hasErrors)
    }

    @Test func `a cluster that is not there does not fit`() throws {
        let misfits = { (binding: RunBinding) in
            PlanFit(PlanPreview(of: binding), of: binding, people: [], channels: []).misfits
        }
        let without = misfits(try self.settled("clusters: { west: { id: a } }").2)
        #expect(without.map(\.message) == ["the configuration has no cluster 'mirror'"])
        #expect(without.first?.help.contains("west") == true)
        #expect(without.first?.place?.line == 5)
        #expect(misfits(try self.settled("clusters: { mirror: { id: a } }").2) == [])
    }
}
