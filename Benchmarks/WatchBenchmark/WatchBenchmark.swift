// Selfheal
// SPDX-License-Identifier: Apache-2.0

import ClusterWatch
import Glibc
import ProbeZooKeeper
import Probes
import RunCore
import RunPlan
import RunPorts
import RunVocabulary
import RunbookSource
import RunbookYAML
import SelfhealConfiguration
import SelfhealDaemon
import SelfhealEngine
import Synchronization

/// Measures what looking at a cluster costs: the real daemon over a store of its own, with its schedule, its tasks, its opinions of nodes and its
/// metrics, and the real prober.
///
/// Only the question is another than in production: "ruok", which all probers can ask that stand beside it.
@main
enum WatchBenchmark {
    private static let usage = """
        usage: WatchBenchmark round COUNT PORT WIDTH

        Looks once at COUNT targets on 127.0.0.77, PORT and those behind it, WIDTH at a time, and prints one line of JSON.
        'ProbeFloor targets COUNT PORT' makes them.
        """

    static func main() async throws {
        let words = Array(CommandLine.arguments.dropFirst())
        let numbers = words.dropFirst().compactMap { Int($0) }
        guard words.first == "round", words.count == 4, numbers.count == 3, (1...100_000).contains(numbers[0]),
            (1...65_535).contains(numbers[1]), numbers[0] + numbers[1] <= 65_536, (1...10_000).contains(numbers[2])
        else {
            let text = self.usage + "\n"
            _ = write(STDERR_FILENO, text, text.utf8.count)
            exit(2)
        }
        try await self.round(count: numbers[0], port: numbers[1], width: numbers[2])
    }

    private static func round(count: Int, port: Int, width: Int) async throws {
        let template = Array("/tmp/selfheal-bench.XXXXXX".utf8CString)
        var name = template
        guard mkdtemp(&name) != nil else {
            throw EngineError("a folder for the store cannot be made")
        }
        let folder = String(decoding: name.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        let engine = try Engine.open(try self.configuration(folder, count: count, port: port, width: width))
        let looker = try Looker(width: width)
        let daemon = WatchDaemon(
            engine: engine,
            runbooks: [],
            surroundings: WatchDaemon.Surroundings(
                log: { _ in },
                observer: { _ in Nobody() },
                nextRun: { "none" },
                monitors: looker
            )
        )
        let resident = self.residentBytes()
        let began = (Self.seconds(CLOCK_MONOTONIC), Self.seconds(CLOCK_PROCESS_CPUTIME_ID))
        let watch = Task { try await daemon.run() }
        let limit = ContinuousClock.now + .seconds(120)
        while daemon.lastRound == nil, ContinuousClock.now < limit {
            try await Task.sleep(for: .milliseconds(1))
        }
        let took = (Self.seconds(CLOCK_MONOTONIC) - began.0, Self.seconds(CLOCK_PROCESS_CPUTIME_ID) - began.1)
        let grown = self.residentBytes() - resident
        let good = looker.good
        print(
            "{\"ok\":\(good),\"bad\":\(count - good),\"s\":\(took.0),\"cpu\":\(took.1),"
                + "\"rss_mb\":\(self.residentBytes() / 1_048_576),\"grown_kb_a_node\":\(grown / 1_024 / Double(count))}"
        )
        looker.end()
        watch.cancel()
        _ = await watch.result
        await engine.close()
        for file in ["", "-wal", "-shm"] {
            unlink("\(folder)/store/selfheal.db\(file)")
        }
        exit(good == count ? 0 : 1)
    }

    private static func configuration(
        _ folder: String,
        count: Int,
        port: Int,
        width: Int
    ) throws -> SelfhealConfiguration {
        let text = """
            cluster: { name: bench, kafka_brokers: [{ name: n, host: 127.0.0.77, port: 1 }] }
            store: { folder: "\(folder)/store" }
            """
        let document = YAMLDocument.parse(SourceFile(path: "selfheal.yaml", text: text), features: .configuration)
        let loaded = SelfhealConfiguration.load(document, environment: [:], baseFolder: folder)
        guard var configuration = loaded.configuration, let model = configuration.inventory.nodes.first else {
            throw EngineError("the configuration cannot be read: \(loaded.diagnostics)")
        }
        configuration.inventory.nodes = (0..<count).map { index in
            var node = model
            let digits = String(index)
            node.name = NodeName("n" + String(repeating: "0", count: 6 - digits.count) + digits)
            node.ports = ["broker": port + index]
            return node
        }
        configuration.watch.width = width
        // All at once, as far as the width allows.
        configuration.watch.every = Milliseconds(20)
        return configuration
    }

    private static func seconds(_ clock: clockid_t) -> Double {
        var time = timespec()
        clock_gettime(clock, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }

    private static func residentBytes() -> Double {
        guard let file = fopen("/proc/self/statm", "re") else {
            return 0
        }
        defer { fclose(file) }
        var (all, resident) = (0, 0)
        _ = withUnsafeMutablePointer(to: &all) { all in
            withUnsafeMutablePointer(to: &resident) { resident in
                withVaList([all, resident]) { vfscanf(file, "%ld %ld", $0) }
            }
        }
        return Double(resident) * Double(sysconf(Int32(_SC_PAGESIZE)))
    }
}

/// Asks each node once; a node whose turn comes again waits until the measurement is over.
private final class Looker: ProbeRunner {
    private struct State {
        var asked: Set<NodeName> = []
        var good = 0
        var isOver = false
        var waiting: [CheckedContinuation<Void, Never>] = []
    }

    private let prober: SocketProber
    private let state = Mutex(State())

    init(width: Int) throws {
        self.prober = try SocketProber(limits: SocketProber.Limits(sockets: width))
    }

    var good: Int {
        self.state.withLock { $0.good }
    }

    func end() {
        let waiting = self.state.withLock { state in
            state.isOver = true
            return state.waiting
        }
        for continuation in waiting {
            continuation.resume()
        }
    }

    func probe(_ order: ProbeOrder, in inventory: Inventory) async -> [ProbeReport] {
        []
    }

    func observe(_ nodes: [NodeName], in inventory: Inventory) async -> [ProbeReport] {
        guard let name = nodes.first, let node = inventory[name],
            let port = node.port(named: "broker").flatMap({ UInt16(exactly: $0) })
        else {
            return []
        }
        let isFirst = self.state.withLock { $0.asked.insert(name).inserted }
        guard isFirst else {
            await self.waitForTheEnd()
            return []
        }
        let probe = ZooKeeperProbe(address: node.host, clientPort: port, timeout: .seconds(5))
        switch await probe.say(.ruok, using: self.prober) {
        case .text("imok"):
            self.state.withLock { $0.good += 1 }
            return [
                ProbeReport(
                    target: name,
                    facts: ["answered": .bool(true), "serving": .bool(true), "problem": .string("")]
                )
            ]
        case .refused:
            return [ProbeReport(target: name, facts: ["answered": .bool(false), "serving": .bool(false)])]
        case let other:
            return [ProbeReport(target: name, facts: ["problem": .string("\(other)")])]
        }
    }

    private func waitForTheEnd() async {
        await withCheckedContinuation { continuation in
            let isOver = self.state.withLock { state in
                if !state.isOver {
                    state.waiting.append(continuation)
                }
                return state.isOver
            }
            if isOver {
                continuation.resume()
            }
        }
    }
}

private struct Nobody: RunObserver {
    func happened(_ event: RunEvent, in run: RunID) {}
    func decided(_ effect: RunEffect, at moment: Instant, in run: RunID) {}
    func printed(_ output: CommandOutput, in run: RunID) {}
}
