// Selfheal
// SPDX-License-Identifier: Apache-2.0

package import ClusterWatch
package import RunPlan
package import RunVocabulary
package import RunbookSource
package import RunbookYAML

/// What `selfheal.yaml` says: the cluster, the people, the ways to reach them, and where runs are kept.
package struct SelfhealConfiguration: Hashable, Sendable {
    package var inventory: Inventory
    /// In the order of the file; no two share a name or a unix user.
    package var people: [Person]
    /// In the order of the file; names are distinct.
    package var channels: [Channel]
    /// Where the journal lies; `.selfheal` beside the configuration's file unless it says otherwise.
    package var storeFolder: String
    /// The unix group whose members may speak to the engine; without one only its own user and root can.
    package var storeGroup: String?
    /// Whether anybody may vote in somebody else's name, which is for practice alone.
    package var allowsSpeakingForOthers: Bool
    /// Whether the person who started a run counts among those who approve it.
    package var requesterMayApprove: Bool
    /// How `selfheal serve` watches, and what it keeps to.
    package var watch: WatchSettings
    /// The runbooks that it starts; paths of files, in the order of the file.
    package var watchedRunbooks: [Spanned<String>]
    /// What it answers over HTTP; nothing, and it does not listen.
    package var http: HTTPSettings?

    /// Reads a document that was parsed with ``YAMLFeatures/configuration``.
    ///
    /// `${NAME}` in a value is replaced from `environment`, and relative paths of this machine are taken from `baseFolder`, the folder of
    /// the configuration's file.
    ///
    /// - Returns: everything wrong with the file, what YAML had to say included, in source order; and the configuration when nothing of it
    ///   is an error.
    package static func load(
        _ document: YAMLDocument,
        environment: [String: String],
        baseFolder: String
    ) -> (configuration: SelfhealConfiguration?, diagnostics: [Diagnostic]) {
        guard let root = document.root else {
            return (nil, document.diagnostics)
        }
        var expansion = EnvironmentExpansion(environment: environment)
        let tree = expansion.expand(root)
        return self.read(tree, document, expansion, environment: environment, baseFolder: baseFolder)
    }

    /// Reads a tree that was expanded, and from which some channels were left out.
    static func read(
        _ tree: YAMLNode,
        _ document: YAMLDocument,
        _ expansion: EnvironmentExpansion,
        environment: [String: String],
        baseFolder: String,
        leftOut: [String] = []
    ) -> (configuration: SelfhealConfiguration?, diagnostics: [Diagnostic]) {
        let sink = DiagnosticSink()
        let reader = ConfigurationReader(
            sink: sink,
            expanded: expansion.expanded,
            folders: LocalFolders(base: baseFolder, home: environment["HOME"]),
            channelsLeftOut: leftOut
        )
        let configuration = reader.configuration(tree)
        // What a variable should have said is reported once, as missing, and not once more as text of the wrong kind.
        let consequences = sink.diagnostics.filter { !expansion.broken.contains($0.span) }
        let diagnostics = Self.unique(document.diagnostics + expansion.diagnostics + consequences).inSourceOrder()
        return (document.isUsable && !diagnostics.hasErrors ? configuration : nil, diagnostics)
    }

    /// An anchored mapping is read wherever it is merged, and is wrong there each time in the same way.
    private static func unique(_ diagnostics: [Diagnostic]) -> [Diagnostic] {
        var seen: Set<Diagnostic> = []
        return diagnostics.filter { seen.insert($0).inserted }
    }
}

/// Somebody who may be asked, told and listened to.
package struct Person: Hashable, Sendable {
    package var name: PersonName
    /// The user of this machine who speaks as this person; without one, nobody does.
    package var unixUser: String?
    package var roles: [String]

    package init(name: PersonName, unixUser: String? = nil, roles: [String] = []) {
        self.name = name
        self.unixUser = unixUser
        self.roles = roles
    }

    package func fits(_ approver: Approver) -> Bool {
        switch approver {
        case .role(let role): self.roles.contains(role)
        case .person(let name): self.name == name
        }
    }
}
