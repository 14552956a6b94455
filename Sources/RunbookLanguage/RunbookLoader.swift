// Selfheal
// SPDX-License-Identifier: Apache-2.0

package import RunbookSource
import RunbookYAML

/// Finds the runbooks that others call, and says which time zones there are.
///
/// It is handed in, because nothing here may touch a disk: `selfheal check` reads files, an editor its open texts, a test a dictionary.
package struct RunbookLoader: Sendable {
    /// The file of a path, or nothing.
    private let file: @Sendable (String) -> SourceFile?
    /// Whether the system has a time zone of this name; where nobody can tell, it is believed.
    package let knowsZone: @Sendable (String) -> Bool

    package init(
        knowsZone: @escaping @Sendable (String) -> Bool = { _ in true },
        _ file: @escaping @Sendable (String) -> SourceFile?
    ) {
        self.file = file
        self.knowsZone = knowsZone
    }

    /// Finds nothing.
    package static let none = RunbookLoader { _ in nil }

    /// What was found at a path: what could be read of it, however wrong, and what is wrong with its shape.
    package struct Loaded: Sendable {
        package var syntax: RunbookSyntax?
        package var diagnostics: [Diagnostic]
    }

    package func load(_ path: String) -> Loaded? {
        guard let file = self.file(path) else {
            return nil
        }
        let document = YAMLDocument.parse(file, features: .runbook)
        guard let root = document.root else {
            return Loaded(syntax: nil, diagnostics: document.diagnostics)
        }
        let (syntax, shape) = RunbookParser.parse(root)
        return Loaded(syntax: syntax, diagnostics: document.diagnostics + shape)
    }

    /// Where the runbook lies that the file at `path` calls by this name.
    ///
    /// `restart_brokers` is the file of that name beside the caller; anything with a slash or an ending is a path from there.
    package static func path(of name: String, from path: String) -> String {
        let isPath = name.contains("/") || name.hasSuffix(".yaml") || name.hasSuffix(".yml")
        let file = isPath ? name : "\(name).yaml"
        guard !file.hasPrefix("/") else {
            return self.normal(file)
        }
        let folder = path.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/")
        return self.normal(path.contains("/") ? "\(folder)/\(file)" : file)
    }

    /// The path without `.` and without `..` where that can be told.
    package static func normal(_ path: String) -> String {
        var parts: [Substring] = []
        for part in path.split(separator: "/") where part != "." {
            if part == "..", let last = parts.last, last != ".." {
                parts.removeLast()
            } else {
                parts.append(part)
            }
        }
        return (path.hasPrefix("/") ? "/" : "") + parts.joined(separator: "/")
    }
}
