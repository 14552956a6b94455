// Selfheal
// SPDX-License-Identifier: Apache-2.0

package import RunbookSource

/// A value in a YAML file, and where it stands.
///
/// The tree is what the author wrote: aliases are expanded, nothing else is. Typing is left to whoever
/// reads a scalar, see ``YAMLScalar/resolved``.
package struct YAMLNode: Hashable, Sendable {
    package enum Kind: Hashable, Sendable {
        case scalar(YAMLScalar)
        case sequence([YAMLNode])
        /// Keys are distinct, and in the order of the file.
        case mapping([YAMLPair])
    }

    package var kind: Kind
    /// From the first to behind the last character of the value itself.
    ///
    /// Anchors, comments and blank lines around it are left out; a value that is not given at all is an empty
    /// span behind its colon.
    package var span: SourceSpan
    /// Where the alias stands that brought the value here; `span` is then the anchored value's.
    package var alias: SourceSpan?

    package init(kind: Kind, span: SourceSpan, alias: SourceSpan? = nil) {
        self.kind = kind
        self.span = span
        self.alias = alias
    }
}

/// A key and its value in a mapping.
package struct YAMLPair: Hashable, Sendable {
    package var key: YAMLScalar
    package var value: YAMLNode

    package init(key: YAMLScalar, value: YAMLNode) {
        self.key = key
        self.value = value
    }

    /// From the key to the end of its value.
    package var span: SourceSpan { self.key.span.joined(with: self.value.alias ?? self.value.span) }
}

extension YAMLNode {
    package var scalar: YAMLScalar? {
        if case .scalar(let scalar) = self.kind { scalar } else { nil }
    }

    package var sequence: [YAMLNode]? {
        if case .sequence(let nodes) = self.kind { nodes } else { nil }
    }

    package var mapping: [YAMLPair]? {
        if case .mapping(let pairs) = self.kind { pairs } else { nil }
    }

    /// The value under a key; nil when there is none, and for anything but a mapping.
    package subscript(_ key: String) -> YAMLNode? { self.pair(key)?.value }

    package func pair(_ key: String) -> YAMLPair? { self.mapping?.first { $0.key.text == key } }

    package subscript(_ index: Int) -> YAMLNode? {
        guard let nodes = self.sequence, nodes.indices.contains(index) else { return nil }
        return nodes[index]
    }

    /// Whether the value is left out, or written `null` or `~`.
    package var isNull: Bool {
        if case .scalar(let scalar) = self.kind { scalar.isNull } else { false }
    }

    /// The text with its place; nothing for `null`, and for anything but a scalar.
    var spannedText: Spanned<String>? {
        guard case .scalar(let scalar) = self.kind, !scalar.isNull else { return nil }
        return Spanned(scalar.text, at: self.span)
    }

    /// What kind of value this is, for a message: `a list`, `a mapping`, `a number`, `text`.
    package var kindName: String {
        switch self.kind {
        case .scalar(let scalar): scalar.resolved.kindName
        case .sequence: "a list"
        case .mapping: "a mapping"
        }
    }
}
