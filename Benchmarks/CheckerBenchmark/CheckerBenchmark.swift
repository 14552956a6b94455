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
        var store = StateStore<LeaseModel.State>()
        _ = store.add(LeaseModel.beginning, price: 0, parent: nil, choice: 0) { _, _ in true }
        var generated = 0
        var index = 0
        while index < store.count {
            let state = store.key(at: index)
            model.eachNext(state) { next in
                _ = store.add(next, price: 0, parent: index, choice: 0) { _, _ in true }
                generated += 1
            }
            index += 1
        }
        let took = clock.now - began
        let seconds = Double(took.components.seconds) + Double(took.components.attoseconds) / 1e18
        print(
            "{\"distinct\": \(store.count), \"generated\": \(generated), \"s\": \(seconds), \"rss_mb\": \(Self.peakMegabytes)}"
        )
    }

    private static var peakMegabytes: Double {
        var usage = rusage()
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        return Double(usage.ru_maxrss) / 1_024
    }
}
