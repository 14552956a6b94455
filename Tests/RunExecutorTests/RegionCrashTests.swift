// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunCore
import RunExecutor
import RunPlan
import RunTestSupport
import RunVocabulary
import Testing

/// Ends the engine at every record of runs with branches, calls, undos and requests.
@Suite struct RegionCrashTests {
    private static let head = """
        runbook: outer
        title: Steps inside steps
        severity: warning
        owner: us
        targets:
          nodes: { role: node }
        steps:

        """

    static let callee = """
        runbook: inner
        title: Called
        severity: warning
        owner: us
        parameters: { node: { type: string } }
        targets:
          all_nodes: { role: node }
        steps:
          - id: stop_it
            run: { targets: "all_nodes.filter(n, n.name == parameters.node)", service: app, do: stop }
            timeout: 1m
            undo: { run: { service: app, do: start }, timeout: 1m }
        finally:
          - id: looked
            probe: { targets: all_nodes, tcp: { port: app } }
        """

    /// Branches with a call in one, a request, then a failure and the undoing of all of it.
    static let everything =
        Self.head + """
              - id: both
                parallel:
                  branches:
                    one:
                      - id: call_one
                        call: { runbook: inner, with: { node: "'n1'" } }
                    two:
                      - id: restart_two
                        run: { targets: "nodes.filter(n, n.name == 'n2')", service: app, do: restart }
                        timeout: 1m
                        undo: { run: { command: [mend, "${{ undone[0].name }}"], effect: changes }, timeout: 1m }
                      - id: rest
                        pause: 5s
              - id: ask
                request:
                  method: POST
                  url: "http://control/rebalance"
                  effect: moves_data
                  idempotency_key: true
                undo: { request: { method: POST, url: "http://control/stop", effect: changes, idempotency_key: true } }
              - id: fail
                run: { local: true, command: [fail], effect: changes }
                timeout: 1m
            on_failure:
              undo: true
              steps:
                - id: tell
                  notify: { channels: [oncall], severity: critical, message: "${{ run.reason }}" }

            """

    private func fresh() -> PretendHosts {
        let hosts = PretendHosts()
        hosts.end("fail", with: [.exited(status: 1)])
        return hosts
    }

    // Goal: no crash makes an act, an undo or a request happen twice or not at all.
    // Method: end the engine at each record in three ways, resume, and compare the ledgers with those of the run that nobody disturbed.
    @Test(arguments: CrashTests.Kind.allCases)
    func `every act happens once however the engine ends`(kind: CrashTests.Kind) async throws {
        var binding = try PlanFixture.binding(Self.silenced, calling: ["inner.yaml": Self.callee])
        binding.requesterMayApprove = true
        let service = PretendService()
        let whole = Life(binding, hosts: self.fresh(), service: service)
        let outcome = try await whole.run()
        let deeds = whole.hosts.ledger.map(\.description).sorted()
        #expect(outcome == .failed)
        #expect(service.ledger == ["POST http://control/rebalance", "POST http://control/stop"])
        #expect(deeds.filter { $0.hasPrefix("undo/") }.count == 2, "\(deeds)")
        for record in 1...whole.journal.events.count {
            let service = PretendService()
            let first = Life(binding, hosts: self.fresh(), service: service, fault: kind.fault(record))
            await #expect(throws: MemoryJournal.Failure.self) {
                try await first.run()
            }
            let second = Life(binding, hosts: first.hosts, service: service, history: first.journal.events)
            #expect(try await second.run() == outcome, "\(kind) at record \(record)")
            #expect(first.hosts.ledger.map(\.description).sorted() == deeds, "\(kind) at record \(record)")
            #expect(service.ledger.count == 2, "\(kind) at record \(record): \(service.ledger)")
        }
    }

    /// The same without the act that endangers data, which would want a gate.
    private static let silenced = Self.everything.replacing("effect: moves_data", with: "effect: changes")

    // Goal: a request that may have been sent is never sent again by itself.
    @Test func `a request without a key is in doubt after a crash, and waits for a person`() async throws {
        let text =
            Self.head + """
                  - id: ask
                    request: { method: POST, url: "http://control/rebalance", effect: changes }

                """
        let binding = try PlanFixture.binding(text)
        let service = PretendService()
        let first = Life(binding, service: service, fault: .refuse(record: 3))
        _ = try? await first.run()
        #expect(service.ledger.count == 1)
        let second = Life(binding, hosts: first.hosts, service: service, history: first.journal.events)
        let running = Task { try await second.run() }
        await second.witness.wait { if case .note(.inDoubt) = $0 { true } else { false } }
        let settlement = Settlement(target: nil, happened: true, by: "lin", because: "the API says so")
        #expect(await second.submit { .settled("ask", settlement, at: $0) })
        #expect(try await running.value == .succeeded)
        #expect(service.ledger.count == 1)
    }

    // MARK: Secrets

    static let withSecrets =
        Self.head.replacing("targets:", with: "parameters: { token: { type: secret } }\ntargets:") + """
              - id: send
                request:
                  method: POST
                  url: "http://control/login"
                  effect: changes
                  headers: { Authorization: "Bearer ${{ parameters.token }}" }
                  body: "token=${{ parameters.token }}"
              - id: use
                run:
                  targets: nodes
                  effect: changes
                  script: echo "$TOKEN"
                  env: { TOKEN: "${{ parameters.token }}" }
                timeout: 1m

            """

    // Goal: a secret reaches who it is for, and nothing that is kept.
    @Test func `a secret is sent, and stands in no record, no effect and no binding`() async throws {
        let secret = "open-sesame-4711"
        let binding = try PlanFixture.binding(Self.withSecrets, secrets: ["token": .environment("TOKEN")])
        let service = PretendService()
        service.end("POST http://control/login", with: [.inDoubt(reason: "it said \(secret)")])
        let life = Life(binding, service: service, secrets: SecretBook(["token": Secret(secret)]))
        let running = Task { try await life.run() }
        await life.witness.wait { if case .note(.inDoubt) = $0 { true } else { false } }
        let settlement = Settlement(target: nil, happened: true, by: "lin", because: "I looked")
        #expect(await life.submit { .settled("send", settlement, at: $0) })
        #expect(try await running.value == .succeeded)
        #expect(service.bodies == ["token=\(secret)"])
        let records = life.journal.events.map { String(decoding: $0.record.body, as: UTF8.self) }
        #expect(!records.contains { $0.contains(secret) })
        #expect(records.contains { $0.contains("it said <secret>") })
        #expect(!life.witness.effects.contains { "\($0)".contains(secret) })
        #expect(!(try JSONEncoding.encode(binding).text).contains(secret))
    }

    @Test func `an act whose secret is not known is not sent`() async throws {
        let binding = try PlanFixture.binding(Self.withSecrets, secrets: ["token": .environment("TOKEN")])
        let service = PretendService()
        let life = Life(binding, service: service)
        #expect(try await life.run() == .failed)
        #expect(service.sendings.isEmpty)
        #expect(life.witness.notes.contains { "\($0)".contains("is not known to this engine") })
    }
}
