// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunCore
import RunExecutor
import RunPlan
import RunPorts
import RunTestSupport
import RunVocabulary

/// One life of an engine over hosts that outlive it.
struct Life {
    let journal: MemoryJournal
    let hosts: PretendHosts
    let messenger = PretendMessenger()
    let witness = Witness()
    let driver: RunDriver
    let history: [RunEvent]

    init(
        _ binding: RunBinding,
        hosts: PretendHosts = PretendHosts(),
        service: PretendService = PretendService(),
        secrets: SecretBook = SecretBook(),
        clock: any WallClock = JumpingClock(),
        history: [RunEvent] = [],
        fault: MemoryJournal.Fault? = nil,
        companyWindow: Duration = .milliseconds(50)
    ) {
        self.hosts = hosts
        self.history = history
        self.journal = MemoryJournal(history, fault: fault)
        hosts.watch(self.journal)
        self.driver = RunDriver(
            binding: binding,
            world: RunDriver.World(
                log: self.journal,
                commands: hosts,
                requests: service,
                probes: hosts,
                messenger: self.messenger,
                observer: self.witness,
                clock: clock,
                secrets: secrets
            ),
            companyWindow: companyWindow
        )
    }

    func run() async throws -> RunOutcome {
        try await self.driver.run(history: self.history)
    }

    func submit(_ event: @escaping @Sendable (Instant) -> RunEvent) async -> Bool {
        await self.driver.handle.submit(event)
    }
}

enum Sample {
    /// Batches with proof, a loop with retries, a notice, a pause, and a command here.
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
          - id: here
            run: { local: true, command: [local, act], effect: changes }
            timeout: 1m
          - id: done
            finish: { outcome: succeeded }
        """

    static func oneCommand(_ keys: String = "effect: changes", step: String = "") -> String {
        """
        runbook: one
        title: One command
        severity: warning
        owner: us
        targets:
          nodes: { role: node }
        steps:
          - id: act
            run: { targets: nodes, command: [act], \(keys) }
            timeout: 1m
        \(step)
        """
    }

    /// Two commands beside each other, each with a name of its own.
    static func pair(_ keys: String = "") -> String {
        """
        runbook: pair
        title: Two commands at once
        severity: warning
        owner: us
        targets:
          nodes: { role: node }
        steps:
          - id: each
            for_each: { as: node, in: nodes, serial: 2 }
            steps:
              - id: change
                run: { targets: "[node]", command: [change, "${{ node.name }}"], effect: changes\(keys) }
                timeout: 1m
        """
    }

    static let gate = """
        runbook: gate
        title: A gate before an act
        severity: warning
        owner: us
        targets:
          nodes: { role: node }
        steps:
          - id: allow
            approve:
              message: May we?
              from: [role:sre]
              needed: 2
              timeout: 15m
              on_timeout: refused
          - id: act
            run: { targets: nodes, command: [act], effect: changes }
            timeout: 1m
        """
}
