// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunVocabulary
package import RunbookSource
package import RunbookYAML

/// Reads a scenario from YAML, and finds everything that is wrong with it in one pass.
package struct ScenarioReader {
    /// Above any cluster that is worth rehearsing, and small enough for each round of the monitors.
    private static let nodeLimit: Int64 = 1_000

    /// How often monitors may look, and how long a rehearsal may take.
    private static let paces = Milliseconds.seconds(1)...Milliseconds.minutes(24 * 60)
    private static let limits = Milliseconds.seconds(1)...Milliseconds.minutes(30 * 24 * 60)

    /// What holds the scenario: a file of its own, or something that says more besides.
    package struct Form: Hashable, Sendable {
        /// As messages call it.
        package var what: String
        /// The key of its name.
        package var nameKey: String
        /// Keys that somebody else reads.
        package var otherKeys: [String]
        /// What to do when the name is missing.
        package var help: String

        package init(what: String, nameKey: String, otherKeys: [String], help: String) {
            self.what = what
            self.nameKey = nameKey
            self.otherKeys = otherKeys
            self.help = help
        }

        package static let file = Form(
            what: "the scenario",
            nameKey: "scenario",
            otherKeys: [],
            help: "a scenario begins with 'scenario: NAME'"
        )
    }

    let mistakes = ScenarioMistakes()
    private let form: Form

    private init(_ form: Form) {
        self.form = form
    }

    /// - Returns: no scenario when something is wrong with it, because a rehearsal of another world would mislead.
    package static func read(
        _ root: YAMLNode,
        as form: Form = .file
    ) -> (scenario: Scenario?, diagnostics: [Diagnostic]) {
        let reader = ScenarioReader(form)
        let scenario = reader.scenario(root)
        let diagnostics = reader.mistakes.diagnostics.inSourceOrder()
        return (diagnostics.hasErrors ? nil : scenario, diagnostics)
    }

    private func scenario(_ root: YAMLNode) -> Scenario? {
        guard var fields = ScenarioFields(root, what: self.form.what, self.mistakes) else {
            return nil
        }
        defer { fields.finish() }
        for key in self.form.otherKeys {
            _ = fields.take(key)
        }
        let name = fields.require(self.form.nameKey, because: self.form.help)
        var scenario = Scenario(
            name: name.flatMap { fields.text(of: $0, self.form.nameKey) } ?? "",
            span: name?.span ?? root.span
        )
        scenario.title = fields.text("title")
        if let node = fields.require("cluster", because: "write cluster: { zookeeper: 3, brokers: 6 }") {
            scenario.cluster = self.cluster(node)
        }
        let nodes = scenario.cluster.nodeNames
        scenario.faults = fields.elements("timeline").flatMap { self.faults($0, nodes) }.sorted { $0.at < $1.at }
        scenario.durations = fields.take("durations").map(self.durations) ?? scenario.durations
        scenario.people = fields.named("people").compactMap(self.person).sorted { $0.name < $1.name }
        scenario.mishaps = fields.elements("commands").compactMap { self.mishap($0, nodes) }
        scenario.answers = self.answers(fields.elements("answers"), nodes)
        scenario.monitors = fields.take("monitors").map(self.monitors) ?? scenario.monitors
        scenario.watch = fields.take("watch").flatMap(self.watch)
        scenario.start = fields.take("start").flatMap(self.start) ?? scenario.start
        scenario.parameters = fields.named("parameters").compactMap { pair in
            fields.text(of: pair.value, pair.key.text).map {
                Scenario.Parameter(name: pair.key.text, text: $0, span: pair.key.span)
            }
        }
        scenario.until =
            fields.take("until").flatMap { self.length($0, "until", fields, Self.limits) } ?? scenario.until
        if !self.mistakes.diagnostics.hasErrors {
            self.checkWorld(scenario, root)
        }
        return scenario
    }

    private func length(
        _ node: YAMLNode,
        _ key: String,
        _ fields: ScenarioFields,
        _ range: ClosedRange<Milliseconds>
    ) -> Milliseconds? {
        guard let length = fields.duration(of: node, key) else {
            return nil
        }
        guard range.contains(length) else {
            self.mistakes.report(.scenarioOutOfRange(key, length, range, at: node.span))
            return nil
        }
        return length
    }

    // MARK: Cluster

    private func cluster(_ node: YAMLNode) -> Scenario.Cluster {
        var cluster = Scenario.Cluster()
        guard var fields = ScenarioFields(node, what: "'cluster'", self.mistakes) else {
            return cluster
        }
        cluster.name = fields.text("name") ?? cluster.name
        cluster.id = fields.text("id") ?? cluster.id
        cluster.znodes = fields.int("znodes", in: 5...10_000_000).map { Int($0) } ?? cluster.znodes
        cluster.partitions = fields.int("partitions", in: 0...100_000).map { Int($0) } ?? cluster.partitions
        cluster.members = self.nodes("zookeeper", prefix: "zk", &fields, self.member)
        cluster.brokers = self.nodes("brokers", prefix: "kafka", &fields, self.broker)
        cluster.hosts = fields.named("nodes").prefix(Int(Self.nodeLimit)).compactMap(self.host)
        // Nodes that could not be read have been reported already.
        if cluster.nodeNames.isEmpty, !self.mistakes.diagnostics.hasErrors {
            self.mistakes.report(.scenarioEmptyCluster(at: node.span))
        }
        var names = Set(cluster.members.map(\.name))
        for (key, others) in [("brokers", cluster.brokers.map(\.name)), ("nodes", cluster.hosts.map(\.name))] {
            for name in others where !names.insert(name).inserted {
                let span = fields.pair(key)?.value.pair(name.text)?.key.span ?? node.span
                self.mistakes.report(.scenarioDuplicateNode(name.text, at: span))
            }
        }
        fields.finish()
        return cluster
    }

    /// `3`, or a mapping of names to what is special about them.
    private func nodes<Server>(
        _ key: String,
        prefix: String,
        _ fields: inout ScenarioFields,
        _ read: (NodeName, YAMLNode?) -> Server?
    ) -> [Server] {
        guard let node = fields.take(key) else {
            return []
        }
        if let pairs = node.mapping {
            return pairs.prefix(Int(Self.nodeLimit)).compactMap { read(NodeName($0.key.text), $0.value) }
        }
        guard let count = fields.int(of: node, key, in: 0...Self.nodeLimit), count > 0 else {
            return []
        }
        return (1...count).compactMap { read(NodeName("\(prefix)\($0)"), nil) }
    }

    private func member(_ name: NodeName, _ node: YAMLNode?) -> Scenario.Member? {
        var member = Scenario.Member(name: name)
        guard let node else {
            return member
        }
        guard var fields = ScenarioFields(node, what: "member '\(name)'", self.mistakes) else {
            return nil
        }
        member.process = fields.word("state") ?? member.process
        member.holding = fields.word("data") ?? member.holding
        member.epoch = fields.int("epoch", in: 1...0x7FFF_FFFF) ?? member.epoch
        member.zxid = fields.int("zxid", in: 0...Int64.max)
        member.isVoter = !(fields.bool("observer") ?? false)
        member.datacenter = fields.text("datacenter") ?? ""
        fields.finish()
        return member
    }

    private func broker(_ name: NodeName, _ node: YAMLNode?) -> Scenario.Broker? {
        var broker = Scenario.Broker(name: name)
        guard let node else {
            return broker
        }
        guard var fields = ScenarioFields(node, what: "broker '\(name)'", self.mistakes) else {
            return nil
        }
        broker.process = fields.word("state") ?? broker.process
        broker.datacenter = fields.text("datacenter") ?? ""
        fields.finish()
        return broker
    }

    private func host(_ pair: YAMLPair) -> Scenario.Host? {
        guard var fields = ScenarioFields(pair.value, what: "node '\(pair.key.text)'", self.mistakes) else {
            return nil
        }
        defer { fields.finish() }
        let help = "say what the node is for: roles: [witness]"
        let roles = fields.require("roles", because: help).map { fields.texts(of: $0, "roles") } ?? []
        var host = Scenario.Host(name: NodeName(pair.key.text), roles: roles.map(\.text))
        host.service = fields.text("service")
        host.process = fields.word("state") ?? host.process
        host.datacenter = fields.text("datacenter") ?? ""
        return host
    }

    func known(_ texts: [(text: String, span: SourceSpan)], _ nodes: [NodeName]) -> [NodeName] {
        texts.compactMap { text, span in
            guard nodes.contains(NodeName(text)) else {
                self.mistakes.report(.scenarioUnknownNode(text, at: span, known: nodes.map(\.text)))
                return nil
            }
            return NodeName(text)
        }
    }

    // MARK: What happens

    private func faults(_ node: YAMLNode, _ nodes: [NodeName]) -> [Scenario.Fault] {
        guard var fields = ScenarioFields(node, what: "an entry of the timeline", self.mistakes) else {
            return []
        }
        defer { fields.finish() }
        let moment = fields.require("at", because: "write at: 30s").flatMap { fields.duration(of: $0, "at") }
        let kinds = Scenario.FaultKind.allCases
        let found = kinds.compactMap { kind in fields.take(kind.rawValue).map { (kind, $0) } }
        guard found.count == 1, let (kind, value) = found.first else {
            let words = found.map(\.0.rawValue)
            self.mistakes.report(.scenarioFault(words, at: node.span, known: kinds.map(\.rawValue)))
            return []
        }
        let targets = self.known(fields.texts(of: value, kind.rawValue), nodes)
        return moment.map { [Scenario.Fault(at: $0, kind, targets)] } ?? []
    }

    private func durations(_ node: YAMLNode) -> Scenario.Durations {
        var durations = Scenario.Durations()
        guard var fields = ScenarioFields(node, what: "'durations'", self.mistakes) else {
            return durations
        }
        durations.startMember = fields.length("start_member") ?? durations.startMember
        durations.stopMember = fields.length("stop_member") ?? durations.stopMember
        durations.startBroker = fields.length("start_broker") ?? durations.startBroker
        durations.stopBroker = fields.length("stop_broker") ?? durations.stopBroker
        durations.catchUp = fields.length("catch_up") ?? durations.catchUp
        durations.election = fields.length("election") ?? durations.election
        durations.command = fields.length("command") ?? durations.command
        durations.probe = fields.length("probe") ?? durations.probe
        durations.notice = fields.length("notice") ?? durations.notice
        fields.finish()
        return durations
    }

    private func person(_ pair: YAMLPair) -> Scenario.Person? {
        guard var fields = ScenarioFields(pair.value, what: "person '\(pair.key.text)'", self.mistakes) else {
            return nil
        }
        defer { fields.finish() }
        let roles = fields.texts("roles")?.map(\.text) ?? []
        let answer: Scenario.Person.Answer? = fields.word("answer")
        let after = fields.length("after")
        return Scenario.Person(
            name: PersonName(pair.key.text),
            roles: roles,
            answer: answer ?? .grant,
            after: after ?? .minutes(1) ... .minutes(1)
        )
    }

    private enum CommandVerb: String, CaseIterable {
        case start
        case stop
        case restart
        case status
        case any
    }

    private func mishap(_ node: YAMLNode, _ nodes: [NodeName]) -> Scenario.Mishap? {
        guard var fields = ScenarioFields(node, what: "an entry of 'commands'", self.mistakes) else {
            return nil
        }
        defer { fields.finish() }
        let verb: CommandVerb = fields.word("do") ?? .any
        let step = fields.take("step").flatMap { value in
            fields.text(of: value, "step").map { Spanned($0, at: value.span) }
        }
        let target = fields.require("on", because: "name the node: on: kafka3").flatMap { value in
            self.known(fields.texts(of: value, "on"), nodes).first
        }
        let status = fields.int("status", in: 1...255)
        let says = fields.text("says")
        let kinds: [(String, Scenario.Mishap.Kind)] = [
            ("fails", .fails(status: Int(status ?? 1), says: says ?? "")), ("hangs", .hangs), ("doubtful", .doubtful),
        ]
        let found = kinds.compactMap { key, kind in fields.take(key).map { (key, kind, $0) } }
        guard found.count == 1, let (key, kind, value) = found.first else {
            let help = "write fails: 2, hangs: 1 or doubtful: always"
            self.mistakes.report(
                .scenarioMissing("fails", in: "an entry of 'commands'", at: node.span, help: help)
            )
            return nil
        }
        var times: Int?
        if value.scalar?.text != "always" {
            guard let count = fields.int(of: value, key, in: 1...1_000) else {
                return nil
            }
            times = Int(count)
        }
        return target.map {
            Scenario.Mishap(verb: verb.rawValue, step: step, node: $0, kind: kind, times: times)
        }
    }

    private func monitors(_ node: YAMLNode) -> Scenario.Monitors {
        var monitors = Scenario.Monitors()
        guard var fields = ScenarioFields(node, what: "'monitors'", self.mistakes) else {
            return monitors
        }
        monitors.every = fields.take("every").flatMap { self.length($0, "every", fields, Self.paces) } ?? monitors.every
        monitors.timeout = fields.duration("timeout") ?? min(monitors.timeout, monitors.every)
        monitors.downAfter = fields.int("down_after", in: 1...100).map { Int($0) } ?? monitors.downAfter
        monitors.upAfter = fields.int("up_after", in: 1...100).map { Int($0) } ?? monitors.upAfter
        fields.finish()
        return monitors
    }

    /// `on_trigger`, or `{ at: 30s }`.
    private func start(_ node: YAMLNode) -> Scenario.Start? {
        if let text = node.scalar?.text, !node.isNull {
            guard text == "on_trigger" else {
                self.mistakes.report(
                    .scenarioUnknownWord(text, for: "start", at: node.span, known: ["on_trigger", "{ at: 0s }"])
                )
                return nil
            }
            return .onTrigger
        }
        guard var fields = ScenarioFields(node, what: "'start'", self.mistakes) else {
            return nil
        }
        let moment = fields.require("at").flatMap { fields.duration(of: $0, "at") }
        fields.finish()
        return moment.map { .at($0) }
    }
}
