// Selfheal
// SPDX-License-Identifier: Apache-2.0

package import RunVocabulary

/// One way in which facts about a node are found out, and what counts as healthy there.
package struct NodeMonitor: Hashable, Sendable, Codable {
    /// Tells it from the other monitors of its node; empty for the only one of a node that says nothing of monitors.
    package var name: String
    package var probe: ProbeSpecification
    /// What must hold of `result` for the node to be up; without it the answer itself says it.
    package var healthy: Expression?
    /// How often it looks; as often as the configuration says for all nodes, if nothing.
    package var every: Milliseconds?
    /// How long one of its looks may take.
    package var timeout: Milliseconds?
    /// Whether the node may be up although this monitor cannot tell.
    package var isOptional: Bool

    package init(
        name: String = "",
        probe: ProbeSpecification,
        healthy: Expression? = nil,
        every: Milliseconds? = nil,
        timeout: Milliseconds? = nil,
        isOptional: Bool = false
    ) {
        self.name = name
        self.probe = probe
        self.healthy = healthy
        self.every = every
        self.timeout = timeout
        self.isOptional = isOptional
    }

    /// What people call it: its name, else what it asks.
    package var title: String {
        self.name.isEmpty ? self.probe.method : self.name
    }
}

extension ProbeSpecification {
    /// The word for it in metrics and messages.
    package var method: String {
        switch self {
        case .tcp: "socket"
        case .http: "http"
        case .zookeeper: "zookeeper"
        case .kafka: "kafka"
        case .tls: "tls"
        case .prometheus: "prometheus"
        case .dns: "dns"
        case .jmx: "jmx"
        case .ssh: "ssh"
        }
    }
}

extension Node {
    /// Every way in which it is watched; none, and nobody looks at it.
    package var allMonitors: [NodeMonitor] {
        self.monitors ?? self.monitor.map { [NodeMonitor(probe: $0)] } ?? []
    }
}
