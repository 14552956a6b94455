// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunbookSource
import RunbookYAML
import SelfhealConfiguration
import TestSupport

/// A configuration read from a marked text, as if from `/etc/selfheal/selfheal.yaml`.
struct Loaded {
    let source: MarkedSource
    let result: LoadedConfiguration

    var configuration: SelfhealConfiguration? { self.result.configuration }
    var diagnostics: [Diagnostic] { self.result.diagnostics }

    /// The other files are given by their paths: `/etc/selfheal/nodes.yaml`.
    init(
        _ text: String,
        environment: [String: String] = [:],
        files: [String: String] = [:],
        overlay: String? = nil,
        settings: [String] = [],
        leavingOutIncompleteChannels: Bool = false
    ) {
        self.source = MarkedSource(path: "selfheal.yaml", text)
        self.result = SelfhealConfiguration.load(
            YAMLDocument.parse(self.source.file, features: .configuration),
            from: ConfigurationSources(environment: environment, overlay: overlay, settings: settings) { path in
                guard let text = files[path] else {
                    return .failure(.init(reason: "no such file or directory", isMissing: true))
                }
                return .success(Array(text.utf8))
            },
            baseFolder: "/etc/selfheal",
            leavingOutIncompleteChannels: leavingOutIncompleteChannels
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

    /// What is wrong, as `RB0534 selfheal.yaml:3`.
    var found: [String] {
        self.diagnostics.map { "\($0.code) \($0.span.path)\($0.span.isWholeFile ? "" : ":\($0.span.start.line)")" }
    }
}
