// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunPlan
import RunVerifier
import RunVocabulary
import RunbookCompiler

#if canImport(Glibc)
import Glibc
#endif

/// One JSON line for each question.
///
/// - `check BROKERS EPOCHS FAULTS CRASHES`: the lease protocol, explored breadth first;
/// - `prove RUNBOOK FAULTS LIES CRASHES STATES MEGABYTES`: a runbook, explored on one core as far as states and memory go, with the steps where most states are.
@main enum CheckerBenchmark {
    static func main() {
        let words = Array(CommandLine.arguments.dropFirst())
        switch (words.first, words.count) {
        case ("check", 5): self.check(words.dropFirst().compactMap { UInt64($0) })
        case ("prove", 7): self.prove(words[1], words.dropFirst(2).compactMap { Int($0) })
        default: self.leave()
        }
    }

    private static func check(_ numbers: [UInt64]) {
        guard numbers.count == 4, numbers[0] <= 4 else {
            self.leave()
        }
        let model = LeaseModel(brokers: Int(numbers[0]), epochs: numbers[1], faults: numbers[2], crashes: numbers[3])
        var search = LeaseSearch(model)
        let seconds = self.measure { search.explore() }
        print(
            "{\"distinct\": \(search.store.count), \"generated\": \(search.generated), \"s\": \(seconds), \"rss_mb\": \(Self.peakMegabytes)}"
        )
    }

    private static func prove(_ path: String, _ numbers: [Int]) {
        guard numbers.count == 5, let plan = CheckedRunbook(path: path, text: self.read(path)).plan else {
            self.leave()
        }
        var assumptions = Assumptions(plan.assumptions)
        (assumptions.faults, assumptions.lies, assumptions.crashes) = (numbers[0], numbers[1], numbers[2])
        assumptions.stateLimit = numbers[3]
        var parameters: [String: Fact] = [:]
        for parameter in plan.parameters {
            parameters[parameter.name] = parameter.defaultValue ?? .string("zk1")
        }
        let counts = plan.assumptions?.nodes ?? [:]
        let inventory = PretendInventory.make(for: plan, parameters: parameters, counts: counts)
        guard
            let verification = try? Verification(
                plan,
                parameters: parameters,
                inventory: inventory,
                assumptions: assumptions
            )
        else {
            self.leave()
        }
        var exploration: Exploration?
        let seconds = self.measure {
            exploration = verification.explore { Self.peakMegabytes < Double(numbers[4]) }
        }
        guard let exploration else {
            return
        }
        let report = VerificationReport(verification, exploration)
        let line = JSON.object([
            JSONMember("runbook", .string(plan.runbook)), JSONMember("proved", .bool(report.isProved)),
            JSONMember("ended_by", .string(exploration.ending.rawValue)),
            JSONMember("states", .int(Int64(exploration.states))),
            JSONMember("transitions", .int(Int64(exploration.transitions))),
            JSONMember("run_states", .int(Int64(exploration.desks))),
            JSONMember("cluster_states", .int(Int64(exploration.worlds))),
            JSONMember("machine_steps", .int(Int64(exploration.machineSteps))),
            JSONMember("states_by_luck", .array(exploration.statesByLuck.map { .int(Int64($0)) })),
            JSONMember(
                "states_by_step",
                .object(exploration.crowdedSteps(12).map { JSONMember($0.step.text, .int(Int64($0.states))) })
            ),
            JSONMember("ms", .int(Int64(seconds * 1_000))), JSONMember("rss_mb", .int(Int64(Self.peakMegabytes))),
        ])
        print(line.text)
    }

    private static func leave() -> Never {
        print(
            """
            usage: CheckerBenchmark check BROKERS EPOCHS FAULTS CRASHES (at most 4 brokers)
                   CheckerBenchmark prove RUNBOOK FAULTS LIES CRASHES STATES MEGABYTES
            """
        )
        exit(2)
    }

    private static func measure(_ body: () -> Void) -> Double {
        let took = ContinuousClock().measure(body)
        return Double(took.components.seconds) + Double(took.components.attoseconds) / 1e18
    }

    private static func read(_ path: String) -> String {
        guard let file = fopen(path, "r") else {
            self.leave()
        }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        while case let byte = fgetc(file), byte != EOF {
            bytes.append(UInt8(truncatingIfNeeded: byte))
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static var peakMegabytes: Double {
        var usage = rusage()
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        return Double(usage.ru_maxrss) / 1_024
    }
}

/// Breadth first, a few states at a time: where their successors belong is fetched together, and each is added in its turn.
private struct LeaseSearch {
    private let model: LeaseModel
    private(set) var store = StateStore<LeaseModel.State>()
    private(set) var generated = 0
    private var nexts: ContiguousArray<LeaseModel.State> = []
    private var parents: ContiguousArray<Int> = []

    /// As many states are expanded together.
    private static let width = 8

    init(_ model: LeaseModel) {
        self.model = model
        _ = self.store.add(LeaseModel.beginning, price: 0, parent: nil, choice: 0) { _, _ in true }
    }

    mutating func explore() {
        var index = 0
        while index < self.store.count {
            let end = min(index + Self.width, self.store.count)
            self.expand(index..<end)
            index = end
        }
    }

    private mutating func expand(_ states: Range<Int>) {
        self.nexts.removeAll(keepingCapacity: true)
        self.parents.removeAll(keepingCapacity: true)
        let model = self.model
        for index in states {
            model.eachNext(self.store.key(at: index)) { next in
                self.store.warm(next)
                self.nexts.append(next)
                self.parents.append(index)
            }
        }
        self.generated += self.nexts.count
        for index in self.nexts.indices {
            _ = self.store.add(self.nexts[index], price: 0, parent: self.parents[index], choice: 0) { _, _ in true }
        }
    }
}
