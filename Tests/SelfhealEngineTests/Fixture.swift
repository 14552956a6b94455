// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Foundation
import RunCore
import RunPlan
import RunPorts
import RunTestSupport
import RunVocabulary
import RunbookSource
import RunbookYAML
import SelfhealConfiguration
import SelfhealEngine
import Synchronization

/// A store's folder for one test, with who may speak to it.
final class Fixture {
    let folder = "/tmp/selfheal-engine-\(UUID().uuidString.prefix(8))"
    let configuration: SelfhealConfiguration

    init(speakingForOthers: Bool = false) {
        let text = """
            cluster: { name: test, zookeeper_nodes: [{ name: n1, host: 127.0.0.1 }] }
            people:
              - { name: you, unix_user: "\(UnixUser.current ?? "")", roles: [sre] }
              - { name: ada, unix_user: ada-user, roles: [sre] }
              - { name: lin, unix_user: lin-user, roles: [sre] }
              - { name: guest, unix_user: guest-user }
            security: { speak_for_others: \(speakingForOthers) }
            store: { folder: "\(self.folder)" }
            """
        let document = YAMLDocument.parse(SourceFile(path: "selfheal.yaml", text: text), features: .configuration)
        let loaded = SelfhealConfiguration.load(document, environment: [:], baseFolder: "/tmp")
        guard let configuration = loaded.configuration else {
            preconditionFailure("the fixture's configuration is wrong: \(loaded.diagnostics)")
        }
        self.configuration = configuration
    }

    deinit {
        try? FileManager.default.removeItem(atPath: self.folder)
    }

    static let gate = """
        runbook: gate
        title: A gate before an act
        severity: warning
        owner: us
        steps:
          - id: allow
            approve: { message: May we?, from: [role:sre], needed: 2, timeout: 15m, on_timeout: refused }
          - id: act
            run: { local: true, command: ["true"], effect: changes }
            timeout: 20s
        """

    static let here = """
        runbook: here
        title: One command here
        severity: warning
        owner: us
        steps:
          - id: act
            run: { local: true, command: ["true"], effect: changes }
            timeout: 20s
        """
}

/// A run in memory, as the engine would drive it.
final class RunInMemory: ReachableRun {
    let id: RunID = "run-1"
    private let state: Mutex<RunMachine>
    private let clock: ManualClock

    init(_ text: String, startedAt start: Instant, clock: ManualClock) throws {
        var machine = RunMachine(binding: try PlanFixture.binding(text))
        _ = try machine.handle(.started(at: start))
        self.state = Mutex(machine)
        self.clock = clock
    }

    func machine() async throws -> RunMachine {
        self.state.withLock { $0 }
    }

    func submit(_ event: @escaping @Sendable (Instant) -> RunEvent) async throws -> Bool {
        try self.state.withLock { machine in
            guard machine.outcome == nil else {
                return false
            }
            _ = try machine.handle(event(self.clock.now))
            return true
        }
    }
}
