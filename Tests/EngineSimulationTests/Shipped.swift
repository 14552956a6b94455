// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Foundation
import RunPlan
import RunVocabulary
import RunbookCompiler
import RunbookSource
import RunbookYAML
import Testing

@testable import RunSimulator

/// The runbooks that we ship, each in a scenario that we ship.
enum Shipped {
    static let stages = [
        "broker_disk_full": "disk_full_reserve", "cascade_failure": "cascade_seed_timeline",
        "consumer_lag": "consumers_stuck", "kraft_quorum_loss": "controllers_down", "multi_dc_failback": "failback",
        "multi_dc_failover": "failover_isolated", "restart_service": "member_down",
        "rolling_restart_kafka": "roll_brokers", "rolling_restart_zookeeper": "roll",
        "under_replicated_partitions": "broker_lags", "zookeeper_member_lost": "member_wiped",
        "zookeeper_quorum_loss": "quorum_data_lost",
    ]

    static var names: [String] { self.stages.keys.sorted() }

    private static let repository = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../..")
        .standardizedFileURL

    static func stage(_ name: String) throws -> EngineStage {
        let scenarioName = try #require(self.stages[name])
        let path = "runbooks/\(name).yaml"
        let plan = try #require(CheckedRunbook(path: path, text: self.text(path)).plan)
        return try self.stage(plan, self.text("examples/scenarios/\(scenarioName).yaml"))
    }

    static func stage(_ plan: Plan, _ scenarioText: String) throws -> EngineStage {
        let document = YAMLDocument.parse(SourceFile(path: "scenario.yaml", text: scenarioText))
        let root = try #require(document.root)
        let scenario = try #require(ScenarioReader.read(root).scenario)
        let parameters = try #require(RehearsalParameters.resolve(plan, scenario, given: [:]).parameters)
        let rehearsed = try #require(Rehearsal.run(plan, in: scenario, seed: 1).result)
        return EngineStage(
            plan: plan,
            scenario: scenario,
            start: try #require(rehearsed.startedAt),
            parameters: parameters
        )
    }

    static func text(_ path: String) throws -> String {
        try String(contentsOf: self.repository.appending(path: path), encoding: .utf8)
    }
}
