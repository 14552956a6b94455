// Selfheal
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import CurlTransfer
import Probes
import RunCore
import RunPlan
import RunVocabulary
import SSHClient
import SelfhealConfiguration
import WorldAdapters

/// Looks at one thing as a runbook would, and shows the result that expressions see.
struct ProbeCommand: AsyncParsableCommand {
    enum Kind: String, ExpressibleByArgument, CaseIterable {
        case zookeeper
        case kafka
        case tcp
        case http
        case tls
        case prometheus
        case dns
        case jmx
        case ssh
        case monitors
    }

    static let configuration = CommandConfiguration(
        commandName: "probe",
        abstract: "Look at nodes as a runbook would, and show the typed result.",
        discussion: """
            selfheal probe zookeeper zk1 zk2
            selfheal probe kafka role:kafka_broker --ask metadata --ask replication
            selfheal probe tcp role:kafka_broker --port broker
            selfheal probe http kafka1 --port 8080 --path /health
            selfheal probe tls kafka1 --port 9093
            selfheal probe prometheus --url http://prometheus:9090 --query 'up{job="kafka"}'
            selfheal probe dns --name kafka1.example
            selfheal probe jmx kafka1 --port 8778 --mbean java.lang:type=Memory --attribute HeapMemoryUsage --inner used
            selfheal probe ssh zk1 --command "df -P /"
            selfheal probe monitors kafka1
            Exit status: 0 when every node answered, or every monitor says that its node is up; 1 when one did not, 2 when it was asked wrongly, 3 when we failed.
            """
    )

    @Argument(help: "What is looked at: \(Kind.allCases.map(\.rawValue).joined(separator: ", ")).")
    var kind: Kind

    @Argument(help: "Nodes of the configuration, or role:NAME for all with that role; prometheus and dns need none.")
    var targets: [String] = []

    @OptionGroup var configuration: ConfigurationOption

    @Option(help: "tcp, http, tls and jmx: a port's name in the configuration, such as client, or its number.")
    var port: String?

    @Option(help: "http: the path.")
    var path = "/"

    @Option(
        help:
            "What to ask; zookeeper: \(known(ZooKeeperQuestion.self)); kafka: \(known(KafkaQuestion.self))."
    )
    var ask: [String] = []

    @Option(help: "prometheus: the server's address.")
    var url: String?

    @Option(help: "prometheus: an expression in PromQL.")
    var query: String?

    @Option(help: "dns: the name whose addresses are asked for. tls: whose certificate it must be, if not the host's.")
    var name: String?

    @Option(help: "dns: A or AAAA.")
    var type = DNSAddressType.four

    @Option(help: "dns: the name server, in place of the system's.")
    var server: String?

    @Option(help: "jmx: the object's name.")
    var mbean: String?

    @Option(help: "jmx: what is read of it.")
    var attribute: String?

    @Option(help: "jmx: what of a composite value.")
    var inner: String?

    @Option(help: "ssh: a command that only reads; a shell on the host reads it.")
    var command: String?

    @Option(parsing: .unconditional, help: "How many seconds each node may take.")
    var timeout = 10

    @Option(help: "How it is printed.")
    var format = OutputFormat.text

    func validate() throws {
        if self.targets.isEmpty, ![.prometheus, .dns].contains(self.kind) {
            throw ValidationError("name a node of the configuration, or role:NAME")
        }
        if !(1...600).contains(self.timeout) {
            throw ValidationError("--timeout is from 1 to 600 seconds")
        }
        if self.kind != .monitors {
            _ = try self.question()
        }
    }

    func run() async throws {
        let inventory = try self.configuration.loadForReading().inventory
        let nodes = try self.nodes(in: inventory)
        let question = try self.kind == .monitors ? nil : self.question()
        let prober: SocketProber
        let client: SSHClient
        do {
            try DescriptorLimit.raise(forNodes: nodes.count)
            prober = try SocketProber()
            client = try SSHClient()
        } catch {
            Terminal.say("\(error)")
            throw ExitCode.weFailed
        }
        let transfer = CurlTransfer()
        let timeout = Milliseconds.seconds(Int64(self.timeout))
        let runner = LiveProbeRunner(
            prober: prober,
            client: client,
            transfer: transfer,
            observationTimeout: timeout
        )
        let reports: [ProbeReport]
        if let question {
            let order = ProbeOrder(question: question, targets: nodes, timeout: timeout)
            reports = await runner.probe(order, in: inventory)
        } else {
            reports = await self.looks(at: nodes, by: runner, in: inventory)
        }
        await transfer.shutdown()
        await client.shutDown()
        await prober.shutdown()
        self.show(reports)
        let word = self.kind == .monitors ? "serving" : "answered"
        if !reports.allSatisfy({ $0.facts[word] == .bool(true) }) {
            throw ExitCode.answerIsNo
        }
    }

    /// What each monitor of each node says, with its name among the facts.
    private func looks(
        at nodes: [NodeName],
        by runner: LiveProbeRunner,
        in inventory: Inventory
    ) async -> [ProbeReport] {
        var reports: [ProbeReport] = []
        for node in nodes {
            for monitor in inventory[node]?.allMonitors ?? [] {
                var report = await runner.look(at: node, by: monitor.name, in: inventory)
                report.facts["monitor"] = .string(monitor.title)
                reports.append(report)
            }
        }
        return reports
    }

    private func question() throws -> ProbeOrder.Question {
        switch self.kind {
        case .zookeeper:
            return .zookeeper(try self.questions(orElse: .srvr))
        case .kafka:
            return .kafka(try self.questions(orElse: .metadata))
        case .tcp:
            guard let port = self.port else {
                throw ValidationError("'tcp' needs --port: a name such as client, or a number")
            }
            return .tcp(port: port)
        case .http:
            guard let port = self.port else {
                throw ValidationError("'http' needs --port: a name such as admin, or a number")
            }
            return .http(url: nil, port: port, path: self.path)
        case .tls:
            return .tls(TLSQuestion(address: nil, port: try self.given(self.port, "port"), name: self.name))
        case .prometheus:
            return .prometheus(
                PrometheusQuestion(url: try self.given(self.url, "url"), query: try self.given(self.query, "query"))
            )
        case .dns:
            return .dns(DNSQuestion(name: try self.given(self.name, "name"), type: self.type, server: self.server))
        case .jmx:
            return .jmx(
                JMXQuestion(
                    url: nil,
                    port: try self.given(self.port, "port"),
                    mbean: try self.given(self.mbean, "mbean"),
                    attribute: try self.given(self.attribute, "attribute"),
                    path: self.inner
                )
            )
        case .ssh:
            guard let command = self.command, !command.isEmpty else {
                throw ValidationError("'ssh' needs --command, as in --command uptime")
            }
            return .ssh(["sh", "-c", command])
        case .monitors: throw ValidationError("'monitors' asks what the configuration says")
        }
    }

    private func given(_ value: String?, _ option: String) throws -> String {
        guard let value, !value.isEmpty else {
            throw ValidationError("'\(self.kind.rawValue)' needs --\(option)")
        }
        return value
    }

    private func questions<Question: RawRepresentable & CaseIterable>(
        orElse usual: Question
    ) throws -> [Question] where Question.RawValue == String {
        let questions = try self.ask.map { word in
            guard let question = Question(rawValue: word) else {
                throw ValidationError(
                    "'\(word)' is nothing to ask of \(self.kind.rawValue); it is one of \(known(Question.self))"
                )
            }
            return question
        }
        return questions.isEmpty ? [usual] : questions
    }

    private func nodes(in inventory: Inventory) throws -> [NodeName] {
        var names: [NodeName] = []
        for word in self.targets {
            let isRole = word.hasPrefix("role:")
            let found = inventory.nodes.filter {
                isRole ? $0.roles.contains(String(word.dropFirst("role:".count))) : $0.name.text == word
            }
            guard !found.isEmpty else {
                let known = isRole ? Set(inventory.nodes.flatMap(\.roles)).sorted() : inventory.nodes.map(\.name.text)
                Terminal.say("the configuration has no \(isRole ? "node with the role of" : "node") '\(word)'")
                Terminal.say("help: it has \(known.joined(separator: ", "))")
                throw ExitCode.askedWrongly
            }
            names += found.map(\.name).filter { !names.contains($0) }
        }
        return names
    }

    private func show(_ reports: [ProbeReport]) {
        switch self.format {
        case .json:
            let results = reports.map { report in
                JSON.object(
                    [JSONMember("target", report.target.map { .string($0.text) } ?? .null)]
                        + report.facts.sorted { $0.key < $1.key }.map { JSONMember($0.key, $0.value.json) }
                )
            }
            Terminal.output(JSON.array(results).prettyText)
        case .text:
            for report in reports {
                Terminal.output(report.target?.text ?? "this machine")
                for (name, fact) in report.facts.sorted(by: { $0.key < $1.key }) where fact != .string("") {
                    let padding = String(repeating: " ", count: max(1, 18 - name.count))
                    Terminal.output("    \(name)\(padding)\(Self.text(name, fact))")
                }
            }
        }
    }

    /// Transaction ids are written as ZooKeeper's own tools write them: the epoch is in the upper half.
    private static func text(_ name: String, _ fact: Fact) -> String {
        if name == "zxid", case .int(let number) = fact {
            return "0x\(String(UInt64(bitPattern: number), radix: 16)) (\(number))"
        }
        return fact.text
    }
}

/// Every word there is for a question.
private func known<Question: RawRepresentable & CaseIterable>(_: Question.Type) -> String
where Question.RawValue == String {
    Question.allCases.map(\.rawValue).joined(separator: ", ")
}

extension DNSAddressType: ExpressibleByArgument {}

extension Fact {
    fileprivate var json: JSON {
        switch self {
        case .bool(let bool): .bool(bool)
        case .int(let int): .int(int)
        case .string(let string): .string(string)
        case .span(let span): .object([JSONMember("ms", .int(span.count))])
        case .strings(let strings): .array(strings.map { .string($0) })
        case .double(let double): .double(double)
        case .moment: .string(self.text)
        case .samples(let samples):
            .array(
                samples.map { sample in
                    let labels = sample.labels.sorted { $0.key < $1.key }.map { JSONMember($0.key, .string($0.value)) }
                    return .object([JSONMember("labels", .object(labels)), JSONMember("value", .double(sample.value))])
                }
            )
        case .unknown(let reason): .object([JSONMember("unknown", .string(reason))])
        }
    }
}
