// Selfheal
// SPDX-License-Identifier: Apache-2.0

import ClusterWatch
import RunPlan
import RunVocabulary
import RunbookSource
import RunbookYAML

/// Reads the configuration's tree, in which no `${NAME}` is left, and reports what is wrong with it.
struct ConfigurationReader {
    let sink: DiagnosticSink
    /// The scalars that came from the environment, and so are no secrets in a file.
    let expanded: Set<SourceSpan>
    let folders: LocalFolders
    /// Channels that are in the file, and not in the tree.
    let channelsLeftOut: [String]
    /// Which ways nodes want, until all that ways lead through are known.
    let wanted = WantedJumps()
    let ownMonitors = OwnMonitors()
    let windowNaming = WindowNaming()

    /// Nothing when it is no mapping at all; a cluster that could not be read has no nodes.
    func configuration(_ root: YAMLNode) -> SelfhealConfiguration? {
        let help = "a configuration has 'cluster:' with the nodes"
        guard var reader = MappingReader(root, what: "the configuration", sink: self.sink, help: help) else {
            return nil
        }
        self.skip(UnactedKeys.root, &reader)
        // Their work was done when the files were put together.
        _ = reader.pairs(of: ConfigurationLayers.keys)
        let environment = reader.text("environment")
        let access = reader.take("ssh").flatMap(self.defaultAccess) ?? DefaultAccess()
        let services = reader.named("services", "a mapping of services to commands")?.compactMap(self.service) ?? []
        var cluster = reader.require("cluster", because: help).flatMap { self.cluster($0, access) }
        cluster?.services = services
        cluster?.clusters = self.otherClusters(&reader)
        let settings = self.givenSettings(&reader)
        self.checkThatProductionHasBrokers(root, environment)
        let people = self.people(&reader)
        let channels = reader.take("notifications").map(self.channels) ?? []
        let store = reader.take("store").map(self.store)
        let security = reader.take("security").flatMap(self.security) ?? (false, false)
        // A channel that is wrong is there all the same, and is complained about once.
        let written = root["notifications"]?["channels"]?.mapping?.map(\.key.text) ?? []
        let names = Set(channels.map(\.name) + written + self.channelsLeftOut).sorted()
        var watch = self.watch(&reader, Reachable(people: people, channels: names))
        watch.settings.retention = reader.take("retention").map(self.retention) ?? Retention()
        let http = reader.take("http").flatMap(self.http)
        reader.finish()
        let nodes = cluster ?? Inventory(clusterName: "", clusterID: "", nodes: [], services: [])
        return SelfhealConfiguration(
            inventory: self.withMonitors(nodes, watch.monitors, watch.settings),
            people: people,
            channels: channels,
            storeFolder: store?.folder ?? self.folders.resolve(".selfheal"),
            storeGroup: store?.group,
            allowsSpeakingForOthers: security.speaksForOthers,
            requesterMayApprove: security.requesterMayApprove,
            watch: watch.settings,
            watchedRunbooks: watch.runbooks,
            settings: settings,
            http: http
        )
    }

    /// With fewer, the loss of one broker leaves partitions of three copies without one to spare.
    private static let brokersInProduction = 3

    /// Counts what is written: a broker that could not be read is one all the same.
    private func checkThatProductionHasBrokers(_ root: YAMLNode, _ environment: Spanned<String>?) {
        guard let environment, environment.value == "production", let pair = root["cluster"]?.pair("kafka_brokers"),
            let brokers = pair.value.sequence, brokers.count < Self.brokersInProduction
        else {
            return
        }
        self.sink.report(
            .fewBrokers(
                brokers.count,
                least: Self.brokersInProduction,
                at: pair.key.span,
                environment: environment.span
            )
        )
    }

    /// Says of each key that nothing is done with it, where it stands.
    func skip(_ keys: Set<String>, _ reader: inout MappingReader) {
        for key in keys.sorted() {
            if let pair = reader.pair(key) {
                self.sink.report(.notActedUpon(key, at: pair.key.span))
            }
        }
    }

    private func store(_ node: YAMLNode) -> (folder: String?, group: String?) {
        guard var reader = MappingReader(node, what: "'store'", sink: self.sink) else {
            return (nil, nil)
        }
        defer { reader.finish() }
        return (reader.requiredText("folder").map { self.folders.resolve($0) }, reader.text("group")?.value)
    }

    /// How long runs are kept.
    private func retention(_ node: YAMLNode) -> Retention {
        guard var reader = MappingReader(node, what: "'retention'", sink: self.sink) else {
            return Retention()
        }
        defer { reader.finish() }
        return Retention(
            age: self.span("age", least: Retention.least, &reader)?.value,
            runs: reader.int("runs", in: Retention.runRange)?.value
        )
    }

    private func security(_ node: YAMLNode) -> (speaksForOthers: Bool, requesterMayApprove: Bool)? {
        guard var reader = MappingReader(node, what: "'security'", sink: self.sink) else {
            return nil
        }
        defer { reader.finish() }
        self.skip(UnactedKeys.security, &reader)
        return (
            reader.bool("speak_for_others")?.value ?? false,
            reader.bool("requester_may_approve")?.value ?? false
        )
    }

    // MARK: People

    private func people(_ reader: inout MappingReader) -> [Person] {
        let nodes = reader.elements("people", "a list of people") ?? []
        var names: [String: SourceSpan] = [:]
        var users: [String: SourceSpan] = [:]
        return nodes.compactMap { node in
            guard var reader = MappingReader(node, what: "a person", sink: self.sink) else {
                return nil
            }
            defer { reader.finish() }
            let name = reader.requiredText("name", because: "runbooks call people by it: person:ada").flatMap {
                self.name($0, "person")
            }
            let user = reader.text("unix_user").flatMap { self.name($0, "unix user") }
            let roles = (reader.texts("roles") ?? []).compactMap { self.name($0, "role") }
            if let name, let first = names.updateValue(name.span, forKey: name.value) {
                self.sink.report(.duplicatePerson(name.value, at: name.span, first: first))
            }
            if let user, let first = users.updateValue(user.span, forKey: user.value) {
                self.sink.report(.sharedUnixUser(user.value, at: user.span, first: first))
            }
            return name.map { Person(name: PersonName($0.value), unixUser: user?.value, roles: roles.map(\.value)) }
        }
    }

    /// The text if it can be a name of that sort; otherwise a diagnostic says why not.
    func name(_ text: Spanned<String>, _ what: String) -> Spanned<String>? {
        guard Characters.isName(text.value) else {
            self.sink.report(.badConfiguredName(text.value, what: what, at: text.span))
            return nil
        }
        return text
    }
}

extension MappingReader {
    /// The one pair that is there of a key and the other names it is known by.
    mutating func pair(_ key: String, or others: [String]) -> YAMLPair? {
        let found = ([key] + others).compactMap { self.pair($0) }
        if found.count > 1 {
            self.sink.report(
                .sameMeaning(found[1].key.text, found[0].key.text, at: found[1].key.span, first: found[0].key.span)
            )
        }
        return found.first
    }

    /// The same, and its absence is reported under the first name.
    mutating func requiredPair(_ key: String, or others: [String], because help: String? = nil) -> YAMLPair? {
        let pair = self.pair(key, or: others)
        if pair == nil {
            _ = self.require(key, because: help)
        }
        return pair
    }

    mutating func text(_ key: String, or others: String...) -> Spanned<String>? {
        self.pair(key, or: others).flatMap { self.text($0.value, $0.key.text) }
    }

    mutating func texts(_ key: String, or others: String...) -> [Spanned<String>]? {
        self.pair(key, or: others).flatMap { self.texts($0.key.text) }
    }

    /// A port's number.
    mutating func port(_ key: String) -> Spanned<Int>? {
        self.int(key, in: 1...65_535)
    }
}
