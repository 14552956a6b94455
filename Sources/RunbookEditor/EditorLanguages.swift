// Selfheal
// SPDX-License-Identifier: Apache-2.0

package import RunbookSource
package import RunbookYAML

/// The kinds of files that are ours; each is called as its JSON Schema is.
package enum DocumentKind: String, Hashable, Sendable, CaseIterable {
    case runbook
    case configuration = "selfheal"
    case scenario
    case tests = "test"

    /// What the file says that it is: editors hand us every YAML file there is.
    ///
    /// A schema comment decides. Without one it is the key that such a file has and no other has.
    package init?(of file: SourceFile) {
        var found: Self?
        for line in 1...max(1, min(file.lineCount, Self.headLimit)) {
            let range = file.utf8Range(ofLine: line)
            // Most lines are indented, and need not become a text.
            guard let first = file.utf8[range].first, Self.beginnings.contains(first) else {
                continue
            }
            let text = file.line(line)
            if text.hasPrefix("# yaml-language-server: $schema="),
                let kind = Self.allCases.first(where: { text.contains("\($0.rawValue).schema.json") })
            {
                self = kind
                return
            }
            // A scenario has a cluster, too.
            if let kind = Self.keys.first(where: { text.hasPrefix($0.key) })?.kind {
                found = kind
                break
            }
            if text.hasPrefix("cluster:") {
                found = .configuration
            }
        }
        guard let found else {
            return nil
        }
        self = found
    }

    private static let keys: [(key: String, kind: Self)] = [
        ("runbook:", .runbook), ("scenario:", .scenario), ("tests:", .tests),
    ]
    /// The first bytes of all that a line is looked at for.
    private static let beginnings = Array("#rsct".utf8)

    /// How many lines are searched for what the file is.
    private static let headLimit = 200
}

/// What an editor has to know of each kind of file.
package struct EditorLanguages: Sendable {
    /// A kind of file that is checked by somebody else.
    package struct Other: Sendable {
        package let grammar: RunbookGrammar
        package let features: YAMLFeatures
        /// Everything that is wrong with a file, what YAML had to say included.
        package let check: @Sendable (YAMLDocument) -> [Diagnostic]

        package init(
            grammar: RunbookGrammar,
            features: YAMLFeatures,
            check: @escaping @Sendable (YAMLDocument) -> [Diagnostic]
        ) {
            self.grammar = grammar
            self.features = features
            self.check = check
        }
    }

    package let runbook: RunbookGrammar
    package let others: [DocumentKind: Other]

    package init(runbook: RunbookGrammar, others: [DocumentKind: Other] = [:]) {
        self.runbook = runbook
        self.others = others
    }

    func grammar(of kind: DocumentKind?) -> RunbookGrammar {
        kind.flatMap { self.others[$0]?.grammar } ?? self.runbook
    }
}
