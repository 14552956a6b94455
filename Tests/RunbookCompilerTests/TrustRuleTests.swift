// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunbookCompiler
import RunbookSource
import TestSupport
import Testing

/// What a runbook takes for granted; each rule's page has a wrong and a right example besides, and a test executes both.
@Suite struct TrustRuleTests {
    // MARK: a broker that reads its logs

    private static func restartLoop(_ waiting: String, _ route: String = "if_timed_out: restart_broker") -> String {
        runbook(
            """
              - id: ❷restart_broker❷
                run: { targets: "[brokers[0]]", service: kafka, do: restart }
                require: size(ensemble.filter(n, n.serving)) >= quorum(ensemble)
                timeout: 10m
                max_visits: 3
              - id: it_is_back
                wait: { targets: "[brokers[0]]", tcp: { port: broker }, until: result.open, every: 5s }
                timeout: \(waiting)
                \(route)
            """
        )
    }

    @Test func `a wait that leads back to a restart cuts the recovery short`() {
        expectProblem(
            447,
            "a broker that is not back after 2m may be reading its logs, and is restarted",
            help: "give it 30m or more, and lead the end of that to a person",
            severity: .warning,
            note: "it is restarted here",
            in: Self.restartLoop("❶2m❶")
        )
    }

    @Test(arguments: [
        ("30m", "if_timed_out: restart_broker"), ("2m", "if_timed_out: done"), ("2m", "if_refused: done"),
    ])
    func `a wait that is long enough, or leads to a person, does not`(waiting: String, route: String) {
        let source = MarkedSource(Self.restartLoop(waiting, route))
        #expect(!compile(source).diagnostics.contains { $0.code.number == 447 })
    }

    // MARK: clients

    private static func roll(
        _ signal: String,
        of service: String = "kafka",
        over selection: String = "brokers"
    ) -> String {
        runbook(
            """
              - id: ❶roll❶
                for_each: { as: node, in: \(selection) }
                steps:
                  - id: ❷restart_node❷
                    run: { targets: "[node]", service: \(service), do: restart }
                    require: \(selection).all(n, n.serving)
                    timeout: 10m
                  - id: it_is_back
                    wait: { targets: "[node]", \(signal), every: 5s, consecutive: 2 }
                    timeout: 30m
                if_failed: done
            """
        )
    }

    @Test func `a roll of brokers looks at those whom it is for`() {
        expectProblem(
            448,
            "'roll' rolls brokers and would not notice that clients are served worse",
            help: "add a 'wait' to the loop that asks a canary or a monitor of the clients, with http or ssh",
            severity: .warning,
            note: "a broker is restarted here",
            in: Self.roll("tcp: { port: broker }, until: result.open")
        )
    }

    @Test(arguments: [
        "ssh: { command: [/opt/canary] }, until: result.exit_status == 0",
        "http: { port: broker, path: /health }, until: result.status == 200",
    ])
    func `a canary or a monitor is such a look`(signal: String) {
        #expect(compile(MarkedSource(Self.roll(signal))).diagnostics == [])
    }

    @Test func `members of an ensemble have no clients of their own`() {
        let text = Self.roll(
            "zookeeper: { ask: [srvr] }, until: result.serving",
            of: "zookeeper",
            over: "\"ensemble.sortBy(n, n.mode == 'leader')\""
        )
        .replacing(
            "require: \"ensemble.sortBy(n, n.mode == 'leader')\".all(n, n.serving)",
            with: "require: ensemble.all(n, n.serving)"
        )
        #expect(compile(MarkedSource(text)).diagnostics == [])
    }

    // MARK: messages

    private static func told(_ route: String) -> String {
        runbook(
            """
              - id: tell
                notify: { channels: [oncall], severity: warning, message: It begins. }
                \(route)
              - id: start_member
                run: { targets: "[ensemble[0]]", service: zookeeper, do: start }
            """
        )
    }

    @Test func `a message that is lost keeps nothing from being done`() {
        expectProblem(
            437,
            "when the message of 'tell' cannot be delivered, 'start_member' is not done",
            help: "leave 'if_failed' out: a message that is lost is in the journal, and the run goes on",
            severity: .warning,
            in: Self.told("❶if_failed❶: done")
        )
    }

    @Test func `a second way to tell people is none`() {
        let text = Self.told("if_failed: tell_others").replacing(
            "  - id: start_member",
            with: """
                  - id: tell_others
                    notify: { channels: [mail], severity: warning, message: It begins. }
                  - id: start_member
                """
        )
        #expect(compile(MarkedSource(text)).diagnostics == [])
    }

    // MARK: identity

    private static func wipe(_ asked: String) -> String {
        runbook(
            """
              - id: ask_people
                approve: { message: Move the data aside?, from: [role:sre], needed: 2, timeout: 15m, on_timeout: refused }
                if_refused: done
              - id: copy_data
                run:
                  targets: ensemble
                  script: tar -cf /var/backups/data.tar -C /data . && tar -tf /var/backups/data.tar
                  effect: changes
              - id: look
                probe: { targets: ensemble, zookeeper: { ask: [\(asked)] } }
              - id: ❶clear❶
                run: { targets: "[ensemble[0]]", command: [rm, -rf, /data/version-2], effect: wipes }
                require: "steps.look.results.exists(r, r.serving)"
            """
        )
    }

    @Test func `epochs of two clusters have nothing to do with one another`() {
        expectProblem(
            429,
            "'clear' destroys data, and nothing has asked whether the others are of the same cluster",
            help: "ask for cluster_id, too, and go on only where it is cluster.id",
            severity: .warning,
            in: Self.wipe("srvr, disk_epoch")
        )
        #expect(compile(MarkedSource(Self.wipe("srvr, disk_epoch, cluster_id"))).diagnostics == [])
    }

    // MARK: rehearsal

    private static func automatic(_ autonomy: String, _ properties: String = "") -> String {
        """
        runbook: mend
        targets:
          ensemble: { role: zookeeper }
        triggers:
          - condition: size(ensemble.filter(n, n.serving)) < size(ensemble)
            for: 30s
            limit: 2 per 24h
        autonomy: \(autonomy)
        locks: [cluster]
        \(properties)
        steps:
          - id: bring_back
            run: { targets: "ensemble.filter(n, !n.answered)", service: zookeeper, do: start }

        """
    }

    @Test func `what acts alone says what it must never do`() {
        expectProblem(
            449,
            "this acts without asking anybody, and says nothing that could be proved of it first",
            help: "add 'properties:' and run selfheal verify on them, or write autonomy: approve",
            severity: .warning,
            in: Self.automatic("❶automatic❶")
        )
    }

    // Goal: whoever is started by an alert or a webhook is judged as whoever is started by a condition.
    @Test(arguments: ["alert: KafkaBrokerDown", "webhook: deploy_failed"])
    func `what others may start acts alone, too`(trigger: String) {
        let source = """
            runbook: mend
            targets:
              ensemble: { role: zookeeper }
            triggers:
              - \(trigger)
            autonomy: automatic
            steps:
              - id: bring_back
                run: { targets: "ensemble.filter(n, !n.answered)", service: zookeeper, do: start }

            """
        let numbers = Set(compile(MarkedSource(source)).diagnostics.map(\.code.number))
        #expect(numbers.isSuperset(of: [445, 449]), "\(numbers)")
    }

    @Test(arguments: [("approve", ""), ("automatic", "properties: [{ possible: { ends: succeeded } }]")])
    func `what asks, or can be proved, is not told`(autonomy: String, properties: String) {
        #expect(compile(MarkedSource(Self.automatic(autonomy, properties))).diagnostics == [])
    }
}
