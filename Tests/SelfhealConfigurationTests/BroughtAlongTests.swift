// Selfheal
// SPDX-License-Identifier: Apache-2.0

import ClusterWatch
import RunPlan
import RunVocabulary
import RunbookSource
import SelfhealConfiguration
import Testing

/// A file of the shape that people bring along from the documents they began with.
private struct Example {
    let name: String
    let text: String
    var overlay: String?
    /// Whether it is a part, to which a cluster belongs.
    var isPart = false
}

// Goal: each of them is used as it was meant, or says why not; and docs/configuration.md tells the truth about it.
// Method: load an equivalent of our own, and compare the codes with those of the table.
@Suite struct BroughtAlongTests {
    private static let cluster = """
        cluster:
          kafka_brokers:
            - { node_id: kafka-a, host: a.example.com, port: 9092, jmx_port: 9999 }
            - { node_id: kafka-b, host: b.example.com, port: 9092, jmx_port: 9999 }

        """
    private static let mail = """
        notifications:
          smtp:
            host: mail.example.com
            port: 587
            username: "${SMTP_USERNAME}"
            password: "${SMTP_PASSWORD}"
            from_email: kafka@example.com
            to_emails: [night@example.com]

        """
    private static let environment = ["SMTP_USERNAME": "kafka", "SMTP_PASSWORD": "not shown"]

    private static let examples = [
        Example(
            name: "local development",
            text: """
                cluster:
                  kafka_brokers:
                    - { node_id: a, host: localhost, port: 9092, jmx_port: 9999 }
                    - { node_id: b, host: localhost, port: 9093, jmx_port: 9998 }
                  zookeeper_nodes: [{ node_id: z, host: localhost, port: 2181 }]
                monitoring: { interval_seconds: 10, timeout_seconds: 5, methods: [socket, jmx] }
                recovery: { max_attempts: 2, initial_delay_seconds: 5, actions: [restart_service] }
                notifications: { smtp: { host: localhost, port: 1025, from_email: me@localhost, to_emails: [you@localhost] } }
                logging: { level: DEBUG, file: logs/here.log }
                """
        ),
        Example(
            name: "installed template",
            text: Self.cluster + Self.mail + """
                monitoring: { interval_seconds: 30, timeout_seconds: 15, methods: [socket] }
                recovery: { max_attempts: 3 }
                logging: { level: INFO, max_size_mb: 100, backup_count: 10 }
                """
        ),
        Example(
            name: "inside a ConfigMap",
            text: Self.cluster + Self.mail + """
                monitoring: { interval_seconds: 20, timeout_seconds: 15, methods: [socket, jmx, kubernetes] }
                recovery: { actions: [restart_pod, scale_statefulset] }
                logging: { level: INFO }
                system: { metrics: { enabled: true, port: 8080, format: prometheus } }
                """
        ),
        Example(
            name: "smallest development",
            text: Self.cluster + "logging: { level: DEBUG }\nnotifications: { smtp: { host: localhost, port: 1025 } }"
        ),
        Example(
            name: "staging",
            text: Self.cluster + "monitoring: { interval_seconds: 20, timeout_seconds: 10 }\nlogging: { level: INFO }\n"
                + "security: { ssl: { enabled: true } }"
        ),
        Example(name: "production without its name", text: Self.production),
        Example(name: "production by its name", text: "environment: production\n" + Self.production),
        Example(
            name: "cascade recovery",
            text: "recovery: { cascade_failure_detection: { enabled: true, threshold_percentage: 50 } }",
            isPart: true
        ),
        Example(
            name: "quorum recovery",
            text: "recovery: { zookeeper: { quorum_loss_detection: true, emergency_procedures: [stop, restore] } }",
            isPart: true
        ),
        Example(
            name: "high throughput",
            text: """
                monitoring:
                  high_throughput_mode: { enabled: true, interval_seconds: 15 }
                  load_aware_thresholds: { cpu_threshold: 85 }
                recovery: { load_sensitive_recovery: { load_threshold: 80 } }
                """,
            isPart: true
        ),
        Example(
            name: "several data centres",
            text: """
                multi_datacenter: { failover: { automatic: false }, coordination: { primary_dc: east, secondary_dc: west } }
                notifications: { escalation: { datacenter_failure: { immediate: [head@example.com] } } }
                """,
            isPart: true
        ),
        Example(
            name: "base and production, parts of an anchor",
            text: Self.inherited.replacing(
                "  monitoring:\n    interval",
                with: "  monitoring:\n    <<: *base.monitoring\n    interval"
            ),
            overlay: "production",
            isPart: true
        ),
        Example(name: "base and production", text: Self.inherited, overlay: "production", isPart: true),
        Example(name: "base alone", text: Self.inherited, isPart: true),
        Example(
            name: "plugins",
            text: "plugins: { monitoring_plugins: { prometheus_monitoring: { enabled: true, priority: 1 } } }",
            isPart: true
        ),
        Example(
            name: "network security",
            text: """
                security:
                  network: { tls: { min_version: '1.2' }, access_control: { denied_networks: [0.0.0.0/0] } }
                  audit: { log_all_access: true, retention_days: 365 }
                """,
            isPart: true
        ),
        Example(name: "dashboards", text: "dashboards: { overview: { panels: [] }, alerts: [] }", isPart: true),
        Example(
            name: "disaster recovery",
            text:
                "disaster_recovery: { backup: { enabled: true }, failover: { automation: { auto_failover: false } } }",
            isPart: true
        ),
        Example(
            name: "high availability",
            text: "high_availability: { enabled: true, coordination: { backend: etcd } }",
            isPart: true
        ),
        Example(name: "questionnaire", text: "infrastructure_assessment: { kafka_cluster: { broker_count: 6 } }"),
        Example(name: "Compose file", text: "version: '3.8'\nservices: { zookeeper: { image: zk } }"),
        Example(name: "playbook", text: "- { name: set up, hosts: staging, tasks: [] }"),
        Example(name: "Kubernetes objects", text: "apiVersion: v1\nkind: Namespace\n---\napiVersion: v1\nkind: Secret"),
        Example(name: "workflow", text: "name: deploy\non: { push: { branches: [main] } }\njobs: { test: {} }"),
        Example(name: "service mesh", text: "apiVersion: mesh/v1\nkind: VirtualService\n---\nkind: DestinationRule"),
    ]

    private static let production =
        Self.cluster + """
            monitoring: { interval_seconds: 30, timeout_seconds: 15, methods: [socket, jmx] }
            recovery: { max_attempts: 5, actions: [restart_service, ansible] }
            logging: { level: INFO, audit: { enabled: true } }
            security: { ssl: { enabled: true }, sasl: { enabled: true } }
            notifications: { escalation: { enabled: true } }
            """

    private static let inherited = """
        base_config: &base
          monitoring: { interval_seconds: 30, timeout_seconds: 15 }
          recovery: { max_attempts: 3 }
          logging: { level: INFO }
        production:
          <<: *base
          monitoring:
            interval_seconds: 15
            health_check_retries: 3
          security: { ssl: { enabled: true, verify_certificates: true } }
          notifications: { escalation: { enabled: true, escalation_delay: 300 } }

        """

    private static func load(_ example: Example) -> Loaded {
        Loaded(
            (example.isPart ? self.cluster + "    - { node_id: kafka-c, host: c.example.com }\n" : "") + example.text,
            environment: self.environment,
            overlay: example.overlay
        )
    }

    /// The rows of the table: the example's name, and the codes in the last column.
    private static func rows() throws -> [String: (isUsed: Bool, codes: [UInt16])] {
        let lines = try Repository.text("docs/configuration.md").split(separator: "\n")
        let cells = lines.filter { $0.hasPrefix("| ") }.map { line in
            line.split(separator: "|").map { $0.drop { $0 == " " }.description.trimmedEnd }
        }
        let rows = cells.filter { $0.count == 3 && ($0[1].hasPrefix("used") || $0[1].hasPrefix("refused")) }
        return Dictionary(
            uniqueKeysWithValues: rows.map { row in
                let codes = row[2].matches(of: /\[RB(\d{4})\]/).compactMap { UInt16($0.output.1) }
                return (row[0], (row[1].hasPrefix("used"), codes.sorted()))
            }
        )
    }

    @Test func `what became of each is what the table says`() throws {
        let rows = try Self.rows()
        #expect(rows.keys.sorted() == Self.examples.map(\.name).sorted())
        for example in Self.examples {
            let loaded = Self.load(example)
            let row = try #require(rows[example.name])
            #expect((loaded.configuration != nil) == row.isUsed, "\(example.name): \(loaded.found)")
            #expect(Set(loaded.diagnostics.map(\.code.number)).sorted() == row.codes, "\(example.name)")
        }
    }

    @Test func `what is used has the meaning that was meant`() throws {
        let byName = Dictionary(uniqueKeysWithValues: Self.examples.map { ($0.name, Self.load($0)) })
        let local = try #require(byName["local development"]?.configuration)
        #expect(local.inventory["b"]?.ports == ["broker": 9_093, "jmx": 9_998])
        #expect(local.inventory["z"]?.roles == ["zookeeper"])
        #expect(local.watch.every == .seconds(10))
        guard case .smtp(let mail) = try #require(local.channels.first).kind else {
            Issue.record("no mail")
            return
        }
        #expect(mail.server == "smtp://localhost:1025")
        #expect(mail.to == ["you@localhost"])
        let installed = try #require(byName["installed template"]?.configuration)
        guard case .smtp(let outside) = try #require(installed.channels.first).kind else {
            Issue.record("no mail")
            return
        }
        #expect(outside.encryption == .required)
        #expect(outside.credentials?.password == Secret("not shown"))
        let base = try #require(byName["base alone"]?.configuration)
        #expect(base.watch.every == .seconds(30))
        #expect(base.watch.timeout == .seconds(15))
        // The interval was shortened in production, and the timeout below it was not: the rule that both documents have.
        let production = try #require(byName["base and production"])
        #expect(production.diagnostics.first { $0.code.number == 534 }?.notes.first?.span?.start.line == 13)
        let fixed = Loaded(
            Self.cluster + "    - { node_id: kafka-c, host: c.example.com }\n" + Self.inherited,
            overlay: "production",
            settings: ["monitoring.timeout=5s"]
        )
        #expect(fixed.configuration?.watch.every == .seconds(15))
        #expect(fixed.configuration?.watch.downAfter == 4)
    }

    @Test func `a warning says where the meaning is to be had instead`() throws {
        for name in ["plugins", "high availability", "cascade recovery", "several data centres", "network security"] {
            let example = try #require(Self.examples.first { $0.name == name })
            for diagnostic in Self.load(example).diagnostics {
                #expect(diagnostic.help?.contains("; delete it") == true, "\(name): \(diagnostic.message)")
            }
        }
    }
}

extension String {
    fileprivate var trimmedEnd: String {
        var text = self
        while text.hasSuffix(" ") {
            text.removeLast()
        }
        return text
    }
}
