// Selfheal
// SPDX-License-Identifier: Apache-2.0

extension Diagnostic {
    /// A word where only certain words mean something.
    package static func unknownWord(_ word: String, for key: String, at span: SourceSpan, known: [String]) -> Self {
        Self(
            code: Code(104),
            severity: .error,
            message: "'\(word)' is no value of '\(key)'",
            span: span,
            help: "it is one of \(known.joined(separator: ", "))",
            slip: DidYouMean.slip(for: word, among: known)
        )
    }
}
