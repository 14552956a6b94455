// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// Keys that a configuration may have and that this version does nothing with.
///
/// They are warned about rather than refused, so that a file written for a later version, or brought along from an earlier tool, can be used
/// today for what today's version does.
package enum UnactedKeys {
    package static let root: Set<String> = [
        "alerts", "base_config", "dashboards", "development", "disaster_recovery", "environment", "high_availability",
        "include",
        "includes", "logging", "multi_datacenter", "plugins", "production", "recovery", "staging",
        "system",
    ]

    package static let monitoring: Set<String> = [
        "alert_thresholds", "high_throughput_mode", "load_aware_thresholds", "max_concurrent_operations", "methods",
        "metrics",
        "thresholds",
    ]

    package static let notifications: Set<String> = ["escalation"]

    package static let security: Set<String> = [
        "access_control", "audit", "authentication", "authorization", "credentials", "encryption", "network",
        "rate_limiting", "rbac",
        "sasl", "ssl", "tls", "vault",
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
