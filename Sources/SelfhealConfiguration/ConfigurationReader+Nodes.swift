// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunPlan
import RunVocabulary
import RunbookSource
import RunbookYAML

/// A list of the cluster's nodes: what its members are, unless they say otherwise.
private struct NodeList {
    let key: String
    let role: String?
    /// What runbooks call the port under `port:`.
    let portName: String
    let defaultPort: Int?

    static let all = [
        NodeList(key: "zookeeper_nodes", role: zookeeper, portName: "client", defaultPort: 2_181),
        NodeList(key: "kafka_brokers", role: broker, portName: "broker", defaultPort: 9_092),
        NodeList(key: "nodes", role: nil, portName: "main", defaultPort: nil),
    ]

    static let zookeeper = "zookeeper"
    static let broker = "kafka_broker"
}

/// A node as it was read, and where its parts stand.
private struct PlacedNode {
    var node: Node
    let span: SourceSpan
    var id: SourceSpan?
    var ports: [Spanned<Int>] = []
}

extension ConfigurationReader {
    func cluster(_ node: YAMLNode, _ access: DefaultAccess) -> Inventory? {
        let help = "it has 'zookeeper_nodes:', 'kafka_brokers:' or 'nodes:'"
        guard var reader = MappingReader(node, what: "'cluster'", sink: self.sink, help: help) else {
            return nil
        }
        let name = reader.text("name").flatMap { self.name($0, "cluster") }
        let id = reader.text("id", or: "cluster_id")
        var placed: [PlacedNode] = []
        for list in NodeList.all {
            let elements = reader.elements(list.key, "a list of nodes") ?? []
            let nodes = elements.compactMap { self.node($0, of: list, access) }
            let voters = nodes.count { $0.node.isVoter }
            // A node that could not be read may be the one that makes their number odd.
            let isComplete = nodes.count == elements.count
            if list.role == NodeList.zookeeper, isComplete, voters > 0, voters.isMultiple(of: 2) {
                self.sink.report(.evenVoters(voters, at: reader.pair(list.key)?.key.span ?? reader.span))
            }
            placed += nodes
        }
        reader.finish()
        if placed.isEmpty, !self.sink.diagnostics.hasErrors {
            self.sink.report(.noNodes(at: reader.span, help: help))
        }
        self.checkThatNodesDiffer(placed)
        return Inventory(
            clusterName: name?.value ?? "kafka",
            clusterID: id?.value ?? "",
            nodes: self.withJumps(placed.map(\.node), access),
            services: []
        )
    }

    // MARK: One node

    private func node(_ node: YAMLNode, of list: NodeList, _ access: DefaultAccess) -> PlacedNode? {
        guard var reader = MappingReader(node, what: "a node of '\(list.key)'", sink: self.sink) else {
            return nil
        }
        defer { reader.finish() }
        let host = reader.requiredText("host", because: "say where it is: host: kafka1.example.com").flatMap(self.host)
        let name = reader.text("name", or: "node_id").flatMap { self.name($0, "node") }
        let extraRoles = (reader.texts("roles") ?? []).compactMap { self.name($0, "role")?.value }
        let id = reader.int("id", in: 0...Int(Int32.max))
        let text = name ?? host ?? Spanned("", at: node.span)
        var placed = PlacedNode(
            node: Node(name: NodeName(text.value), host: host?.value ?? "", roles: []),
            span: text.span,
            id: id?.span
        )
        placed.node.roles = (list.role.map { [$0] } ?? []) + extraRoles.filter { $0 != list.role }
        placed.node.id = id?.value
        placed.node.datacenter = reader.text("datacenter")?.value ?? ""
        placed.node.rack = reader.text("rack")?.value ?? ""
        placed.node.isVoter = reader.bool("voter")?.value ?? true
        placed.node.dataFolder = self.remoteFolder("data_dir", &reader)
        placed.node.logFolder = self.remoteFolder("log_dir", &reader)
        placed.node.labels = self.labels(&reader)
        placed.node.services =
            reader.named("services", "a mapping of services to commands")?.compactMap(self.service) ?? []
        self.readPorts(&reader, list, of: &placed)
        placed.node.monitor = Self.usualMonitor(of: placed.node)
        if let own = self.monitors(&reader) {
            self.ownMonitors.entries[placed.node.name] = own
        }
        let own = reader.take("ssh")
        guard let host else {
            return nil
        }
        placed.node.ssh = self.access(
            to: text.value,
            own,
            host: host.value,
            at: text.span,
            roles: placed.node.roles,
            access
        )
        return placed
    }

    func host(_ text: Spanned<String>) -> Spanned<String>? {
        guard Characters.isHost(text.value) else {
            self.sink.report(.badHost(text.value, at: text.span))
            return nil
        }
        return text
    }

    private func remoteFolder(_ key: String, _ reader: inout MappingReader) -> String? {
        guard let text = reader.text(key) else {
            return nil
        }
        guard text.value.hasPrefix("/") else {
            self.sink.report(.relativeFolder(key, text.value, at: text.span))
            return nil
        }
        return text.value
    }

    private func labels(_ reader: inout MappingReader) -> [String: String] {
        var labels: [String: String] = [:]
        for (name, value) in reader.named("labels", "a mapping of names to texts") ?? [] {
            labels[name.value] = reader.text(value, name.value)?.value
        }
        return labels
    }

    private func readPorts(_ reader: inout MappingReader, _ list: NodeList, of placed: inout PlacedNode) {
        var ports: [(name: String, port: Spanned<Int>)] = []
        let main = reader.port("port")
        let jmx = reader.port("jmx_port")
        main.map { ports.append((list.portName, $0)) }
        jmx.map { ports.append(("jmx", $0)) }
        for (name, port) in self.namedPorts(&reader) {
            if let first = ports.first(where: { $0.name == name.value }) {
                let other = name.value == list.portName ? "port" : "jmx_port"
                self.sink.report(.sameMeaning(name.value, other, at: name.span, first: first.port.span))
            } else {
                ports.append((name.value, port))
            }
        }
        if let port = list.defaultPort, !ports.contains(where: { $0.name == list.portName }) {
            ports.append((list.portName, Spanned(port, at: placed.span)))
        }
        for (name, port) in ports {
            placed.node.ports[name] = port.value
        }
        placed.ports = ports.map(\.port)
    }

    private func namedPorts(_ reader: inout MappingReader) -> [(name: Spanned<String>, port: Spanned<Int>)] {
        guard let node = reader.take("ports"), var ports = MappingReader(node, what: "'ports'", sink: self.sink) else {
            return []
        }
        return (node.mapping ?? []).compactMap { pair in
            let name = self.name(Spanned(pair.key.text, at: pair.key.span), "port")
            return name.flatMap { name in ports.port(name.value).map { (name, $0) } }
        }
    }

    /// How facts about a node are found out, from what it is for.
    static func usualMonitor(of node: Node) -> ProbeSpecification? {
        if node.roles.contains(NodeList.zookeeper) {
            return .zookeeper(ask: [.srvr])
        }
        return ["broker", "main"].first { node.ports[$0] != nil }.map { .tcp(port: $0) }
    }

    // MARK: All nodes

    /// Two nodes that share a name, an address or an id would be taken for one another, by us or by the cluster.
    private func checkThatNodesDiffer(_ nodes: [PlacedNode]) {
        var names: [NodeName: SourceSpan] = [:]
        var addresses: [String: SourceSpan] = [:]
        var ids: [String: SourceSpan] = [:]
        for placed in nodes {
            let node = placed.node
            if let first = names.updateValue(placed.span, forKey: node.name) {
                self.sink.report(.duplicateNode(node.name.text, at: placed.span, first: first))
            }
            for port in placed.ports {
                let address = "\(node.host):\(port.value)"
                if let first = addresses.updateValue(port.span, forKey: address) {
                    self.sink.report(.duplicateAddress(address, at: port.span, first: first))
                }
            }
            if let id = node.id, let role = node.roles.first, let span = placed.id {
                if let first = ids.updateValue(span, forKey: "\(role) \(id)") {
                    self.sink.report(.duplicateID(id, role: role, at: span, first: first))
                }
            }
        }
    }
}
