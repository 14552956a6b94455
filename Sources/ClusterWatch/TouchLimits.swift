// Selfheal
// SPDX-License-Identifier: Apache-2.0

package import RunPlan
package import RunVocabulary

/// How many targets one run may change; no runbook can switch this off, and only the configuration sets it.
package struct TouchLimits: Hashable, Sendable {
    package var perRun: Int?
    /// Of one rack, or of one datacenter where the rack is not known.
    package var perDomain: Int?

    package init(perRun: Int? = nil, perDomain: Int? = nil) {
        self.perRun = perRun
        self.perDomain = perDomain
    }

    /// What fails together with a node, as far as the configuration says.
    package static func domain(of node: Node) -> String? {
        let parts = [node.datacenter, node.rack].filter { !$0.isEmpty }
        return parts.isEmpty ? nil : parts.joined(separator: "/")
    }

    /// Why one more target must not be changed, if it must not.
    package func refusal(of target: NodeName, after touched: Set<NodeName>, in inventory: Inventory) -> String? {
        if let most = self.perRun, touched.count >= most {
            return
                "this run has changed \(touched.count.counted("target")) already, and \(most) are the most for one run"
        }
        guard let most = self.perDomain, let domain = inventory[target].flatMap(Self.domain) else {
            return nil
        }
        let alike = touched.count { inventory[$0].flatMap(Self.domain) == domain }
        return alike < most
            ? nil
            : "this run has changed \(alike.counted("target")) of \(domain) already, and \(most) are the most for one failure domain"
    }

    /// For `plan`; nothing when there is no limit.
    package var text: String? {
        let parts = [
            self.perRun.map { "\($0.counted("target")) for one run" },
            self.perDomain.map { "\($0.counted("target")) of one failure domain" },
        ].compactMap { $0 }
        return parts.isEmpty ? nil : "at most \(parts.joined(separator: ", ")) may be changed"
    }
}
