// Selfheal
// SPDX-License-Identifier: Apache-2.0

import CELExpressions
import ClusterWatch
import RunPlan
import RunVocabulary
import RunbookCompiler
import RunbookLanguage
import RunbookSource
import RunbookYAML

/// Ways to watch a node that need no more than the node says of itself.
private enum MonitorWord: String, CaseIterable {
    /// The usual way: a ZooKeeper server is asked, anything else is connected to.
    case socket
    case zookeeper
    case kafka
    case tls
    case http
    case jmx
    case kubernetes
}

/// A monitor as it is written, before it is known which nodes it is for.
struct MonitorEntry {
    fileprivate enum Way {
        case word(MonitorWord)
        case probe(CheckedMonitor)
    }

    fileprivate let way: Way
    fileprivate let name: Spanned<String>
    fileprivate var every: Spanned<Milliseconds>?
    fileprivate var timeout: Spanned<Milliseconds>?
    fileprivate var isOptional = false
    /// The roles whose nodes it is for; all, if none.
    fileprivate var roles: [Spanned<String>] = []
}

/// What nodes say of their own monitors, until all that is said of monitoring is known.
final class OwnMonitors {
    var entries: [NodeName: [MonitorEntry]] = [:]
}

/// `monitors:`, of a node and of all.
extension ConfigurationReader {
    /// Nothing where nothing is said; an empty list says that nobody looks.
    func monitors(_ reader: inout MappingReader) -> [MonitorEntry]? {
        guard let pair = reader.pair("monitors", or: ["methods"]) else {
            return nil
        }
        guard let nodes = pair.value.sequence else {
            _ = reader.elements(pair.key.text, "a list of monitors")
            return nil
        }
        return nodes.compactMap(self.monitor)
    }

    private func monitor(_ node: YAMLNode) -> MonitorEntry? {
        if node.scalar != nil {
            guard let texts = MappingReader.forTexts(self.sink, at: node.span),
                let text = texts.text(node, "monitors")
            else {
                return nil
            }
            guard let word = MonitorWord(rawValue: text.value) else {
                texts.refuse(text, for: "monitors", known: MonitorWord.allCases.map(\.rawValue))
                return nil
            }
            return MonitorEntry(way: .word(word), name: text)
        }
        guard var reader = MappingReader(node, what: "a monitor", sink: self.sink) else {
            return nil
        }
        defer { reader.finish() }
        let name = reader.text("name").flatMap { self.name($0, "monitor") }
        let every = self.span("interval", orSeconds: "interval_seconds", least: .seconds(1), &reader)
        let timeout = self.span("timeout", orSeconds: "timeout_seconds", least: Milliseconds(100), &reader)
        let isOptional = reader.bool("optional")?.value ?? false
        let roles = (reader.texts("roles") ?? []).compactMap { self.name($0, "role") }
        let syntax = MonitorSyntax(&reader)
        let (checked, problems) = CheckedMonitor.check(syntax)
        for problem in problems {
            self.sink.report(problem)
        }
        guard let checked, let method = syntax.method else {
            return nil
        }
        if checked.healthy == nil, checked.probe.needsCondition {
            self.sink.report(.monitorWithoutCondition(method.value, at: method.span))
        }
        let usual = Spanned(checked.probe.method, at: method.span)
        return MonitorEntry(
            way: .probe(checked),
            name: name ?? usual,
            every: every,
            timeout: timeout,
            isOptional: isOptional,
            roles: roles
        )
    }

    // MARK: All nodes

    /// Gives every node the monitors that it names, else those that are for all, else the usual one.
    func withMonitors(_ inventory: Inventory, _ general: [MonitorEntry]?, _ settings: WatchSettings) -> Inventory {
        var inventory = inventory
        for entry in (general ?? []) + self.ownMonitors.entries.sorted(by: { $0.key < $1.key }).flatMap(\.value) {
            self.checkTimes(of: entry, settings)
            self.checkRoles(of: entry, inventory)
        }
        var isUsed = [Bool](repeating: false, count: general?.count ?? 0)
        for index in inventory.nodes.indices {
            let node = inventory.nodes[index]
            let own = self.ownMonitors.entries[node.name]
            guard let entries = own ?? general else {
                continue
            }
            var monitors: [NodeMonitor] = []
            var hasEntry = own != nil
            var names: [String: SourceSpan] = [:]
            for (number, entry) in entries.enumerated() where entry.isFor(node) {
                guard let monitor = self.monitor(entry, of: node, settings, isOwn: own != nil) else {
                    continue
                }
                hasEntry = true
                if own == nil {
                    isUsed[number] = true
                }
                if let first = names.updateValue(entry.name.span, forKey: monitor.name) {
                    self.sink.reportOnce(
                        .duplicateMonitor(monitor.name, node.name.text, at: entry.name.span, first: first)
                    )
                    continue
                }
                monitors.append(monitor)
            }
            // What is for other nodes leaves this one as it is.
            if hasEntry {
                inventory.nodes[index].monitors = monitors
                inventory.nodes[index].monitor = monitors.first?.probe
            }
        }
        for (entry, isUsed) in zip(general ?? [], isUsed) where !isUsed {
            if case .word(let word) = entry.way {
                self.sink.report(.methodForNoNode(entry.name.value, word.needs, at: entry.name.span))
            }
        }
        return inventory
    }

    private func monitor(
        _ entry: MonitorEntry,
        of node: Node,
        _ settings: WatchSettings,
        isOwn: Bool
    ) -> NodeMonitor? {
        var monitor: NodeMonitor
        switch entry.way {
        case .word(let word):
            guard let known = word.monitor(of: node) else {
                if isOwn {
                    self.sink.report(.methodForNoNode(entry.name.value, word.needs, at: entry.name.span))
                }
                return nil
            }
            monitor = known
        case .probe(let checked):
            monitor = NodeMonitor(probe: checked.probe, healthy: checked.healthy)
            if let port = checked.probe.port, node.port(named: port) == nil {
                self.sink.reportOnce(
                    .monitorOfNoPort(port, node.name.text, known: node.ports.keys.sorted(), at: entry.name.span)
                )
            }
        }
        monitor.name = entry.name.value
        monitor.every = entry.every?.value
        monitor.timeout =
            entry.timeout?.value ?? entry.every.map { min(settings.timeout, Milliseconds($0.value.count * 4 / 5)) }
        monitor.isOptional = entry.isOptional
        return monitor
    }

    private func checkTimes(of entry: MonitorEntry, _ settings: WatchSettings) {
        let every = entry.every?.value ?? settings.every
        if let timeout = entry.timeout, timeout.value >= every {
            self.sink.report(
                .lookLongerThanInterval(timeout.value, every, at: timeout.span, interval: entry.every?.span)
            )
        }
    }

    private func checkRoles(of entry: MonitorEntry, _ inventory: Inventory) {
        let known = Set(inventory.nodes.flatMap(\.roles)).sorted()
        for role in entry.roles where !known.contains(role.value) {
            self.sink.report(.monitorOfNoRole(role.value, known: known, at: role.span))
        }
    }
}

extension MonitorEntry {
    fileprivate func isFor(_ node: Node) -> Bool {
        self.roles.isEmpty || self.roles.contains { node.roles.contains($0.value) }
    }
}

extension MonitorWord {
    /// Nothing where the node has not what it needs.
    func monitor(of node: Node) -> NodeMonitor? {
        switch self {
        case .socket: return ConfigurationReader.usualMonitor(of: node).map { NodeMonitor(probe: $0) }
        case .zookeeper: return node.ports["client"].map { _ in NodeMonitor(probe: .zookeeper(ask: [.srvr])) }
        case .kafka: return node.ports["broker"].map { _ in NodeMonitor(probe: .kafka(ask: [.metadata])) }
        case .tls:
            let question = TLSQuestion<Template>(address: nil, port: "tls", name: nil)
            return node.ports["tls"].map { _ in NodeMonitor(probe: .tls(question)) }
        case .http:
            let question = HTTPQuestion(url: nil, port: "http", path: nil)
            return node.ports["http"].map { _ in NodeMonitor(probe: .http(question)) }
        case .jmx:
            guard node.ports["jolokia"] != nil, let mbean = Self.template("java.lang:type=Runtime"),
                let attribute = Self.template("Uptime"), let healthy = CELExpression.parse("result.value > 0.0").0
            else {
                return nil
            }
            let question = JMXQuestion<Template>(
                url: nil,
                port: "jolokia",
                mbean: mbean,
                attribute: attribute,
                path: nil
            )
            return NodeMonitor(probe: .jmx(question), healthy: Expression(healthy, place: Self.nowhere))
        case .kubernetes: return nil
        }
    }

    private static let nowhere = Place(line: 1, column: 1)

    private static func template(_ text: String) -> Template? {
        CELTemplate.parse(text).0.map { Template($0, place: self.nowhere) }
    }

    var needs: String {
        switch self {
        case .socket: "it needs a 'port', or the role of a ZooKeeper server"
        case .zookeeper: "it asks nodes with a port 'client'"
        case .kafka: "it asks nodes with a port 'broker'"
        case .tls: "it asks nodes with a port 'tls': ports: { tls: 9093 }"
        case .http: "it asks nodes with a port 'http': ports: { http: 8080 }"
        case .jmx:
            "Java is asked through Jolokia, over HTTP: ports: { jolokia: 8778 }; 'jmx_port' speaks RMI, which is not spoken here"
        case .kubernetes:
            "a pod's readiness comes in over 'http' or as an alert; nothing here speaks to the API of Kubernetes"
        }
    }
}

extension ProbeSpecification {
    /// Whether its answer says nothing of health by itself.
    fileprivate var needsCondition: Bool {
        switch self {
        case .jmx, .prometheus: true
        case .tcp, .http, .zookeeper, .kafka, .tls, .dns, .ssh: false
        }
    }

    /// The port of the node that it asks.
    fileprivate var port: String? {
        switch self {
        case .tcp(let port): port
        case .zookeeper: "client"
        case .kafka: "broker"
        case .http(let question): question.url == nil ? question.port : nil
        case .tls(let question): question.address == nil ? question.port : nil
        case .jmx(let question): question.url == nil ? question.port : nil
        case .prometheus, .dns, .ssh: nil
        }
    }
}

extension DiagnosticSink {
    /// The same list is read for many nodes, and is wrong for all of them in the same way.
    fileprivate func reportOnce(_ diagnostic: Diagnostic) {
        if !self.diagnostics.contains(where: { $0.code == diagnostic.code && $0.span == diagnostic.span }) {
            self.report(diagnostic)
        }
    }
}
