// Selfheal
// SPDX-License-Identifier: Apache-2.0

package import RunVocabulary

/// A plan with everything a run of it is pinned to: parameters, inventory and who asked for it.
///
/// The digest of its canonical JSON is what approvals are bound to: another parameter, another target or another plan is
/// another digest.
package struct RunBinding: Hashable, Sendable, Codable {
    package var run: RunID
    package var plan: Plan
    package var parameters: [String: Fact]
    package var inventory: Inventory
    package var requestedBy: PersonName
    /// Whether the one who asked for the run may answer at its gates.
    package var requesterMayApprove: Bool

    package init(
        run: RunID,
        plan: Plan,
        parameters: [String: Fact],
        inventory: Inventory,
        requestedBy: PersonName,
        requesterMayApprove: Bool = false
    ) {
        self.run = run
        self.plan = plan
        self.parameters = parameters
        self.inventory = inventory
        self.requestedBy = requestedBy
        self.requesterMayApprove = requesterMayApprove
    }

    /// `sha256:…` of the canonical JSON.
    package var digest: String {
        ContentDigest.text(of: self)
    }
}

extension Plan {
    /// `sha256:…` of the canonical JSON; a digest names what a plan does, wherever its file lies.
    package var digest: String {
        var copy = self
        copy.source = ""
        return ContentDigest.text(of: copy)
    }
}

extension ContentDigest {
    fileprivate static func text(of value: some Encodable) -> String {
        do {
            return ContentDigest(of: try JSONEncoding.encode(value).canonicalBytes).description
        } catch {
            preconditionFailure("plans and bindings hold nothing that JSON cannot say: \(error)")
        }
    }
}
