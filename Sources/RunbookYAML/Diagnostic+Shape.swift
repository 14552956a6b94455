// Selfheal
// SPDX-License-Identifier: Apache-2.0

package import RunbookSource

/// Mistakes in the shape of a file: what is where, and written how.
extension Diagnostic {
    package static func wrongShape(_ what: String, needed: String, found node: YAMLNode, help: String?) -> Self {
        Self(
            code: Code(101),
            severity: .error,
            message: "\(what) needs \(needed), and this is \(node.kindName)",
            span: node.span,
            help: help
        )
    }

    package static func unknownKey(_ key: String, in what: String, at span: SourceSpan, known: [String]) -> Self {
        let isWord = key.unicodeScalars.allSatisfy { $0 == "_" || $0 == "-" || $0.properties.isAlphabetic }
        let all = "it knows \(known.sorted().map { "'\($0)'" }.joined(separator: ", "))"
        return Self(
            code: Code(102),
            severity: .error,
            message: "\(what) has no key '\(key)'",
            span: span,
            help: isWord ? all : "inside '{ }' a comma begins the next key: quote a value that has one in it",
            slip: isWord ? DidYouMean.slip(for: key, among: known) : nil
        )
    }

    package static func missingKey(_ key: String, in what: String, at span: SourceSpan, help: String?) -> Self {
        Self(code: Code(103), severity: .error, message: "\(what) needs '\(key)'", span: span, help: help)
    }

    package static func outOfRange(
        _ key: String,
        _ value: Int,
        _ range: ClosedRange<Int>,
        at span: SourceSpan
    ) -> Self {
        Self(
            code: Code(106),
            severity: .error,
            message: "'\(key)' cannot be \(value)",
            span: span,
            help: "it is \(range.lowerBound) to \(range.upperBound)"
        )
    }
}
