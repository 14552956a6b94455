// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunbookLanguage
import RunbookSource
import TestSupport
import Testing

// Goal: an editor leaves out exactly the keys that the checker refuses beside a verb.
// Method: every such key beside every verb.
@Suite struct StepKeyTests {
    private static let verbs = [
        ("probe", "probe: { targets: nodes, tcp: { port: client } }"),
        ("wait", "wait: { targets: nodes, tcp: { port: client }, until: result.open }"),
        ("run", "run: { targets: nodes, service: zookeeper, do: stop }"),
        ("request", "request: { method: GET, url: \"http://a/\", effect: reads }"),
        ("approve", "approve: { message: m, from: [role:sre], timeout: 5m, on_timeout: refused }"),
        ("notify", "notify: { channels: [oncall], message: m }"),
        ("choose", "choose: [{ when: size(nodes) > 1, next: done }, { otherwise: done }, { if_unknown: done }]"),
        ("parallel", "parallel: { branches: { a: [{ id: in_a, pause: 1s }], b: [{ id: in_b, pause: 1s }] } }"),
        ("call", "call: { runbook: restart_brokers }"), ("set", "set: { a: \"1\" }"), ("pause", "pause: 1s"),
        ("finish", "finish: { outcome: succeeded }"),
    ]
    private static let keys = [
        ("require", "require: size(nodes) > 0"), ("retry", "retry: { attempts: 2 }"),
        ("verify", "verify: { tcp: { port: client }, expect: result.open }"), ("timeout", "timeout: 1m"),
        ("undo", "undo: { request: { method: POST, url: \"http://a/\", effect: changes } }"), ("next", "next: done"),
        ("steps", "steps: [{ id: inside, pause: 1s }]"),
    ]

    @Test(arguments: verbs) func `a key that says nothing is refused, and no other`(verb: String, body: String) {
        for (key, line) in Self.keys {
            let text = """
                runbook: mend
                targets: { nodes: { role: zookeeper } }
                steps:
                  - id: first
                    \(body)
                    \(line)
                  - id: done
                    finish: { outcome: succeeded }

                """
            let found = compile(MarkedSource(text)).diagnostics
            // The key is unknown, or says nothing here.
            let isRefused = found.contains { [102, 234].contains($0.code.number) }
            let isIdle = StepKeys.withoutEffect(beside: verb).contains(key)
            #expect(isRefused == isIdle, "'\(key)' beside '\(verb)': \(found.map(\.message))")
        }
    }
}
