// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Foundation
import RunPlan
import RunSimulator
import RunVocabulary
import RunbookSource
import RunbookTesting
import RunbookYAML
import Testing

/// Public incidents: what automation without guards did in a world, and what ours does in the same.
@Suite struct IncidentTests {
    private static let folder = "examples/incidents"

    static let names: [String] = {
        let path = Tried.repository.appending(path: folder).path()
        let files = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
        return files.filter { $0.hasSuffix(".scenario.yaml") }.map { String($0.dropLast(".scenario.yaml".count)) }
            .sorted()
    }()

    private static func incident(_ name: String, seed: UInt64 = 1) throws -> Incident {
        let path = "\(self.folder)/\(name).scenario.yaml"
        let document = YAMLDocument.parse(SourceFile(path: path, text: try Tried.text(path)))
        let (read, mistakes) = ScenarioReader.read(try #require(document.root))
        #expect(mistakes == [], "\(path)")
        let scenario = try #require(read)
        #expect(scenario.name == name)
        func account(_ path: String) throws -> Incident.Account {
            let plan = try Tried.plan(text: Tried.text(path), path: path)
            let (result, _) = Rehearsal.run(plan, in: scenario, seed: seed, countsToll: true)
            return Incident.Account(runbook: plan.runbook, result: try #require(result), warnings: [])
        }
        let unguarded = try account("\(self.folder)/\(name).yaml")
        let guarded = try account("runbooks/\(unguarded.runbook).yaml")
        return Incident(name: name, title: scenario.title ?? "", unguarded: unguarded, guarded: guarded)
    }

    @Test func `there are incidents, each with a runbook that was not guarded`() throws {
        #expect(Self.names.count >= 16)
        let files = try FileManager.default.contentsOfDirectory(
            atPath: Tried.repository.appending(path: Self.folder).path()
        )
        let expected = Self.names.flatMap { ["\($0).scenario.yaml", "\($0).yaml"] }
        #expect(files.filter { $0.hasSuffix(".yaml") }.sorted() == expected.sorted())
    }

    // Goal: ours does no harm in any of the worlds, whatever lengths are drawn, and does not do what the other did.
    @Test(arguments: names)
    func `ours does no harm where automation without guards did`(name: String) throws {
        for seed: UInt64 in 1...5 {
            let incident = try Self.incident(name, seed: seed)
            #expect(!incident.title.isEmpty)
            let (theirs, ours) = (
                try #require(incident.unguarded.result.toll), try #require(incident.guarded.result.toll)
            )
            #expect(incident.guarded.isHarmless, "\(incident.guarded.costs)")
            // Data counts first: brokers that are stopped so that they do not write into a tree that is being rebuilt are
            // offline for a while, and that is no worse than a tree that is forked under brokers that run.
            if incident.unguarded.isHarmless {
                #expect(ours.mostOffline <= theirs.mostOffline)
            }
            #expect(ours.leaderless <= theirs.leaderless || !ours.endsLeaderless)
            #expect(
                incident.guarded.acts != incident.unguarded.acts || incident.guarded.ending != incident.unguarded.ending
            )
            #expect(incident.guarded.result.outcome != nil, "it comes to an end")
        }
    }

    @Test func `the worlds are as bad as they were`() throws {
        let incidents = try Self.names.map { try Self.incident($0) }
        let harmed = incidents.filter { !$0.unguarded.isHarmless }.map(\.name)
        #expect(harmed == ["aws_2025_stale_check", "bitnami_32542_empty_majority"])
        let costly = incidents.filter { $0.unguarded.isHarmless && !$0.unguarded.costs.isEmpty }.map(\.name)
        #expect(costly.count >= 8, "\(costly)")
    }

    @Test(arguments: ["seed_cascade_timeline", "wikimedia_2016_restart_of_all"])
    func `what is sent at once is told from what is sent one after the other`(name: String) throws {
        let incident = try Self.incident(name)
        #expect(incident.unguarded.acts.contains { $0.hasSuffix(" (3 at once)") }, "\(incident.unguarded.acts)")
        #expect(!incident.guarded.acts.contains { $0.contains("at once") }, "\(incident.guarded.acts)")
    }

    @Test func `the table fits a terminal, tells of every incident, and is the one in the documentation`() throws {
        let table = Incident.table(try Self.names.map { try Self.incident($0) })
        #expect(try Tried.text("docs/incidents.md").contains(table), "\(table)")
        #expect(table.split(separator: "\n").allSatisfy { $0.count <= 124 }, "\(table)")
        for name in Self.names {
            #expect(table.contains(name.prefix(30)), "\(name)")
        }
    }

    @Test func `programs get the same`() throws {
        let incident = try Self.incident("bitnami_32542_empty_majority")
        let text = Incident.json([incident]).prettyText
        for part in [
            "\"incident\": \"bitnami_32542_empty_majority\"", "\"harms\": [", "\"unguarded\": {", "\"selfheal\": {",
        ] {
            #expect(text.contains(part), "\(part)")
        }
    }
}
