// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunVerifier

#if canImport(Glibc)
import Glibc
#endif

/// `check BROKERS EPOCHS FAULTS CRASHES`: explores the lease protocol breadth first and prints one JSON line.
@main enum CheckerBenchmark {
    static func main() {
        let numbers = CommandLine.arguments.dropFirst(2).compactMap { UInt64($0) }
        guard CommandLine.arguments.dropFirst().first == "check", numbers.count == 4, numbers[0] <= 4 else {
            print("usage: CheckerBenchmark check BROKERS EPOCHS FAULTS CRASHES (at most 4 brokers)")
            exit(2)
        }
        let model = LeaseModel(brokers: Int(numbers[0]), epochs: numbers[1], faults: numbers[2], crashes: numbers[3])
        let clock = ContinuousClock()
        let began = clock.now
        var search = LeaseSearch(model)
        search.explore()
        let took = clock.now - began
        let seconds = Double(took.components.seconds) + Double(took.components.attoseconds) / 1e18
        print(
            "{\"distinct\": \(search.store.count), \"generated\": \(search.generated), \"s\": \(seconds), \"rss_mb\": \(Self.peakMegabytes)}"
        )
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
