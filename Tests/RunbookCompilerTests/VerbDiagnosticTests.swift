// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunPlan
import RunbookSource
import TestSupport
import Testing

/// Mistakes in parameters and in what verbs and their keys mean.
@Suite struct VerbDiagnosticTests {
    // MARK: parameters

    @Test(
        arguments: [
            ("int", "many", "a whole number"), ("bool", "yes", "true or false"), ("int", "1.5", "a whole number"),
            ("duration", "30", "a duration such as 30s"), ("enum, values: [a, b]", "c", "one of a, b"),
        ]
    )
    func `a default is of its parameter's type`(type: String, value: String, what: String) {
        expectProblem(
            210,
            "the default of 'speed' is not \(what)",
            help: nil,
            in: runbook("", head: "parameters:\n  speed: { type: \(type), default: ❶\(value)❶ }")
        )
    }

    @Test func `an enum has values, and nothing else has`() {
        expectProblem(
            211,
            "parameter 'mode' has no values to choose from",
            help: "add 'values: [one, two]'",
            in: runbook("", head: "parameters:\n  mode: { type: ❶enum❶, default: one }")
        )
        expectProblem(
            212,
            "parameter 'mode' is no enum and has values",
            help: "write 'type: enum'",
            in: runbook("", head: "parameters:\n  mode: { type: string, values: [❶one❶, two] }")
        )
    }

    @Test func `autonomy is one of three words`() {
        expectProblem(
            104,
            "'aprove' is no value of 'autonomy'",
            help: "did you mean 'approve'?",
            in: runbook("", head: "autonomy: ❶aprove❶")
        )
    }

    // MARK: targets

    @Test(
        arguments: [
            "❶probe❶: { tcp: { port: client } }",
            "❶wait❶: { zookeeper: {}, until: result.serving }\n    timeout: 5s",
            "❶run❶: { service: kafka, do: stop }", "❶probe❶: { http: { port: admin, path: / } }",
        ]
    )
    func `what is looked at or acted upon has targets`(verb: String) {
        expectProblem(
            220,
            "the step has no targets",
            help: "add 'targets: NAME' of a selection",
            in: runbook("  - id: look\n    \(verb)")
        )
    }

    @Test func `an address of its own needs no targets`() throws {
        _ = try plan(of: runbook("  - id: look\n    probe: { http: { url: 'http://127.0.0.1:1/' } }"))
    }

    @Test func `a local command has no targets`() {
        expectProblem(
            221,
            "a local command has no targets",
            help: "take one of them out",
            note: "it is local because of this",
            in: runbook("  - id: act\n    run: { local: ❷true❷, targets: ❶ensemble❶, command: [ls], effect: reads }")
        )
    }

    // MARK: waiting and asking

    @Test func `a wait and a gate have a timeout`() {
        expectProblem(
            222,
            "'wait' has no timeout",
            help: "say how long it may take: 'timeout: 10m'",
            in: runbook("  - id: look\n    ❶wait❶: { targets: ensemble, zookeeper: {}, until: result.serving }")
        )
        expectProblem(
            222,
            "'approve' has no timeout",
            help: "say how long it may take: 'timeout: 10m'",
            in: runbook("  - id: ask\n    approve: ❶{ message: May I?, from: [role:sre], on_timeout: refused }❶")
        )
    }

    @Test func `a gate says what silence means, in a word that is known`() {
        expectProblem(
            223,
            "the gate does not say what silence means",
            help: "add 'on_timeout: refused' or 'on_timeout: timed_out'",
            in: runbook("  - id: ask\n    approve: ❶{ message: May I?, from: [role:sre], timeout: 5m }❶")
        )
        expectProblem(
            104,
            "'granted' is no value of 'on_timeout'",
            help: "it is one of refused, timed_out",
            in: runbook(
                "  - id: ask\n    approve: { message: May I?, from: [role:sre], timeout: 5m, on_timeout: ❶granted❶ }"
            )
        )
    }

    @Test(arguments: ["ada", "role:", "group:sre", ":sre"])
    func `an approver is a role or a person`(text: String) {
        expectProblem(
            224,
            "'\(text)' is nobody who could approve",
            help: "write 'role:sre' or 'person:ada'",
            in: runbook(
                "  - id: ask\n    approve: { message: May I?, from: [❶'\(text)'❶], timeout: 5m, on_timeout: refused }"
            )
        )
    }

    @Test func `enough people may answer`() {
        func gate(_ rest: String) -> String {
            runbook("  - id: ask\n    approve: { message: May I?, timeout: 5m, on_timeout: refused, \(rest) }")
        }
        expectProblem(
            225,
            "2 approvals are needed and only 1 may give one",
            help: "name more people, or a role",
            in: gate("from: [person:ada], needed: ❶2❶")
        )
        expectProblem(
            225,
            "2 approvals are needed and only 1 may give one",
            help: "name more people, or a role",
            in: gate("from: [person:ada, person:ada], needed: ❶2❶")
        )
        expectProblem(
            225,
            "1 approvals are needed and only 0 may give one",
            help: "name more people, or a role",
            in: gate("from: ❶[]❶")
        )
    }

    // MARK: choosing

    @Test func `a choice says what happens otherwise`() {
        expectProblem(
            226,
            "'choose' does not say what happens otherwise",
            help: "add '- otherwise: STEP'",
            in: runbook("  - id: route\n    choose: ❶[{ when: 1 > 0, next: done }]❶")
        )
    }

    static let act = "  - id: act\n    run: { targets: ensemble, service: zookeeper, do: start }"

    @Test func `a choice that leads to an act says what to do when it cannot tell`() {
        let message = "a branch leads to an act, and an unknown condition is not provided for"
        let help = "add '- if_unknown: STEP'; what cannot be told must not decide"
        expectProblem(
            227,
            message,
            help: help,
            in: runbook("  - id: route\n    ❶choose❶: [{ when: 1 > 0, next: act }, { otherwise: done }]\n\(Self.act)")
        )
        expectProblem(
            227,
            message,
            help: help,
            in: runbook("  - id: route\n    ❶choose❶: [{ when: 1 > 0, next: done }, { otherwise: act }]\n\(Self.act)")
        )
    }

    @Test func `a choice that leads to nothing but looking need not`() throws {
        _ = try plan(
            of: runbook(
                """
                  - id: route
                    choose: [{ when: 1 > 0, next: look }, { otherwise: done }]
                  - id: look
                    run: { targets: ensemble, service: zookeeper, do: status }
                """
            )
        )
    }

    // MARK: run

    @Test func `a command says what it does to its targets`() {
        expectProblem(
            228,
            "the command does not say what it does to its targets",
            help:
                "add 'effect:' with one of reads, starts, stops, restarts, wipes, moves_data, promotes, fences, changes",
            in: runbook("  - id: act\n    ❶run❶: { targets: ensemble, command: [ls] }")
        )
    }

    @Test func `what a service is told implies its effect`() {
        expectProblem(
            229,
            "the effect is 'stops', not 'reads'",
            help: "'do' implies the effect: take 'effect' out",
            in: runbook("  - id: act\n    run: { targets: ensemble, service: kafka, do: stop, effect: ❶reads❶ }")
        )
    }

    @Test func `nothing is interpolated in a script`() {
        expectProblem(
            230,
            "nothing is interpolated in a script",
            help: "pass the value by 'env:' and use it as \"$NAME\"",
            in: runbook(
                """
                  - id: act
                    run:
                      targets: ensemble
                      effect: reads
                      script: |
                        set -eu
                        echo ❶${{❶ target.name }}
                """
            )
        )
    }

    @Test(arguments: ["9LIVES", "A-B", "A B"])
    func `an environment variable has a name that sh knows`(name: String) {
        expectProblem(
            231,
            "'\(name)' cannot name an environment variable",
            help: "use letters, digits and '_', a digit not first",
            in: runbook("  - id: act\n    run: { targets: ensemble, script: ls, effect: reads, env: { ❶\(name)❶: x } }")
        )
    }

    @Test(arguments: ["❶-kafka❶", "❶\"a b\"❶", "❶{ user: kafka, receipts: below }❶"])
    func `who is become has a user's name, and receipts an absolute path`(become: String) {
        let user = become.contains("kafka,") ? "kafka" : become.filter { !"❶\"".contains($0) }
        expectProblem(
            531,
            "'\(user)' cannot be become, or its folder of receipts is no absolute path",
            help: "write a user's name: become: kafka, or become: { user: kafka, receipts: /var/lib/kafka/receipts }",
            in: runbook("  - id: act\n    run: { targets: ensemble, command: [ls], effect: reads, become: \(become) }")
        )
    }

    @Test func `nobody is become on the engine's own machine`() {
        expectProblem(
            234,
            "'become' means nothing beside 'local'",
            help: "let the command itself change the user, or leave 'become' out",
            in: runbook("  - id: act\n    run: { local: true, command: [ls], effect: reads, become: ❶kafka❶ }")
        )
    }

    @Test func `an environment belongs to a command or a script`() {
        expectProblem(
            234,
            "'env' means nothing beside 'service'",
            help: "the inventory says how a service is commanded",
            in: runbook("  - id: act\n    run: { targets: ensemble, service: kafka, do: stop, env: { ❶A❶: x } }")
        )
    }

    @Test func `a question over HTTP has an address`() {
        expectProblem(
            232,
            "'http' has no address",
            help: "give it a 'url', or a 'port' of its targets and a 'path'",
            in: runbook("  - id: look\n    probe: { targets: ensemble, ❶http❶: { path: / } }")
        )
    }

    @Test(arguments: [
        ("tls: {}", "tls", "an 'address'"), ("jmx: { mbean: \"a:b=c\", attribute: d }", "jmx", "a 'url'"),
    ])
    func `a handshake and an attribute have an address`(probe: String, kind: String, key: String) {
        expectProblem(
            232,
            "'\(kind)' has no address",
            help: "give it \(key), or a 'port' of its targets",
            in: runbook("  - id: look\n    probe: { targets: ensemble, ❶\(kind)❶\(probe.dropFirst(kind.count)) }")
        )
    }

    @Test(arguments: ["kafka1", "kafka1:", "kafka1:0", "kafka1:99999", "2001:db8::1:9093", ":9093", "a b:1"])
    func `an address to shake hands with has a host and a port`(address: String) {
        expectProblem(
            261,
            "'\(address)' is no host with a port",
            help: "write kafka1.example:9093, or [2001:db8::1]:9093",
            in: runbook("  - id: look\n    probe: { tls: { address: ❶\"\(address)\"❶ } }")
        )
    }

    @Test func `an object of management has a domain and properties`() {
        expectProblem(
            262,
            "'java.lang.Memory' names no MBean",
            help: "a name has a domain, a colon and properties: java.lang:type=Memory",
            in: runbook(
                "  - id: look\n    probe: { targets: ensemble, jmx: { port: 1, mbean: ❶java.lang.Memory❶, attribute: a } }"
            )
        )
    }

    @Test(arguments: [
        "prometheus: { url: ❶prometheus:9090❶, query: up }",
        "jmx: { url: ❶kafka1:8778❶, mbean: \"a:b=c\", attribute: d }",
    ])
    func `metrics are asked over HTTP`(probe: String) {
        expectProblem(
            250,
            "this is no address of HTTP",
            help: "it begins with 'http://' or 'https://'",
            in: runbook("  - id: look\n    probe: { \(probe) }")
        )
    }

    @Test func `what is never repeated is never retried`() {
        expectProblem(
            233,
            "a command that is never repeated cannot be retried",
            help: "take one of them out",
            note: "it is never repeated because of this",
            in: runbook(
                """
                  - id: act
                    run: { targets: ensemble, command: [ls], effect: changes, repeat: ❷never❷ }
                    retry: ❶{ attempts: 2 }❶
                """
            )
        )
    }

    @Test(
        arguments: [
            ("require: ❶1 > 0❶", "require", "use 'when' to skip the step"),
            (
                "retry: ❶{ attempts: 3 }❶", "retry",
                "only 'run' and 'request' are repeated; 'wait' looks again by itself"
            ),
            (
                "verify: ❶{ tcp: { port: '1' }, expect: result.open }❶", "verify",
                "only 'run' and 'request' are verified"
            ),
            ("timeout: ❶5s❶", "timeout", "'deadline' bounds a step as a whole"),
        ]
    )
    func `a guard beside a verb that does not look at it is a mistake`(line: String, key: String, help: String) {
        expectProblem(
            234,
            "'\(key)' means nothing beside 'pause'",
            help: help,
            in: runbook("  - id: rest\n    pause: 5s\n    \(line)")
        )
    }

    @Test func `a gate's timeout stands inside, and nothing follows a finish`() {
        expectProblem(
            234,
            "'timeout' means nothing beside 'approve'",
            help: "write 'timeout' inside 'approve', beside 'on_timeout'",
            in: runbook(
                "  - id: ask\n    approve: { message: Hm, from: [role:a], timeout: 5m, on_timeout: refused }\n    timeout: ❶5m❶"
            )
        )
        expectProblem(
            234,
            "'next' means nothing beside 'choose'",
            help: "its branches say where it leads",
            in: runbook(
                "  - id: route\n    choose: [{ when: 1 > 0, next: done }, { otherwise: done }]\n    next: ❶done❶"
            )
        )
        expectProblem(
            234,
            "'next' means nothing beside 'finish'",
            help: "'finish' ends the run",
            in: "runbook: mend\nsteps:\n  - id: end\n    finish: { outcome: failed }\n    next: ❶end❶\n"
        )
    }

    @Test func `a run does not cancel itself`() {
        expectProblem(
            104,
            "'cancelled' is no value of 'outcome'",
            help: "it is one of succeeded, not_needed, failed, escalated",
            in: "runbook: mend\nsteps:\n  - id: end\n    finish: { outcome: ❶cancelled❶ }\n"
        )
    }

    @Test func `a loop goes over a list`() {
        expectProblem(
            235,
            "the elements are int, not a list",
            help: "give 'in' an expression that is a list",
            in: runbook(
                "  - id: each\n    for_each: { as: n, in: ❶size(ensemble)❶ }\n    steps: [{ id: rest, pause: 5s }]"
            )
        )
    }

    @Test func `words that only some probes know are told`() {
        expectProblem(
            104,
            "'srv' is no value of 'ask'",
            help: "did you mean 'srvr'?",
            in: runbook("  - id: look\n    probe: { targets: ensemble, zookeeper: { ask: [❶srv❶] } }")
        )
        expectProblem(
            104,
            "'quadratic' is no value of 'backoff'",
            help: "it is one of fixed, exponential",
            in: runbook("\(Self.act)\n    retry: { attempts: 2, backoff: ❶quadratic❶ }")
        )
    }
}
