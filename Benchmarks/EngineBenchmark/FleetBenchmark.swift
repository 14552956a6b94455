// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Glibc
import RunCore
import RunExecutor
import RunJournal
import RunPlan
import RunPorts
import RunVocabulary
import SSHClient
import Synchronization
import WorldAdapters

/// `true` on many hosts, several times each, with more and more around it: the exchange alone, a receipt, a journaled run.
///
/// The hosts work at once, each on one command after the other. Cold, every command has a connection of its own; warm, each host's
/// connection is made before the time is taken.
struct FleetBenchmark: Sendable {
    enum Layer: String {
        case exchange
        case receipt
        case run
    }

    let layer: Layer
    let isCold: Bool
    let repetitions: Int
    let nodes: [Node]

    init(_ words: [String]) throws {
        guard words.count >= 8, let layer = Layer(rawValue: words[0]), let repetitions = Int(words[2]),
            let port = Int(words[6])
        else {
            throw Failure(description: "fleet LAYER cold|warm TIMES KNOWN_HOSTS KEY USER PORT ADDRESS…")
        }
        self.layer = layer
        self.isCold = words[1] == "cold"
        self.repetitions = repetitions
        self.nodes = words[7...].map { address in
            var node = Node(name: NodeName("n\(address)"), host: address, roles: ["fleet"])
            node.ssh = SSHAccess(address: address, port: port, user: words[5], hostKeys: [], identityFile: words[4])
            node.ssh?.knownHosts = words[3]
            return node
        }
    }

    func measure() async throws -> String {
        try DescriptorLimit.raise(forNodes: self.nodes.count)
        var configuration = SSHClient.Configuration()
        configuration.idleTimeout = self.isCold ? .zero : .seconds(600)
        let client = try SSHClient(configuration)
        let folder = "/tmp/selfheal-fleet-\(getpid())"
        mkdir(folder, 0o700)
        let runner = ReceiptCommandRunner(
            client: client,
            term: Term(UInt64(time(nil))),
            family: "benchmark",
            localFolder: "\(folder)/local",
            memory: Memory()
        )
        let begin = Moment.now
        if !self.isCold || self.layer != .exchange {
            // The folder of receipts is opened once in a host's life, and not what is measured. Not all at once: on one machine a thousand
            // sshds that begin together keep each other from answering in time.
            try await self.onAll(client, atOnce: 64) { node in try await self.once(-1, node, client, runner) }
        }
        let ready = Moment.now
        let times = Mutex<[Double]>([])
        if self.layer == .run {
            let paced = PacedRunner(runner)
            try await RunOnFleet(benchmark: self, runner: paced, folder: folder).carryOut()
            times.withLock { $0 = paced.paces }
        } else {
            try await self.onAll(client) { node in
                for number in 0..<self.repetitions {
                    let start = Moment.now
                    try await self.once(number, node, client, runner)
                    let seconds = Moment.now.wall - start.wall
                    times.withLock { $0.append(seconds) }
                }
            }
        }
        let end = Moment.now
        await client.shutDown()
        return self.line(begin, ready, end, times.withLock { $0.sorted() })
    }

    private func onAll(
        _ client: SSHClient,
        atOnce limit: Int = .max,
        _ body: @escaping @Sendable (Node) async throws -> Void
    ) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for (index, node) in self.nodes.enumerated() {
                if index >= limit {
                    try await group.next()
                }
                group.addTask { try await body(node) }
            }
            try await group.waitForAll()
        }
    }

    private func once(_ number: Int, _ node: Node, _ client: SSHClient, _ runner: ReceiptCommandRunner) async throws {
        guard self.layer != .exchange else {
            let host = try BenchmarkHost.host(of: node)
            let result = try await client.run("true", on: host, timeout: .seconds(120))
            guard result.succeeded else { throw Failure(description: "\(result)") }
            return
        }
        let effect = EffectID("fleet.\(getpid()).\(node.name.text).\(number + 1)")
        let act = Act(
            effect: effect,
            step: "step",
            target: node.name,
            attempt: 1,
            command: .arguments(["true"]),
            summary: "true",
            effectClass: .changes,
            repeating: .guarded,
            timeout: .minutes(2),
            askedAt: SystemWallClock().now
        )
        let report = await runner.run(act, on: node) { _ in }
        guard report.ending == .exited(status: 0) else { throw Failure(description: "\(report.ending)") }
    }

    // MARK: Figures

    private func line(_ begin: Moment, _ ready: Moment, _ end: Moment, _ times: [Double]) -> String {
        let count = self.nodes.count * self.repetitions
        var writer = JSONWriter()
        writer.beginObject()
        writer.field("layer", self.layer.rawValue)
        writer.field("hosts", self.nodes.count)
        writer.field("commands", count)
        writer.field("connect_s", ready.wall - begin.wall)
        writer.field("cmd_s", end.wall - ready.wall)
        writer.field("commands_s", Double(count) / (end.wall - ready.wall))
        writer.field("cpu_ms", (end.cpu - ready.cpu) * 1_000 / Double(count))
        if let last = times.last {
            writer.field("median_ms", times[times.count / 2] * 1_000)
            writer.field("p99_ms", times[times.count * 99 / 100] * 1_000)
            writer.field("max_ms", last * 1_000)
        }
        writer.field("rss_mb", Self.mostMemory)
        writer.endObject()
        return writer.text
    }

    /// In MB; what `getrusage` says includes whoever started us.
    private static var mostMemory: Double {
        guard let file = fopen("/proc/self/status", "r") else { return 0 }
        defer { fclose(file) }
        var line: UnsafeMutablePointer<CChar>?
        var capacity = 0
        defer { free(line) }
        while getline(&line, &capacity, file) > 0 {
            let words = line.map { String(cString: $0) }?.split { $0 == " " || $0 == "\t" } ?? []
            if words.first == "VmHWM:", words.count > 1, let kilobytes = Double(words[1]) {
                return kilobytes / 1_000
            }
        }
        return 0
    }

    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    /// A host's folder of receipts is the same one for the whole measurement.
    private final class Memory: IncarnationMemory {
        private let places: Mutex<[String: String]> = Mutex([:])

        func incarnation(at place: String) async throws -> String? { self.places.withLock { $0[place] } }

        func remember(_ incarnation: String, at place: String) async throws {
            self.places.withLock { $0[place] = incarnation }
        }
    }
}

/// Notes how long it takes on a node from one command's start to the next one's: the whole of a step, the journal's flush included.
private final class PacedRunner: CommandRunner {
    private struct State {
        var lastStarts: [NodeName: Double] = [:]
        var paces: [Double] = []
    }

    private let runner: ReceiptCommandRunner
    private let state = Mutex(State())

    init(_ runner: ReceiptCommandRunner) {
        self.runner = runner
    }

    /// In seconds; one fewer on each node than it had commands.
    var paces: [Double] { self.state.withLock { $0.paces } }

    func run(
        _ act: Act,
        on node: Node?,
        onOutput: @escaping @Sendable (CommandOutput) -> Void
    ) async -> CommandReport {
        if let name = node?.name {
            let now = Moment.now.wall
            self.state.withLock { state in
                if let last = state.lastStarts.updateValue(now, forKey: name) {
                    state.paces.append(now - last)
                }
            }
        }
        return await self.runner.run(act, on: node, onOutput: onOutput)
    }

    func inquire(_ act: Act, on node: Node?) async -> CommandReport {
        await self.runner.inquire(act, on: node)
    }

    func stop(_ effect: EffectID) async {
        await self.runner.stop(effect)
    }
}

/// Time on the wall, and processor time of this process.
struct Moment {
    let wall: Double
    let cpu: Double

    static var now: Moment { Moment(wall: self.read(CLOCK_MONOTONIC), cpu: self.read(CLOCK_PROCESS_CPUTIME_ID)) }

    private static func read(_ clock: clockid_t) -> Double {
        var time = timespec()
        clock_gettime(clock, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }
}

enum BenchmarkHost {
    static func host(of node: Node) throws -> SSHHost {
        guard let access = node.ssh, let port = UInt16(exactly: access.port) else {
            throw FleetBenchmark.Failure(description: "\(node.name) has no port")
        }
        return SSHHost(
            name: node.name.text,
            address: access.address,
            port: port,
            user: access.user,
            hostKeys: [],
            knownHosts: access.knownHosts,
            identity: .keyFile(path: access.identityFile),
            connectTimeout: .seconds(60)
        )
    }
}

/// The same commands as the steps of one run, with its journal.
struct RunOnFleet {
    let benchmark: FleetBenchmark
    let runner: any CommandRunner
    let folder: String

    func carryOut() async throws {
        let plan = try GeneratedRunbook.compile(
            GeneratedRunbook.fleet(steps: self.benchmark.repetitions, atOnce: self.benchmark.nodes.count)
        )
        let clock = SystemWallClock()
        let store = try RunStore.open(folder: "\(self.folder)/store", mode: .engine)
        let inventory = Inventory(clusterName: "fleet", clusterID: "", nodes: self.benchmark.nodes, services: [])
        let binding = RunBinding(
            run: RunID("fleet-\(getpid())"),
            plan: plan,
            parameters: [:],
            inventory: inventory,
            requestedBy: "benchmark"
        )
        let summary = RunSummary(
            id: binding.run.text,
            runbook: plan.runbook,
            title: plan.title,
            planDigest: plan.digest,
            requestedBy: "benchmark",
            createdAt: clock.now.milliseconds,
            parameters: "{}",
            locks: [],
            state: RunState.running.rawValue,
            updatedAt: clock.now.milliseconds
        )
        try await store.createRun(
            RunRow(summary: summary, plan: try JSONEncoding.encode(binding).canonicalBytes, source: "")
        )
        let idle = IdleWorld()
        let world = RunDriver.World(
            log: StoreLog(store: store),
            commands: self.runner,
            probes: idle,
            messenger: idle,
            observer: idle,
            clock: clock
        )
        let outcome = try await RunDriver(binding: binding, world: world).run()
        await store.close()
        guard outcome == .succeeded else {
            throw FleetBenchmark.Failure(description: "the run came out \(outcome.rawValue)")
        }
    }
}
