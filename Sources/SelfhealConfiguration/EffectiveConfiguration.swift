// Selfheal
// SPDX-License-Identifier: Apache-2.0

package import RunVocabulary
import RunbookSource
import RunbookYAML

/// A configuration as one value, in which everything knows where it came from and no secret is left.
package struct EffectiveConfiguration: Hashable, Sendable {
    package struct Origin: Hashable, Sendable {
        package enum Kind: String, Hashable, Sendable {
            case file
            /// `--set`, or `--environment`.
            case option
            case `default`
        }

        package var kind: Kind
        /// The file or the option; empty for a default.
        package var name = ""
        package var line = 0
        package var column = 0
        /// The text with its `${NAME}` or `${file:PATH}`, if the value came from there.
        package var reference: String?
        /// Whether what the reference names is not to be had here.
        package var isMissing = false

        package static let `default` = Self(kind: .default)
    }

    package indirect enum Value: Hashable, Sendable {
        case scalar(JSON, Origin)
        case list([Value])
        case mapping([Member])
    }

    package struct Member: Hashable, Sendable {
        package var key: String
        package var value: Value
    }

    package internal(set) var root: Value
    /// What a configuration's secrets read as.
    package static let mask = "***"

    /// Nothing when there is no tree to show.
    ///
    /// `withDefaults` adds what nobody wrote and is so nevertheless, which is known when nothing is wrong.
    package init?(_ loaded: LoadedConfiguration, withDefaults: Bool) {
        guard let tree = loaded.tree else {
            return nil
        }
        let reading = EffectiveReading(loaded)
        self.root = reading.value(tree, at: [])
        if withDefaults, let configuration = loaded.configuration {
            self.addDefaults(of: configuration)
        }
    }
}

/// Reads a tree into values, and takes the secrets out.
private struct EffectiveReading {
    let files: [String: SourceFile]
    let expanded: Set<SourceSpan>
    let broken: Set<SourceSpan>

    init(_ loaded: LoadedConfiguration) {
        self.files = Dictionary(loaded.files.map { ($0.path, $0) }) { first, _ in first }
        self.expanded = loaded.expanded
        self.broken = loaded.broken
    }

    func value(_ node: YAMLNode, at path: [String]) -> EffectiveConfiguration.Value {
        switch node.kind {
        case .sequence(let nodes): return .list(nodes.map { self.value($0, at: path) })
        case .mapping(let pairs):
            return .mapping(
                pairs.map { pair in
                    EffectiveConfiguration.Member(
                        key: pair.key.text,
                        value: self.value(pair.value, at: path + [pair.key.text])
                    )
                }
            )
        case .scalar(let scalar):
            let origin = self.origin(of: scalar.span)
            if origin.isMissing {
                return .scalar(.string(origin.reference ?? ""), origin)
            }
            let isMasked = self.isSecret(scalar, origin, at: path)
            return .scalar(isMasked ? .string(EffectiveConfiguration.mask) : scalar.resolved.json, origin)
        }
    }

    private func origin(of span: SourceSpan) -> EffectiveConfiguration.Origin {
        let isReference = self.expanded.contains(span) || self.broken.contains(span)
        return EffectiveConfiguration.Origin(
            kind: span.path.hasPrefix("--") ? .option : .file,
            name: span.path,
            line: span.start.line,
            column: span.start.column,
            reference: isReference ? self.files[span.path].map { Self.reference($0.text(of: span)) } : nil,
            isMissing: self.broken.contains(span)
        )
    }

    /// The references in a text, without what stands around them, which may be a secret itself.
    private static func reference(_ text: String) -> String {
        var found: [Substring] = []
        var rest = text[...]
        while let start = rest.firstRange(of: "${"), let end = rest[start.upperBound...].firstIndex(of: "}") {
            found.append(rest[start.lowerBound...end])
            rest = rest[rest.index(after: end)...]
        }
        return found.joined(separator: ", ")
    }

    // MARK: Secrets

    private static let secretWords = [
        "password", "passphrase", "secret", "token", "credential", "api_key", "apikey", "private_key", "webhook_url",
        "pagerduty",
    ]
    /// Keys that end like secrets and are none.
    private static let openKeys: Set<String> = ["host_key", "public_key"]

    /// Rather one too many: what is masked here can be looked up where it was written.
    private func isSecret(
        _ scalar: YAMLScalar,
        _ origin: EffectiveConfiguration.Origin,
        at path: [String]
    ) -> Bool {
        if let reference = origin.reference, reference.contains("${file:") {
            return true
        }
        let isName = scalar.text.hasPrefix("${") && scalar.text.hasSuffix("}") && origin.reference == nil
        // The name of a variable is what is written, and tells nothing.
        guard !isName, !scalar.text.isEmpty else {
            return false
        }
        if scalar.text.contains("://"), scalar.text.contains("@") {
            return true
        }
        return path.contains { key in
            let key = key.lowercased()
            return Self.secretWords.contains { key.contains($0) } || key == "headers"
                || key.hasSuffix("_key") && !Self.openKeys.contains(key)
        } || path.first == "notifications" && path.last == "url"
    }
}

extension YAMLScalar.Resolved {
    fileprivate var json: JSON {
        switch self {
        case .null: .null
        case .bool(let value): .bool(value)
        case .int(let value): .int(value)
        case .double(let value): .double(value)
        case .string(let value): .string(value)
        }
    }
}
