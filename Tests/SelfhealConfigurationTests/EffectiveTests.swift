// Selfheal
// SPDX-License-Identifier: Apache-2.0

import ClusterWatch
import RunPlan
import RunVocabulary
import RunbookSource
import RunbookYAML
import SelfhealConfiguration
import Testing

/// What `selfheal config show` prints.
@Suite struct EffectiveTests {
    private static let text = """
        cluster:
          zookeeper_nodes:
            - { name: zk1, host: "${ZK_HOST}" }
        notifications:
          channels:
            oncall: { kind: webhook, url: "https://${KEY}@h", headers: { X-Key: "a ${KEY}" }, signing_key: "${file:key}" }
            chat: { kind: slack, url: "${CHAT}" }
        monitoring: { interval: 20s }
        ssh: { user: "007", identity_file: 'id key', passphrase: "${PASSPHRASE}" }
        plugins: { own: { api_token: abcdef, level: 3, dsn: "x://u:hunter2@h" } }
        environments:
          production: { monitoring: { up_after: 3 } }

        """
    private static let secrets = ["ZK_HOST": "zk1.internal", "KEY": "sesame"]

    private static func load(_ settings: [String] = [], withDefaults: Bool = false) throws -> EffectiveConfiguration {
        let loaded = Loaded(
            self.text,
            environment: self.secrets,
            files: ["/etc/selfheal/key": "open\n"],
            overlay: "production",
            settings: settings,
            leavingOutIncompleteChannels: true
        )
        return try #require(EffectiveConfiguration(loaded.result, withDefaults: withDefaults))
    }

    @Test func `every value has its origin beside it, and no secret is shown`() throws {
        let shown = try Self.load(["watch.cooldown=1m"])
        #expect(
            shown.yaml == """
                cluster:
                  zookeeper_nodes:
                    - name: zk1                # selfheal.yaml:3
                      host: zk1.internal       # selfheal.yaml:3, from ${ZK_HOST}
                notifications:
                  channels:
                    oncall:
                      kind: webhook            # selfheal.yaml:6
                      url: "***"               # selfheal.yaml:6, from ${KEY}
                      headers:
                        X-Key: "***"           # selfheal.yaml:6, from ${KEY}
                      signing_key: "***"       # selfheal.yaml:6, from ${file:key}
                    chat:
                      kind: slack              # selfheal.yaml:7
                      url: "${CHAT}"           # selfheal.yaml:7, from ${CHAT}, which is not there
                monitoring:
                  interval: 20s                # selfheal.yaml:8
                  up_after: 3                  # selfheal.yaml:12
                ssh:
                  user: "007"                  # selfheal.yaml:9
                  identity_file: "id key"      # selfheal.yaml:9
                  passphrase: "${PASSPHRASE}"  # selfheal.yaml:9
                plugins:
                  own:
                    api_token: "***"           # selfheal.yaml:10
                    level: 3                   # selfheal.yaml:10
                    dsn: "***"                 # selfheal.yaml:10
                environment: production        # --environment
                watch:
                  cooldown: 1m                 # --set
                """
        )
    }

    @Test func `no secret is in the JSON, either`() throws {
        let loaded = Loaded(
            Self.text,
            environment: Self.secrets,
            files: ["/etc/selfheal/key": "open\n"],
            overlay: "production",
            leavingOutIncompleteChannels: true
        )
        let shown = try #require(EffectiveConfiguration(loaded.result, withDefaults: true))
        let json = shown.json(of: loaded.result)
        for secret in ["sesame", "open", "abcdef", "hunter2"] {
            #expect(!json.text.contains(secret))
        }
        #expect(json["environment"] == "production")
        #expect(json["files"] == ["selfheal.yaml"])
        #expect(json["configuration"]?["cluster"]?["zookeeper_nodes"]?[0]?["host"] == "zk1.internal")
        let values = try #require(json["values"]?.arrayValue)
        let host = try #require(values.first { $0["path"] == "cluster.zookeeper_nodes[0].host" })
        #expect(
            host["origin"]
                == [
                    "kind": "file", "name": "selfheal.yaml", "line": 3, "column": 26, "reference": "${ZK_HOST}",
                    "missing": false,
                ]
        )
    }

    @Test func `what nobody wrote is there as a default, and under its other name it is written`() throws {
        let text = "cluster: { zookeeper_nodes: [{ host: a }], kafka_brokers: [{ host: b, port: 9093 }] }\n"
        let loaded = Loaded(text + "monitoring: { interval_seconds: 20, health_check_retries: 2 }")
        let shown = try #require(EffectiveConfiguration(loaded.result, withDefaults: true))
        let monitoring = try #require(shown.root["monitoring"])
        #expect(monitoring["interval"] == nil)
        #expect(monitoring["down_after"] == nil)
        #expect(monitoring["timeout"] == .scalar("3s", .default))
        #expect(shown.yaml.contains("      port: 2181"))
        #expect(shown.yaml.contains("      port: 9093"))
        #expect(!shown.yaml.contains("9092"))
        #expect(loaded.configuration?.watch.downAfter == 3)
    }

    // Goal: what is printed means what was read.
    // Method: load it again, with all that is not said by default.
    @Test func `what is printed can be read again`() throws {
        let text = try Repository.text("examples/selfheal.yaml")
        let first = Loaded(
            text,
            environment: [
                "SMTP_PASSWORD": "p", "ALERTS_TOKEN": "t", "ALERTS_SIGNING_KEY": "k",
                "SLACK_URL": "https://chat.example.com/x",
            ]
        )
        let shown = try #require(EffectiveConfiguration(first.result, withDefaults: true))
        let again = Loaded(shown.yaml.replacing("\"***\"", with: "https://chat.example.com/x"))
        #expect(again.diagnostics.allSatisfy { $0.severity == .warning })
        let configuration = try #require(again.configuration)
        #expect(configuration.inventory == first.configuration?.inventory)
        #expect(configuration.people == first.configuration?.people)
        #expect(configuration.watch == first.configuration?.watch)
    }

    @Test(arguments: ["a\\nb", "a\\u202Eb", "# c", "- d", "yes", "010", "null", "a: b", "", " x "])
    func `a text is quoted where it could be taken for something else`(text: String) throws {
        let quoted = "\"\(text)\""
        let loaded = Loaded.withCluster("services: { s: { start: [\(quoted)] } }")
        let shown = try #require(EffectiveConfiguration(loaded.result, withDefaults: false))
        let line = try #require(shown.yaml.split(separator: "\n").last { $0.contains("- ") })
        #expect(line.contains("- \""))
        #expect(!shown.yaml.unicodeScalars.contains("\u{202E}"))
    }

    @Test func `a configuration that is wrong is shown all the same, without defaults`() throws {
        let loaded = Loaded.withCluster("monitoring: { interval: 5s, timeout: 6s }")
        let shown = try #require(EffectiveConfiguration(loaded.result, withDefaults: true))
        #expect(shown.root["monitoring"]?["timeout"] != nil)
        #expect(shown.root["watch"] == nil)
        #expect(EffectiveConfiguration(Loaded("").result, withDefaults: true) == nil)
    }
}
