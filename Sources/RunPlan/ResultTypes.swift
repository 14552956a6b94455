// Selfheal
// SPDX-License-Identifier: Apache-2.0

package import CELExpressions

/// The record types that expressions see: nodes, and what each verb reports about one target.
///
/// The checker types expressions with them and the core builds values from them, so that they cannot disagree.
package enum ResultTypes {
    package static let node = Self.record(
        "node",
        [
            ("name", .string), ("host", .string), ("id", .int), ("datacenter", .string), ("rack", .string),
            ("data_dir", .string), ("log_dir", .string), ("roles", .list(.string)), ("voter", .bool),
            ("labels", .map(.string, .string)),
        ] + observedFields.map { ($0.name, $0.type) } + [("observed_at", .timestamp)]
    )

    /// What monitors find out about a node.
    private static let observedFields: [(name: String, type: CELType)] = [
        ("answered", .bool), ("serving", .bool), ("health", .string), ("mode", .string), ("zxid", .int),
        ("node_count", .int), ("problem", .string),
    ]

    package static let observedFieldNames: [String] = observedFields.map(\.name)

    package static func result(of probe: ProbeSpecification) -> CELRecordType {
        switch probe {
        case .tcp: self.tcp
        case .http: self.http
        case .zookeeper: self.zookeeper
        case .kafka: self.kafka
        case .tls: self.tls
        case .prometheus: self.prometheus
        case .dns: self.dns
        case .jmx: self.jmx
        case .ssh: self.ssh
        }
    }

    package static let tcp = Self.result(
        "tcp_result",
        [("open", .bool), ("answered", .bool), ("latency", .duration), ("problem", .string)]
    )

    package static let http = Self.result(
        "http_result",
        [("answered", .bool), ("status", .int), ("body", .string), ("latency", .duration), ("problem", .string)]
    )

    package static let zookeeper = Self.result(
        "zookeeper_result",
        [
            ("answered", .bool), ("serving", .bool), ("mode", .string), ("zxid", .int), ("epoch", .int),
            ("data", .string), ("cluster_id", .string), ("node_count", .int), ("synced_followers", .int),
            ("quorum_size", .int), ("version", .string), ("latency", .duration), ("problem", .string),
        ]
    )

    package static let kafka = Self.result(
        "kafka_result",
        [
            ("answered", .bool), ("serving", .bool), ("controller", .bool), ("broker_id", .int),
            ("cluster_id", .string), ("alive_brokers", .int), ("under_replicated", .int), ("offline", .int),
            ("at_min_isr", .int), ("under_min_isr", .int), ("reassigning", .int), ("lag_seconds", .int),
            ("lag_messages", .int), ("lag_group", .string), ("quorum_leader", .int), ("quorum_size", .int),
            ("synced_voters", .int), ("latency", .duration), ("problem", .string),
        ]
    )

    package static let tls = Self.result(
        "tls_result",
        [
            ("answered", .bool), ("trusted", .bool), ("not_after", .timestamp), ("days_left", .int),
            ("names", .list(.string)), ("subject", .string), ("issuer", .string), ("protocol", .string),
            ("latency", .duration), ("problem", .string),
        ]
    )

    /// One series of what a query gave.
    package static let sample = Self.record("sample", [("labels", .map(.string, .string)), ("value", .double)])

    package static let prometheus = Self.result(
        "prometheus_result",
        [
            ("answered", .bool), ("value", .double), ("values", .list(.record(sample))), ("latency", .duration),
            ("problem", .string),
        ]
    )

    package static let dns = Self.result(
        "dns_result",
        [("answered", .bool), ("addresses", .list(.string)), ("latency", .duration), ("problem", .string)]
    )

    package static let jmx = Self.result(
        "jmx_result",
        [("answered", .bool), ("value", .double), ("text", .string), ("latency", .duration), ("problem", .string)]
    )

    package static let ssh = Self.result(
        "ssh_result",
        [
            ("answered", .bool), ("exit_status", .int), ("stdout", .string), ("stderr", .string),
            ("latency", .duration), ("problem", .string),
        ]
    )

    package static let command = Self.result(
        "command_result",
        [
            ("outcome", .string), ("succeeded", .bool), ("exit_status", .int), ("stdout", .string),
            ("stderr", .string), ("attempts", .int), ("problem", .string), ("output_cut", .bool),
        ]
    )

    /// What a request was answered; `json` is the body, where it is JSON.
    package static let request = Self.record(
        "request_result",
        [
            ("outcome", .string), ("succeeded", .bool), ("status", .int), ("body", .string), ("json", .dyn),
            ("attempts", .int), ("problem", .string),
        ]
    )

    /// What is left of a step that sent a request.
    package static let requestStep = Self.record(
        "step",
        [
            ("outcome", .string), ("succeeded", .bool), ("result", .record(request)),
            ("results", .list(.record(request))),
        ]
    )

    /// What an iteration of a loop leaves behind.
    package static let item = Self.record("item", [("value", .dyn), ("outcome", .string), ("succeeded", .bool)])

    /// What is left of a step of the given results.
    package static func step(results: CELType, items: CELType) -> CELRecordType {
        self.record(
            "step",
            [("outcome", .string), ("succeeded", .bool), ("results", .list(results)), ("items", .list(items))]
        )
    }

    /// What a branch of `parallel` leaves behind.
    package static let branch = Self.record("branch", [("outcome", .string), ("succeeded", .bool)])

    /// What is left of a step with branches of these names.
    package static func step(branches: [String]) -> CELRecordType {
        let type = self.record("branches", branches.map { ($0, .record(self.branch)) })
        return self.record("step", [("outcome", .string), ("succeeded", .bool), ("branches", .record(type))])
    }

    package static let run = Self.record(
        "run",
        [("id", .string), ("elapsed", .duration), ("step", .string), ("reason", .string)]
    )

    package static let cluster = Self.record("cluster", [("name", .string), ("id", .string)])

    /// Another cluster; an empty text is what the configuration does not say.
    package static let namedCluster = Self.record(
        "named_cluster",
        [("name", .string), ("id", .string), ("datacenter", .string)]
    )

    package static func record(_ name: String, _ fields: [(String, CELType)]) -> CELRecordType {
        CELRecordType(name, fields: fields.map { CELRecordType.Field($0.0, $0.1) })
    }

    private static func result(_ name: String, _ fields: [(String, CELType)]) -> CELRecordType {
        self.record(name, [("target", .record(self.node))] + fields)
    }
}
