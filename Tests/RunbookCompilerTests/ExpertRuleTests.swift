// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunbookCompiler
import RunbookSource
import TestSupport
import Testing

/// What an expert objects to; each rule's page has a wrong and a right example besides, and a test executes both.
@Suite struct ExpertRuleTests {
    // MARK: commands

    static let mild: [(command: String, effect: String, name: String)] = [
        ("[systemctl, stop, kafka]", "changes", "systemctl stop"),
        ("[sudo, -n, systemctl, --no-block, restart, kafka]", "starts", "systemctl restart"),
        ("[service, kafka, stop]", "reads", "service stop"),
        ("[rm, -rf, /var/lib/kafka]", "changes", "rm -r"),
        ("[/sbin/mkfs.ext4, /dev/sdb]", "changes", "mkfs.ext4"),
        ("[dd, if=/dev/zero, of=/dev/sdb]", "changes", "dd"),
        ("[/opt/kafka/bin/kafka-topics.sh, --delete, --topic, t]", "changes", "kafka-topics --delete"),
        ("[kafka-storage.sh, format, -t, id]", "changes", "kafka-storage format"),
        ("[zkCli.sh, -server, zk1, deleteall, /brokers]", "changes", "zkCli deleteall"),
        ("[kafka-consumer-groups.sh, --reset-offsets, --execute]", "changes", "kafka-consumer-groups --reset-offsets"),
        ("[kubectl, -n, kafka, delete, pvc, data-0]", "changes", "kubectl delete pvc"),
        ("[kill, \"4711\"]", "changes", "kill"),
        ("[sh, -c, \"cd / && systemctl stop kafka\"]", "changes", "systemctl stop"),
        ("[env, A=b, timeout, \"30\", docker, stop, kafka]", "changes", "docker stop"),
    ]

    @Test(arguments: mild)
    func `an effect that is too mild for a command that is known`(command: String, effect: String, name: String) {
        let source = MarkedSource(
            runbook("  - id: act\n    run: { targets: brokers, command: \(command), effect: ❶\(effect)❶ }")
        )
        let found = compile(source).diagnostics
        #expect(found.map(\.code.number) == [402], "\(found)")
        #expect(found.first?.span == source["❶"])
        #expect(found.first?.message.hasPrefix("'\(name)' ") == true, "\(found)")
    }

    @Test func `a script is read command by command, and its place is the command's`() {
        expectProblem(
            402,
            "'systemctl stop' stops something, and the step says 'changes'",
            help: "write effect: stops",
            severity: .warning,
            note: "the command is here",
            in: runbook(
                """
                  - id: act
                    run:
                      targets: brokers
                      script: |
                        # systemctl stop is what this does
                        echo 'systemctl stop kafka' | logger
                        if true; then sudo ❷systemctl stop kafka❷; fi
                      effect: ❶changes❶
                """
            )
        )
    }

    @Test(arguments: [
        "[systemctl, is-active, kafka]", "[kubectl, get, pvc]", "[kafka-topics.sh, --list]", "[kill, \"-0\", \"1\"]",
        "[echo, systemctl, stop]", "[rm, -rf, /tmp/scratch]", "[dd, if=/dev/sda, of=/dev/null]", "[zkCli.sh, ls, /]",
    ])
    func `a command that only looks is left alone`(command: String) throws {
        _ = try plan(of: runbook("  - id: act\n    run: { targets: brokers, command: \(command), effect: reads }"))
        _ = try plan(of: runbook("  - id: act\n    probe: { targets: brokers, ssh: { command: \(command) } }"))
    }

    @Test func `a probe that changes something is an error wherever it stands`() {
        let act = "ssh: { command: [❶systemctl, restart, kafka❶] }"
        expectProblems([405], in: runbook("  - id: look\n    probe: { targets: brokers, \(act) }"))
        expectProblems(
            [405],
            in: runbook("  - id: look\n    wait: { targets: brokers, \(act), until: result.answered }\n    timeout: 1m")
        )
        expectProblems(
            [405],
            in: runbook(
                """
                  - id: act
                    run: { targets: brokers, command: [true], effect: changes }
                    verify: { \(act), expect: result.answered }
                """
            )
        )
    }

    @Test func `SIGKILL after SIGTERM is in order, SIGKILL alone is not`() throws {
        let gentle = "script: pkill -f kafka.Kafka; sleep 300; pkill -9 -f kafka.Kafka, effect: stops"
        _ = try plan(of: runbook("  - id: act\n    run: { targets: brokers, \(gentle) }"))
        let hard = "script: ❶pkill -9 -f kafka.Kafka❶, effect: stops"
        expectProblems([403], in: runbook("  - id: act\n    run: { targets: brokers, \(hard) }"))
    }

    // MARK: order

    @Test func `one at a time is meant for members of a cluster, and for what takes them down`() throws {
        _ = try plan(
            of: runbook(
                "  - id: act\n    run: { targets: ensemble, service: zookeeper, do: start, batch: { size: 3 } }"
            )
        )
        expectProblems(
            [410, 412],
            in: runbook(
                """
                  - id: act
                    run: { targets: brokers, service: kafka, do: stop, batch: { size: ❶50%❶, max_failures: ❷1❷ } }
                """
            )
        )
    }

    @Test func `acts under a require go one at a time whatever the size, so they are no several at once`() throws {
        _ = try plan(
            of: runbook(
                """
                  - id: act
                    run: { targets: ensemble, service: zookeeper, do: restart, batch: { size: 2 } }
                    require: size(ensemble.filter(n, n.serving)) > quorum(ensemble)
                    verify: { zookeeper: { ask: [srvr] }, expect: result.serving }
                """
            )
        )
    }

    @Test func `a loop that restarts needs a look behind the restart`() throws {
        let order = "ensemble.sortBy(n, n.mode == 'leader')"
        let loop = "  - id: each\n    for_each: { as: node, in: \"\(order)\" }\n    steps:\n"
        let restart = "      - id: %restart%\n        run: { targets: \"[node]\", service: zookeeper, do: restart }\n"
        let look = "      - id: look\n        probe: { targets: \"[node]\", zookeeper: { ask: [srvr] } }\n"
        _ = try plan(of: runbook(loop + restart.replacing("%", with: "") + look))
        expectProblems([414], in: runbook(loop + look + restart.replacing("%", with: "❶")))
    }

    // MARK: data

    static let gate =
        "  - id: ask\n    approve: { message: m, from: [role:sre], timeout: 5m, on_timeout: refused }\n    if_refused: done\n"

    @Test func `a copy counts only if nothing leads around it`() {
        expectProblems(
            [420],
            in: runbook(
                """
                \(Self.gate)  - id: back_up
                    when: size(ensemble) > 3
                    run: { targets: ensemble, script: tar -cf b d && tar -tf b, effect: changes }
                  - id: ❶clear❶
                    run: { targets: ensemble, command: [wipe], effect: wipes }
                """
            )
        )
    }

    @Test func `a look behind the gate, or a requirement, makes an act fresh`() throws {
        let look = "  - id: look\n    probe: { targets: ensemble, zookeeper: { ask: [srvr] } }\n"
        let act =
            "  - id: act\n    run: { targets: \"%steps.look.results%.map(r, r.target)\", service: zookeeper, do: stop }\n"
        expectProblems([422], in: runbook(look + Self.gate + act.replacing("%", with: "❶")))
        let plain = act.replacing("%", with: "")
        _ = try plan(of: runbook(look + Self.gate + plain + "    require: ensemble.all(n, n.serving)\n"))
        let again = look.replacing("id: look", with: "id: again")
        _ = try plan(of: runbook(look + Self.gate + again + plain))
        _ = try plan(of: runbook(Self.gate + look + plain))
    }

    // MARK: silences

    private static func stop(_ before: String, _ behind: String) -> String {
        runbook(
            "  - id: halt\n    run: { targets: brokers, service: kafka, do: stop }\n\(before)    timeout: 1m\(behind)"
        )
    }

    @Test func `a warning is silenced at its line or above it, with a reason`() throws {
        _ = try plan(of: Self.stop("", "  # selfheal: allow RB0440 because nothing is on them"))
        _ = try plan(of: Self.stop("    # selfheal: allow RB0440 because nothing is on them\n    # and so on\n\n", ""))
        _ = try plan(
            of: runbook(
                """
                  - id: halt
                    # selfheal: allow RB0410, RB0412 because this is the lab
                    run: { targets: brokers, service: kafka, do: stop, batch: { size: 2, max_failures: 1 } }
                """
            )
        )
    }

    @Test(arguments: ["allow RB0440", "allow RB0440 because", "allow because of it", "deny RB0440 because"])
    func `a silence without a code or a reason silences nothing, and is told`(words: String) {
        let source = MarkedSource(Self.stop("    ❶# selfheal: \(words)❶\n", ""))
        let found = compile(source).diagnostics
        #expect(found.map(\.code.number) == [458, 440], "\(found)")
        #expect(found.first?.span == source["❶"])
    }

    @Test(arguments: ["440", "RB0499", "RB0201", "rules"])
    func `a silence of a code that is none, or that is an error, is told at the code`(word: String) {
        let source = MarkedSource(Self.stop("    # selfheal: allow ❶\(word)❶ because of it\n", ""))
        let found = compile(source).diagnostics
        #expect(found.map(\.code.number) == [458, 440], "\(found)")
        #expect(found.first?.span == source["❶"])
        // A number that nobody gave is probably a slip; an error is none.
        #expect((found.first?.slip != nil) == (word == "RB0499"), "\(found)")
    }

    @Test func `a silence of what is not there is told`() {
        let wrong = "    # selfheal: allow ❶RB0410❶ because of it\n"
        let source = MarkedSource(Self.stop(wrong, ""))
        let found = compile(source).diagnostics
        #expect(found.map(\.code.number) == [459, 440], "\(found)")
        #expect(found.first?.span == source["❶"])
    }

    @Test func `an error is not silenced`() {
        let text = "  - id: act\n    pause: 5s\n    # selfheal: allow ❶RB0201❶ because of it\n    next: ❷nowhere❷"
        expectProblems([458, 201], in: runbook(text))
    }
}
