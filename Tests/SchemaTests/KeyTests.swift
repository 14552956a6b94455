// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunVocabulary
import RunbookLanguage
import RunbookSource
import RunbookYAML
import SelfhealConfiguration
import Testing

// Goal: a schema's keys are exactly those that the parser knows at that place.
// Method: put a key that nobody can know at each place and read from the diagnostic's help which keys there are.
@Suite struct KeyTests {
    /// Unlike any key, so that no spelling is suggested.
    static let stranger = "qqqqqqqqqqqqqqqqqqqq"

    /// For every mapping of the runbook's schema, a runbook that has one with `?` where a key may stand.
    static let runbooks: [(mapping: String, text: String)] =
        [("", "{ ?, runbook: a, steps: [{ id: a, pause: 1s }] }")]
        + [
            ("parameter", "parameters: { p: { ?, type: string } }"), ("selection", "targets: { t: { ?, role: r } }"),
            ("setting", "settings: { s: { ?, type: string, default: d } }"),
            ("trigger", "triggers: [{ ?, condition: c }]"), ("waiting_lock", "locks: [{ ?, name: n }]"),
            ("property", "properties: [{ ?, possible: { ends: failed } }]"),
            ("assume", "assume: { ? }"),
            ("never", "properties: [{ never: { ?, step: a, unless: c } }]"),
            ("before", "properties: [{ before: { ?, first: a, then: b } }]"),
            ("at_most", "properties: [{ at_most: { ?, down_by_us: 1, of: t } }]"),
            ("possible", "properties: [{ possible: { ?, ends: failed } }]"),
            ("on_failure", "on_failure: { ?, undo: true }"),
            ("every_path", "properties: [{ every_path: { ?, notifies: c } }]"),
            ("after_in_doubt", "properties: [{ after_in_doubt: { ?, step: a, do: b } }]"),
        ].map { ($0.0, "{ runbook: a, steps: [{ id: a, pause: 1s }], \($0.1) }") }
        + [
            ("step", "?, for_each: { as: n, in: l }, steps: [{ id: b, pause: 1s }]"),
            ("probe", "probe: { ?, targets: t, tcp: { port: p } }"),
            ("tcp", "probe: { targets: t, tcp: { ?, port: p } }"), ("http", "probe: { targets: t, http: { ? } }"),
            ("zookeeper", "probe: { targets: t, zookeeper: { ? } }"), ("kafka", "probe: { targets: t, kafka: { ? } }"),
            ("tls", "probe: { targets: t, tls: { ?, port: p } }"),
            ("prometheus", "probe: { prometheus: { ?, url: u, query: q } }"),
            ("dns", "probe: { dns: { ?, name: n } }"),
            ("jmx", "probe: { targets: t, jmx: { ?, port: p, mbean: m, attribute: a } }"),
            ("ssh", "probe: { targets: t, ssh: { ?, command: [c] } }"),
            ("wait", "wait: { ?, targets: t, tcp: { port: p }, until: c }"),
            ("run", "run: { ?, targets: t, service: s, do: start }"), ("run", "run: { ?, targets: t, command: [c] }"),
            ("become_user", "run: { targets: t, command: [c], become: { ?, user: u } }"),
            ("run", "run: { ?, targets: t, script: c }"), ("batch", "run: { targets: t, script: c, batch: { ? } }"),
            ("approve", "approve: { ?, message: m, from: [a] }"),
            ("notify", "notify: { ?, channels: [c], message: m }"),
            ("branch", "choose: [{ ?, when: c, next: a }]"), ("branch", "choose: [{ ?, otherwise: a }]"),
            ("for_each", "for_each: { ?, as: n, in: l }, steps: [{ id: b, pause: 1s }]"),
            ("request", "request: { ?, url: u }"),
            ("parallel", "parallel: { ?, branches: { b: [{ id: c, pause: 1s }] } }"),
            ("call", "call: { ?, runbook: r }"), ("undo", "pause: 1s, undo: { ?, call: { runbook: r } }"),
            ("finish", "finish: { ?, outcome: failed }"), ("retry", "pause: 1s, retry: { ?, attempts: 2 }"),
            ("verify", "pause: 1s, verify: { ?, tcp: { port: p }, expect: e }"),
        ].map { ($0.0, "{ runbook: a, steps: [{ id: a, \($0.1) }] }") }

    @Test func `the runbook's schema has the parser's keys`() throws {
        var known: [String: Set<String>] = [:]
        for (mapping, text) in Self.runbooks {
            let document = Self.document(text)
            let root = try #require(document.root, "\(text)")
            let keys = try Self.keys(in: RunbookParser.parse(root).diagnostics, text)
            known[mapping, default: []].formUnion(keys)
        }
        try Self.expectSame(known, Schema("runbook"))
    }

    /// For every mapping of the configuration's schema, a configuration that has one with `?` where a key may stand.
    static let configurations: [(mapping: String, text: String)] =
        [
            ("", "{ ?, cluster: { nodes: [{ host: a }] } }"), ("cluster", "{ cluster: { ?, nodes: [{ host: a }] } }"),
            ("node", "{ cluster: { zookeeper_nodes: [{ ?, host: a }] } }"),
            ("node", "{ cluster: { kafka_brokers: [{ ?, host: a }] } }"),
            ("node", "{ cluster: { nodes: [{ ?, host: a }] } }"),
            ("node_ssh", "{ cluster: { nodes: [{ host: a, ssh: { ? } }] } }"),
            ("commands", "{ cluster: { nodes: [{ host: a, services: { s: { ? } } }] } }"),
        ]
        + [
            ("become_user", "ssh: { become: { ?, user: u } }"), ("role_ssh", "ssh: { roles: { r: { ? } } }"),
            ("node_ssh", "ssh: { jump_hosts: { j: { ?, address: a } } }"),
            ("ssh", "ssh: { ? }"), ("commands", "services: { s: { ? } }"), ("person", "people: [{ ?, name: a }]"),
            ("monitoring", "monitoring: { ? }"),
            ("monitor", "monitoring: { monitors: [{ ?, tcp: { port: 1 } }] }"),
            ("tcp", "monitoring: { monitors: [{ tcp: { ?, port: 1 } }] }"),
            ("http_probe", "monitoring: { monitors: [{ http: { ?, port: 1 } }] }"),
            ("tls", "monitoring: { monitors: [{ tls: { ?, port: 1 } }] }"),
            ("zookeeper", "monitoring: { monitors: [{ zookeeper: { ? }, roles: [none] }] }"),
            ("kafka", "monitoring: { monitors: [{ kafka: { ? }, roles: [none] }] }"),
            ("jmx", "monitoring: { monitors: [{ jmx: { ?, port: 1, mbean: m, attribute: a }, healthy: 'true' }] }"),
            ("prometheus", "monitoring: { monitors: [{ prometheus: { ?, url: u, query: q }, healthy: 'true' }] }"),
            ("dns", "monitoring: { monitors: [{ dns: { ?, name: n } }] }"),
            ("ssh_probe", "monitoring: { monitors: [{ ssh: { ?, command: [c] } }] }"),
            ("watch", "watch: { ? }"), ("ask", "watch: { ask: { ? } }"),
            ("limit", "watch: { limit: { ? } }"), ("brake", "watch: { brake: { ? } }"),
            ("flap", "watch: { flap: { ? } }"), ("touch", "watch: { touch: { ? } }"),
            ("retention", "retention: { ? }"),
            ("window", "watch: { maintenance: [{ ?, cron: 0 3 * * *, lasts: 2h }] }"),
            ("http", "http: { ?, listen: l }"), ("http_key", "http: { listen: l, alertmanager: { ?, token: t } }"),
            ("other_cluster", "clusters: { c: { ?, id: i } }"), ("store", "store: { ?, folder: f }"),
            ("security", "security: { ? }"),
            ("notifications", "notifications: { ? }"), ("mail", "notifications: { smtp: { ?, host: h } }"),
            ("smtp_channel", "notifications: { channels: { a: { ?, kind: smtp, host: h } } }"),
            ("webhook_channel", "notifications: { channels: { a: { ?, kind: webhook, url: u } } }"),
            ("slack_channel", "notifications: { channels: { a: { ?, kind: slack, url: u } } }"),
            ("file_channel", "notifications: { channels: { a: { ?, kind: file, path: p } } }"),
            ("console_channel", "notifications: { channels: { a: { ?, kind: console } } }"),
        ].map { ($0.0, "{ cluster: { nodes: [{ host: a }] }, \($0.1) }") }

    @Test func `the configuration's schema has the loader's keys`() throws {
        var known: [String: Set<String>] = [:]
        for (mapping, text) in Self.configurations {
            let loaded = SelfhealConfiguration.load(Self.document(text), environment: [:], baseFolder: "/etc")
            let keys = try Self.keys(in: loaded.diagnostics, text)
            if let others = known[mapping] {
                #expect(keys == others, "\(text)")
            }
            known[mapping] = keys
        }
        try Self.expectSame(known, Schema("selfheal"))
    }

    // MARK: Reading the answer

    private static func document(_ text: String) -> YAMLDocument {
        let text = text.replacing("?", with: "\(self.stranger): 1")
        return YAMLDocument.parse(SourceFile(path: "x.yaml", text: text), features: .configuration)
    }

    /// The keys in the help of the one unknown key: `it knows 'a', 'b'`.
    private static func keys(in diagnostics: [Diagnostic], _ text: String) throws -> Set<String> {
        let strange = diagnostics.filter { $0.code.number == 102 }
        let help = try #require(strange.first?.help, "\(text)")
        try #require(strange.count == 1 && help.hasPrefix("it knows "), "\(text): \(help)")
        return Set(
            help.split(separator: "'", omittingEmptySubsequences: false).enumerated().filter { $0.0 % 2 == 1 }.map {
                String($0.1)
            }
        )
    }

    private static func expectSame(_ known: [String: Set<String>], _ schema: Schema) {
        let described = schema.mappings.mapValues { Set(($0["properties"]?.members ?? []).map(\.name)) }
        #expect(known.keys.sorted() == described.keys.sorted())
        for (mapping, keys) in known {
            #expect(keys.sorted() == described[mapping]?.sorted(), "\(mapping)")
        }
    }
}
