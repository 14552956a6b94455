// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// Keys that a configuration may have and that this version does nothing with.
///
/// They are warned about rather than refused, so that a file written for a later version, or brought along from an earlier tool, can be used
/// today for what today's version does.
package enum UnactedKeys {
    package static let root: Set<String> = [
        "alerts", "dashboards", "disaster_recovery", "high_availability", "logging", "multi_datacenter", "plugins",
        "recovery", "system",
    ]

    package static let monitoring: Set<String> = [
        "alert_thresholds", "high_throughput_mode", "load_aware_thresholds", "max_concurrent_operations",
        "metrics", "thresholds",
    ]

    package static let notifications: Set<String> = ["escalation"]

    package static let security: Set<String> = [
        "access_control", "audit", "authentication", "authorization", "credentials", "encryption", "network",
        "rate_limiting", "rbac",
        "sasl", "ssl", "tls", "vault",
    ]

    /// Where what a key means in other tools is to be had here.
    static let instead: [String: String] = [
        "access_control": "a firewall decides who can connect to where 'http: { listen: … }' says",
        "alerts": "they belong to Prometheus, which scrapes /metrics of 'http: { listen: … }'",
        "audit": "every run and every answer is in the journal, which 'selfheal show' tells",
        "dashboards": "they belong to Grafana, and draw what /metrics of 'http: { listen: … }' has",
        "disaster_recovery":
            "failing over is a runbook (runbooks/multi_dc_failover.yaml), and the store's folder is what to copy",
        "escalation": "a runbook says who is asked and told next: 'approve' with a timeout, 'notify'",
        "high_availability": "one daemon has the store, and what starts it again takes its runs up",
        "high_throughput_mode": "looks are always made side by side; 'interval' says how often",
        "load_aware_thresholds": "a runbook says under which load it acts: 'require', 'choose'",
        "logging": "the log goes to standard output: 'selfheal serve --format json', and who keeps it rotates it",
        "metrics": "they are at /metrics of 'http: { listen: … }'",
        "multi_datacenter": "failing over is a runbook, with its checks and approvals: runbooks/multi_dc_failover.yaml",
        "network": "a firewall decides who can connect, and each channel says how it is encrypted: 'tls', 'ca_file'",
        "plugins": "nothing is loaded into the daemon; what others measure comes in as an alert, by 'http:'",
        "rate_limiting": "'watch: { limit: … }' bounds what may start",
        "rbac": "'people:' says who has which role",
        "recovery": "what to do is said by runbooks: runbooks/restart_service.yaml, runbooks/cascade_failure.yaml",
        "ssl": "each channel says how it is encrypted: 'tls', 'ca_file'",
        "system": "metrics are at /metrics of 'http: { listen: … }'",
        "vault": "a secret comes from the environment or a file: \"${NAME}\", \"${file:PATH}\"",
    ]

    static func inside(_ section: String) -> Set<String> {
        switch section {
        case "monitoring": self.monitoring
        case "notifications": self.notifications
        case "security": self.security
        default: []
        }
    }
}
