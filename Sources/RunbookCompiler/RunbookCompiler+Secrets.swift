// Selfheal
// SPDX-License-Identifier: Apache-2.0

import CELExpressions
import RunPlan
import RunVocabulary
import RunbookLanguage
import RunbookSource

/// Where secret parameters may stand: in what is sent, and nowhere where something is shown, kept or decided.
extension RunbookCompiler {
    /// A template of a script's `env`, or of a request's headers or body: `${{ parameters.NAME }}` of a secret is allowed.
    mutating func sentTemplate(_ syntax: TemplateSyntax, in scope: TypeScope) -> Template? {
        self.isSending = true
        defer { self.isSending = false }
        return self.template(syntax, in: scope)
    }

    /// Reports secrets in an expression where none may be.
    ///
    /// `span` tells the place of a range of the expression's text.
    mutating func checkSecrets(_ cel: CELExpression, _ span: (Range<Int>) -> SourceSpan) {
        guard !self.secretNames.isEmpty else {
            return
        }
        for reference in cel.referencedPaths where reference.root == "parameters" {
            guard reference.path.count > 1 else {
                self.report(.secretsAmongAll(at: span(reference.range)))
                continue
            }
            let name = reference.path[1]
            guard self.secretNames.contains(name) else {
                continue
            }
            let isAlone = cel.text.filter { !$0.isWhitespace } == "parameters.\(name)"
            if !self.isSending || !isAlone {
                self.report(.secretShown(name, at: span(reference.range)))
            }
        }
    }

    /// What the parameters are that nobody may see.
    static func secretNames(of syntax: RunbookSyntax) -> Set<String> {
        Set(syntax.parameters.filter { $0.kind?.value == .secret }.map(\.name.value))
    }
}

extension CELReference {
    fileprivate var range: Range<Int> {
        guard let first = self.ranges.first, let last = self.ranges.last else {
            return 0..<0
        }
        return first.lowerBound..<max(first.upperBound, last.upperBound)
    }
}

extension Diagnostic {
    static func secretShown(_ name: String, at span: SourceSpan) -> Self {
        Self(
            code: Code(255),
            severity: .error,
            message: "the secret '\(name)' would be shown, kept or decided upon here",
            span: span,
            help: "'${{ parameters.\(name) }}' may stand in 'env' of a script and in 'headers' and 'body' of a request"
        )
    }

    static func secretsAmongAll(at span: SourceSpan) -> Self {
        Self(
            code: Code(255),
            severity: .error,
            message: "there are secrets among all the parameters",
            span: span,
            help: "name the parameter that is meant: 'parameters.NAME'"
        )
    }

    static func secretWithDefault(_ name: String, at span: SourceSpan) -> Self {
        Self(
            code: Code(256),
            severity: .error,
            message: "the secret '\(name)' has a default, which everyone can read",
            span: span,
            help: "take it out; '--param-file \(name)=PATH' or '--param '\(name)=${VARIABLE}'' says where it is found"
        )
    }
}
