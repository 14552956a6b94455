// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Foundation
import RunSimulator
import RunVocabulary
import Testing

/// Time in which the monitors see nothing new may be passed over, and nobody can tell.
@Suite struct QuietTimeTests {
    private static let runbook = """
        runbook: heal
        title: Start what is down
        targets:
          ensemble: { role: zookeeper }
          brokers: { role: kafka_broker }
        triggers:
          - condition: brokers.exists(b, b.health == 'down') || ensemble.exists(m, m.health == 'down')
            for: 20s
        autonomy: automatic
        steps:
          - id: look
            probe: { targets: ensemble, zookeeper: { ask: [srvr] } }
          - id: start
            run: { targets: brokers, service: kafka, do: start }
            timeout: 5m
            verify: { tcp: { port: broker }, expect: result.open, every: 5s }
        """

    /// The result with every probe driven and with quiet time passed over, as bytes.
    private static func bothWays(
        _ runbook: String,
        _ scenario: String,
        seed: UInt64
    ) throws -> (driven: String?, skipped: String?) {
        let plan = try Rehearsing.plan(text: runbook)
        let world = try Rehearsing.scenario(text: scenario)
        func text(_ skips: Bool) -> String? {
            Rehearsal.run(plan, in: world, seed: seed, countsToll: true, skipsQuietTime: skips).result.map {
                "\($0.json.text)\($0.moments)\($0.toll.map { "\($0)" } ?? "")"
            }
        }
        return (text(false), text(true))
    }

    // Goal: whatever happens after hours of quiet happens at the same moment in the same way.
    // Method: worlds whose faults come late, between rounds and upon them, with health that needs several looks; many seeds.
    @Test(arguments: [
        "timeline: [{ at: 30m, kill: kafka1 }]",
        "timeline: [{ at: 1800001ms, kill: kafka1 }, { at: 50m, kill: zk2 }]",
        "timeline: [{ at: 10m, cut: kafka2 }, { at: 30m, heal: kafka2 }, { at: 40m, kill: kafka2 }]",
        "timeline: [{ at: 10m, hang: zk1 }, { at: 25m, heal: zk1 }, { at: 40m, kill: [zk1, zk2] }]",
        "timeline: [{ at: 1203s, kill: zk1 }, { at: 1204s, start: zk1 }, { at: 40m, kill: kafka3 }]",
        "timeline: []",
    ])
    func `what comes after quiet time is the same`(befalls: String) throws {
        let monitors = [
            "{ every: 10s, timeout: 3s }", "{ every: 7s, timeout: 3s, down_after: 3, up_after: 2 }",
            "{ every: 2s, timeout: 5s, down_after: 2 }",
        ]
        for (index, monitor) in monitors.enumerated() {
            for seed in 1...2 {
                let (driven, skipped) = try Self.bothWays(
                    Self.runbook,
                    """
                    scenario: late
                    cluster: { zookeeper: 3, brokers: 3 }
                    monitors: \(monitor)
                    \(befalls)
                    until: 1h
                    """,
                    seed: UInt64(seed * 10 + index)
                )
                #expect(driven != nil)
                #expect(driven == skipped, "\(monitor), \(befalls), seed \(seed)")
            }
        }
    }

    @Test func `the scenarios that are shipped come out the same`() throws {
        let folder = Rehearsing.repository.appending(path: "examples/scenarios")
        let files = try FileManager.default.contentsOfDirectory(atPath: folder.path).filter { $0.hasSuffix(".yaml") }
        #expect(files.count > 20)
        var count = 0
        for runbook in ["cascade_failure", "zookeeper_quorum_loss"] {
            let text = try Rehearsing.text("runbooks/\(runbook).yaml")
            for file in files.sorted() {
                let scenario = try Rehearsing.text("examples/scenarios/\(file)")
                let (driven, skipped) = try Self.bothWays(text, scenario, seed: 7)
                #expect(driven == skipped, "\(runbook) in \(file)")
                count += driven == nil ? 0 : 1
            }
        }
        #expect(count > 30)
    }

    // Goal: passing over is really done.
    // Method: a month of six nodes looked at every ten seconds is more events than a rehearsal may have when each is driven.
    @Test func `a quiet month is passed over`() throws {
        let scenario = """
            scenario: month
            cluster: { zookeeper: 3, brokers: 3 }
            monitors: { every: 10s, timeout: 3s }
            timeline: [{ at: 29d, kill: kafka1 }]
            until: 30d
            """
        let plan = try Rehearsing.plan(text: Self.runbook)
        let result = try Rehearsing.run(plan, in: Rehearsing.scenario(text: scenario))
        #expect(result.outcome == .succeeded, "\(result.text)")
        #expect(try result.entry(.trigger, "fired").at.milliseconds > 29 * 86_400_000)
    }
}
