// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// A cluster besides the one that is healed, such as its mirror in another data centre: what `clusters.NAME` says of it.
package struct NamedCluster: Hashable, Sendable, Codable {
    /// What runbooks call it.
    package var key: String
    package var name: String
    /// Empty, like the datacenter, when the configuration does not say it.
    package var id: String
    package var datacenter: String

    package init(key: String, name: String, id: String, datacenter: String) {
        self.key = key
        self.name = name
        self.id = id
        self.datacenter = datacenter
    }
}

/// A cluster that a runbook names: `clusters.NAME`.
package struct PlanClusterName: Hashable, Sendable, Codable {
    package var name: String
    /// Where it is named first; nothing when it is in another file.
    package var place: Place?

    package init(name: String, place: Place?) {
        self.name = name
        self.place = place
    }
}

extension Inventory {
    /// With a cluster for each that the plan names, for worlds that nobody configured.
    package func pretendingClusters(of plan: Plan) -> Inventory {
        guard let names = plan.clusters, self.clusters == nil else {
            return self
        }
        var copy = self
        copy.clusters = names.map { NamedCluster(key: $0.name, name: $0.name, id: "\($0.name)-id", datacenter: "") }
        return copy
    }
}
