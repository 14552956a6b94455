// Selfheal
// SPDX-License-Identifier: Apache-2.0

package import CurlTransfer
import ProbeKafka
import ProbeZooKeeper
package import Probes
package import RunCore
package import RunPlan
import RunPorts
package import RunVocabulary
package import SSHClient

/// Looks at nodes over sockets, and at their disks over SSH.
///
/// A refused connection is a definite answer; a time-out leaves the fact out of the report, with the problem named, and expressions then see it
/// as unknown.
package struct LiveProbeRunner: ProbeRunner {
    /// How many targets are looked at at once.
    private static let width = 256
    /// Of brokers fewer: what one of them tells of a large cluster is long.
    private static let brokerWidth = 32
    let prober: SocketProber
    private let client: SSHClient
    private let hosts = SSHHosts()
    /// For `https`; without it nobody is asked over TLS.
    let transfer: CurlTransfer?
    /// A PEM file of the authorities to trust, in place of the system's.
    let trustedAuthorities: String?
    /// Where the system's name servers stand.
    let resolverFile: String
    let observationTimeout: Milliseconds

    /// Makes a runner to which a node is unknown that takes longer than the time-out to tell its facts.
    package init(
        prober: SocketProber,
        client: SSHClient,
        transfer: CurlTransfer? = nil,
        trustedAuthorities: String? = nil,
        resolverFile: String = "/etc/resolv.conf",
        observationTimeout: Milliseconds = .seconds(3)
    ) {
        self.prober = prober
        self.client = client
        self.transfer = transfer
        self.trustedAuthorities = trustedAuthorities
        self.resolverFile = resolverFile
        self.observationTimeout = observationTimeout
    }

    package func probe(_ order: ProbeOrder, in inventory: Inventory) async -> [ProbeReport] {
        guard !order.targets.isEmpty else {
            return [ProbeReport(target: nil, facts: await self.ask(order.question, of: nil, order.timeout))]
        }
        var width = Self.width
        if case .kafka = order.question { width = Self.brokerWidth }
        return await self.each(order.targets, atOnce: width) { target in
            guard let node = inventory[target] else {
                return ["problem": .string("\(target) is not in the inventory")]
            }
            if case .kafka(let questions) = order.question {
                return await self.askKafka(questions, of: node, in: inventory, order.timeout)
            }
            return await self.ask(order.question, of: node, order.timeout)
        }
    }

    func each(
        _ targets: [NodeName],
        atOnce width: Int = Self.width,
        _ look: @escaping @Sendable (NodeName) async -> [String: Fact]
    ) async -> [ProbeReport] {
        if targets.count == 1 {
            return [ProbeReport(target: targets[0], facts: await look(targets[0]))]
        }
        return await withTaskGroup(of: (Int, ProbeReport).self) { group in
            var reports = [ProbeReport?](repeating: nil, count: targets.count)
            var next = 0
            while next < min(width, targets.count) {
                let index = next
                group.addTask { (index, ProbeReport(target: targets[index], facts: await look(targets[index]))) }
                next += 1
            }
            while let (index, report) = await group.next() {
                reports[index] = report
                if next < targets.count {
                    let index = next
                    group.addTask { (index, ProbeReport(target: targets[index], facts: await look(targets[index]))) }
                    next += 1
                }
            }
            return reports.compactMap { $0 }
        }
    }

    // MARK: Questions

    func ask(_ question: ProbeOrder.Question, of node: Node?, _ timeout: Milliseconds) async -> [String: Fact] {
        switch (question, node) {
        case (.tcp(let port), let node?): await self.askTCP(port, of: node, timeout)
        case (.zookeeper(let questions), let node?): await self.askZooKeeper(questions, of: node, timeout)
        case (.http(let url, let port, let path), let node):
            await self.askHTTP(url: url, port: port, path: path, of: node, timeout)
        case (.tls(let question), let node): await self.askTLS(question, of: node, timeout)
        case (.prometheus(let question), _): await self.askPrometheus(question, timeout)
        case (.dns(let question), _): await self.askDNS(question, timeout)
        case (.jmx(let question), let node): await self.askJMX(question, of: node, timeout)
        case (.ssh(let words), let node?): await self.askSSH(words, of: node, timeout)
        case (.kafka, _), (_, nil): ["problem": .string("the probe needs a target")]
        }
    }

    private func askTCP(_ name: String, of node: Node, _ timeout: Milliseconds) async -> [String: Fact] {
        guard let port = node.port(named: name).flatMap({ UInt16(exactly: $0) }) else {
            return ["problem": .string("\(node.name) has no port '\(name)'")]
        }
        let reply = await self.prober.exchange(
            SocketExchange(address: node.host, port: port, until: .connected, timeout: timeout.duration)
        )
        var facts: [String: Fact] = ["latency": .span(Milliseconds(reply.totalDuration))]
        switch reply.outcome {
        case .completed:
            facts["open"] = .bool(true)
            facts["answered"] = .bool(true)
            facts["problem"] = .string("")
        case .refused:
            facts["open"] = .bool(false)
            facts["answered"] = .bool(false)
            facts["problem"] = .string("connection refused")
        default: facts["problem"] = .string("\(reply.outcome)")
        }
        return facts
    }

    private func askHTTP(
        url: String?,
        port: String?,
        path: String,
        of node: Node?,
        _ timeout: Milliseconds
    ) async -> [String: Fact] {
        let address: String
        let number: UInt16
        var asked = path
        if let url, url.hasPrefix("https://") {
            return await self.askHTTPS(url, timeout)
        }
        if let url {
            guard let parts = PlainURL(url) else {
                return ["problem": .string("'\(url)' is no http address that this version can ask")]
            }
            (address, number, asked) = (parts.host, parts.port, parts.path)
        } else {
            guard let node, let port, let known = node.port(named: port).flatMap({ UInt16(exactly: $0) }) else {
                return ["problem": .string("there is no port '\(port ?? "")' to ask")]
            }
            (address, number) = (node.host, known)
        }
        let probe = HTTPProbe(address: address, port: number, path: asked, timeout: timeout.duration)
        let start = ContinuousClock.now
        switch await probe.get(using: self.prober) {
        case .answered(let response):
            return [
                "answered": .bool(true),
                "status": .int(Int64(response.status)),
                "body": .string(String(decoding: response.body.prefix(64 * 1024), as: UTF8.self)),
                "latency": .span(Milliseconds(ContinuousClock.now - start)),
                "problem": .string(""),
            ]
        case .malformed(let what): return ["answered": .bool(true), "problem": .string("not HTTP: \(what)")]
        case .failed(.refused): return ["answered": .bool(false), "problem": .string("connection refused")]
        case .failed(let outcome): return ["problem": .string("\(outcome)")]
        }
    }

    private func askSSH(_ words: [String], of node: Node, _ timeout: Milliseconds) async -> [String: Fact] {
        do {
            let result = try await self.client.run(
                ShellWords.join(words),
                on: try self.hosts.host(of: node),
                timeout: timeout.duration,
                outputLimit: 64 * 1024
            )
            var facts: [String: Fact] = [
                "answered": .bool(true),
                "stdout": .string(String(decoding: result.standardOutput, as: UTF8.self)),
                "stderr": .string(String(decoding: result.standardError, as: UTF8.self)),
                "latency": .span(Milliseconds(result.duration)),
                "problem": .string(""),
            ]
            if let status = result.exitStatus {
                facts["exit_status"] = .int(Int64(status))
            }
            return facts
        } catch let error as SSHError {
            return ["problem": .string(error.message)]
        } catch {
            return ["problem": .string("\(error)")]
        }
    }

    // MARK: ZooKeeper

    private func askZooKeeper(
        _ questions: [RunPlan.ZooKeeperQuestion],
        of node: Node,
        _ timeout: Milliseconds
    ) async -> [String: Fact] {
        guard let port = node.port(named: "client").flatMap({ UInt16(exactly: $0) }) else {
            return ["problem": .string("\(node.name) has no port 'client'")]
        }
        let probe = ZooKeeperProbe(
            address: node.host,
            clientPort: port,
            adminPort: node.port(named: "admin").flatMap { UInt16(exactly: $0) },
            timeout: timeout.duration
        )
        let asked = Set(questions.compactMap { ProbeZooKeeper.ZooKeeperQuestion(rawValue: $0.rawValue) })
        let start = ContinuousClock.now
        guard asked.contains(.diskEpoch) else {
            var facts = ZooKeeperReport(merging: await probe.ask(asked, using: self.prober)).facts
            facts["latency"] = .span(Milliseconds(ContinuousClock.now - start))
            return facts
        }
        async let disk = self.readDisk(of: node, timeout)
        var answers = await probe.ask(asked, using: self.prober)
        let latency = Milliseconds(ContinuousClock.now - start)
        answers.disk = await disk
        var facts = ZooKeeperReport(merging: answers).facts
        facts["latency"] = .span(latency)
        return facts
    }

    private func readDisk(of node: Node, _ timeout: Milliseconds) async -> ZooKeeperDiskState {
        guard let data = node.dataFolder else {
            return .unknown("the inventory does not name the data_dir of \(node.name)")
        }
        let arguments = DiskStateScript.arguments(dataDirectory: data, logDirectory: node.logFolder)
        do {
            let result = try await self.client.run(
                ShellWords.join(["sh", "-s", "--"] + arguments),
                on: try self.hosts.host(of: node),
                standardInput: Array(DiskStateScript.text.utf8),
                timeout: timeout.duration,
                outputLimit: DiskStateScript.outputLimit
            )
            guard result.exitStatus == 0 else {
                let words = String(decoding: result.standardError.prefix(200), as: UTF8.self)
                return .unknown("looking at the disk ended with status \(result.exitStatus ?? -1): \(words)")
            }
            return ZooKeeperDiskState(scriptOutput: result.standardOutput)
        } catch let error as SSHError {
            return .unknown(error.message)
        } catch let problem as SSHHosts.Problem {
            return .unknown(problem.message)
        } catch {
            return .unknown("\(error)")
        }
    }
}

extension ZooKeeperReport {
    /// The report in the field names of the language; what is not known is left out.
    var facts: [String: Fact] {
        var facts: [String: Fact] = ["problem": .string(self.problem ?? "")]
        facts["answered"] = self.answered.map { .bool($0) }
        facts["serving"] = self.serving.map { .bool($0) }
        facts["mode"] = self.mode.map { .string($0.name) } ?? (self.serving == false ? .string("") : nil)
        // There may be transactions behind the end of what could be read: as a rank that number would be a guess.
        facts["zxid"] =
            self.isZxidLowerBound
            ? .unknown("the end of the newest log could not be read") : self.zxid.map { .int($0.rawValue) }
        facts["epoch"] = self.epoch.map { .int($0) }
        facts["cluster_id"] = self.clusterID.map { .string($0) }
        facts["node_count"] = self.nodeCount.map { .int(Int64($0)) }
        facts["synced_followers"] = self.syncedFollowers.map { .int(Int64($0)) }
        facts["quorum_size"] = self.quorumSize.map { .int(Int64($0)) }
        facts["version"] = self.version.map { .string($0) }
        if self.data != .unknown {
            facts["data"] = .string(self.data.rawValue)
        }
        return facts
    }
}

/// `http://host:port/path`, and nothing more: what needs TLS or a proxy is not a probe of a socket.
struct PlainURL {
    let host: String
    let port: UInt16
    let path: String

    init?(_ text: String) {
        guard text.hasPrefix("http://") else {
            return nil
        }
        let rest = text.dropFirst("http://".count)
        let slash = rest.firstIndex(of: "/") ?? rest.endIndex
        let authority = rest[..<slash]
        guard !authority.isEmpty, !authority.contains("@") else {
            return nil
        }
        self.path = slash == rest.endIndex ? "/" : String(rest[slash...])
        guard let colon = authority.lastIndex(of: ":") else {
            self.host = String(authority)
            self.port = 80
            return
        }
        guard let port = UInt16(authority[authority.index(after: colon)...]) else {
            return nil
        }
        self.host = String(authority[..<colon])
        self.port = port
    }
}
