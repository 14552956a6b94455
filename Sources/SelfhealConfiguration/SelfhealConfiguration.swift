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
    /// What runbooks leave to the site, in the order of the file; names are distinct.
    package var settings: [GivenSetting] = []
    /// What it answers over HTTP; nothing, and it does not listen.
    package var http: HTTPSettings?

    /// Reads a document that was parsed with ``YAMLFeatures/configuration``, and all that belongs to it.
    ///
    /// `${NAME}` and `${file:PATH}` in a value are replaced. Relative paths of this machine are taken from `baseFolder`, the folder of the
    /// configuration's file, and those that stand in another file from that one's folder.
    ///
    /// Who tells nobody anything wants `leavingOutIncompleteChannels`: channels whose secrets are not to be had are then left out. They are with
    /// the engine's user, and whoever reads the journal or asks how things are may well do without them.
    ///
    /// - Returns: everything wrong with the files, what YAML had to say included; and the configuration when nothing of it is an error.
    package static func load(
        _ document: YAMLDocument,
        from sources: ConfigurationSources,
        baseFolder: String,
        leavingOutIncompleteChannels: Bool = false
    ) -> LoadedConfiguration {
        let folders = LocalFolders(base: baseFolder, home: sources.environment["HOME"])
        var layers = ConfigurationLayers(sources, folders: folders)
        let assembled = layers.assemble(document)
        var loaded = LoadedConfiguration(
            diagnostics: layers.diagnostics.inSourceOrder(),
            files: layers.files,
            sought: layers.sought,
            environment: layers.environment
        )
        guard let assembled else {
            return loaded
        }
        var expansion = EnvironmentExpansion(sources, folders: layers.folders)
        var tree = expansion.expand(assembled)
        loaded.tree = tree
        loaded.expanded = expansion.expanded
        loaded.broken = expansion.broken
        if leavingOutIncompleteChannels {
            loaded.incomplete = tree.removeIncompleteChannels(&expansion)
        }
        loaded.sought += expansion.secretFiles
        let sink = DiagnosticSink()
        let reader = ConfigurationReader(
            sink: sink,
            expanded: expansion.expanded,
            folders: layers.folders,
            channelsLeftOut: loaded.incomplete.map(\.name)
        )
        let configuration = reader.configuration(tree)
        // What a variable should have said is reported once, as missing, and not once more as text of the wrong kind.
        var consequences = sink.diagnostics.filter { !expansion.broken.contains($0.span) }
        if layers.diagnostics.hasErrors {
            // What is missing may be in the file that could not be read.
            consequences.removeAll { $0.code == Diagnostic.Code(103) && $0.span == tree.span }
        }
        loaded.diagnostics = Self.unique(layers.diagnostics + expansion.diagnostics + consequences).inSourceOrder()
        loaded.windowNames = reader.windowNaming.names
        loaded.configuration = loaded.diagnostics.hasErrors ? nil : configuration
        if loaded.diagnostics.hasErrors, Self.isStoreCertain(tree, layers.diagnostics, loaded.diagnostics) {
            loaded.partial = configuration
        }
        return loaded
    }

    /// Whether it is known where the store is, whatever else is wrong.
    ///
    /// A layer that could not be laid upon the rest might have said another.
    private static func isStoreCertain(_ tree: YAMLNode, _ layers: [Diagnostic], _ all: [Diagnostic]) -> Bool {
        guard !layers.hasErrors else {
            return false
        }
        guard let store = tree.pair("store") else {
            // A section that nobody knows may be this one, misspelt.
            let sections = (tree.mapping ?? []).map(\.key.span)
            return !all.contains { $0.severity == .error && sections.contains($0.span) }
        }
        // Its keys may stand in several files.
        let pairs = [store] + (store.value.mapping ?? [])
        return !all.contains { diagnostic in
            diagnostic.severity == .error
                && pairs.contains { $0.key.span.contains(diagnostic.span) || $0.value.span.contains(diagnostic.span) }
        }
    }

    /// The same for a file that stands by itself.
    package static func load(
        _ document: YAMLDocument,
        environment: [String: String],
        baseFolder: String
    ) -> (configuration: SelfhealConfiguration?, diagnostics: [Diagnostic]) {
        let loaded = self.load(document, from: ConfigurationSources(environment: environment), baseFolder: baseFolder)
        return (loaded.configuration, loaded.diagnostics)
    }

    /// An anchored mapping is read wherever it is merged, and is wrong there each time in the same way.
    private static func unique(_ diagnostics: [Diagnostic]) -> [Diagnostic] {
        var seen: Set<Diagnostic> = []
        return diagnostics.filter { seen.insert($0).inserted }
    }
}

/// A value that the configuration gives for every runbook that has a setting of this name.
package struct GivenSetting: Hashable, Sendable {
    package var name: Spanned<String>
    /// Read by the kind that the runbook says it has.
    package var value: Spanned<String>

    package init(name: Spanned<String>, value: Spanned<String>) {
        self.name = name
        self.value = value
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
