// Selfheal
// SPDX-License-Identifier: Apache-2.0

package import RunPlan
package import RunbookLanguage
package import RunbookSource
package import RunbookYAML

/// A runbook's text with all that is known of it: the one way from a text to its diagnostics and its plan.
package struct CheckedRunbook {
    package let file: SourceFile
    /// The tree, as far as the text is YAML.
    package let root: YAMLNode?
    /// What could be read of it, however wrong.
    package let syntax: RunbookSyntax?
    /// Everything that is wrong with it and with what it calls, in source order: one message for one mistake, without the warnings that the
    /// author has answered.
    package let diagnostics: [Diagnostic]
    /// Nothing when there is an error.
    package let plan: Plan?
    /// What each step can see, when it was asked for.
    package let names: NameScopes?

    /// The loader finds the runbooks that this one calls; an editor wants the ``names`` kept, and nobody else does.
    package init(_ document: YAMLDocument, loader: RunbookLoader = .none, keepsNames: Bool = false) {
        self.file = document.file
        self.root = document.root
        let parsed = document.root.map { RunbookParser.parse($0) }
        self.syntax = parsed?.syntax
        var diagnostics = document.diagnostics + (parsed?.diagnostics ?? [])
        let compiled = parsed?.syntax.map { syntax in
            RunbookCompiler.compile(
                syntax,
                path: document.file.path,
                loader: loader,
                isWellFormed: !diagnostics.hasErrors,
                keepsNames: keepsNames
            )
        }
        diagnostics += compiled?.diagnostics ?? []
        self.plan = diagnostics.hasErrors ? nil : compiled?.plan
        self.names = compiled?.names
        self.diagnostics = Silences.apply(to: diagnostics.inSourceOrder().withoutEchoes(), in: document.file)
    }

    package init(_ file: SourceFile, loader: RunbookLoader = .none, keepsNames: Bool = false) {
        self.init(YAMLDocument.parse(file), loader: loader, keepsNames: keepsNames)
    }

    package init(path: String, text: String, loader: RunbookLoader = .none) {
        self.init(SourceFile(path: path, text: text), loader: loader)
    }
}
