// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunPlan
import RunVocabulary
import Testing

/// Values of the configuration in a plan.
@Suite struct SettingTests {
    private static func plan() -> Plan {
        let place = Place(line: 1, column: 1)
        let inner = PlanSetting(name: "most", kind: .int, value: .int(1), description: nil)
        let call = CallAction(
            runbook: "other",
            arguments: [],
            parameters: [],
            selections: [],
            fresh: .seconds(10),
            regions: RunbookRegions(main: Plan.main),
            settings: [inner]
        )
        let state = PlanState(
            step: "call",
            place: place,
            action: .call(call),
            routes: Routes(succeeded: .end, otherwise: .fail)
        )
        var plan = Plan(
            runbook: "mend",
            title: "mend",
            severity: .info,
            source: "mend.yaml",
            regions: [PlanRegion(id: Plan.main, role: .main, states: [state])]
        )
        plan.settings = [
            PlanSetting(name: "settle_time", kind: .duration, value: .span(.minutes(2)), description: nil),
            PlanSetting(name: "most", kind: .int, value: .int(3), description: nil),
        ]
        return plan
    }

    private func values(_ plan: Plan) -> [String] {
        plan.allSettings.map { "\($0.runbook).\($0.setting.name)=\($0.setting.value.text)" }
    }

    @Test func `what is given replaces the default, in called runbooks too`() {
        var plan = Self.plan()
        #expect(plan.settle(["most": "7"]) == [])
        #expect(self.values(plan) == ["mend.settle_time=2m", "mend.most=7", "other.most=7"])
    }

    @Test func `a value of the wrong kind is told for each runbook, and changes nothing`() {
        var plan = Self.plan()
        let misfits = plan.settle(["most": "many", "settle_time": "5m", "strange": "x"])
        #expect(misfits.map(\.runbook) == ["mend", "other"])
        #expect(misfits.allSatisfy { $0.setting.name == "most" && $0.text == "many" })
        #expect(self.values(plan) == ["mend.settle_time=5m", "mend.most=3", "other.most=1"])
    }

    @Test func `another value is another plan, and the same value the same`() {
        let plan = Self.plan()
        var other = plan
        _ = other.settle(["most": "4"])
        #expect(other.digest != plan.digest)
        _ = other.settle(["most": "3"])
        var same = plan
        _ = same.settle(["most": "3"])
        #expect(other.digest == same.digest)
    }

    @Test func `a plan takes over the settings of another`() {
        var recorded = Self.plan()
        _ = recorded.settle(["settle_time": "90s"])
        var changed = Self.plan()
        changed.settings?.append(PlanSetting(name: "new", kind: .bool, value: .bool(true), description: nil))
        changed.settle(as: recorded)
        #expect(self.values(changed).contains("mend.settle_time=1m30s"))
        #expect(self.values(changed).contains("mend.new=true"))
    }

    @Test func `a world that nobody configured has the clusters that the plan names`() {
        var plan = Self.plan()
        let inventory = Inventory(clusterName: "test", clusterID: "", nodes: [], services: [])
        #expect(inventory.pretendingClusters(of: plan).clusters == nil)
        plan.clusters = [PlanClusterName(name: "mirror", place: nil)]
        #expect(inventory.pretendingClusters(of: plan).clusters?.map(\.id) == ["mirror-id"])
    }
}
