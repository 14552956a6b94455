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
    /// Where the secret parameters are found; what they are is not kept.
    package var secrets: [String: SecretReference]?
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
        requesterMayApprove: Bool = false,
        secrets: [String: SecretReference]? = nil
    ) {
        self.run = run
        self.plan = plan
        self.parameters = parameters
        self.secrets = secrets
        self.inventory = inventory
        self.requestedBy = requestedBy
        self.requesterMayApprove = requesterMayApprove
    }

    /// `sha256:…` of the canonical JSON.
    package var digest: String {
        ContentDigest.text(of: self)
    }

    /// The parameters as they may be shown, sorted by name: of a secret, where it is found.
    package var shownParameters: [(name: String, text: String)] {
        let all = self.parameters.mapValues(\.text).merging((self.secrets ?? [:]).mapValues(\.text)) { first, _ in first
        }
        return all.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }
}

/// A place where a secret is found, each time that it is needed.
package enum SecretReference: Hashable, Sendable {
    case environment(String)
    case file(String)

    /// Reads `${NAME}` and `${file:PATH}`; anything else is the secret itself, which must not be given so.
    package init?(text: String) {
        guard text.hasPrefix("${"), text.hasSuffix("}") else {
            return nil
        }
        let inside = String(text.dropFirst(2).dropLast())
        if inside.hasPrefix("file:"), inside.count > 5 {
            self = .file(String(inside.dropFirst(5)))
        } else if !inside.isEmpty, inside.allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_") }) {
            self = .environment(inside)
        } else {
            return nil
        }
    }

    package var text: String {
        switch self {
        case .environment(let name): "${\(name)}"
        case .file(let path): "${file:\(path)}"
        }
    }
}

extension SecretReference: Codable {
    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self)
        guard let reference = SecretReference(text: text) else {
            throw DecodingError.dataCorruptedError(
                in: container,
                debugDescription: "this is no place of a secret"
            )
        }
        self = reference
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(self.text)
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
