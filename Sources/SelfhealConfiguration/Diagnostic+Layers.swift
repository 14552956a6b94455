// Selfheal
// SPDX-License-Identifier: Apache-2.0

package import RunbookSource
import RunbookYAML

/// Mistakes in what a configuration is put together from.
extension Diagnostic {
    package static func unreadableLayer(_ path: String, _ reason: String, at span: SourceSpan) -> Self {
        let help = "a path that is not absolute is taken from the folder of the file in which it is written"
        return self.error(560, "'\(path)' cannot be read: \(reason)", at: span, help: help)
    }

    package static func includeCycle(_ chain: [String], at span: SourceSpan) -> Self {
        self.error(
            561,
            "a file includes itself: \(chain.joined(separator: " → "))",
            at: span,
            help: "take one of these 'include:' away, or move what both need into a third file"
        )
    }

    package static func tooManyFiles(depth: Int, files: Int, at span: SourceSpan) -> Self {
        self.error(
            562,
            "too many files are included",
            at: span,
            help: "a configuration has at most \(files) files, which include one another at most \(depth) deep"
        )
    }

    package static func nothingForEnvironment(_ name: String, file: String, known: [String], in path: String) -> Self {
        self.error(
            563,
            "nothing is different in the environment '\(name)'",
            at: .wholeFile(path),
            help: "write '\(file)', or 'environments: { \(name): … }'"
                + (known.isEmpty ? "" : "; there is \(known.joined(separator: ", "))")
        )
    }

    package static func badSetting(at span: SourceSpan) -> Self {
        self.error(
            564,
            "this sets nothing",
            at: span,
            help:
                "write --set monitoring.interval=5s; a key with a full stop in it is quoted: nodes.\"a.example.com\".port=22"
        )
    }

    package static func tooManySettings(limit: Int, at span: SourceSpan) -> Self {
        self.error(564, "'--set' is there more than \(limit) times", at: span, help: "write a file, and include it")
    }

    package static func nothingToChange(
        _ name: String,
        in list: String,
        at span: SourceSpan,
        known: [String]
    ) -> Self {
        let shown = known.prefix(8).map { "'\($0)'" }.joined(separator: ", ") + (known.count > 8 ? ", …" : "")
        return Self(
            code: Code(565),
            severity: .error,
            message: "'\(list)' has no '\(name)' to change",
            span: span,
            help:
                "there is \(known.isEmpty ? "nothing" : shown); a new one is written as an element of a list, with its name",
            slip: DidYouMean.slip(for: name, among: known)
        )
    }

    package static func fewBrokers(_ count: Int, least: Int, at span: SourceSpan, environment: SourceSpan) -> Self {
        self.error(
            566,
            "production needs \(least) brokers, and this is \(count)",
            at: span,
            notes: [Note(message: "this says that it is production", span: environment)],
            help: "with fewer, the loss of one leaves no copy to spare; name all brokers, or another environment"
        )
    }

    package static func unreadableSecret(_ path: String, _ reason: String, at span: SourceSpan) -> Self {
        self.error(
            567,
            "the secret in '\(path)' cannot be read: \(reason)",
            at: span,
            help: "its first line is taken; it has to be there for the user that selfheal runs as"
        )
    }

    package static func misplacedLayerKey(_ key: String, at span: SourceSpan) -> Self {
        self.error(
            568,
            "'\(key)' means nothing here",
            at: span,
            help:
                "what belongs together is said at the top of a file, and not by an environment, 'base_config' or '--set'"
        )
    }

    /// What the file is, if it is plainly something else.
    static func foreign(_ root: YAMLNode) -> Self? {
        if let play = root.sequence?.first, let pair = play.pair("hosts") {
            let help = "name the hosts under 'cluster:'; an act of a playbook is a step of a runbook"
            return self.error(
                569,
                "this is a playbook for Ansible, and no configuration",
                at: pair.key.span,
                help: help
            )
        }
        let keys = Set((root.mapping ?? []).map(\.key.text))
        let isOurs = keys.contains("cluster")
        let found: (what: String, key: String, help: String)? =
            if keys.isSuperset(of: ["apiVersion", "kind"]) {
                (
                    "an object for Kubernetes", "apiVersion",
                    "the configuration is what stands in a ConfigMap's 'data:'; save that text as a file of its own"
                )
            } else if keys.contains("jobs"), keys.contains("on") || keys.contains("name") {
                ("a workflow for continuous integration", "jobs", "name the file that it deploys")
            } else if keys.contains("services"), keys.contains("version") {
                (
                    "a Compose file", "services",
                    "name the nodes that it starts under 'cluster:', with their hosts and ports"
                )
            } else if keys.contains("infrastructure_assessment") {
                (
                    "a questionnaire", "infrastructure_assessment",
                    "write the nodes themselves under 'cluster:'; 'selfheal doctor' finds out what they have"
                )
            } else {
                nil
            }
        guard !isOurs, let found, let pair = root.pair(found.key) else {
            return nil
        }
        return self.error(569, "this is \(found.what), and no configuration", at: pair.key.span, help: found.help)
    }
}
