// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunVocabulary
import RunbookSource
import RunbookYAML
import SelfhealConfiguration
import TestSupport
import Testing

// Goal: schema and loader agree on what a configuration looks like, as schema and parser do on runbooks.
// Method: the example that is shipped and one with every section in it, each time with one key taken out, renamed or given a value of
// another kind, chosen by a seed.
@Suite struct ConfigurationMutationTests {
    static let rounds = 400

    /// What a schema cannot say: texts with a grammar of their own, names that must be there or must differ, and what depends on two places.
    static let beyondSchemas: Set<UInt16> = [
        504, 505, 509, 510, 511, 518, 519, 533, 535, 536, 537, 540, 543, 546,
    ]

    /// What each node may say for itself, and must where it is not said for all.
    static let saidForAll: Set<String> = ["without 'ssh'", "without 'user'", "without 'identity_file'"]

    private static let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFRqW9YdB9hPUfqxOVSOziMOMuQLsgmfbRcvHLZ6olkt zk2"

    /// But `environment`, which names a further file.
    static let everySection = """
        clusters: { mirror: { name: kafka-mirror, id: abc, datacenter: west } }
        settings: { settle_time: 2m, most: 3, careful: true }
        cluster:
          name: kafka-prod
          id: abc
          zookeeper_nodes:
            - { name: zk1, host: zk1.example.com, port: 2181, id: 1, datacenter: east, rack: a, voter: true }
            - { name: zk2, host: zk2.example.com, id: 2, data_dir: /data, log_dir: /log, labels: { a: b } }
            - { name: zk3, host: zk3.example.com, ports: { admin: 8080 }, ssh: { host_key: "\(key)", port: 22 } }
          kafka_brokers:
            - { name: kafka1, host: kafka1.example.com, roles: [mirror], services: { kafka: { start: [/bin/up] } } }
          nodes:
            - { name: edge, host: edge.example.com, roles: [witness], ports: { main: 80 } }
        ssh:
          user: selfheal
          identity_file: /etc/selfheal/key
        services:
          kafka: { start: [systemctl, start, kafka], stop: [systemctl, stop, kafka] }
        people:
          - { name: ada, unix_user: ada, roles: [sre, cto] }
          - { name: lin, roles: [sre] }
        notifications:
          channels:
            oncall: { kind: webhook, url: "http://127.0.0.1:9/hook", signing_key: abcdefghijklmnop }
            room: { kind: slack, url: "https://chat.example.com/x" }
            note: { kind: file, path: /var/log/notes }
            here: { kind: console }
            mail: { kind: smtp, host: mail.example.com, port: 25, from: a@example.com, to: [b@example.com], tls: never }
        store: { folder: /var/lib/selfheal, group: ops }
        security: { speak_for_others: false, requester_may_approve: true }
        monitoring: { interval: 10s, timeout: 2s, down_after: 3, up_after: 2 }
        watch:
          channels: [oncall]
          cooldown: 10m
          concurrent_runs: 2
          panic_threshold: 40
          ask: { from: [role:sre], timeout: 30m }
          limit: { runs: 3, within: 1h }
          brake: { ask_after: 2, refuse_after: 3, within: 1h }
          heartbeat: 1h
          maintenance: [{ cron: 0 3 * * *, lasts: 2h, timezone: Europe/Berlin }]
        http:
          listen: 127.0.0.1:9480
          alertmanager: { token: 4f1e7c0a55b9e2d34f1e7c0a55b9e2d3 }

        """

    static let texts: [String] = {
        let example = (try? Repository.yaml("examples/selfheal.yaml").root).flatMap { $0 }
        return [everySection] + (example.map { [JSON($0).text] } ?? [])
    }()

    private static func load(_ text: String) -> LoadedConfiguration {
        SelfhealConfiguration.load(
            YAMLDocument.parse(SourceFile(path: "selfheal.yaml", text: text), features: .configuration),
            from: ConfigurationSources(environment: Self.environment),
            baseFolder: "/etc/selfheal"
        )
    }

    private static let environment = [
        "SMTP_PASSWORD": "not shown", "SLACK_URL": "https://chat.example.com/x", "HOME": "/root",
        "ALERTS_TOKEN": "4f1e7c0a55b9e2d34f1e7c0a55b9e2d3", "ALERTS_SIGNING_KEY": "abcdefghijklmnopqrstuvwxyz",
    ]

    private static func tree(_ text: String) throws -> YAMLNode {
        try #require(YAMLDocument.parse(SourceFile(path: "a.yaml", text: text), features: .configuration).root)
    }

    @Test(arguments: texts.indices) func `what is mutated is right`(index: Int) throws {
        let text = Self.texts[index]
        #expect(try Schema("selfheal").problems(with: JSON(try Self.tree(text))) == [])
        let loaded = Self.load(text)
        #expect(!loaded.diagnostics.hasErrors, "\(loaded.diagnostics.map(\.message))")
        #expect(loaded.configuration != nil)
    }

    @Test(arguments: texts.indices)
    func `a configuration with one thing wrong is refused by both or by neither`(index: Int) throws {
        let schema = try Schema("selfheal")
        let root = try Self.tree(Self.texts[index])
        var random = SeededGenerator(seed: UInt64(index) + 1)
        var refused = 0
        for round in 0..<Self.rounds {
            var mutation = Mutation(place: Int.random(in: 0..<root.mappingCount, using: &random), random: random)
            let mutant = JSON(mutation.applied(to: root))
            random = mutation.random
            let problems = try schema.problems(with: mutant)
            let codes = Self.load(mutant.text).diagnostics.filter { $0.severity == .error }.map(\.code.number)
            let isElsewhere = Self.saidForAll.contains(mutation.what)
            let structural = codes.filter { !Self.beyondSchemas.contains($0) && !(isElsewhere && $0 == 103) }
            refused += problems.isEmpty ? 0 : 1
            #expect(
                problems.isEmpty || !codes.isEmpty,
                "round \(round), \(mutation.what): the schema alone says \(problems.prefix(2))"
            )
            #expect(
                structural.isEmpty || !problems.isEmpty,
                "round \(round), \(mutation.what): the loader alone says \(structural)"
            )
        }
        #expect(refused > Self.rounds / 3)
    }
}
