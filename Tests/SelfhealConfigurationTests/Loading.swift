// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunbookSource
import RunbookYAML
import SelfhealConfiguration
import TestSupport

/// A configuration read from a marked text, as if from `/etc/selfheal/selfheal.yaml`.
struct Loaded {
    let source: MarkedSource
    let configuration: SelfhealConfiguration?
    let diagnostics: [Diagnostic]

    init(_ text: String, environment: [String: String] = [:]) {
        self.source = MarkedSource(path: "selfheal.yaml", text)
        let document = YAMLDocument.parse(self.source.file, features: .configuration)
        (self.configuration, self.diagnostics) = SelfhealConfiguration.load(
            document,
            environment: environment,
            baseFolder: "/etc/selfheal"
        )
    }

    /// A cluster of one ZooKeeper server, and what a test is about.
    static func withCluster(_ text: String, environment: [String: String] = [:]) -> Loaded {
        Loaded("cluster: { zookeeper_nodes: [{ host: zk1 }] }\n" + text, environment: environment)
    }

    /// A cluster with these nodes, written as flow mappings.
    static func withNodes(_ nodes: String..., list: String = "zookeeper_nodes", rest: String = "") -> Loaded {
        Loaded("cluster:\n  \(list):\n" + nodes.map { "    - \($0)\n" }.joined() + rest)
    }
}
