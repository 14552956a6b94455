// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Measures the engine itself: the real driver, core and journal, with a world that answers at once.
///
/// Each command prints one line of JSON; `scripts/bench` puts them beside a bare baseline of the same minute.
@main
enum EngineBenchmark {
    private static let usage = """
        usage: EngineBenchmark steps seq STEPS [FOLDER]        one run of STEPS steps, one after the other
               EngineBenchmark steps conc RUNS STEPS [FOLDER]  RUNS runs at once, of STEPS steps each
               EngineBenchmark steps wide TARGETS STEPS [FOLDER]
                                                               one run of STEPS steps, on TARGETS nodes each
               EngineBenchmark check STEPS                     parse, check and compile a runbook of STEPS steps
               EngineBenchmark runbook STEPS                   print that runbook
               EngineBenchmark fleet LAYER cold|warm TIMES KNOWN_HOSTS KEY USER PORT ADDRESS…
                                                               `true` over SSH; LAYER: exchange, receipt or run
               EngineBenchmark ledger STEPS MS                 print one whose steps write to the file $LEDGER

        The journal is made in FOLDER (default: a folder of its own in the temporary folder) and removed afterwards.
        """

    /// Above this a typing mistake is likelier than a wish.
    private static let countLimit = 1_000_000

    static func main() async throws {
        let words = Array(CommandLine.arguments.dropFirst())
        switch (words.first, words.dropFirst().first) {
        case ("steps", "seq"):
            let (steps, rest) = self.count(in: words.dropFirst(2))
            let benchmark = try StepsBenchmark(runs: 1, steps: steps)
            print(try await benchmark.measure(in: rest.first).line)
        case ("steps", "conc"):
            let (runs, rest) = self.count(in: words.dropFirst(2))
            let (steps, last) = self.count(in: rest)
            let benchmark = try StepsBenchmark(runs: runs, steps: steps)
            print(try await benchmark.measure(in: last.first).line)
        case ("steps", "wide"):
            let (targets, rest) = self.count(in: words.dropFirst(2))
            let (steps, last) = self.count(in: rest)
            let benchmark = try StepsBenchmark(runs: 1, steps: steps, targets: targets)
            print(try await benchmark.measure(in: last.first).line)
        case ("check", _):
            print(try CheckBenchmark(steps: self.count(in: words.dropFirst()).0).measure().line)
        case ("runbook", _):
            print(GeneratedRunbook.trivial(steps: self.count(in: words.dropFirst()).0), terminator: "")
        case ("fleet", _):
            print(try await FleetBenchmark(Array(words.dropFirst())).measure())
        case ("ledger", _):
            let (steps, rest) = self.count(in: words.dropFirst())
            let milliseconds = self.count(in: rest).0
            print(GeneratedRunbook.ledger(steps: steps, milliseconds: milliseconds), terminator: "")
        default: self.refuse()
        }
    }

    private static func count(in words: ArraySlice<String>) -> (Int, ArraySlice<String>) {
        guard let word = words.first, let number = Int(word), (0...self.countLimit).contains(number) else {
            self.refuse()
        }
        return (number, words.dropFirst())
    }

    private static func refuse() -> Never {
        let text = self.usage + "\n"
        _ = write(STDERR_FILENO, text, text.utf8.count)
        exit(2)
    }
}
