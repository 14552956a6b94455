// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunCore
import RunExecutor
import RunPlan
import RunReplay
import RunTestSupport
import RunVocabulary
import Testing

/// Runs carried out by the executor on pretend hosts, and what its journal holds of them.
enum Recorded {
    static func run(
        _ text: String,
        hosts: PretendHosts = PretendHosts(),
        nodes: Int = 3,
        crashAfter record: Int? = nil
    ) async throws -> Recording {
        let binding = try PlanFixture.binding(text, nodes: nodes)
        let fault = record.map { MemoryJournal.Fault.crashAfter(record: $0) }
        var journal = MemoryJournal([], fault: fault)
        var outcome = try? await self.drive(binding, hosts, journal, [])
        if outcome == nil {
            let history = journal.events
            journal = MemoryJournal(history)
            outcome = try await self.drive(binding, hosts, journal, history)
        }
        return Recording(binding: binding, events: journal.events, outcome: outcome?.rawValue)
    }

    private static func drive(
        _ binding: RunBinding,
        _ hosts: PretendHosts,
        _ journal: MemoryJournal,
        _ history: [RunEvent]
    ) async throws -> RunOutcome {
        hosts.watch(journal)
        let world = RunDriver.World(
            log: journal,
            commands: hosts,
            probes: hosts,
            messenger: PretendMessenger(),
            observer: Witness(),
            clock: JumpingClock()
        )
        return try await RunDriver(binding: binding, world: world).run(history: history)
    }

    static func plan(_ text: String) throws -> Plan {
        var plan = try PlanFixture.plan(text)
        plan.source = "new.yaml"
        return plan
    }

    /// The text with one part of it exchanged, which must be there.
    static func changed(_ text: String, _ old: String, _ new: String) throws -> String {
        let parts = text.split(separator: old, maxSplits: 1, omittingEmptySubsequences: false)
        try #require(parts.count == 2, "there is no '\(old)'")
        return parts[0] + new + parts[1]
    }

    static let everything = """
        runbook: everything
        title: A little of everything
        severity: warning
        owner: us
        targets:
          nodes: { role: node }
        steps:
          - id: begin
            run: { targets: nodes, service: app, do: start, batch: { size: 1 } }
            timeout: 1m
            verify: { tcp: { port: app }, expect: result.open }
          - id: each
            for_each: { as: node, in: nodes, serial: 2 }
            steps:
              - id: change
                run: { targets: "[node]", command: [change, "${{ node.name }}"], effect: changes }
                timeout: 1m
                retry: { attempts: 2, backoff: fixed, initial: 1s }
          - id: tell
            notify: { channels: [oncall], severity: info, message: done }
          - id: rest
            pause: 5s
          - id: look
            probe: { targets: nodes, tcp: { port: app } }
          - id: here
            run: { local: true, command: [local, act], effect: changes }
            timeout: 1m
          - id: done
            finish: { outcome: succeeded }
        """
}
