// Selfheal
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Glibc
import RunPlan
import RunSimulator
import RunVocabulary
import RunbookSource
import RunbookYAML

struct Simulate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Rehearse a runbook in virtual time against a pretend cluster.",
        discussion: """
            The rehearsal drives the machine that a live run drives, and reaches no host. The same runbook, scenario and seed \
            give the same output, byte for byte. Times are counted from the beginning of the scenario.

            Not rehearsed is what a live engine does around a run: the first gate of a triggered run with 'autonomy: approve', \
            cool-down, limits and locks.

            With --runs it is rehearsed with as many seeds, from --seed on, and the distribution is printed: how often it ends well, how \
            long it takes, which ways it takes. All cores are used, and the output is the same whatever their number. --svg FILE draws the \
            distribution as a picture.

            Exit status: 0 when the run succeeded or was not needed and no data was harmed, 1 otherwise, 2 when asked wrongly.
            """
    )

    @Argument(help: "The runbook's file.")
    var file: String

    @Option(help: "The scenario's file.")
    var scenario: String

    @Option(parsing: .unconditional, help: "What every length and chance is drawn from.")
    var seed: UInt64 = 1

    @Option(name: .customLong("param"), help: "A parameter of the run, as name=value; may be given several times.")
    var parameters: [String] = []

    @Option(name: .customLong("setting"), help: "A setting of the site, as name=value; may be given several times.")
    var settings: [String] = []

    @Option(
        parsing: .unconditional,
        help: "How many seeds to rehearse with, and to print the distribution of; one shows the timeline."
    )
    var runs = 1

    @Option(parsing: .unconditional, help: "How many cores rehearse at once; all that there are, if it is not said.")
    var jobs: Int?

    @Option(help: "A file for a picture of the distribution.")
    var svg: String?

    @Option(help: "Another version of the runbook, whose figures are printed beside; --runs says of how many.")
    var compare: String?

    @Option(help: "How it is printed.")
    var format = OutputFormat.text

    /// Hours of computing; whoever needs more asks for another --seed.
    private static let runLimit = 1_000_000
    /// More cores than machines have.
    private static let jobLimit = 1_024

    func validate() throws {
        guard (1...Self.runLimit).contains(self.runs) else {
            throw ValidationError("'--runs \(self.runs)' is no number from 1 to \(Self.runLimit)")
        }
        guard self.compare == nil || self.runs > 1 else {
            throw ValidationError("--compare needs --runs, as in --runs 1000")
        }
        guard self.svg == nil || self.runs > 1 else {
            throw ValidationError("--svg needs --runs, as in --runs 1000: one rehearsal has no distribution")
        }
        guard (1...Self.jobLimit).contains(self.jobs ?? 1) else {
            throw ValidationError("'--jobs \(self.jobs ?? 0)' is no number from 1 to \(Self.jobLimit)")
        }
        guard self.seed <= UInt64.max - UInt64(Self.runLimit) else {
            throw ValidationError("'--seed \(self.seed)' leaves no room for the seeds after it")
        }
    }

    func run() async throws {
        let given = try self.givenParameters()
        let plan = try SettingValues.settle(RunbookFile.loadOrExit(self.file), self.settings)
        let document = try self.readScenario()
        let renderer = DiagnosticRenderer(files: [document.file], usesColour: Terminal.usesColour(on: STDERR_FILENO))
        guard let scenario = self.scenario(in: document, renderer) else {
            throw ExitCode.answerIsNo
        }
        guard self.runs == 1 else {
            try await self.runMany(plan, scenario, given, renderer)
            return
        }
        let (result, diagnostics) = Rehearsal.run(plan, in: scenario, seed: self.seed, given: given)
        if let result {
            Terminal.output(self.format == .json ? result.json.prettyText : result.text)
        }
        if !diagnostics.isEmpty {
            Terminal.write(renderer.render(diagnostics), to: STDERR_FILENO)
        }
        guard let result, result.isWell else {
            throw ExitCode.answerIsNo
        }
    }

    private func givenParameters() throws -> [String: String] {
        var given: [String: String] = [:]
        for text in self.parameters {
            guard let equals = text.firstIndex(of: "="), equals != text.startIndex else {
                Terminal.say("'--param \(text)' is no name=value")
                throw ExitCode.askedWrongly
            }
            given[String(text[..<equals])] = String(text[text.index(after: equals)...])
        }
        return given
    }

    private func readScenario() throws -> YAMLDocument {
        switch TextFile.read(self.scenario) {
        case .failure(let problem):
            Terminal.say("'\(self.scenario)' cannot be read: \(problem.reason)")
            throw ExitCode.askedWrongly
        case .success(let bytes): return YAMLDocument.parse(path: self.scenario, bytes: bytes)
        }
    }

    /// The scenario, or everything that is wrong with it on standard error.
    private func scenario(in document: YAMLDocument, _ renderer: DiagnosticRenderer) -> Scenario? {
        let (scenario, mistakes) = document.root.map { ScenarioReader.read($0) } ?? (nil, [])
        let diagnostics = (document.diagnostics + mistakes).inSourceOrder()
        if !diagnostics.isEmpty {
            Terminal.write(renderer.render(diagnostics), to: STDERR_FILENO)
        }
        return diagnostics.hasErrors ? nil : scenario
    }
}
