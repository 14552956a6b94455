// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Glibc
import RunCore
import RunExecutor
import RunJournal
import RunPlan
import RunPorts
import RunVocabulary
import WorldAdapters

/// Carries runs of trivial steps to their end, each event durable before what follows from it is done.
///
/// The time includes writing the runs down. It excludes what an engine does once: compiling the runbook, opening the store, a first run.
struct StepsBenchmark {
    private let runs: Int
    private let steps: Int
    private let nodes: [Node]
    private let plan: Plan
    private let planDigest: String
    private let text: String

    /// With `targets`, each step is a command on so many nodes at once, else one on the engine's own machine.
    init(runs: Int, steps: Int, targets: Int = 0) throws {
        self.runs = runs
        self.steps = steps
        self.nodes = (0..<targets).map { Node(name: NodeName("node-\($0)"), host: "node-\($0)", roles: ["fleet"]) }
        self.text =
            targets == 0
            ? GeneratedRunbook.trivial(steps: steps) : GeneratedRunbook.fleet(steps: steps, atOnce: targets)
        self.plan = try GeneratedRunbook.compile(self.text)
        self.planDigest = self.plan.digest
    }

    func measure(in folder: String?) async throws -> Measurement.Figures {
        let folder = folder ?? "/tmp/selfheal-benchmark-\(getpid())"
        defer { Self.removeStore(in: folder) }
        Self.removeStore(in: folder)
        let store = try RunStore.open(folder: folder, mode: .engine)
        try await self.carryOut("warm-up", in: store)
        let measurement = Measurement.begin()
        try await withThrowingTaskGroup { group in
            for number in 0..<self.runs {
                group.addTask { try await self.carryOut("run-\(number)", in: store) }
            }
            try await group.waitForAll()
        }
        let commands = self.runs * self.steps * max(self.nodes.count, 1)
        let figures = measurement.end(commands, unit: "steps", rate: "steps_s")
        await store.close()
        return figures
    }

    private func carryOut(_ name: String, in store: RunStore) async throws {
        let clock = SystemWallClock()
        let binding = RunBinding(
            run: RunID(name),
            plan: self.plan,
            parameters: [:],
            inventory: Inventory(clusterName: "benchmark", clusterID: "", nodes: self.nodes, services: []),
            requestedBy: "benchmark"
        )
        try await store.createRun(self.row(of: binding, at: clock.now))
        let driver = RunDriver(binding: binding, world: .idle(StoreLog(store: store), clock))
        let outcome = try await driver.run()
        guard outcome == .succeeded else {
            throw Unexpected(description: "run \(name) came out \(outcome.rawValue)")
        }
    }

    private func row(of binding: RunBinding, at moment: Instant) throws -> RunRow {
        let summary = RunSummary(
            id: binding.run.text,
            runbook: self.plan.runbook,
            title: self.plan.title,
            planDigest: self.planDigest,
            requestedBy: binding.requestedBy.text,
            createdAt: moment.milliseconds,
            parameters: "{}",
            locks: [],
            state: RunState.running.rawValue,
            updatedAt: moment.milliseconds
        )
        return RunRow(summary: summary, plan: try JSONEncoding.encode(binding).canonicalBytes, source: self.text)
    }

    private struct Unexpected: Error, CustomStringConvertible {
        let description: String
    }

    private static let files = ["selfheal.db", "selfheal.db-wal", "selfheal.db-shm", "engine.lock"]

    private static func removeStore(in folder: String) {
        for file in Self.files {
            unlink("\(folder)/\(file)")
        }
        rmdir(folder)
    }
}
